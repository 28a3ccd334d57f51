"""Use cases of applications: apply, mend, review, withdraw, pay; ready, post, hand over."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from yikatong.cards import service as cards
from yikatong.cards.model import ApplicationState, Card, CardApplication
from yikatong.cards.office import desk as office
from yikatong.cards.office import fees, rules, store, tails
from yikatong.cards.office.desk import Command, Desk, application_again
from yikatong.cards.office.errors import CardRefused, NoSuchApplication
from yikatong.cards.office.model import Doing, Mended, NewApplication
from yikatong.cards.office.table import ApplicationEvent
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.regions import get as get_region
from yikatong.money.bank import banks
from yikatong.money.errors import printable
from yikatong.trust.audit import Actor

WAITING: Final[tuple[ApplicationState, ...]] = ("applied", "in_production", "ready", "sent")
"""What a work list shows, in the order in which an application goes through it."""
TEXT_MAX: Final = 200
WORK_MAX: Final = 200


async def apply(
    platform: Platform,
    person_id: int,
    wanted: NewApplication,
    doing: Doing,
    actor: Actor,
    key: str,
) -> CardApplication:
    """Apply for the first card, a replacement or a renewal (申领、补卡、换卡).

    A counter of the insured place that sees the person decides at once; elsewhere somebody reviews.
    Raises InvalidInput naming the field, CardRefused, NotFound for nobody.
    """
    rules.check_why(wanted)
    for field in ("pickup_place", "post_to", "post_phone"):
        _check_text(getattr(wanted, field) or "", field)
    if wanted.bank is not None:
        banks.bank(wanted.bank)
    if wanted.accepted_in is not None:
        get_region(wanted.accepted_in, "accepted_in")

    async def work(desk: Desk) -> CardApplication:
        made = await desk.apply(wanted)
        if rules.decided_at_once(wanted, desk.facts):
            made = await desk.move_application(made, "approve_at_once")
        return made

    return await _run(platform, person_id, "apply", wanted, doing, actor, key, work)


async def amend(
    platform: Platform,
    person_id: int,
    application_id: int,
    mended: Mended,
    doing: Doing,
    actor: Actor,
    key: str,
) -> CardApplication:
    """Add or mend what the office asked for (补正), and send it back to the review; documents are added
    before. Raises InvalidInput, CardRefused."""
    for field in ("pickup_place", "post_to", "word"):
        _check_text(getattr(mended, field) or "", field)
    if mended.bank is not None:
        banks.bank(mended.bank)

    async def work(desk: Desk) -> CardApplication:
        one = desk.application(application_id)
        bank = mended.bank or one.bank
        place = mended.pickup_place
        if place is None and bank != one.bank:
            # The counter that was chosen may be a branch of the bank before.
            place = one.pickup_place
        pickup = await desk.counter(place, "pickup_place")
        changes: dict[str, object] = {"bank": bank}
        if (refusal := rules.pickup_refused(pickup, bank)) is not None:
            raise refusal
        if pickup is not None and one.delivery == "pickup":
            changes["pickup_place"] = pickup.code
        materials = tuple(dict.fromkeys((*one.materials, *mended.materials)))
        moved = await desk.move_application(
            # The office's time to decide begins anew.
            one,
            "amend",
            asked_for=None,
            asked_until=None,
            materials=materials,
            state_since=desk.now,
            **changes,
        )
        if mended.post_to:
            sealed = platform.vault.seal("post_to", application_id, mended.post_to)
            await store.set_post_to(desk.connection, person_id, application_id, sealed)
        # What was said the time before was about something else.
        word = platform.vault.seal("word", application_id, mended.word) if mended.word else None
        await store.set_word(desk.connection, person_id, application_id, word)
        return moved

    content = [application_id, mended]
    return await _run(platform, person_id, "amend", content, doing, actor, key, work)


async def ask(
    platform: Platform, person_id: int, application_id: int, doing: Doing, actor: Actor, key: str
) -> CardApplication:
    """Ask the applicant to add something, in `doing.reason` (要求补正), within the days of the region."""
    _check_text(doing.reason, "reason")

    async def work(desk: Desk) -> CardApplication:
        one = desk.application(application_id)
        until = desk.facts.today + timedelta(days=desk.rules_of(one.region).amend_days)
        return await desk.move_application(one, "ask", asked_for=doing.reason, asked_until=until)

    return await _run(platform, person_id, "ask", application_id, doing, actor, key, work)


async def approve(
    platform: Platform, person_id: int, application_id: int, doing: Doing, actor: Actor, key: str
) -> CardApplication:
    """Approve; somebody else than who took it in (审核通过)."""
    return await _move(platform, person_id, application_id, "approve", doing, actor, key)


async def reject(
    platform: Platform, person_id: int, application_id: int, doing: Doing, actor: Actor, key: str
) -> CardApplication:
    """Refuse, with a reason the applicant will read; a paid fee is given back."""
    changes = {"reason": doing.reason}
    return await _move(platform, person_id, application_id, "reject", doing, actor, key, changes)


async def withdraw(
    platform: Platform, person_id: int, application_id: int, doing: Doing, actor: Actor, key: str
) -> CardApplication:
    """The applicant withdraws, until the card is at the maker's; a paid fee is given back."""
    changes = {"reason": doing.reason or None}
    return await _move(platform, person_id, application_id, "withdraw", doing, actor, key, changes)


