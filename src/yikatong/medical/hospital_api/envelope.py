"""The envelope (报文): what stands around every transaction's input and output."""

import itertools
import re
import secrets
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Final, TypeVar

import msgspec

from yikatong.core import lean, regions
from yikatong.core.errors import InvalidInput, Malformed, Text
from yikatong.medical.hospital_api import fields
from yikatong.medical.model import Provider

_T = TypeVar("_T")

VERSIONS: Final = frozenset({"V1.0", "1.0.0", "1.0"})
"""infver as clients in the field send it."""
OPERATOR_KINDS: Final = frozenset({"1", "2", "3"})
"""opter_type: operator, self-service terminal, mobile."""

_C4 = Annotated[str, msgspec.Meta(max_length=4)]
_C6 = Annotated[str, msgspec.Meta(max_length=6)]
_C10 = Annotated[str, msgspec.Meta(max_length=10)]
_C12 = Annotated[str, msgspec.Meta(max_length=12)]
_C30 = Annotated[str, msgspec.Meta(max_length=30)]
_C50 = Annotated[str, msgspec.Meta(max_length=50)]
_C100 = Annotated[str, msgspec.Meta(max_length=100)]
_C1024 = Annotated[str, msgspec.Meta(max_length=1024)]
_C2000 = Annotated[str, msgspec.Meta(max_length=2000)]


class Envelope(msgspec.Struct):
    """A request as it came, the types and lengths checked; see `check` for the rest."""

    infno: _C4 | None = None
    msgid: _C30 | None = None
    mdtrtarea_admvs: _C6 | None = None
    insuplc_admdvs: _C6 | None = None
    recer_sys_code: _C10 | None = None
    dev_no: _C100 | None = None
    dev_safe_info: _C2000 | None = None
    cainfo: _C1024 | None = None
    signtype: _C10 | None = None
    infver: _C6 | None = None
    # One character longer than the standard's, so that "null" reads as absent here too.
    opter_type: _C4 | None = None
    opter: _C30 | None = None
    opter_name: _C50 | None = None
    inf_time: Annotated[str, msgspec.Meta(max_length=19)] | None = None
    fixmedins_code: _C12 | None = None
    # The standard's 20 characters are fewer than the names of some hospitals have.
    fixmedins_name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    sign_no: _C30 | None = None
    input: msgspec.Raw = msgspec.Raw()


REQUIRED: Final = (
    "infno", "msgid", "mdtrtarea_admvs", "recer_sys_code", "infver", "opter_type", "opter",
    "opter_name", "inf_time", "fixmedins_code", "fixmedins_name",
)  # fmt: skip

_required: Final = attrgetter(*REQUIRED)
_decoder: Final = msgspec.json.Decoder(Envelope)
_LENGTH: Final = re.compile(r"Expected `[^`]*` of length <= (\d+) - at `\$\.(.+)`")
_BOM: Final = b"\xef\xbb\xbf"


def absent(value: str | None) -> bool:
    """Whether a field counts as not given: null, "null" or ""."""
    return not value or value == "null"


def decode(decoder: msgspec.json.Decoder[_T], raw: bytes) -> _T:
    """Decode, or raise InvalidInput naming the field, or Malformed."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        if found := _LENGTH.fullmatch(str(error)):
            raise InvalidInput(
                found[2],
                zh=f"不能超过 {found[1]} 个字符",
                en=f"at most {found[1]} characters",
            ) from None
        return lean.read(decoder, raw)
    except RecursionError:
        raise Malformed(zh="报文嵌套层数过多", en="the message is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed(
            zh="报文不是 UTF-8 编码的 JSON", en="the message is not JSON in UTF-8"
        ) from None


def read(body: bytes) -> Envelope:
    """The envelope of a request body; raises InvalidInput naming the field, Malformed."""
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    if b"\\u0000" in body:
        raise InvalidInput(
            "input",
            zh="报文含有空字符 \\u0000，请删除",
            en="the message holds a NUL character (\\u0000); leave it out",
        )
    return decode(_decoder, body)


def check(envelope: Envelope, provider: Provider, places: frozenset[str]) -> None:
    """Check all but the input: what is missing, does not fit the standard, or is not this
    provider's. `places` are its region and those it lies in. Raises InvalidInput."""
    values = _required(envelope)
    if not all(values) or "null" in values:
        name = next(name for name, value in zip(REQUIRED, values, strict=True) if absent(value))
        raise InvalidInput(name, zh="缺少这一项", en="this is missing")
    code = provider.provider_code
    if envelope.fixmedins_code != code:
        raise InvalidInput(
            "fixmedins_code",
            zh=f"{envelope.fixmedins_code} 与接口凭证所属的医药机构 {code} 不一致",
            en=f"the credential belongs to {code}",
        )
    check_message_id(envelope.msgid or "", code)
    if envelope.mdtrtarea_admvs not in places:
        raise InvalidInput(
            "mdtrtarea_admvs",
            zh=f"就医地 {envelope.mdtrtarea_admvs} 不是本机构所在地，应为 {provider.region} 或其上级",
            en=f"the provider stands in {provider.region}; give that or a region around it",
        )
    if not absent(envelope.insuplc_admdvs):
        regions.get(envelope.insuplc_admdvs or "", "insuplc_admdvs")
    if envelope.infver not in VERSIONS:
        raise InvalidInput(
            "infver",
            zh=f"接口版本 {envelope.infver} 不受支持，请填 V1.0",
            en="this version is not spoken here; give V1.0",
        )
    if envelope.opter_type not in OPERATOR_KINDS:
        raise InvalidInput(
            "opter_type",
            zh="应为 1 经办人、2 自助终端或 3 移动终端",
            en="must be 1 (operator), 2 (self-service terminal) or 3 (mobile)",
        )
    _check_time(envelope.inf_time or "")
    try:
        # Kept with every settlement, and shown.
        fields.check_control(envelope.opter or "")
    except fields.Wrong as wrong:
        raise InvalidInput("opter", wrong.zh, wrong.en) from None


