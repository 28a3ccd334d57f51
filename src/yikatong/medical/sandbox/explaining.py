"""What a call was and what came of it, in plain words. Pure."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from yikatong.core.errors import Text
from yikatong.medical.sandbox.model import Meaning

TITLES: Final[dict[str, Text]] = {
    "1101": Text("查询参保人", "who is this, and how insured"),
    "1201": Text("查询医药机构", "find providers"),
    "1301": Text("下载西药目录", "catalog of western medicines"),
    "2001": Text("待遇检查", "which benefits there are here"),
    "2101": Text("药店预结算", "pharmacy quote"),
    "2102": Text("药店结算", "pharmacy settlement"),
    "2103": Text("药店结算撤销", "reverse a pharmacy settlement"),
    "2201": Text("门诊挂号", "outpatient registration"),
    "2202": Text("门诊挂号撤销", "cancel a registration"),
    "2203": Text("门诊就诊信息上传", "the doctor's visit and diagnoses"),
    "2204": Text("门诊费用明细上传", "outpatient fee lines"),
    "2205": Text("门诊费用明细撤销", "withdraw outpatient fee lines"),
    "2206": Text("门诊预结算", "outpatient quote"),
    "2207": Text("门诊结算", "outpatient settlement"),
    "2208": Text("门诊结算撤销", "reverse an outpatient settlement"),
    "2301": Text("住院费用明细上传", "inpatient fee lines"),
    "2302": Text("住院费用明细撤销", "withdraw inpatient fee lines"),
    "2303": Text("住院预结算", "inpatient quote"),
    "2304": Text("住院结算", "inpatient settlement"),
    "2305": Text("住院结算撤销", "reverse an inpatient settlement"),
    "2401": Text("入院办理", "admission"),
    "2402": Text("出院办理", "discharge"),
    "2403": Text("住院信息变更", "amend an admission"),
    "2404": Text("入院撤销", "cancel an admission"),
    "2405": Text("出院撤销", "cancel a discharge"),
    "2501": Text("转院备案", "transfer filing"),
    "2502": Text("转院备案撤销", "withdraw a transfer filing"),
    "2505": Text("定点备案", "choose a provider"),
    "2506": Text("定点备案撤销", "drop a chosen provider"),
    "2601": Text("冲正", "reverse an uncertain message"),
    "3201": Text("对总账", "reconcile totals"),
    "3202": Text("对明细账", "reconcile details"),
    "5206": Text("年度累计查询", "the year's accumulators"),
    "5301": Text("慢特病备案查询", "chronic-disease registrations"),
    "9001": Text("签到", "sign in"),
    "9002": Text("签退", "sign out"),
    "9101": Text("文件上传", "upload a file"),
    "9102": Text("文件下载", "download a file"),
}
_CATALOG: Final = Text("目录下载", "catalog download")
_UNKNOWN: Final = Text("未知交易", "unknown transaction")
_UNREAD: Final = Text("未读取的请求", "a request that was not read")
_decode: Final = msgspec.json.Decoder(float_hook=str).decode
_QUOTES: Final = ("2101", "2206", "2303")

_LOST: Final = Text(
    "用同一 msgid 原样重发，会得到第一次的应答；一直收不到就冲正（2601）",
    "send the same message again under the same msgid: the first answer comes; if none ever comes,"
    " reverse it (2601)",
)
_AGAIN: Final = Text(
    "结果未知，稍后用同一 msgid 原样重发",
    "the outcome is unknown: send the same message again soon, under the same msgid",
)
_UNSIGNED: Final = Text(
    "核对密钥、签名方式和时钟；warn_msg 里有服务器收到的待签名串",
    "compare key, scheme and clock; warn_msg has the text to sign as it arrived here",
)
_UNREADABLE: Final = Text(
    "报文或地址不合规范，请修改程序后再发",
    "the message or address is not as the standard says: mend the program",
)
_REFUSED: Final = Text(
    "没有任何改动；按提示修改后用新的 msgid 重发",
    "nothing was changed; correct it as the text says and send it under a new msgid",
)
_ADVICE: Final[dict[str, Text]] = {
    "message_reused": Text(
        "每笔新业务用新的 msgid；只有原样重发才用原来的",
        "give each new act a msgid of its own; only an unchanged repeat keeps it",
    ),
    "message_undone": Text(
        "这笔已冲正；仍要办理就换新的 msgid", "it was reversed; to do it after all use a new msgid"
    ),
    "not_covered": Text(
        "可按自费收费，之后由本人手工报销；或按提示处理后再办",
        "let the person pay and claim by hand, or do what the text says first",
    ),
    "out_of_order": Text(
        "按提示的顺序先补上缺的步骤，再用新的 msgid 重发",
        "do the missing step first, then send this under a new msgid",
    ),
    "sandbox_fault": Text(
        "这是打开的故障开关造成的，没有任何改动", "a fault that was switched on did this; nothing was changed"
    ),
}  # fmt: skip


def title(transaction_code: str) -> Text:
    """What a transaction is called."""
    if not transaction_code:
        return _UNREAD
    known = TITLES.get(transaction_code)
    if known is None and transaction_code.startswith("13"):
        return _CATALOG
    return known or _UNKNOWN


def read(text: str) -> dict[str, Any]:
    """The envelope of an answer with its numbers as written; empty where it is none."""
    try:
        found = _decode(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def explain(transaction_code: str, status: int, code: str, envelope: Mapping[str, Any]) -> Meaning:
    """A call in plain words: `status` of HTTP (0: the answer was lost), `code` the infcode or what
    was wrong, `envelope` what was answered, or would have been."""
    name = title(transaction_code)
    if status == 0:
        lost = Text("没有收到应答，可能已办理", "no answer came; it may have been done")
        return Meaning(name, lost, _LOST, good=False)
    if status == 200 and str(envelope.get("infcode", code)) == "0":
        return Meaning(name, _outcome(transaction_code, envelope), None, good=True)
    said = str(envelope.get("err_msg") or f"HTTP {status}")
    zh, _, en = said.partition(" / ")
    field, named, _ = zh.partition("：")
    if en and named and field.isascii():
        en = f"{field}: {en}"
    return Meaning(name, Text(zh, en or zh), _advice(status, code), good=False)


def _advice(status: int, code: str) -> Text:
    if status >= 500:
        return _AGAIN
    if status == 401:
        return _UNSIGNED
    if status >= 400:
        return _UNREADABLE
    return _ADVICE.get(code, _REFUSED)


def _outcome(transaction_code: str, envelope: Mapping[str, Any]) -> Text:
    output = envelope.get("output")
    facts = cast("dict[str, Any]", output) if isinstance(output, dict) else {}
    match facts:
        case {"setlinfo": {"medfee_sumamt": _} as settled}:
            told = _settled(transaction_code, cast("dict[str, Any]", settled))
        case {"baseinfo": {"psn_no": number, "psn_name": name}, **rest}:
            several = rest.get("insuinfo")
            count = len(cast("list[Any]", several)) if isinstance(several, list) else 0
            told = Text(
                f"{name}，人员编号 {number}，参保 {count} 项",
                f"{name}, person number {number}, insured {count} time(s)",
            )
        case {"result": [*lines]}:
            told = Text(f"{len(lines)} 条明细已按目录拆分", f"{len(lines)} lines were split")
        case {"data": {"mdtrt_id": number}} | {"result": {"mdtrt_id": number}}:
            told = Text(f"就诊编号 {number}", f"visit number {number}")
        case {"result": {"memo": str(said)}}:
            told = Text(said, said)
        case {"trtinfo": [*found]}:
            paid = sum(_flag(one) for one in found)
            told = Text(
                f"{len(found)} 项待遇，可享受 {paid} 项", f"{len(found)} benefits, {paid} enjoyed"
            )
        case _:
            told = Text("办理成功", "done")
    return told


def _flag(one: object) -> bool:
    return isinstance(one, dict) and cast("dict[str, Any]", one).get("trt_enjymnt_flag") == "1"


def _settled(transaction_code: str, facts: Mapping[str, Any]) -> Text:
    def yuan(name: str) -> str:
        return str(facts.get(name, "—"))

    zh = (
        f"总费用 {yuan('medfee_sumamt')} 元：基金支付 {yuan('fund_pay_sumamt')}，"
        f"个人账户 {yuan('acct_pay')}，家庭共济 {yuan('acct_mulaid_pay')}，现金 {yuan('psn_cash_pay')}"
    )
    en = (
        f"total {yuan('medfee_sumamt')}: funds {yuan('fund_pay_sumamt')}, medical account"
        f" {yuan('acct_pay')}, relatives {yuan('acct_mulaid_pay')}, cash {yuan('psn_cash_pay')}"
    )
    if transaction_code in _QUOTES:
        return Text(f"{zh}（预结算，未改动任何数据）", f"{en} (a quote; nothing was changed)")
    if yuan("medfee_sumamt").startswith("-"):
        return Text(f"已撤销，{zh}", f"reversed, {en}")
    return Text(zh, en)