async def pay_fee(
    platform: Platform,
    person_id: int,
    application_id: int,
    account_id: int | None,
    doing: Doing,
    actor: Actor,
    key: str,
    *,
    level: int = 3,
) -> CardApplication:
    """Pay the fee from a bank account of the person, or in cash where `account_id` is None.

    Cash only where somebody takes it. Raises CardRefused where nothing is due, and what refuses a
    payment from the account.
    """
    if account_id is None and doing.channel not in ("counter", "bank", "cross_province"):
        raise InvalidInput(
            "account_id",
            zh="现金只能在窗口交，网上请选择付款账户",
            en="cash is taken at counters only; online, choose an account",
        )

    async def work(desk: Desk) -> CardApplication:
        one = desk.application(application_id)
        account = None if account_id is None else (person_id, account_id)
        paid = await desk.move_application(
            one, "pay_fee", fee_state="paid", fee_paid_by="account" if account else "cash"
        )
        await fees.take(platform, desk.connection, one, actor, account, level)
        return paid

    content = [application_id, account_id]
    return await _run(platform, person_id, "pay_fee", content, doing, actor, key, work)


async def post(
    platform: Platform,
    person_id: int,
    application_id: int,
    tracking: str,
    doing: Doing,
    actor: Actor,
    key: str,
) -> CardApplication:
    """The card was given to the post, with the number of the parcel (寄出)."""
    changes = {"tracking": parcel_number(tracking)}
    return await _move(platform, person_id, application_id, "post", doing, actor, key, changes)


def parcel_number(text: str) -> str:
    """The number of a parcel (快递单号); raises InvalidInput."""
    _check_text(text, "tracking")
    if not text.strip():
        raise InvalidInput("tracking", zh="请填写快递单号", en="give the number of the parcel")
    return text.strip()


async def come_back(
    platform: Platform, person_id: int, application_id: int, doing: Doing, actor: Actor, key: str
) -> CardApplication:
    """The parcel came back; the card waits to be sent again or collected (退件)."""
    return await _move(
        platform, person_id, application_id, "come_back", doing, actor, key,
        {"tracking": None, "chased": 0},
    )  # fmt: skip


async def lose(
    platform: Platform, person_id: int, application_id: int, doing: Doing, actor: Actor, key: str
) -> CardApplication:
    """The parcel was lost in the post (邮寄遗失), with what the post said: the card's number is dead and
    another is made, without a further fee.

    A card lost on its way to a counter is recorded on its delivery sheet. Raises CardRefused.
    """
    if not doing.reason.strip():
        raise InvalidInput("reason", zh="请写明邮政查询的结果", en="say what the post answered")
    _check_text(doing.reason, "reason")

    async def work(desk: Desk) -> CardApplication:
        one = desk.application(application_id)
        if one.state == "ready":
            raise CardRefused(
                zh="卡没有寄出；送网点途中遗失的，请在配送单上登记",
                en="the card was not sent by post; one lost on its way to a counter is recorded on its "
                "delivery sheet",
            )
        return await desk.move_application(one, "lose")

    return await _run(platform, person_id, "lose", application_id, doing, actor, key, work)


