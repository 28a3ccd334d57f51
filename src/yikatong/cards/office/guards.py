"""Guards of the state machine: each a question about the facts, with the refusal it leads to."""

from collections.abc import Callable
from typing import Final

import msgspec

from yikatong.cards.model import LIVE_STATES, OPEN_STATES, Card
from yikatong.cards.office import rules, services
from yikatong.cards.office.errors import (
    CardRefused,
    ChannelClosed,
    FeeDue,
    HasCard,
    IdentityUnclear,
    MaterialsMissing,
    NoCard,
    NotYours,
    PersonDead,
    SamePerson,
    UnderWay,
)
from yikatong.cards.office.model import BY_NAMES, CHANNEL_NAMES, Facts
from yikatong.core.errors import InvalidInput, Text, YikatongError
from yikatong.core.money import format_yuan
from yikatong.money.bank import banks

Check = Callable[[Facts], YikatongError | None]


class Guard(msgspec.Struct, frozen=True):
    """A condition of a move."""

    text: Text
    check: Check
    """The refusal, or None where the move may be made."""


def channel(name: services.Name) -> Guard:
    """The service is offered on the channel it is asked for on."""
    service = services.SERVICES[name]

    def check(facts: Facts) -> YikatongError | None:
        if facts.doing.channel in service.channels:
            return None
        return ChannelClosed(service.text, (CHANNEL_NAMES[one] for one in service.channels))

    ways = Text(
        "、".join(CHANNEL_NAMES[one].zh for one in service.channels),
        ", ".join(CHANNEL_NAMES[one].en for one in service.channels),
    )
    return Guard(Text(f"渠道：{ways.zh}", f"channel: {ways.en}"), check)


def acts(name: services.Name) -> Guard:
    """Who asks may do this for the holder."""
    service = services.SERVICES[name]

    def check(facts: Facts) -> YikatongError | None:
        by, by_id = facts.doing.by, facts.doing.by_id
        if by not in service.who:
            zh = "、".join(BY_NAMES[one].zh for one in service.who)
            en = ", ".join(BY_NAMES[one].en for one in service.who)
            return NotYours(f"{service.text.zh}只能由{zh}办理", f"only {en} may {service.text.en}")
        if (by == "employer") != (facts.doing.channel == "list"):
            return NotYours(
                "单位或学校只能按名单批量办理，名单也只由单位或学校办理",
                "an employer or a school acts by list only, and nobody else does",
            )
        guarded = services.needs_guardian(facts)
        if guarded and by in ("self", "agent", "employer"):
            return NotYours(
                "未满 16 岁或有监护人的人，由监护人办理",
                "for somebody under 16, or under guardianship, the guardian acts",
            )
        if by == "guardian" and not (guarded or facts.person.age_on(facts.today) < services.OF_AGE):
            return NotYours(
                "本人已成年且没有监护人，请本人办理",
                "the person is of age and has no guardian, and acts for themselves",
            )
        if by == "guardian" and by_id is not None and not rules.is_guardian(facts, by_id):
            return NotYours(
                "登记中没有这个监护关系，请带监护关系证明到窗口登记",
                "this guardianship is not on record; have it recorded at a counter with its proof",
            )
        return None

    who = Text(
        "、".join(BY_NAMES[one].zh for one in service.who),
        ", ".join(BY_NAMES[one].en for one in service.who),
    )
    return Guard(Text(f"办理人：{who.zh}", f"who: {who.en}"), check)


def shown(name: services.Name) -> Guard:
    """All documents the service needs were shown or uploaded."""

    def check(facts: Facts) -> YikatongError | None:
        elsewhere = facts.wanted is not None and rules.is_elsewhere(facts.wanted, facts)
        lacking = services.missing(name, facts, elsewhere=elsewhere)
        return MaterialsMissing(lacking) if lacking else None

    return Guard(Text("材料齐全", "all documents shown"), check)


def _alive(facts: Facts) -> YikatongError | None:
    return PersonDead() if facts.person.died_on is not None else None


