"""Types of payment runs: run, line, finding, summary; names for people."""

from datetime import date, datetime
from typing import Final, Literal, get_args

import msgspec

from yikatong.benefits.model import Benefit, BenefitInsurance
from yikatong.core.errors import Text
from yikatong.core.money import Fen

BENEFITS: Final[tuple[Benefit, ...]] = get_args(Benefit)
INSURANCES: Final[dict[Benefit, tuple[BenefitInsurance, ...]]] = {
    "pension": ("110", "150"),
    "unemployment": ("210",),
}
"""Whose funds pay a benefit; the first where nothing else is said."""
FUND_NAMES: Final[dict[str, Text]] = {
    "110": Text("职工养老金", "employees' pensions"),
    "150": Text("居民养老金", "residents' pensions"),
    "210": Text("失业保险金", "unemployment benefit"),
}

RunState = Literal[
    "preparing",
    "prepared",
    "checking",
    "checked",
    "approved",
    "paying",
    "paid",
    "cancelling",
    "cancelled",
]
STATE_NAMES: Final[dict[str, Text]] = {
    "preparing": Text("正在生成清单", "list being made"),
    "prepared": Text("清单已生成，待核对", "list made, to be checked"),
    "checking": Text("正在核对", "being checked"),
    "checked": Text("已核对，待复核批准", "checked, to be approved by a second person"),
    "approved": Text("已批准，待发放", "approved, to be paid"),
    "paying": Text("正在发放", "being paid"),
    "paid": Text("已发放", "paid"),
    "cancelling": Text("正在作废", "being cancelled"),
    "cancelled": Text("已作废", "cancelled"),
}
WORKING: Final[frozenset[RunState]] = frozenset(("preparing", "checking", "paying", "cancelling"))
"""States in which something is under way that any process may go on with."""

Change = Literal[
    "same",
    "new",
    "ended",
    "changed",
    "held",
    "made_good",
    "back_from_hold",
    "recovered",
    "settled",
]
CHANGES: Final[tuple[Change, ...]] = get_args(Change)
Group = Literal[
    "same",
    "new",
    "ended",
    "changed",
    "held",
    "made_good",
    "back_from_hold",
    "recovered",
    "settled",
    "blocked",
]
GROUP_NAMES: Final[dict[str, Text]] = {
    "same": Text("与上月相同", "as last month"),
    "new": Text("新增", "new"),
    "ended": Text("停发", "ended"),
    "changed": Text("金额调整", "amount changed"),
    "held": Text("暂停发放", "held"),
    "made_good": Text("补发", "made good"),
    "back_from_hold": Text("恢复发放", "back from hold"),
    "recovered": Text("扣回多领", "overpaid, taken back"),
    "settled": Text("当月已另行结清", "settled before"),
    "blocked": Text("核对未通过", "stopped by the check"),
}

LineState = Literal[
    "ready",
    "held",
    "ended",
    "settled",
    "blocked",
    "paid",
    "sent",
    "returned",
    "corrected",
    "cancelled",
]
LINE_STATES: Final[tuple[LineState, ...]] = get_args(LineState)
LINE_STATE_NAMES: Final[dict[str, Text]] = {
    "ready": Text("待发放", "to be paid"),
    "held": Text("暂停", "held"),
    "ended": Text("已停发", "ended"),
    "settled": Text("当月已另行结清", "settled before"),
    "blocked": Text("核对未通过", "stopped by the check"),
    "paid": Text("已到账", "on the account"),
    "sent": Text("已交银行", "with the bank"),
    "returned": Text("退回", "returned"),
    "corrected": Text("已转入更正批次", "taken into a correction"),
    "cancelled": Text("已作废", "cancelled"),
}

Code = Literal[
    "dead",
    "held",
    "ended",
    "double",
    "account_missing",
    "account_closed",
    "account_of_another",
    "amount_out_of_range",
    "amount_jump",
    "proof_overdue",
    "settled",
    "amount_changed",
    "dues_changed",
]
CODES: Final[tuple[Code, ...]] = get_args(Code)


