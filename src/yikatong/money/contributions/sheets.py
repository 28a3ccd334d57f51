"""Reading employers' lists of a month: who, and the wage."""

from typing import Final

import msgspec

from yikatong.core import sheets

_HEADINGS: Final = {
    "身份证号": "id_number", "身份证号码": "id_number", "证件号码": "id_number", "社会保障号码": "id_number",
    "id_number": "id_number", "id number": "id_number",
    "姓名": "name", "name": "name",
    "工资": "wage", "月工资": "wage", "缴费工资": "wage", "申报工资": "wage", "wage": "wage",
    "monthly wage": "wage",
}  # fmt: skip
REQUIRED: Final = {"id_number": "身份证号", "name": "姓名", "wage": "工资"}


class Row(msgspec.Struct, frozen=True):
    """One row as it stands in the file; `number` is the one the program shows."""

    number: int
    id_number: str
    name: str
    wage: str


def read(content: bytes) -> list[Row]:
    """The rows of a CSV or XLSX file; raises InvalidInput."""
    rows = sheets.read(content, _HEADINGS, REQUIRED)
    return [Row(number, **cells) for number, cells in rows]
