"""A new filing for care elsewhere: where to, whether one is needed at all, which kinds there are, what each
is worth, and what it needs."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core.errors import InvalidInput, YikatongError, one_of
from yikatong.core.platform import Platform
from yikatong.medical.filings import service
from yikatong.medical.filings.model import (
    KIND_NAMES,
    KINDS,
    SUBKINDS,
    KindRule,
    NewFiling,
    RegionRules,
)
from yikatong.people.model import Enrolment
from yikatong.policies import service as policies
from yikatong.policies.model import Filing as RateOf
from yikatong.policies.requests import parse_day
from yikatong.portals import typical
from yikatong.portals.check import place_of
from yikatong.portals.filing_holder import (
    FILINGS,
    RIGHT,
    Care,
    Wrong,
    beside_identity,
    care_of,
    key_of,
    names_of,
    new_key,
    wrong_fields,
)
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import read_form
from yikatong.portals.signed_in import kept_form, same_site
from yikatong.portals.view import View

_NEW: Final = f"{FILINGS}/new"
_FIELDS: Final = ("to_code", "kind", "starts_on", "ends_on", "declared", "key")


@get(_NEW, include_in_schema=False)
async def new_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Where to; then whether a filing is needed, which kinds there are, and what each is worth."""
    care, query = await care_of(request, platform), request.query_params
    if kept := await kept_form(request, platform, care.mine.session):
        return await _new(request, platform, care, {**plain(kept, *_FIELDS), "to": ""})
    names = ("to", "kind", "starts_on", "ends_on", "declared")
    form = {name: query.get(name, "").strip()[:40] for name in names}
    form["to_code"] = query.get("to_code", "")[:6]
    return await _new(request, platform, care, form)


async def _new(
    request: Request[Any, Any, Any],
    platform: Platform,
    care: Care,
    form: dict[str, str],
    wrong: Wrong = RIGHT,
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
    if request.method == "POST" or "key" in form:
        view.path, view.query = _NEW, [("to_code", code)]
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
    form["key"] = form.get("key") or new_key(platform)
    response = view.respond(request, "filing-new.html", status=status, errors=errors, **facts)
    response.headers.update(headers)
    return response


def _needless(view: View, care: Care, code: str) -> str:
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
            needed = beside_identity(rule, subkind)
            if needed and not rule.declaration:
                continue
            value = f"{kind}:{subkind}" if subkind else kind
            about = view.text(f"filings_for_{subkind or kind}")
            about += _how_long(view, rule)
            papers = view.text("filings_papers_later", papers=names_of(view, needed))
            rows.append(
                (value, view.text(f"filings_kind_{subkind or kind}"), about,
                 papers if needed else view.text("filings_papers_none"))
            )  # fmt: skip
    return rows


def _how_long(view: View, rule: KindRule) -> str:
    if rule.months is None:
        return view.text("filings_no_end")
    return view.text("filings_months", months=str(rule.months))


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


def _shares(view: View, care: Care, code: str) -> list[tuple[str, int, bool]]:
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


@post(_NEW, include_in_schema=False)
async def make(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """File; sent twice, once."""
    same_site(request)
    care = await care_of(request, platform, _NEW)
    sent = await read_form(request, *_FIELDS)
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
            platform, care.mine.person_id, wanted, care.mine.actor, key_of(sent["key"])
        )
    except YikatongError as error:
        return await _new(
            request, platform, care, form, wrong_fields(View.of(request), error, "kind")
        )
    return Redirect(f"{FILINGS}?done=made", status_code=303)


routes: Final = [new_form, make]
