"""The page "我的资料": what is on file of the reader, or of whom the reader acts for; confirm it, change
phone and address, see what was changed."""

from datetime import timedelta
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core import regions, sending
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.errors import YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_phone
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import NoAuthority
from yikatong.identity.model import Level
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import codes, new_phone
from yikatong.people import service as people
from yikatong.people.changes import rules, service
from yikatong.people.changes.model import (
    CHANNEL_NAMES,
    FIELD_NAMES,
    STATE_NAMES,
    Change,
    ContactChange,
    OnFile,
)
from yikatong.portals.check import place_of
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import HERE, answer_wrong, read_form, show
from yikatong.portals.signed_in import kept_form, require_session, same_site
from yikatong.portals.view import View
from yikatong.trust import guessing
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import Limit

DETAILS: Final = "/details"
_DONE: Final = ("confirmed", "address", "phone")
_CODE_COOKIE: Final = "phone_code"
_STRONG: Final[Level] = 2
_LIMITS: Final = (Limit(20, timedelta(days=1)),)
_WHERE: Final = {"residence_region": "place"}
"""Where a field of a change stands on the page."""
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_NOTHING_WRONG: Final[_Wrong] = ({}, 200, {})


class _Whose(msgspec.Struct, frozen=True):
    """Whose data a page is about, and who reads it."""

    session: Session
    person_id: int
    agent: bool
    """Acts by an authority the person granted; the phone stays the person's own affair."""

    @property
    def actor(self) -> Actor:
        return self.session.actor("change of data")


async def _whose(
    request: Request[Any, Any, Any],
    platform: Platform,
    level: Level = 1,
    form_at: str | None = None,
) -> _Whose:
    """Raises SignInNeeded, and NoAuthority where the authority to act does not cover this."""
    session = await require_session(request, platform, level, form_at=form_at)
    if session.acting_for is None:
        return _Whose(session, session.person_id, False)
    async with platform.database.transaction(readonly=True) as connection:
        mandate = await authority.acting_for(
            platform, connection, session, session.acting_for, "details"
        )
    return _Whose(session, mandate.person_id, mandate.kind == "agent")


