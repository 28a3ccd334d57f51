"""Types of staff."""

from datetime import datetime
from typing import Literal

import msgspec

from yikatong.core.errors import YikatongError
from yikatong.trust.access import Caller, Grant
from yikatong.trust.audit import Actor

State = Literal["active", "suspended", "left"]
"""在岗, 停用 (on leave: no sign-in until let in again), 离岗 (for good)."""
Stage = Literal["second_factor", "enrolment", "open"]
"""How far somebody is with signing in: the password was right and the code is asked for; it was
right and there is no second factor yet; signed in."""


class Member(msgspec.Struct, frozen=True):
    """A member of staff (工作人员)."""

    staff_number: str
    name: str
    region: str
    """Of the office the member belongs to; who manages staff there manages this member."""
    state: State
    sandbox: bool
    second_factor: bool
    """Whether one is enrolled."""
    must_change_password: bool
    grants: tuple[Grant, ...]
    made_at: datetime
    provider: str | None
    """The code of the hospital, clinic or pharmacy the member works for; None: of an agency."""


class Held(msgspec.Struct, frozen=True):
    """A role that a member has, since when and by whom."""

    role: str
    region: str
    granted_at: datetime
    granted_by: str


class Listed(msgspec.Struct, frozen=True):
    """A member in a list of administrators."""

    member: Member
    signed_in_at: datetime | None
    """Begun last, of the sessions that are kept (90 days)."""
    locked_until: datetime | None
    """Where strangers' tries used up those at the number: until then only browsers in which the member
    signed in before are let in."""


class StaffSession(msgspec.Struct, frozen=True):
    """A session of staff as it stands, with what the member may do now."""

    staff_number: str
    name: str
    session_id: int
    stage: Stage
    must_change_password: bool
    grants: tuple[Grant, ...]
    device: str
    begun_at: datetime
    seen_at: datetime
    ends_at: datetime
    provider: str | None
    """As of the member."""
    sandbox: bool
    """Of the demo staff, who see made-up people only."""

    @property
    def settled(self) -> bool:
        """Whether both factors were shown and the password is the member's own."""
        return self.stage == "open" and not self.must_change_password

    def caller(self) -> Caller:
        """The member as a caller; before all is settled, one who may do nothing."""
        grants = self.grants if self.settled else ()
        return Caller("staff", self.staff_number, grants, self.provider)

    def actor(self, purpose: str) -> Actor:
        """The member, for the audit trail."""
        return Actor("staff", self.staff_number, purpose)


class SignInRefused(YikatongError):
    """Number, password or code is wrong; which of them nobody is told."""

    code = "sign_in_refused"
    status = 401

    def __init__(self, field: str = "number") -> None:
        texts = {
            "number": ("工号或密码不对", "the staff number or the password is wrong"),
            "code": (
                "验证码不对或已经用过，请等下一个",
                "the code is wrong or was used before; wait for the next one",
            ),
            "current": ("现在的密码不对", "the current password is wrong"),
        }
        super().__init__(*texts[field], field=field)


class StaffExists(YikatongError):
    """The number is taken, also by somebody who left: the audit trail names staff by it."""

    code = "staff_exists"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="这个工号已被使用，请换一个",
            en="this staff number is taken; choose another",
            field="number",
        )


class MustChangePassword(YikatongError):
    """The first password was given by somebody else and has to be changed on the page."""

    code = "must_change_password"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            zh="请先在工作人员页面（/staff）改密码并绑定验证器",
            en="please change the password and set up the second factor on the page /staff first",
        )
