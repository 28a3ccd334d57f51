"""Reading lists that people make in a spreadsheet: CSV or XLSX, with Chinese or English headings."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from yikatong.core.errors import InvalidInput

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
ROWS_MAX: Final = 10_000
_COLUMNS_MAX: Final = 50


def read(
    content: bytes, headings: Mapping[str, str], required: Mapping[str, str]
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV (UTF-8 or GB 18030) or XLSX file, empty ones left out: the number that the
    program shows, and the cells by field.

    `headings` leads from a heading in small letters to its field, `required` from a field that must
    be there to its Chinese name. Raises InvalidInput for another kind of file, a heading that is
    missing, too many rows.
    """
    if len(content) > FILE_BYTES_MAX:
        raise _wrong(
            f"文件不能超过 {FILE_BYTES_MAX // 2**20} MB", f"at most {FILE_BYTES_MAX // 2**20} MB"
        )
    table = _xlsx(content) if content[:2] == b"PK" else _csv(content)
    header: dict[int, str] = {}
    rows: list[tuple[int, dict[str, str]]] = []
    for number, cells in table:
        texts = [_text(cell) for cell in cells]
        if not any(texts):
            continue
        if not header:
            header = _header(texts, headings, required)
            continue
        if len(rows) >= ROWS_MAX:
            raise _wrong(f"一次最多 {ROWS_MAX} 人", f"at most {ROWS_MAX} people at once")
        rows.append(
            (number, {name: texts[at] if at < len(texts) else "" for at, name in header.items()})
        )
    if not rows:
        raise _wrong("清单里没有人员", "there is nobody on the list")
    return rows


def cell(text: str) -> str:
    """A text as the cell of a CSV that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _wrong(zh: str, en: str) -> InvalidInput:
    return InvalidInput("file", zh=zh, en=en)


def _header(
    texts: Sequence[str], headings: Mapping[str, str], required: Mapping[str, str]
) -> dict[int, str]:
    found = {
        at: name
        for at, text in enumerate(texts)
        if (name := headings.get(text.strip().lower())) is not None
    }
    missing = [name for name in required if name not in found.values()]
    if missing or len(set(found.values())) != len(found):
        raise _wrong(
            f"第一行应有列名：{'、'.join(required.values())}，每列一次",
            f"the first row has the headings {', '.join(required)}, each once",
        )
    return found


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        # A sheet keeps numbers as floats: 8000.5 is meant as it is shown.
        return str(int(cell)) if cell.is_integer() else repr(round(cell, 6))
    return str(cell).strip().lstrip("\ufeff'")


def _csv(content: bytes) -> Iterable[tuple[int, Sequence[Any]]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _wrong(
            "文件应为 CSV（UTF-8 或 GB 18030）或 XLSX", "must be CSV (UTF-8 or GB 18030) or XLSX"
        )
    if "\0" in text:
        raise _wrong("文件应为 CSV 或 XLSX", "must be CSV or XLSX")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[tuple[int, Sequence[Any]]] = []
    try:
        for cells in reader:
            found.append((reader.line_num, cells))
            if len(found) > ROWS_MAX * 2:
                break
    except csv.Error as error:
        raise _wrong(
            f"第 {reader.line_num} 行无法读取", f"line {reader.line_num} cannot be read ({error})"
        ) from None
    return found


def _xlsx(content: bytes) -> Iterable[tuple[int, Sequence[Any]]]:
    import openpyxl  # noqa: PLC0415 - heavy, and few need it

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # Before anything is unpacked: a small file can unpack to gigabytes.
            unpacked = sum(one.file_size for one in packed.infolist())
        if unpacked <= _UNPACKED_BYTES_MAX:
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            rows = book.worksheets[0].iter_rows(
                values_only=True, max_row=ROWS_MAX * 2, max_col=_COLUMNS_MAX
            )
            return list(enumerate(rows, start=1))
    except Exception as error:
        raise _wrong("文件不是有效的 XLSX", "this is no valid XLSX file") from error
    raise _wrong("文件展开后过大", "the file is too large when unpacked")
