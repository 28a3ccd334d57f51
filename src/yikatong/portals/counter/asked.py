"""What somebody typed into the one search field: an id number, a card, a number, or a name with a
second fact. Pure."""

import re
from datetime import date, datetime, timedelta
from typing import Final, Literal

import msgspec
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from yikatong.core import ids
from yikatong.core.errors import InvalidInput
from yikatong.people.pinyin import is_latin
from yikatong.people.rules import parse_id_number

Form = Literal["id_number", "card", "number", "name"]
WORDS_MAX: Final = 80

_ID_LIKE: Final = re.compile(r"[1-9][0-9]{16}[0-9X]")
_CARD: Final = re.compile(r"[0-9A-Z]{9}")
_NUMBER: Final = re.compile(r"[0-9]{5,19}")
_DAY: Final = re.compile(r"((?:18|19|20)[0-9]{2})[-./年]?([0-9]{1,2})[-./月]?([0-9]{1,2})日?")
_TAIL: Final = re.compile(r"[0-9]{3}[0-9X]")
_PHONE: Final = re.compile(r"1[3-9][0-9]{9}")
_NAME: Final = re.compile(r"[^\W\d_]+(?:[·•. '-][^\W\d_]+)*")


class Asked(msgspec.Struct, frozen=True):
    """What is looked for."""

    form: Form
    text: str
    """The id number, the card number, the number, or the name, perhaps in pinyin."""
    birth_date: date | None = None
    tail: str | None = None
    """The last four characters of the phone or the id number."""


def recognise(words: str, today: date, now: datetime) -> Asked:
    """What these words are; raises InvalidInput saying what can be typed, or what is wrong."""
    whole = "".join(words.split()).upper()
    if not whole or len(words) > WORDS_MAX:
        raise _what_can_be_typed()
    if _ID_LIKE.fullmatch(whole):
        return _eighteen(whole, today, now)
    if _CARD.fullmatch(whole) and any(letter.isdigit() for letter in whole):
        return Asked("card", whole)
    if _PHONE.fullmatch(whole):
        raise InvalidInput(
            "words",
            zh="手机号不能单独查，请在前面加上姓名，或改用身份证号、卡号",
            en="a phone number alone finds nobody; put the name before it, or use an id or card number",
        )
    if _NUMBER.fullmatch(whole) and (len(whole) != 8 or _day(whole) is None):
        if len(whole) == 15:
            raise InvalidInput(
                "words",
                zh="15 位的旧身份证号已停用，请输入 18 位身份证号",
                en="id numbers of 15 digits are out of use; type the one of 18",
            )
        return Asked("number", whole)
    return _name(words)


def _eighteen(text: str, today: date, now: datetime) -> Asked:
    """An id number, or a number of ours, which has as many digits: told apart by what it says."""
    try:
        return Asked("id_number", parse_id_number(text, "words", today=today).number)
    except InvalidInput:
        try:
            says_a_birth_date = date(1880, 1, 1) <= ric.get_birth_date(text) <= today
        except ValidationError:
            says_a_birth_date = False
        ours = text.isdigit() and ids.time_of(int(text)) <= now + timedelta(days=1)
        if ours and not says_a_birth_date:
            return Asked("number", text)
        raise


def _name(words: str) -> Asked:
    name: list[str] = []
    birth_date: date | None = None
    tail: str | None = None
    for part in re.split(r"[\s,，、;；]+", words.strip()):
        upper = part.upper()
        if (day := _day(part)) is not None and birth_date is None:
            birth_date = day
        elif (_TAIL.fullmatch(upper) or _PHONE.fullmatch(upper)) and tail is None:
            tail = upper[-4:]
        elif _NAME.fullmatch(part):
            name.append(part)
        else:
            raise _what_can_be_typed()
    if not name:
        raise _what_can_be_typed()
    # Chinese names are written without spaces; of others the spaces belong to the name.
    joined = (" " if any(is_latin(one) for one in name) else "").join(name)
    if len(joined) < 2:
        raise _what_can_be_typed()
    return Asked("name", joined, birth_date, tail)


def _day(text: str) -> date | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _what_can_be_typed() -> InvalidInput:
    return InvalidInput(
        "words",
        zh="请输入身份证号、卡号、业务编号，或姓名加出生日期（手机号后四位也行）",
        en="type an id number, a card number, a number of something, or a name with a birth date or "
        "the last four digits of the phone",
    )