class Told(msgspec.Struct, frozen=True):
    """What a finding means and what to do."""

    text: Text
    remedy: Text


FINDINGS: Final[dict[str, Told]] = {
    "dead": Told(
        Text("上月底前已登记死亡", "the death was recorded before the month"),
        Text(
            "办理停发；如系误登，先更正死亡登记再由更正批次补发",
            "end the benefit; where the record is wrong, have it put right and pay by a correction run",
        ),
    ),
    "held": Told(
        Text("待遇已暂停", "the benefit is held"),
        Text("查明暂停原因，恢复后补发", "see why it is held; it is made good once released"),
    ),
    "ended": Told(
        Text("清单生成后待遇已终止", "the benefit ended after the list was made"),
        Text("不再发放；如有误，恢复待遇", "nothing to pay; where wrong, restore the benefit"),
    ),
    "double": Told(
        Text(
            "同一待遇同月另有一笔（含外地）", "the same benefit of the month stands elsewhere too"
        ),
        Text(
            "与另一地经办机构核对，终止其中一个待遇",
            "agree with the other agency which one is right, and end the other",
        ),
    ),
    "account_missing": Told(
        Text("社保卡没有绑定银行账户", "no bank account is bound to the card"),
        Text(
            "请本人到发卡银行激活金融应用，再由更正批次发放",
            "have the bank application opened at the card's bank, then pay by a correction run",
        ),
    ),
    "account_closed": Told(
        Text("银行账户已注销", "the bank account is closed"),
        Text(
            "请本人在发卡银行重新开户绑卡，再由更正批次发放",
            "have a new account bound to the card, then pay by a correction run",
        ),
    ),
    "account_of_another": Told(
        Text("账户不属于本人", "the account belongs to somebody else"),
        Text(
            "核对卡与账户的绑定，改正后由更正批次发放", "bind the card to the person's own account"
        ),
    ),
    "amount_out_of_range": Told(
        Text("金额超出正常范围", "the amount is out of range"),
        Text("核对待遇计算，改正后重新生成清单", "compare the calculation; make the list anew"),
    ),
    "amount_jump": Told(
        Text("比上月多一倍以上", "more than twice last month's"),
        Text("请核对补发或调整的依据（不影响发放）", "compare what it rests on (it is paid)"),
    ),
    "proof_overdue": Told(
        Text("资格认证已逾期", "the proof of life is overdue"),
        Text("请本人完成资格认证，认证后补发", "have the proof given; it is then made good"),
    ),
    "settled": Told(
        Text(
            "当月在清单生成后已另行结清",
            "the month was paid or became arrears after the list was made",
        ),
        Text("无需处理；补发款项由下一批次发放", "nothing to do: arrears are paid by the next run"),
    ),
    "amount_changed": Told(
        Text("清单生成后待遇金额有调整", "the monthly sum changed after the list was made"),
        Text(
            "作废本批次重新生成，或由更正批次发放",
            "cancel the run and make the list anew, or correct it",
        ),
    ),
    "dues_changed": Told(
        Text("补发或扣回在清单生成后有变", "arrears or recoveries changed after the list was made"),
        Text("作废本批次重新生成，或由更正批次发放", "cancel the run and make the list anew"),
    ),
}


class Finding(msgspec.Struct, frozen=True):
    """What the check found at a line (核对问题)."""

    person_id: int
    code: Code
    blocks: bool


