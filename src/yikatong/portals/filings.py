"""One's filings for care elsewhere (异地就医备案), or those of whom one acts for: how they stand,
changed, withdrawn, and ended by coming home."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core import regions
from yikatong.core.errors import YikatongError
from yikatong.core.months import same_day_in
from yikatong.core.platform import Platform
from yikatong.medical.filings import rules, service
from yikatong.medical.filings.errors import NoSuchFiling
from yikatong.medical.filings.model import (
    CHANNEL_NAMES,
    KIND_NAMES,
    SUBKIND_NAMES,
    FilingChange,
)
from yikatong.medical.model import Filing, FilingKind, Subkind
from yikatong.policies.requests import parse_day
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

_FIELDS: Final = ("to", "to_code", "ends_on", "declared", "key")
_DONE: Final = ("made", "changed", "withdrawn", "returned", "stays")


# ---- how they stand ----


@get(FILINGS, include_in_schema=False)
async def filings(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Those that hold or will hold, then the ended ones."""
    care = await care_of(request, platform)
    await kept_form(request, platform, care.mine.session)
    return await _list(request, platform, care)


async def _list(
    request: Request[Any, Any, Any], platform: Platform, care: Care, wrong: Wrong = RIGHT
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
        key=new_key(platform),
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
        "missing": names_of(view, missing),
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


# ---- changing, ending ----


async def _one(platform: Platform, care: Care, filing_id: int) -> Filing:
    for one in await service.of_person(platform, care.mine.person_id, care.mine.actor):
        if one.filing_id == filing_id:
            return one
    raise NoSuchFiling


@get(f"{FILINGS}/{{filing_id:int}}/change", include_in_schema=False)
async def change_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], filing_id: FromPath[int]
) -> Response[Any]:
    """Another place, or another last day."""
    care = await care_of(request, platform)
    form = plain(await kept_form(request, platform, care.mine.session), *_FIELDS)
    one = await _one(platform, care, filing_id)
    return await _change(request, platform, care, one, form)


async def _change(
    request: Request[Any, Any, Any],
    platform: Platform,
    care: Care,
    one: Filing,
    form: dict[str, str],
    wrong: Wrong = RIGHT,
    candidates: Sequence[regions.Region] = (),
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    row = _row(view, one, care.day)
    if not row["may_change"]:
        return Redirect(FILINGS, status_code=303)
    view.path, view.query = f"{FILINGS}/{one.filing_id}/change", []
    rule = service.rules_of(one.region, care.day).kinds[one.kind]
    owed = beside_identity(rule, one.subkind or "")
    latest = None
    if rule.months is not None:
        latest = same_day_in(one.starts_on, rule.months) - timedelta(days=1)
    response = view.respond(
        request, "filing-change.html", status=status, current="filings", errors=errors, one=row,
        candidates=candidates, latest=latest, papers=names_of(view, owed),
        form={
            "to": form.get("to", ""),
            "declared": form.get("declared", ""),
            "ends_on": form.get("ends_on") or (one.ends_on.isoformat() if one.ends_on else ""),
            "key": form.get("key") or new_key(platform),
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
    care, view = await care_of(request, platform, request.url.path), View.of(request)
    one = await _one(platform, care, filing_id)
    sent = await read_form(request, *_FIELDS)
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
            platform, care.mine.person_id, filing_id, wanted, care.mine.actor, key_of(sent["key"])
        )
    except YikatongError as error:
        return await _change(request, platform, care, one, sent, wrong_fields(view, error, "to"))
    return Redirect(f"{FILINGS}?done=changed", status_code=303)


@post(f"{FILINGS}/{{filing_id:int}}/withdraw", include_in_schema=False)
async def withdraw(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], filing_id: FromPath[int]
) -> Response[Any]:
    """End it from today; sent twice, once."""
    same_site(request)
    care = await care_of(request, platform, FILINGS)
    sent = await read_form(request, "key")
    try:
        await service.withdraw(
            platform, care.mine.person_id, filing_id, care.mine.actor, key_of(sent["key"])
        )
    except YikatongError as error:
        wrong = wrong_fields(View.of(request), error, "to")
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
    care = await care_of(request, platform, FILINGS)
    sent = await read_form(request, "key")
    try:
        ended = await service.mark_return(
            platform, care.mine.person_id, care.mine.actor, key_of(sent["key"])
        )
    except YikatongError as error:
        wrong = wrong_fields(View.of(request), error, "to")
        return await _list(
            request, platform, care, ({"home": next(iter(wrong[0].values()))}, wrong[1], wrong[2])
        )
    return Redirect(f"{FILINGS}?done={'returned' if ended else 'stays'}", status_code=303)


routes: Final = [filings, change_form, change, withdraw, come_home]
