"""What terminals fetch: the keys, and the revocation list."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core.platform import Platform
from yikatong.identity.ecards.codes import Codes, as_jwk
from yikatong.identity.ecards.revocations import CARDS, MEDIA_TYPE, Revocations, SignedList

KEYS: Final = "/.well-known/yikatong/e-card-keys.json"
REVOCATIONS: Final = "/.well-known/yikatong/revocations"
CARD_REVOCATIONS: Final = "/.well-known/yikatong/card-revocations"


class Published:
    """The codes' keys and the lists, for whoever asks."""

    def __init__(self, platform: Platform, codes: Codes) -> None:
        self.codes = codes
        self.revocations = Revocations(platform)
        self.cards = Revocations(platform, CARDS)


@get(KEYS, summary="Keys that e-card codes and revocation lists are signed with", tags=["identity"])
async def keys(
    platform: NamedDependency[Platform], published: NamedDependency[Published]
) -> Response[dict[str, Any]]:
    """Two sets (RFC 7517): a key of one says nothing about what the other signs.

    A new key stands here a quarter of an hour before it signs.
    """
    return Response(
        {
            "issuer": platform.settings.public_url,
            "e_card": {"keys": [as_jwk(one) for one in await published.codes.published()]},
            "revocation_list": {
                "keys": [as_jwk(one) for one in await published.revocations.keys()]
            },
        },
        headers={"Cache-Control": "public, max-age=300"},
    )


@get(REVOCATIONS, summary="Revoked e-cards, signed", tags=["identity"], media_type=MEDIA_TYPE)
async def revocations(
    request: Request[Any, Any, Any], published: NamedDependency[Published]
) -> Response[bytes]:
    """COSE_Sign1 over sorted truncated hashes; `If-None-Match` saves fetching it twice."""
    return _answer(request, await published.revocations.current())


@get(
    CARD_REVOCATIONS,
    summary="Cards that are lost, replaced or cancelled, signed",
    tags=["identity"],
    media_type=MEDIA_TYPE,
)
async def card_revocations(
    request: Request[Any, Any, Any], published: NamedDependency[Published]
) -> Response[bytes]:
    """COSE_Sign1 over sorted truncated hashes of card identifiers (卡识别码)."""
    return _answer(request, await published.cards.current())


def _answer(request: Request[Any, Any, Any], signed: SignedList) -> Response[bytes]:
    tag = f'"{signed.tag}"'
    headers = {"Cache-Control": "public, max-age=30", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers, media_type=MEDIA_TYPE)
    return Response(signed.content, headers=headers, media_type=MEDIA_TYPE)


routes: Final = [keys, revocations, card_revocations]
