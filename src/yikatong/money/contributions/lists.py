"""Employers' lists (单位申报): taken whole or not at all, every wrong row explained, paid at once."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec
from stdnum.cn import uscc

from yikatong.core import ids, regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.money import Fen, parse_yuan
from yikatong.core.months import add_months, last_day, month_of
from yikatong.core.platform import Platform
from yikatong.money import medical
from yikatong.money.bank.service import command
from yikatong.money.contributions import rules, sheets, store, terms
from yikatong.money.contributions.model import (
    EMPLOYEE_INSURANCES,
    Bill,
    BilledInsurance,
    Employer,
    ListState,
    RowError,
)
from yikatong.money.contributions.service import (
    Notice,
    amount_differs,
    check_notice,
    check_open,
    receipt,
    settle,
    take_receipt,
)
from yikatong.money.contributions.sheets import Row
from yikatong.money.errors import KeyReused, MoneyRefused, printable
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger import store as ledger_store
from yikatong.money.ledger.model import NOBODY, Entry, Transaction
from yikatong.people import rules as people_rules
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_AHEAD_MONTHS_MAX: Final = 1
_WAGE_MAX: Final = 100_000_000


class NoSuchEmployer(NotFound):
    """The employer is not registered."""

    code = "no_such_employer"


class NoSuchList(NotFound):
    """There is no such list of this employer."""

    code = "no_such_list"


class ListNotTaken(MoneyRefused):
    """Rows of the list are wrong; nothing was taken. `rows` says which and why."""

    code = "list_not_taken"
    status = 422

    def __init__(self, rows: Sequence[RowError]) -> None:
        first = rows[0]
        super().__init__(
            zh=f"清单有 {len(rows)} 处错误，没有收下任何一行；第 {first.row} 行：{first.zh}",
            en=f"{len(rows)} errors, no row was taken; row {first.row}: {first.en}",
            field="file",
        )
        self.rows = list(rows)


class ListPaid(MoneyRefused):
    """The list was paid before, by another payment."""

    code = "list_paid"


def parse_employer_code(text: str, field: str = "employer") -> str:
    """A unified social credit code (统一社会信用代码, GB 32100) with its right check character."""
    code = text.strip().upper()
    if uscc.is_valid(code):
        return code
    raise InvalidInput(
        field,
        zh="统一社会信用代码有误，应为营业执照上的 18 位代码",
        en="the unified social credit code is wrong; it is the 18 characters on the licence",
    )


async def register(
    platform: Platform, employer_code: str, name: str, region: str, trade: int
) -> Employer:
    """Register an employer, or change its name, region or trade."""
    code = parse_employer_code(employer_code)
    if not 1 <= len(name.strip()) <= 100:
        raise InvalidInput(
            "name", zh="单位名称应为 1 至 100 字", en="a name of 1 to 100 characters"
        )
    printable(name.strip(), "name")
    if not 1 <= trade <= 8:
        raise InvalidInput("trade", zh="行业风险类别应为 1 至 8", en="the trade class is 1 to 8")
    one = Employer(code, name.strip(), regions.pooling_region(region, "region").code, trade)
    async with platform.database.transaction() as connection:
        await store.put_employer(connection, one, platform.clock.now())
    return one


async def registered(connection: Connection, employer_code: str) -> Employer | None:
    """The employer, or None; raises InvalidInput."""
    return await store.employer(connection, parse_employer_code(employer_code))


async def employer_of(connection: Connection, employer_code: str) -> Employer:
    """The employer; raises InvalidInput, NoSuchEmployer."""
    found = await registered(connection, employer_code)
    if found is None:
        raise NoSuchEmployer(
            zh="没有这家单位的登记，请先登记",
            en="this employer is not registered",
            field="employer",
        )
    return found


async def take(
    platform: Platform, employer_code: str, period: date, content: bytes, actor: Actor, key: str
) -> ListState:
    """Take an employer's list of a month: bills for everybody on it, or for nobody.

    Raises ListNotTaken with every wrong row, KeyReused. The same file with the same key is the
    same list.
    """
    rows = sheets.read(content)
    period = month_of(period)
    latest = add_months(today(platform.clock), _AHEAD_MONTHS_MAX)
    if period > latest:
        raise InvalidInput(
            "period", zh="最多提前一个月申报", en="a list is sent in at most a month ahead"
        )
    digest = ledger.digest([employer_code, period, [msgspec.structs.astuple(row) for row in rows]])

    async def work(connection: Connection) -> ListState:
        employer = await employer_of(connection, employer_code)
        before = await store.list_by_key(connection, employer.employer_code, key)
        if before is not None:
            if before[1] != digest:
                raise KeyReused
            return before[0]
        checked = await _check(platform, connection, employer, period, rows)
        now = platform.clock.now()
        facts = {
            "employer_code": employer.employer_code,
            "region": employer.region,
            "period": period,
            "key": key,
            "content_hash": digest,
            "state": "open",
            "people": len(rows),
            "bills": len(checked),
            "total": sum(one.total for one in checked),
            "due_on": terms.load().due_on(employer.region, period),
            "uploaded_at": now,
        }
        list_id = await store.insert_list(connection, facts)
        made = [msgspec.structs.replace(one, list_id=list_id) for one in checked]
        await store.insert_bills(connection, made, now)
        persons = sorted({one.person_id for one in made})
        await audit.record_many(
            connection, [actor] * len(persons), now,
            [(one, "contributions.billed", {"list_id": list_id}) for one in persons],
        )  # fmt: skip
        found = await store.list_of(connection, list_id)
        assert found is not None
        return found

    return await ledger.carry_out(platform, work)


class _Checker:
    """Collects what is wrong, row by row."""

    def __init__(self) -> None:
        self.errors: list[RowError] = []

    def wrong(self, row: Row, field: str, code: str, zh: str, en: str) -> None:
        self.errors.append(RowError(row.number, field, code, zh, en))


async def _check(
    platform: Platform,
    connection: Connection,
    employer: Employer,
    period: date,
    rows: Sequence[Row],
) -> list[Bill]:
    """The bills of the list's people; raises ListNotTaken."""
    check = _Checker()
    wanted: list[tuple[Row, str, Fen]] = []
    seen: dict[str, int] = {}
    for row in rows:
        good = _read_row(platform, row, check)
        if good is None:
            continue
        number, wage = good
        if number in seen:
            check.wrong(
                row, "id_number", "duplicate", f"与第 {seen[number]} 行重复", f"stands in row {seen[number]} too"
            )  # fmt: skip
            continue
        seen[number] = row.number
        wanted.append((row, number, wage))
    ids_found = await people.find_many(platform, connection, [one[1] for one in wanted])
    known = await people.persons(connection, ids_found.values())
    enrolled = await people.current_enrolments(connection, list(ids_found.values()))
    taken = {
        (one.person_id, one.insurance, one.period_from)
        for one in await store.bills_of(connection, list(ids_found.values()), ("open", "paid"))
    }
    made: list[Bill] = []
    for row, number, wage in wanted:
        person = known.get(ids_found.get(number, -1))
        enrolments = enrolled.get(person.person_id, []) if person else []
        if not _fits(row, person, enrolments, employer, check):
            continue
        assert person is not None
        bills = _bills(platform, employer, person, enrolments, period, wage)
        twice = [one for one in bills if (one.person_id, one.insurance, period) in taken]
        if twice:
            check.wrong(
                row, "id_number", "billed_already", f"{period:%Y-%m} 已经申报过",
                f"{period:%Y-%m} has been declared before",
            )  # fmt: skip
            continue
        made += bills
    if check.errors:
        raise ListNotTaken(sorted(check.errors, key=lambda one: one.row))
    return made


