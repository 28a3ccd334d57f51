"""The page "为家人办理": for whom one may act, begin and stop, and who may act for oneself."""

from datetime import timedelta
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.authority import service
from yikatong.identity.authority.model import SERVICES, Authority
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.policies.requests import parse_day
from yikatong.portals.kept import plain, several, texts
from yikatong.portals.sign_in import HERE, answer_wrong, show
from yikatong.portals.signed_in import kept_form, require_session, same_site
from yikatong.portals.view import View
from yikatong.trust import guessing
from yikatong.trust.guessing import Limit

ACTING: Final = "/acting"
_DONE: Final = ("granted", "revoked", "stopped")
_FIELD_MAX: Final = 40
_LIMITS: Final = (Limit(20, timedelta(days=1)),)


@get(ACTING, include_in_schema=False)
async def acting(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """For whom, and who for oneself."""
    session = await require_session(request, platform)
    if (kept := await kept_form(request, platform, session)) and "number" in kept:
        return await _show(request, platform, session, _form(kept))
    until = today(platform.clock) + timedelta(days=365)
    form: dict[str, Any] = {
        "number": "", "name": "", "until": until.isoformat(), "services": [],
    }  # fmt: skip
    return await _show(request, platform, session, form)


def _form(sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent, within limits."""
    typed = plain(sent, "number", "name", "until", "key")
    return {name: text.strip()[:_FIELD_MAX] for name, text in typed.items()} | {
        "services": [one[:_FIELD_MAX] for one in several(sent, "services")][:20]
    }


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: Session,
    form: dict[str, Any],
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[Any]:
    view, day = View.of(request), today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        found = await service.mandates(platform, connection, session.person_id)
        granted = await service.granted(connection, session.person_id)
        known = [one.person_id for one in found] + [one.agent_id for one in granted]
        names = await people.names(connection, known)
    done = request.query_params.get("done", "")
    view.path = ACTING
    return show(
        request, view, "acting.html", HERE, wrong,
        form={**form, "key": form.get("key") or str(new_id(platform.clock.now()))},
        mandates=[
            {
                "id": one.person_id,
                "name": mask_name(names.get(one.person_id, "")),
                "kind": view.text(f"acting_{one.kind}"),
                "services": _services(view, one.services),
                "until": view.text("acting_until", day=one.ends_on.isoformat())
                if one.ends_on
                else "",
                "now": one.person_id == session.acting_for,
            }
            for one in found
        ],
        granted=[
            {
                "id": one.authority_id,
                "name": mask_name(names.get(one.agent_id, "")),
                "services": _services(view, one.services),
                "days": f"{one.starts_on} – {one.ends_on}",
                "live": _lives(one, day),
            }
            for one in granted[:20]
        ],
        choices=[(name, text.in_language(view.language)) for name, text in SERVICES.items()],
        strong=session.level_at(platform.clock.now()) >= service.GRANTS_FROM,
        acts=session.acting_for is not None,
        done=done if done in _DONE else "",
    )  # fmt: skip


def _services(view: View, names: tuple[Any, ...]) -> str:
    if len(names) == len(SERVICES):
        return ""
    return view.text("acting_join").join(
        SERVICES[name].in_language(view.language) for name in names
    )


def _lives(one: Authority, day: Any) -> bool:
    return one.revoked_at is None and one.ends_on >= day


@post(f"{ACTING}/begin/{{person_id:int}}", include_in_schema=False)
async def begin(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
) -> Response[Any]:
    """Act for this person from now on."""
    same_site(request)
    session = await require_session(request, platform, form_at=ACTING)
    await service.begin(platform, session, person_id)
    return Redirect(ACTING, status_code=303)


@post(f"{ACTING}/stop", include_in_schema=False)
async def stop(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Act for oneself again."""
    same_site(request)
    session = await require_session(request, platform, form_at=ACTING)
    await service.stop(platform, session)
    return Redirect(f"{ACTING}?done=stopped", status_code=303)


@post(f"{ACTING}/grant", include_in_schema=False)
async def grant(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Let somebody act for oneself; sent twice, once."""
    same_site(request)
    session = await require_session(request, platform, service.GRANTS_FROM, form_at=ACTING)
    form = _form(texts(await request.form()))
    try:
        await guessing.count(platform, [(f"grant authority:{session.person_id}", _LIMITS)])
        async with platform.database.transaction(readonly=True) as connection:
            agent_id = await _find(platform, connection, form["number"], form["name"])
        key = form["key"] if form["key"].isdigit() else ""
        await service.grant(
            platform, session, agent_id, form["services"], today(platform.clock),
            parse_day(form["until"], "until"), f"page-{key}",
        )  # fmt: skip
    except YikatongError as error:
        field = {"ends_on": "until", "agent_id": "number"}.get(error.field or "", error.field)
        errors, status, headers = answer_wrong(View.of(request), error, "number")
        wrong = ({field or "number": next(iter(errors.values()))}, status, headers)
        return await _show(request, platform, session, form, wrong)
    return Redirect(f"{ACTING}?done=granted", status_code=303)


async def _find(platform: Platform, connection: Connection, number: str, name: str) -> int:
    """The person of an id number and name; whether the number alone exists nobody is told."""
    try:
        found = await people.find_by_id_number(platform, connection, number, "number")
    except NotFound:
        found = 0
    known = (await people.names(connection, [found])).get(found)
    if not name or known != name:
        raise InvalidInput(
            "number",
            zh="没有找到姓名和身份证号都相符的人，请核对",
            en="nobody has this name and this id number; please compare them",
        )
    return found


@post(f"{ACTING}/revoke/{{authority_id:int}}", include_in_schema=False)
async def revoke(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    authority_id: FromPath[int],
) -> Response[Any]:
    """End an authority one granted, at once; no stronger proof is asked for that."""
    same_site(request)
    session = await require_session(request, platform, form_at=ACTING)
    actor = session.actor("revoke authority")
    await service.revoke(platform, session.person_id, authority_id, actor)
    return Redirect(f"{ACTING}?done=revoked", status_code=303)


routes: Final = [acting, begin, stop, grant, revoke]
