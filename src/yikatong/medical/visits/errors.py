"""What can be wrong with an order of a provider. Each text says what to do."""

from yikatong.core.errors import InvalidInput, NotFound, Text, YikatongError
from yikatong.core.money import Fen, format_yuan


class CareRefused(YikatongError):
    """The order was understood and not carried out; nothing was changed."""

    code = "care_refused"
    status = 409


class NotCovered(CareRefused):
    """Nothing is paid directly for this person, here and for this care; `reason` is the code."""

    code = "not_covered"

    def __init__(self, reason: str, text: Text) -> None:
        super().__init__(text.zh, text.en)
        self.reason = reason


class OutOfOrder(CareRefused):
    """The visit is not in a state in which this can be done."""

    code = "out_of_order"


class SumDiffers(CareRefused):
    """An amount the provider states differs from what its lines say."""

    code = "sum_differs"

    def __init__(self, field: str, name: Text, stated: Fen, found: Fen, hint: Text) -> None:
        super().__init__(
            f"上传的{name.zh} {format_yuan(stated)} 元与明细合计 {format_yuan(found)} 元不一致，"
            f"{hint.zh}",
            f"{name.en} {format_yuan(stated)} differs from the lines' {format_yuan(found)}; "
            f"{hint.en}",
            field,
        )
        self.stated = stated
        self.found = found


class LineRefused(InvalidInput):
    """A fee line is wrong; `field` names it."""

    code = "line_refused"


class ClaimedByHand(CareRefused):
    """The person paid this bill, claimed it by hand and got it settled so."""

    code = "claimed_by_hand"

    def __init__(self, claim_id: int, settlement_id: int | None) -> None:
        super().__init__(
            f"这些费用已由参保人手工报销（申请编号 {claim_id}，结算编号 {settlement_id}），不能再直接结算；"
            "如要直接结算，请参保地经办机构先撤销该报销",
            f"this bill was claimed by hand (claim {claim_id}, settlement {settlement_id}); to settle"
            " it directly, the home agency first reverses the claim",
            "lines",
        )


class NoSuchVisit(NotFound):
    """No such visit of this person at this provider."""

    code = "no_such_visit"

    def __init__(self) -> None:
        super().__init__(
            "没有这次就诊，请核对就诊编号、人员编号和本机构登记",
            "there is no such visit of this person here; compare visit and person number",
            "visit",
        )


class NoSuchPerson(NotFound):
    """Nobody has this number, or a sandbox provider asked for somebody real."""

    code = "no_such_person"

    def __init__(self, field: str = "person") -> None:
        super().__init__(
            "没有找到参保人，请核对证件号码或人员编号",
            "nobody is registered under this number; compare it",
            field,
        )


class NoSuchSettlement(NotFound):
    """No such settlement of this person at this provider."""

    code = "no_such_settlement"

    def __init__(self) -> None:
        super().__init__(
            "没有这笔结算，请核对结算编号、就诊编号和人员编号",
            "there is no such settlement of this person here; compare its number",
            "settlement",
        )


class MessageReused(CareRefused):
    """The message id was used before, with other content."""

    code = "message_reused"

    def __init__(self, transaction_code: str) -> None:
        super().__init__(
            f"报文编号已用于另一笔内容不同的交易（{transaction_code}），请换新的编号",
            f"this message id was used for other content ({transaction_code}); use a new one",
            "message",
        )


class MessageUndone(CareRefused):
    """The message was taken back, perhaps before it came."""

    code = "message_undone"

    def __init__(self, by: str) -> None:
        super().__init__(
            f"该报文已被冲正（{by}），未再办理；如需办理请换新的报文编号",
            f"this message was reversed by {by} and is not carried out; send it under a new id",
            "message",
        )
