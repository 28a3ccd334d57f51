"""The local care guide (就医服务指南): for an insured region and a place of treatment, how to see a
doctor there. All of it comes from the data of the package; where there is none, the page says so."""

from collections.abc import Sequence
from typing import Any, Final, cast
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards.counters import service as counters
from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.medical import service as medical
from yikatong.medical.filings import service as filing_rules
from yikatong.medical.filings.model import (
    CHANNEL_NAMES,
    KIND_NAMES,
    KINDS,
    MATERIAL_NAMES,
    SUBKIND_NAMES,
    KindRule,
)
from yikatong.medical.model import Provider
from yikatong.people import service as people
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import (
    LEVELS,
    Care,
    Filing,
    PersonFacts,
    Policy,
    VisitFacts,
    YearToDate,
)
from yikatong.policies.service import Expected
from yikatong.portability.rules.insurance import medical_enrolment
from yikatong.portals.check import place_of
from yikatong.portals.signed_in import session_of
from yikatong.portals.view import View

LOCAL: Final = "/guide/regions"
_CARES: Final[tuple[Care, ...]] = ("inpatient", "outpatient", "chronic", "pharmacy")
_SHOWN: Final = 20
_PAGES_MAX: Final = 50
_COUNTERS_SHOWN: Final = 10
_FIELD_MAX: Final = 40


class _Asked(msgspec.Struct, frozen=True):
    """Whom the guide is for: where insured, in what, retired or not."""

    home: str
    insurance: str
    retired: bool

    def query(self, **more: str) -> str:
        """For addresses that lead on."""
        asked = {"from": self.home, "insurance": self.insurance}
        if self.retired:
            asked["retired"] = "1"
        return urlencode(asked | {name: value for name, value in more.items() if value})


async def _asked(request: Request[Any, Any, Any], platform: Platform) -> _Asked:
    """What the address says; else the reader's own insurance; else Chengdu's employees."""
    query = request.query_params
    home = regions.find(query.get("from", "")[:6])
    if home is not None and home.pooled_in:
        insurance = "390" if query.get("insurance") == "390" else "310"
        return _Asked(home.pooled_in, insurance, query.get("retired") == "1")
    session = await session_of(request, platform)
    if session is not None and session.acting_for is None:
        async with platform.database.transaction(readonly=True) as connection:
            found = medical_enrolment(await people.enrolments(connection, session.person_id))
        if found is not None:
            return _Asked(found.region, found.insurance, found.retired)
    return _Asked("510100", "310", retired=False)


# ---- choosing ----


