"""JSON routes of contributions."""

import asyncio
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.months import parse_month
from yikatong.core.platform import Platform
from yikatong.core.problems import PROBLEM_JSON, problem_of
from yikatong.core.sheets import FILE_BYTES_MAX
from yikatong.money import shown
from yikatong.money.bank import service as bank
from yikatong.money.bodies import PROBLEMS, Amount, Identifier, Level, Number, identifier
from yikatong.money.contributions import lists, records, service, terms
from yikatong.money.contributions.lists import ListNotTaken
from yikatong.money.contributions.model import EMPLOYEE_INSURANCES, BilledInsurance
from yikatong.money.contributions.service import Notice
from yikatong.money.shown import TransactionBody
from yikatong.people.guard import hiding_who_exists, require_person
from yikatong.trust.access import Caller

_FILE_BYTES_MAX: Final = FILE_BYTES_MAX + 64 * 1024


class NoticeBody(msgspec.Struct, forbid_unknown_fields=True):
    """An outside payment: the bank that received it, its number, the sum."""

    bank: str
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=service.REFERENCE_MAX)]
    amount: Amount

    def notice(self) -> Notice:
        return Notice(self.bank, self.reference, parse_yuan(self.amount, "amount"))


class EmployerBody(msgspec.Struct, forbid_unknown_fields=True):
    """An employer; `trade` is the class of work-injury risk, 1 to 8."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    region: str
    trade: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1


class MonthsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Months to be billed; the base is the person's choice (default: the floor)."""

    insurance: BilledInsurance
    since: str
    until: str
    base: Amount | None = None


class YearBody(msgspec.Struct, forbid_unknown_fields=True):
    """A resident's year; the pension asks for a grade."""

    insurance: BilledInsurance
    year: Annotated[int, msgspec.Meta(ge=2000, le=2100)]
    grade: Amount | None = None


class PayBody(msgspec.Struct, forbid_unknown_fields=True):
    """Bills to be paid from an account, or by an outside payment."""

    bills: Annotated[list[str], msgspec.Meta(min_length=1, max_length=service.BILLS_MAX)]
    account: Number | None = None
    notice: NoticeBody | None = None
    assurance: Level = 1


class RefundBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is given back."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@get(
    "/api/v1/money/contributions/terms/{region:str}",
    summary="Rates and bases of a region",
    tags=["contributions"],
)
async def show_terms(
    platform: NamedDependency[Platform],
    region: FromPath[str],
    on: Annotated[date | None, QueryParameter(name="date")] = None,
) -> dict[str, Any]:
    """In force on a day; public."""
    return terms_body(regions.pooling_region(region, "region").code, on or today(platform.clock))


def terms_body(region: str, day: date) -> dict[str, Any]:
    """The terms of a region on a day: what of it is on file."""
    book = terms.load()
    file = book.file(region)
    employees: dict[str, Any] = {}
    for insurance in EMPLOYEE_INSURANCES:
        base = book.base(region, insurance, day)
        rate = book.employee_rate(region, insurance, day, 1)
        employees[insurance] = {
            "floor": format_yuan(base.floor),
            "ceiling": format_yuan(base.ceiling),
            "employer_percent": f"{rate.employer / 10_000:g}",
            "personal_percent": f"{rate.personal / 10_000:g}",
            "medical_account_percent": f"{rate.account / 10_000:g}",
        }
    credit = book.medical_credit(region, day)
    return {
        "region": region,
        "date": day.isoformat(),
        "own_file": file.region == region,
        "review": file.review,
        "employees": employees,
        "retired_monthly": format_yuan(credit.retired),
        "late_fee_percent_per_day": f"{file.late_fee / 10_000:g}",
        "due_day": file.due_day,
        "documents": list(file.documents),
    }


@put(
    "/api/v1/money/employers/{employer:str}",
    summary="Register an employer",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.employer",
)
async def register_employer(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    employer: FromPath[str],
    data: EmployerBody,
) -> dict[str, Any]:
    """By its unified social credit code."""
    region = regions.pooling_region(data.region, "region").code
    caller.require("contribution.employer", region)
    async with platform.database.transaction(readonly=True) as connection:
        known = await lists.registered(connection, employer)
    if known is not None:
        caller.require("contribution.employer", known.region)
    made = await lists.register(platform, employer, data.name, data.region, data.trade)
    return msgspec.to_builtins(made)


@post(
    "/api/v1/money/employers/{employer:str}/lists/{period:str}",
    summary="Send in an employer's list of a month",
    description=(
        "The body is the CSV or XLSX file itself, with the headings id_number (身份证号), name (姓名),"
        " wage (工资). Taken whole or not at all; `rows` of a 422 answer names every wrong row."
    ),
    responses=PROBLEMS,
    request_max_body_size=_FILE_BYTES_MAX,
    tags=["contributions"],
    permission="contribution.employer",
)
async def send_list(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    employer: FromPath[str],
    period: FromPath[str],
    key: NamedDependency[str],
) -> Response[Any]:
    """Bills for everybody on it."""
    who = caller.actor("employer's list")
    month = parse_month(period, "period")
    async with platform.database.transaction(readonly=True) as connection:
        known = await lists.employer_of(connection, employer)
    caller.require("contribution.employer", known.region)
    try:
        taken = await lists.take(platform, employer, month, await request.body(), who, key)
    except ListNotTaken as error:
        body = {**msgspec.to_builtins(problem_of(error)), "rows": msgspec.to_builtins(error.rows)}
        return Response(body, status_code=422, media_type=PROBLEM_JSON)
    _, due = await lists.due(platform, taken.list_id)
    return Response(records.list_body(taken, due), status_code=201)


