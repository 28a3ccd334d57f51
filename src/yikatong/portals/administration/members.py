"""Members of staff for administrators, and for auditors who look: the list, a file, a new member."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.staff import listing, rules, service
from yikatong.identity.staff.listing import File, Wanted
from yikatong.identity.staff.model import Listed, StaffSession
from yikatong.money.bodies import check_key
from yikatong.portals.administration.frame import (
    RIGHT,
    Wrong,
    events,
    kept,
    new_key,
    respond,
    role_name,
)
from yikatong.portals.administration.handed import HANDED
from yikatong.portals.check import place_of
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import place_name
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View
from yikatong.trust.access import NATION, ROLES, Caller, NotAllowed

MEMBERS: Final = "/staff/members"
NEW: Final = f"{MEMBERS}/new"
_SHOWN: Final = 30
_STATES: Final = ("active", "suspended", "left")
_NEW_FIELDS: Final = ("number", "name", "region", "region_code", "provider", "key")


@get(MEMBERS, include_in_schema=False)
async def members(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Those of the reader's regions, found by number, name, place, role or state."""
    session, caller = await require_staff(request, platform, "staff.read")
    view, query = View.of(request), request.query_params
    form = {
        name: query.get(name, "").strip()[:40] for name in ("q", "at", "role", "state", "after")
    }
    form["role"] = form["role"] if form["role"] in ROLES else ""
    form["state"] = form["state"] if form["state"] in _STATES else ""
    errors: dict[str, str] = {}
    place, candidates = None, ()
    if form["at"] or query.get("at_code"):
        place, candidates = place_of(view, form["at"], query.get("at_code", ""), "at", errors)
        form["at"] = view.place(place.code, short=True) if place else form["at"]
    wanted = Wanted(
        form["q"], place.code if place else NATION, form["role"], form["state"], form["after"]
    )
    found = await listing.search(platform, caller.regions("staff.read"), wanted, _SHOWN + 1)
    page = found[:_SHOWN]
    more = ""
    if len(found) > _SHOWN:
        asked = {name: text for name, text in form.items() if text and name != "after"}
        code = {"at_code": place.code} if place else {}
        more = f"{MEMBERS}?{urlencode({**asked, **code, 'after': page[-1].member.staff_number})}"
    wrong: Wrong = (errors, 422 if errors else 200, {})
    return respond(
        request, view, "members.html", session, "members", wrong,
        form=form, candidates=candidates, rows=[_row(view, one) for one in page], more=more,
        roles=[("", view.text("members_any"))] + [(one, role_name(view, one)) for one in ROLES],
        states=[("", view.text("members_any"))]
        + [(one, view.text(f"members_state_{one}")) for one in _STATES],
        searched=any(form.values()), manages=caller.may("staff.manage"),
    )  # fmt: skip


def _row(view: View, one: Listed) -> dict[str, Any]:
    member = one.member
    return {
        "address": f"{MEMBERS}/{member.staff_number}",
        "number": member.staff_number,
        "name": member.name,
        "office": place_name(view, member.region),
        "roles": [
            f"{role_name(view, grant.what)} {place_name(view, grant.region)}"
            for grant in member.grants
        ],
        "state": member.state,
        "signed_in": view.day(one.signed_in_at),
        "locked": one.locked_until is not None,
        "second_factor": member.second_factor,
    }