async def hand_over(
    platform: Platform,
    person_id: int,
    application_id: int,
    doing: Doing,
    actor: Actor,
    key: str,
    *,
    event: ApplicationEvent = "hand_over",
) -> Card:
    """The card is handed over (领取), delivered by post ("deliver"), or printed at the counter and
    handed over ("print"): it is recorded and the old one ends. Answers the new card."""

    async def work(desk: Desk) -> Card:
        done = await desk.move_application(desk.application(application_id), event)
        assert done.card_id is not None
        return desk.card(done.card_id)

    mine = office.command(person_id, event, application_id, doing, actor, key)
    return await office.carry_out(platform, mine, work, office.card_again)


async def received(
    platform: Platform,
    person_id: int,
    application_id: int,
    tail: str,
    doing: Doing,
    actor: Actor,
    key: str,
) -> Card:
    """The holder says that the parcel has come (签收), and reads the last four of the number from the card:
    as "deliver". Answers the new card. Raises InvalidInput, TooManyTries, CardRefused."""

    async def work(desk: Desk) -> Card:
        one = desk.application(application_id)
        if one.card_number is not None:
            await tails.compare(platform, desk.connection, application_id, one.card_number, tail)
        done = await desk.move_application(one, "deliver")
        assert done.card_id is not None
        return desk.card(done.card_id)

    if not await office.sent_before(platform, person_id, key):
        # There is one card an application.
        await tails.count(platform, application_id)
    mine = office.command(person_id, "received", application_id, doing, actor, key)
    return await office.carry_out(platform, mine, work, office.card_again)


async def _move(
    platform: Platform,
    person_id: int,
    application_id: int,
    event: ApplicationEvent,
    doing: Doing,
    actor: Actor,
    key: str,
    changes: Mapping[str, object] | None = None,
) -> CardApplication:
    _check_text(doing.reason, "reason")

    async def work(desk: Desk) -> CardApplication:
        return await desk.move_application(
            desk.application(application_id), event, **(changes or {})
        )

    return await _run(platform, person_id, event, application_id, doing, actor, key, work)


async def _run(
    platform: Platform,
    person_id: int,
    name: str,
    content: object,
    doing: Doing,
    actor: Actor,
    key: str,
    work: Callable[[Desk], Awaitable[CardApplication]],
) -> CardApplication:
    mine: Command = office.command(person_id, name, content, doing, actor, key)
    return await office.carry_out(platform, mine, work, application_again)


def _check_text(text: str, field: str) -> None:
    printable(text.replace("\n", " "), field)
    if len(text) > TEXT_MAX:
        raise InvalidInput(field, zh=f"最多 {TEXT_MAX} 字", en=f"at most {TEXT_MAX} characters")


async def takes_documents(connection: Connection, person_id: int, application_id: int) -> None:
    """Raise NoSuchApplication, or CardRefused where it is decided and takes no more documents."""
    for one in await cards.applications(connection, person_id):
        if one.application_id == application_id:
            if one.state != "applied":
                raise CardRefused(
                    zh="申请已审核，不再接收材料",
                    en="the application was decided and takes no more documents",
                )
            return
    raise NoSuchApplication


async def waiting(
    connection: Connection,
    states: Sequence[ApplicationState],
    areas: Sequence[str] | None,
    limit: int = 50,
) -> list[CardApplication]:
    """Applications that wait in some states, the longest first: decided, taken in or collected within
    some areas (region codes without trailing zeros; None: everywhere). Ids and states only, so no look
    at a person."""
    return await store.work_list(connection, states, areas, max(1, min(limit, WORK_MAX)))


async def to_mend(connection: Connection, counter: str, limit: int = 50) -> list[CardApplication]:
    """What a counter took in and the deciding region asks something for, the longest waiting first.
    Ids and states only, so no look at a person."""
    return await store.to_mend(connection, counter, max(1, min(limit, WORK_MAX)))