def input_of(envelope: Envelope) -> bytes:
    """The transaction's input as it stands in the body; raises InvalidInput."""
    raw = bytes(envelope.input)
    if not raw.startswith(b"{"):
        raise InvalidInput(
            "input",
            zh="缺少交易输入，应为 JSON 对象",
            en="the transaction's input is missing; it is a JSON object",
        )
    return raw


_MESSAGE_ID: Final = re.compile(r"[0-9A-Z]{12}([0-9]{8})([0-9]{6})[0-9]{4}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


def check_message_id(message_id: str, provider_code: str) -> None:
    """msgid: provider code (12), yyyyMMddHHmmss, sequence (4). Raises InvalidInput."""
    found = _MESSAGE_ID.fullmatch(message_id)
    if found is None or not _is_moment(f"{found[1]}T{found[2]}"):
        raise InvalidInput(
            "msgid",
            zh="应为机构编码（12 位）+ yyyyMMddHHmmss + 4 位顺序号，共 30 位",
            en="must be the provider's code (12), yyyyMMddHHmmss and 4 digits, 30 in all",
        )
    if not message_id.startswith(provider_code):
        raise InvalidInput(
            "msgid",
            zh=f"应以本机构编码 {provider_code} 开头",
            en=f"must begin with the provider's code {provider_code}",
        )


def _check_time(text: str) -> None:
    if _TIME.fullmatch(text) is None or not _is_moment(text):
        raise InvalidInput(
            "inf_time",
            zh="应为 yyyy-MM-dd HH:mm:ss，例如 2026-03-01 09:00:00",
            en="must be yyyy-MM-dd HH:mm:ss, such as 2026-03-01 09:00:00",
        )


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


# ---- the answer ----

_serial: Final = itertools.count(secrets.randbelow(10**10))
"""Begins anywhere, so that processes and restarts do not draw the same numbers in one second."""


def new_reference(region: str, at: str) -> str:
    """inf_refmsgid: our region (6), yyyyMMddHHmmss, serial (10)."""
    return f"{region}{at[:14]}{next(_serial) % 10**10:010d}"


def time17(at: datetime) -> str:
    """A moment as yyyyMMddHHmmssSSS."""
    # As one number, which costs a fourth of what strftime does.
    day = (at.year * 100 + at.month) * 100 + at.day
    second = ((day * 100 + at.hour) * 100 + at.minute) * 100 + at.second
    return str(second * 1000 + at.microsecond // 1000)


_encode: Final = msgspec.json.Encoder().encode
_NO_TEXT: Final = '""'


def success(
    reference: str, received: str, responded: str, output: Any, warning: Text | None
) -> bytes:
    """The answer to what was carried out; moments as time17."""
    warn = _NO_TEXT if warning is None else _encode(f"{warning.zh} / {warning.en}").decode()
    head = (
        f'{{"infcode":0,"inf_refmsgid":"{reference}","refmsg_time":"{received}",'
        f'"respond_time":"{responded}","err_msg":"","warn_msg":{warn},"cainfo":"",'
        f'"signtype":"","output":'
    )
    return b"".join((head.encode(), _encode(output), b"}"))


def failure(
    reference: str, received: str, responded: str, message: str, warning: str = ""
) -> bytes:
    """The answer to what was not carried out, or whose outcome is not known."""
    return (
        f'{{"infcode":-1,"inf_refmsgid":"{reference}","refmsg_time":"{received}",'
        f'"respond_time":"{responded}","err_msg":{_encode(message).decode()},'
        f'"warn_msg":{_encode(warning).decode()},"cainfo":"","signtype":"","output":null}}'
    ).encode()


def succeeded(answer: bytes) -> bool:
    """Whether an answer of ours says that it was carried out."""
    return answer.startswith(b'{"infcode":0,')
