"""The catalog (目录): read from CSV with every row checked, replaced as a whole, looked up by region."""

import csv
from collections.abc import Sequence
from datetime import date
from importlib import resources
from typing import Final, cast

import msgspec

from yikatong.core import regions
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.money import Fen, Ppm, parse_percent, parse_yuan
from yikatong.medical.model import CatalogItem

ITEM_COLUMNS: Final = (
    "code", "name", "english", "kind", "subkind", "dosage_form_spec", "unit", "essential",
    "prescription", "child_only", "usual_price", "note",
)  # fmt: skip
TERM_COLUMNS: Final = (
    "code", "region", "class", "first_pay_percent", "price_limit", "from", "source",
)  # fmt: skip
NATIONWIDE: Final = "000000"
_ROWS_MAX: Final = 500_000


class CatalogFileError(YikatongError):
    """A catalog file is wrong; names file, line and column."""

    code = "catalog_file_error"
    status = 422

    def __init__(self, file: str, line: int, column: str, zh: str, en: str) -> None:
        super().__init__(
            f"{file} 第 {line} 行 {column}：{zh}", f"{file}:{line} {column}: {en}", column
        )
        self.line = line


class ItemRow(msgspec.Struct, frozen=True):
    """One row of items.csv."""

    code: str
    name: str
    english: str
    kind: str
    subkind: str
    specification: str
    unit: str
    essential: bool
    prescription: str
    child_only: bool
    usual_price: Fen
    note: str


class TermRow(msgspec.Struct, frozen=True):
    """One row of terms.csv: the terms of an item in a region from a day on."""

    code: str
    region: str
    starts_on: date
    item_class: str
    first_pay: Ppm | None
    price_limit: Fen | None
    source: str


class _Line:
    """One line of a CSV file, its cells checked as they are read."""

    def __init__(self, file: str, line: int, cells: dict[str, str]) -> None:
        self.file = file
        self.line = line
        self.cells = cells

    def wrong(self, column: str, zh: str, en: str) -> CatalogFileError:
        return CatalogFileError(self.file, self.line, column, zh, en)

    def text(self, column: str, *, empty: bool = False, longest: int = 200) -> str:
        value = (self.cells[column] or "").strip()
        if not value and not empty:
            raise self.wrong(column, "不能为空", "must not be empty")
        if len(value) > longest:
            raise self.wrong(column, f"超过 {longest} 字", f"is longer than {longest}")
        return value

    def choice(self, column: str, allowed: tuple[str, ...]) -> str:
        value = self.text(column, empty="" in allowed)
        if value not in allowed:
            known = ", ".join(one or '""' for one in allowed)
            raise self.wrong(column, f"应为 {known} 之一", f"must be one of {known}")
        return value

    def amount(self, column: str) -> Fen:
        try:
            return parse_yuan(self.text(column), column)
        except InvalidInput as error:
            raise self.wrong(column, error.text.zh, error.text.en) from None

    def percent(self, column: str) -> Ppm:
        try:
            value = parse_percent(self.text(column), column)
        except InvalidInput as error:
            raise self.wrong(column, error.text.zh, error.text.en) from None
        if not 0 <= value <= 1_000_000:
            raise self.wrong(column, "应在 0 到 100 之间", "must lie between 0 and 100")
        return value

    def day(self, column: str) -> date:
        try:
            return date.fromisoformat(self.text(column))
        except ValueError:
            raise self.wrong(column, "应为日期，例如 2026-01-01", "must be a date") from None


def _lines(file: str, text: str, columns: tuple[str, ...]) -> list[_Line]:
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != columns:
        wanted = ",".join(columns)
        raise CatalogFileError(file, 1, "-", f"表头应为 {wanted}", f"the header must be {wanted}")
    found: list[_Line] = []
    for row in reader:
        if None in row or None in row.values():
            raise CatalogFileError(
                file, reader.line_num, "-", "列数不对", "has the wrong number of columns"
            )
        found.append(_Line(file, reader.line_num, cast("dict[str, str]", row)))
        if len(found) > _ROWS_MAX:
            raise CatalogFileError(
                file, reader.line_num, "-", f"超过 {_ROWS_MAX} 行", f"has over {_ROWS_MAX} rows"
            )
    if not found:
        raise CatalogFileError(file, 1, "-", "没有数据", "holds no rows")
    return found


def parse_items(file: str, text: str) -> list[ItemRow]:
    """Read items.csv; raises CatalogFileError naming file, line and column."""
    rows: list[ItemRow] = []
    seen: set[str] = set()
    for line in _lines(file, text, ITEM_COLUMNS):
        code = line.text("code", longest=40)
        if code in seen:
            raise line.wrong("code", f"{code} 重复", f"{code} stands twice")
        seen.add(code)
        rows.append(
            ItemRow(
                code,
                line.text("name"),
                line.text("english"),
                line.choice("kind", ("drug", "service", "consumable")),
                line.text("subkind"),
                line.text("dosage_form_spec", empty=True),
                line.text("unit"),
                line.choice("essential", ("0", "1")) == "1",
                line.choice("prescription", ("", "Rx", "OTC")),
                line.choice("child_only", ("0", "1")) == "1",
                line.amount("usual_price"),
                line.text("note", empty=True),
            )
        )
    return rows


