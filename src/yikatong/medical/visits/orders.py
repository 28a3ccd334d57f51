"""Orders of a provider, in the project's words, and what each leads to.

The hospital interface translates its transactions into these; nothing here knows its field names.
"""

from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen, Ppm
from yikatong.medical.model import ChronicRegistration, Filing, Provider
from yikatong.medical.visits.model import Diagnosis, FeeLine, Setting, Settlement, SplitLine, Visit
from yikatong.people.model import Enrolment, Person, SpecialGroup
from yikatong.policies.model import Care, YearToDate

LINES_MAX: Final = 500
"""Lines of one upload; a longer bill goes in several."""


class Certificate(msgspec.Struct, frozen=True):
    """What the person showed (就诊凭证): e-card code, id number, or card."""

    kind: Literal["e_card", "id_number", "card"]
    number: str
    card_identifier: str | None = None


class Sender(msgspec.Struct, frozen=True):
    """Which provider sends which message."""

    provider: Provider
    message_id: str
    transaction_code: str
    content_hash: bytes
    operator: str
    sandbox: bool = False
    """A sandbox provider sees synthetic people only."""
    insured_region: str | None = None
    """Where the provider says that the person is insured; compared where given."""


# ---- looks ----


class Identify(msgspec.Struct, frozen=True, kw_only=True):
    """Who is this, and how insured? (人员信息获取)"""

    certificate: Certificate
    name: str | None = None
    id_number: str | None = None
    """Compared, as the name is, where given."""


class CheckEntitlement(msgspec.Struct, frozen=True, kw_only=True):
    """Which benefits has the person with this provider? (待遇检查)"""

    person_id: int
    care: Care
    on: date
    insurance: str | None = None
    disease: str | None = None


class AskAccumulated(msgspec.Struct, frozen=True, kw_only=True):
    """The year's accumulators (累计信息)."""

    person_id: int
    on: date | None = None


class AskChronic(msgspec.Struct, frozen=True, kw_only=True):
    """Chronic and special disease registrations (慢特病备案)."""

    person_id: int


# ---- outpatient ----


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """门诊挂号."""

    person_id: int
    number: str
    begun_at: datetime
    certificate: Certificate | None = None
    insurance: str | None = None
    details: dict[str, Any] = {}


class See(msgspec.Struct, frozen=True, kw_only=True):
    """The doctor saw the person: kind of care and diagnoses (就诊信息)."""

    person_id: int
    visit_id: int
    care_code: str
    begun_at: datetime
    diagnoses: tuple[Diagnosis, ...]
    disease: str | None = None
    details: dict[str, Any] = {}


class CancelVisit(msgspec.Struct, frozen=True, kw_only=True):
    """Take a registration or an admission back (挂号撤销、入院撤销); nothing may be charged on it."""

    person_id: int
    visit_id: int
    setting: Setting | None = None
    """Compared with the visit's where given."""
    number: str | None = None


# ---- inpatient ----


class Admit(msgspec.Struct, frozen=True, kw_only=True):
    """入院办理."""

    person_id: int
    number: str
    begun_at: datetime
    care_code: str
    diagnoses: tuple[Diagnosis, ...] = ()
    certificate: Certificate | None = None
    insurance: str | None = None
    details: dict[str, Any] = {}


class Amend(msgspec.Struct, frozen=True, kw_only=True):
    """Change what was said at the admission (住院信息变更); None: as it was."""

    person_id: int
    visit_id: int
    begun_at: datetime | None = None
    care_code: str | None = None
    number: str | None = None
    diagnoses: tuple[Diagnosis, ...] | None = None
    details: dict[str, Any] = {}


class Discharge(msgspec.Struct, frozen=True, kw_only=True):
    """出院办理."""

    person_id: int
    visit_id: int
    ended_at: datetime
    way: str | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    details: dict[str, Any] = {}


class CancelDischarge(msgspec.Struct, frozen=True, kw_only=True):
    """出院撤销."""

    person_id: int
    visit_id: int


# ---- lines ----


class AddLines(msgspec.Struct, frozen=True, kw_only=True):
    """费用明细上传: one upload, taken whole or not at all."""

    person_id: int
    visit_id: int
    setting: Literal["outpatient", "inpatient"]
    batch: str
    """chrg_bchno; "" where the provider names none (inpatient)."""
    lines: tuple[FeeLine, ...]


class WithdrawLines(msgspec.Struct, frozen=True, kw_only=True):
    """费用明细撤销: a batch, one line, or all that is not settled (both None)."""

    person_id: int
    visit_id: int
    setting: Setting | None = None
    batch: str | None = None
    line: str | None = None
    batch_id: int | None = None
    """One upload, by our own number."""


# ---- money ----


class Split(msgspec.Struct, frozen=True):
    """How the provider splits the bill itself; compared where given. Fen."""

    self_paid: Fen | None = None
    over_limit: Fen | None = None
    first_pay: Fen | None = None
    in_scope: Fen | None = None


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """结算, or 预结算 where not `commit`: of the unsettled lines of a visit, or of one batch."""

    person_id: int
    visit_id: int
    setting: Literal["outpatient", "inpatient"]
    total: Fen
    """Must be the sum of the lines."""
    commit: bool
    """False: a quote; nothing is changed."""
    certificate: Certificate | None = None
    care_code: str | None = None
    insurance: str | None = None
    batch: str | None = None
    use_account: bool = False
    """Whether the medical account, and behind it relatives' accounts, shall pay."""
    interim: bool = False
    """An interim settlement of a long stay (中途结算)."""
    split: Split = Split()
    invoice: str = ""


