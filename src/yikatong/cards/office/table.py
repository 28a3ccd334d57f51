"""The state machine of applications and cards (状态表): state × event → state, guard, effect.

This is the one place where it stands: the service carries out what it says, the documents print it.
Source: the states of LD/T 32 and the services of 《社会保障卡经办规程》 as the domain tells them.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from yikatong.cards.model import CARD_STATES, ApplicationState, Card, CardState
from yikatong.cards.office import guards as g
from yikatong.cards.office import services
from yikatong.cards.office.errors import STATE_NAMES, NotNow
from yikatong.cards.office.guards import Guard
from yikatong.cards.office.model import Facts
from yikatong.core.errors import Text

Effect = Literal[
    "note_fee", "stop_lost_card", "give_fee_back", "number_card", "issue_card", "replace_old_card", "freeze", "unfreeze",
    "unfreeze_account", "set_pin", "change_pin", "reset_pin", "freeze_for_death", "end_applications", "make_anew",
]  # fmt: skip
EFFECTS: Final[dict[Effect, Text]] = {
    "note_fee": Text("记应交工本费", "the fee becomes due"),
    "stop_lost_card": Text(
        "旧卡未正式挂失的，一并挂失", "the old card is reported lost for good, where it was not yet"
    ),
    "give_fee_back": Text("退还已交工本费", "a fee that was paid is given back"),
    "number_card": Text("分配卡号、卡识别码", "card number and identifier are drawn"),
    "make_anew": Text(
        "那张卡的卡号作废，预计制成日期、催领次数重新计算",
        "the number is dead; the day it is expected and the asking to collect it begin anew",
    ),
    "issue_card": Text(
        "登记新卡，两个应用均未启用", "the new card is recorded, both sides inactive"
    ),
    "replace_old_card": Text(
        "旧卡作废，绑定的账户等转到新卡",
        "the old card ends, what is bound to it moves to the new one",
    ),
    "freeze": Text("两个应用冻结，账户止付", "both sides and the account are frozen"),
    "unfreeze": Text("两个应用和账户恢复", "both sides and the account are released"),
    "unfreeze_account": Text("挂失止付解除", "the account's stop for the loss is lifted"),
    "set_pin": Text("设置卡密码", "the PIN is set"),
    "change_pin": Text("换成新密码", "the new PIN takes the old one's place"),
    "reset_pin": Text("重设卡密码", "the PIN is set anew"),
    "freeze_for_death": Text(
        "身故的，名下银行账户止付", "of the dead, all bank accounts are frozen"
    ),
    "end_applications": Text("在办申请一并撤回", "applications under way are withdrawn"),
}

ApplicationEvent = Literal[
    "apply_first", "apply_replace", "apply_renew", "ask", "amend", "lapse", "approve", "approve_at_once",
    "reject", "withdraw", "pay_fee", "end_with_person", "order", "make", "spoil", "lose", "print", "post",
    "come_back", "chase", "hand_over", "deliver", "destroy",
]  # fmt: skip
CardEventName = Literal[
    "activate", "activate_bank", "change_pin", "reset_pin", "lock", "unlock",
    "report_loss_provisionally", "provisional_report_ends", "report_loss", "withdraw_loss", "expire",
    "remind_expiry", "remind_report", "replace", "cancel",
]  # fmt: skip

RESTORED: Final = "restored"
"""Back to what the loss report interrupted."""


class Move(msgspec.Struct, frozen=True):
    """One line of the table."""

    event: ApplicationEvent | CardEventName
    text: Text
    before: tuple[ApplicationState | CardState, ...]
    """None at all: it begins here."""
    after: ApplicationState | CardState | Literal["restored"] | None
    """None: it stays as it is."""
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()


def _apply(event: ApplicationEvent, service: services.Name, text: Text, *own: Guard) -> Move:
    return Move(
        event, text, (), "applied",
        (g.ALIVE, g.channel(service), g.acts(service), g.IDENTITY_CLEAR, g.NONE_UNDER_WAY, *own,
         g.REGION_RIGHT, g.DELIVERY_COMPLETE, g.shown(service)),
        ("note_fee", "stop_lost_card") if event == "apply_replace" else ("note_fee",),
    )  # fmt: skip


LIVE: Final[tuple[CardState, ...]] = ("issued", "active", "locked")
"""Not lost, not dead."""
NOT_STOPPED: Final[tuple[CardState, ...]] = (*LIVE, "loss_reported_provisionally")
"""What would work again by itself, or works."""
_LOST: Final[tuple[CardState, ...]] = ("loss_reported_provisionally", "loss_reported")

# One a line or two, to be read as a table.
# fmt: off
APPLICATION: Final[tuple[Move, ...]] = (
    _apply("apply_first", "apply", Text("申领", "apply for the first card"), g.NO_CARD),
    _apply("apply_replace", "replace", Text("申请补卡", "ask for a replacement"), g.CARD_TO_REPLACE),
    _apply("apply_renew", "renew", Text("申请换卡", "ask for renewal"), g.CARD_TO_REPLACE, g.REASON_HOLDS),
    Move("ask", Text("要求补正", "ask for something to be added"), ("applied",), None, (g.REASON_GIVEN, g.NOTHING_ASKED)),
    Move("amend", Text("补正", "add what was asked for"), ("applied",), None, (g.SOMETHING_ASKED,)),
    Move("lapse", Text("逾期未补正，终止", "ended, as nothing was added in time"), ("applied",), "withdrawn", (g.ANSWER_OVERDUE,), ("give_fee_back",)),
    Move("approve_at_once", Text("即时通过", "approve at once"), ("applied",), "in_production"),
    Move("approve", Text("审核通过", "approve"), ("applied",), "in_production", (g.ALIVE, g.NOTHING_ASKED, g.ANOTHER_REVIEWER, g.PHOTO_AT_HAND)),
    Move("reject", Text("审核不通过", "refuse"), ("applied",), "rejected", (g.REASON_GIVEN, g.ANOTHER_REVIEWER), ("give_fee_back",)),
    Move("withdraw", Text("撤回", "withdraw"), ("applied", "in_production"), "withdrawn", (g.NOT_IN_BATCH,), ("give_fee_back",)),
    Move("pay_fee", Text("交工本费", "pay the fee"), ("applied", "in_production", "ready"), None, (g.FEE_IS_DUE,)),
    Move("end_with_person", Text("因身故终止", "end with the person's death"), ("applied", "in_production", "ready", "sent"), "withdrawn", (), ("give_fee_back",)),
    Move("order", Text("送厂制卡", "order from the maker"), ("in_production",), None, (g.ALIVE, g.NOT_IN_BATCH), ("number_card",)),
    Move("spoil", Text("制作失败，重新制卡", "spoiled, to be made again"), ("in_production",), None, (g.IN_BATCH,), ("make_anew",)),
    Move("make", Text("制作完成", "made"), ("in_production",), "ready", (g.IN_BATCH,)),
    Move("lose", Text("在途遗失，重新制卡", "lost on its way to the counter or in the post, to be made again"), ("ready", "sent"), "in_production", (g.IN_BATCH,), ("make_anew",)),
    Move("print", Text("窗口即时制卡并交付", "print at the counter and hand over"), ("in_production",), "issued", (g.ALIVE, g.channel("collect"), g.acts("collect"), g.NOT_IN_BATCH, g.PRINTS_HERE, g.FEE_SETTLED, g.shown("collect")), ("number_card", "replace_old_card", "issue_card")),
    Move("post", Text("寄出", "send by post"), ("ready",), "sent", (g.BY_POST, g.FEE_SETTLED)),
    Move("come_back", Text("退件", "came back"), ("sent",), "ready"),
    Move("chase", Text("催领", "ask to collect it"), ("ready",), None),
    Move("hand_over", Text("领取", "hand over"), ("ready",), "issued", (g.ALIVE, g.channel("collect"), g.acts("collect"), g.LIES_HERE, g.shown("collect"), g.FEE_SETTLED), ("number_card", "replace_old_card", "issue_card")),
    Move("deliver", Text("妥投", "delivered"), ("sent",), "issued", (g.ALIVE,), ("number_card", "replace_old_card", "issue_card")),
    Move("destroy", Text("逾期未领，销毁", "destroyed, as nobody collected it"), ("ready",), "withdrawn", (), ("give_fee_back",)),
)

CARD: Final[tuple[Move, ...]] = (
    Move("activate", Text("启用社保功能", "activate the social-security side"), ("issued",), "active", (g.ALIVE, g.VALID, g.channel("activate"), g.acts("activate"), g.shown("activate")), ("set_pin",)),
    Move("activate_bank", Text("启用银行功能", "activate the bank side"), ("issued", "active", "locked"), None, (g.ALIVE, g.VALID, g.channel("activate_bank"), g.acts("activate_bank"), g.ISSUING_BANK, g.BANK_INACTIVE, g.shown("activate_bank")), ("unfreeze_account",)),
    Move("change_pin", Text("改密码", "change the PIN"), ("active",), None, (g.ALIVE, g.channel("change_pin"), g.acts("change_pin")), ("change_pin",)),
    Move("lock", Text("密码连错三次，锁定", "three wrong PINs in a row lock it"), ("active",), "locked"),
    Move("unlock", Text("解锁", "unlock"), ("locked",), "active", (g.ALIVE, g.channel("unlock"), g.acts("unlock"), g.shown("unlock"))),
    Move("reset_pin", Text("重置密码", "reset the PIN"), ("active", "locked"), "active", (g.ALIVE, g.channel("reset_pin"), g.acts("reset_pin"), g.shown("reset_pin")), ("reset_pin",)),
    Move("report_loss_provisionally", Text("临时挂失", "report a loss provisionally"), LIVE, "loss_reported_provisionally", (g.channel("report_loss_provisionally"), g.acts("report_loss_provisionally")), ("freeze",)),
    Move("provisional_report_ends", Text("临时挂失期满，自动解除", "the provisional report ends by itself"), ("loss_reported_provisionally",), RESTORED, (g.REPORT_RAN_OUT,), ("unfreeze",)),
    Move("remind_report", Text("提醒临时挂失将到期", "tell that the provisional report is about to end"), ("loss_reported_provisionally",), None),
    Move("report_loss", Text("挂失", "report a loss"), NOT_STOPPED, "loss_reported", (g.channel("report_loss"), g.acts("report_loss"), g.shown("report_loss")), ("freeze",)),
    Move("withdraw_loss", Text("解挂", "withdraw the loss report"), _LOST, RESTORED, (g.ALIVE, g.channel("withdraw_loss"), g.acts("withdraw_loss"), g.shown("withdraw_loss")), ("unfreeze",)),
    Move("remind_expiry", Text("提醒即将到期", "tell that the card is about to expire"), LIVE, None),
    # A provisional report ends first: else the account would stay stopped with nobody to lift it.
    Move("expire", Text("到期", "expire"), (*LIVE, "loss_reported"), "expired", (g.RAN_OUT,)),
    Move("replace", Text("被新卡替换", "replaced by the new card"), (*LIVE, *_LOST, "expired"), "replaced"),
    Move("cancel", Text("注销", "cancel"), (*LIVE, *_LOST, "expired"), "cancelled", (g.channel("cancel"), g.acts("cancel"), g.KIN_OF_THE_DEAD, g.shown("cancel")), ("freeze_for_death", "end_applications")),
)
# fmt: on

_APPLICATION: Final = {move.event: move for move in APPLICATION}
_CARD: Final = {move.event: move for move in CARD}
assert len(_APPLICATION) == len(APPLICATION), "one line an event"
assert len(_CARD) == len(CARD), "one line an event"


def card_states(event: CardEventName) -> tuple[CardState, ...]:
    """The states of a card in which this can happen."""
    return tuple(one for one in CARD_STATES if one in _CARD[event].before)


def application_move(event: ApplicationEvent, facts: Facts) -> Move:
    """The move of the application; raises NotNow, and what its guards refuse."""
    return _checked(_APPLICATION[event], facts.application and facts.application.state, facts)


def card_move(event: CardEventName, facts: Facts) -> Move:
    """The move of the card; raises NotNow, and what its guards refuse."""
    return _checked(_CARD[event], facts.card and facts.card.state, facts)


def restored(card: Card) -> CardState:
    """What a card goes back to when its loss report ends."""
    if card.state_before is not None:
        return card.state_before
    return "issued" if card.social_security_app == "inactive" else "active"


BY_ITSELF: Final[frozenset[ApplicationEvent | CardEventName]] = frozenset(
    (
        "lapse", "approve_at_once", "end_with_person", "order", "make", "spoil", "lose", "chase", "destroy",
        "lock",
        "provisional_report_ends", "remind_report", "remind_expiry", "expire", "replace",
    )
)  # fmt: skip
"""What nobody asks for at a counter: it follows from something else, from a batch, or from the clock."""


def possible(moves: Sequence[Move], state: ApplicationState | CardState) -> list[Move]:
    """What can be asked for in a state."""
    return [move for move in moves if state in move.before and move.event not in BY_ITSELF]


def _checked(move: Move, state: ApplicationState | CardState | None, facts: Facts) -> Move:
    if move.before and state not in move.before:
        assert state is not None
        name = STATE_NAMES[state]
        wanted = [STATE_NAMES[one] for one in move.before]
        raise NotNow(
            zh=f"现在的状态是「{name.zh}」，不能{move.text.zh}；"
            f"只有在{'、'.join(f'「{one.zh}」' for one in wanted)}时可以",
            en=f'the state is "{name.en}", in which this cannot be done ({move.text.en}); it can in: '
            f"{', '.join(one.en for one in wanted)}",
        )
    for guard in move.guards:
        if (refusal := guard.check(facts)) is not None:
            raise refusal
    return move
