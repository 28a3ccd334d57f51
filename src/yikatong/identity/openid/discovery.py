"""What the provider says of itself (Discovery 1.0, 3; RFC 8414; RFC 9207). Pure."""

from typing import Any

from yikatong.identity.openid.model import ACR_PREFIX, SCOPES
from yikatong.identity.openid.proofs import ALGORITHMS
from yikatong.identity.openid.requests import PROMPTS
from yikatong.identity.openid.signing import ALGORITHM

_SECRETS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


def metadata(issuer: str) -> dict[str, Any]:
    """The document at /.well-known/openid-configuration; what is not offered is not in it."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/openid/authorize",
        "token_endpoint": f"{issuer}/openid/token",
        "userinfo_endpoint": f"{issuer}/openid/userinfo",
        "jwks_uri": f"{issuer}/openid/jwks",
        "introspection_endpoint": f"{issuer}/openid/introspect",
        "revocation_endpoint": f"{issuer}/openid/revoke",
        "end_session_endpoint": f"{issuer}/openid/logout",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": [f"{ACR_PREFIX}{level}" for level in (1, 2, 3)],
        "prompt_values_supported": list(PROMPTS),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": [*_SECRETS, "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": _SECRETS,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [*_SECRETS, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid",
            "name", "gender", "birthdate", "address", "phone_number", "card", "enrolments",
        ],
        "ui_locales_supported": ["zh", "en"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }  # fmt: skip