class Sell(msgspec.Struct, frozen=True, kw_only=True):
    """药店结算, or its 预结算: visit, lines and settlement in one."""

    person_id: int
    total: Fen
    begun_at: datetime
    lines: tuple[FeeLine, ...]
    commit: bool
    certificate: Certificate | None = None
    care_code: str = "41"
    insurance: str | None = None
    disease: str | None = None
    use_account: bool = False
    invoice: str = ""


class Reverse(msgspec.Struct, frozen=True, kw_only=True):
    """结算撤销, by settlement and visit."""

    person_id: int
    settlement_id: int
    visit_id: int | None
    """None: that of the settlement."""
    setting: Setting | None = None
    """Compared with the visit's where given."""


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """冲正, by the message whose answer was lost; also of a message that never came."""

    person_id: int
    message_id: str
    transaction_code: str


# ---- filings and choices ----


class FileTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """转院备案 by the hospital that refers the person."""

    person_id: int
    destination: str
    starts_on: date
    ends_on: date | None
    to_provider: str | None
    insurance: str | None = None
    reason: str = ""
    details: dict[str, Any] = {}


class WithdrawFiling(msgspec.Struct, frozen=True, kw_only=True):
    """转院备案撤销."""

    person_id: int
    filing_id: int


class ChooseProvider(msgspec.Struct, frozen=True, kw_only=True):
    """定点备案: the person chooses this provider."""

    person_id: int
    provider_code: str
    starts_on: date


class DropProvider(msgspec.Struct, frozen=True, kw_only=True):
    """定点备案撤销."""

    person_id: int
    provider_code: str


Order = (
    Identify | CheckEntitlement | AskAccumulated | AskChronic | Register | See | CancelVisit | Admit
    | Amend | Discharge | CancelDischarge | AddLines | WithdrawLines | Settle | Sell | Reverse | Undo
    | FileTransfer | WithdrawFiling | ChooseProvider | DropProvider
)  # fmt: skip


# ---- what they lead to ----


class Identified(msgspec.Struct, frozen=True):
    """A person and the medical enrolments; `balance` is of the medical account, in fen."""

    person: Person
    id_number: str
    enrolments: tuple[Enrolment, ...]
    balance: Fen
    groups: tuple[SpecialGroup, ...]
    age: int


class Refusal(msgspec.Struct, frozen=True):
    """Why nothing is paid directly; `code` is stable (reasons of the portability answer)."""

    code: str
    text: Text


class Entitled(msgspec.Struct, frozen=True):
    """Whether the pooled fund pays for this care here, and why not."""

    person_id: int
    insurance: str | None
    refusals: tuple[Refusal, ...]
    rate: Ppm
    """The rate of the first band, 0 where nothing is paid."""
    deductible: Fen
    cap_left: Fen | None
    on_file: bool = True
    """Whether the insured region's policy is on file and says what is paid for this care."""
    starts_on: date | None = None
    """Since when the insurance gives benefits; None: there is none."""
    ends_on: date | None = None


class Accumulated(msgspec.Struct, frozen=True):
    """Accumulators of one policy year."""

    person_id: int
    insurance: str
    year_starts_on: date
    year: YearToDate


class VisitDone(msgspec.Struct, frozen=True):
    """A visit as it stands after the order."""

    visit: Visit


class LinesDone(msgspec.Struct, frozen=True):
    """The lines of an upload, each with its split."""

    visit_id: int
    batch_id: int
    lines: tuple[SplitLine, ...]


class LinesWithdrawn(msgspec.Struct, frozen=True):
    """How many lines were taken back."""

    count: int


class Settled(msgspec.Struct, frozen=True):
    """A settlement, a quote, or a reversal, with what its answer tells beside the amounts."""

    settlement: Settlement
    person: Person
    id_number: str | None
    enrolment: Enrolment
    visit: Visit
    lines: tuple[SplitLine, ...] = ()
    """Of a sale at a pharmacy."""
    warning: Text | None = None


class Undone(msgspec.Struct, frozen=True):
    """What a reversal by message id did: whether there was anything, and what."""

    found: bool
    text: Text


class FilingDone(msgspec.Struct, frozen=True):
    """A filing as it stands after the order."""

    filing: Filing


class ChoiceDone(msgspec.Struct, frozen=True):
    """The choice was noted, under this number."""

    number: str
    new: bool = False
    """Whether it was made now, not before."""


class ChronicFound(msgspec.Struct, frozen=True):
    """The registrations."""

    registrations: tuple[ChronicRegistration, ...]


Result = (
    Identified | Entitled | Accumulated | ChronicFound | VisitDone | LinesDone | LinesWithdrawn
    | Settled | Undone | FilingDone | ChoiceDone
)  # fmt: skip
