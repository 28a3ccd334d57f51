"""Use cases of a card in hand: activate, report lost, find again, reset the PIN, unlock, cancel."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date

from yikatong.cards.model import Card
from yikatong.cards.office import desk as office
from yikatong.cards.office import store, table, tails
from yikatong.cards.office.desk import Desk, card_again
from yikatong.cards.office.model import CardEvent, Doing, Remaining
from yikatong.cards.office.table import CardEventName
from yikatong.cards.pins import service as pins
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.money.contributions import service as contributions
from yikatong.money.ledger import service as ledger
from yikatong.money.wealth import service as wealth
from yikatong.people import service as people
from yikatong.trust.audit import Actor


async def activate(
    platform: Platform,
    person_id: int,
    card_id: int,
    pin: str | None,
    doing: Doing,
    actor: Actor,
    key: str,
) -> Card:
    """Activate the social-security side and set the PIN (启用社保功能).

    Without a PIN only in bulk; the holder sets it at first use. The caller has seen the proof that
    the channel asks for (online: a face check). On the phone `activate_by_phone` does it. Raises
    InvalidInput, CardRefused, PinAlreadySet.
    """
    if doing.channel == "phone":
        raise InvalidInput(
            "pin",
            zh="电话里不设密码：请用电话启用，密码之后由本人设置",
            en="no PIN is said on the phone: activate by phone, and the holder chooses it afterwards",
        )
    if pin is None and doing.by != "employer":
        raise InvalidInput(
            "pin",
            zh="启用时请设置 6 位卡密码",
            en="choose a PIN of six digits to activate the card",
        )
    verifier = None
    if pin is not None:
        _, verifier = await pins.choose(platform, person_id, card_id, pin)

    async def work(desk: Desk) -> Card:
        desk.verifier = verifier
        return await desk.move_card(desk.card(card_id), "activate")

    # The PIN is no part of the content: nothing of it is kept, not even its hash.
    return await _run(platform, person_id, "activate", card_id, doing, actor, key, work)


async def activate_by_phone(
    platform: Platform,
    person_id: int,
    card_id: int,
    tail: str,
    doing: Doing,
    actor: Actor,
    key: str,
) -> Card:
    """Activate the social-security side on the phone (电话启用): the caller, whose facts were compared,
    reads the last four characters from the card in their hand. No PIN is said; the holder chooses it
    afterwards. Raises InvalidInput for another card's, TooManyTries, CardRefused.
    """
    if doing.channel != "phone":
        raise InvalidInput("channel", zh="应为 phone", en="must be phone")

    async def work(desk: Desk) -> Card:
        card = desk.card(card_id)
        await tails.compare(platform, desk.connection, card_id, card.card_number, tail)
        return await desk.move_card(card, "activate")

    if not await office.sent_before(platform, person_id, key):
        await tails.count(platform, card_id)
    return await _run(platform, person_id, "activate_by_phone", card_id, doing, actor, key, work)


async def activate_bank(
    platform: Platform, person_id: int, card_id: int, doing: Doing, actor: Actor, key: str
) -> Card:
    """Activate the bank side at the issuing bank (启用银行功能)."""
    return await _move(platform, person_id, card_id, "activate_bank", doing, actor, key)


async def change_pin(
    platform: Platform,
    person_id: int,
    card_id: int,
    old: str,
    new: str,
    doing: Doing,
    actor: Actor,
    key: str,
) -> Card:
    """Change the PIN with the old one and the card in a reader (改密码): at a counter, a bank, a
    terminal. Three wrong ones in a row lock the card. Raises InvalidInput (field "new"),
    PinNotAccepted (field "old"), PinLocked, CardRefused, Busy.
    """
    card, verifier = await pins.choose(platform, person_id, card_id, new, "new")
    if card.state in table.card_states("change_pin") and not await office.sent_before(
        platform, person_id, key
    ):
        shown = await pins.verify_present(platform, person_id, card_id, old, actor)
        if not shown.right:
            raise pins.PinNotAccepted("old") if shown.tries_left else pins.PinLocked

    async def work(desk: Desk) -> Card:
        desk.verifier = verifier
        return await desk.move_card(desk.card(card_id), "change_pin")

    return await _run(platform, person_id, "change_pin", card_id, doing, actor, key, work)


async def reset_pin(
    platform: Platform,
    person_id: int,
    card_id: int,
    pin: str,
    doing: Doing,
    actor: Actor,
    key: str,
) -> Card:
    """A new PIN without the old one, after a stronger proof that the caller has seen; unlocks the
    card (重置密码). Raises InvalidInput, CardRefused."""
    _, verifier = await pins.choose(platform, person_id, card_id, pin)

    async def work(desk: Desk) -> Card:
        desk.verifier = verifier
        return await desk.move_card(desk.card(card_id), "reset_pin")

    return await _run(platform, person_id, "reset_pin", card_id, doing, actor, key, work)


async def unlock(
    platform: Platform, person_id: int, card_id: int, doing: Doing, actor: Actor, key: str
) -> Card:
    """Unlock a card whose holder was seen with the id document; the PIN stays (密码解锁)."""

    async def work(desk: Desk) -> Card:
        card = await desk.move_card(desk.card(card_id), "unlock")
        await pins.forget_tries(desk.connection, card)
        return card

    return await _run(platform, person_id, "unlock", card_id, doing, actor, key, work)


async def report_loss_provisionally(
    platform: Platform, person_id: int, card_id: int, doing: Doing, actor: Actor, key: str
) -> Card:
    """Report a loss by phone or online (临时挂失): card and account stop at once; it ends by itself
    after the region's days. The caller has compared the facts."""

    async def work(desk: Desk) -> Card:
        card = desk.card(card_id)
        days = desk.rules_of(card.region).provisional_days
        until = office.provisional_until(desk.now, days)
        return await desk.move_card(card, "report_loss_provisionally", provisional_until=until)

    name = "report_loss_provisionally"
    return await _run(platform, person_id, name, card_id, doing, actor, key, work)


