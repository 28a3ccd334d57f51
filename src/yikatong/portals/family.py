"""Family (家人): whom the medical account pays for (家庭共济) and who pays for oneself, for whom one may
act, and who may act for oneself. Always the signed-in person's own."""

import contextlib
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import SERVICES, NoAuthority
from yikatong.identity.model import Level
from yikatong.identity.sessions.model import Session
from yikatong.money import medical
from yikatong.people import service as people
from yikatong.people.model import Relation
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import kept_form, require_session, same_site
from yikatong.portals.view import View
from yikatong.trust import audit

FAMILY: Final = "/family"
ALLOWS_FROM: Final[Level] = 2
"""The level a session needs to let the account pay for somebody."""
_DONE: Final = ("allowed", "ended")
_SHARES_WITH: Final = ("spouse", "parent", "child", "guardian_of", "ward_of")
_GRANTED_SHOWN: Final = 20
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


@get(FAMILY, include_in_schema=False)
async def family(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Relatives, what is shared with them, who acts for whom."""
    session = await require_session(request, platform)
    kept = await kept_form(request, platform, session)
    # Of the forms here one alone has something typed into it: the one that allows.
    return await _page(request, platform, session, plain(kept, "member", "limit"))


async def _page(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: Session,
    form: dict[str, str],
    wrong: _Wrong = _RIGHT,
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    view.path, view.query = FAMILY, []
    day, person_id = today(platform.clock), session.person_id
    async with platform.database.transaction() as connection:
        relations = [
            one
            for one in await people.relations(connection, person_id)
            if one.since <= day and (one.until is None or one.until >= day)
        ]
        account = await medical.find(connection, person_id)
        shared = await medical.family_of(connection, person_id)
        payers = (await medical.payers_of(connection, [person_id], day)).get(person_id, [])
        if shared or payers:
            actor, now = session.actor("family account"), platform.clock.now()
            await audit.record(connection, actor, now, person_id, "medical_account.family_read")
        mandates = await authority.mandates(platform, connection, person_id)
        agents = await authority.agents(platform, connection, person_id)
        granted = await authority.granted(connection, person_id)
        known = {one.other_person_id for one in relations}
        known |= {one.member_id for one in shared} | {one.person_id for one in payers}
        known |= {one.person_id for one in (*mandates, *agents)}
        known |= {one.agent_id for one in granted}
        everybody = await people.persons(connection, known)
    names = {one: mask_name(person.name) for one, person in everybody.items()}
    sharing = {one.member_id for one in shared}
    done = request.query_params.get("done", "")
    response = view.respond(
        request, "family.html", status=status, current="family", errors=errors, form=form,
        relatives=[
            (view.text(f"family_{one.kind}"), names.get(one.other_person_id, ""))
            for one in relations
        ],
        has_account=account is not None,
        balance=account.balance if account else 0,
        shared=[
            {
                "id": str(one.member_id),
                "name": names.get(one.member_id, ""),
                "limit": one.yearly_limit,
                "left": one.left(day),
                "typed": format_yuan(one.yearly_limit),
            }
            for one in shared
        ],
        may_share=[
            (str(one.other_person_id),
             f"{names[one.other_person_id]} ({view.text(f'family_{one.kind}')})")
            for one in _shares_with(relations)
            if one.other_person_id not in sharing
            and one.other_person_id in everybody
            and everybody[one.other_person_id].died_on is None
        ],
        payers=[
            {"name": names.get(one.person_id, ""), "left": one.left(day)} for one in payers
        ],
        mandates=[
            {
                "id": str(one.person_id),
                "name": names.get(one.person_id, ""),
                "kind": view.text(f"acting_{one.kind}"),
                "until": one.ends_on,
                "services": _services(view, one.services),
                "now": one.person_id == session.acting_for,
            }
            for one in mandates
        ],
        guardians=[names.get(one.person_id, "") for one in agents if one.kind == "guardian"],
        granted=[
            {
                "id": str(one.authority_id),
                "name": names.get(one.agent_id, ""),
                "until": one.ends_on,
                "services": _services(view, one.services),
            }
            for one in granted
            if one.revoked_at is None and one.ends_on >= day
        ][:_GRANTED_SHOWN],
        strong=session.level_at(platform.clock.now()) >= ALLOWS_FROM,
        acts=session.acting_for is not None,
        done=done if done in _DONE else "",
    )  # fmt: skip
    response.headers.update(headers)
    return response


def _shares_with(relations: list[Relation]) -> list[Relation]:
    """With whom the account may be shared, each once."""
    found: dict[int, Relation] = {}
    for one in relations:
        if one.kind in _SHARES_WITH:
            found.setdefault(one.other_person_id, one)
    return list(found.values())


def _services(view: View, names: tuple[Any, ...]) -> str:
    if len(names) == len(SERVICES):
        return view.text("family_everything")
    return view.text("me_comma").join(SERVICES[name].in_language(view.language) for name in names)


def _own(session: Session) -> None:
    """Raise NoAuthority while the reader acts for somebody: consents are given in person."""
    if session.acting_for is not None:
        raise NoAuthority


@post(f"{FAMILY}/allow", include_in_schema=False)
async def allow(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Let the account pay for a relative, or change the limit; sent twice, once."""
    same_site(request)
    session = await require_session(request, platform, ALLOWS_FROM, form_at=FAMILY)
    sent = await read_form(request, "member", "limit")
    form = {name: text.strip()[:40] for name, text in sent.items()}
    try:
        _own(session)
        member = form["member"]
        if not (member.isascii() and member.isdigit() and len(member) < 19):
            raise InvalidInput("member", zh="请选一位家人", en="choose a relative")
        limit = parse_yuan(form["limit"].replace(",", "").replace("，", ""), "limit")
        actor = session.actor("family account")
        await medical.allow_family(platform, session.person_id, int(member), limit, actor)
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, "member")
        fields = {"member_id": "member", "yearly_limit": "limit", "person_id": "member"}
        wrong = {fields.get(name, name): text for name, text in errors.items()}
        return await _page(request, platform, session, form, (wrong, status, headers))
    return Redirect(f"{FAMILY}?done=allowed", status_code=303)


@post(f"{FAMILY}/end", include_in_schema=False)
async def end(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Take a consent back, at once; taken back already, nothing happens."""
    same_site(request)
    session = await require_session(request, platform, form_at=FAMILY)
    _own(session)
    member = (await read_form(request, "member"))["member"]
    if member.isascii() and member.isdigit() and len(member) < 19:
        with contextlib.suppress(medical.NoConsent):
            await medical.end_family(
                platform, session.person_id, int(member), session.actor("family account")
            )
    return Redirect(f"{FAMILY}?done=ended", status_code=303)


routes: Final = [family, allow, end]
