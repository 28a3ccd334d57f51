"""Who sits at a page of staff: the member, what they may do, and how their pages are answered."""

from typing import Any

import msgspec
from litestar import Request, Response

from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.identity.staff.model import StaffSession
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.staff_sign_in import kept_form, require_staff
from yikatong.portals.view import View
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor

Wrong = tuple[dict[str, str], int, dict[str, str]]
"""The errors of a form by field, the status and the headers it is answered with."""
FINE: Wrong = ({}, 200, {})


class Desk(msgspec.Struct, frozen=True):
    """A signed-in member of staff at a page."""

    request: Request[Any, Any, Any]
    platform: Platform
    session: StaffSession
    caller: Caller
    view: View

    @property
    def today(self) -> str:
        """Today in Shanghai, as form fields write it."""
        return today(self.platform.clock).isoformat()

    @property
    def language(self) -> str:
        return self.view.language

    def actor(self, purpose: str) -> Actor:
        return self.caller.actor(purpose)

    async def kept(self, path: str | None = None) -> dict[str, Any] | None:
        """What the member had sent from this page when the session was over, once."""
        return await kept_form(self.request, self.platform, self.caller.name, path)

    def respond(self, template: str, wrong: Wrong = FINE, **facts: Any) -> Response[str]:
        """A page in the frame of staff, with what is wrong beside its field."""
        errors, status, headers = wrong
        facts = {
            "current": "", "member": self.session, "errors": errors,
            "frame": frame_of(self.view, self.session), **facts,
        }  # fmt: skip
        response = self.view.respond(self.request, template, status=status, **facts)
        response.headers.update(headers)
        return response


async def open_desk(
    request: Request[Any, Any, Any],
    platform: Platform,
    permission: str | None = None,
    *,
    form_at: str | None = None,
) -> Desk:
    """The member at this page, `form_at` as `require_staff` has it; raises StaffSignInNeeded, NotAllowed."""
    session, caller = await require_staff(request, platform, permission, form_at=form_at)
    return Desk(request, platform, session, caller, View.of(request))
