"""What regions owe each other, and the funds (资金往来): a matrix of provinces, down to each posting."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput
from yikatong.core.months import add_months, month_of
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.medical import flows as rules
from yikatong.medical import service as medical
from yikatong.medical.flows import FUND_NAMES, Flow, Fund, province_of
from yikatong.people import service as people
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View
from yikatong.trust.access import not_there, within

ADDRESS: Final = "/operations/flows"
_TOP: Final = 10
_FUNDS_MAX: Final = 40
_PAIRS_MAX: Final = 200
_ASKED: Final = ("month", "since", "until")


def _asked(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {name: request.query_params.get(name, "").strip()[:10] for name in _ASKED}


@get(ADDRESS, include_in_schema=False)
async def flows(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """A month, or days: who owes whom by province, the largest flows, the funds."""
    session, caller = await require_staff(request, platform, "fund.read")
    view, form, day = View.of(request), _asked(request), today(platform.clock)
    errors, status = {}, 200
    try:
        since, until = rules.span_of(form["month"], form["since"], form["until"], day)
    except InvalidInput as error:
        errors, status, _ = answer_wrong(view, error, "month")
        since, until = rules.span_of("", "", "", day)
    areas = caller.regions("fund.read")
    async with platform.database.transaction(readonly=True) as connection:
        found = await rules.flows(connection, areas, since, until)
        funds = await rules.funds(connection, areas, since, until)
    chosen = {name: value for name, value in form.items() if value} if not errors else {}
    month = month_of(since)
    return view.respond(
        request,
        "flows.html",
        status=status,
        member=session,
        frame=frame_of(view, session),
        current="flows",
        errors=errors,
        form={**form, "month": form["month"] or ("" if form["since"] else f"{day:%Y-%m}")},
        since=view.day(since),
        until=view.day(until),
        earlier=f"{add_months(month, -1):%Y-%m}",
        later=f"{add_months(month, 1):%Y-%m}" if add_months(month, 1) <= day else "",
        asked=f"?{urlencode(chosen)}" if chosen else "",
        nation=caller.everywhere("fund.read"),
        **_matrix(view, found),
        **_funds(view, funds),
    )


def _matrix(view: View, found: Sequence[Flow]) -> dict[str, Any]:
    told = rules.matrix(found)
    return {
        "matrix": told,
        "names": {code: view.place(code, short=True) for code in {*told.rows, *told.columns}},
        "count": f"{sum(one.sums.postings for one in found):,}",
        "top": [_pair(view, one) for one in found[:_TOP]],
    }


def _pair(view: View, one: Flow) -> dict[str, Any]:
    return {
        "address": f"{ADDRESS}/{one.treatment}-{one.insured}",
        "treatment": view.place(one.treatment, short=True),
        "insured": view.place(one.insured, short=True),
        "net": one.sums.net,
        "claimed": one.sums.credits,
        "back": one.sums.debits,
        "postings": f"{one.sums.postings:,}",
    }


def _funds(view: View, found: Sequence[Fund]) -> dict[str, Any]:
    several = len(found) > _FUNDS_MAX
    shown = rules.by_purpose(found) if several else found
    return {
        "several": several,
        "funds": [
            {
                "place": view.place(one.region, short=True) if one.region else "",
                "name": FUND_NAMES[one.purpose].in_language(view.language)
                if one.purpose in FUND_NAMES
                else one.purpose,
                "in": one.sums.credits,
                "out": one.sums.debits,
                "balance": one.balance,
            }
            for one in shown
        ],
        "fund_sums": {
            "in": sum(one.sums.credits for one in found),
            "out": sum(one.sums.debits for one in found),
            "balance": sum(one.balance for one in found),
        },
    }


@get(f"{ADDRESS}/{{flow:str}}", include_in_schema=False)
async def flow(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], flow: FromPath[str]
) -> Response[Any]:
    """Between two provinces: the regions in them. Between two regions: each posting, names masked."""
    session, caller = await require_staff(request, platform, "fund.read")
    view, form = View.of(request), _asked(request)
    treatment, insured = rules.places_named(flow)
    since, until = rules.span_of(form["month"], form["since"], form["until"], today(platform.clock))
    areas = caller.regions("fund.read")
    chosen = {name: value for name, value in form.items() if value}
    facts: dict[str, Any] = {
        "title": view.text(
            "flows_pair",
            treatment=view.place(treatment, short=True),
            insured=view.place(insured, short=True),
        ),
        "since": view.day(since),
        "until": view.day(until),
        "back": f"{ADDRESS}?{urlencode(chosen)}" if chosen else ADDRESS,
        "asked": f"?{urlencode(chosen)}" if chosen else "",
        "frame": frame_of(view, session),
        "member": session,
        "current": "flows",
        "errors": {},
    }
    if province_of(treatment) == treatment and province_of(insured) == insured:
        async with platform.database.transaction(readonly=True) as connection:
            found = await rules.flows(connection, areas, since, until)
        pairs = [
            one
            for one in found
            if (province_of(one.treatment), province_of(one.insured)) == (treatment, insured)
        ]
        # Of a caller of one city in it the province is still theirs to ask for.
        asks = any(
            within(one, area) or within(area, one) for one in (treatment, insured) for area in areas
        )
        if not asks:
            raise not_there("fund.read")
        # A province that is one pooling region is both: its postings are one step further.
        if [(one.treatment, one.insured) for one in pairs] != [(treatment, insured)]:
            return view.respond(
                request,
                "flows-pairs.html",
                pairs=[_pair(view, one) for one in pairs[:_PAIRS_MAX]],
                hidden=len(pairs) - _PAIRS_MAX,
                total=sum(one.sums.net for one in pairs),
                **facts,
            )
    if not rules.seen(areas, treatment, insured):
        raise not_there("fund.read")
    behind = request.query_params.get("before", "")
    before = int(behind) if behind.isascii() and behind.isdigit() and len(behind) < 20 else None
    before = None if before is not None and before >= 2**63 else before
    actor = caller.actor("flows between regions")
    told = await rules.postings(platform, (treatment, insured), since, until, actor, before)
    async with platform.database.transaction(readonly=True) as connection:
        names = await people.names(connection, {one.line.about_person_id for one in told})
        homes = await people.regions_of(connection, {one.line.about_person_id for one in told})
        providers = await medical.provider_names(connection, [one.provider for one in told])
    more = (
        {**chosen, "before": str(told[-1].line.transaction_id)} if len(told) == rules.PAGE else {}
    )
    return view.respond(
        request,
        "flows-postings.html",
        rows=[
            {
                "at": view.day(one.line.at),
                "person": str(one.line.about_person_id),
                "name": mask_name(names.get(one.line.about_person_id, "")),
                "provider": providers.get(one.provider, one.provider),
                "amount": one.line.amount,
                "kind": view.text(f"flows_{one.line.kind}")
                if one.line.kind in _KINDS
                else one.line.kind,
                "bill": f"/staff/people/{one.line.about_person_id}/bills/{one.settlement_id}"
                if one.settlement_id
                and any(
                    caller.may("settlement.read", place)
                    for place in homes.get(one.line.about_person_id, ())
                )
                and caller.may("person.read")
                else "",
                "id": str(one.line.transaction_id),
            }
            for one in told
        ],
        more=f"?{urlencode(more)}" if more else "",
        **facts,
    )


_KINDS: Final = ("medical_settlement", "medical_reversal")
routes: Final = [flows, flow]