async def report_loss(
    platform: Platform, person_id: int, card_id: int, doing: Doing, actor: Actor, key: str
) -> Card:
    """Report a loss for good: until the card is found or replaced (挂失)."""
    return await _move(
        platform, person_id, card_id, "report_loss", doing, actor, key, {"provisional_until": None}
    )


async def withdraw_loss(
    platform: Platform, person_id: int, card_id: int, doing: Doing, actor: Actor, key: str
) -> Card:
    """The card was found: it goes back to what the report interrupted (解挂)."""
    return await _move(platform, person_id, card_id, "withdraw_loss", doing, actor, key)


async def cancel(
    platform: Platform,
    person_id: int,
    card_id: int,
    died_on: date | None,
    doing: Doing,
    actor: Actor,
    key: str,
) -> tuple[Card, Remaining]:
    """Cancel a card for good (注销): on death (next of kin, with its day from the certificate), or
    because the holder leaves the country or wishes so. Answers what remains to be settled."""
    if doing.by == "kin" and died_on is None:
        raise InvalidInput(
            "died_on",
            zh="请填写死亡证明上的日期",
            en="give the day of death as it stands on the certificate",
        )

    async def work(desk: Desk) -> Card:
        if died_on is not None:
            person = desk.facts.person
            await people.record_death(platform, desk.connection, person, died_on, actor)
            await desk.read()
        return await desk.move_card(desk.card(card_id), "cancel")

    content = [card_id, died_on]
    card = await _run(platform, person_id, "cancel", content, doing, actor, key, work)
    async with platform.database.transaction(readonly=True) as connection:
        return card, await remaining(connection, person_id)


async def remaining(connection: Connection, person_id: int) -> Remaining:
    """What remains to be settled of a person whose card has ended (待结清)."""
    accounts = await ledger.accounts_of(connection, person_id)
    held = await wealth.holdings_of(connection, person_id, open_only=True)
    bills = await contributions.current_bills(connection, person_id)
    return Remaining(
        accounts=tuple(
            (one.account_id, one.kind, one.balance)
            for one in accounts
            if one.state == "open" and one.balance
        ),
        wealth=sum(one.value for one in held),
        contributions=sum(
            one.total for one in bills if one.state == "open" and one.payer == "self"
        ),
    )


async def history(connection: Connection, person_id: int, limit: int = 100) -> list[CardEvent]:
    """Everything that happened to the person's cards and applications, the newest first; the caller
    records the look."""
    return await store.events_of(connection, person_id, max(1, min(limit, 500)))


async def _move(
    platform: Platform,
    person_id: int,
    card_id: int,
    event: CardEventName,
    doing: Doing,
    actor: Actor,
    key: str,
    changes: Mapping[str, object] | None = None,
) -> Card:
    async def work(desk: Desk) -> Card:
        return await desk.move_card(desk.card(card_id), event, **(changes or {}))

    return await _run(platform, person_id, event, card_id, doing, actor, key, work)


async def _run(
    platform: Platform,
    person_id: int,
    name: str,
    content: object,
    doing: Doing,
    actor: Actor,
    key: str,
    work: Callable[[Desk], Awaitable[Card]],
) -> Card:
    mine = office.command(person_id, name, content, doing, actor, key)
    return await office.carry_out(platform, mine, work, card_again)