def _identity_clear(facts: Facts) -> YikatongError | None:
    return None if facts.person.identity_matched else IdentityUnclear()


def _none_under_way(facts: Facts) -> YikatongError | None:
    for one in facts.applications:
        if one.state in OPEN_STATES:
            return UnderWay(one.application_id, one.state)
    return None


def _no_card(facts: Facts) -> YikatongError | None:
    return HasCard() if rules.card_to_replace(facts.cards) is not None else None


def _card_to_replace(facts: Facts) -> YikatongError | None:
    return None if rules.card_to_replace(facts.cards) is not None else NoCard()


def _reason_holds(facts: Facts) -> YikatongError | None:
    card = rules.card_to_replace(facts.cards)
    assert facts.wanted is not None
    if card is None:
        return NoCard()
    refusal = _reason_wrong(facts, card)
    return None if refusal is None else InvalidInput("why", zh=refusal.zh, en=refusal.en)


def _reason_wrong(facts: Facts, card: Card) -> Text | None:
    assert facts.wanted is not None
    why = facts.wanted.why
    if why == "expired" and (card.valid_until - facts.today).days > facts.rules.remind_days:
        return Text(
            f"这张卡 {card.valid_until} 才到期，到期前 {facts.rules.remind_days} 天起可以换",
            f"the card is valid until {card.valid_until}; it can be renewed from "
            f"{facts.rules.remind_days} days before",
        )
    if why == "old_generation" and card.generation >= rules.GENERATION:
        return Text("这张卡已是第三代", "the card is of the third generation already")
    changed_on = facts.identity_changed_on
    outdated = card.name_on_card != facts.person.name or (
        changed_on is not None and card.issued_on <= changed_on
    )
    if why == "data_changed" and not outdated:
        return Text(
            "卡面信息与登记一致；要改信息请先办理信息变更",
            "the card agrees with the records; have the data changed first",
        )
    return None


def _region_right(facts: Facts) -> YikatongError | None:
    assert facts.wanted is not None
    wanted, home = facts.wanted, rules.home_region(facts)
    if facts.doing.channel != "cross_province":
        return None
    if wanted.accepted_in is None:
        return InvalidInput(
            "accepted_in",
            zh="跨省通办请填写受理窗口所在地的代码",
            en="at a cross-province counter, name the region of the counter",
        )
    if rules.deciding_region(wanted, facts) != home:
        return InvalidInput(
            "region",
            zh="跨省通办由参保地审核发卡，请不填或填参保地",
            en="at a cross-province counter the insured place decides; leave it out or name that place",
        )
    return None


def _delivery_complete(facts: Facts) -> YikatongError | None:
    assert facts.wanted is not None
    wanted = facts.wanted
    if wanted.delivery == "post" and not (wanted.post_to or "").strip():
        return InvalidInput(
            "post_to", zh="邮寄请填写收件地址", en="for delivery by post, give the address"
        )
    return rules.pickup_refused(facts.pickup, wanted.bank)


