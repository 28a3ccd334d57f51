"""Who of the staff may do what with whose card: by region, by channel, by the document in hand.

An office acts where the person lives or is insured, where an application is decided, was taken in or is
collected. A cross-province counter (跨省通办) acts for anybody who stands there with the id document.
"""

from datetime import timedelta
from typing import Final, Literal, get_args

import msgspec

from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.model import CardApplication, Channel
from yikatong.cards.office.errors import ChannelNotYours
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.people.rules import parse_id_number
from yikatong.trust import audit, guessing
from yikatong.trust.access import ALL, Caller, not_there
from yikatong.trust.guessing import Limit

StatedChannel = Literal["counter", "cross_province", "phone", "bank"]
"""Channels that a caller may state; the others are what they are by themselves."""
Place = Literal["home", "decided", "taken_in", "collected"]
"""Which regions count: where the person lives or is insured; of an application the region that decides,
the one that took it in, and that of the counter where the card is collected."""
HOME: Final[frozenset[Place]] = frozenset(("home",))
OWN: Final[frozenset[Place]] = frozenset(("home", "decided", "taken_in"))
DECIDED: Final[frozenset[Place]] = frozenset(("decided",))
HANDED_OVER: Final[frozenset[Place]] = frozenset(("home", "decided", "collected"))
ANY: Final[frozenset[Place]] = OWN | HANDED_OVER

_OF_ROLE: Final[dict[str, tuple[Channel, ...]]] = {
    "counter": ("counter", "cross_province"),
    "hotline": ("phone",),
}
_OF_MACHINE: Final[tuple[Channel, ...]] = ("bank", "terminal")
_EVERY: Final[tuple[Channel, ...]] = (*get_args(StatedChannel), "terminal")

_WRONG_OF_ONE: Final = (Limit(5, timedelta(hours=1)),)
"""Wrong tries at one id number, from wherever."""
_WRONG_OF_MEMBER: Final = (Limit(30, timedelta(hours=1)),)
_LOOKS_OF_MEMBER: Final = (Limit(60, timedelta(minutes=5)), Limit(1000, timedelta(days=1)))
"""Right ones too: as many as searches."""


class InHand(msgspec.Struct, frozen=True):
    """What the id document says that a cross-province counter has in hand."""

    id_number: str
    name: str
    card_number: str | None = None
    """Of the card that lies beside it, where there is one; also of one that ended."""


def channels_of(caller: Caller) -> frozenset[Channel]:
    """The channels a caller stands for: staff by their roles, a machine the branches of a bank and
    self-service terminals (自助机)."""
    if any(grant.what == ALL for grant in caller.grants):
        return frozenset(_EVERY)
    if caller.kind != "staff":
        return frozenset(_OF_MACHINE)
    return frozenset(channel for grant in caller.grants for channel in _OF_ROLE.get(grant.what, ()))


def check_channel(caller: Caller, channel: Channel) -> None:
    """Raise ChannelNotYours where the caller does not stand for this channel."""
    mine = channels_of(caller)
    if channel not in mine:
        raise ChannelNotYours(mine)


async def admit(
    platform: Platform,
    connection: Connection,
    caller: Caller,
    permission: str,
    person_id: int,
    *,
    application_id: int | None = None,
    places: frozenset[Place] = OWN,
    counter: str | None = None,
    in_hand: InHand | None = None,
) -> None:
    """Raise NotAllowed unless the caller may do this with this person, or this application.

    `counter`: where the caller says to be; it must be one of the caller's regions. `in_hand`: the id
    document shown at a cross-province counter, in place of being at home. A caller of a region does
    not learn whether somebody who is not at home there exists.
    """
    here = None
    if counter is not None:
        here = await counters.get(platform, connection, counter)
        caller.require(permission, here.region)
    if caller.everywhere(permission):
        return
    found = None
    if application_id is not None:
        applications = await cards.applications(connection, person_id)
        found = next((one for one in applications if one.application_id == application_id), None)
    if any(
        caller.may(permission, one) for one in await _regions(connection, person_id, found, places)
    ):
        return
    # Without a counter of the caller's own there is nobody in front of it.
    if in_hand is None or here is None:
        raise not_there(permission)
    if await find(platform, connection, caller, in_hand) != person_id:
        raise not_there(permission)


async def _regions(
    connection: Connection,
    person_id: int,
    application: CardApplication | None,
    places: frozenset[Place],
) -> set[str]:
    found: set[str] = set()
    # Of an application that does not exist those at home learn it, and nobody else.
    if "home" in places or application is None:
        found.update((await people.regions_of(connection, [person_id])).get(person_id, ()))
    if application is not None:
        if "decided" in places:
            found.add(application.region)
        if "taken_in" in places and application.accepted_in:
            found.add(application.accepted_in)
        if "collected" in places:
            at = await counters.find(connection, [application.pickup_place])
            found.update(one.region for one in at.values())
    return found


async def match(platform: Platform, caller: Caller, in_hand: InHand) -> int | None:
    """The same as `find`, each try counted before it is looked at: wrong ones of one number and of one
    caller, and all of a member of staff. Raises InvalidInput, TooManyTries."""
    number = parse_id_number(in_hand.id_number, "id_number", today=today(platform.clock)).number
    if in_hand.card_number is not None:
        cards.parse_number(in_hand.card_number, "card_number")
    wrong = [
        (f"document:{caller.kind}:{caller.name}", _WRONG_OF_MEMBER),
        (f"document about:{number}", _WRONG_OF_ONE),
    ]
    # A bank's machine speaks for all of its branches.
    looks = [(f"document looks:{caller.name}", _LOOKS_OF_MEMBER)] if caller.kind == "staff" else []
    await guessing.count(platform, [*wrong, *looks])
    async with platform.database.transaction() as connection:
        found = await find(platform, connection, caller, in_hand)
        if found is not None:
            await guessing.take_back(connection, platform, wrong)
    return found


async def find(
    platform: Platform, connection: Connection, caller: Caller, in_hand: InHand
) -> int | None:
    """The person whose number and name the document in hand says, whoever they are insured with. None
    where the facts do not belong together, or belong to nobody; which of the two is not told.

    Whose number it is reads of it in the trail, whatever came out. Raises InvalidInput for a number
    that cannot be one.
    """
    try:
        person_id = await people.find_by_id_number(platform, connection, in_hand.id_number)
    except NotFound:
        return None
    agrees = await _agrees(connection, person_id, in_hand)
    action = "card.found_by_document" if agrees else "card.document_differs"
    who = caller.actor("id document at a counter")
    await audit.record(connection, who, platform.clock.now(), person_id, action)
    return person_id if agrees else None


async def _agrees(connection: Connection, person_id: int, in_hand: InHand) -> bool:
    name = (await people.names(connection, [person_id]))[person_id]
    if "".join(name.split()).casefold() != "".join(in_hand.name.split()).casefold():
        return False
    if in_hand.card_number is None:
        return True
    number = cards.parse_number(in_hand.card_number, "card_number")
    held = (await cards.find_many(connection, [number])).get(number)
    return held is not None and held[0] == person_id
