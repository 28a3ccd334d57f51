"""What programs sign in with, machines and services alike: the list with what can be done, and the form
for a new one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.errors import NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.staff.model import StaffSession
from yikatong.money.bodies import check_key
from yikatong.portals.administration.frame import RIGHT, Wrong, events, kept, new_key, respond
from yikatong.portals.administration.handed import HANDED
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View
from yikatong.trust.audit import Actor

_TEXT_MAX: Final = 4000
_EVENTS_MAX: Final = 30


class Deed(msgspec.Struct, frozen=True):
    """Something that can be done with one of them."""

    name: str
    text: str
    say: str = ""
    """What comes of it, read before it is done; "": it is done at once."""
    grave: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One of them in the list, in the reader's language."""

    id: str
    name: str
    beside: str
    """What stands beside the name."""
    notices: Sequence[tuple[Literal["no", "but"], str]] = ()
    facts: Sequence[str]
    lines: Sequence[str]
    """What it may do, or where it is."""
    more: tuple[str, Sequence[str]] | None = None
    """A title, and what is read only when it is opened."""
    deeds: Sequence[Deed]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """In what machines and services differ."""

    name: Literal["machines", "clients"]
    """The last part of the address; templates and texts are called by it."""
    permission: str
    recorded: str
    """How the actions that are recorded begin."""
    number: str
    """The field of the id; an error that names no field stands there."""
    fields: Sequence[str]
    first: Mapping[str, str]
    """What stands in a new form."""
    done: Sequence[str]
    rows: Callable[[View, Platform], Awaitable[Sequence[Row]]]
    choices: Callable[[View], dict[str, Any]]
    add: Callable[[Platform, dict[str, str], Actor, str], Awaitable[str]]
    """Add what a form says, once for its number; answers what was done, "" where a secret is handed over."""
    carry_out: Callable[[Platform, str, str, Actor, str], Awaitable[str]]
    """A deed on one id, once for the number of its form; answers the same. Raises NotFound."""


def lines_of(text: str) -> list[str]:
    """What stands in the lines of a field."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def no_such_deed() -> NotFound:
    """There is nothing of that name to be done."""
    return NotFound(zh="没有这个地址", en="there is nothing at this address")


def routes_of(kind: Kind) -> list[Any]:
    """The pages of one kind: its list, the form for a new one, what is done with one."""
    address = f"/operations/{kind.name}"
    new_address = f"{address}/new"

    def behind(done: str, key: str) -> Redirect:
        return Redirect(f"{address}?done={done}" if done else f"{HANDED}/{key}", status_code=303)

    async def listed(
        request: Request[Any, Any, Any],
        platform: Platform,
        session: StaffSession,
        wrong: Wrong = RIGHT,
    ) -> Response[Any]:
        view, done = View.of(request), request.query_params.get("done", "")
        rows = await kind.rows(view, platform)
        async with platform.database.transaction(readonly=True) as connection:
            recorded = await office.of_subjects(
                connection, [one.id for one in rows], kind.recorded, _EVENTS_MAX
            )
        return respond(
            request, view, "programs.html", session, "machines", wrong, address,
            which=kind.name, rows=rows, key=new_key(), events=events(view, recorded),
            done=done if done in kind.done else "",
        )  # fmt: skip

    def form_for(
        request: Request[Any, Any, Any],
        session: StaffSession,
        form: dict[str, Any],
        wrong: Wrong = RIGHT,
    ) -> Response[Any]:
        view = View.of(request)
        return respond(
            request, view, f"program-{kind.name}.html", session, "machines", wrong, new_address,
            which=kind.name, form=form, **kind.choices(view),
        )  # fmt: skip

    @get(address, include_in_schema=False)
    async def every(
        request: Request[Any, Any, Any], platform: NamedDependency[Platform]
    ) -> Response[Any]:
        """All of them, with those that are let in no more."""
        session, _ = await require_staff(request, platform, kind.permission)
        return await listed(request, platform, session)

    @get(new_address, include_in_schema=False)
    async def new(
        request: Request[Any, Any, Any], platform: NamedDependency[Platform]
    ) -> Response[Any]:
        """The form for a new one."""
        session, _ = await require_staff(request, platform, kind.permission)
        form: dict[str, Any] = {**dict.fromkeys(kind.fields, ""), **kind.first, "key": new_key()}
        form |= await kept(request, platform, session.staff_number)
        return form_for(request, session, form)

    @post(new_address, include_in_schema=False)
    async def add(
        request: Request[Any, Any, Any], platform: NamedDependency[Platform]
    ) -> Response[Any]:
        """Add it; its secret, where it has one, is on the page that follows."""
        same_site(request)
        session, caller = await require_staff(request, platform, kind.permission)
        form = await _read(request, *kind.fields, "key")
        try:
            key = check_key(form["key"], kind.number)
            done = await kind.add(platform, form, caller.actor(kind.name), key)
        except YikatongError as error:
            wrong = answer_wrong(View.of(request), error, kind.number)
            return form_for(request, session, form, wrong)
        return behind(done, key)

    @post(f"{address}/{{number:str}}/{{deed:str}}", include_in_schema=False)
    async def carry_out(
        request: Request[Any, Any, Any],
        platform: NamedDependency[Platform],
        number: FromPath[str],
        deed: FromPath[str],
    ) -> Response[Any]:
        """A new secret, let in no more, or again; pressed twice it is done once."""
        same_site(request)
        session, caller = await require_staff(request, platform, kind.permission, form_at=address)
        key = (await _read(request, "key"))["key"]
        try:
            done = await kind.carry_out(platform, deed, number, caller.actor(kind.name), key)
        except YikatongError as error:
            errors, status, headers = answer_wrong(View.of(request), error, number)
            wrong = ({number[:40]: next(iter(errors.values()))}, status, headers)
            return await listed(request, platform, session, wrong)
        return behind(done, key)

    return [every, new, add, carry_out]


async def _read(request: Request[Any, Any, Any], *names: str) -> dict[str, str]:
    """These fields of a form, some of which have a line each for several values."""
    sent = await request.form()
    return {name: str(sent.get(name) or "")[:_TEXT_MAX].replace("\x00", "") for name in names}
