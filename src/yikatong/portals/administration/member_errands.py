"""What administrators do with a member: each errand a form of the file, done once."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.errors import NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.approvals.service import Approvals
from yikatong.identity.staff import listing, service
from yikatong.identity.staff.model import Member
from yikatong.money.bodies import check_key
from yikatong.portals.administration.frame import Wrong, kept
from yikatong.portals.administration.handed import HANDED
from yikatong.portals.administration.members import MEMBERS, place_or_nation, show_member
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View
from yikatong.trust.access import ApprovalAsked, Caller
from yikatong.trust.audit import Actor

_FIELDS: Final = ("role", "region", "region_code", "key")
_Act = Callable[[Platform, str, Actor], Awaitable[Any]]
_ACTS: Final[dict[str, _Act]] = {
    "end-sessions": service.end_sessions,
    "unlock": service.unlock,
    "suspend": service.suspend,
    "resume": service.resume,
    "leave": service.leave,
}
"""Those that change nothing the second time."""
_ERRANDS: Final = frozenset((*_ACTS, "grant", "revoke", "password", "second-factor"))


@get(f"{MEMBERS}/{{number:str}}/{{errand:str}}", include_in_schema=False)
async def form(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    number: FromPath[str],
    errand: FromPath[str],
) -> Response[Any]:
    """The file with the form of this errand open, and what was kept of it."""
    session, caller = await require_staff(request, platform, "staff.read")
    _check(errand)
    file = await listing.read(platform, caller, number[:30])
    sent = await kept(request, platform, session.staff_number)
    return show_member(request, session, caller, file, errand, sent)


@post(f"{MEMBERS}/{{number:str}}/{{errand:str}}", include_in_schema=False)
async def carry_out(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    approvals: NamedDependency[Approvals],
    number: FromPath[str],
    errand: FromPath[str],
) -> Response[Any]:
    """Do it, or ask the second person; pressed twice it is done once."""
    same_site(request)
    session, caller = await require_staff(request, platform, "staff.manage")
    _check(errand)
    view, sent = View.of(request), await read_form(request, *_FIELDS)
    file = await listing.read(platform, caller, number[:30])
    member, errors = file.listed.member, dict[str, str]()
    candidates: Any = ()
    try:
        if errand == "grant":
            code, candidates = place_or_nation(
                view, sent["region"], sent["region_code"], "region", errors
            )
            if code is not None:
                wanted = service.read_grant(sent["role"], code)
                content = service.granting(caller, member, wanted)
                if wanted not in member.grants:
                    await service.check_active(platform, member.staff_number)
                    await approvals.need(caller, content, check_key(sent["key"], "role"))
                return _to(member, "has")
        elif errand == "revoke":
            return await _revoke(platform, caller, member, sent)
        else:
            return await _do(platform, approvals, caller, member, errand, sent["key"])
    except ApprovalAsked:
        return _to(member, errand)
    except YikatongError as error:
        told, status, headers = answer_wrong(view, error, errand)
        errors |= {
            name if errand == "grant" and name in _FIELDS else errand: text
            for name, text in told.items()
        }
        wrong: Wrong = (errors, status, headers)
    else:
        wrong = (errors, 422, {})
    return show_member(request, session, caller, file, errand, dict(sent), wrong, candidates)


def _check(errand: str) -> None:
    if errand not in _ERRANDS:
        raise NotFound(zh="没有这个地址", en="there is nothing at this address")


def _to(member: Member, done: str) -> Redirect:
    return Redirect(f"{MEMBERS}/{member.staff_number}?done={done}", status_code=303)


async def _revoke(
    platform: Platform, caller: Caller, member: Member, sent: dict[str, str]
) -> Redirect:
    wanted = service.read_grant(sent["role"], sent["region"])
    service.require_other(caller, member.staff_number)
    caller.require("staff.manage", wanted.region)
    if wanted in member.grants:
        await service.revoke(platform, member.staff_number, wanted, caller.actor("members"))
    return _to(member, "revoke")


async def _do(
    platform: Platform,
    approvals: Approvals,
    caller: Caller,
    member: Member,
    errand: str,
    key: str,
) -> Redirect:
    service.require_over(caller, "staff.manage", member)
    actor, number = caller.actor("members"), member.staff_number
    if errand == "password":
        checked = check_key(key, errand)
        await service.reset_password(platform, number, actor, key=checked)
        return Redirect(f"{HANDED}/{checked}", status_code=303)
    if errand == "second-factor":
        content = service.resetting(caller, member)
        await approvals.need(caller, content, check_key(key, errand))
    else:
        await _ACTS[errand](platform, number, actor)
    return _to(member, errand)


routes: Final = [form, carry_out]