@get(LOCAL, include_in_schema=False)
async def choose(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Where insured and where to; found, the guide."""
    view, query = View.of(request), request.query_params
    asked = await _asked(request, platform)
    form = {
        "home": query.get("home", view.place(asked.home, short=True)).strip()[:_FIELD_MAX],
        "to": query.get("to", "").strip()[:_FIELD_MAX],
        "insurance": "390" if query.get("insurance", asked.insurance) == "390" else "310",
        "retired": "1"
        if query.get("retired") == "1" or ("to" not in query and asked.retired)
        else "",
    }
    errors: dict[str, str] = {}
    candidates: dict[str, Sequence[Region]] = {"home": (), "to": ()}
    if "to" in query or "to_code" in query:
        home, candidates["home"] = place_of(
            view, form["home"], query.get("home_code", "")[:6], "home", errors
        )
        to, candidates["to"] = place_of(
            view, form["to"], query.get("to_code", "")[:6], "to", errors
        )
        if home is not None and not home.pooled_in:
            errors["home"] = view.text("local_home_city")
        elif home is not None and to is not None:
            wanted = _Asked(home.pooled_in, form["insurance"], form["retired"] == "1")
            return Redirect(f"{LOCAL}/{to.code}?{wanted.query()}", status_code=303)
    return view.respond(
        request, "local.html", status=422 if errors else 200, current="guide", form=form,
        errors=errors, candidates=candidates,
        known=[(code, view.place(code, short=True)) for code in policies.load().regions()],
    )  # fmt: skip


# ---- the guide ----


@get(f"{LOCAL}/{{code:str}}", include_in_schema=False)
async def local(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], code: FromPath[str]
) -> Response[Any]:
    """How to see a doctor in a place."""
    there = regions.find(code)
    if there is None:
        raise NotFound(zh="没有这个地方", en="there is no such place")
    view, query = View.of(request), request.query_params
    asked, day = await _asked(request, platform), today(platform.clock)
    words = query.get("q", "").strip()[:_FIELD_MAX]
    care: Care | None = next((one for one in _CARES if one == query.get("care")), None)
    page = _page(query.get("page", ""))
    try:
        policy = policies.load().find(asked.home, asked.insurance, day)
    except NoPolicyOnFile:
        policy = None
    away = there.pooled_in != asked.home
    exempt = away and policy is not None and policies.counts_as_filed(policy, there.code)
    async with platform.database.transaction(readonly=True) as connection:
        found = await medical.providers(
            connection, region=there.code, care=care, cross_region=True if away else None,
            name=words or None, limit=_SHOWN + 1, offset=(page - 1) * _SHOWN,
        )  # fmt: skip
        offices = (
            await counters.of_region(platform, connection, there.code, "agency")
            if there.pooled_in
            else []
        )
    return view.respond(
        request, "local-region.html", current="guide", asked=asked,
        there=there.code, home=asked.home, away=away, exempt=exempt,
        insurance=view.text(f"calc_{asked.insurance}"),
        kinds=_kinds(view, asked, platform) if away and not exempt else [],
        rates=_rates(view, policy, asked, there.code, platform, away=away and not exempt),
        refused=policy is not None and policy.unfiled == "refused" and away and not exempt,
        review=policy.review if policy else "",
        documents=policy.documents if policy else (),
        providers=[_provider(view, one, away=away) for one in found[:_SHOWN]],
        words=words, care=care or "", page=page,
        cares=[(one, view.text(f"care_{one}")) for one in _CARES],
        newer=_link(there.code, asked, words, care, page - 1) if page > 1 else "",
        older=_link(there.code, asked, words, care, page + 1)
        if len(found) > _SHOWN and page < _PAGES_MAX
        else "",
        counters=[
            {
                "name": one.text.in_language(view.language),
                "address": one.address,
                "hours": one.hours_english if view.language == "en" else one.hours,
            }
            for one in offices[:_COUNTERS_SHOWN]
        ],
        counters_more=max(0, len(offices) - _COUNTERS_SHOWN),
        cities=[(one.code, view.place(one.code, short=True)) for one in _cities(there)],
    )  # fmt: skip


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        return 1
    return max(1, min(int(text), _PAGES_MAX))


def _link(code: str, asked: _Asked, words: str, care: str | None, page: int) -> str:
    query = asked.query(q=words, care=care or "", page=str(page) if page > 1 else "")
    return f"{LOCAL}/{code}?{query}#providers"


def _cities(there: Region) -> list[Region]:
    """Of a province of several pooling regions, those; counters stand in cities."""
    if there.pooled_in:
        return []
    return [one for one in regions.pooling_regions() if regions.is_within(one.code, there.code)]


def _kinds(view: View, asked: _Asked, platform: Platform) -> list[dict[str, Any]]:
    """The filings of the insured region: who, how long, where, what papers."""
    found = filing_rules.rules_of(asked.home, today(platform.clock))
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        rule = found.kinds[kind]
        rows.append(
            {
                "name": KIND_NAMES[kind].in_language(view.language),
                "about": view.text(f"local_kind_{kind}"),
                "long": view.text("local_months", months=str(rule.months))
                if rule.months
                else view.text("local_no_end"),
                "channels": view.text("me_comma").join(
                    CHANNEL_NAMES[one].in_language(view.language) for one in rule.channels
                ),
                "papers": _papers(view, rule),
                "declaration": rule.declaration,
                "recalled": rule.recalled,
            }
        )
    return rows


def _papers(view: View, rule: KindRule) -> list[str]:
    """What is shown, of a long-term filing by its reason."""
    rows: list[str] = []
    for subkind, needed in rule.needs.items():
        names = view.text("me_comma").join(
            MATERIAL_NAMES[one].in_language(view.language) for one in needed
        )
        who = SUBKIND_NAMES[subkind].in_language(view.language) if subkind else ""
        rows.append(f"{who}{view.text('local_colon')}{names}" if who else names)
    return rows


def _rates(
    view: View, policy: Policy | None, asked: _Asked, code: str, platform: Platform, *, away: bool
) -> list[tuple[str, list[dict[str, Any]]]]:
    """What the pooled fund pays, by care and level: with each filing where that counts, else once."""
    if policy is None:
        return []
    who = PersonFacts(
        insurance="390" if asked.insurance == "390" else "310", region=asked.home,
        retired=asked.retired and asked.insurance == "310",
    )  # fmt: skip
    filings: tuple[Filing, ...] = ("none", "temporary", "long_term") if away else ("long_term",)
    groups: list[tuple[str, list[dict[str, Any]]]] = []
    for care in ("inpatient", "outpatient"):
        rows: list[dict[str, Any]] = []
        for level in reversed(LEVELS):
            visits = [
                VisitFacts(cast("Care", care), code, level, today(platform.clock), filing)
                for filing in filings
            ]
            try:
                found = [policies.expected(policy, who, one, YearToDate()) for one in visits]
            except NoPolicyOnFile:
                continue
            rows.append(
                {
                    "level": view.text(f"level_{level}"),
                    "paid": [_paid(view, one) for one in found],
                    "deductible": view.text(
                        "local_deductible", amount=f"{found[-1].deductible / 100:,.0f}"
                    ),
                }
            )
        if rows:
            groups.append((view.text(f"care_{care}"), rows))
    return groups


def _paid(view: View, one: Expected) -> str:
    """The fund's share, from the lowest to the highest band."""
    if not one.covered or not one.rates:
        return view.text("local_nothing")
    shares = sorted({band.rate for band in one.rates})
    return "–".join(f"{share / 10_000:.4g}%" for share in dict.fromkeys((shares[0], shares[-1])))


def _provider(view: View, one: Provider, *, away: bool) -> dict[str, Any]:
    settles = one.cross_region_cares if away else one.cares
    return {
        "name": one.english if view.language == "en" else one.name,
        "level": view.text(f"level_{one.level}") if one.kind == "hospital" else "",
        "address": one.address,
        "cares": view.text("me_comma").join(view.text(f"care_{care}") for care in settles),
        "suspended_on": one.suspended_on,
    }


routes: Final = [choose, local]
