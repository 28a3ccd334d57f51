"""What can be wrong with a claim. Each text says what to do."""

from collections.abc import Sequence

from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.money.contributions.model import RowError


class ClaimRefused(YikatongError):
    """Understood and not carried out; nothing was changed."""

    code = "claim_refused"
    status = 409


class ClaimOutOfOrder(ClaimRefused):
    """The claim is not in a state in which this can be done."""

    code = "claim_out_of_order"


class ClaimChanged(ClaimRefused):
    """Somebody else did something with the claim since it was looked at."""

    code = "claim_changed"

    def __init__(self, version: int) -> None:
        super().__init__(
            f"这笔申请刚刚有过变动（现为第 {version} 版），请刷新后再办理",
            f"the claim was changed meanwhile (version {version} now); look at it again first",
            "version",
        )


class AlreadySettled(ClaimRefused):
    """The bill was settled directly, or is claimed already."""

    code = "already_settled"


class NoCardAccount(ClaimRefused):
    """There is no open bank account on the person's card to pay to or from."""

    code = "no_card_account"


class LinesWrong(InvalidInput):
    """Fee lines are wrong; nothing was taken. `rows` says which and why."""

    code = "lines_wrong"

    def __init__(self, rows: Sequence[RowError]) -> None:
        first = rows[0]
        super().__init__(
            "lines",
            zh=f"费用明细有 {len(rows)} 处错误，没有收下任何一行；第 {first.row} 行：{first.zh}",
            en=f"{len(rows)} errors in the fee lines, none was taken; row {first.row}: {first.en}",
        )
        self.rows = list(rows)


class NoSuchClaim(NotFound):
    """There is no such claim of this person."""

    code = "no_such_claim"

    def __init__(self, field: str = "claim") -> None:
        super().__init__(
            "没有这笔报销申请，请核对申请编号和人员编号",
            "there is no such claim of this person; compare claim and person number",
            field,
        )
