"""The files of 3202: a provider's details as it uploads them, and the differences it fetches.

Tab-separated text in UTF-8, a settlement a line, plain or as the only file of a zip.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from yikatong.core.errors import InvalidInput
from yikatong.core.money import AMOUNT_MAX, Fen, format_yuan, parse_yuan
from yikatong.medical.reconciliation.rules import DETAILS_MAX, Detail, Difference

COLUMNS: Final = (
    "setl_id", "mdtrt_id", "psn_no", "msgid", "medfee_sumamt", "fund_pay_sumamt", "acct_pay",
    "refd_setl_flag",
)  # fmt: skip
"""Of an uploaded file, in this order, or in the order a first line names them."""
_WITHOUT_MESSAGE: Final = tuple(name for name in COLUMNS if name != "msgid")
"""As clients in the field write them (r), some with one more, empty, behind."""
ANSWER_COLUMNS: Final = (
    "psn_no", "mdtrt_id", "setl_id", "msgid", "stmt_rslt", "refd_setl_flag", "memo",
    "medfee_sumamt", "fund_pay_sumamt", "acct_pay", "difference", "plat_medfee_sumamt",
    "plat_fund_pay_sumamt", "plat_acct_pay",
)  # fmt: skip
"""Of the file of differences: first as clients in the field read them (r), with the provider's
figures, then what is our own: the kind of difference, and the platform's figures (plat_…)."""
_DIFFERS: Final = "1"
"""stmt_rslt of a settlement that is listed."""
BYTES_MAX: Final = 64 * 1024 * 1024
_ID_MAX: Final = 30
_FIELD: Final = "file_qury_no"
_YUAN: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,2})?")


def read(content: bytes) -> list[Detail]:
    """The details of an uploaded file; raises InvalidInput naming the line and the column."""
    text = _text(content)
    names: Sequence[str] = COLUMNS
    begun = False
    found: list[Detail] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        cells = ["" if cell.strip() == "null" else cell.strip() for cell in line.split("\t")]
        if not begun and COLUMNS[0] in cells:
            names, begun = _names(cells, number), True
            continue
        if not begun:
            names, begun = _order(cells), True
        if len(cells) != len(names):
            raise _wrong(
                number,
                f"应为 {len(names)} 列（制表符分隔），实为 {len(cells)} 列",
                f"must have {len(names)} columns divided by tabs, not {len(cells)}",
            )
        if len(found) == DETAILS_MAX:
            raise _wrong(
                number,
                f"一次最多 {DETAILS_MAX} 笔，请分段对账",
                f"at most {DETAILS_MAX} settlements at a time; compare in parts",
            )
        found.append(row(dict(zip(names, cells, strict=True)), f"第 {number} 行", f"line {number}"))
    return found


def _order(cells: Sequence[str]) -> Sequence[str]:
    """The columns of a file whose first line names none."""
    if len(cells) == len(_WITHOUT_MESSAGE):
        return _WITHOUT_MESSAGE
    if len(cells) == len(COLUMNS) and not cells[-1] and _YUAN.fullmatch(cells[3]):
        return (*_WITHOUT_MESSAGE, "memo")
    return COLUMNS


def row(cells: Mapping[str, str], zh: str, en: str) -> Detail:
    """One settlement; `zh` and `en` say where it stands."""

    def wrong(column: str, why_zh: str, why_en: str) -> InvalidInput:
        return InvalidInput(_FIELD, zh=f"{zh} {column}：{why_zh}", en=f"{en}, {column}: {why_en}")

    def identifier(column: str) -> str:
        found = cells.get(column, "")
        if len(found) > _ID_MAX or not (found.isascii() and found.isprintable()):
            raise wrong(
                column,
                f"应为字母、数字，最长 {_ID_MAX} 个字符",
                f"must be letters and digits, at most {_ID_MAX}",
            )
        return found

    def money(column: str) -> Fen:
        try:
            return amount(cells.get(column, ""), column)
        except InvalidInput as error:
            raise wrong(column, error.text.zh, error.text.en) from None

    settlement, flag = identifier("setl_id"), cells.get("refd_setl_flag", "")
    if not settlement:
        raise wrong("setl_id", "不能为空", "must be given")
    if flag not in ("", "0", "1"):
        raise wrong("refd_setl_flag", "应为 0 或 1", "must be 0 or 1")
    return Detail(
        settlement=settlement,
        visit=identifier("mdtrt_id"),
        person=identifier("psn_no"),
        message=identifier("msgid"),
        total=money("medfee_sumamt"),
        funds=money("fund_pay_sumamt"),
        account=money("acct_pay"),
        refund=flag == "1",
    )


def amount(text: str, field: str) -> Fen:
    """An amount in yuan, which of a reversal is negative; raises InvalidInput naming `field`."""
    negative = text.startswith("-")
    found = parse_yuan(text[1:] if negative else text, field)
    assert found <= AMOUNT_MAX
    return -found if negative else found


def write(name: str, differences: Sequence[Difference]) -> bytes:
    """The differences as a zip with one text; without any, the text is its first line."""
    lines = ["\t".join(ANSWER_COLUMNS), *("\t".join(_cells(one)) for one in differences)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "".join(f"{line}\r\n" for line in lines).encode())
    return packed.getvalue()


def _cells(one: Difference) -> list[str]:
    known = one.theirs or one.ours
    assert known is not None
    return [
        known.person,
        known.visit,
        known.settlement,
        known.message,
        _DIFFERS,
        str(int(known.refund)),
        one.text.zh,
        *_figures(one.theirs),
        one.kind,
        *_figures(one.ours),
    ]


def _figures(one: Detail | None) -> list[str]:
    if one is None:
        return ["", "", ""]
    return [format_yuan(one.total), format_yuan(one.funds), format_yuan(one.account)]


def _names(cells: Sequence[str], number: int) -> Sequence[str]:
    unknown = [cell for cell in cells if cell not in COLUMNS]
    missing = [
        name for name in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay") if name not in cells
    ]
    if unknown or missing or len(set(cells)) != len(cells):
        known = "、".join(COLUMNS)
        raise _wrong(
            number,
            f"列名应各出现一次，可用：{known}",
            f"the columns stand once each; known: {', '.join(COLUMNS)}",
        )
    return cells


def _text(content: bytes) -> str:
    if content.startswith(b"PK"):
        content = _unpacked(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(
            _FIELD, zh="明细文件应为 UTF-8 文本", en="the file of details must be UTF-8 text"
        ) from None


def _unpacked(content: bytes) -> bytes:
    """The only file of a zip; no more is unpacked than a file may hold, whatever the zip says."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise InvalidInput(
                    _FIELD,
                    zh=f"压缩包应只含一个明细文件，实为 {len(names)} 个",
                    en=f"the zip must hold one file of details, not {len(names)}",
                )
            with archive.open(names[0]) as file:
                found = file.read(BYTES_MAX + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise InvalidInput(
            _FIELD, zh="压缩包已损坏或已加密", en="the zip is damaged or encrypted"
        ) from error
    if len(found) > BYTES_MAX:
        raise InvalidInput(
            _FIELD,
            zh=f"解压后超过 {BYTES_MAX >> 20} MiB，请分段对账",
            en=f"unpacked it is larger than {BYTES_MAX >> 20} MiB; compare in parts",
        )
    return found


def _wrong(number: int, zh: str, en: str) -> InvalidInput:
    return InvalidInput(_FIELD, zh=f"第 {number} 行：{zh}", en=f"line {number}: {en}")
