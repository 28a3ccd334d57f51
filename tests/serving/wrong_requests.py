"""What a hospital does wrong: a table of requests by group, each with what the answer must name.

A request is a good one of the same day (`World.good`) with one thing wrong with it.
"""

import copy
import gzip
import hashlib
import hmac
import itertools
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from yikatong.medical.sandbox.client import BEIJING_TIME, PATH, Account, sign_a, sign_b
from yikatong.medical.sandbox.visit import Visit

GONE: Final = object()
"""Instead of a value: the field is left out."""
MISSING: Final = "缺少这一项"


@dataclass
class World:
    """Three providers, and visits in every state."""

    accounts: dict[str, Account]
    """H signs by scheme A, B (another hospital) and P (a pharmacy) by scheme B."""
    persons: dict[str, Any]
    """By situation."""
    good: dict[str, Any] = field(default_factory=dict)
    """The last good input of each transaction."""
    messages: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """Message id and input by the settlement or visit they made."""
    visits: dict[str, Visit] = field(default_factory=dict)
    reversal: str = ""
    """The number of a settlement that is itself a reversal."""
    nonce_headers: dict[str, str] = field(default_factory=dict)
    """Headers of scheme B that were used before."""


@dataclass(frozen=True)
class Wrong:
    """A request and what is wrong with it."""

    name: str
    names: str
    """A fragment that the answer must hold: the field, or the fact."""
    infno: str = "2207"
    content: Any = None
    """None: the good one."""
    envelope: dict[str, Any] = field(default_factory=dict[str, Any])
    by: str = "H"
    status: int = 200
    sign: Callable[[World], dict[str, str]] | None = None
    """None: as it should be."""
    body: Callable[[bytes], bytes] | None = None
    """What becomes of the body on its way."""
    more: dict[str, str] = field(default_factory=dict[str, str])
    """Headers besides."""
    path: str = PATH
    method: str = "POST"


def put(content: Any, path: str, value: Any) -> Any:
    """A copy with one value changed, "feedetail.0.cnt"; GONE takes it out."""
    made = copy.deepcopy(content)
    *way, last = path.split(".")
    here = made
    for one in way:
        here = here[int(one)] if one.isdigit() else here[one]
    key = int(last) if last.isdigit() else last
    if value is GONE:
        del here[key]
    else:
        here[key] = value
    return made


def shown(path: str) -> str:
    """A path as the answer writes it: feedetail.0.cnt → feedetail[0].cnt."""
    node, _, rest = path.partition(".")
    row, _, name = rest.partition(".")
    return f"{node}[{row}].{name}" if row.isdigit() else path


def china(**ahead: float) -> str:
    return f"{datetime.now(BEIJING_TIME) + timedelta(**ahead):%Y-%m-%d %H:%M:%S}"


# ---- signatures ----


def _a(ahead: float = 0, secret: str = "", **changes: str) -> Callable[[World], dict[str, str]]:
    def sign(world: World) -> dict[str, str]:
        mine = world.accounts["H"]
        made = sign_a(mine.access_key, secret or mine.secret, time.time() + ahead)
        return {name: one for name, one in {**made, **changes}.items() if one}

    return sign


def _b(ahead: float = 0, secret: str = "", **changes: str) -> Callable[[World], dict[str, str]]:
    renamed = {name.replace("_", "-"): one for name, one in changes.items()}

    def sign(world: World) -> dict[str, str]:
        mine = world.accounts["B"]
        nonce = hashlib.sha256(str(time.perf_counter_ns()).encode()).hexdigest()[:16]
        made = sign_b(mine.access_key, secret or mine.secret, time.time() + ahead, nonce)
        return {name: one for name, one in {**made, **renamed}.items() if one}

    return sign


