"""Rules of staff: which passwords are good enough, which code of the second factor counts."""

import hmac
import itertools
import re
from typing import Final

from pyotp.totp import TOTP

from yikatong.core.errors import InvalidInput

PASSWORD_MIN: Final = 12
PASSWORD_MAX: Final = 128
STEP_SECONDS: Final = 30
DRIFT: Final = 1
"""Steps before and after that count (RFC 6238, 5.2)."""
_NUMBER: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,29}")
_COMMON: Final = (
    "123456789012", "1234567890ab", "password1234", "passwordpassword", "qwertyuiop12",
    "qwertyuiopas", "1q2w3e4r5t6y", "administrator", "woaini123456", "letmeinletme",
)  # fmt: skip
"""Of long passwords, what is tried first (NIST SP 800-63B, 3.1.1.2)."""


def check_number(number: str) -> str:
    """A new staff number; raises InvalidInput."""
    if not _NUMBER.fullmatch(number):
        raise InvalidInput(
            "number",
            zh="工号应为 2 至 30 个小写字母、数字或横线",
            en="2 to 30 lower-case letters, digits or hyphens",
        )
    return number


def check_password(password: str, number: str, field: str = "password") -> None:
    """Raise InvalidInput where a new password is too easy to guess (NIST SP 800-63B)."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise InvalidInput(
            field,
            zh=f"密码应为 {PASSWORD_MIN} 至 {PASSWORD_MAX} 个字符，可以是几个词连起来",
            en=f"{PASSWORD_MIN} to {PASSWORD_MAX} characters; several words in a row are fine",
        )
    plain = password.lower()
    bare = re.sub(r"[\W_]+", "", plain)
    if len(set(plain)) < 5 or any(one in (plain, bare) for one in _COMMON) or _is_run(plain):
        raise InvalidInput(
            field, zh="这个密码太容易猜到，请换一个", en="this password is too easy to guess"
        )
    if number in plain or (bare and bare.strip("0123456789") == number.strip("0123456789-")):
        raise InvalidInput(
            field, zh="密码里不要有工号", en="leave the staff number out of the password"
        )


def same_password() -> None:
    """Raise InvalidInput: the new password is the old one."""
    raise InvalidInput(
        "password", zh="新密码和现在的一样", en="the new password is the current one"
    )


def _is_run(text: str) -> bool:
    steps = {ord(b) - ord(a) for a, b in itertools.pairwise(text)}
    return len(steps) == 1


def step_of(secret: str, code: str, at: float, after: int) -> int | None:
    """The time step whose code this is (RFC 6238), None where it is none or not behind `after`.

    `at` is in seconds since 1970. All candidates are compared, so the time tells nothing.
    """
    shown = "".join(code.split())
    now = int(at) // STEP_SECONDS
    totp = TOTP(secret)
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        same = hmac.compare_digest(totp.generate_otp(step).encode(), shown.encode())
        if same and step > after:
            found = step
    return found


def address_of(secret: str, number: str) -> str:
    """What the authenticator's app reads from the QR code (otpauth)."""
    return TOTP(secret).provisioning_uri(name=number, issuer_name="Yikatong 一卡通")
