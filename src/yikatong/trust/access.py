"""Who may do what (权限): roles, their permissions, and the caller behind a request.

The table `PERMISSIONS` is the one place where it stands: routes and pages ask `Caller.require`, and
the documents print it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import msgspec

from yikatong.core.errors import Text, YikatongError
from yikatong.trust.audit import Actor
from yikatong.trust.operator import NotSignedIn, Operator

Role = Literal["counter", "hotline", "reviewer", "finance", "auditor", "operator", "administrator"]
"""角色: 窗口经办, 热线坐席, 审核, 财务, 审计, 运行, 管理员."""

NATION: Final = "000000"


class Permission(msgspec.Struct, frozen=True):
    """One thing that can be done."""

    name: str
    """Such as "person.read"; stable, the audit trail and credentials name it."""
    text: Text
    roles: frozenset[Role]
    """The roles of staff that have it."""
    two_persons: bool = False
    """Whether a second person with this permission must approve (双人复核)."""


class Grant(msgspec.Struct, frozen=True):
    """A role, or of a machine a permission, within a region and all that lies in it."""

    what: str
    region: str


class NotAllowed(YikatongError):
    """The caller is known and may not do this, or not there."""

    code = "not_allowed"
    status = 403


class Caller(msgspec.Struct, frozen=True):
    """Who makes a request: a member of staff or a machine, and what each may do where."""

    kind: Literal["staff", "provider", "service"]
    name: str
    """Staff number, provider's code or service's name."""
    grants: tuple[Grant, ...]

    def actor(self, purpose: str) -> Actor:
        """The caller, for the audit trail."""
        return Actor(self.kind, self.name, purpose)

    def may(self, permission: str, region: str | None = None) -> bool:
        """Whether the caller may do this, in this region (None: in any at all)."""
        wanted = PERMISSIONS[permission]
        return any(
            (grant.what == permission or grant.what in wanted.roles)
            and (region is None or within(region, grant.region))
            for grant in self.grants
        )

    def require(self, permission: str, region: str | None = None) -> None:
        """Raise NotAllowed unless the caller may do this in this region."""
        if self.may(permission, region):
            return
        what = PERMISSIONS[permission].text
        if self.may(permission):
            raise NotAllowed(
                zh=f"您的权限不包括该地区：{what.zh}",
                en=f"you may not do this in that region: {what.en}",
                field="region",
            )
        raise NotAllowed(zh=f"您没有这项权限：{what.zh}", en=f"you may not do this: {what.en}")


def within(region: str, area: str) -> bool:
    """Whether a region (GB/T 2260) is an area or lies in it."""
    return area == NATION or region.startswith(area.removesuffix("00").removesuffix("00"))


PERMISSIONS: Final[Mapping[str, Permission]] = {
    one.name: one
    for one in (
        Permission(
            "identity.verify",
            Text("核验身份", "verify who somebody is"),
            frozenset({"counter", "hotline"}),
        ),
    )
}

Machines = Callable[[str], Awaitable[Caller | None]]
"""The caller behind a machine's token; None for an unknown, revoked or expired one."""


class Gate:
    """Knows the caller behind an Authorization header: the operator's token, or a machine's."""

    def __init__(self, operator: Operator, machines: Machines) -> None:
        self._operator = operator
        self._machines = machines

    async def caller(self, authorization: str | None) -> Caller:
        """Who shows this header; raises NotSignedIn."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and token:
            found = await self._machines(token)
            if found is not None:
                return found
        raise NotSignedIn
