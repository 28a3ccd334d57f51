"""3201 对总账 and 3202 对明细账. They are about no person: `visits.messages.once` carries them out."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any, Final, TypeAlias, cast

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text, YikatongError
from yikatong.core.money import Fen, format_yuan
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.errands import Done, Errand
from yikatong.medical.hospital_api.transactions import reconciliation_file
from yikatong.medical.reconciliation import rules, service
from yikatong.medical.reconciliation.rules import Detail, Totals
from yikatong.medical.visits.model import Setting

Work: TypeAlias = Callable[[Platform, Connection, bytes, Context], Awaitable[dict[str, Any]]]
"""The raw JSON of `input` to the `output` object; raises InvalidInput naming the standard's field."""

CLEARING_TYPES: Final[dict[str, Setting | None]] = {
    "11": "outpatient",
    "21": "inpatient",
    "41": "pharmacy",
    "99": None,
}
ROWS_MAX: Final = 5000
"""Details in the message itself; more go in a file."""
# Amounts as they were written: never through binary floating point.
_decode: Final = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode
_FIELDS: Final = {"until": "stmt_enddate", "file_number": "file_qury_no"}
"""The standard's names of what the rules name."""


async def totals(
    _platform: Platform, connection: Connection, raw: bytes, context: Context
) -> dict[str, Any]:
    """3201: compare the sums of a period by insurance and clearing type."""
    data = _node(_input(raw), "data")
    clearing_type = _required(data, "clr_type")
    if clearing_type not in CLEARING_TYPES:
        known = "、".join(CLEARING_TYPES)
        raise InvalidInput(
            "clr_type",
            zh=f"清算类别 {clearing_type} 不存在，应为 {known} 之一",
            en=f"there is no clearing type {clearing_type}; known: {', '.join(CLEARING_TYPES)}",
        )
    stated = Totals(
        total=_amount(data, "medfee_sumamt"),
        funds=_amount(data, "fund_pay_sumamt"),
        account=_amount(data, "acct_pay"),
        count=_count(data),
    )
    with _Named():
        compared = await service.compare_totals(
            connection,
            context.provider,
            _code(data, "insutype"),
            CLEARING_TYPES[clearing_type],
            *_period(data),
            stated,
        )
    return {
        "stmtinfo": {
            "setl_optins": _given(data, "setl_optins") or context.provider.pooling_region,
            "stmt_rslt": "0" if compared.agrees else "1",
            "stmt_rslt_dscr": compared.text.zh,
        }
    }


async def details(
    platform: Platform, connection: Connection, raw: bytes, context: Context
) -> dict[str, Any]:
    """3202: compare settlement by settlement; the answer names a file of the differences (9102)."""
    whole = _input(raw)
    data = _node(whole, "data")
    since, until = _period(data)
    if _given(data, "file_qury_no") is None:
        theirs = _rows(whole)
    else:
        number = _code(data, "file_qury_no")
        with _Named():
            content = await service.uploaded(platform, connection, context.provider, number)
        theirs = reconciliation_file.read(content)
    _check_stated(data, theirs)
    with _Named():
        made = await service.compare_details(
            platform, connection, context.provider, since, until, theirs, reconciliation_file.write
        )
    return {
        "fileinfo": {
            "file_qury_no": made.number,
            "filename": made.name,
            "dld_endtime": f"{made.kept_until:%Y-%m-%d %H:%M:%S}",
        }
    }


TRANSACTIONS: Final[dict[str, tuple[Text, Work]]] = {
    "3201": (Text("对总账", "reconcile totals"), totals),
    "3202": (Text("对明细账", "reconcile details"), details),
}


def errands(platform: Platform) -> tuple[Errand, ...]:
    """3201 and 3202 as the interface carries them out."""

    def errand(code: str, title: Text, work: Work) -> Errand:
        async def carry_out(connection: Connection, context: Context, raw: bytes) -> Done:
            return Done(await work(platform, connection, raw, context))

        return Errand(code, title, carry_out)

    return tuple(errand(code, *one) for code, one in TRANSACTIONS.items())