def _prints_here(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    here = facts.here
    if here is None:
        return InvalidInput(
            "counter", zh="请填写即时制卡的网点", en="name the counter that makes the card"
        )
    if not here.prints_at_once:
        return CardRefused(
            zh=f"{here.name}不能即时制卡，请换能即时制卡的网点，或等待送厂制卡",
            en=f"{here.english} makes no cards at once; go to a counter that does, or wait for the "
            "batch",
            field="counter",
        )
    if here.pooling_region != facts.application.region:
        return CardRefused(
            zh="即时制卡只能在发卡地的网点；在外地请等待制好后寄到受理窗口领取",
            en="only counters of the issuing region make its cards; elsewhere wait until it is sent",
            field="counter",
        )
    if not rules.serves(here, facts.application.bank):
        return CardRefused(
            zh="这个网点属于另一家银行，不能制这张卡",
            en="this branch is of another bank and cannot make this card",
            field="counter",
        )
    return None


def _lies_here(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    place, here = facts.application.pickup_place, facts.here
    if here is None or place is None or place == here.code:
        return None
    return CardRefused(
        zh="卡不在这个网点，请到申请时选的领取网点办理",
        en="the card is not at this counter; it waits at the one chosen for collecting it",
        field="counter",
    )


def _issuing_bank(facts: Facts) -> YikatongError | None:
    assert facts.card is not None
    if facts.here is None or facts.here.bank == facts.card.bank:
        return None
    name = banks.bank(facts.card.bank).name
    return CardRefused(
        zh=f"这张卡的银行功能要到发卡银行启用：{name.zh}",
        en=f"the bank side of this card is activated at its issuing bank: {name.en}",
        field="counter",
    )


def _kin_of_the_dead(facts: Facts) -> YikatongError | None:
    if facts.person.died_on is None or facts.doing.by == "kin":
        return None
    return NotYours(
        "此人已登记死亡，由近亲属注销",
        "the person's death is recorded; next of kin cancel the card",
    )


def _another_reviewer(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    return SamePerson() if facts.application.accepted_by == facts.actor else None


def _reason_given(facts: Facts) -> YikatongError | None:
    if facts.doing.reason.strip():
        return None
    return InvalidInput(
        "reason",
        zh="请写明原因，申请人会看到",
        en="say why; the applicant will read it",
    )


def _nothing_asked(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    if facts.application.asked_for is None:
        return None
    return CardRefused(
        zh="已请申请人补正，补正后再审核",
        en="the applicant was asked to add something; review it when that is done",
    )


def _something_asked(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    if facts.application.asked_for is not None:
        return None
    return CardRefused(
        zh="这笔申请不需要补正，请等待审核",
        en="nothing is asked to be added; please wait for the review",
    )


def _answer_overdue(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    until = facts.application.asked_until
    if facts.application.asked_for is not None and until is not None and until < facts.today:
        return None
    return CardRefused(
        zh="没有逾期未补正的材料", en="there is nothing that was to be added and is overdue"
    )


def _photo_at_hand(facts: Facts) -> YikatongError | None:
    if facts.photo_at_hand:
        return None
    return CardRefused(
        zh="缺制卡照片：申请人没有交照片，人口库里也没有可用的。请要求申请人补交一张证件照"
        "（JPEG、PNG 或 WebP），补交后再通过",
        en="the photo for the card is missing: none was handed in, and the population base has none to "
        "use. Ask the applicant to add a passport photo (JPEG, PNG or WebP), then approve",
    )


def _not_in_batch(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    if facts.application.batch_id is None:
        return None
    return CardRefused(
        zh="卡已送厂制作，不能撤回；制好后可以不领，或领取后注销",
        en="the card is at the maker's and the application can no longer be withdrawn; leave the card "
        "uncollected, or cancel it later",
    )


def _in_batch(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    if facts.application.batch_id is not None:
        return None
    return CardRefused(zh="这笔申请不在制卡批次里", en="the application is in no production batch")


def _fee_settled(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    if facts.application.fee_state != "due":
        return None
    return FeeDue(
        zh=f"请先交工本费 {format_yuan(facts.application.fee)} 元",
        en=f"the fee of {format_yuan(facts.application.fee)} yuan is to be paid first",
    )


def _fee_is_due(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    if facts.application.fee_state == "due":
        return None
    return CardRefused(zh="没有要交的工本费", en="no fee is due")


def _by_post(facts: Facts) -> YikatongError | None:
    assert facts.application is not None
    if facts.application.delivery == "post":
        return None
    return CardRefused(zh="这张卡是到窗口领取的", en="this card is to be collected at a counter")


def _bank_inactive(facts: Facts) -> YikatongError | None:
    assert facts.card is not None
    if facts.card.account_id is None:
        return CardRefused(
            zh="这张卡没有绑定银行账户，请先在发卡银行开户",
            en="no bank account is bound to the card; have one opened at the issuing bank first",
        )
    if facts.card.bank_app == "active":
        return CardRefused(zh="银行功能已启用", en="the bank side is active already")
    return None


def _valid(facts: Facts) -> YikatongError | None:
    assert facts.card is not None
    if facts.card.valid_until >= facts.today:
        return None
    return CardRefused(
        zh=f"这张卡 {facts.card.valid_until} 已到期，请换卡",
        en=f"the card expired on {facts.card.valid_until}; please renew it",
    )


def _is_current(facts: Facts) -> YikatongError | None:
    assert facts.card is not None
    if facts.card.state in LIVE_STATES and facts.card.valid_until < facts.today:
        return None
    return CardRefused(zh="这张卡还没有到期", en="the card has not expired yet")


def _report_ran_out(facts: Facts) -> YikatongError | None:
    assert facts.card is not None
    until = facts.card.provisional_until
    if until is not None and until <= facts.now:
        return None
    return CardRefused(zh="临时挂失还没有到期", en="the provisional report has not run out yet")


ALIVE: Final = Guard(Text("未登记死亡", "not recorded dead"), _alive)
KIN_OF_THE_DEAD: Final = Guard(
    Text("已登记死亡的由近亲属办理", "of the dead by next of kin"), _kin_of_the_dead
)
PRINTS_HERE: Final = Guard(
    Text("网点能即时制卡，且在发卡地", "the counter makes cards at once, in the issuing region"),
    _prints_here,
)
LIES_HERE: Final = Guard(Text("卡在这个网点", "the card is at this counter"), _lies_here)
ISSUING_BANK: Final = Guard(Text("在发卡银行", "at the issuing bank"), _issuing_bank)
IDENTITY_CLEAR: Final = Guard(
    Text("身份信息与户籍一致", "identity agrees with the register"), _identity_clear
)
NONE_UNDER_WAY: Final = Guard(Text("没有在办申请", "no application under way"), _none_under_way)
NO_CARD: Final = Guard(Text("还没有卡", "has no card"), _no_card)
CARD_TO_REPLACE: Final = Guard(Text("有卡可换", "has a card to replace"), _card_to_replace)
REASON_HOLDS: Final = Guard(Text("换卡原因成立", "the reason for a new card holds"), _reason_holds)
REGION_RIGHT: Final = Guard(Text("受理地、发卡地正确", "the regions are right"), _region_right)
DELIVERY_COMPLETE: Final = Guard(Text("领取方式完整", "delivery is complete"), _delivery_complete)
ANOTHER_REVIEWER: Final = Guard(
    Text("审核人不是受理人", "the reviewer is not who took it in"), _another_reviewer
)
REASON_GIVEN: Final = Guard(Text("写明原因", "a reason is given"), _reason_given)
NOTHING_ASKED: Final = Guard(Text("没有待补正", "nothing is asked to be added"), _nothing_asked)
SOMETHING_ASKED: Final = Guard(Text("有待补正", "something is asked to be added"), _something_asked)
PHOTO_AT_HAND: Final = Guard(Text("有制卡照片", "there is a photo for the card"), _photo_at_hand)
ANSWER_OVERDUE: Final = Guard(Text("补正期限已过", "the time to add it is over"), _answer_overdue)
NOT_IN_BATCH: Final = Guard(Text("未送厂制卡", "not at the maker's yet"), _not_in_batch)
IN_BATCH: Final = Guard(Text("在制卡批次里", "in a production batch"), _in_batch)
FEE_SETTLED: Final = Guard(
    Text("工本费已交或免收", "the fee is paid, or none is due"), _fee_settled
)
FEE_IS_DUE: Final = Guard(Text("有待交工本费", "a fee is due"), _fee_is_due)
BY_POST: Final = Guard(Text("选择了邮寄", "delivery by post was chosen"), _by_post)
BANK_INACTIVE: Final = Guard(
    Text("已绑账户且未启用", "an account is bound and not yet active"), _bank_inactive
)
VALID: Final = Guard(Text("未过期", "not expired"), _valid)
RAN_OUT: Final = Guard(Text("有效期已过", "its validity is over"), _is_current)
REPORT_RAN_OUT: Final = Guard(
    Text("临时挂失期满", "the provisional report ran out"), _report_ran_out
)
