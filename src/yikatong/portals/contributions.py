"""Contributions (参保缴费) of the signed-in reader, or of whom they act for: what one is insured in, which
months are paid, what is to be paid, and paying it once; the certificate."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.cards import service as cards
from yikatong.cards.model import Card
from yikatong.cards.pins import service as pins
from yikatong.cards.pins.service import PinNotAccepted
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, YikatongError, one_of
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.months import months_between, parse_month
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.sessions.model import Session
from yikatong.money import medical
from yikatong.money.bank import rules as bank_rules
from yikatong.money.bodies import check_key, identifier
from yikatong.money.contributions import records, service, terms
from yikatong.money.contributions.model import INSURANCE_NAMES, INSURANCES, Bill
from yikatong.money.contributions.service import BilledAlready, BillNotOpen, NotFromMedical
from yikatong.money.contributions.terms import NoTermsOnFile
from yikatong.money.errors import InsufficientFunds, LimitExceeded
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Account
from yikatong.money.medical import FamilyLink
from yikatong.people import service as people
from yikatong.people.model import Enrolment
from yikatong.portals.benefits import new_key
from yikatong.portals.counter.words import enrolment as enrolment_text
from yikatong.portals.kept import plain as plain_texts
from yikatong.portals.kept import several
from yikatong.portals.pension import plain
from yikatong.portals.pension_apply import account_name
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import kept_form, same_site
from yikatong.portals.view import SECURITY_HEADERS, View
from yikatong.portals.whose import Whose, require_whose

CONTRIBUTIONS: Final = "/contributions"
_PURPOSE: Final = "contributions"
_BILL: Final = ("insurance", "year", "grade", "since", "until", "base")
_PAY: Final = ("how", "key")
_DONE: Final = ("billed", "billed_before", "paid")
_YEARS_OPEN: Final = 3
"""Years that are shown at once; older ones are folded."""
_MONTHLY: Final = ("110", "310", "210")
_YEARLY: Final = ("390", "150")
_OF_RESIDENTS: Final = ("minor", "student", "adult", "elderly")
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


class Purse(msgspec.Struct, frozen=True):
    """What the reader may pay with."""

    card: Card | None
    account: Account | None
    """The open account of the reader's own card."""
    family: Sequence[FamilyLink]
    """Whose medical accounts pay for the person (家庭共济)."""
    names: dict[int, str]


