"""What the pages of administrators share: the answer in the frame of staff, kept forms, event words."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Request, Response

from yikatong.core.platform import Platform
from yikatong.identity.office import OfficeEvent
from yikatong.identity.staff.model import StaffSession
from yikatong.portals.staff_frame import frame_of, place_name
from yikatong.portals.staff_sign_in import kept_form
from yikatong.portals.view import View
from yikatong.trust.access import ROLES

Wrong = tuple[dict[str, str], int, dict[str, str]]
"""Errors by field, status, headers."""
RIGHT: Final[Wrong] = ({}, 200, {})


def respond(
    request: Request[Any, Any, Any],
    view: View,
    template: str,
    session: StaffSession,
    current: str,
    wrong: Wrong = RIGHT,
    path: str = "",
    **facts: Any,
) -> Response[Any]:
    """A page in the frame of staff; after a form that was wrong, language and type size are switched on
    the page at `path`."""
    errors, status, headers = wrong
    if request.method == "POST":
        view.path, view.query = path, []
    response = view.respond(
        request, template, status=status, member=session, errors=errors, current=current,
        frame=frame_of(view, session), **facts,
    )  # fmt: skip
    response.headers.update(headers)
    return response


async def kept(request: Request[Any, Any, Any], platform: Platform, number: str) -> dict[str, Any]:
    """What was kept for this page, once; texts only."""
    found = await kept_form(request, platform, number)
    return {name: text for name, text in (found or {}).items() if isinstance(text, str)}


def new_key() -> str:
    """The number of a new form."""
    return uuid.uuid4().hex


def role_name(view: View, role: str) -> str:
    """A role in the reader's language."""
    return next(
        (text.in_language(view.language) for name, text in ROLES.items() if name == role), role
    )


def events(view: View, found: Sequence[OfficeEvent]) -> list[dict[str, str]]:
    """What was done with a member, a machine or a client, and by whom."""
    return [
        {
            "at": view.day(one.at),
            "subject": one.subject,
            "what": view.text(f"office_{one.action.replace('.', '_')}"),
            "who": view.text("office_command_line") if one.actor == "command line" else one.actor,
            "more": _more(view, one.detail),
        }
        for one in found
    ]


def _more(view: View, detail: Mapping[str, Any]) -> str:
    grants: list[list[str]] = detail.get("grants") or []
    return view.text("staff_comma").join(
        f"{role_name(view, what)} {place_name(view, region)}" for what, region in grants
    )
