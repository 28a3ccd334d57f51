"""Decisions about changes of a person's data, without I/O: what may be written, what it does."""

import re
import unicodedata
from collections.abc import Callable, Collection
from datetime import date, timedelta
from typing import Final

from yikatong.core import regions
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.sealing import mask_address, mask_id_number, mask_name, mask_phone
from yikatong.people.changes.model import (
    STATE_NAMES,
    Change,
    ChangedMeanwhile,
    ChangeRefused,
    ContactChange,
    DocumentsMissing,
    Field,
    IdentityChange,
    SecondPersonNeeded,
    Value,
    Values,
)
from yikatong.people.ethnic_groups import ETHNIC_GROUPS
from yikatong.people.model import Contact, Person
from yikatong.people.rules import parse_id_number
from yikatong.trust.documents.model import KINDS, DocumentKind

CONTACT_FRESH: Final = timedelta(days=365)
"""Phone and address are asked again once a year."""
ADDRESS_MAX: Final = 100
NAME_MAX: Final = 50
REASON_MAX: Final = 200

NEEDS: Final[tuple[frozenset[DocumentKind], ...]] = (
    frozenset(("id_document",)),
    frozenset(("household_register", "change_certificate")),
)
"""Documents of a change of identity data: one of each set (id card; household register or the
certificate of the police, 社会保障卡信息变更)."""

_PHONE: Final = re.compile(r"1[3-9][0-9]{9}")
_DOTS: Final = str.maketrans("•・‧∙．｡", "······")
"""Typed for the dot between the parts of a name (GB 18030 A1A4: U+00B7)."""
_NAME: Final = re.compile(r"[^\W\d_]+(?:[·' .-]{1,2}[^\W\d_]+)*\.?")


def contact_fresh(confirmed_on: date | None, day: date) -> bool:
    """Whether phone and address were confirmed within a year."""
    return confirmed_on is not None and day - confirmed_on <= CONTACT_FRESH


# ---- what may be written ----


def read_phone(text: str, field: str = "phone") -> str:
    """A mobile phone's number of mainland China, 11 digits; spaces, hyphens and +86 are dropped."""
    number = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).removeprefix("+86")
    if not _PHONE.fullmatch(number):
        raise InvalidInput(
            field,
            zh="请填写 11 位手机号，例如 13800001234（通知和验证码发到这个号码）",
            en="a mobile number of 11 digits, such as 13800001234: notices and codes are sent to it",
        )
    return number


def read_address(text: str, field: str = "address") -> str:
    """An address to which a letter can go: 5 to 100 characters, not only digits."""
    address = " ".join(text.split())
    if len(address) > ADDRESS_MAX:
        raise InvalidInput(
            field, zh=f"地址最多 {ADDRESS_MAX} 字", en=f"at most {ADDRESS_MAX} characters"
        )
    letters = sum(one.isalpha() for one in address)
    if len(address) < 5 or letters < 3 or not address.isprintable():
        raise InvalidInput(
            field,
            zh="请填写能收到信的地址，写到门牌号，例如 人民路 12 号 3 单元 501",
            en="an address a letter can reach, with street and number",
        )
    return address


def read_region(code: str, field: str = "residence_region") -> str:
    """A county or city (GB/T 2260); a province is no place to live at."""
    region = regions.get(code, field)
    if region.code.endswith("0000") and regions.children(region.code):
        raise InvalidInput(
            field, zh="请选到城市或区县", en="choose the city or county, not the province"
        )
    return region.code


def read_name(text: str, field: str = "name") -> str:
    """A name as in the id document: letters, with dots or spaces between its parts."""
    name = " ".join(unicodedata.normalize("NFC", text).translate(_DOTS).split())
    if not 1 <= len(name) <= NAME_MAX or not _NAME.fullmatch(name):
        raise InvalidInput(
            field,
            zh=f"请按身份证件填写姓名，不含数字和符号，最多 {NAME_MAX} 字",
            en=f"the name as in the id document: letters, no digits or signs, at most {NAME_MAX}",
        )
    return name


def read_ethnic_group(code: str, field: str = "ethnic_group") -> str:
    """A code of GB/T 3304."""
    if code not in ETHNIC_GROUPS:
        raise InvalidInput(
            field,
            zh="民族代码为两位数字（GB/T 3304），例如 01 汉族",
            en="a code of two digits (GB/T 3304), such as 01 for Han",
        )
    return code


def read_reason(text: str, field: str = "reason") -> str:
    """Why something is refused or withdrawn: what the person will read."""
    reason = " ".join(text.split())
    if not 1 <= len(reason) <= REASON_MAX or not reason.isprintable():
        raise InvalidInput(
            field,
            zh=f"请写明原因，最多 {REASON_MAX} 字，本人会看到",
            en=f"say why in at most {REASON_MAX} characters; the person reads it",
        )
    return reason


