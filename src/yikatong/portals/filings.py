"""One's filings for care elsewhere (异地就医备案), or those of whom one acts for: how they stand, made,
changed, withdrawn, and ended by coming home. Whether one is needed at all stands first."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, YikatongError, one_of
from yikatong.core.ids import new_id
from yikatong.core.months import same_day_in
from yikatong.core.platform import Platform
from yikatong.medical.filings import rules, service
from yikatong.medical.filings.errors import NoSuchFiling
from yikatong.medical.filings.model import (
    CHANNEL_NAMES,
    KIND_NAMES,
    KINDS,
    MATERIAL_NAMES,
    SUBKIND_NAMES,
    SUBKINDS,
    FilingChange,
    KindRule,
    NewFiling,
    RegionRules,
)
from yikatong.medical.model import Filing, FilingKind, Subkind
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.model import Filing as RateOf
from yikatong.policies.model import Policy
from yikatong.policies.requests import parse_day
from yikatong.portals import typical
from yikatong.portals.check import place_of
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import SignInNeeded, same_site
from yikatong.portals.view import View
from yikatong.portals.whose import Whose, whose

FILINGS: Final = "/filings"
TEMPLATES: Final = ("filings.html", "filing-new.html", "filing-change.html")
_PURPOSE: Final = "own filings"
_DONE: Final = ("made", "changed", "withdrawn", "returned", "stays")
_FIELDS: Final = {
    "destination": "to", "filing_id": "to", "channel": "kind", "subkind": "kind",
    "insurance": "kind", "person_id": "kind", "materials": "declared",
}  # fmt: skip
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


class _Care(msgspec.Struct, frozen=True):
    """What decides about somebody's filings."""

    mine: Whose
    person: Person
    enrolment: Enrolment | None
    """The medical insurance that pays."""
    rules: RegionRules | None
    policy: Policy | None
    day: date


async def _care(request: Request[Any, Any, Any], platform: Platform) -> _Care:
    """Raises SignInNeeded, and NoAuthority where the authority to act does not cover filings."""
    mine = await whose(request, platform, "filing", _PURPOSE)
    if mine is None:
        raise SignInNeeded
    day = today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, mine.person_id)
        enrolled = await people.enrolments(connection, mine.person_id)
    enrolment = service.enrolment_for(enrolled, None)
    found = service.rules_of(enrolment.region, day) if enrolment else None
    return _Care(mine, person, enrolment, found, typical.policy_of(enrolment, day), day)


# ---- how they stand ----


