"""Catalogs as files by version (目录下载 1301-1319): a zip that holds one tab-separated text."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan
from yikatong.medical.hospital_api import envelope, store
from yikatong.medical.hospital_api.context import Context, rate
from yikatong.medical.hospital_api.errands import Done, Errand, node, optional
from yikatong.medical.hospital_api.refusals import NoData

KEPT: Final = timedelta(days=30)
COLUMNS: Final = (
    "med_list_codg", "list_name", "list_type", "spec", "prcunt", "chrgitm_lv", "selfpay_prop",
    "pric_uplmt_amt", "begndate", "ver",
)  # fmt: skip
"""The first line of each file."""


class Catalog(msgspec.Struct, frozen=True):
    """Which items a transaction hands out."""

    title: Text
    kind: str | None = None
    subkinds: tuple[str, ...] | None = None
    limited: bool = False
    """Only items with a price limit."""
    shared: bool = False
    """Only items with a first-pay share."""
    kept: bool = True
    """Whether we have it at all."""


CATALOGS: Final = {
    "1301": Catalog(
        Text("西药中成药目录下载", "western and patent drugs"),
        "drug",
        ("western", "patent", "negotiated"),
    ),
    "1302": Catalog(Text("中药饮片目录下载", "herbal drugs"), "drug", ("herbal",)),
    "1303": Catalog(Text("医疗机构制剂目录下载", "drugs prepared by hospitals"), kept=False),
    "1304": Catalog(Text("民族药品目录查询", "drugs of the nationalities"), kept=False),
    "1305": Catalog(Text("医疗服务项目目录下载", "medical services"), "service"),
    "1306": Catalog(Text("医用耗材目录下载", "consumables"), "consumable"),
    "1307": Catalog(Text("疾病与诊断目录下载", "diagnoses"), kept=False),
    "1308": Catalog(Text("手术操作目录下载", "operations"), kept=False),
    "1309": Catalog(Text("门诊慢特病种目录下载", "chronic and special diseases"), kept=False),
    "1310": Catalog(Text("按病种付费病种目录下载", "diseases paid by case"), kept=False),
    "1311": Catalog(Text("日间手术治疗病种目录下载", "day surgery"), kept=False),
    "1312": Catalog(Text("医保目录信息查询", "all items with their classes")),
    "1313": Catalog(Text("肿瘤形态学目录下载", "morphology of tumours"), kept=False),
    "1314": Catalog(Text("中医疾病目录下载", "diseases of Chinese medicine"), kept=False),
    "1315": Catalog(Text("中医证候目录下载", "patterns of Chinese medicine"), kept=False),
    "1316": Catalog(Text("医疗目录与医保目录匹配信息查询", "matches of catalogs"), kept=False),
    "1317": Catalog(Text("医药机构目录匹配信息查询", "matches of a provider's items"), kept=False),
    "1318": Catalog(Text("医保目录限价信息查询", "price limits"), limited=True),
    "1319": Catalog(Text("医保目录先自付比例信息查询", "first-pay shares"), shared=True),
}
_CLASSES: Final = {"A": "01", "B": "02", "C": "03"}
_KEPT_CODES: Final = "、".join(code for code, catalog in CATALOGS.items() if catalog.kept)


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
    state = await store.catalog_state(connection, province, day) if catalog.kept else None
    if state is None:
        raise NoData(
            zh=f"平台暂无{catalog.title.zh.removesuffix('下载').removesuffix('查询')}数据；"
            f"可下载：{_KEPT_CODES}",
            en=f"no data on {catalog.title.en} is kept here; there are {_KEPT_CODES}",
        )
    mark = hashlib.sha256(f"{code} {province} {state[0]}".encode()).hexdigest()[:8]
    version = f"V{state[1]:%Y%m%d}.{mark}"
    if known == version:
        return Done(
            _Output("", "", "", 0),
            Text(f"{version} 已是最新版本，无需下载", f"{version} is the newest; nothing to fetch"),
        )
    rows = [
        row
        for row in await store.catalog_rows(
            connection, province, day, catalog.kind, catalog.subkinds
        )
        if (row["price_limit"] is not None or not catalog.limited)
        and (row["first_pay"] is not None or not catalog.shared)
    ]
    name, number = f"{code}_{province}_{version}.txt.zip", f"{code}{province}{version}"
    until = context.now + KEPT
    if not await store.extend_file(connection, number, context.now, until):
        content = await asyncio.to_thread(_zip, name.removesuffix(".zip"), rows, version)
        await store.delete_old_files(connection, context.now)
        await store.insert_file(connection, number, None, name, content, context.now, until)
    return Done(_Output(number, name, f"{until:%Y-%m-%d %H:%M:%S}", len(rows)))


def _zip(name: str, rows: Sequence[Any], version: str) -> bytes:
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        first_pay, limit = row["first_pay"], row["price_limit"]
        cells = (
            row["code"], row["name"], row["subkind"], row["specification"], row["unit"],
            _CLASSES[row["class"]],
            "1" if first_pay is None else bytes(rate(first_pay)).decode(),
            "" if limit is None else format_yuan(limit),
            f"{row['starts_on']:%Y-%m-%d}",
            version,
        )  # fmt: skip
        lines.append("\t".join(" ".join(str(cell).split()) for cell in cells))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed time of the entry: the same catalog is the same file.
        archive.writestr(zipfile.ZipInfo(name), "\n".join([*lines, ""]), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


errands: Final = tuple(_errand(code, catalog) for code, catalog in CATALOGS.items())