def parse_terms(file: str, text: str, codes: set[str]) -> list[TermRow]:
    """Read terms.csv; every item needs nationwide terms. Raises CatalogFileError."""
    rows: list[TermRow] = []
    seen: set[tuple[str, str, date]] = set()
    nationwide: set[str] = set()
    last: _Line | None = None
    for line in _lines(file, text, TERM_COLUMNS):
        last = line
        code, region = line.text("code"), line.text("region")
        if code not in codes:
            raise line.wrong("code", f"没有项目 {code}", f"there is no item {code}")
        if region != NATIONWIDE and regions.find(region) is None:
            raise line.wrong("region", "没有这个行政区划代码", "is no region's code")
        starts_on = line.day("from")
        if (code, region, starts_on) in seen:
            raise line.wrong("code", "同一项目、地区、日期重复", "stands twice for region and day")
        seen.add((code, region, starts_on))
        if region == NATIONWIDE:
            nationwide.add(code)
        item_class = line.choice("class", ("A", "B", "C"))
        first_pay: Ppm | None = None
        if item_class != "C":
            first_pay = line.percent("first_pay_percent")
            if (item_class == "A") != (first_pay == 0):
                raise line.wrong(
                    "first_pay_percent",
                    "甲类应为 0，乙类应大于 0",
                    "is 0 for class A and above 0 for class B",
                )
        elif line.text("first_pay_percent", empty=True):
            raise line.wrong("first_pay_percent", "丙类应为空", "must be empty for class C")
        limit = line.amount("price_limit") if line.text("price_limit", empty=True) else None
        rows.append(
            TermRow(code, region, starts_on, item_class, first_pay, limit, line.text("source"))
        )
    missing = sorted(codes - nationwide)
    if missing and last is not None:
        raise last.wrong(
            "code",
            f"{missing[0]} 缺少全国（000000）条目",
            f"{missing[0]} lacks a nationwide (000000) row",
        )
    return rows


def shipped() -> tuple[str, str]:
    """The texts of the package's items.csv and terms.csv."""
    folder = resources.files("yikatong.data") / "catalog"
    items, terms = folder / "items.csv", folder / "terms.csv"
    return items.read_text(encoding="utf-8"), terms.read_text(encoding="utf-8")


async def replace(
    connection: Connection, items: Sequence[ItemRow], terms: Sequence[TermRow]
) -> None:
    """Replace the whole catalog inside the caller's transaction."""
    await connection.execute("delete from catalog_items")
    await connection.copy_records_to_table(
        "catalog_items",
        records=[msgspec.structs.astuple(row) for row in items],
        columns=ItemRow.__struct_fields__,
    )
    await connection.copy_records_to_table(
        "catalog_terms",
        records=[msgspec.structs.astuple(row) for row in terms],
        columns=(
            "code", "region", "starts_on", "class", "first_pay", "price_limit", "source",
        ),
    )  # fmt: skip


_ITEM = """select i.code, i.name, i.english, i.kind, i.subkind, i.specification, i.unit,
        i.usual_price, t.class as item_class, t.first_pay, t.price_limit, t.source
   from catalog_items i
   join lateral (
        select * from catalog_terms t
         where t.code = i.code and t.region in ($1, '000000') and t.starts_on <= $2
         order by (t.region = $1) desc, t.starts_on desc limit 1) t on true"""


async def item(connection: Connection, code: str, region: str, on: date) -> CatalogItem | None:
    """An item with the terms of a region's province on a day; None where it has none then.

    The newest terms of the province count, and those of the whole country where it has none.
    """
    row = await connection.fetchrow(f"{_ITEM} where i.code = $3", _province(region), on, code)
    return None if row is None else CatalogItem(**dict(row))


async def items(
    connection: Connection, codes: Sequence[str], region: str, on: date
) -> Sequence[CatalogItem]:
    """The items of these codes that have terms in a region's province on a day."""
    rows = await connection.fetch(
        f"{_ITEM} where i.code = any($3::text[])", _province(region), on, codes
    )
    return [CatalogItem(**dict(row)) for row in rows]


async def names(connection: Connection) -> Sequence[tuple[str, str, str]]:
    """Code, Chinese and English name of every item."""
    rows = await connection.fetch("select code, name, english from catalog_items order by code")
    return [(row[0], row[1], row[2]) for row in rows]


async def version(connection: Connection) -> str:
    """Another text whenever the catalog was replaced."""
    loaded = await connection.fetchrow(
        "select content_hash, loaded_at from reference_loads where name = 'catalog'"
    )
    return f"{loaded[0][:12]}-{loaded[1].timestamp():.6f}" if loaded else "none"


async def search(
    connection: Connection, region: str, on: date, *, text: str | None, kind: str | None, limit: int
) -> Sequence[CatalogItem]:
    """Items by part of their Chinese or English name or code, at most 1000."""
    rows = await connection.fetch(
        f"""{_ITEM} where ($3::text is null or position(lower($3) in lower(i.name || ' ' || i.english
               || ' ' || i.code)) > 0)
             and ($4::text is null or i.kind = $4) order by i.code limit $5""",
        _province(region),
        on,
        text,
        kind,
        max(1, min(limit, 1000)),
    )
    return [CatalogItem(**dict(row)) for row in rows]


def _province(region: str) -> str:
    return f"{region[:2]}0000"
