"""What a service learns of a person: claims by scope (Core 1.0, 5.1 and 5.4), and the ID token's.

Pure. The least that does: a masked card number, a place without a street; the phone number whole only
by its own scope.
"""

import base64
import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from yikatong.cards.model import Card
from yikatong.core import regions
from yikatong.core.errors import Text
from yikatong.core.sealing import Vault, mask_name, mask_phone
from yikatong.identity.model import Level, Mode
from yikatong.identity.openid.model import ACR_PREFIX, ID_TOKEN_LASTS, Client, Grant, Scope
from yikatong.people.model import INSURANCE_NAMES, Enrolment, Person

_AMR: Final[dict[Mode, tuple[str, ...]]] = {
    "two_facts": ("kba",),
    "password": ("pwd",),
    "card_pin": ("pin",),
    "one_time_code": ("sms",),
    "card_present": ("sc", "pin"),
    "e_card": ("swk",),
    "face": ("face",),
    "counter": ("counter",),
}
"""RFC 8176; "counter" (documents shown to a clerk) has no name there."""
_SEX: Final = {1: "male", 2: "female"}
SEX_NAMES: Final = {1: Text("男", "male"), 2: Text("女", "female")}
CARD_STATES: Final[dict[str, Text]] = {
    "issued": Text("未启用", "not activated"),
    "active": Text("正常", "in use"),
    "loss_reported_provisionally": Text("口头挂失", "reported lost by phone"),
    "loss_reported": Text("挂失", "reported lost"),
    "locked": Text("锁定", "locked"),
    "expired": Text("过期", "expired"),
    "replaced": Text("已换卡", "replaced"),
    "cancelled": Text("注销", "cancelled"),
}


class Facts(msgspec.Struct, frozen=True):
    """What was read of a person for some scopes."""

    person: Person
    card: Card | None = None
    enrolments: Sequence[Enrolment] = ()
    phone: str | None = None


def subject(vault: Vault, client: Client, person_id: int) -> str:
    """The pairwise subject (Core 1.0, 8.1): the same for all clients of a sector, and for no other."""
    made = vault.hash("openid_subject", f"{client.sector}:{person_id}")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def session_name(vault: Vault, client: Client, session_id: int) -> str:
    """The claim `sid`: one session as this client's sector knows it."""
    made = vault.hash("openid_session", f"{client.sector}:{session_id}")
    return base64.urlsafe_b64encode(made[:18]).decode()


def acr(level: Level) -> str:
    """The claim `acr` of an assurance level."""
    return f"{ACR_PREFIX}{level}"


def amr(modes: Collection[Mode], level: Level) -> list[str]:
    """The claim `amr` (RFC 8176): how the person proved who they are."""
    found = {name for mode in modes for name in _AMR[mode]}
    if level > 1 and len(found) > 1:
        found.add("mfa")
    return sorted(found)


def id_token(
    issuer: str, vault: Vault, client: Client, grant: Grant, access_token: str, now: datetime,
    *, first: bool,
) -> dict[str, Any]:  # fmt: skip
    """The claims of an ID token (Core 1.0, 2 and 3.1.3.6); the nonce only in the first one of a
    login (12.2)."""
    half = hashlib.sha256(access_token.encode("ascii")).digest()[:16]
    issued_at = int(now.timestamp())
    told: dict[str, Any] = {
        "iss": issuer,
        "sub": subject(vault, client, grant.person_id),
        "aud": client.client_id,
        "exp": issued_at + int(ID_TOKEN_LASTS.total_seconds()),
        "iat": issued_at,
        "auth_time": int(grant.proved_at.timestamp()),
        "acr": acr(grant.level),
        "amr": amr(grant.modes, grant.level),
        "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        "sid": session_name(vault, client, grant.session_id),
    }
    if first and grant.nonce is not None:
        told["nonce"] = grant.nonce
    return told


def user_info(scopes: Collection[Scope], facts: Facts) -> dict[str, Any]:
    """The claims of the scopes, without `sub`; what is not known is left out."""
    person, told = facts.person, dict[str, Any]()
    if "profile" in scopes:
        told["name"] = person.name
        told["gender"] = _SEX[person.sex]
        told["birthdate"] = person.birth_date.isoformat()
    if "card" in scopes and facts.card is not None:
        card = facts.card
        told["card"] = {
            "number": mask_card(card.card_number),
            "region": card.region,
            "region_name": regions.full_name(card.region),
            "state": card.state,
        }
    if "enrolment" in scopes:
        told["enrolments"] = [
            {
                "insurance": one.insurance,
                "insurance_name": INSURANCE_NAMES[one.insurance][0],
                "region": one.region,
                "region_name": regions.full_name(one.region),
                "status": one.status,
            }
            for one in facts.enrolments
        ]
    if "address" in scopes:
        told["address"] = _address(person.residence_region)
    if "phone" in scopes and facts.phone:
        told["phone_number"] = f"+86{facts.phone}" if len(facts.phone) == 11 else facts.phone
    return told


def _address(code: str) -> dict[str, str]:
    path = regions.path(code)
    told = {"country": "CN", "formatted": regions.full_name(code)}
    if path:
        told["region"] = path[0].name
    if len(path) > 1:
        told["locality"] = "".join(one.name for one in path[1:])
    return told


def mask_card(number: str) -> str:
    """ "A1*****89"."""
    return f"{number[:2]}{'*' * max(0, len(number) - 4)}{number[-2:]}"


def preview(scope: Scope, facts: Facts, language: str) -> str:
    """A scope's own values, masked, as the person sees them before agreeing; "" for none."""
    person = facts.person
    if scope == "profile":
        sex = SEX_NAMES[person.sex].in_language(language)
        return f"{mask_name(person.name)} · {sex} · {person.birth_date.year}-**-**"
    if scope == "card" and facts.card is not None:
        state = CARD_STATES[facts.card.state].in_language(language)
        place = regions.short_name(facts.card.region, language)
        return f"{mask_card(facts.card.card_number)} · {place} · {state}"
    if scope == "enrolment":
        at = 1 if language == "en" else 0
        return "；".join(
            f"{INSURANCE_NAMES[one.insurance][at]}"
            f"{', ' if at else '，'}{regions.short_name(one.region, language)}"
            for one in facts.enrolments
        ).replace("；", "; " if at else "；")
    if scope == "address":
        return regions.full_name(person.residence_region, language)
    if scope == "phone" and facts.phone:
        return mask_phone(facts.phone)
    return ""
