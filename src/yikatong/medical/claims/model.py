"""Types of claims: claim, the bill it is about, its lines, steps and documents."""

from datetime import date, datetime
from typing import Any, Final, Literal, get_args

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.medical.model import Care, Level
from yikatong.trust.documents.model import MediaType

State = Literal[
    "submitted", "under_review", "returned", "approved", "refused", "paid", "withdrawn", "reversed"
]
STATES: Final[tuple[State, ...]] = get_args(State)
OPEN: Final[tuple[State, ...]] = ("submitted", "under_review", "returned", "approved")
"""What somebody still has to do something about."""

DocumentKind = Literal["invoice", "fee_list", "record", "proof", "other"]
DOCUMENT_KINDS: Final[tuple[DocumentKind, ...]] = get_args(DocumentKind)

UNDESIGNATED: Final = "000000000000"
"""The provider of a settlement whose bill came from a provider without a code (非定点医疗机构)."""

STATE_NAMES: Final[dict[State, Text]] = {
    "submitted": Text("已提交", "submitted"),
    "under_review": Text("审核中", "under review"),
    "returned": Text("待补材料", "returned for what is missing"),
    "approved": Text("已审核通过", "approved"),
    "refused": Text("不予报销", "refused"),
    "paid": Text("已拨付", "paid"),
    "withdrawn": Text("已撤回", "withdrawn"),
    "reversed": Text("已撤销", "reversed"),
}


class PaidBill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill (票据) that was paid in full: who treated the person, where, when and how."""

    provider_code: str | None
    """None: a provider that has no code of ours (非定点)."""
    provider_name: str
    region: str | None
    """Where the provider stands; None: abroad (境外)."""
    level: Level
    care: Care
    begun_on: date
    ended_on: date
    emergency: bool
    """急诊抢救: counts as filed, and for providers without a code too."""
    disease: str | None
    invoice: str
    """票据号码; "" where there is none."""


class ClaimLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fee line of the bill; `item` is "" where the catalog has no code for it."""

    number: str
    item: str
    name: str
    quantity: str
    price: str
    total: Fen
    on: date
    recognised: str | None = None
    """The quantity the review recognises; None: all of it."""
    cut_reason: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim by hand (手工报销) as it stands."""

    person_id: int
    claim_id: int
    state: State
    bill: PaidBill
    lines_count: int
    total: Fen
    reason: str
    """What is missing, or why it was refused, withdrawn or reversed."""
    settlement_id: int | None
    approved: Fen | None
    """What all funds pay together; None before the decision."""
    payment_id: int | None
    submitted_at: datetime
    changed_at: datetime
    version: int


class Step(msgspec.Struct, frozen=True):
    """What was done with a claim, when and by whom."""

    action: str
    state: State
    at: datetime
    actor_kind: str
    actor: str
    detail: dict[str, Any]


class Document(msgspec.Struct, frozen=True):
    """A document of a claim, without its content."""

    number: int
    kind: DocumentKind
    media_type: MediaType
    size: int
    added_at: datetime


class ClaimFile(msgspec.Struct, frozen=True):
    """A claim with all that belongs to it."""

    claim: Claim
    lines: tuple[ClaimLine, ...]
    steps: tuple[Step, ...]
    documents: tuple[Document, ...]
