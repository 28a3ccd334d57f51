"""What can be wrong with a command on a payment run. Each text says what to do."""

from yikatong.benefits.model import Due
from yikatong.benefits.runs.model import STATE_NAMES, Run
from yikatong.core.errors import NotFound, YikatongError
from yikatong.core.money import Fen, format_yuan


class RunRefused(YikatongError):
    """Understood and not carried out; nothing was changed."""

    code = "run_refused"
    status = 409


class WrongState(RunRefused):
    """The run is not where this step is possible."""

    code = "run_state"

    def __init__(self, run: Run, zh: str, en: str) -> None:
        state = STATE_NAMES[run.state]
        super().__init__(
            zh=f"批次当前为“{state.zh}”，{zh}", en=f"the run is “{state.en}”; {en}", field="run"
        )


class SamePerson(RunRefused):
    """Whoever prepared a run can never approve it (双人复核)."""

    code = "same_person"

    def __init__(self) -> None:
        super().__init__(
            zh="批准人不能是生成清单的人，请由另一位工作人员批准",
            en="whoever prepared the run cannot approve it; ask a second person",
            field="actor",
        )


class TotalDiffers(RunRefused):
    """What is approved is not what the run comes to."""

    code = "total_differs"

    def __init__(self, total: Fen) -> None:
        super().__init__(
            zh=f"应发合计为 {format_yuan(total)} 元，请重新核对后批准",
            en=f"the run comes to {format_yuan(total)} yuan; look again before approving",
            field="total",
        )


class NothingToCorrect(RunRefused):
    """No returned or stopped line of the run can be paid yet."""

    code = "nothing_to_correct"

    def __init__(self) -> None:
        super().__init__(
            zh="没有可以更正发放的明细：退回和未通过的问题还没有解决",
            en="no line can be paid by a correction: what stopped or returned them still stands",
            field="run",
        )


class EarlierRunOpen(RunRefused):
    """A run of an earlier month is not paid yet, so that nobody can know yet what it leaves owed."""

    code = "earlier_run_open"

    def __init__(self, run: Run) -> None:
        super().__init__(
            zh=f"{run.month:%Y-%m} 的批次 {run.run_id} 还没有发放完，请先发放或作废",
            en=f"run {run.run_id} of {run.month:%Y-%m} is not paid yet; pay or cancel it first",
            field="month",
        )


class NoSuchRecovery(NotFound):
    """The person has nothing of this number to pay back."""

    code = "no_such_recovery"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这笔应退款，请核对人员和编号",
            en="there is nothing of this number to be paid back; compare person and number",
            field="due_id",
        )


class RecoveryClosed(RunRefused):
    """It was paid back, set off or cancelled before."""

    code = "recovery_closed"

    def __init__(self, due: Due) -> None:
        paid = due.state == "paid"
        super().__init__(
            zh="这笔款已经退回或抵扣，请退还多收的款项"
            if paid
            else "这笔应退款已取消或已重新计算，请按现在的编号办理",
            en="it was paid back or set off before; return this payment"
            if paid
            else "it was cancelled or worked out anew; use the number it has now",
            field="due_id",
        )


class NoSuchRun(NotFound):
    """There is no such run."""

    code = "no_such_run"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这个批次，请核对编号",
            en="there is no such run; compare its number",
            field="run",
        )


class FileWrong(RunRefused):
    """A bank's answer file cannot be taken: signature, content, or what it says of a line."""

    code = "bank_file_wrong"
    status = 422
