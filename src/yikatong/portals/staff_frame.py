"""What frames every page of staff: where a role leads, the search field, who is signed in and where."""

from typing import Final

import msgspec

from yikatong.identity.staff.model import StaffSession
from yikatong.portals.view import View
from yikatong.trust.access import NATION, PERMISSIONS, Caller


class Entry(msgspec.Struct, frozen=True):
    """A place in the navigation; seen by who has the permission (None: everybody)."""

    name: str
    """Its text is `staff_nav_<name>`."""
    address: str
    permission: str | None
    key: str
    """The access key: Alt with it (Alt and Shift in Firefox) goes there. No two have the same, nor one that pages
    use themselves: 1-9, j, k, n, p, s."""


ENTRIES: Final = (
    Entry("desk", "/staff/desk", "person.search", "q"),
    Entry("guests", "/staff/guests", "cards.apply", "g"),
    Entry("calls", "/staff/calls", "call.answer", "c"),
    Entry("clinic", "/clinic", "visit.handle", "v"),
    Entry("clinic_day", "/clinic/day", "visit.reconcile", "d"),
    Entry("operations", "/operations", "operations.read", "o"),
    Entry("exceptions", "/operations/exceptions", "operations.read", "e"),
    Entry("flows", "/operations/flows", "fund.read", "f"),
    Entry("audit", "/operations/audit", "audit.read", "a"),
    Entry("runs", "/operations/runs", "run.read", "r"),
    Entry("by_hand", "/operations/by-hand", "benefit.read", "b"),
    Entry("members", "/staff/members", "staff.read", "m"),
    Entry("machines", "/operations/machines", "machine.manage", "i"),
    Entry("keys", "/operations/keys", "keys.rotate", "y"),
    Entry("home", "/staff", None, "h"),
)


class Frame(msgspec.Struct, frozen=True):
    """The frame of one page."""

    entries: tuple[Entry, ...]
    places: str
    """The regions of the member's roles."""
    searches: bool
    """Whether the search field stands in it."""


def place_name(view: View, code: str) -> str:
    """A region, or the nation, in the reader's language."""
    return view.text("staff_nation") if code == NATION else view.place(code)


def _leads(caller: Caller, permission: str) -> bool:
    """Whether the caller may do it somewhere; what concerns the nation, everywhere."""
    if PERMISSIONS[permission].place == "nation":
        return caller.everywhere(permission)
    return caller.may(permission)


def frame_of(view: View, session: StaffSession | None) -> Frame | None:
    """The frame of a member; None before all of the sign-in is done."""
    if session is None or not session.settled:
        return None
    caller: Caller = session.caller()
    codes = sorted({one.region for one in session.grants})
    return Frame(
        tuple(
            one for one in ENTRIES if one.permission is None or _leads(caller, one.permission)
        ),
        view.text("staff_comma").join(place_name(view, code) for code in codes),
        caller.may("person.search"),
    )  # fmt: skip
