"""The account page: balances, and the statement of one account (page, CSV, PDF) of the signed-in
person; to visitors it answers for the demo persons only."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.money import statements
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Account, Statement
from yikatong.policies.requests import parse_day
from yikatong.population import service as population
from yikatong.population.service import DemoPerson
from yikatong.portals.check import grouped
from yikatong.portals.view import SECURITY_HEADERS, View
from yikatong.portals.whose import whose
from yikatong.trust.audit import Actor

_VISITOR = Actor("visitor", "account page", "account statement")
_LINES_SHOWN: Final = 200
FREEZE_NAMES: Final[dict[str, Text]] = {
    "loss_report": Text("挂失止付（可以收款）", "stopped by a loss report (money still arrives)"),
    "court": Text("法院冻结（可以收款）", "frozen by a court (money still arrives)"),
    "death": Text("死亡登记止付", "stopped by a recorded death"),
}


class _Form(msgspec.Struct):
    """What was chosen, kept whatever is wrong with it."""

    person: str
    account: str
    since: str
    until: str


@get("/account", include_in_schema=False)
async def account(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form; with a person chosen, the accounts and one statement."""
    view = View.of(request)
    query = request.query_params
    mine = await whose(request, platform, "account", _VISITOR.purpose)
    people: Sequence[DemoPerson] = ()
    if mine is None:
        async with platform.database.transaction(readonly=True) as connection:
            people = await population.demo_persons(connection)
    form = _Form(*(query.get(name, "")[:30] for name in ("person", "account", "since", "until")))
    errors: dict[str, str] = {}
    facts: dict[str, Any] = {
        "current": "account", "form": form, "people": grouped(people), "errors": errors,
        "accounts": (), "told": None, "links": {}, "mine": mine,
    }  # fmt: skip
    if mine is None and "person" not in query:
        return view.respond(request, "account.html", **facts)
    person = mine or next((one for one in people if str(one.person_id) == form.person), None)
    if person is None:
        errors["person"] = view.text("error_person")
        return view.respond(request, "account.html", status=422, **facts)
    actor = mine.actor if mine else _VISITOR
    days = [_day(view, form, name, errors) for name in ("since", "until")]
    if errors:
        return view.respond(request, "account.html", status=422, **facts)
    try:
        first, last = statements.period(platform, *days)
    except InvalidInput as error:
        errors["since"] = error.text.in_language(view.language)
        return view.respond(request, "account.html", status=422, **facts)
    async with platform.database.transaction() as connection:
        accounts = await ledger.accounts_of(connection, person.person_id)
        chosen = next((one for one in accounts if str(one.account_id) == form.account), None)
        chosen = chosen or next(iter(accounts), None)
        told = None
        if chosen is not None:
            told = await ledger.statement(connection, *chosen.key, first, last, _LINES_SHOWN)
            await statements.record_look(platform, connection, actor, told)
    form.since, form.until = first.isoformat(), last.isoformat()
    if told is not None and (file := await _file(platform, told, query.get("format", ""))):
        return file
    facts |= {
        "person": person,
        "accounts": [_account_row(view, form, one, chosen=one is chosen) for one in accounts],
        "told": told,
        "title": statements.account_title(told.account, view.language) if told else "",
        "rows": [_row(view, one) for one in reversed(told.lines)] if told else [],
        "links": {form_name: _link(form, told, form_name) for form_name in ("csv", "pdf")},
    }
    return view.respond(request, "account.html", **facts)


def _day(view: View, form: _Form, name: str, errors: dict[str, str]) -> date | None:
    text = getattr(form, name)
    if not text:
        return None
    try:
        return parse_day(text, name)
    except InvalidInput:
        errors[name] = view.text("error_day")
        setattr(form, name, "")
        return None


async def _file(platform: Platform, told: Statement, kind: str) -> Response[bytes] | None:
    if kind not in ("csv", "pdf"):
        return None
    if kind == "csv":
        content, media_type = statements.as_csv(told), "text/csv; charset=utf-8"
    else:
        # Typesetting takes a tenth of a second; others are answered meanwhile.
        content = await asyncio.to_thread(statements.as_pdf, told, platform.clock.now())
        media_type = "application/pdf"
    name = f"statement-{told.since}-{told.until}.{kind}"
    headers = {**SECURITY_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _link(form: _Form, told: Statement | None, kind: str) -> str:
    return f"{_address(form, told.account.account_id if told else '')}&format={kind}"


def _address(form: _Form, account_id: int | str) -> str:
    person = f"person={form.person}&" if form.person else ""
    return f"/account?{person}account={account_id}&since={form.since}&until={form.until}"


def _account_row(view: View, form: _Form, one: Account, *, chosen: bool) -> dict[str, Any]:
    place = f" · {view.place(one.region, short=True)}" if one.region else ""
    return {
        "id": str(one.account_id),
        "name": statements.account_title(one, view.language) + place,
        "balance": one.balance,
        "held": one.held,
        "chosen": chosen,
        "link": _address(form, one.account_id),
        "notes": [FREEZE_NAMES[reason].in_language(view.language) for reason in one.frozen],
    }


def _row(view: View, line: Any) -> dict[str, Any]:
    sign = "+" if line.amount > 0 else ""
    return {
        "day": f"{line.at:%Y-%m-%d}",
        "time": f"{line.at:%H:%M}",
        "kind": statements.kind_name(line.kind).in_language(view.language),
        "note": statements.note_of(line),
        "amount": f"{sign}{format_yuan_grouped(line.amount)}",
        "balance": line.balance_after,
    }
