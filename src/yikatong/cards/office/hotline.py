"""The hotline (12333): is the caller the holder, told by three facts, and how does the card stand.

Whoever asks learns whether all three agree, not which of them does, and nothing of who is behind a
number that does not. Tries are counted before they are looked at, against the member of staff and
against the number.
"""

from datetime import timedelta
from typing import Final, Literal, get_args

import msgspec

from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.model import OPEN_STATES, Card, CardApplication
from yikatong.cards.office import words
from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, Text, one_of
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.people.guard import require_person
from yikatong.people.model import Contact, Person
from yikatong.people.rules import parse_id_number
from yikatong.trust import audit, guessing
from yikatong.trust.access import Caller, NotAllowed
from yikatong.trust.guessing import Limit

Third = Literal["phone", "card", "birth_date", "residence"]
THIRDS: Final[tuple[Third, ...]] = get_args(Third)
"""第三项：手机号后四位, 卡号后四位, 出生日期（用卡号查时）, 居住的区县."""
PERMISSION: Final = "cards.read"
NAME_MAX: Final = 50
_TAIL: Final = 4
_MEMBER: Final = (Limit(30, timedelta(hours=1)), Limit(100, timedelta(days=1)))
"""Wrong facts one member of staff may type."""
_NUMBER: Final = (Limit(5, timedelta(hours=1)), Limit(10, timedelta(days=1)))
"""Wrong facts about one number, whoever types them."""


class Told(msgspec.Struct, frozen=True):
    """What the caller said, in the forms in which it is compared."""

    name: str
    number: str
    """An id number, or a card number."""
    by_card: bool
    third: Third
    value: str


class Standing(msgspec.Struct, frozen=True):
    """How the card of a person stands (办卡情况)."""

    card: Card | None
    """The live card, else the newest."""
    application: CardApplication | None
    """The one under way."""
    said: tuple[Text, ...]
    """The same in plain words, to be read out."""


def read(name: str, number: str, third: str, value: str) -> Told:
    """Check the forms before anybody is looked for; raises InvalidInput naming the field.

    A third fact must say something new: the birth date stands in the id number.
    """
    plain = "".join(name.split())
    if not 2 <= len(plain) <= NAME_MAX:
        raise InvalidInput("name", zh="请填写姓名", en="give the name")
    wanted = "".join(number.split()).upper()
    by_card = len(wanted) == cards.NUMBER_LENGTH
    if by_card:
        cards.parse_number(wanted, "number")
    elif len(wanted) != 18:
        raise InvalidInput(
            "number",
            zh="请填写 18 位身份证号，或卡面上的 9 位卡号",
            en="give the id number (18 characters) or the card number (9 characters)",
        )
    kind: Third = one_of(third, THIRDS, "third")
    if kind == ("card" if by_card else "birth_date"):
        raise InvalidInput(
            "third",
            zh="这一项已在号码里，请另问一项",
            en="the number tells this already; ask for something else",
        )
    return Told(plain, wanted, by_card, kind, _value(kind, value.strip()))


def _value(kind: Third, said: str) -> str:
    if kind == "birth_date":
        digits = "".join(one for one in said if one.isdigit() and one.isascii())
        if len(digits) != 8:
            raise InvalidInput("value", zh="例如 1985-03-05", en="for example 1985-03-05")
        return digits
    if kind == "residence":
        region, _ = regions.resolve(said)
        # A whole city says too little, and often stands in the id number.
        if region is None or region.code.endswith("00"):
            raise InvalidInput(
                "value",
                zh="请填写到区县，例如 成都市锦江区",
                en="name the district they live in, such as Jinjiang, Chengdu",
            )
        return region.code
    tail = "".join(said.split())[-_TAIL:].upper()
    if len(tail) < _TAIL or (kind == "phone" and not (tail.isascii() and tail.isdigit())):
        raise InvalidInput("value", zh="请填写后四位", en="give the last four characters")
    return tail


def agrees(told: Told, person: Person, contact: Contact, card_number: str | None) -> bool:
    """Whether name and third fact are this person's; the number led here."""
    if "".join(person.name.split()).casefold() != told.name.casefold():
        return False
    match told.third:
        case "phone":
            return contact.phone is not None and contact.phone[-_TAIL:] == told.value
        case "card":
            return card_number is not None and card_number[-_TAIL:] == told.value
        case "birth_date":
            return f"{person.birth_date:%Y%m%d}" == told.value
        case "residence":
            return person.residence_region == told.value


async def match(platform: Platform, caller: Caller, told: Told) -> int | None:
    """The person of whom all three facts are true and about whom the caller may speak, else None.

    A person whose number was named reads of it in the trail, whatever came out. Raises InvalidInput
    for an id number that cannot be one, TooManyTries.
    """
    if not told.by_card:
        parse_id_number(told.number, "number", today=today(platform.clock))
    tries = [(f"hotline:{caller.name}", _MEMBER), (f"hotline about:{told.number}", _NUMBER)]
    await guessing.count(platform, tries)
    async with platform.database.transaction() as connection:
        found = await _named(platform, connection, caller, told)
        if found is None:
            return None
        person = await people.get(connection, found)
        contact = await people.contact(platform, connection, found)
        current = (await cards.current_cards(connection, [found])).get(found)
        agreed = agrees(told, person, contact, current.card_number if current else None)
        await audit.record(
            connection, caller.actor("hotline"), platform.clock.now(), found, "hotline.compared",
            {"agreed": agreed, "third": told.third},
        )  # fmt: skip
        if agreed:
            await guessing.take_back(connection, platform, tries)
    return found if agreed else None


async def _named(
    platform: Platform, connection: Connection, caller: Caller, told: Told
) -> int | None:
    try:
        if told.by_card:
            person_id, _ = await cards.find_by_number(connection, told.number, "number")
        else:
            person_id = await people.find_by_id_number(platform, connection, told.number, "number")
        await require_person(connection, caller, PERMISSION, person_id)
    except (NotFound, NotAllowed):
        return None
    return person_id


async def standing(platform: Platform, connection: Connection, person_id: int) -> Standing:
    """How card and application stand, to tell whom `match` found; `match` recorded the look."""
    day = today(platform.clock)
    card = (await cards.current_cards(connection, [person_id])).get(person_id)
    applications = await cards.applications(connection, person_id)
    under_way = next((one for one in applications if one.state in OPEN_STATES), None)
    said = [words.of_card(card, day) if card else words.NO_CARD]
    if under_way is not None:
        places = await counters.names(connection, [under_way.pickup_place])
        said.append(words.of_application(under_way, places.get(under_way.pickup_place or "")))
    return Standing(card, under_way, tuple(said))
