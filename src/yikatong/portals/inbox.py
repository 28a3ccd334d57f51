"""The inbox (通知): what the signed-in person was told, or the one they act for."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.database import Connection
from yikatong.core.days import moment_in_words
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import Service
from yikatong.identity.sessions.model import Session
from yikatong.money.bodies import identifier
from yikatong.people.notices import rules
from yikatong.people.notices import service as notices
from yikatong.people.notices.kinds import KINDS
from yikatong.people.notices.model import SUBJECTS, TEXT_STATES, Notice, Subject
from yikatong.portals.sign_in import read_form
from yikatong.portals.signed_in import require_session, same_site
from yikatong.portals.view import View
from yikatong.trust import audit

INBOX: Final = "/inbox"
_SHOWN: Final = 20
_COVERED_BY: Final[dict[Subject, Service]] = {
    "card": "card", "care": "filing", "benefits": "benefits",
}  # fmt: skip
"""What an agent must be let act in to read the principal's notices about a subject."""


class _Box(msgspec.Struct, frozen=True):
    """Whose notices a page shows, about what, and whether opening one makes it read."""

    person_id: int
    subjects: frozenset[Subject]
    marks: bool


async def _box(platform: Platform, connection: Connection, session: Session) -> _Box:
    """The reader's own; acting for somebody, theirs: of a ward all, of a principal what the authority
    covers, and what an agent reads stays unread for the principal. Recorded where it is another's.
    Raises NoAuthority."""
    if session.acting_for is None:
        return _Box(session.person_id, frozenset(SUBJECTS), True)
    mandate = await authority.acting_for(platform, connection, session, session.acting_for)
    now, actor = platform.clock.now(), session.actor("notices")
    await audit.record(connection, actor, now, mandate.person_id, "notices.read")
    if mandate.kind == "guardian":
        return _Box(mandate.person_id, frozenset(SUBJECTS), True)
    covered: frozenset[Subject] = frozenset(
        one for one in _COVERED_BY if _COVERED_BY[one] in mandate.services
    )
    return _Box(mandate.person_id, covered, False)


@get(INBOX, include_in_schema=False)
async def inbox(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The notices, the newest first, in pages."""
    session = await require_session(request, platform)
    view = View.of(request)
    before = _number(request.query_params.get("before", ""))
    async with platform.database.transaction() as connection:
        box = await _box(platform, connection, session)
        found = await notices.of_person(
            connection, box.person_id, subjects=box.subjects, before=before, limit=_SHOWN + 1
        )
    rows = found[:_SHOWN]
    return view.respond(
        request, "inbox.html", current="inbox",
        rows=[_row(view, one) for one in rows],
        unread=box.marks and any(one.unread for one in found),
        newest=rows[0].notice_id if rows else 0,
        before=before,
        older=rows[-1].notice_id if len(found) > _SHOWN else None,
        acts=session.acting_for is not None,
        done=request.query_params.get("done") == "read",
    )  # fmt: skip


def _number(text: str) -> int | None:
    """The notice behind which a page begins; from the start where that is no number."""
    try:
        return identifier(text, "before")
    except InvalidInput:
        return None


def _row(view: View, one: Notice) -> dict[str, Any]:
    kind = KINDS[one.kind]
    return {
        "id": one.notice_id,
        "title": kind.title.in_language(view.language),
        "body": rules.body(kind, one.facts).in_language(view.language),
        "at": moment_in_words(one.at, view.language),
        "unread": one.unread,
        "todo": kind.todo.in_language(view.language) if kind.todo else "",
        "link": kind.link,
        "text": TEXT_STATES[one.text_state].in_language(view.language) if one.text_state else "",
    }


@get(f"{INBOX}/{{notice_id:int}}", include_in_schema=False)
async def notice(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], notice_id: FromPath[int]
) -> Response[Any]:
    """One notice, which is read from now on."""
    session = await require_session(request, platform)
    view = View.of(request)
    async with platform.database.transaction() as connection:
        box = await _box(platform, connection, session)
        one = await notices.opened(
            platform, connection, box.person_id, notice_id, subjects=box.subjects, mark=box.marks
        )
        if session.acting_for is None:
            request.state.unread = await notices.unread(connection, session.person_id)
    return view.respond(request, "notice.html", current="inbox", one=_row(view, one))


@post(f"{INBOX}/read", include_in_schema=False)
async def read(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Mark all as read that were there when the page was shown; sent twice it changes nothing."""
    same_site(request)
    session = await require_session(request, platform, form_at=INBOX)
    until = identifier((await read_form(request, "until"))["until"], "until")
    async with platform.database.transaction() as connection:
        box = await _box(platform, connection, session)
        if box.marks:
            await notices.mark_all_read(
                platform, connection, box.person_id, until, subjects=box.subjects
            )
    return Redirect(f"{INBOX}?done=read", status_code=303)


routes: Final = [inbox, notice, read]