@get(CONTRIBUTIONS, include_in_schema=False)
async def contributions(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What one is insured in, what is paid, and what is to be paid."""
    mine = await require_whose(request, platform, "contributions", _PURPOSE)
    kept = await kept_form(request, platform, mine.session)
    sent = {**plain_texts(kept, *_BILL, *_PAY), "bills": several(kept, "bills")} if kept else None
    return await _show(request, platform, mine, sent=sent)


async def _purse(platform: Platform, session: Session, person_id: int) -> Purse:
    payer = session.person_id
    async with platform.database.transaction(readonly=True) as connection:
        card = (await cards.current_cards(connection, [payer])).get(payer)
        accounts = await ledger.accounts_of(connection, payer)
        family = (await medical.payers_of(connection, [person_id], today(platform.clock))).get(
            person_id, []
        )
        names = await people.names(connection, [one.person_id for one in family])
    account = next(
        (
            one
            for one in accounts
            if card is not None and one.account_id == card.account_id and one.state == "open"
        ),
        None,
    )
    return Purse(card if card and card.state == "active" else None, account, family, names)


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    mine: Whose,
    wrong: _Wrong = _RIGHT,
    sent: dict[str, Any] | None = None,
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    day, form = today(platform.clock), sent or {}
    bills = await service.bills_of(platform, mine.person_id, mine.actor)
    async with platform.database.transaction(readonly=True) as connection:
        enrolments = await people.enrolments(connection, mine.person_id)
    purse = await _purse(platform, mine.session, mine.person_id)
    still = [one for one in bills if one.state == "open" and one.payer == "self"]
    chosen = set(form.get("bills") or ()) or {str(one.bill_id) for one in still}
    owed = min((one.arrears_since for one in enrolments if one.arrears_since), default=None)
    ways = _ways(view, purse, mine.session, mine.person_id, still)
    done = request.query_params.get("done", "")
    if request.method == "POST":
        view.path, view.query = CONTRIBUTIONS, []
    response = view.respond(
        request, "contributions.html", status=status, errors=errors, mine=mine,
        done=done if done in _DONE else "", key=form.get("key") or new_key(),
        insured=[_insured(view, one, bills, day) for one in enrolments],
        bills=[_bill(view, one, day) | {"chosen": str(one.bill_id) in chosen} for one in still],
        total=sum(one.total for one in still), owes=owed is not None and not still,
        has_years=bool(bills),
        of_employer=[
            _bill(view, one, day) for one in bills if one.state == "open" and one.payer != "self"
        ],
        ways=ways, how=form.get("how") or (ways[0][0] if ways else ""),
        asks_pin=any(name == "card" for name, _ in ways),
        offers=_offers(view, enrolments, bills, day),
        monthly=[
            (one.insurance, INSURANCE_NAMES[one.insurance].in_language(view.language))
            for one in enrolments
            if one.insurance in _MONTHLY and one.category == "flexible" and one.status != "ended"
        ],
        form={
            "insurance": form.get("insurance", ""),
            "since": form.get("since") or f"{owed or day:%Y-%m}",
            "until": form.get("until") or f"{day:%Y-%m}",
            "base": form.get("base", ""),
            "year": form.get("year", ""),
            "grade": form.get("grade", ""),
        },
        paid_years=sorted(
            {one.period_from.year for one in bills if one.state == "paid"}, reverse=True
        ),
    )  # fmt: skip
    response.headers.update(headers)
    return response


def _ways(
    view: View, purse: Purse, session: Session, person_id: int, still: Sequence[Bill]
) -> list[tuple[str, str]]:
    """What can be paid with, the usual first."""
    found: list[tuple[str, str]] = []
    if purse.card is not None and purse.account is not None:
        account = account_name(view, purse.account)
        own = view.text("pay_by_card", account=account)
        if session.person_id != person_id:
            own = view.text("pay_by_own_card", account=account)
        found.append(("card", own))
    if any(one.insurance == "390" for one in still):
        found += [
            (
                f"medical-{one.person_id}",
                view.text("pay_by_medical", name=mask_name(purse.names.get(one.person_id, ""))),
            )
            for one in purse.family
        ]
    return found


def _insured(view: View, one: Enrolment, bills: Sequence[Bill], day: date) -> dict[str, Any]:
    """An insurance, and its years as rows of twelve months."""
    marks: dict[int, dict[int, str]] = {}
    for bill in bills:
        if bill.insurance != one.insurance:
            continue
        mark = "paid" if bill.state == "paid" else "owed" if bill.due_on < day else "open"
        for month in months_between(bill.period_from, bill.period_until):
            marks.setdefault(month.year, {})[month.month] = mark
    years = [
        {
            "year": year,
            "paid": list(marks[year].values()).count("paid"),
            "months": [(month, marks[year].get(month, "none")) for month in range(1, 13)],
        }
        for year in sorted(marks, reverse=True)
    ]
    return {
        "code": one.insurance,
        "text": enrolment_text(one, day).in_language(view.language),
        "months": one.months_paid,
        "until": view.day(one.covered_until),
        "years": years[:_YEARS_OPEN],
        "older": years[_YEARS_OPEN:],
    }


def _bill(view: View, one: Bill, day: date) -> dict[str, Any]:
    year = one.period_from.month != one.period_until.month
    return {
        "id": str(one.bill_id),
        "name": INSURANCE_NAMES[one.insurance].in_language(view.language),
        "period": f"{one.period_from:%Y}" if year else view.day(f"{one.period_from:%Y-%m}"),
        "place": view.place(one.region, short=True),
        "total": one.total,
        "due_on": view.day(one.due_on),
        "late": one.due_on < day,
    }


def _offers(
    view: View, enrolments: Sequence[Enrolment], bills: Sequence[Bill], day: date
) -> list[dict[str, Any]]:
    """Years that residents can pay for now and that have no bill yet."""
    found: list[dict[str, Any]] = []
    billed = {(one.insurance, one.period_from.year) for one in bills}
    for one in enrolments:
        if one.insurance not in _YEARLY or one.category not in _OF_RESIDENTS:
            continue
        for year in (day.year, day.year + 1):
            try:
                season = terms.load().season(one.region, one.insurance, year)
            except NoTermsOnFile:
                continue
            if (one.insurance, year) in billed or not season.starts_on <= day <= season.late_until:
                continue
            found.append(
                {
                    "insurance": one.insurance,
                    "name": INSURANCE_NAMES[one.insurance].in_language(view.language),
                    "year": str(year),
                    "amount": season.amounts.get(one.category),
                    "grades": [format_yuan(grade) for grade in season.grades],
                    "until": view.day(season.late_until),
                }
            )
    return found


# ---- what is sent ----


async def _sender(request: Request[Any, Any, Any], platform: Platform) -> Whose:
    """Who sends a form, with two proofs."""
    same_site(request)
    return await require_whose(
        request, platform, "contributions", _PURPOSE, 2, form_at=CONTRIBUTIONS
    )


@post(f"{CONTRIBUTIONS}/bill", include_in_schema=False)
async def bill(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """A resident's year, or months of the flexibly employed, to be paid."""
    mine = await _sender(request, platform)
    sent = await read_form(request, *_BILL)
    done = "billed"
    try:
        await _issue(platform, mine, sent)
    except BilledAlready:
        # Sent twice, or billed at a counter: there it is, to be paid.
        done = "billed_before"
    except YikatongError as error:
        told, status, headers = answer_wrong(View.of(request), error, "bill")
        known = ("since", "until", "base") if sent["since"] else ("grade",)
        of_year = f"grade-{sent['insurance'][:3]}-{sent['year'][:4]}"
        errors = {
            (of_year if field == "grade" else field) if field in known else "bill": text
            for field, text in told.items()
        }
        return await _show(request, platform, mine, (errors, status, headers), dict(sent))
    return Redirect(f"{CONTRIBUTIONS}?done={done}#pay", status_code=303)


async def _issue(platform: Platform, mine: Whose, sent: dict[str, str]) -> None:
    insurance = one_of(sent["insurance"], INSURANCES, "bill")
    if sent["since"]:
        base = parse_yuan(plain(sent["base"]), "base") if sent["base"].strip() else None
        await service.issue_months(
            platform, mine.person_id, insurance, parse_month(sent["since"].strip(), "since"),
            parse_month(sent["until"].strip(), "until"), mine.actor, base=base,
        )  # fmt: skip
        return
    if insurance == "150" and not sent["grade"]:
        raise InvalidInput("grade", zh="请选缴费档次", en="choose a grade")
    year = sent["year"]
    await service.issue_year(
        platform, mine.person_id, insurance, int(year) if year.isascii() and year.isdigit() else 0,
        mine.actor, grade=parse_yuan(sent["grade"], "grade") if sent["grade"] else None,
    )  # fmt: skip


@post(f"{CONTRIBUTIONS}/pay", include_in_schema=False)
async def pay(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Pay the bills chosen, all or none, once."""
    chosen = [str(one)[:20] for one in (await request.form()).getall("bills", [])]
    chosen = chosen[: service.BILLS_MAX]
    mine = await _sender(request, platform)
    sent = await read_form(request, "how", "pin", "key")
    try:
        await _pay(platform, mine, chosen, sent)
    except YikatongError as error:
        view = View.of(request)
        told, status, headers = answer_wrong(view, error, "how")
        field, text = next(iter(told.items()))
        field = field if field in ("bills", "pin") else "how"
        if isinstance(error, InsufficientFunds | LimitExceeded):
            text = view.text("pay_remedy_funds", what=text)
        elif isinstance(error, BillNotOpen):
            text = view.text("pay_remedy_paid", what=text)
        kept = {"bills": chosen, "how": sent["how"], "key": sent["key"]}
        if isinstance(error, BillNotOpen | NotFromMedical):
            # What is asked for next is another wish.
            del kept["key"]
        return await _show(request, platform, mine, ({field: text}, status, headers), kept)
    return Redirect(f"{CONTRIBUTIONS}?done=paid", status_code=303)


async def _pay(
    platform: Platform, mine: Whose, chosen: Sequence[str], sent: dict[str, str]
) -> None:
    session = mine.session
    key = check_key(sent["key"], "key")
    bills = [identifier(one, "bills") for one in chosen]
    if not bills:
        raise InvalidInput("bills", zh="请至少选一张缴费单", en="choose at least one bill")
    how, _, owner = sent["how"].partition("-")
    if how == "medical":
        owner_id = identifier(owner, "how")
        await service.pay_for_family(platform, mine.person_id, bills, owner_id, mine.actor, key)
        return
    purse = await _purse(platform, session, mine.person_id)
    if how != "card" or purse.card is None or purse.account is None:
        raise InvalidInput(
            "how",
            zh="没有能付款的社保卡。请到窗口或合作银行缴费",
            en="there is no card that can pay; pay at a counter or a bank",
        )
    right = await pins.verify(
        platform, session.person_id, purse.card.card_id, sent["pin"],
        asker=f"session:{session.session_id}",
    )  # fmt: skip
    if not right:
        raise PinNotAccepted
    await service.pay(
        platform, mine.person_id, bills, purse.account.key, mine.actor, key,
        assurance=bank_rules.PRESENT,
    )  # fmt: skip


@get(f"{CONTRIBUTIONS}/certificate", include_in_schema=False)
async def certificate(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The certificate of a year, or of the last twelve months, as PDF."""
    mine = await require_whose(request, platform, "contributions", "contribution certificate")
    year, day = request.query_params.get("year", ""), today(platform.clock)
    since, until = date(day.year - 1, day.month, 1), day
    if len(year) == 4 and year.isascii() and year.isdigit() and 1990 <= int(year) <= day.year + 1:
        since, until = date(int(year), 1, 1), date(int(year), 12, 31)
    record = await records.prepare(platform, mine.person_id, since, until, mine.actor)
    content = await asyncio.to_thread(records.as_pdf, record)
    name = f"contributions-{since:%Y-%m}-{until:%Y-%m}.pdf"
    headers = {**SECURITY_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)


routes: Final = [contributions, bill, pay, certificate]