@get(FILINGS, include_in_schema=False)
async def filings(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Those that hold or will hold, then the ended ones."""
    return await _list(request, platform, await _care(request, platform))


async def _list(
    request: Request[Any, Any, Any], platform: Platform, care: _Care, wrong: _Wrong = _RIGHT
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    view.path, view.query = FILINGS, []
    found = await service.of_person(platform, care.mine.person_id, care.mine.actor)
    rows = [_row(view, one, care.day) for one in found]
    done = request.query_params.get("done", "")
    response = view.respond(
        request, "filings.html", status=status, current="filings", errors=errors,
        mine=care.mine,
        insured=view.place(care.enrolment.region, short=True) if care.enrolment else "",
        open=[one for one in rows if one["state"] != "ended"],
        ended=[one for one in rows if one["state"] == "ended"][:20],
        ends_home=[
            one["place"] for one in rows if one["state"] == "in_force" and one["ends_by_return"]
        ],
        done=done if done in _DONE else "",
        key=_new_key(platform),
    )  # fmt: skip
    response.headers.update(headers)
    return response


def _row(view: View, one: Filing, day: date) -> dict[str, Any]:
    rule = service.rules_of(one.region, day).kinds[one.kind]
    span = rules.span(one)
    ended = span is None or span[1] < day
    missing: tuple[str, ...] = () if ended else rules.missing(one, rule)
    by_hospital = one.provider_code is not None
    change_from = same_day_in(one.starts_on, rule.change_after_months)
    return {
        "id": str(one.filing_id),
        "place": view.place(one.destination, short=True),
        "insured": view.place(one.region, short=True),
        "kind": _kind_name(view, one.kind, one.subkind),
        "state": "ended" if ended else "to_come" if span and day < span[0] else "in_force",
        "starts_on": one.starts_on,
        "ends_on": one.ends_on,
        "ended_on": one.ended_on,
        "channel": CHANNEL_NAMES[one.channel].in_language(view.language)
        if one.channel in CHANNEL_NAMES
        else "",
        "missing": _names(view, missing),
        "change_from": change_from
        if one.kind == "long_term" and not ended and change_from > day > one.starts_on
        else None,
        "by_hospital": by_hospital,
        "may_change": not ended and not by_hospital and one.kind in ("long_term", "temporary"),
        "may_withdraw": not ended and not by_hospital,
        "ends_by_return": rule.ends_by_return,
    }


def _kind_name(view: View, kind: FilingKind, subkind: Subkind | None) -> str:
    name = SUBKIND_NAMES[subkind] if subkind else KIND_NAMES[kind]
    return name.in_language(view.language)


def _names(view: View, materials: Sequence[str]) -> str:
    return view.text("me_comma").join(
        MATERIAL_NAMES[one].in_language(view.language) for one in materials if one in MATERIAL_NAMES
    )


# ---- a new one ----


@get(f"{FILINGS}/new", include_in_schema=False)
async def new_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Where to; then whether a filing is needed, which kinds there are, and what each is worth."""
    query = request.query_params
    names = ("to", "kind", "starts_on", "ends_on", "declared")
    form = {name: query.get(name, "").strip()[:40] for name in names}
    form["to_code"] = query.get("to_code", "")[:6]
    return await _new(request, platform, await _care(request, platform), form)


async def _new(
    request: Request[Any, Any, Any],
    platform: Platform,
    care: _Care,
    form: dict[str, str],
    wrong: _Wrong = _RIGHT,
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    facts: dict[str, Any] = {
        "current": "filings", "mine": care.mine, "destination": None, "candidates": (), "form": form,
        "insured": view.place(care.enrolment.region, short=True) if care.enrolment else "",
        "needless": "", "kinds": [], "shares": [], "elsewhere": [], "day": care.day,
    }  # fmt: skip
    if not (form["to"] or form.get("to_code")):
        response = view.respond(request, "filing-new.html", status=status, errors=errors, **facts)
        response.headers.update(headers)
        return response
    wrong_place: dict[str, str] = {}
    place, facts["candidates"] = place_of(
        view, form["to"], form.get("to_code", ""), "to", wrong_place
    )
    if place is None:
        return view.respond(
            request, "filing-new.html", status=422, errors={**errors, **wrong_place}, **facts
        )
    # Of a county its city is filed for.
    code = place.pooled_in or place.code
    if request.method == "POST":
        view.path, view.query = f"{FILINGS}/new", [("to_code", code)]
    form["to_code"], form["to"] = code, view.place(code, short=True)
    form["starts_on"] = form.get("starts_on") or care.day.isoformat()
    facts["destination"] = code
    facts["needless"] = _needless(view, care, code)
    if care.enrolment is not None and care.rules is not None and not facts["needless"]:
        facts["kinds"] = _kinds(view, care.enrolment, care.rules)
        facts["elsewhere"] = _elsewhere(view, care.rules)
        facts["shares"] = _shares(view, care, code)
        known = [value for value, *_ in facts["kinds"]]
        if form.get("kind") not in known:
            form["kind"] = known[0] if len(known) == 1 else ""
    form["key"] = form.get("key") or _new_key(platform)
    response = view.respond(request, "filing-new.html", status=status, errors=errors, **facts)
    response.headers.update(headers)
    return response


def _needless(view: View, care: _Care, code: str) -> str:
    """Why nothing is to be filed; "" where something is."""
    if care.enrolment is None:
        return view.text("filings_not_insured")
    name = view.place(code, short=True)
    if code == care.enrolment.region:
        return view.text("filings_home", place=name)
    if care.policy is not None and policies.counts_as_filed(care.policy, code):
        return view.text("filings_exempt", place=name)
    return ""


def _kinds(view: View, enrolment: Enrolment, found: RegionRules) -> list[tuple[str, str, str, str]]:
    """What can be filed online, as value, name, what it is for, and the papers it needs."""
    rows: list[tuple[str, str, str, str]] = []
    for kind in ("temporary", "long_term"):
        rule = found.kinds[kind]
        if "online" not in rule.channels:
            continue
        for subkind in _subkinds(enrolment) if kind == "long_term" else ("",):
            needed = _beside_identity(rule, subkind)
            if needed and not rule.declaration:
                continue
            value = f"{kind}:{subkind}" if subkind else kind
            about = view.text(f"filings_for_{subkind or kind}")
            about += _how_long(view, rule)
            papers = view.text("filings_papers_later", papers=_names(view, needed))
            rows.append(
                (value, view.text(f"filings_kind_{subkind or kind}"), about,
                 papers if needed else view.text("filings_papers_none"))
            )  # fmt: skip
    return rows


def _how_long(view: View, rule: KindRule) -> str:
    if rule.months is None:
        return view.text("filings_no_end")
    return view.text("filings_months", months=str(rule.months))


def _beside_identity(rule: KindRule, subkind: str) -> list[str]:
    """The papers; who is signed in has shown who they are."""
    return [one for one in rule.needs.get(subkind, ()) if one != "identity"]


def _subkinds(enrolment: Enrolment) -> list[str]:
    """The reasons open to this person, as `medical.filings.checks` decides."""
    left_out = {
        "posted_worker" if enrolment.category not in ("active", "flexible") else "",
        "retired_settler" if enrolment.category not in ("retired", "elderly") else "",
    }
    return [one for one in SUBKINDS if one not in left_out]


def _elsewhere(view: View, found: RegionRules) -> list[tuple[str, str]]:
    """The kinds that somebody else makes: the hospital that refers, nobody for an emergency."""
    rows: list[tuple[str, str]] = []
    for kind in ("transfer", "emergency"):
        rule = found.kinds[kind]
        months = str(rule.months or 0)
        rows.append(
            (KIND_NAMES[kind].in_language(view.language),
             view.text(f"filings_elsewhere_{kind}", months=months))
        )  # fmt: skip
    return rows


def _shares(view: View, care: _Care, code: str) -> list[tuple[str, int, bool]]:
    """The typical bill with each filing: name, what the person pays, whether it settles at once."""
    if care.enrolment is None or care.policy is None:
        return []
    who = typical.facts_of(care.person, care.enrolment, care.day)
    wanted: tuple[RateOf, ...] = ("none", "temporary", "long_term")
    refused = care.policy.unfiled == "refused"
    return [
        (
            view.text(f"filing_{one.filing}"),
            typical.BILL.total if refused and one.filing == "none" else one.person,
            not (refused and one.filing == "none"),
        )
        for one in typical.shares(who, code, care.day, wanted)
    ]


@post(f"{FILINGS}/new", include_in_schema=False)
async def make(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """File; sent twice, once."""
    same_site(request)
    care = await _care(request, platform)
    sent = await read_form(request, "to_code", "kind", "starts_on", "ends_on", "declared", "key")
    form = {**sent, "to": ""}
    kind_text, _, subkind_text = sent["kind"].partition(":")
    try:
        if not sent["kind"]:
            raise InvalidInput("kind", zh="请选一种备案", en="choose what kind of filing")
        kind = one_of(kind_text, KINDS, "kind")
        subkind = one_of(subkind_text, SUBKINDS, "kind") if subkind_text else None
        wanted = NewFiling(
            kind=kind,
            destination=sent["to_code"],
            channel="online",
            subkind=subkind,
            starts_on=parse_day(sent["starts_on"], "starts_on") if sent["starts_on"] else None,
            # A long-term filing has no last day, whatever stands in the field of the others.
            ends_on=parse_day(sent["ends_on"], "ends_on")
            if sent["ends_on"] and kind != "long_term"
            else None,
            declared=kind == "long_term" and sent["declared"] == "1",
            materials=("identity",),
        )
        await service.file(
            platform, care.mine.person_id, wanted, care.mine.actor, _key_of(sent["key"])
        )
    except YikatongError as error:
        return await _new(request, platform, care, form, _wrong(View.of(request), error, "kind"))
    return Redirect(f"{FILINGS}?done=made", status_code=303)


def _wrong(view: View, error: YikatongError, field: str) -> _Wrong:
    errors, status, headers = answer_wrong(view, error, field)
    return {_FIELDS.get(name, name): text for name, text in errors.items()}, status, headers


def _new_key(platform: Platform) -> str:
    return str(new_id(platform.clock.now()))


def _key_of(text: str) -> str:
    """The key of a form; one that somebody wrote themselves counts as none and is refused."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidInput(
            "kind",
            zh="页面已过期，请回到备案页面再办一次",
            en="the page is out of date; go back to your filings and try again",
        )
    return f"page-{text}"


# ---- changing, ending ----


async def _one(platform: Platform, care: _Care, filing_id: int) -> Filing:
    for one in await service.of_person(platform, care.mine.person_id, care.mine.actor):
        if one.filing_id == filing_id:
            return one
    raise NoSuchFiling


@get(f"{FILINGS}/{{filing_id:int}}/change", include_in_schema=False)
async def change_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], filing_id: FromPath[int]
) -> Response[Any]:
    """Another place, or another last day."""
    care = await _care(request, platform)
    return await _change(request, platform, care, await _one(platform, care, filing_id), {})


async def _change(
    request: Request[Any, Any, Any],
    platform: Platform,
    care: _Care,
    one: Filing,
    form: dict[str, str],
    wrong: _Wrong = _RIGHT,
    candidates: Sequence[regions.Region] = (),
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    row = _row(view, one, care.day)
    if not row["may_change"]:
        return Redirect(FILINGS, status_code=303)
    view.path, view.query = f"{FILINGS}/{one.filing_id}/change", []
    rule = service.rules_of(one.region, care.day).kinds[one.kind]
    owed = _beside_identity(rule, one.subkind or "")
    latest = None
    if rule.months is not None:
        latest = same_day_in(one.starts_on, rule.months) - timedelta(days=1)
    response = view.respond(
        request, "filing-change.html", status=status, current="filings", errors=errors, one=row,
        candidates=candidates, latest=latest, papers=_names(view, owed),
        form={
            "to": form.get("to", ""),
            "ends_on": form.get("ends_on") or (one.ends_on.isoformat() if one.ends_on else ""),
            "key": form.get("key") or _new_key(platform),
        },
    )  # fmt: skip
    response.headers.update(headers)
    return response


@post(f"{FILINGS}/{{filing_id:int}}/change", include_in_schema=False)
async def change(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], filing_id: FromPath[int]
) -> Response[Any]:
    """Change it; another place makes a new filing in its place."""
    same_site(request)
    care, view = await _care(request, platform), View.of(request)
    one = await _one(platform, care, filing_id)
    sent = await read_form(request, "to", "to_code", "ends_on", "declared", "key")
    errors: dict[str, str] = {}
    destination = None
    if sent["to"].strip() or sent["to_code"]:
        place, candidates = place_of(view, sent["to"].strip()[:40], sent["to_code"], "to", errors)
        if place is None:
            return await _change(request, platform, care, one, sent, (errors, 422, {}), candidates)
        destination = place.code
    try:
        ends_on = parse_day(sent["ends_on"], "ends_on") if sent["ends_on"] else None
        wanted = FilingChange(
            channel="online",
            destination=destination,
            ends_on=None if ends_on == one.ends_on or one.kind == "long_term" else ends_on,
            declared=one.kind == "long_term" and sent["declared"] == "1",
            materials=("identity",),
        )
        await service.change(
            platform, care.mine.person_id, filing_id, wanted, care.mine.actor, _key_of(sent["key"])
        )
    except YikatongError as error:
        return await _change(request, platform, care, one, sent, _wrong(view, error, "to"))
    return Redirect(f"{FILINGS}?done=changed", status_code=303)


@post(f"{FILINGS}/{{filing_id:int}}/withdraw", include_in_schema=False)
async def withdraw(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], filing_id: FromPath[int]
) -> Response[Any]:
    """End it from today; sent twice, once."""
    same_site(request)
    care = await _care(request, platform)
    sent = await read_form(request, "key")
    try:
        await service.withdraw(
            platform, care.mine.person_id, filing_id, care.mine.actor, _key_of(sent["key"])
        )
    except YikatongError as error:
        wrong = _wrong(View.of(request), error, "to")
        field = f"filing-{filing_id}"
        return await _list(
            request, platform, care, ({field: next(iter(wrong[0].values()))}, wrong[1], wrong[2])
        )
    return Redirect(f"{FILINGS}?done=withdrawn", status_code=303)


@post(f"{FILINGS}/return", include_in_schema=False)
async def come_home(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Back home: what ends with it by the region's rules, ends."""
    same_site(request)
    care = await _care(request, platform)
    sent = await read_form(request, "key")
    try:
        ended = await service.mark_return(
            platform, care.mine.person_id, care.mine.actor, _key_of(sent["key"])
        )
    except YikatongError as error:
        wrong = _wrong(View.of(request), error, "to")
        return await _list(
            request, platform, care, ({"home": next(iter(wrong[0].values()))}, wrong[1], wrong[2])
        )
    return Redirect(f"{FILINGS}?done={'returned' if ended else 'stays'}", status_code=303)


routes: Final = [filings, new_form, make, change_form, change, withdraw, come_home]