def _read_row(platform: Platform, row: Row, check: _Checker) -> tuple[str, Fen] | None:
    number: str | None = None
    try:
        number = people_rules.parse_id_number(
            row.id_number, "id_number", today=today(platform.clock)
        ).number
    except YikatongError as error:
        check.wrong(row, "id_number", "invalid", error.text.zh, error.text.en)
    if not row.name:
        check.wrong(row, "name", "missing", "缺少姓名", "the name is missing")
    wage: Fen | None = None
    try:
        wage = parse_yuan(row.wage.replace(",", ""), "wage")
        if not 0 < wage <= _WAGE_MAX * 100:
            check.wrong(row, "wage", "invalid", "工资应大于零", "the wage is above zero")
            wage = None
    except YikatongError as error:
        check.wrong(row, "wage", "invalid", error.text.zh, error.text.en)
    return (number, wage) if number and row.name and wage else None


def _fits(
    row: Row,
    person: Person | None,
    enrolments: Sequence[Enrolment],
    employer: Employer,
    check: _Checker,
) -> bool:
    # One answer for a number of nobody and a name that differs: a list must not tell who exists.
    if person is None or person.name != row.name:
        check.wrong(
            row, "name", "not_matched", "身份证号与姓名不符，或没有参保登记",
            "id number and name do not belong together, or nobody is registered",
        )  # fmt: skip
        return False
    if person.died_on is not None:
        check.wrong(row, "id_number", "dead", "已登记死亡", "the death is recorded")
        return False
    insured = [
        one
        for one in enrolments
        if one.insurance in EMPLOYEE_INSURANCES
        and one.category == "active"
        and one.region == employer.region
    ]
    if not insured:
        check.wrong(
            row, "id_number", "not_enrolled",
            f"没有在{regions.short_name(employer.region)}参加职工社会保险，请先办理增员",
            f"not insured as an employee in {regions.short_name(employer.region, 'en')}; enrol first",
        )  # fmt: skip
        return False
    return True


