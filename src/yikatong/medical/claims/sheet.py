"""Reading a bill's fee lines from CSV, with Chinese or English headings; and checking every row."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.medical.catalog_book import CatalogBook
from yikatong.medical.claims.errors import LinesWrong
from yikatong.medical.claims.model import ClaimLine, PaidBill
from yikatong.medical.visits import lines as visit_lines
from yikatong.medical.visits.model import FeeLine
from yikatong.money.contributions.model import RowError
from yikatong.money.errors import printable
from yikatong.policies.requests import parse_day

LINES_MAX: Final = 1000
CSV_CHARACTERS_MAX: Final = 400_000
_NAME_MAX: Final = 100
_NATION: Final = "000000"
_NUMBER: Final = re.compile(r"[0-9A-Za-z._-]{1,30}")
QUANTITY: Final = re.compile(r"(0|[1-9][0-9]{0,6})(\.[0-9]{1,4})?")
_PRICE: Final = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?")
_HEADINGS: Final = {
    "序号": "number", "流水号": "number", "number": "number",
    "目录编码": "item", "医保编码": "item", "编码": "item", "item": "item",
    "名称": "name", "项目名称": "name", "name": "name",
    "数量": "quantity", "quantity": "quantity",
    "单价": "price", "price": "price",
    "金额": "total", "total": "total",
    "日期": "date", "date": "date",
}  # fmt: skip
_REQUIRED: Final = ("quantity", "price", "total")


class RawLine(msgspec.Struct, frozen=True):
    """A line as it was written; `row` is where."""

    row: int
    number: str = ""
    item: str = ""
    name: str = ""
    quantity: str = ""
    price: str = ""
    total: str = ""
    date: str = ""


def read_csv(text: str) -> list[RawLine]:
    """The rows of a CSV text, empty ones left out; raises InvalidInput for a missing heading."""
    if len(text) > CSV_CHARACTERS_MAX or "\0" in text:
        raise InvalidInput("lines_csv", zh="表格过大或不是文本", en="too large, or no text")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header: dict[int, str] = {}
    rows: list[RawLine] = []
    try:
        for cells in reader:
            texts = [cell.strip() for cell in cells]
            if not any(texts):
                continue
            if not header:
                header = _header(texts)
                continue
            if len(rows) >= LINES_MAX:
                raise _too_many()
            facts = {name: texts[at] if at < len(texts) else "" for at, name in header.items()}
            rows.append(RawLine(reader.line_num, **facts))
    except csv.Error:
        raise InvalidInput(
            "lines_csv",
            zh=f"第 {reader.line_num} 行无法读取，请检查引号",
            en=f"line {reader.line_num} cannot be read; check its quotes",
        ) from None
    return rows


def _header(texts: Sequence[str]) -> dict[int, str]:
    found = {
        at: name
        for at, text in enumerate(texts)
        if (name := _HEADINGS.get(text.lower())) is not None
    }
    missing = [name for name in _REQUIRED if name not in found.values()]
    if missing or len(set(found.values())) != len(found):
        raise InvalidInput(
            "lines_csv",
            zh="第一行应有列名：目录编码、名称、数量、单价、金额、日期，每列一次",
            en="the first row has the headings item, name, quantity, price, total, date, each once",
        )
    return found


def _too_many() -> InvalidInput:
    return InvalidInput(
        "lines", zh=f"一张票据最多 {LINES_MAX} 条明细", en=f"a bill has at most {LINES_MAX} lines"
    )


def check(rows: Sequence[RawLine], bill: PaidBill, catalog: CatalogBook) -> tuple[ClaimLine, ...]:
    """The lines, each checked; raises LinesWrong with every wrong row."""
    if not rows:
        raise InvalidInput("lines", zh="请填写费用明细", en="the bill has no fee lines")
    if len(rows) > LINES_MAX:
        raise _too_many()
    errors: list[RowError] = []
    found: list[ClaimLine] = []
    seen: set[str] = set()
    for raw in rows:
        try:
            line = _read(raw, bill)
            if line.number in seen:
                raise InvalidInput("number", zh="序号重复", en="the number stands twice")
            seen.add(line.number)
            if line.item:
                visit_lines.one(
                    raw.row - 1, fee_line(line), catalog, bill.region or _NATION, lambda _: None, {}
                )
            found.append(line)
        except YikatongError as error:
            field = error.field or "line"
            if field.startswith("lines["):
                field = "line"
            errors.append(RowError(raw.row, field, error.code, error.text.zh, error.text.en))
    if errors:
        raise LinesWrong(errors)
    return tuple(found)


def fee_line(line: ClaimLine) -> FeeLine:
    """The line as a provider would have sent it."""
    return FeeLine(
        number=line.number,
        item=line.item,
        total=line.total,
        quantity=line.quantity,
        price=line.price,
        at=datetime.combine(line.on, time(12), SHANGHAI),
    )


def _read(raw: RawLine, bill: PaidBill) -> ClaimLine:
    number = raw.number or str(raw.row)
    if not _NUMBER.fullmatch(number):
        raise InvalidInput(
            "number", zh="序号应为 1 至 30 个字母或数字", en="1 to 30 letters or digits"
        )
    name = raw.name.strip()
    if not raw.item and not name:
        raise InvalidInput(
            "item",
            zh="请填写目录编码；目录外项目请填写名称",
            en="give the catalog's code, or for what has none its name",
        )
    if len(name) > _NAME_MAX or len(raw.item) > 40:
        raise InvalidInput("name", zh=f"最多 {_NAME_MAX} 字", en=f"at most {_NAME_MAX} characters")
    printable(name, "name")
    printable(raw.item, "item")
    for field, text, form, shape in (
        ("quantity", raw.quantity, QUANTITY, "1.5"),
        ("price", raw.price, _PRICE, "12.50"),
    ):
        if not form.fullmatch(text) or Decimal(text) == 0:
            raise InvalidInput(
                field,
                zh=f"应为大于零的数，例如 {shape}",
                en=f"a number above zero, such as {shape}",
            )
    total = parse_yuan(raw.total, "total")
    if total == 0:
        raise InvalidInput("total", zh="金额应大于零", en="the amount must be above zero")
    product = Decimal(raw.quantity) * Decimal(raw.price) * 100
    if abs(product - total) > visit_lines.TOLERANCE:
        raise InvalidInput(
            "total",
            zh=f"金额与数量×单价 {format_yuan(int(product))} 元不符",
            en=f"the total is not quantity × price, {format_yuan(int(product))} yuan",
        )
    day: date = parse_day(raw.date, "date") if raw.date else bill.begun_on
    if not bill.begun_on <= day <= bill.ended_on:
        raise InvalidInput(
            "date",
            zh=f"日期应在就医期间 {bill.begun_on} 至 {bill.ended_on} 之内",
            en=f"the day lies outside the care from {bill.begun_on} to {bill.ended_on}",
        )
    return ClaimLine(number, raw.item, name, raw.quantity, raw.price, total, day)
