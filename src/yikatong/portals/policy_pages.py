"""The public pages of reimbursement policies: the regions on file, and one policy in plain words."""

from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.policies import examples, files, rules, shown, words
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.examples import Outcome
from yikatong.policies.model import (
    INSURANCES,
    LEVELS,
    Bill,
    PersonFacts,
    Policy,
    QuoteRequest,
    VisitFacts,
)
from yikatong.policies.words import Change, Line
from yikatong.portals.calculator import bars
from yikatong.portals.view import View

POLICIES: Final = "/policies"
_EXAMPLE_TOTAL: Final = 3_000_000
_EXAMPLE_AGE: Final = 40


@get(POLICIES, include_in_schema=False)
async def listed(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """Regions with policies on file, found by place, province and insurance."""
    view, query = View.of(request), request.query_params
    form = {name: query.get(name, "").strip()[:40] for name in ("q", "province", "insurance")}
    book, day = policies.load(), today(platform.clock)
    wanted = _places(form["q"]) if form["q"] else None
    rows: list[dict[str, Any]] = []
    for code in book.regions():
        if form["province"] not in ("", code[:2]) or (wanted is not None and code not in wanted):
            continue
        found = [
            _version(view, versions, day)
            for insurance in INSURANCES
            if form["insurance"] in ("", insurance) and (versions := book.versions(code, insurance))
        ]
        if found:
            rows.append({"name": view.place(code), "policies": found})
    provinces = list(dict.fromkeys(code[:2] for code in book.regions()))
    insurances = [(one, view.text(f"calc_{one}")) for one in INSURANCES]
    return view.respond(
        request, "policies.html", current="policies", form=form, rows=rows, errors={},
        provinces=[("", view.text("policies_all"))]
        + [(one, view.place(f"{one}0000", short=True)) for one in provinces],
        insurances=[("", view.text("policies_all")), *insurances],
        searched=any(form.values()),
        count=str(len(book.policies())), places=str(len(book.regions())),
    )  # fmt: skip


def _places(text: str) -> set[str]:
    """The pooling regions meant by a place: its own, and of a province or city all in it."""
    found: set[str] = set()
    on_file = policies.load().regions()
    for place in regions.search(text, 20):
        area = place.code.removesuffix("00").removesuffix("00")
        found |= {place.pooled_in} | {one for one in on_file if one.startswith(area)}
    return found


def _version(view: View, versions: list[Policy], day: date) -> dict[str, Any]:
    one = in_force(versions, day)
    return {
        "address": f"{POLICIES}/{one.region}/{one.insurance}",
        "name": view.text(f"calc_{one.insurance}"),
        "since": str(one.starts_on),
        "versions": str(len(versions)),
        "verified": one.review == "verified",
    }


def in_force(versions: list[Policy], day: date) -> Policy:
    """The version of a day, else the last that began before it, else the first."""
    begun = [one for one in versions if one.starts_on <= day]
    return begun[-1] if begun else versions[0]


@get(f"{POLICIES}/{{region:str}}/{{insurance:str}}", include_in_schema=False)
async def policy(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    region: FromPath[str],
    insurance: FromPath[str],
) -> Response[str]:
    """One policy: versions and what changed, all it says, an example, its documents and tests."""
    view = View.of(request)
    versions = policies.load().versions(region, insurance)
    if not versions:
        raise NotFound(
            zh="这里还没有政策文件，请到政策列表里查看已有的地区",
            en="no policy is on file here; the list of policies has the regions there are",
        )
    day = today(platform.clock)
    asked = request.query_params.get("from", "")
    one = next((each for each in versions if str(each.starts_on) == asked), in_force(versions, day))
    at = versions.index(one)
    return view.respond(
        request, "policy.html", current="policies", one=one,
        title=shown.policy_title(one).in_language(view.language), name=view.place(one.region),
        insurance=view.text(f"calc_{one.insurance}"), source=one.source,
        versions=[
            {
                "address": f"{POLICIES}/{region}/{insurance}?from={each.starts_on}",
                "since": str(each.starts_on),
                "until": str(each.ends_on or ""),
                "here": each is one,
                "in_force": each is in_force(versions, day),
            }
            for each in reversed(versions)
        ],
        before=str(versions[at - 1].starts_on) if at else "",
        changes=told_changes(view, words.difference(versions[at - 1], one)) if at else [],
        groups=_groups(view, words.describe(one)),
        levels=[view.text(f"level_{level}") for level in LEVELS],
        remarks=[
            (_field(view, remark.field), remark.recalled, remark.note or "")
            for remark in one.remarks
        ],
        example=_example(view, one, day),
        tests=told_outcomes(view, _tests(one)),
        calculator=f"/calculator?{urlencode(_calculator(one, day))}",
        trying=f"{POLICIES}/try?{urlencode({'region': region, 'insurance': insurance, 'from': one.starts_on})}",
    )  # fmt: skip


def _groups(view: View, lines: list[Line]) -> list[dict[str, Any]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    return [
        {
            "name": words.group_name(group).in_language(view.language),
            "levels": any(len(line.values) > 1 for line in found),
            "lines": [
                (
                    line.label.in_language(view.language),
                    [value.in_language(view.language) for value in line.values],
                )
                for line in found
            ],
        }
        for group, found in groups.items()
    ]


def told_changes(view: View, found: list[Change]) -> list[dict[str, Any]]:
    """What changed, for a table."""
    return [
        {
            "group": words.group_name(one.group).in_language(view.language),
            "what": one.label.in_language(view.language),
            "level": one.level.in_language(view.language) if one.level else "",
            "before": one.before.in_language(view.language) if one.before else "—",
            "after": one.after.in_language(view.language) if one.after else "—",
            "chinese": one.group == "documents",
        }
        for one in found
    ]


def _tests(one: Policy) -> list[Outcome]:
    """The worked examples that this version decides, run."""
    return [
        examples.run(each)
        for each in examples.of(one.region, one.insurance)
        if str(one.starts_on) <= each.request["visit"]["date"] <= str(one.ends_on or "9999")
    ]


def told_outcomes(view: View, found: list[Outcome]) -> list[dict[str, Any]]:
    """Worked examples with what they expect and what came out."""
    return [
        {
            "id": one.example.id,
            "title": one.example.title,
            "expect": [
                (_amount(view, name), amount) for name, amount in one.example.expect.items()
            ],
            "differences": [
                (_amount(view, name), expected, computed)
                for name, expected, computed in one.differences
            ],
        }
        for one in found
    ]


def _amount(view: View, name: str) -> str:
    if name in shown.LAYER_NAMES:
        return shown.LAYER_NAMES[name].in_language(view.language)
    return view.text(f"policy_amount_{name}")


def _field(view: View, field: str) -> str:
    """The rule a remark is about, in words."""
    return words.group_name(field.rpartition(".")[2]).in_language(view.language)


def _day_in(one: Policy, day: date) -> date:
    day = max(day, one.starts_on)
    return day if one.ends_on is None else min(day, one.ends_on)


def _calculator(one: Policy, day: date) -> dict[str, str]:
    return {
        "go": "1", "region": one.region, "insurance": one.insurance, "age": str(_EXAMPLE_AGE),
        "care": "inpatient", "level": "tertiary", "at": one.region,
        "date": str(_day_in(one, day)), "total": str(_EXAMPLE_TOTAL // 100),
    }  # fmt: skip


def _example(view: View, one: Policy, day: date) -> dict[str, Any] | None:
    """A hospital bill of somebody of forty, split by this version; None where it says nothing on it."""
    visit = VisitFacts("inpatient", one.region, "tertiary", _day_in(one, day))
    person = PersonFacts(one.insurance, one.region, age=_EXAMPLE_AGE)
    try:
        answer = rules.quote(QuoteRequest(person, visit, Bill(_EXAMPLE_TOTAL)), one)
    except NoPolicyOnFile:
        return None
    return {
        "total": answer.total,
        "funds": answer.funds,
        "person": answer.person,
        "bars": bars(view, answer),
        "steps": [
            (shown.step_text(step).in_language(view.language), step.clause) for step in answer.steps
        ],
    }


def text_of(one: Policy) -> str:
    """The file as written."""
    return next((text for name, text in files.shipped() if name == one.source), "")


routes: Final = [listed, policy]