def _a_in_order_of_the_alphabet_but_sha256(world: World) -> dict[str, str]:
    made = _a()(world)
    text = "&".join(f"{one}={made[one]}" for one in sorted(made) if one != "_api_signature")
    digest = hmac.digest(world.accounts["H"].secret.encode(), text.encode(), "sha256")
    return made | {"_api_signature": b64encode(digest).decode()}


def signatures(_: World) -> Iterator[Wrong]:
    for name in ("access_key", "name", "timestamp", "version", "signature"):
        names = "缺少 _api_access_key" if name == "access_key" else f"_api_{name}：缺少"
        yield Wrong(f"no _api_{name}", names, sign=_a(**{f"_api_{name}": ""}), status=401)
    for name in ("paasid", "timestamp", "nonce", "signature"):
        names = "x-tif-paasid 等请求头" if name == "paasid" else f"x-tif-{name}：缺少"
        yield Wrong(f"no x-tif-{name}", names, by="B", sign=_b(**{f"x_tif_{name}": ""}), status=401)
    wrong_a = "_api_signature：签名不正确"
    wrong_b = "x-tif-signature：签名不正确"
    for found in (
        Wrong("not signed at all", "请求未签名", sign=lambda _: {}),
        Wrong("signed with the other hospital's secret", wrong_a,
              sign=lambda w: _a(secret=w.accounts["B"].secret)(w)),
        Wrong("signed by the other hospital as this one", "fixmedins_code", sign=_b(), status=200),
        Wrong("signed with an empty secret", wrong_a, sign=_a(secret="\0")),
        Wrong("a signature of another algorithm", wrong_a,
              sign=_a_in_order_of_the_alphabet_but_sha256),
        Wrong("a signature that is no Base64", wrong_a, sign=_a(_api_signature="%%%")),
        Wrong("a signature of 4000 characters", wrong_a, sign=_a(_api_signature="A" * 4000)),
        Wrong("a name that was not signed", wrong_a, sign=_a(_api_name="other")),
        Wrong("a version that was not signed", wrong_a, sign=_a(_api_version="9")),
        Wrong("an unknown access key", "访问密钥不存在", sign=_a(_api_access_key="f" * 24)),
        Wrong("an access key of 5000 characters", "访问密钥", sign=_a(_api_access_key="f" * 5000)),
        Wrong("SQL as access key", "访问密钥", sign=_a(_api_access_key="' or '1'='1")),
        Wrong("six minutes old", "_api_timestamp：早于服务器时间", sign=_a(-360)),
        Wrong("a day old", "早于服务器时间", sign=_a(-86400)),
        Wrong("six minutes ahead", "_api_timestamp：晚于服务器时间", sign=_a(360)),
        Wrong("seconds instead of milliseconds", "应为 13 位数字",
              sign=_a(_api_timestamp=str(int(time.time())))),
        Wrong("a time that is no number", "应为 13 位数字", sign=_a(_api_timestamp="yesterday-at-9")),
        Wrong("a time of full-width digits", "应为 13 位数字",
              sign=_a(_api_timestamp="\xb2" * 13)),
        Wrong("B: another secret", wrong_b, by="B", sign=_b(secret="x")),
        Wrong("B: a signature in lower case", wrong_b, by="B",
              sign=lambda w: {n: o.lower() for n, o in _b()(w).items()}),
        Wrong("B: six minutes old", "x-tif-timestamp：早于", by="B", sign=_b(-360)),
        Wrong("B: six minutes ahead", "x-tif-timestamp：晚于", by="B", sign=_b(360)),
        Wrong("B: milliseconds instead of seconds", "应为 10 位数字", by="B",
              sign=_b(x_tif_timestamp=str(int(time.time() * 1000)))),
        Wrong("B: a nonce of 65 characters", "x-tif-nonce：最长 64", by="B",
              sign=_b(x_tif_nonce="n" * 65)),
        Wrong("B: replayed", "x-tif-nonce：随机串已用过", by="B", sign=lambda w: w.nonce_headers),
        Wrong("A's key with B's headers", "登记的签名方式是 A",
              sign=lambda w: _b(x_tif_paasid=w.accounts["H"].access_key)(w)),
        Wrong("B's key with A's headers", "登记的签名方式是 B", by="B",
              sign=lambda w: _a(_api_access_key=w.accounts["B"].access_key)(w)),
        Wrong("both schemes, A's signature wrong", wrong_a,
              sign=lambda w: _b()(w) | _a(_api_signature="A")(w)),
    ):  # fmt: skip
        yield replace(found, status=found.status if "fixmedins" in found.names else 401)


