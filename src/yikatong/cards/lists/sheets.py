"""The file of a list: who applies (名单文件)."""

from datetime import date
from typing import Final

import msgspec

from yikatong.core import sheets
from yikatong.core.errors import Text, YikatongError
from yikatong.core.sealing import mask_id_number
from yikatong.people import rules as people_rules

NAME_MAX: Final = 50
PHOTO_MAX: Final = 100
_PHONE_DIGITS: Final = 11
_HEADINGS: Final = {
    "姓名": "name", "name": "name",
    "身份证号": "id_number", "身份证号码": "id_number", "证件号码": "id_number",
    "社会保障号码": "id_number", "id_number": "id_number", "id number": "id_number",
    "手机号": "phone", "手机": "phone", "手机号码": "phone", "联系电话": "phone", "phone": "phone",
    "照片": "photo", "照片编号": "photo", "照片文件名": "photo", "photo": "photo",
}  # fmt: skip
REQUIRED: Final = {
    "name": "姓名",
    "id_number": "身份证号",
    "phone": "手机号",
    "photo": "照片编号",
}


class SheetRow(msgspec.Struct, frozen=True):
    """One row as it stands in the file; `number` is the one the program shows."""

    number: int
    name: str
    id_number: str
    phone: str
    photo: str


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a row, and what to do."""

    field: str
    code: str
    text: Text


def template(language: str) -> bytes:
    """An empty file with its headings, such as a spreadsheet opens it."""
    names = list(REQUIRED) if language == "en" else list(REQUIRED.values())
    return ("\ufeff" + ",".join(names) + "\r\n").encode()


def read(content: bytes) -> list[SheetRow]:
    """The rows of a CSV or XLSX file; raises InvalidInput."""
    rows = sheets.read(content, _HEADINGS, REQUIRED)
    return [SheetRow(number, **cells) for number, cells in rows]


def masked(row: SheetRow) -> str:
    """The id number as it is shown on lists; of what is none not even that."""
    number = "".join(row.id_number.split()).upper()
    return mask_id_number(number) if len(number) == 18 else "*" * min(len(number), 18)


def check(row: SheetRow, today: date) -> str | Fault:
    """The id number of a row that is in order, or what is wrong with it."""
    try:
        number = people_rules.parse_id_number(row.id_number, "id_number", today=today).number
    except YikatongError as error:
        return Fault("id_number", "invalid", error.text)
    if not row.name or len(row.name) > NAME_MAX or not row.name.isprintable():
        text = Text(
            f"请填写姓名，最多 {NAME_MAX} 字", f"give the name, at most {NAME_MAX} characters"
        )
        return Fault("name", "invalid", text)
    phone = row.phone.replace(" ", "").replace("-", "")
    if phone and not (phone.isascii() and phone.isdigit() and len(phone) == _PHONE_DIGITS):
        text = Text(
            "手机号为 11 位数字，没有可不填", "a phone number has 11 digits; without one leave it"
        )
        return Fault("phone", "invalid", text)
    if not row.photo or len(row.photo) > PHOTO_MAX or not row.photo.isprintable():
        text = Text(
            "请填写照片编号（交来的照片文件名）",
            "give the reference of the photo: the name of the file that was handed in",
        )
        return Fault("photo", "missing", text)
    return number
