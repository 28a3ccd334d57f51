"""Use cases of PINs: set, change, reset, verify, with the card in a reader or from afar, unlock.

Wrong tries from afar never lock a card, or anybody could lock anybody's: they are limited by
`trust.guessing.SIX_DIGITS`. Three wrong ones in a row with the card in a reader do.
"""

from typing import Final, Literal

import msgspec

from yikatong.cards import service as cards
from yikatong.cards import telling
from yikatong.cards.model import Card
from yikatong.cards.pins import rules, store
from yikatong.cards.pins.rules import Holder
from yikatong.core import events
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.events import Event
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.trust import audit, guessing, verifiers
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import SIX_DIGITS, Limit, TooManyTries

PURPOSE: Final = "card_pin"
IN_ROW_MAX: Final = 3


class PinNotAccepted(YikatongError):
    """The PIN is wrong, or the card has none that can be used; which of it is not told."""

    code = "pin_not_accepted"
    status = 403

    def __init__(self, field: str = "pin") -> None:
        super().__init__(
            zh="密码不对，或者这张卡现在不能用密码",
            en="the PIN is wrong, or this card cannot be used with a PIN now",
            field=field,
        )


class PinLocked(YikatongError):
    """Three wrong PINs in a row with the card present (密码锁定)."""

    code = "pin_locked"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            zh="卡密码连续输错 3 次，这张卡已锁定，请带身份证到社保服务网点解锁",
            en="the PIN was wrong three times in a row and the card is locked; take your id document "
            "to a counter to unlock it",
            field="pin",
        )


class PinAlreadySet(YikatongError):
    """The card has a PIN; it is changed with the old one, or reset."""

    code = "pin_already_set"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="这张卡已经有密码，要改请先输入原密码",
            en="this card has a PIN already; change it with the old one",
        )


class NoCardForPin(YikatongError):
    """The person has no card whose PIN could be set."""

    code = "no_card_for_pin"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="您现在没有能用的社保卡，不能设密码",
            en="you have no usable card now, so that no PIN can be set",
        )


What = Literal["set", "changed", "reset", "locked"]


class PinMoved(Event, frozen=True):
    """A PIN was set, changed or reset, or three wrong ones locked the card."""

    card_id: int
    what: What
    actor: Actor


class Presented(msgspec.Struct, frozen=True):
    """What came of a PIN typed with the card in a reader."""

    right: bool
    tries_left: int


def subject_of(card_id: int) -> str:
    """What a card's verifier is bound to."""
    return str(card_id)


def tries_at(person_id: int, asker: str | None) -> tuple[str, tuple[Limit, ...]]:
    """Against what a try from afar counts: everybody's tries together, or those of a known asker."""
    of_asker = f":{asker}" if asker else ""
    return f"pin:{person_id}{of_asker}", SIX_DIGITS


async def verify(
    platform: Platform, person_id: int, card_id: int, pin: str, *, asker: str | None = None
) -> bool:
    """Whether this is the card's PIN, tried from afar.

    `asker` names who has tries of its own with this person, such as a browser in which the PIN was
    right before; all others share theirs. Raises TooManyTries (to a stranger to be answered like a
    wrong PIN), Busy. Takes the same time whatever comes out; for nobody's card `verifiers.check`
    with nothing stored takes it, too.
    """
    return await _held(platform, person_id, card_id, pin, asker) is not None


async def _held(
    platform: Platform, person_id: int, card_id: int, pin: str, asker: str | None
) -> bytes | None:
    """The verifier that this PIN fits, or None."""
    tried = [tries_at(person_id, asker)]
    try:
        await guessing.count(platform, tried)
    except TooManyTries:
        await verifiers.check(platform, PURPOSE, "", pin, None)
        raise
    async with platform.database.transaction(readonly=True) as connection:
        stored = await store.usable(connection, person_id, card_id, IN_ROW_MAX - 1)
    typed = rules.read_pin(pin) or pin
    right = await verifiers.check(platform, PURPOSE, subject_of(card_id), typed, stored)
    if not right or stored is None:
        return None
    async with platform.database.transaction() as connection:
        await guessing.take_back(connection, platform, tried)
    return await _renewed(platform, person_id, card_id, typed, stored)


