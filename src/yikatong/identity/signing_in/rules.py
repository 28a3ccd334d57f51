"""Decisions of signing in, without I/O: what was typed, which passwords are good, what texts say."""

import re
import unicodedata
from datetime import date
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Final, Literal

import msgspec

from yikatong.core.errors import InvalidInput, Text
from yikatong.identity.signing_in.model import CodePurpose
from yikatong.people.rules import parse_id_number

PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 128

_CARD: Final = re.compile(r"[0-9A-Z]{9}")


class Typed(msgspec.Struct, frozen=True):
    """Which number somebody gave."""

    kind: Literal["id_number", "card"]
    number: str


def read_number(text: str, *, today: date, field: str = "number") -> Typed:
    """An id number or a card number; raises InvalidInput for what has neither's form.

    That a form is wrong tells nothing of who exists.
    """
    number = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if _CARD.fullmatch(number):
        return Typed("card", number)
    if len(number) == 18:
        return Typed("id_number", parse_id_number(number, field, today=today).number)
    raise InvalidInput(
        field,
        zh="请填写 18 位身份证号，或卡面上的 9 位卡号",
        en="please give your id number (18 characters) or the card number (9, on the card's front)",
    )


def normalized(password: str) -> str:
    """A password as it is kept and compared (NIST SP 800-63B, 3.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, known: tuple[str, ...], field: str) -> str:
    """The normalized password, if it may be chosen; raises InvalidInput.

    Length counts and well-known ones are refused; no rules of composition (NIST SP 800-63B, 3.1.1.2).
    `known` is what others know of the person: numbers, phone, name.
    """
    chosen = normalized(password)
    if len(chosen) < PASSWORD_MIN:
        raise InvalidInput(
            field,
            zh=f"密码至少 {PASSWORD_MIN} 个字、字母或数字，可以是一句话",
            en=f"at least {PASSWORD_MIN} characters; a sentence is fine",
        )
    if len(chosen) > PASSWORD_MAX:
        raise InvalidInput(
            field,
            zh=f"密码太长了，最多 {PASSWORD_MAX} 个字、字母或数字",
            en=f"at most {PASSWORD_MAX} characters",
        )
    plain = chosen.casefold()
    few = len(set(plain)) < 5
    if few or _is_run(plain) or _core(plain) in common_passwords() or plain in common_passwords():
        raise InvalidInput(
            field,
            zh="这个密码太容易猜到，请换一个",
            en="this password is too easy to guess; please choose another",
        )
    rest = plain
    for one in known:
        rest = rest.replace(one.casefold(), "")
    if len(rest) < PASSWORD_MIN // 2:
        raise InvalidInput(
            field,
            zh="密码不能只是您的证件号、卡号、手机号或姓名",
            en="a password must be more than your number, phone or name",
        )
    return chosen


def _is_run(text: str) -> bool:
    """1234567890, abcdefghij, and the like backwards."""
    steps = {(ord(after) - ord(before)) for before, after in pairwise(text)}
    return len(steps - {9, -9}) <= 1


def _core(text: str) -> str:
    """A word without the digits and signs people put around it: "password123!" is "password"."""
    return re.sub(r"^[^a-z]+|[^a-z]+$", "", text)


@cache
def common_passwords() -> frozenset[str]:
    """The small list of those everybody tries first."""
    file = resources.files("yikatong.data") / "common_passwords.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(one.strip() for one in lines if one.strip() and not one.startswith("#"))


_PURPOSES: Final[dict[CodePurpose, Text]] = {
    "sign_in": Text("登录", "to sign in"),
    "step_up": Text("确认是您本人在操作", "to confirm that it is you"),
    "new_phone": Text(
        "把社保登记的手机号改成这个号码", "to put this phone on file for social security"
    ),
}


def code_text(code: str, purpose: CodePurpose, minutes: int) -> Text:
    """What the text with a one-time code says: what it is for, and that nobody may ask for it."""
    what = _PURPOSES[purpose]
    return Text(
        f"【一卡通】验证码 {code}，用于{what.zh}，{minutes} 分钟内有效。"
        "不是您本人操作请不要理会。谁向您要验证码，谁就是骗子；工作人员不会要。",
        f"[Yikatong] Code {code} {what.en}, valid for {minutes} minutes. If this was not you, ignore "
        "it. Whoever asks you for this code is a fraud; our staff never will.",
    )


_SYSTEMS: Final = (
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_BROWSERS: Final = (
    ("MicroMessenger", "微信 WeChat"),
    ("AlipayClient", "支付宝 Alipay"),
    ("UCBrowser", "UC"),
    ("QQBrowser", "QQ"),
    ("HuaweiBrowser", "Huawei"),
    ("MiuiBrowser", "Xiaomi"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)


def device_of(user_agent: str) -> str:
    """Browser and system in a few words, for lists people read; "?" for what says nothing known."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "?")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "?")
    return f"{browser} · {system}"