# ---- the envelope ----

_REQUIRED: Final = (
    "infno", "msgid", "mdtrtarea_admvs", "recer_sys_code", "infver", "opter_type", "opter",
    "opter_name", "inf_time", "fixmedins_code", "fixmedins_name",
)  # fmt: skip


def envelopes(world: World) -> Iterator[Wrong]:
    mine = world.accounts["H"]
    for name in _REQUIRED:
        for kind, value in (("left out", GONE), ("null", None), ('"null"', "null"), ("empty", "")):
            yield Wrong(f"{name} {kind}", f"{name}：{MISSING}", envelope={name: value})
    for name, most in (
        ("infno", 4), ("msgid", 30), ("mdtrtarea_admvs", 6), ("insuplc_admdvs", 6),
        ("recer_sys_code", 10), ("dev_no", 100), ("dev_safe_info", 2000), ("cainfo", 1024),
        ("signtype", 10), ("infver", 6), ("opter", 30), ("opter_name", 50), ("inf_time", 19),
        ("fixmedins_code", 12), ("fixmedins_name", 200), ("sign_no", 30),
    ):  # fmt: skip
        yield Wrong(f"{name} too long", f"{name}：不能超过 {most} 个字符",
                    envelope={name: "9" * (most + 1)})  # fmt: skip
    yield Wrong("input left out", "input：缺少", envelope={"input": GONE})
    yield Wrong("input null", "input：缺少", envelope={"input": None})
    yield Wrong("input a text", "input：缺少", envelope={"input": "{}"})
    yield Wrong("input a list", "input：缺少", envelope={"input": []})
    yield Wrong("input empty", "data：" + MISSING, envelope={"input": {}})
    moment = f"{datetime.now(BEIJING_TIME):%Y%m%d%H%M%S}"
    for name, value, names in (
        ("infno", "9999", "没有交易 9999"),
        ("infno", 2207, "infno"),
        ("infno", "２２０７", "没有交易"),
        ("msgid", "1", "msgid：应为机构编码"),
        ("msgid", f"{mine.provider_code}{moment}000", "msgid：应为机构编码"),
        ("msgid", f"{mine.provider_code}20261332000000" + "0001", "msgid：应为机构编码"),
        ("msgid", f"{mine.provider_code.lower()}{moment}0001", "msgid：应为机构编码"),
        ("msgid", f"{world.accounts['B'].provider_code}{moment}0001", "应以本机构编码"),
        ("msgid", ["x"], "msgid"),
        ("mdtrtarea_admvs", "110000", "mdtrtarea_admvs：就医地 110000"),
        ("mdtrtarea_admvs", "成都", "mdtrtarea_admvs"),
        ("insuplc_admdvs", "", "insuplc_admdvs：缺少参保地"),
        ("insuplc_admdvs", "999999", "insuplc_admdvs"),
        ("insuplc_admdvs", "<b>", "insuplc_admdvs"),
        ("infver", "V9.9", "infver：接口版本 V9.9"),
        ("opter_type", "7", "opter_type：应为 1 经办人"),
        ("opter_type", 1, "opter_type"),
        ("opter", {"a": 1}, "opter"),
        ("inf_time", "2026-02-30 09:00:00", "inf_time：应为 yyyy-MM-dd"),
        ("inf_time", "2026-03-01T09:00:00", "inf_time：应为 yyyy-MM-dd"),
        ("inf_time", "01/03/2026", "inf_time：应为 yyyy-MM-dd"),
        ("inf_time", 20260301090000, "inf_time"),
        ("fixmedins_code", world.accounts["B"].provider_code, "fixmedins_code"),
        ("fixmedins_code", "H' or 1=1 --", "fixmedins_code"),
        ("sign_no", "123456", "sign_no"),
    ):
        yield Wrong(f"{name} {value!r}", names, envelope={name: value})


