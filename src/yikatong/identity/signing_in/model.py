"""Types of signing in, and what goes wrong with it."""

from datetime import datetime
from typing import Literal

import msgspec

from yikatong.core.errors import YikatongError
from yikatong.identity.model import Level, Mode
from yikatong.identity.sessions.model import Session

CodePurpose = Literal["sign_in", "step_up", "new_phone"]
"""What a one-time code is good for, and nothing else."""


class Visitor(msgspec.Struct, frozen=True):
    """Who asks, before we know who it is."""

    address: str
    """As `core.addresses` tells it."""
    device: str
    """Browser and system, in a few words."""
    tokens: tuple[str, ...] = ()
    """What the browser's device cookie carries: a token for each person known in it."""


class KnownDevice(msgspec.Struct, frozen=True):
    """A browser in which the person signed in before (常用设备)."""

    person_id: int
    device_id: int
    device: str
    proofs: tuple[Mode, ...]
    """What was proved there. For these, and these alone, it has tries of its own: whoever knows the
    PIN and opens one new browser after the other gains no tries at the codes."""
    first_at: datetime
    last_at: datetime


class SignedIn(msgspec.Struct, frozen=True):
    """What came of a proof."""

    session: Session
    token: str
    """For the session's cookie; always a new one."""
    device_tokens: tuple[str, ...]
    """For the device cookie."""


class NotRecognized(YikatongError):
    """Number and secret do not go together; never told: whether there is such a person, card or
    password, or whether others tried too often."""

    code = "not_recognized"
    status = 401

    def __init__(self, field: str = "secret") -> None:
        super().__init__(
            zh="号码或密码不对，也可能是最近错得太多。忘了密码，可以用短信登录",
            en="the number, the PIN or the password is wrong, or there were too many wrong tries "
            "lately. You can sign in with a code to your phone instead",
            field=field,
        )


class CodeNotRight(YikatongError):
    """The one-time code is wrong, and there are tries left."""

    code = "code_not_right"
    status = 401

    def __init__(self, left: int) -> None:
        tries = "1 more try" if left == 1 else f"{left} more tries"
        super().__init__(
            zh=f"验证码不对，还可以再试 {left} 次",
            en=f"the code is wrong; you have {tries}",
            field="code",
        )


class CodeOver(YikatongError):
    """The one-time code was used, is too old, was tried too often, or belongs to another browser."""

    code = "code_over"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            zh="验证码不对，或者已经过期，请重新获取",
            en="the code is wrong or no longer valid; please ask for a new one",
            field="code",
        )


class NoPhone(YikatongError):
    """The person has no phone on file (told to the signed-in person only)."""

    code = "no_phone"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="您没有登记手机号，请带身份证到社保服务网点登记",
            en="you have not registered a phone; do so at a counter with your id card",
        )


class LevelTooLow(YikatongError):
    """The session was not proved strongly enough for this."""

    code = "level_too_low"
    status = 403

    def __init__(self, level: Level) -> None:
        self.level: Level = level
        super().__init__(zh="请先再确认一次身份", en="please prove once more who you are")


class NoSuchScan(YikatongError):
    """No request to sign in has this code, or it is over, or was answered."""

    code = "no_such_scan"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            zh="二维码已经过期，请在要登录的设备上换一个再扫",
            en="this code has run out; show a new one on the device you want to sign in on",
        )
