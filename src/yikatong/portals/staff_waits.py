"""What waits for a member of staff, by kind and number, whatever their roles: the first thing at home."""

from collections.abc import Sequence

import msgspec

from yikatong.core.errors import NotFound
from yikatong.identity.approvals.service import Approvals
from yikatong.medical.claims.service import ClaimOffice
from yikatong.medical.provider_desk import service as provider_desk
from yikatong.portals import exceptions_found
from yikatong.portals.clinic.desk import open_clinic
from yikatong.portals.counter import own_counter
from yikatong.portals.counter.desk import Desk
from yikatong.portals.counter.pages import DESK, Waiting, at_own_counter, queues
from yikatong.portals.staff_frame import ENTRIES, Entry, frame_of


class Waits(msgspec.Struct, frozen=True):
    """So much of one kind."""

    text: str
    count: str
    """With a plus behind it where there is more than was counted."""
    address: str
    oldest: Sequence[Waiting] = ()
    """Themselves, the oldest first, for who has no desk to see them at."""


async def found(desk: Desk, claims: ClaimOffice, approvals: Approvals) -> Sequence[Waits]:
    """Each kind of which something waits; what the member is to approve stands on the page itself."""
    view, caller = desk.view, desk.caller
    has_desk = caller.may("person.search")
    lists = await queues(desk, claims, approvals)
    if caller.may(own_counter.PERMISSION):
        _, own = await at_own_counter(desk)
        lists = [*own, *lists]
    waits = [
        Waits(
            view.text(f"queue_{one.name}"), f"{len(one.waiting)}{'+' if one.more else ''}",
            f"{DESK}#queue-{one.name}", () if has_desk else one.waiting,
        )
        for one in lists
        if one.waiting and one.name != "approvals"
    ]  # fmt: skip
    if caller.may("operations.read"):
        async with desk.platform.database.transaction(readonly=True) as connection:
            everything = await exceptions_found.find(desk.platform, connection, caller, approvals)
        if free := sum(not one.taken_by for one in everything):
            waits.append(Waits(view.text("home_exceptions"), str(free), "/operations/exceptions"))
    if caller.provider and caller.may("visit.handle"):
        waits += await _visits(desk)
    return waits


async def _visits(desk: Desk) -> Sequence[Waits]:
    """Visits begun at the member's own provider; none where that is no longer on file."""
    try:
        at = await open_clinic(desk.request, desk.platform, "visit.handle")
    except NotFound:
        return ()
    visits = await provider_desk.open_ones(desk.platform, at.clerk)
    return (Waits(desk.view.text("clinic_open"), str(len(visits)), "/clinic"),) if visits else ()


def first_place(desk: Desk) -> Entry:
    """Where the member's work begins: the first of the navigation."""
    frame = frame_of(desk.view, desk.session)
    return frame.entries[0] if frame else ENTRIES[-1]
