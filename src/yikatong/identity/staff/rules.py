"""Rules of staff: which passwords are good enough, which code of the second factor counts."""

import hmac
import itertools
import re
from collections.abc import Sequence
from typing import Final

from pyotp.totp import TOTP

from yikatong.core import regions
from yikatong.core.errors import InvalidInput
from yikatong.trust.access import Grant, Role

PASSWORD_MIN: Final = 12
PASSWORD_MAX: Final = 128
STEP_SECONDS: Final = 30
DRIFT: Final = 1
"""Steps before and after that count (RFC 6238, 5.2)."""
AT_PROVIDER: Final[Role] = "provider"
_PROVIDER: Final = re.compile(r"[HP][0-9]{11}")
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


def check_provider(code: str) -> str:
    """The region of a provider's code (国家医保机构编码: H or P, six digits of the region, five more);
    raises InvalidInput."""
    if not _PROVIDER.fullmatch(code):
        raise InvalidInput(
            "provider",
            zh="医药机构编码是 H 或 P 加 11 位数字，例如 H51010400001",
            en="a provider's code is H or P and 11 digits, such as H51010400001",
        )
    return regions.get(code[1:7], "provider").code


def check_grants_of(provider: str | None, grants: Sequence[Grant]) -> None:
    """Raise InvalidInput where a role does not go with who the member works for: at a provider only
    its desk, and only there; at an agency everything else."""
    for one in grants:
        if provider is None and one.what == AT_PROVIDER:
            raise InvalidInput(
                "role",
                zh="医药机构经办只能授予在医药机构工作的人员，请先登记其机构编码",
                en="this role is for members who belong to a provider; add them with its code",
            )
        if provider is not None and one != Grant(AT_PROVIDER, provider[1:7]):
            raise InvalidInput(
                "role",
                zh=f"医药机构的工作人员只能有本机构（{provider[1:7]}）的医药机构经办岗位",
                en=f"staff of a provider has no role but its desk ({AT_PROVIDER}, {provider[1:7]})",
            )


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


def code_at(secret: str, at: float) -> str:
    """The code of a moment, in seconds since 1970."""
    return TOTP(secret).generate_otp(int(at) // STEP_SECONDS)


def address_of(secret: str, number: str) -> str:
    """What the authenticator's app reads from the QR code (otpauth)."""
    return TOTP(secret).provisioning_uri(name=number, issuer_name="Yikatong 一卡通")