@get(
    "/api/v1/money/lists/{list_id:int}",
    summary="An employer's list and what is due",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.employer",
)
async def show_list(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    list_id: FromPath[Identifier],
) -> dict[str, Any]:
    """The late fee of today is in `due`."""
    found, due = await lists.due(platform, list_id)
    caller.require("contribution.employer", found.region)
    return records.list_body(found, due)


@post(
    "/api/v1/money/lists/{list_id:int}/pay",
    status_code=200,
    summary="Pay an employer's list",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.employer",
)
async def pay_list(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    list_id: FromPath[Identifier],
    data: NoticeBody,
) -> TransactionBody:
    """By an outside payment of exactly what is due, once."""
    who = caller.actor("employer's payment")
    found, _ = await lists.due(platform, list_id)
    caller.require("contribution.employer", found.region)
    return shown.transaction(await lists.pay(platform, list_id, data.notice(), who))


@get(
    "/api/v1/money/contributions/{person_id:int}/bills",
    summary="A person's bills",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.read",
)
async def show_bills(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[dict[str, Any]]:
    """Open and paid, the oldest first."""
    who = caller.actor("contributions")
    return [records.bill_body(one) for one in await service.bills_of(platform, person_id, who)]


@post(
    "/api/v1/money/contributions/{person_id:int}/months",
    summary="Bill months",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.bill",
)
async def bill_months(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: MonthsBody,
) -> list[dict[str, Any]]:
    """Of the flexibly employed, or those an employee is behind with."""
    who = caller.actor("contributions")
    base = None if data.base is None else parse_yuan(data.base, "base")
    made = await service.issue_months(
        platform, person_id, data.insurance, parse_month(data.since, "since"),
        parse_month(data.until, "until"), who, base=base,
    )  # fmt: skip
    return [records.bill_body(one) for one in made]


@post(
    "/api/v1/money/contributions/{person_id:int}/years",
    summary="Bill a resident's year",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.bill",
)
async def bill_year(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: YearBody,
) -> dict[str, Any]:
    """In the season in which residents pay."""
    who = caller.actor("contributions")
    grade = None if data.grade is None else parse_yuan(data.grade, "grade")
    made = await service.issue_year(
        platform, person_id, data.insurance, data.year, who, grade=grade
    )
    return records.bill_body(made)


@post(
    "/api/v1/money/contributions/{person_id:int}/pay",
    status_code=200,
    summary="Pay bills",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.pay",
)
async def pay(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: PayBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """All of them or none; covered at once."""
    who = caller.actor("contributions")
    if (data.account is None) == (data.notice is None):
        raise InvalidInput(
            "account", zh="请填写 account 或 notice，二选一", en="give either account or notice"
        )
    source = data.account if data.account is not None else data.notice and data.notice.notice()
    assert source is not None
    if data.account is not None:
        # The account may be somebody else's: whose it is must be of the caller's regions, too.
        async with platform.database.transaction(readonly=True) as connection:
            with hiding_who_exists(caller, "contribution.pay"):
                account = await bank.find_account(platform, connection, data.account)
            await require_person(connection, caller, "contribution.pay", account.person_id)
    bills = [identifier(one, f"bills[{at}]") for at, one in enumerate(data.bills)]
    done = await service.pay(platform, person_id, bills, source, who, key, assurance=data.assurance)
    return shown.transaction(done)


@post(
    "/api/v1/money/contributions/{person_id:int}/bills/{bill_id:int}/refund",
    status_code=200,
    summary="Give a contribution back",
    responses=PROBLEMS,
    tags=["contributions"],
    permission="contribution.refund",
)
async def refund(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    bill_id: FromPath[Identifier],
    data: RefundBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """To where it came from."""
    who = caller.actor("contribution refund")
    done = await service.refund(platform, person_id, bill_id, who, key, reason=data.reason)
    return shown.transaction(done)


@get(
    "/api/v1/money/contributions/{person_id:int}/certificate",
    summary="The certificate of paid contributions, as PDF",
    responses=PROBLEMS,
    media_type="application/pdf",
    tags=["contributions"],
    permission="contribution.read",
)
async def certificate(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    since: date | None = None,
    until: date | None = None,
) -> bytes:
    """Of periods between two days; by default the last twelve months."""
    who = caller.actor("contribution certificate")
    last = until or today(platform.clock)
    first = since or date(max(1, last.year - 1), last.month, 1)
    bills = await records.prepare(platform, person_id, first, last, who)
    return await asyncio.to_thread(records.as_pdf, bills)


public: Final = [show_terms]
routes: Final = [
    register_employer,
    send_list,
    show_list,
    pay_list,
    show_bills,
    bill_months,
    bill_year,
    pay,
    refund,
    certificate,
]