# ---- body and address ----


def _instead(body: bytes) -> Callable[[bytes], bytes]:
    return lambda _: body


def _after(mark: bytes, more: bytes) -> Callable[[bytes], bytes]:
    """Written into the body behind a mark."""
    return lambda body: body.replace(mark, mark + more, 1)


def bodies(_: World) -> Iterator[Wrong]:
    json_ = "JSON"
    for name, names, status, made in (
        ("no body", json_, 400, _instead(b"")),
        ("a text", json_, 400, _instead(b"hello")),
        ("XML", json_, 400, _instead(b"<soap:Envelope/>")),
        ("a form", json_, 400, _instead(b"infno=2207&msgid=1")),
        ("cut off in the middle", json_, 400, lambda body: body[: len(body) // 2]),
        ("two messages", json_, 400, lambda body: body + body),
        ("GB 18030", "UTF-8", 400, lambda body: body.decode().encode("gb18030")),
        ("UTF-16", json_, 400, lambda body: body.decode().encode("utf-16")),
        ("compressed, and silent about it", json_, 400, gzip.compress),
        ("single quotes", json_, 400, lambda body: body.replace(b'"', b"'")),
        ("NaN", json_, 400, _after(b'"input": {', b'"a": NaN, ')),
        ("Infinity", json_, 400, _after(b'"input": {', b'"a": -Infinity, ')),
        ("a comment", json_, 400, _after(b'"input": {', b"/* x */")),
        ("a comma too many", json_, 400, lambda body: body[:-1] + b",}"),
        ("nested 100 000 deep", "嵌套", 400, _instead(b'{"a":' * 100_000)),
        ("input nested 100 000 deep", "嵌套", 400,
         _after(b'"input": {', b'"a": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b",")),
        ("a list of messages", "", 200, lambda body: b"[" + body + b"]"),
        ("a number", "", 200, _instead(b"7")),
        ("null", "", 200, _instead(b"null")),
        ("a NUL in a text", "\\u0000", 200, _after(b'"input": {', b'"a": "\\u0000", ')),
        ("half a surrogate pair", "", 400, _after(b'"input": {', b'"data": "\\ud800", ')),
        ("bytes that are no UTF-8", "UTF-8", 400, _after(b'"opter_name": "', b"\xff\xfe")),
        ("600 KiB", "报文超过 512 KiB", 413, lambda body: body + b" " * 600 * 1024),
        ("the last of two keys counts, and is wrong", "infver", 200,
         lambda body: body[:-1] + b', "infver": "V7"}'),
    ):  # fmt: skip
        yield Wrong(name, names, body=made, status=status)
    yield Wrong("compressed", "Content-Encoding", body=gzip.compress, status=400,
                more={"content-encoding": "gzip"})  # fmt: skip
    yield Wrong("sent by GET", "请用 POST", method="GET", status=405)
    yield Wrong("sent by PUT", "请用 POST", method="PUT", status=405)
    yield Wrong("another address", "没有这个地址", path="/fsi/api/other", status=404)
    yield Wrong("the address of 2204", "地址中的 2204", path=f"{PATH}/2204")
    yield Wrong("an address that climbs", "没有这个地址", path=f"{PATH}/..%2f..%2fetc", status=404)
    yield Wrong("the address of the sign-in", "9001", path="/fsi/api/signInSignOutService/signIn")
    yield Wrong("the address of the upload", "9101", path="/fsi/api/fileupload/upload")


# ---- what each transaction needs ----

_NEEDS: Final = """
1101 data mdtrt_cert_type mdtrt_cert_no
2001 data psn_no med_type
2101 druginfo psn_no begntime medfee_sumamt
2101 drugdetail.0 feedetl_sn fee_ocur_time med_list_codg det_item_fee_sumamt cnt pric
2102 druginfo psn_no begntime medfee_sumamt
2102 drugdetail.0 feedetl_sn fee_ocur_time med_list_codg det_item_fee_sumamt cnt pric
2103 data setl_id psn_no
2201 data psn_no begntime ipt_otp_no
2202 data psn_no mdtrt_id
2203 mdtrtinfo mdtrt_id psn_no med_type begntime
2203 diseinfo.0 diag_type diag_code diag_name
2204 feedetail.0 feedetl_sn mdtrt_id psn_no chrg_bchno fee_ocur_time med_list_codg
2204 feedetail.0 det_item_fee_sumamt cnt pric
2205 data mdtrt_id chrg_bchno psn_no
2206 data psn_no medfee_sumamt mdtrt_id
2207 data psn_no medfee_sumamt mdtrt_id
2208 data setl_id psn_no
2301 feedetail.0 feedetl_sn mdtrt_id psn_no fee_ocur_time med_list_codg
2301 feedetail.0 det_item_fee_sumamt cnt pric
2302 data feedetl_sn mdtrt_id psn_no
2303 data psn_no medfee_sumamt mdtrt_id
2304 data psn_no medfee_sumamt mdtrt_id
2305 data setl_id psn_no
2401 mdtrtinfo psn_no begntime med_type ipt_no
2401 diseinfo.0 diag_type diag_code diag_name
2402 dscginfo mdtrt_id psn_no endtime
2402 diseinfo.0 diag_type diag_code diag_name
2403 adminfo mdtrt_id psn_no
2404 data mdtrt_id psn_no
2405 data mdtrt_id psn_no
2501 refmedin psn_no mdtrtarea_admdvs begndate
2502 data trt_dcla_detl_sn psn_no
2505 data psn_no begndate
2506 data psn_no
2601 data psn_no omsgid oinfno
5206 data psn_no
5301 data psn_no
9001 signIn opter_no
9002 signOut sign_no opter_no
9101 fsUploadIn filename
9102 fsDownloadIn file_qury_no
"""


def by_of(infno: str) -> str:
    return "P" if infno.startswith("210") else "H"


def required(world: World) -> Iterator[Wrong]:
    absent = itertools.cycle(
        [("left out", GONE), ("null", None), ('"null"', "null"), ("empty", "")]
    )
    for line in _NEEDS.split("\n"):
        infno, node, *names = line.split() or ("", "")
        for name, (kind, value) in zip(names, absent, strict=False):
            path = f"{node}.{name}"
            yield Wrong(f"{path} {kind}", f"{shown(path)}：{MISSING}", infno,
                        put(world.good[infno], path, value), by=by_of(infno))  # fmt: skip
        if infno and (infno, node) != ("2401", "diseinfo.0"):  # those come with the discharge
            top = node.partition(".")[0]
            yield Wrong(f"{top} left out for {names[0]}", f"{top}：缺少", infno,
                        put(world.good[infno], top, GONE), by=by_of(infno))  # fmt: skip


# ---- values ----


def values(world: World) -> Iterator[Wrong]:
    def of(infno: str, path: str, wrong: list[Any], names: str = "") -> Iterator[Wrong]:
        for value in wrong:
            text = repr(value)
            yield Wrong(f"{path} {text[:40]}", names or shown(path), infno,
                        put(world.good[infno], path, value), by=by_of(infno))  # fmt: skip

    money = ["1.005", 1.005, "1e2", "-1", -1, "NaN", "1,000.00", "12.50元", "１２.５０", "+5", ".5", "0x10",
             True, [], {}, "10000000000000.01", "9" * 40, " 1 2 ", "1' or '1'='1"]  # fmt: skip
    yield from of("2207", "data.medfee_sumamt", money)
    yield from of("2304", "data.medfee_sumamt", ["1.001", "-0.01", "Infinity"])
    yield from of("2102", "druginfo.medfee_sumamt", ["1.001", "-0.01", "abc"])
    yield from of("2207", "data.fulamt_ownpay_amt", ["1.001", "-3", "x"])
    yield from of("2204", "feedetail.0.det_item_fee_sumamt", ["1.001", "1E+2", "nan"])
    yield from of("2204", "feedetail.0.det_item_fee_sumamt", ["7.77", "0", 10**9], "相差超过 0.05")
    yield from of("2204", "feedetail.0.cnt", ["0", "1.00001", "-0", "1e3", "一", None, "1/2", True])
    yield from of("2204", "feedetail.0.pric", ["-1", "1.1234567", "1e-3", "∞", [1]])
    yield from of("2301", "feedetail.0.cnt", ["0", "two"])
    yield from of("2201", "data.begntime",
                  ["2026-03-01", "2026/03/01 09:00:00", "2026-03-01T09:00:00", "2026-02-30 09:00:00",
                   "2026-03-01 25:00:00", "20260301090000", 20260301090000, "1899-12-31 00:00:00",
                   "9999-12-31 23:59:59", "yesterday", "２０２６-03-01 09:00:00",
                   "2026-03-01 09:00:00Z"])  # fmt: skip
    yield from of("2201", "data.begntime", [china(hours=2), china(days=400)], "晚于当前时间")
    yield from of("2201", "data.begntime", ["2019-01-01 09:00:00"], "超过两年")
    yield from of("2204", "feedetail.0.fee_ocur_time", ["soon", china()[:10]])
    yield from of("2505", "data.begndate", ["2026-3-1", "20260301", "2026-13-01", 1, "2026-W10-1"])
    yield from of("2501", "refmedin.enddate", ["2001-01-01"], "enddate")
    yield from of("5206", "data.cum_ym", ["2026-03", "202613", "999999", "x"])
    yield from of("2203", "mdtrtinfo.med_type", ["21", "41", "99", "", "outpatient", 11.0])
    yield from of("2401", "mdtrtinfo.med_type", ["11", "41", "0"])
    yield from of("2207", "data.med_type", ["21", "XX"])
    yield from of("2102", "druginfo.med_type", ["11", "21"])
    yield from of("2201", "data.insutype", ["110", "999", "职工"])
    yield from of("2207", "data.psn_setlway", ["3", "x"])
    yield from of("2207", "data.acct_used_flag", ["2", "yes", True])
    yield from of("2304", "data.mid_setl_flag", ["2", "y"])
    yield from of("2402", "dscginfo.dscg_way", ["77"])
    yield from of("2201", "data.mdtrt_cert_type", ["00", "id"])
    yield from of("2203", "diseinfo.0.diag_type", ["0", "west"])
    yield from of(
        "2203", "diseinfo.0.diag_code", ["高血压", "I1", "10.I", "I10;", "I10.x00' --", "i10"]
    )
    yield from of("2401", "diseinfo.0.diag_code", ["XYZ", "J18.900.900"])
    yield from of("2402", "diseinfo.0.diag_code", ["?", "0"])
    yield from of("2401", "mdtrtinfo.dscg_maindiag_code", ["hypertension"])
    yield from of("2204", "feedetail.0.hosp_appr_flag", ["9"])
    yield from of("2207", "data.psn_no", ["0", "-1", "1.0", "1e3", "abc", "9" * 19, "9" * 20, "１２",
                                          "1 or 1=1", "1;drop table visits", [1], True])  # fmt: skip
    yield from of("2207", "data.mdtrt_id", ["0x1f", "²", "1_000", {"$gt": 0}, "\u200b1"])
    yield from of("2208", "data.setl_id", ["-5", "null null", "٣"])
    yield from of("2601", "data.oinfno", ["22", "abcd", "22071"])
    yield from of("2501", "refmedin.mdtrtarea_admdvs", ["000000", "Beijing"])
    for infno, path, most in (
        ("2201", "data.ipt_otp_no", 30), ("2201", "data.dr_name", 50), ("2201", "data.caty", 10),
        ("2203", "mdtrtinfo.main_cond_dscr", 1000), ("2203", "diseinfo.0.diag_name", 100),
        ("2204", "feedetail.0.feedetl_sn", 30), ("2204", "feedetail.0.chrg_bchno", 30),
        ("2204", "feedetail.0.med_list_codg", 50), ("2207", "data.invono", 20),
        ("2401", "mdtrtinfo.ipt_no", 30), ("2301", "feedetail.0.memo", 500),
        ("2601", "data.omsgid", 30), ("2102", "druginfo.invono", 20),
    ):  # fmt: skip
        yield Wrong(f"{path} of {most + 1} characters", f"{shown(path)}：最多 {most} 个字符", infno,
                    put(world.good[infno], path, "长" * (most + 1)), by=by_of(infno))  # fmt: skip
    yield Wrong("a doctor's name of 100 000 characters", "最多 50 个字符", "2201",
                put(world.good["2201"], "data.dr_name", "x" * 100_000))  # fmt: skip


def structures(world: World) -> Iterator[Wrong]:
    good = world.good
    line = good["2204"]["feedetail"][0]
    for name, names, infno, content in (
        ("data a list", "data", "2207", {"data": [good["2207"]["data"]]}),
        ("data a number", "data", "2207", {"data": 5}),
        ("data a text", "data", "2207", {"data": "psn_no=1"}),
        ("data true", "data", "2207", {"data": True}),
        ("lines a text", "feedetail", "2204", {"feedetail": "none"}),
        ("no lines", "feedetail：缺少", "2204", {"feedetail": []}),
        ("a line null", "feedetail[0]", "2204", {"feedetail": [None]}),
        ("a line a number", "feedetail[1]", "2204", {"feedetail": [line, 7]}),
        ("a list in a list", "feedetail[0]", "2204", {"feedetail": [[line]]}),
        ("the node in capitals", "data：缺少", "2207", {"DATA": good["2207"]["data"]}),
        ("no diagnoses", "diseinfo：缺少", "2203", put(good["2203"], "diseinfo", [])),
        ("51 diagnoses", "一次最多 50 条", "2203",
         put(good["2203"], "diseinfo", good["2203"]["diseinfo"] * 51)),
        ("no valid diagnosis", "主诊断", "2203", put(good["2203"], "diseinfo.0.vali_flag", "0")),
        ("a diagnosis of another visit", "mdtrt_id", "2402",
         put(good["2402"], "diseinfo.0.mdtrt_id", "77")),
        ("a diagnosis of another person", "psn_no", "2402",
         put(good["2402"], "diseinfo.0.psn_no", "77")),
    ):  # fmt: skip
        yield Wrong(name, names, infno, content)
    for digits in (400, 5000):
        yield Wrong(f"an amount of {digits} digits", "medfee_sumamt", body=_number(b"1" * digits))
    for number in (b"1e400", b"-1e400", b"1E5", b"1.0e-3", b"0.1e1"):
        yield Wrong(f"the amount {number.decode()}", "medfee_sumamt", body=_number(number))
    for number in (b"01", b"1.", b"0x10", b"+1", b"1_000"):
        yield Wrong(f"the amount {number.decode()}", "JSON", body=_number(number), status=400)


def _number(number: bytes) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        message = json.loads(body)
        message["input"]["data"]["medfee_sumamt"] = "@"
        return json.dumps(message).encode().replace(b'"@"', number)

    return change