async def verify_present(
    platform: Platform, person_id: int, card_id: int, pin: str, actor: Actor
) -> Presented:
    """Try the PIN with the card in a reader; the third wrong one in a row locks the card.

    Raises PinLocked, PinNotAccepted for a card that cannot be used with a PIN, Busy.
    """
    stored, locked = None, False
    async with platform.database.transaction() as connection:
        # Counted before it is looked at: tries at the same moment cannot slip through together.
        counted = await store.count_present(connection, person_id, card_id)
        if counted is not None:
            stored = await store.usable(connection, person_id, card_id, IN_ROW_MAX)
        else:
            locked = await store.locked(connection, person_id, card_id)
            # Whoever counted the third try may have been lost before it was judged.
            await _lock(platform, connection, person_id, card_id, actor)
    if counted is None:
        raise PinLocked if locked else PinNotAccepted
    typed = rules.read_pin(pin) or pin
    right = await verifiers.check(platform, PURPOSE, subject_of(card_id), typed, stored)
    async with platform.database.transaction() as connection:
        if right and stored is not None:
            right = await store.was_right(connection, person_id, card_id, stored)
        if not right:
            detail: dict[str, object] = {"card_id": card_id, "card_present": True}
            await audit.record(
                connection, actor, platform.clock.now(), person_id, "pin.wrong", detail
            )
            if counted == IN_ROW_MAX:
                await _lock(platform, connection, person_id, card_id, actor)
    if right and stored is not None:
        await _renewed(platform, person_id, card_id, typed, stored)
    return Presented(right, IN_ROW_MAX if right else IN_ROW_MAX - counted)


async def set_first(
    platform: Platform, person_id: int, card_id: int, pin: str, actor: Actor, field: str = "pin"
) -> None:
    """The PIN of a card that has none, such as one activated in bulk; the caller has seen the proof.

    Raises InvalidInput for digits that may not be chosen, PinAlreadySet, Busy.
    """
    card, verifier = await choose(platform, person_id, card_id, pin, field)
    async with platform.database.transaction() as connection:
        await put_first(platform, connection, card, verifier, actor)


async def choose(
    platform: Platform, person_id: int, card_id: int, pin: str, field: str = "pin"
) -> tuple[Card, bytes]:
    """The card, and the verifier of a PIN chosen for it, to be put inside a transaction.

    Raises InvalidInput for digits that may not be chosen, NoCardForPin, Busy.
    """
    async with platform.database.transaction(readonly=True) as connection:
        held = await cards.cards(connection, person_id)
    card = next((one for one in held if one.card_id == card_id), None)
    if card is None:
        raise NoCardForPin
    chosen = rules.check_choice(pin, await _holder(platform, person_id, card.card_number), field)
    return card, await verifiers.make(platform, PURPOSE, subject_of(card_id), chosen)


async def check(
    platform: Platform, person_id: int, card_number: str | None, pin: str, field: str = "pin"
) -> None:
    """Raise InvalidInput for digits the person may not choose, before a card is handed over with them;
    `card_number` where one is drawn already."""
    rules.check_choice(pin, await _holder(platform, person_id, card_number or ""), field)


async def put_first(
    platform: Platform, connection: Connection, card: Card, verifier: bytes, actor: Actor
) -> None:
    """The first PIN of a card inside the caller's transaction; raises PinAlreadySet."""
    now = platform.clock.now()
    if not await store.insert(connection, card.person_id, card.card_id, verifier, now):
        raise PinAlreadySet
    detail: dict[str, object] = {"card_id": card.card_id}
    await audit.record(connection, actor, now, card.person_id, "pin.set", detail)
    await _tell(platform, connection, card.person_id, card.card_id, "set", actor)


async def put_anew(
    platform: Platform,
    connection: Connection,
    card: Card,
    verifier: bytes,
    actor: Actor,
    proof: str,
) -> None:
    """A PIN in place of whatever there was, inside the caller's transaction, after the `proof` that
    the caller has seen, such as "counter" or "face"."""
    now = platform.clock.now()
    await store.put(connection, card.person_id, card.card_id, verifier, now)
    detail: dict[str, object] = {"card_id": card.card_id, "proof": proof}
    await audit.record(connection, actor, now, card.person_id, "pin.reset", detail)
    await _tell(platform, connection, card.person_id, card.card_id, "reset", actor)