def _bills(
    platform: Platform,
    employer: Employer,
    person: Person,
    enrolments: Sequence[Enrolment],
    period: date,
    wage: Fen,
) -> list[Bill]:
    book, region = terms.load(), employer.region
    insured: set[BilledInsurance] = {
        insurance
        for insurance in EMPLOYEE_INSURANCES
        for one in enrolments
        if one.insurance == insurance and one.category == "active" and one.region == region
    }
    insured.add("410")
    made: list[Bill] = []
    for insurance in sorted(insured):
        base = book.base(region, insurance, period)
        parts = rules.parts(
            wage, base, book.employee_rate(region, insurance, period, employer.trade)
        )
        made.append(
            Bill(
                person_id=person.person_id,
                bill_id=ids.new_id(platform.clock.now()),
                insurance=insurance,
                region=region,
                category="active",
                payer="employer",
                employer_code=employer.employer_code,
                list_id=None,
                period_from=period,
                period_until=last_day(period),
                base=parts.base,
                employer_part=parts.employer,
                personal_part=parts.personal,
                account_part=parts.account if insurance == "310" else 0,
                due_on=book.due_on(region, period),
                state="open",
                late_fee=0,
                paid_at=None,
                paid_by=None,
                paid_about=None,
                account_id=None,
                version=1,
            )
        )
    return made


async def due(platform: Platform, list_id: int) -> tuple[ListState, Fen]:
    """The list and what is due for it today, the late fee included."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await _list(connection, list_id)
    return found, found.total + (found.late_fee if found.state == "paid" else _fee(platform, found))


def _fee(platform: Platform, found: ListState) -> Fen:
    per_day = terms.load().late_fee(found.region)
    return rules.late_fee(found.total, found.due_on, today(platform.clock), per_day)


async def _list(connection: Connection, list_id: int) -> ListState:
    found = await store.list_of(connection, list_id)
    if found is None:
        raise NoSuchList(zh="没有这份清单", en="there is no such list", field="list_id")
    return found


async def pay(platform: Platform, list_id: int, notice: Notice, actor: Actor) -> Transaction:
    """Pay a whole list by an outside payment notice of exactly what is due, once.

    One ledger transaction: from the bank to every fund and every medical account.
    """
    check_notice(notice)
    bank = ("bank", notice.bank, "incoming")
    key = f"list:{list_id}"
    mine = command(
        NOBODY, key, "contribution", actor, list_id, notice.bank, notice.reference, notice.amount
    )

    async def work(connection: Connection) -> Transaction:
        found = await _list(connection, list_id)
        known = await ledger_store.transactions_by_key(connection, [(NOBODY, key)])
        if known:
            if known[0].content_hash == mine.content_hash:
                return known[0]
            raise ListPaid(
                zh="这份清单已经缴清，请退回这笔款项",
                en="this list is paid already; please return this payment",
                field="list_id",
            )
        fee = _fee(platform, found)
        if notice.amount != found.total + fee:
            raise amount_differs(found.total + fee)
        bills = await store.bills_of_list(connection, list_id)
        for one in bills:
            check_open(one)
        assert sum(one.total for one in bills) == found.total, "the bills are the list"
        owners = sorted({(one.person_id, one.region) for one in bills if one.account_part})
        credited = await medical.ensure(platform, connection, owners)
        received = receipt(notice, mine)
        book = await ledger.open_book(
            platform, connection, accounts=credited.values(), keys=[(NOBODY, received.key)]
        )
        take_receipt(book, received)
        payer = Entry(NOBODY, (await ledger.shared(platform, bank))[bank], -notice.amount)
        detail: dict[str, object] = {
            "list_id": list_id,
            "period": f"{found.period:%Y-%m}",
            "bank": notice.bank,
            "reference": notice.reference,
        }
        done = await settle(
            platform, connection, book, mine, payer, bills,
            rules.split_late_fee(fee, [one.total for one in bills]), credited,
            account_id=None, detail=detail,
        )  # fmt: skip
        await store.pay_list(connection, found, done.at, fee, notice.reference)
        return done

    return await ledger.carry_out(platform, work)
