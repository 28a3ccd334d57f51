"""Catalogs as files by version (目录下载 1301-1319): a zip that holds one tab-separated text."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan
from yikatong.medical import reference
from yikatong.medical.hospital_api import envelope, store
from yikatong.medical.hospital_api.codes import DISEASES, ITEM_CLASS_CODE
from yikatong.medical.hospital_api.context import Context, rate
from yikatong.medical.hospital_api.errands import Done, Errand, node, optional
from yikatong.medical.hospital_api.refusals import NoData

KEPT: Final = timedelta(days=30)
COLUMNS: Final = (
    "med_list_codg", "list_name", "list_type", "spec", "prcunt", "chrgitm_lv", "selfpay_prop",
    "pric_uplmt_amt", "begndate", "ver",
)  # fmt: skip
"""The first line of each file of items."""


_CODED: Final = ("code", "name", "ver")


class Catalog(msgspec.Struct, frozen=True):
    """Which items a transaction hands out, or which codes that are no items."""

    title: Text
    kind: str | None = None
    subkinds: tuple[str, ...] | None = None
    limited: bool = False
    """Only items with a price limit."""
    shared: bool = False
    """Only items with a first-pay share."""
    columns: tuple[str, ...] = COLUMNS
    """The first line of the file."""
    codes: Callable[[], Sequence[tuple[str, str]]] | None = None
    """Code and name, where it is of no items."""


def _nothing() -> Sequence[tuple[str, str]]:
    return ()


def _unkept(zh: str, en: str, columns: tuple[str, ...] = _CODED) -> Catalog:
    """We have nothing of it: the file holds its first line alone."""
    return Catalog(Text(zh, en), columns=columns, codes=_nothing)


CATALOGS: Final = {
    "1301": Catalog(
        Text("西药中成药目录下载", "western and patent drugs"),
        "drug",
        ("western", "patent", "negotiated"),
    ),
    "1302": Catalog(Text("中药饮片目录下载", "herbal drugs"), "drug", ("herbal",)),
    "1303": _unkept("医疗机构制剂目录下载", "drugs prepared by hospitals", COLUMNS),
    "1304": _unkept("民族药品目录查询", "drugs of the nationalities", COLUMNS),
    "1305": Catalog(Text("医疗服务项目目录下载", "medical services"), "service"),
    "1306": Catalog(Text("医用耗材目录下载", "consumables"), "consumable"),
    "1307": Catalog(
        Text("疾病与诊断目录下载", "diagnoses"),
        columns=("diag_code", "diag_name", "ver"),
        codes=lambda: [one[:2] for one in reference.common_diagnoses()],
    ),
    "1308": _unkept("手术操作目录下载", "operations"),
    "1309": Catalog(
        Text("门诊慢特病种目录下载", "chronic and special diseases"),
        columns=("opsp_dise_code", "opsp_dise_name", "ver"),
        codes=lambda: [(code, text.zh) for code, text in DISEASES.entries.items()],
    ),
    "1310": _unkept("按病种付费病种目录下载", "diseases paid by case"),
    "1311": _unkept("日间手术治疗病种目录下载", "day surgery"),
    "1312": Catalog(Text("医保目录信息查询", "all items with their classes")),
    "1313": _unkept("肿瘤形态学目录下载", "morphology of tumours"),
    "1314": _unkept("中医疾病目录下载", "diseases of Chinese medicine"),
    "1315": _unkept("中医证候目录下载", "patterns of Chinese medicine"),
    "1316": _unkept("医疗目录与医保目录匹配信息查询", "matches of catalogs"),
    "1317": _unkept("医药机构目录匹配信息查询", "matches of a provider's items"),
    "1318": Catalog(Text("医保目录限价信息查询", "price limits"), limited=True),
    "1319": Catalog(Text("医保目录先自付比例信息查询", "first-pay shares"), shared=True),
}


class _Asked(msgspec.Struct):
    ver: Annotated[str, msgspec.Meta(max_length=30)] | None = None


class _Input(msgspec.Struct):
    data: _Asked | None = None


class _Output(msgspec.Struct):
    file_qury_no: str
    filename: str
    dld_end_time: str
    data_cnt: int


_decoder: Final = msgspec.json.Decoder(_Input)


def _errand(code: str, catalog: Catalog) -> Errand:
    async def carry_out(connection: Connection, context: Context, raw: bytes) -> Done:
        asked = node(envelope.decode(_decoder, raw).data, "data")
        return await _hand_out(connection, code, catalog, context, optional(asked.ver))

    return Errand(code, catalog.title, carry_out)


async def _hand_out(
    connection: Connection, code: str, catalog: Catalog, context: Context, known: str | None
) -> Done:
    province = f"{context.provider.region[:2]}0000"
    day = context.now.astimezone(SHANGHAI).date()
    version, stem = await _version(connection, code, catalog, province, day)
    if known == version:
        return Done(
            _Output("", "", "", 0),
            Text(f"{version} 已是最新版本，无需下载", f"{version} is the newest; nothing to fetch"),
        )
    if catalog.codes is not None:
        rows = [[*one, version] for one in catalog.codes()]
    else:
        rows = [
            _cells(row, version)
            for row in await store.catalog_rows(
                connection, province, day, catalog.kind, catalog.subkinds
            )
            if (row["price_limit"] is not None or not catalog.limited)
            and (row["first_pay"] is not None or not catalog.shared)
        ]
    name, number = f"{stem}_{version}.txt.zip", f"{stem.replace('_', '')}{version}"
    until = context.now + KEPT
    if not await store.extend_file(connection, number, context.now, until):
        content = await asyncio.to_thread(_zip, name.removesuffix(".zip"), [catalog.columns, *rows])
        await store.delete_old_files(connection, context.now)
        await store.insert_file(connection, number, None, name, content, context.now, until)
    what = catalog.title.zh.removesuffix("下载").removesuffix("查询")
    return Done(
        _Output(number, name, f"{until:%Y-%m-%d %H:%M:%S}", len(rows)),
        None
        if rows
        else Text(
            f"平台暂无{what}数据，文件只有列名",
            f"no data on {catalog.title.en} is kept here: the file holds its first line alone",
        ),
    )


async def _version(
    connection: Connection, code: str, catalog: Catalog, province: str, day: date
) -> tuple[str, str]:
    """The newest version, and how its file's name begins."""
    if catalog.codes is not None:
        mark = hashlib.sha256(f"{code} {catalog.codes()}".encode()).hexdigest()[:8]
        return f"V{mark}", code
    state = await store.catalog_state(connection, province, day)
    if state is None:
        raise NoData(
            zh="平台还没有载入医保目录，请联系经办机构",
            en="no catalog is loaded here yet; ask the agency",
        )
    mark = hashlib.sha256(f"{code} {province} {state[0]}".encode()).hexdigest()[:8]
    return f"V{state[1]:%Y%m%d}.{mark}", f"{code}_{province}"


def _cells(row: Any, version: str) -> list[str]:
    first_pay, limit = row["first_pay"], row["price_limit"]
    return [
        row["code"], row["name"], row["subkind"], row["specification"], row["unit"],
        ITEM_CLASS_CODE[row["class"]],
        "1" if first_pay is None else bytes(rate(first_pay)).decode(),
        "" if limit is None else format_yuan(limit),
        f"{row['starts_on']:%Y-%m-%d}",
        version,
    ]  # fmt: skip


def _zip(name: str, rows: Sequence[Sequence[str]]) -> bytes:
    lines = ["\t".join(" ".join(cell.split()) for cell in row) for row in rows]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed time of the entry: the same catalog is the same file.
        archive.writestr(zipfile.ZipInfo(name), "\n".join([*lines, ""]), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


errands: Final = tuple(_errand(code, catalog) for code, catalog in CATALOGS.items())
