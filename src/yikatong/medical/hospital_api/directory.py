"""Asking for providers (医药机构信息获取, 1201)."""

from typing import Annotated, Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, Text
from yikatong.medical import service as medical
from yikatong.medical.hospital_api import envelope
from yikatong.medical.hospital_api.codes import PROVIDER_LEVEL_CODE
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.errands import Done, Errand, node, optional
from yikatong.medical.model import Provider

_FOUND_MAX: Final = 50
_KINDS: Final = {"1": "hospital", "2": "pharmacy"}
_TYPES: Final = {kind: code for code, kind in _KINDS.items()}


class _Asked(msgspec.Struct):
    fixmedins_type: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    fixmedins_name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    fixmedins_code: Annotated[str, msgspec.Meta(max_length=30)] | None = None


class _Input(msgspec.Struct):
    medinsinfo: _Asked | None = None


class _Row(msgspec.Struct):
    fixmedins_type: str
    fixmedins_name: str
    fixmedins_code: str
    uscc: str
    hosp_lv: str


class _Output(msgspec.Struct):
    medinsinfo: list[_Row]


_decoder: Final = msgspec.json.Decoder(_Input)


async def _find(connection: Connection, _context: Context, raw: bytes) -> Done:
    asked = node(envelope.decode(_decoder, raw).medinsinfo, "medinsinfo")
    kind, name, code = map(
        optional, (asked.fixmedins_type, asked.fixmedins_name, asked.fixmedins_code)
    )
    if kind is not None and kind not in _KINDS:
        raise InvalidInput(
            "medinsinfo.fixmedins_type",
            zh="应为 1 医院或 2 药店",
            en="must be 1 (hospital) or 2 (pharmacy)",
        )
    if code is None and name is None and kind is None:
        raise InvalidInput(
            "medinsinfo.fixmedins_code",
            zh="请填写机构编码、机构名称或机构类型",
            en="give a provider's code, name or type",
        )
    found = await _providers(connection, kind and _KINDS[kind], name, code)
    return Done(
        _Output([_row(one) for one in found[:_FOUND_MAX]]),
        Text(
            f"只列出前 {_FOUND_MAX} 家，请填写更完整的名称",
            "only the first 50; give more of the name",
        )
        if len(found) > _FOUND_MAX
        else None,
    )


async def _providers(
    connection: Connection, kind: str | None, name: str | None, code: str | None
) -> list[Provider]:
    if code is None:
        return list(await medical.providers(connection, kind=kind, name=name, limit=_FOUND_MAX + 1))
    try:
        found = await medical.provider(connection, code)
    except NotFound:
        return []
    fits = (kind is None or found.kind == kind) and (name is None or name in found.name)
    return [found] if fits else []


def _row(provider: Provider) -> _Row:
    return _Row(
        fixmedins_type=_TYPES[provider.kind],
        fixmedins_name=provider.name,
        fixmedins_code=provider.provider_code,
        uscc="",
        hosp_lv=PROVIDER_LEVEL_CODE[provider.level],
    )


errands: Final = (Errand("1201", Text("医药机构信息获取", "query providers"), _find),)
