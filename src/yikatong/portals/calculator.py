"""The calculator page: a bill → table, waterfall, steps with clauses, and what-ifs."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core import regions
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.policies import service as policies
from yikatong.policies import shown
from yikatong.policies.model import CARES, FILINGS, LEVELS, Quote, QuoteRequest, Step
from yikatong.policies.requests import parse_request
from yikatong.portability import service as portability
from yikatong.portals.check import message, place_of
from yikatong.portals.view import View

_BILL: Final = ("total", "self_paid", "over_limit", "first_pay")
_YEAR: Final = (
    "admissions", "outpatient_deductible", "outpatient_pooled", "pooled", "large_amount",
    "serious_illness", "borne_in_scope",
)  # fmt: skip
_FIELDS: Final = ("region", "insurance", "age", "care", "level", "at", "filing", "date", "balance")
_DEFAULTS: Final = {"insurance": "310", "care": "inpatient", "level": "tertiary", "filing": "none"}


class Bar(msgspec.Struct, frozen=True):
    """One bar of the waterfall, in thousandths of the bill."""

    name: str
    amount: Fen
    kind: str
    start: str
    width: str


@get("/calculator", include_in_schema=False)
async def calculator(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """The form; with a bill, the result above it."""
    view = View.of(request)
    query = request.query_params
    form: dict[str, Any] = {
        name: query.get(name, "").strip()[:40] for name in (*_FIELDS, *_BILL, *_YEAR)
    }
    form |= {
        "retired": bool(query.get("retired")),
        "use": bool(query.get("use")),
        "groups": query.getall("groups", [])[:10],
    }
    for name, value in _DEFAULTS.items():
        form[name] = form[name] or value
    form["region"] = form["region"] or "510100"
    form["date"] = form["date"] or portability.default_day(platform).isoformat()
    facts: dict[str, Any] = {
        "current": "calculator",
        "form": form,
        "regions": [(code, view.place(code, short=True)) for code in policies.load().regions()],
        "cares": [(one, view.text(f"care_{one}")) for one in CARES],
        "levels": [(one, view.text(f"level_{one}")) for one in LEVELS],
        "filings": [(one, view.text(f"filing_{one}")) for one in FILINGS],
        "year_fields": _YEAR,
        "year_open": any(form[name] for name in _YEAR),
        "candidates": (),
        "errors": {},
        "result": None,
    }
    code = regions.find(form["at"])
    if not query.get("go"):
        form["at"] = view.place(code.code, short=True) if code else form["at"]
        return view.respond(request, "calculator.html", **facts)
    errors: dict[str, str] = {}
    place = regions.find(form["region"])
    if form["at"]:
        chosen = query.get("at_code", "") or (code.code if code else "")
        place, facts["candidates"] = place_of(view, form["at"], chosen, "at", errors)
    facts["errors"] = errors
    if place is None:
        errors.setdefault("region", view.text("error_place_unknown"))
        return view.respond(request, "calculator.html", status=422, **facts)
    try:
        wanted = parse_request(_body(form, place.code), policies.load().groups)
        answer, variants = _compare(view, wanted)
    except YikatongError as error:
        errors[_field(error)] = message(view, error)
        return view.respond(request, "calculator.html", status=422, **facts)
    form["at"] = view.place(place.code, short=True)
    facts |= {
        "result": answer,
        "title": shown.policy_title(answer.policy).in_language(view.language),
        "rows": shown.parts(answer),
        "bars": bars(view, answer),
        "steps": [_Shown(step, shown.step_text(step)) for step in answer.steps],
        "variants": variants,
    }
    return view.respond(request, "calculator.html", **facts)


class _Shown(msgspec.Struct, frozen=True):
    step: Step
    text: Any

    @property
    def clause(self) -> str:
        return self.step.clause


def _field(error: YikatongError) -> str:
    """The form's field for a dotted path of the request."""
    path = (error.field or "total").split("[", maxsplit=1)[0]
    if path == "visit.region":
        return "at"
    return path.rpartition(".")[2]


def _body(form: dict[str, Any], place: str) -> dict[str, Any]:
    return {
        "person": {
            "insurance": form["insurance"],
            "region": form["region"],
            "retired": form["retired"],
            "age": form["age"],
            "groups": form["groups"],
        },
        "visit": {
            "care": form["care"],
            "region": place,
            "level": form["level"],
            "date": form["date"],
            "filing": form["filing"],
        },
        "bill": {name: form[name].replace(",", "").replace("，", "") for name in _BILL},
        "year_to_date": {name: form[name] for name in _YEAR},
        "medical_account": {"balance": form["balance"], "use": form["use"]},
    }


def _compare(view: View, wanted: QuoteRequest) -> tuple[Quote, list[tuple[str, Fen, Fen]]]:
    policy = policies.load().find(wanted.person.region, wanted.person.insurance, wanted.visit.on)
    away = not policies.counts_as_filed(policy, wanted.visit.region)
    answer, variants = policies.compare(
        wanted,
        filings=("none", "transfer", "long_term") if away else (),
        levels=LEVELS,
        at=() if policies.place_of(policy, wanted.visit.region) == "home" else (policy.region,),
    )
    rows: list[tuple[str, Fen, Fen]] = []
    for one in variants:
        if one.region != wanted.visit.region:
            name = view.place(one.region, short=True)
        elif one.filing != wanted.visit.filing:
            name = view.text(f"filing_{one.filing}")
        else:
            name = view.text(f"level_{one.level}")
        rows.append((name, one.quote.person, one.difference))
    return answer, rows


def bars(view: View, answer: Quote) -> list[Bar]:
    """The waterfall: the whole bill, then each payer's part where the one before ended."""
    if answer.total == 0:
        raise InvalidInput("bill.total", zh="请填写大于零的总费用", en="give a total above zero")
    parts: list[tuple[str, Fen, str]] = [
        (name, getattr(answer, name), "fund") for name in shown.FUNDS
    ]
    parts += [("medical_account", answer.medical_account, "account"), ("cash", answer.cash, "cash")]
    assert sum(amount for _, amount, _ in parts) == answer.total
    found = [Bar(view.text("calc_total"), answer.total, "total", "0", "1000")]
    at = 0
    for name, amount, kind in parts:
        if amount:
            title = shown.LAYER_NAMES[name].in_language(view.language)
            start, width = 1000 * at / answer.total, 1000 * amount / answer.total
            found.append(Bar(title, amount, kind, f"{start:.2f}", f"{max(width, 1.5):.2f}"))
        at += amount
    return found