@get(DETAILS, include_in_schema=False)
async def details(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What is on file, masked; `reveal=1`: whole, after a stronger proof."""
    reveal = request.query_params.get("reveal") == "1"
    whose = await _whose(request, platform, _STRONG if reveal else 1)
    await kept_form(request, platform, whose.session)
    return await _page(request, platform, whose, reveal=reveal)


async def _page(
    request: Request[Any, Any, Any],
    platform: Platform,
    whose: _Whose,
    wrong: _Wrong = _NOTHING_WRONG,
    *,
    reveal: bool = False,
) -> Response[Any]:
    view = View.of(request)
    view.path = DETAILS
    found = await service.on_file(platform, whose.person_id, whose.actor, reveal=reveal)
    done = request.query_params.get("done", "")
    confirmed = found.person.contact_confirmed_on
    return show(
        request, view, "details.html", HERE, wrong,
        rows=_on_file(view, found, reveal=reveal),
        agent=whose.agent,
        reveal=reveal,
        fresh=rules.contact_fresh(confirmed, today(platform.clock)),
        confirmed=confirmed.isoformat() if confirmed else "",
        in_review=_fields(view, found.waiting) if found.waiting else "",
        history=[_row(view, one, whose) for one in found.changes if one.state != "taken"],
        form=_form(platform, found),
        done=done if done in _DONE else "",
    )  # fmt: skip


def _form(platform: Platform, found: OnFile) -> dict[str, str]:
    """What each form carries: the version that was looked at, and a key of its own."""
    return {
        "version": str(found.person.version),
        "key": str(new_id(platform.clock.now())),
    }


def _on_file(view: View, found: OnFile, *, reveal: bool) -> dict[str, str]:
    told = rules.whole if reveal else rules.masked
    person, contact = found.person, found.contact
    none = view.text("details_none")
    return {
        "phone": told("phone", contact.phone, view.language) if contact.phone else none,
        "address": told("address", contact.address, view.language) if contact.address else none,
        "residence_region": told("residence_region", person.residence_region, view.language),
        "name": told("name", person.name, view.language),
        "id_number": told("id_number", contact.id_number, view.language),
        "ethnic_group": told("ethnic_group", person.ethnic_group, view.language),
    }


def _fields(view: View, one: Change) -> str:
    names = [FIELD_NAMES[field].in_language(view.language) for field in one.fields]
    return view.text("details_join").join(names)


def _row(view: View, one: Change, whose: _Whose) -> dict[str, Any]:
    at = (one.decided_at or one.taken_at).astimezone(SHANGHAI)
    own = (one.taken_by_kind, one.taken_by) == ("person", str(whose.person_id))
    by = "self" if own else one.taken_by_kind
    return {
        "at": f"{at:%Y-%m-%d %H:%M}",
        "what": _fields(view, one) if one.fields else view.text("details_confirmed_row"),
        "values": [
            (
                FIELD_NAMES[field].in_language(view.language),
                rules.masked(field, one.values[field].before, view.language),
                rules.masked(field, one.values[field].after, view.language),
            )
            for field in one.fields
        ],
        "by": view.text(f"details_by_{'self' if own else 'other' if by == 'person' else 'staff'}"),
        "channel": CHANNEL_NAMES[one.channel].in_language(view.language),
        "state": "" if one.state == "done" else STATE_NAMES[one.state].in_language(view.language),
        "reason": one.reason,
    }


def _number(text: str) -> int:
    """A version or key of a hidden field; 0 for one that somebody wrote themselves."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


async def _change(
    platform: Platform, whose: _Whose, wanted: ContactChange, sent: dict[str, str]
) -> None:
    await guessing.count(platform, [(f"details:{whose.person_id}", _LIMITS)])
    key = sent["key"] if sent["key"].isdigit() else ""
    await service.change_contact(
        platform, whose.person_id, wanted, _number(sent["version"]), "online", whose.actor,
        f"page-{key[:30]}",
    )  # fmt: skip


@post(f"{DETAILS}/confirm", include_in_schema=False)
async def confirm(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Phone and address are right: one click; sent twice, once."""
    same_site(request)
    whose = await _whose(request, platform, form_at=DETAILS)
    sent = await read_form(request, "version", "key")
    try:
        await _change(platform, whose, ContactChange(), sent)
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "version")
        return await _page(request, platform, whose, wrong)
    return Redirect(f"{DETAILS}?done=confirmed", status_code=303)


@get(f"{DETAILS}/address", include_in_schema=False)
async def address_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form with what is on file; whole, so after a stronger proof."""
    whose = await _whose(request, platform, _STRONG)
    kept = await kept_form(request, platform, whose.session)
    typed = plain(kept, "address", "place") if kept else None
    return await _address_page(request, platform, whose, typed)


async def _address_page(
    request: Request[Any, Any, Any],
    platform: Platform,
    whose: _Whose,
    typed: dict[str, str] | None = None,
    candidates: Any = (),
    wrong: _Wrong = _NOTHING_WRONG,
) -> Response[Any]:
    view = View.of(request)
    view.path = f"{DETAILS}/address"
    found = await service.on_file(platform, whose.person_id, whose.actor, reveal=True)
    form = _form(platform, found) | {
        "address": found.contact.address or "",
        "place": regions.full_name(found.person.residence_region, view.language),
    }
    # After an error the form keeps what was typed; the version is the newest all the same: the
    # reader has just been shown what is on file now.
    form |= typed or {}
    return show(
        request, view, "details-address.html", HERE, wrong, form=form, candidates=candidates,
        on_file=found.contact.address or view.text("details_none"),
    )  # fmt: skip


@post(f"{DETAILS}/address", include_in_schema=False)
async def put_address(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Change it; sent twice, once."""
    same_site(request)
    whose = await _whose(request, platform, _STRONG, f"{DETAILS}/address")
    sent = await read_form(request, "address", "place", "place_code", "version", "key")
    view = View.of(request)
    errors: dict[str, str] = {}
    candidates: Any = ()
    typed = {"address": sent["address"], "place": sent["place"][:40]}
    async with platform.database.transaction(readonly=True) as connection:
        now = (await people.get(connection, whose.person_id)).residence_region
    if sent["place"] == regions.full_name(now, view.language) and not sent["place_code"]:
        region = now
    else:
        found, candidates = place_of(view, sent["place"], sent["place_code"], "place", errors)
        region = found.code if found else None
    wrong: _Wrong = (errors, 422, {})
    if not errors:
        try:
            wanted = ContactChange(None, sent["address"], region)
            await _change(platform, whose, wanted, sent)
            return Redirect(f"{DETAILS}?done=address", status_code=303)
        except YikatongError as error:
            found_errors, status, headers = answer_wrong(view, error, "address")
            wrong = (
                {_WHERE.get(at, at): text for at, text in found_errors.items()},
                status,
                headers,
            )
    return await _address_page(request, platform, whose, typed, candidates, wrong)


async def _for_phone(request: Request[Any, Any, Any], platform: Platform) -> _Whose:
    """The phone is changed by its owner or the guardian: codes to sign in go there."""
    whose = await _whose(request, platform, _STRONG, request.url.path)
    if whose.agent:
        raise NoAuthority("details")
    return whose


@get(f"{DETAILS}/phone", include_in_schema=False)
async def phone_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Where the new number is typed."""
    whose = await _for_phone(request, platform)
    kept = await kept_form(request, platform, whose.session)
    return await _phone_page(request, platform, whose, plain(kept, "phone")["phone"])


async def _phone_page(
    request: Request[Any, Any, Any],
    platform: Platform,
    whose: _Whose,
    typed: str = "",
    wrong: _Wrong = _NOTHING_WRONG,
) -> Response[Any]:
    view = View.of(request)
    view.path = f"{DETAILS}/phone"
    found = await service.on_file(platform, whose.person_id, whose.actor)
    phone = found.contact.phone
    return show(
        request, view, "details-phone.html", HERE, wrong, phone=typed,
        on_file=mask_phone(phone) if phone else view.text("details_none"),
        can_send=sending.available(platform.settings),
    )  # fmt: skip


@post(f"{DETAILS}/phone", include_in_schema=False)
async def send_code(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Send a code to the new number."""
    same_site(request)
    whose = await _for_phone(request, platform)
    sent = await read_form(request, "phone")
    try:
        token = await new_phone.ask(platform, whose.session, whose.person_id, sent["phone"])
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "phone")
        return await _phone_page(request, platform, whose, sent["phone"], wrong)
    response = Redirect(f"{DETAILS}/phone/code", status_code=303)
    response.set_cookie(
        _CODE_COOKIE, token, httponly=True, samesite="lax", secure=platform.settings.secure,
        path=DETAILS, max_age=int(codes.CODE_LASTS.total_seconds()),
    )  # fmt: skip
    return response


@get(f"{DETAILS}/phone/code", include_in_schema=False)
async def code_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Where the code is typed."""
    whose = await _for_phone(request, platform)
    if not request.cookies.get(_CODE_COOKIE):
        return Redirect(f"{DETAILS}/phone", status_code=303)
    return await _code_page(request, platform, whose)


async def _code_page(
    request: Request[Any, Any, Any],
    platform: Platform,
    whose: _Whose,
    wrong: _Wrong = _NOTHING_WRONG,
) -> Response[Any]:
    view = View.of(request)
    view.path = f"{DETAILS}/phone/code"
    found = await service.on_file(platform, whose.person_id, whose.actor)
    return show(
        request, view, "details-phone-code.html", HERE, wrong, form=_form(platform, found),
        inbox=platform.settings.sandbox and platform.settings.sender_url is None,
    )  # fmt: skip


@post(f"{DETAILS}/phone/code", include_in_schema=False)
async def check_code(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """With the right code the new number counts."""
    same_site(request)
    whose = await _for_phone(request, platform)
    sent = await read_form(request, "code", "version")
    token = request.cookies.get(_CODE_COOKIE, "")[:100]
    try:
        await new_phone.confirm(
            platform, whose.session, whose.person_id, token, sent["code"], _number(sent["version"])
        )
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "code")
        return await _code_page(request, platform, whose, wrong)
    response = Redirect(f"{DETAILS}?done=phone", status_code=303)
    response.delete_cookie(_CODE_COOKIE, path=DETAILS)
    return response


routes: Final = [
    details, confirm, address_form, put_address, phone_form, send_code, code_form, check_code,
]  # fmt: skip
