"""Use cases of serving somebody from elsewhere (跨省通办): compare the document in hand, find the visit
again, end it.

The member learns whether name, number and card belong together, and nothing of who is behind a number
that does not. What is seen then is the card and its applications alone.
"""

from datetime import timedelta
from typing import Final

from yikatong.cards.counters import service as counters
from yikatong.cards.counters.model import Counter
from yikatong.cards.office import admitting
from yikatong.cards.office.admitting import InHand
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.people.guard import those_at_home
from yikatong.people.rules import parse_id_number
from yikatong.portals.counter import own_counter, store
from yikatong.portals.counter.store import Guest
from yikatong.trust.access import Caller

LASTS: Final = timedelta(minutes=30)
"""A visit is open for so long; then the document is compared anew."""
NAME_MAX: Final = 50


class DocumentDiffers(YikatongError):
    """The facts do not belong together; which does not, and whether anybody is meant, is not told."""

    code = "document_differs"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            zh="没有对上：请照证件原件再核对姓名、身份证号和卡号；还是对不上，请来人向参保地 12333 查询",
            en="these do not belong together; compare name, id number and card number with the originals "
            "once more. If they still differ, the person asks 12333 at the insured place",
            field="name",
        )


class NoCounter(YikatongError):
    """People from elsewhere are served at a counter, and the member has chosen none."""

    code = "no_counter_chosen"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="请先选择您所在的网点，再接待外省人员",
            en="choose the counter at which you work first; people from elsewhere are served there",
            field="counter",
        )


def read(platform: Platform, name: str, id_number: str, card_number: str, seen: str) -> InHand:
    """Check the forms before anybody is looked for; raises InvalidInput naming the field."""
    plain = name.strip()
    if not 2 <= len("".join(plain.split())) <= NAME_MAX:
        raise InvalidInput(
            "name", zh="请照证件填写姓名", en="give the name as the document says it"
        )
    number = parse_id_number(id_number, "id_number", today=today(platform.clock)).number
    card = "".join(card_number.split()).upper()
    if seen != "original":
        raise InvalidInput(
            "seen",
            zh="请先核对证件原件；没有原件不能办理",
            en="compare the original id document first; nothing is done without it",
        )
    return InHand(number, plain, card or None)


async def begin(platform: Platform, caller: Caller, in_hand: InHand) -> tuple[int, Guest | None]:
    """Find who stands there. Answers the person and the visit that was begun; none for somebody of the
    member's own regions, whose file is open to them.

    Raises NoCounter, InvalidInput, DocumentDiffers, TooManyTries.
    """
    async with platform.database.transaction(readonly=True) as connection:
        here = await own_counter.find(platform, connection, caller)
    if here is None:
        raise NoCounter
    person_id = await admitting.match(platform, caller, in_hand)
    if person_id is None:
        raise DocumentDiffers
    async with platform.database.transaction() as connection:
        if await those_at_home(connection, caller, "person.read", [person_id]):
            return person_id, None
        now = platform.clock.now()
        compared = ["name", "id_number", *(["card_number"] if in_hand.card_number else [])]
        made = Guest(person_id, new_id(now), caller.name, here.code, now, compared)
        await store.insert_guest(connection, made)
    return person_id, made


async def find(
    platform: Platform, connection: Connection, caller: Caller, person_id: int, guest_id: int
) -> tuple[Guest, Counter]:
    """One's own visit that is still open, and its counter; raises NotFound."""
    found = await store.guest(connection, person_id, guest_id)
    now = platform.clock.now()
    if (
        found is None
        or found.staff_number != caller.name
        or found.ended_at is not None
        or found.begun_at < now - LASTS
    ):
        raise NotFound(
            zh="这次接待已结束，请重新核对证件",
            en="this visit is over; please compare the id document anew",
        )
    return found, await counters.get(platform, connection, found.counter)


async def end(platform: Platform, caller: Caller, person_id: int, guest_id: int) -> None:
    """The person leaves; nothing of theirs is open any more."""
    async with platform.database.transaction() as connection:
        known = await store.guest(connection, person_id, guest_id)
        if known is None or known.staff_number != caller.name:
            raise NotFound(zh="没有这次接待", en="there is no such visit")
        await store.end_guest(connection, person_id, guest_id, platform.clock.now())