@get(NEW, include_in_schema=False)
async def new(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form for a new member."""
    session, caller = await require_staff(request, platform, "staff.manage")
    view = View.of(request)
    form = dict.fromkeys(_NEW_FIELDS, "") | {"region": _own_place(view, caller), "key": new_key()}
    return _new(request, view, session, form | await kept(request, platform, session.staff_number))


def _own_place(view: View, caller: Caller) -> str:
    """The one region of an administrator of one; empty for several, or the nation."""
    areas = caller.regions("staff.manage")
    only = next(iter(areas)) if len(areas) == 1 else NATION
    return "" if only == NATION else view.place(only, short=True)


def _new(
    request: Request[Any, Any, Any],
    view: View,
    session: StaffSession,
    form: dict[str, Any],
    wrong: Wrong = RIGHT,
    candidates: Any = (),
) -> Response[Any]:
    return respond(
        request, view, "member-new.html", session, "members", wrong, NEW,
        form=form, candidates=candidates,
    )  # fmt: skip


@post(NEW, include_in_schema=False)
async def add(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Add the member; the first password is on the page that follows."""
    same_site(request)
    session, caller = await require_staff(request, platform, "staff.manage")
    view, form = View.of(request), await read_form(request, *_NEW_FIELDS)
    errors: dict[str, str] = {}
    code, candidates = place_or_nation(view, form["region"], form["region_code"], "region", errors)
    number = form["number"].strip().lower()
    try:
        if code is not None:
            caller.require("staff.manage", code)
            key = check_key(form["key"], "number")
            provider = form["provider"].strip().upper() or None
            if provider is not None:
                caller.require("staff.manage", rules.check_provider(provider))
            await service.add(
                platform, number, form["name"], code, [], caller.actor("members"), provider,
                key=key,
            )  # fmt: skip
            return Redirect(f"{HANDED}/{key}", status_code=303)
        service.check_new(number, form["name"])
    except YikatongError as error:
        errors |= answer_wrong(view, error, "number")[0]
    return _new(request, view, session, form, (errors, 422, {}), candidates)


def place_or_nation(
    view: View, words: str, code: str, field: str, errors: dict[str, str]
) -> tuple[str | None, Any]:
    """The code of the place meant, also of the nation; else an error and the candidates."""
    if words.strip().lower() in {text.lower() for text in _NATION_WORDS} and not code:
        return NATION, ()
    place, candidates = place_of(view, words.strip(), code, field, errors)
    return (place.code if place else None), candidates


_NATION_WORDS: Final = ("全国", "nation", "the nation", NATION)


@get(f"{MEMBERS}/{{number:str}}", include_in_schema=False)
async def member(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    number: FromPath[str],
) -> Response[Any]:
    """A member's file, with what can be done."""
    session, caller = await require_staff(request, platform, "staff.read")
    file = await listing.read(platform, caller, number[:30])
    return show_member(request, session, caller, file)


def show_member(
    request: Request[Any, Any, Any],
    session: StaffSession,
    caller: Caller,
    file: File,
    opened: str = "",
    form: dict[str, Any] | None = None,
    wrong: Wrong = RIGHT,
    candidates: Any = (),
) -> Response[Any]:
    """The file; with `opened`, the form of that errand is open."""
    view, one = View.of(request), file.listed.member
    address = f"{MEMBERS}/{one.staff_number}"
    done = request.query_params.get("done", "")
    fields = {"role": "counter", "region": _own_place(view, caller), "key": new_key()}
    other, whole = _may(caller, file)
    return respond(
        request, view, "member.html", session, "members", wrong, address,
        address=address, one=one, form=fields | (form or {}), candidates=candidates, opened=opened,
        office=place_name(view, one.region),
        made=view.day(one.made_at), signed_in=view.day(file.listed.signed_in_at),
        locked=view.day(file.listed.locked_until),
        held=[
            {
                "role": each.role,
                "region": each.region,
                "name": role_name(view, each.role),
                "place": place_name(view, each.region),
                "since": view.date(each.granted_at),
                "by": view.text("office_command_line") if each.granted_by == "command line"
                else each.granted_by,
                "may": other and caller.may("staff.manage", each.region),
            }
            for each in file.held
        ],
        sessions=[
            (each.device, view.day(each.begun_at), view.day(each.seen_at)) for each in file.sessions
        ],
        codes_left=file.recovery_codes_left,
        events=events(view, file.events),
        roles=[(role, role_name(view, role)) for role in ROLES],
        grants=other and caller.may("staff.grant", one.region) and one.state == "active",
        manages=whole,
        own=not other,
        reads_only=not caller.may("staff.manage"),
        done=done if f"members_done_{done}" in _DONE else "",
    )  # fmt: skip


_DONE: Final = frozenset(
    f"members_done_{name}"
    for name in (
        "grant", "has", "revoke", "end-sessions", "unlock", "suspend", "resume", "leave",
        "second-factor", "handed",
    )
)  # fmt: skip


def _may(caller: Caller, file: File) -> tuple[bool, bool]:
    """Whether the reader is an administrator other than the member, and one over all of the member's
    places."""
    one = file.listed.member
    other = caller.may("staff.manage") and caller.name != one.staff_number
    try:
        service.require_over(caller, "staff.manage", one)
    except NotAllowed:
        return other, False
    return other, True


routes: Final = [members, new, add, member]
