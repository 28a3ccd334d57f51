"""The developer's sandbox: test providers, people, fault switches, and a provider's last calls.

Sandbox data alone, so nobody signs in; production switches it off and the pages are not there.
"""

import contextlib
import time
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core import regions
from yikatong.core.days import moment_in_words
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.staff import demo
from yikatong.medical.hospital_api import faults, journal
from yikatong.medical.hospital_api.faults import FAULTS
from yikatong.medical.hospital_api.journal import ProviderCall
from yikatong.medical.sandbox import examples, explaining, service
from yikatong.medical.sandbox.model import SandboxPerson, SandboxProvider
from yikatong.population import sandbox as population
from yikatong.population import sandbox_pin
from yikatong.portals.check import message
from yikatong.portals.view import View
from yikatong.trust.audit import Actor

_VISITOR: Final = Actor("visitor", "sandbox page", "sandbox")
_PERSONS_KEPT_SECONDS: Final = 60.0
"""The people are opened, and that recorded, at most so often, however often the page is loaded."""
_CALLS_SHOWN: Final = 20
_TEXT_LENGTH_MAX: Final = 6000
_KINDS: Final = ("yes", "yes_but", "no")


class OtherSite(YikatongError):
    """A form was sent from a page of another site."""

    code = "other_site"
    status = 403


@get("/sandbox", include_in_schema=False)
async def sandbox(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What there is to test with."""
    form = dict.fromkeys(("provider", "fault", "transaction"), "") | {"times": "1"}
    return await _show(request, platform, form, {})


@post("/sandbox/faults", include_in_schema=False)
async def switch(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Switch a fault on, or with `clear` off."""
    service.require(platform)
    _require_from_here(request)
    sent = await request.form()
    form = {
        name: str(sent.get(name) or "").strip()[:20]
        for name in ("provider", "fault", "transaction", "times", "clear")
    }
    try:
        async with platform.database.transaction() as connection:
            if form["clear"]:
                await faults.clear_faults(
                    connection, form["provider"],
                    fault=form["fault"], transaction_code=form["transaction"],
                )  # fmt: skip
            else:
                await faults.set_fault(
                    platform, connection, form["provider"], form["fault"],
                    transaction_code=form["transaction"], times=_times(form["times"]),
                )  # fmt: skip
    except InvalidInput as error:
        view = View.of(request)
        return await _show(
            request, platform, form, {error.field or "provider": message(view, error)}
        )
    return Redirect("/sandbox#faults", status_code=303)


def _times(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _require_from_here(request: Request[Any, Any, Any]) -> None:
    """A browser says which page a form comes from; no other site may press these switches."""
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    told = site is not None or origin is not None
    same_origin = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not told or not same_origin or site not in (None, "same-origin"):
        raise OtherSite(
            zh="请在沙箱页面上操作，或用命令 yikatong sandbox fault",
            en="use the sandbox page itself, or the command yikatong sandbox fault",
        )


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    form: dict[str, str],
    errors: dict[str, str],
) -> Response[Any]:
    view = View.of(request)
    # After a form that was wrong, language and type size are switched on the page itself.
    view.path = "/sandbox"
    async with platform.database.transaction(readonly=True) as connection:
        providers = await service.providers(platform, connection)
        switches = await faults.list_faults(connection)
        workplaces = await service.workplaces(connection)
    persons = await _persons(request, platform)
    names = {one.code: _name(view, one) for one in providers}
    groups = [(kind, [one for one in persons if one.expects == kind]) for kind in _KINDS]
    return view.respond(
        request,
        "sandbox.html",
        status=422 if errors else 200,
        form=form,
        errors=errors,
        providers=providers,
        names=names,
        places={one.code: regions.full_name(one.region, view.language) for one in providers},
        faults=FAULTS,
        switches=[(one, names.get(one.provider_code, "")) for one in switches],
        groups=[(kind, members) for kind, members in groups if members],
        curls=_curls(request, providers, persons),
        pin=sandbox_pin.of_sandbox(platform),
        staff=[(one, demo.code_now(platform, one)) for one in demo.members(platform, workplaces)],
    )


async def _persons(request: Request[Any, Any, Any], platform: Platform) -> list[SandboxPerson]:
    state = request.app.state
    kept = state.get("sandbox_persons")
    if kept is None or time.monotonic() - kept[0] > _PERSONS_KEPT_SECONDS:
        kept = time.monotonic(), list(await population.persons(platform, _VISITOR))
        if kept[1]:
            state["sandbox_persons"] = kept
    return kept[1]


def _curls(
    request: Request[Any, Any, Any],
    providers: list[SandboxProvider],
    persons: list[SandboxPerson],
) -> list[tuple[SandboxProvider, str]]:
    """One example for each scheme, with the first provider that signs by it."""
    if not persons:
        return []
    address, person = str(request.base_url).rstrip("/"), persons[0]
    found: list[tuple[SandboxProvider, str]] = []
    for scheme in ("A", "B"):
        for one in providers:
            if one.scheme == scheme:
                script = examples.curl(one, address, person.id_number, person.name)
                found.append((one, script))
                break
    return found


def _name(view: View, one: SandboxProvider) -> str:
    return one.english if view.language == "en" else one.name


class _Row(msgspec.Struct, frozen=True):
    """A call as it is shown."""

    at: str
    call: ProviderCall
    meaning: explaining.Meaning
    request: str
    answer: str


@get("/sandbox/{code:str}", include_in_schema=False)
async def calls(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], code: FromPath[str]
) -> Response[str]:
    """A provider's last calls with request, answer and what they mean, the newest first."""
    view = View.of(request)
    async with platform.database.transaction(readonly=True) as connection:
        provider = await service.provider(platform, connection, code)
        found = await journal.newest(connection, provider.code, _CALLS_SHOWN)
    return view.respond(
        request,
        "sandbox-calls.html",
        provider=provider,
        name=_name(view, provider),
        rows=[_row(view, one) for one in found],
    )


def _row(view: View, one: ProviderCall) -> _Row:
    meaning = explaining.explain(
        one.transaction_code, one.status, one.code, explaining.read(one.answer)
    )
    at = moment_in_words(one.at, view.language, seconds=True)
    return _Row(at, one, meaning, _pretty(one.request), _pretty(one.answer))


def _pretty(text: str) -> str:
    """JSON with its numbers as they were written; anything else as it is."""
    with contextlib.suppress(ValueError, RecursionError):
        text = msgspec.json.format(text, indent=2)
    return text if len(text) <= _TEXT_LENGTH_MAX else f"{text[:_TEXT_LENGTH_MAX]}\n…"


routes = [sandbox, switch, calls]