def _check_stated(data: Mapping[str, Any], theirs: list[Detail]) -> None:
    """The sums a provider states with its details must be theirs."""
    listed = rules.sums(theirs)
    for field, found in (("medfee_sumamt", listed.total), ("fund_pay_sumamt", listed.funds)):
        stated = _amount(data, field)
        if stated != found:
            raise InvalidInput(
                field,
                zh=f"为 {format_yuan(stated)}，与所列明细合计 {format_yuan(found)} 不一致",
                en=f"is {format_yuan(stated)}, but the details listed sum to {format_yuan(found)}",
            )
    count = _count(data)
    if count != listed.count:
        raise InvalidInput(
            "fixmedins_setl_cnt",
            zh=f"为 {count}，所列明细有 {listed.count} 笔",
            en=f"is {count}, but {listed.count} details are listed",
        )


# ---- reading ----


class _Named:
    """Lets errors of the rules name the standard's fields."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, YikatongError) and error.field in _FIELDS:
            error.field = _FIELDS[error.field]


def _input(raw: bytes) -> dict[str, Any]:
    try:
        return _decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidInput("input", zh="应为 JSON 对象", en="must be a JSON object") from error


def _node(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = whole.get(name)
    if not isinstance(found, dict):
        raise InvalidInput(name, zh="缺少此节点", en="this node is missing")
    return cast("dict[str, Any]", found)


def _rows(whole: Mapping[str, Any]) -> list[Detail]:
    found = whole.get("detail")
    if not isinstance(found, list):
        raise InvalidInput(
            "file_qury_no",
            zh="请先用 9101 上传明细文件并填写文件查询号，或在 detail 中逐笔列出",
            en="upload a file of details (9101) and name it, or list them in `detail`",
        )
    listed = cast("list[Any]", found)
    if len(listed) > ROWS_MAX:
        raise InvalidInput(
            "detail",
            zh=f"最多 {ROWS_MAX} 笔，更多请用 9101 上传文件",
            en=f"at most {ROWS_MAX} rows; upload more as a file (9101)",
        )
    rows: list[Detail] = []
    for at, one in enumerate(listed):
        if not isinstance(one, dict):
            raise InvalidInput(f"detail[{at}]", zh="应为对象", en="must be an object")
        given = cast("dict[str, Any]", one)
        cells = {name: _given(given, name) or "" for name in reconciliation_file.COLUMNS}
        rows.append(reconciliation_file.row(cells, f"第 {at + 1} 笔", f"row {at + 1}"))
    return rows


def _given(data: Mapping[str, Any], field: str) -> str | None:
    """A field as text; null, "null" and "" are absent."""
    value = data.get(field)
    if isinstance(value, (dict, list, bool)):
        raise InvalidInput(field, zh="应为文字或数字", en="must be a text or a number")
    text = "" if value is None else str(value).strip()
    return None if text in ("", "null") else text


def _required(data: Mapping[str, Any], field: str) -> str:
    found = _given(data, field)
    if found is None:
        raise InvalidInput(field, zh="必填", en="is required")
    return found


def _code(data: Mapping[str, Any], field: str) -> str:
    found = _required(data, field)
    if not (found.isascii() and found.isalnum()):
        raise InvalidInput(field, zh="应为代码，例如 310", en="must be a code like 310")
    return found


def _amount(data: Mapping[str, Any], field: str) -> Fen:
    return reconciliation_file.amount(_required(data, field), field)


def _count(data: Mapping[str, Any]) -> int:
    text = _required(data, "fixmedins_setl_cnt")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidInput("fixmedins_setl_cnt", zh="应为笔数", en="must be a whole number")
    return int(text)


def _period(data: Mapping[str, Any]) -> tuple[date, date]:
    return _day(data, "stmt_begndate"), _day(data, "stmt_enddate")


def _day(data: Mapping[str, Any], field: str) -> date:
    text = _required(data, field)
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise InvalidInput(
            field, zh="应为日期，例如 2026-03-01", en="must be a date like 2026-03-01"
        ) from None
