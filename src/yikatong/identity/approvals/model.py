"""Types of an approval."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from yikatong.core.errors import NotFound, YikatongError

State = Literal["asked", "approved", "refused", "done", "failed"]
"""Waiting; approved and not yet carried out (a fault came between); refused; carried out; approved
and refused by the act itself, without any change."""


class Approval(msgspec.Struct, frozen=True):
    """What somebody asks a second person for (复核申请)."""

    approval_id: int
    permission: str
    regions: tuple[str, ...]
    asked_by_kind: Literal["staff", "service", "provider"]
    asked_by: str
    idempotency_key: str
    asked_at: datetime
    until: datetime
    state: State
    decided_by: str | None
    decided_at: datetime | None
    outcome: str
    """Why it was refused, or failed."""
    facts: dict[str, Any] = {}


class NoSuchApproval(NotFound):
    """There is no such approval that the caller may decide."""

    code = "no_such_approval"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这项待复核的申请，或不在您的权限内",
            en="there is nothing under this number that you may decide",
            field="approval_id",
        )


class ApprovalRefused(YikatongError):
    """It cannot be decided so, or carried out: refused before, over, or asked for by oneself."""

    code = "approval_refused"
    status = 409