class Run(msgspec.Struct, frozen=True):
    """A payment run as it stands."""

    run_id: int
    benefit: Benefit
    insurance: BenefitInsurance
    """Whose fund pays."""
    region: str
    month: date
    """Its first day."""
    corrects: int | None
    """The run whose returned and stopped lines this one pays (更正批次)."""
    state: RunState
    prepared_through: int
    lines: int
    check_round: int
    prepared_by: str
    prepared_at: datetime
    checked_by: str | None
    checked_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None
    approved_lines: int | None
    approved_amount: Fen | None
    started_by: str | None
    started_at: datetime | None
    paid_at: datetime | None
    cancelled_by: str | None
    cancelled_at: datetime | None
    version: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one person gets of a run; amount = monthly + arrears - recovery."""

    person_id: int
    run_id: int
    line: int
    account_id: int | None
    payer_id: int
    """The shared account of the fund."""
    via_id: int | None = None
    """Paid by file: the shared account of the bank's file."""
    starts_on: date | None = None
    """Of the entitlement that is paid; None where only dues are."""
    monthly: Fen
    """Of this month."""
    arrears: Fen = 0
    """Dues paid out: arrears and lump sums."""
    recovery: Fen = 0
    amount: Fen
    before: Fen
    """What was paid for the month before."""
    change: Change
    state: LineState
    transaction_id: int | None = None
    reason: str | None = None

    @property
    def claims_month(self) -> bool:
        """Whether the line is to be paid or was: with a monthly sum it takes the person's one
        payment of the month."""
        return self.state in ("ready", "paid", "sent")


class Chunk(msgspec.Struct, frozen=True):
    """A part of a run, checked and paid in one transaction."""

    run_id: int
    chunk: int
    first_person: int
    last_person: int
    payable: int
    payable_amount: Fen


class Progress(msgspec.Struct, frozen=True):
    """How far a run is; amounts in fen."""

    lines: int
    checked: int
    payable: int
    payable_amount: Fen
    paid: int
    """Lines whose money is on its way or arrived."""
    paid_amount: Fen


class GroupSum(msgspec.Struct, frozen=True):
    """One group of lines against the month before."""

    group: Group
    lines: int
    before: Fen
    amount: Fen

    @property
    def difference(self) -> Fen:
        return self.amount - self.before


class Received(msgspec.Struct, frozen=True):
    """A payment of a run as its person sees it (发放记录)."""

    run_id: int
    month: date
    benefit: Benefit
    insurance: BenefitInsurance
    region: str
    amount: Fen
    arrears: Fen
    recovery: Fen
    state: LineState
    reason: str | None
    at: datetime | None
    """When the run was paid; None while it is under way."""


RETURNED_TO_DO: Final = Text(
    "请到发卡银行改正账户，或换绑其他账户；换绑后自动恢复，改正的请登记“账户已改正”，暂停的月份一并补发",
    "put the account right at the card's bank, or bind another one; another one is noticed by itself, of a"
    " corrected one say so, and the months held are paid with what came back",
)


class Returned(msgspec.Struct, frozen=True):
    """Somebody whose benefit is held as a payment came back."""

    person_id: int
    benefit: Benefit
    insurance: str
    region: str
    starts_on: date
    held_on: date | None
    run_id: int | None
    """The newest run whose payment came back; None where none is on file."""
    month: date | None
    amount: Fen | None
    account_id: int | None
    """Where it was sent."""
    bank: str | None
    """The bank's code."""
    reason: str | None
    """In the bank's words."""


class BankFile(msgspec.Struct, frozen=True):
    """A file for a bank that keeps the accounts itself."""

    run_id: int
    bank: str
    via_id: int
    lines: int
    amount: Fen
    made_at: datetime
    made_by: str
    answered_at: datetime | None


class WithBank(msgspec.Struct, frozen=True):
    """What a run pays through a bank that keeps the accounts itself, and what it said of it."""

    bank: str
    file: BankFile | None
    """None: not made yet."""
    states: dict[str, tuple[int, Fen]]
    """Lines and sum by state of the line: sent (no answer yet), paid, returned, corrected."""

    @property
    def lines(self) -> int:
        return sum(count for count, _ in self.states.values())

    @property
    def amount(self) -> Fen:
        return sum(amount for _, amount in self.states.values())


class Summary(msgspec.Struct, frozen=True):
    """A run for the page, the report and the API."""

    run: Run
    progress: Progress
    groups: list[GroupSum]
    states: dict[str, tuple[int, Fen]]
    """Lines and sum by state of the line."""
    findings: dict[str, tuple[int, bool]]
    """Lines by finding, and whether it stops them."""
    files: list[BankFile]

    @property
    def before(self) -> Fen:
        return sum(one.before for one in self.groups)

    @property
    def amount(self) -> Fen:
        return sum(one.amount for one in self.groups)
