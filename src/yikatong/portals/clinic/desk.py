"""Who sits at a page of a provider: the member, their provider, and how the pages are answered."""

from typing import Any

import msgspec
from litestar import Request

from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.medical.provider_desk.model import Clerk
from yikatong.portals.counter.desk import Desk, open_desk


class ClinicDesk(msgspec.Struct, frozen=True):
    """A signed-in member of a provider's staff at a page."""

    desk: Desk
    clerk: Clerk

    @property
    def name(self) -> str:
        """The provider's, in the reader's language."""
        provider = self.clerk.provider
        return provider.english if self.desk.language == "en" else provider.name


async def open_clinic(
    request: Request[Any, Any, Any], platform: Platform, permission: str
) -> ClinicDesk:
    """The member at this page, who may do this at their own provider; raises StaffSignInNeeded,
    NotAllowed, and NotFound where the provider is no longer on file."""
    desk = await open_desk(request, platform)
    code = desk.caller.require_provider(permission)
    async with platform.database.transaction(readonly=True) as connection:
        provider = await medical.provider(connection, code)
    session = desk.session
    return ClinicDesk(desk, Clerk(provider, session.staff_number, session.name, session.sandbox))
