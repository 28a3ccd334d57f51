"""Three facts by which a caller is known on the phone (电话核身): pure comparison, and what is too little.

A third fact must say something new: the birth date stands in the id number.
"""

from datetime import date
from typing import Final, Literal, get_args

import msgspec

from yikatong.core import regions
from yikatong.core.errors import InvalidInput, one_of
from yikatong.people.model import Contact, Person
from yikatong.policies.requests import parse_day

Third = Literal["phone", "birth_date", "residence", "card"]
THIRDS: Final[tuple[Third, ...]] = get_args(Third)
"""手机号（后四位即可）, 出生日期, 居住的区县, 社保卡卡号后四位."""


class Told(msgspec.Struct, frozen=True):
    """What the caller said, in the forms in which it is compared."""

    name: str
    by_card: bool
    """Whether the number is the card's; else the id number."""
    third: Third
    value: str


def read(name: str, by_card: bool, third: str, value: str) -> Told:
    """Check the forms before anybody is looked for; raises InvalidInput naming the field."""
    plain = "".join(name.split())
    if not 2 <= len(plain) <= 50:
        raise InvalidInput("name", zh="请填写姓名", en="give the name")
    kind: Third = one_of(third, THIRDS, "third")
    said = value.strip()
    if kind == "birth_date":
        if not by_card:
            raise InvalidInput(
                "third",
                zh="身份证号里已有出生日期，请另问手机号、居住地或卡号后四位",
                en="the id number tells the birth date; ask for the phone, the residence or the card",
            )
        digits = said.replace(".", "-").replace("/", "-")
        if digits.isdigit() and len(digits) == 8:
            digits = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
        return Told(plain, by_card, kind, parse_day(digits, "value").isoformat())
    if kind == "residence":
        region, _ = regions.resolve(said)
        if region is None or region.code.endswith("00"):
            # A whole city says too little, and often stands in the id number.
            raise InvalidInput(
                "value",
                zh="请填写到区县，例如 成都市锦江区",
                en="name the district they live in, such as Jinjiang, Chengdu",
            )
        return Told(plain, by_card, kind, region.code)
    if kind == "card" and by_card:
        raise InvalidInput(
            "third",
            zh="已经用了卡号，请另问一项",
            en="the card number was used; ask something else",
        )
    tail = "".join(said.split())[-4:].upper()
    if len(tail) < 4 or (kind == "phone" and not tail.isdigit()):
        raise InvalidInput("value", zh="请填写后四位", en="give the last four characters")
    return Told(plain, by_card, kind, tail)


def agrees(told: Told, person: Person, contact: Contact, card_number: str | None) -> bool:
    """Whether name and third fact are this person's; the number led here."""
    if "".join(person.name.split()).lower() != told.name.lower():
        return False
    match told.third:
        case "phone":
            return contact.phone is not None and contact.phone[-4:] == told.value
        case "birth_date":
            return person.birth_date == date.fromisoformat(told.value)
        case "residence":
            return person.residence_region == told.value
        case "card":
            return card_number is not None and card_number[-4:] == told.value
