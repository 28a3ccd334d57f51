"""Rules of four eyes: who may decide, and until when."""

from datetime import datetime, timedelta
from typing import Final, Literal

from yikatong.identity.approvals.model import Approval, ApprovalRefused, NoSuchApproval
from yikatong.trust.access import Caller

VALID_FOR: Final = timedelta(hours=24)

Decision = Literal["approve", "refuse"]


def may_see(caller: Caller, approval: Approval) -> bool:
    """Whether the caller has the permission that the act asks for, where it is."""
    if not approval.regions:
        return caller.everywhere(approval.permission)
    return any(caller.may(approval.permission, region) for region in approval.regions)


def is_about(caller: Caller, approval: Approval) -> bool:
    """Whether it is about the caller's own role or second factor: that another one decides."""
    return (
        caller.kind == "staff"
        and approval.permission.startswith("staff.")
        and approval.facts.get("number") == caller.name
    )


def check_decision(caller: Caller, approval: Approval, at: datetime, decision: Decision) -> None:
    """Raise NoSuchApproval, ApprovalRefused unless the caller may decide it so now.

    Only a member of staff decides: behind two machines may stand one person. Who asked decides never,
    whatever roles they have.
    """
    if caller.kind != "staff" or not may_see(caller, approval):
        raise NoSuchApproval
    if (approval.asked_by_kind, approval.asked_by) == (caller.kind, caller.name):
        raise ApprovalRefused(
            zh="自己的申请要由另一人复核",
            en="what you asked for yourself, another person approves",
        )
    if is_about(caller, approval):
        raise ApprovalRefused(
            zh="这项申请与您本人有关，请另一人复核",
            en="this is about yourself; another person approves it",
        )
    if approval.state == "approved" and decision == "approve":
        # A fault came between the approval and the act: whoever approves now lets it go on.
        return
    if approval.state != "asked":
        raise ApprovalRefused(zh="这项申请已有结论", en="this was decided before")
    if at >= approval.until:
        raise ApprovalRefused(zh="这项申请已过期，请重新申请", en="this is over; please ask again")