# ---- what a change does ----


def contact_values(person: Person, on_file: Contact, wanted: ContactChange) -> Values:
    """What differs from what is on file; nothing where all is right. Raises InvalidInput."""
    new: dict[Field, tuple[str | None, str]] = {}
    if wanted.phone is not None:
        new["phone"] = (on_file.phone, read_phone(wanted.phone))
    if wanted.address is not None:
        new["address"] = (on_file.address, read_address(wanted.address))
    if wanted.residence_region is not None:
        new["residence_region"] = (person.residence_region, read_region(wanted.residence_region))
    return {name: Value(*one) for name, one in new.items() if one[0] != one[1]}


def identity_values(
    person: Person, on_file: Contact, wanted: IdentityChange, today: date
) -> Values:
    """What differs from what is on file; birth date and sex are those of the id number.

    Raises InvalidInput where a field is wrong, or nothing would change.
    """
    before: dict[Field, str] = _identity(person, on_file.id_number)
    after = dict(before)
    if wanted.name is not None:
        after["name"] = read_name(wanted.name)
    if wanted.id_number is not None:
        number = parse_id_number(wanted.id_number, "id_number", today=today)
        after["id_number"] = number.number
        after["birth_date"] = number.birth_date.isoformat()
        after["sex"] = str(number.sex)
    if wanted.ethnic_group is not None:
        after["ethnic_group"] = read_ethnic_group(wanted.ethnic_group)
    found: Values = {
        name: Value(value, after[name]) for name, value in before.items() if after[name] != value
    }
    if not found:
        raise InvalidInput(
            "name", zh="填写的内容与登记的一致，没有要变更的", en="this is what is on file already"
        )
    return found


def _identity(person: Person, id_number: str) -> dict[Field, str]:
    return {
        "name": person.name,
        "id_number": id_number,
        "birth_date": person.birth_date.isoformat(),
        "sex": str(person.sex),
        "ethnic_group": person.ethnic_group,
    }


def check_person(person: Person) -> None:
    """Raise ChangeRefused where the person's data are closed."""
    if person.died_on is not None:
        raise ChangeRefused(
            zh=f"已登记于 {person.died_on} 死亡，资料不再变更；登记有误请先更正死亡登记",
            en=f"the death on {person.died_on} is recorded and the data are closed; where that is"
            " wrong, it is corrected first",
        )


def check_still_so(change: Change, person: Person, on_file: Contact) -> None:
    """Raise ChangedMeanwhile where what it was to change is not what it was any more."""
    now = _identity(person, on_file.id_number)
    if any(now.get(name) != value.before for name, value in change.values.items()):
        raise ChangedMeanwhile


def check_open(change: Change) -> None:
    """Raise ChangeRefused where it was decided before."""
    if change.state != "taken":
        name = STATE_NAMES[change.state]
        raise ChangeRefused(zh=f"这项变更{name.zh}", en=f"this change is {name.en}")


def check_second_person(change: Change, kind: str, name: str) -> None:
    """Raise SecondPersonNeeded for whoever took it."""
    if (change.taken_by_kind, change.taken_by) == (kind, name):
        raise SecondPersonNeeded


def check_documents(kinds: Collection[DocumentKind]) -> None:
    """Raise DocumentsMissing naming what is missing."""
    missing = [wanted for wanted in NEEDS if not wanted.intersection(kinds)]
    if missing:
        names = [[KINDS[kind] for kind in KINDS if kind in wanted] for wanted in missing]
        zh = "、".join("或".join(one.zh for one in some) for some in names)
        en = ", ".join(" or ".join(one.en for one in some) for some in names)
        raise DocumentsMissing(zh=f"还缺材料：{zh}", en=f"missing: {en}", field="documents")


# ---- what others see ----

_SEXES: Final = {"1": Text("男", "male"), "2": Text("女", "female")}
_MASKS: Final[dict[Field, Callable[[str], str]]] = {
    "phone": mask_phone,
    "id_number": mask_id_number,
    "name": mask_name,
    "address": mask_address,
    "birth_date": lambda day: f"{day[:4]}-**-**",
}
"""Of the others nothing is hidden: they tell nobody apart."""


def whole(field: Field, value: str | None, language: str = "zh") -> str:
    """A value in words, for whoever may see it all."""
    if value is None:
        return "—"
    if field == "sex":
        return _SEXES[value].in_language(language)
    if field == "ethnic_group":
        return ETHNIC_GROUPS[value].in_language(language)
    return regions.full_name(value, language) if field == "residence_region" else value


def masked(field: Field, value: str | None, language: str = "zh") -> str:
    """A value for lists and the history: enough to know it again, not to use it."""
    if value is None or field not in _MASKS:
        return whole(field, value, language)
    return _MASKS[field](value)
