"""Types of a verification: what is asked, and what is answered."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from yikatong.core.errors import Text
from yikatong.identity.model import Level, Mode

VerificationMode: TypeAlias = Literal["two_facts", "card_pin", "e_card", "e_card_face"]

PROOFS: Final[Mapping[VerificationMode, frozenset[Mode]]] = {
    "two_facts": frozenset(("two_facts",)),
    "card_pin": frozenset(("card_pin",)),
    "e_card": frozenset(("e_card",)),
    "e_card_face": frozenset(("e_card", "face")),
}
"""The proofs of each mode; what they are worth together says `identity.model.level_of`."""

PURPOSES: Final[Mapping[str, Text]] = {
    "medical": Text("就医和购药", "medical care"),
    "benefit": Text("待遇申领和资格认证", "claiming a benefit"),
    "government": Text("政务服务", "a public service"),
    "culture": Text("图书馆、博物馆等文化服务", "libraries, museums and the like"),
    "transit": Text("公共交通", "public transport"),
    "employment": Text("就业和劳动用工", "employment"),
    "finance": Text("金融服务", "financial services"),
    "tourism": Text("旅游和住宿", "tourism and lodging"),
    "education": Text("教育和考试", "education and examinations"),
}
"""What services may verify for; each is permitted some of them. The person reads it in the trail."""

Reason = Literal[
    "no_match",
    "code_invalid",
    "code_expired",
    "code_used",
    "e_card_not_usable",
    "face_differs",
    "face_check_not_available",
    "level_not_reached",
]
"""Why the answer is no, as far as the service may know. "no_match" stands for wrong facts, a wrong PIN,
nobody known, a card out of use and a death alike."""

_Purpose = Annotated[
    str,
    msgspec.Meta(
        max_length=30,
        description="One of the purposes the service is permitted: " + ", ".join(PURPOSES),
    ),
]
_Region = Annotated[
    str, msgspec.Meta(pattern="^[0-9]{6}$", description="Where it is asked (GB/T 2260).")
]
_Wanted = Annotated[int, msgspec.Meta(ge=1, le=3, description="The level that is needed.")]
_Code = Annotated[str, msgspec.Meta(max_length=600, description="The text of the QR code.")]


class _Question(msgspec.Struct, tag_field="mode", forbid_unknown_fields=True, kw_only=True):
    purpose: _Purpose
    region: _Region
    level: _Wanted = 1


class TwoFacts(_Question, tag="two_facts"):
    """Name and id number belong together (two facts)."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    id_number: Annotated[str, msgspec.Meta(min_length=1, max_length=30)]


class CardPin(_Question, tag="card_pin"):
    """The card's number and its PIN."""

    card_number: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    pin: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]

    def __repr__(self) -> str:
        return f"CardPin({self.purpose})"


class ECard(_Question, tag="e_card"):
    """The code of an e-card."""

    code: _Code


class ECardFace(_Question, tag="e_card_face"):
    """The code of an e-card, and a picture of whoever shows it."""

    code: _Code
    image: Annotated[
        str, msgspec.Meta(min_length=1, max_length=240_000, description="JPEG, base64.")
    ]


Question: TypeAlias = TwoFacts | CardPin | ECard | ECardFace


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the person is who they say, and never anything about them."""

    match: bool
    verification_id: str
    level: Level | None = None
    """Of a match: the level that was proved."""
    reason: Reason | None = None
    """Of no match: why, as far as the service may know."""
    subject: str | None = None
    """Of a match: what this service, and no other, knows the person by."""


class Permit(msgspec.Struct, frozen=True):
    """What a service may ask."""

    kind: Literal["staff", "provider", "service"]
    name: str
    purposes: tuple[str, ...]
    per_minute: int