async def put_changed(
    platform: Platform, connection: Connection, card: Card, verifier: bytes, actor: Actor
) -> None:
    """A PIN in place of the old one, which the caller has seen right with the card in a reader, inside
    the caller's transaction; the caller writes what happened to the card."""
    now = platform.clock.now()
    await store.put(connection, card.person_id, card.card_id, verifier, now)
    detail: dict[str, object] = {"card_id": card.card_id, "card_present": True}
    await audit.record(connection, actor, now, card.person_id, "pin.changed", detail)
    await telling.of_pin(platform, connection, card, "changed", str(new_id(now)))


async def chosen(connection: Connection, person_id: int, card_id: int) -> bool:
    """Whether the card has a PIN: one that was activated in bulk or on the phone has none at first."""
    return await store.chosen(connection, person_id, card_id)


async def forget_tries(connection: Connection, card: Card) -> None:
    """Begin counting wrong tries anew, for a card that is unlocked."""
    await store.forget_tries(connection, card.person_id, card.card_id)


async def change(
    platform: Platform, person_id: int, old: str, new: str, actor: Actor, *, asker: str | None
) -> None:
    """Change the PIN of the person's card with the old one.

    Raises InvalidInput (field "new"), PinNotAccepted (field "old"), TooManyTries, NoCardForPin, Busy.
    """
    card = await _card(platform, person_id)
    holder = await _holder(platform, person_id, card.card_number)
    chosen = rules.check_choice(new, holder, "new")
    if rules.read_pin(old) == chosen:
        raise InvalidInput(
            "new", zh="新密码不能与原密码相同", en="the new PIN must differ from the old one"
        )
    stored = await _held(platform, person_id, card.card_id, old, asker)
    if stored is None:
        raise PinNotAccepted("old")
    verifier = await verifiers.make(platform, PURPOSE, subject_of(card.card_id), chosen)
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        # Two changes at once: the second was made with a PIN that is the old one no more.
        if not await store.replace(connection, person_id, card.card_id, stored, verifier, now):
            raise PinNotAccepted("old")
        detail: dict[str, object] = {"card_id": card.card_id}
        await audit.record(connection, actor, now, person_id, "pin.changed", detail)
        await _tell(platform, connection, person_id, card.card_id, "changed", actor)


async def _lock(
    platform: Platform, connection: Connection, person_id: int, card_id: int, actor: Actor
) -> None:
    if await store.lock_card(connection, person_id, card_id):
        detail: dict[str, object] = {"card_id": card_id}
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "card.locked", detail
        )
        await _tell(platform, connection, person_id, card_id, "locked", actor)


async def _tell(
    platform: Platform,
    connection: Connection,
    person_id: int,
    card_id: int,
    what: What,
    actor: Actor,
) -> None:
    held = await cards.cards(connection, person_id)
    card = next(one for one in held if one.card_id == card_id)
    once = str(new_id(platform.clock.now()))
    await telling.of_pin(platform, connection, card, what, once)
    await events.tell(platform, connection, PinMoved(person_id, card_id, what, actor))


async def _card(platform: Platform, person_id: int) -> Card:
    async with platform.database.transaction(readonly=True) as connection:
        card = (await cards.current_cards(connection, [person_id])).get(person_id)
    if card is None or card.state not in ("active", "locked"):
        raise NoCardForPin
    return card


async def _holder(platform: Platform, person_id: int, card_number: str) -> Holder:
    async with platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, person_id)
        contact = await people.contact(platform, connection, person_id)
    return Holder(person.birth_date, contact.id_number, card_number, contact.phone)


async def _renewed(
    platform: Platform, person_id: int, card_id: int, pin: str, stored: bytes
) -> bytes:
    """The verifier, made anew where it is of an older version."""
    if not verifiers.outdated(stored):
        return stored
    verifier = await verifiers.make(platform, PURPOSE, subject_of(card_id), pin)
    async with platform.database.transaction() as connection:
        now = platform.clock.now()
        if await store.replace(connection, person_id, card_id, stored, verifier, now):
            return verifier
    return stored
