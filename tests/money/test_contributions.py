"""Contributions: bills, lists, payments, what they cover, refunds."""

import io
from datetime import date, datetime
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money.conftest import CLERK, Customer
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.money import errors, medical, verification
from yikatong.money.bank.orders import Deposit
from yikatong.money.bank.teller import Teller
from yikatong.money.contributions import lists, rules, service, sheets, store, terms
from yikatong.money.contributions.lists import ListNotTaken
from yikatong.money.contributions.model import Base, Rate
from yikatong.money.contributions.service import Notice
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.model import Enrolment
from yikatong.portability import service as portability
from yikatong.portability.model import CheckRequest

EMPLOYER = "91510100MA6C123401"


def at(platform: Platform, day: date) -> Platform:
    clock = FixedClock(datetime(day.year, day.month, day.day, 10, tzinfo=SHANGHAI))
    return msgspec.structs.replace(platform, clock=clock)


async def sql(platform: Platform, query: str, *values: Any) -> list[Any]:
    async with platform.database.transaction() as connection:
        return await connection.fetch(query, *values)


async def enrolment(platform: Platform, person_id: int, insurance: str) -> Enrolment:
    async with platform.database.transaction(readonly=True) as connection:
        found = (await people.current_enrolments(connection, [person_id]))[person_id]
    return next(one for one in found if one.insurance == insurance)


async def insure(platform: Platform, person_id: int, insurance: str, category: str) -> None:
    await sql(
        platform,
        """insert into enrolments (person_id, insurance, starts_on, region, category, status,
                                   benefits_from, months_paid)
           values ($1, $2, '2020-01-01', '510100', $3, 'insured', '2020-01-01', 60)
           on conflict do nothing""",
        person_id,
        insurance,
        category,
    )


@pytest.fixture
async def flexible(platform: Platform, customers: list[Customer], teller: Teller) -> Customer:
    """Somebody flexibly employed in Chengdu with 20 000 yuan at the bank."""
    one = customers[0]
    await sql(platform, "delete from enrolments where person_id = $1", one.person_id)
    for insurance in ("310", "110"):
        await insure(platform, one.person_id, insurance, "flexible")
    await teller.carry_out(Deposit(key="more", actor=CLERK, account=one.number, amount=1_900_000))
    return one


async def proved(platform: Platform) -> None:
    found = await verification.verify(platform)
    assert found.differences == []


def test_every_region_with_a_file_has_terms_for_employees_and_residents() -> None:
    book, day = terms.load(), date(2026, 11, 1)
    for region in book.regions():
        for insurance in ("110", "310", "210", "410"):
            base = book.base(region, insurance, day)
            rate = book.employee_rate(region, insurance, day, 1)
            parts = rules.parts(800_000, base, rate)
            assert 0 < parts.total < base.ceiling
        assert book.season(region, "390", 2026).amounts["adult"] >= 38_000


@given(
    wage=st.integers(1, 10_000_000),
    floor=st.integers(1, 1_000_000),
    span=st.integers(0, 5_000_000),
    employer=st.integers(0, 250_000),
    personal=st.integers(0, 250_000),
    account=st.integers(0, 1_000_000),
)
def test_parts_stay_within_the_base_and_the_whole(
    wage: int, floor: int, span: int, employer: int, personal: int, account: int
) -> None:
    base = Base(floor, floor, floor + span)
    parts = rules.parts(wage, base, Rate(employer, personal, account=account))
    assert floor <= parts.base <= floor + span
    assert 0 <= parts.account <= parts.total
    exact = parts.base * (employer + personal) / 1_000_000
    assert abs(parts.total - exact) <= 1


@given(fee=st.integers(0, 10**9), amounts=st.lists(st.integers(1, 10**9), min_size=1, max_size=60))
def test_a_late_fee_is_split_to_the_fen(fee: int, amounts: list[int]) -> None:
    shares = rules.split_late_fee(fee, amounts)
    assert sum(shares) == fee
    assert all(
        abs(share * sum(amounts) - fee * amount) < sum(amounts)
        for share, amount in zip(shares, amounts, strict=True)
    )


def test_the_late_fee_is_half_a_per_mille_a_day() -> None:
    # 1 000 yuan, due on the 15th, paid on the 25th: ten days at 0.05 %.
    assert rules.late_fee(100_000, date(2026, 3, 15), date(2026, 3, 25), 500) == 500
    assert rules.late_fee(100_000, date(2026, 3, 15), date(2026, 3, 15), 500) == 0


async def test_a_month_is_billed_paid_and_covered(platform: Platform, flexible: Customer) -> None:
    (bill,) = await service.issue_months(
        platform, flexible.person_id, "310", date(2026, 3, 1), date(2026, 3, 1), CLERK
    )
    # Chengdu 2026-03: fixed base 6 117.00, 9.5 %, of which 2 % go to the medical account.
    assert (bill.base, bill.total, bill.account_part) == (611_700, 58_112, 12_234)
    done = await service.pay(
        platform, flexible.person_id, [bill.bill_id], flexible.number, CLERK, "pay"
    )
    again = await service.pay(
        platform, flexible.person_id, [bill.bill_id], flexible.number, CLERK, "pay"
    )
    assert again == done
    assert done.balance_after(flexible.account) == 2_000_000 - 58_112
    async with platform.database.transaction(readonly=True) as connection:
        accounts = await ledger.accounts_of(connection, flexible.person_id)
    assert {one.kind: one.balance for one in accounts} == {"bank": 1_941_888, "medical": 12_234}
    after = await enrolment(platform, flexible.person_id, "310")
    assert (after.covered_until, after.months_paid) == (date(2026, 3, 31), 61)
    with pytest.raises(service.BillNotOpen):
        await service.pay(
            platform, flexible.person_id, [bill.bill_id], flexible.number, CLERK, "other key"
        )
    with pytest.raises(service.BilledAlready):
        await service.issue_months(
            platform, flexible.person_id, "310", date(2026, 3, 1), date(2026, 3, 1), CLERK
        )
    await proved(platform)


async def test_paying_ends_arrears_and_shows_at_once_in_the_portability_answer(
    platform: Platform, flexible: Customer
) -> None:
    await sql(
        platform,
        "update enrolments set arrears_since = '2026-01-16' where person_id = $1 and insurance = '310'",
        flexible.person_id,
    )
    question = CheckRequest(flexible.person_id, "510100", "inpatient", date(2026, 3, 1))

    async def reasons() -> set[str]:
        _, answer = await portability.check(platform, question, CLERK)
        return {one.code for one in answer.reasons}

    assert "arrears" in await reasons()
    bills = await service.issue_months(
        platform, flexible.person_id, "310", date(2026, 1, 1), date(2026, 2, 1), CLERK
    )
    first, second = bills
    await service.pay(platform, flexible.person_id, [first.bill_id], flexible.number, CLERK, "1")
    # One of two months: still behind, but only since February.
    assert (await enrolment(platform, flexible.person_id, "310")).arrears_since == date(2026, 2, 1)
    await service.pay(platform, flexible.person_id, [second.bill_id], flexible.number, CLERK, "2")
    assert (await enrolment(platform, flexible.person_id, "310")).arrears_since is None
    assert "arrears" not in await reasons()
    await proved(platform)


async def test_an_unpaid_bill_becomes_arrears_behind_its_last_day(
    platform: Platform, flexible: Customer
) -> None:
    await service.issue_months(
        platform, flexible.person_id, "310", date(2026, 3, 1), date(2026, 3, 1), CLERK
    )
    assert await service.mark_overdue(at(platform, date(2026, 3, 15))) == 0
    assert await service.mark_overdue(at(platform, date(2026, 3, 16))) == 1
    assert (await enrolment(platform, flexible.person_id, "310")).arrears_since == date(2026, 3, 16)


async def test_a_payment_that_cannot_be_made_changes_nothing(
    platform: Platform, customers: list[Customer], flexible: Customer
) -> None:
    bills = await service.issue_months(
        platform,
        flexible.person_id,
        "110",
        date(2026, 1, 1),
        date(2026, 3, 1),
        CLERK,
        base=2_000_000,
    )
    poor = customers[1]
    numbers = [one.bill_id for one in bills]
    for source, key, error in (
        (poor.number, "a", errors.InsufficientFunds),
        (Notice("ICBC", "N1", 1), "b", service.AmountDiffers),
        (Notice("XXXX", "N1", 1), "c", InvalidInput),
    ):
        with pytest.raises(error):
            await service.pay(platform, flexible.person_id, numbers, source, CLERK, key)
    with pytest.raises(service.NoSuchBill):
        await service.pay(platform, poor.person_id, numbers, poor.number, CLERK, "d")
    with pytest.raises(errors.StrongerCheckNeeded):
        await service.pay(
            platform, flexible.person_id, numbers, flexible.number, CLERK, "e", assurance=1
        )
    left = await service.bills_of(platform, flexible.person_id, CLERK)
    assert {one.state for one in left} == {"open"}
    total = sum(one.total for one in bills)
    await service.pay(
        platform, flexible.person_id, numbers, Notice("ICBC", "N2", total), CLERK, "f"
    )
    await proved(platform)


async def test_money_a_bank_received_once_pays_once(platform: Platform, flexible: Customer) -> None:
    first, second = await service.issue_months(
        platform, flexible.person_id, "310", date(2026, 3, 1), date(2026, 4, 1), CLERK
    )
    notice = Notice("ICBC", "N3", first.total)
    assert second.total == first.total
    pay = (platform, flexible.person_id)
    done = await service.pay(*pay, [first.bill_id], notice, CLERK, "a")
    assert done == await service.pay(*pay, [first.bill_id], notice, CLERK, "a")
    with pytest.raises(service.NoticeUsed) as raised:
        await service.pay(*pay, [second.bill_id], notice, CLERK, "b")
    assert raised.value.field == "reference"
    for reference in ("", " ", "a\0b", "9" * 61):
        other = Notice("ICBC", reference, second.total)
        with pytest.raises(InvalidInput) as wrong:
            await service.pay(*pay, [second.bill_id], other, CLERK, "c")
        assert wrong.value.field == "reference"
    await service.pay(*pay, [second.bill_id], Notice("ABC", "N3", first.total), CLERK, "d")
    await proved(platform)


async def test_months_are_not_billed_before_their_base_is_known(
    platform: Platform, flexible: Customer
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await service.issue_months(
            platform, flexible.person_id, "310", date(2026, 3, 1), date(2027, 1, 1), CLERK
        )
    assert raised.value.field == "until"


async def test_a_refund_goes_back_where_it_came_from(
    platform: Platform, flexible: Customer
) -> None:
    (bill,) = await service.issue_months(
        platform, flexible.person_id, "310", date(2026, 3, 1), date(2026, 3, 1), CLERK
    )
    await service.pay(platform, flexible.person_id, [bill.bill_id], flexible.number, CLERK, "pay")
    done = await service.refund(
        platform, flexible.person_id, bill.bill_id, CLERK, "back", reason="重复缴费"
    )
    assert done == await service.refund(
        platform, flexible.person_id, bill.bill_id, CLERK, "back", reason="重复缴费"
    )
    assert done.balance_after(flexible.account) == 2_000_000
    after = await enrolment(platform, flexible.person_id, "310")
    assert (after.covered_until, after.months_paid) == (date(2026, 2, 28), 60)
    with pytest.raises(service.BillNotOpen):
        await service.refund(
            platform, flexible.person_id, bill.bill_id, CLERK, "twice", reason="重复缴费"
        )
    # The month may be billed again.
    await service.issue_months(
        platform, flexible.person_id, "310", date(2026, 3, 1), date(2026, 3, 1), CLERK
    )
    await proved(platform)


async def test_residents_pay_in_their_season(platform: Platform, customers: list[Customer]) -> None:
    one = customers[1]
    await sql(platform, "delete from enrolments where person_id = $1", one.person_id)
    await insure(platform, one.person_id, "390", "adult")
    await insure(platform, one.person_id, "150", "adult")
    bill = await service.issue_year(platform, one.person_id, "390", 2026, CLERK)
    assert bill.total == 40_000
    with pytest.raises(service.OutsideSeason):
        await service.issue_year(at(platform, date(2026, 7, 1)), one.person_id, "390", 2026, CLERK)
    with pytest.raises(InvalidInput) as raised:
        await service.issue_year(platform, one.person_id, "150", 2026, CLERK, grade=12_345)
    assert raised.value.field == "grade"
    pension = await service.issue_year(platform, one.person_id, "150", 2026, CLERK, grade=20_000)
    await service.pay(
        platform, one.person_id, [bill.bill_id, pension.bill_id], one.number, CLERK, "pay"
    )
    after = await enrolment(platform, one.person_id, "390")
    assert (after.covered_until, after.months_paid) == (date(2026, 12, 31), 72)
    await proved(platform)


HEADER = "身份证号,姓名,工资\n"


async def staff(platform: Platform, customers: list[Customer]) -> list[tuple[str, str]]:
    """Id number and name of three employees in Chengdu."""
    told: list[tuple[str, str]] = []
    for one in customers[:3]:
        await sql(platform, "delete from enrolments where person_id = $1", one.person_id)
        for insurance in ("110", "310", "210"):
            await insure(platform, one.person_id, insurance, "active")
        async with platform.database.transaction(readonly=True) as connection:
            contact = await people.contact(platform, connection, one.person_id)
        told.append((contact.id_number, one.name))
    await lists.register(platform, EMPLOYER, "成都某某科技有限公司", "510100", 2)
    return told


@pytest.mark.parametrize("kind", ["csv", "gb18030", "xlsx"])
async def test_an_employers_list_is_taken_and_paid_whole(
    platform: Platform, customers: list[Customer], kind: str
) -> None:
    told = await staff(platform, customers)
    rows = [
        (number, name, wage)
        for (number, name), wage in zip(told, ("8000", "3000.50", "99999"), strict=True)
    ]
    if kind == "xlsx":
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(["姓名", "身份证号码", "备注", "月工资"])
        for number, name, wage in rows:
            sheet.append([name, number, "x", float(wage)])
        out = io.BytesIO()
        book.save(out)
        content = out.getvalue()
    else:
        text = HEADER + "".join(f"{number},{name},{wage}\n" for number, name, wage in rows)
        content = text.encode("utf-8-sig" if kind == "csv" else "gb18030")
    month = date(2026, 2, 1)
    taken = await lists.take(platform, EMPLOYER, month, content, CLERK, "feb")
    assert taken == await lists.take(platform, EMPLOYER, month, content, CLERK, "feb")
    assert (taken.people, taken.bills) == (3, 12)
    # 8 000.00; below the floor of 4 588.00; above the ceiling of 22 938.00. Chengdu, 2026-02:
    # 16+8, 8.3+2, 0.6+0.4 and, in trade class 2, 0.4 per cent.
    bases = (800_000, 458_800, 2_293_800)
    expected = sum(
        rules.round_micro(base * rate)
        for base in bases
        for rate in (160_000, 80_000, 83_000, 20_000, 6_000, 4_000, 4_000)
    )
    assert taken.total == expected
    found, due = await lists.due(platform, taken.list_id)
    # Due on 15 February, paid on 1 March: 14 days late.
    fee = rules.round_micro(taken.total * 14 * 500)
    assert due == found.total + fee
    with pytest.raises(service.AmountDiffers):
        await lists.pay(platform, taken.list_id, Notice("CCB", "R1", taken.total), CLERK)
    paid = await lists.pay(platform, taken.list_id, Notice("CCB", "R1", due), CLERK)
    assert paid == await lists.pay(platform, taken.list_id, Notice("CCB", "R1", due), CLERK)
    with pytest.raises(lists.ListPaid):
        await lists.pay(platform, taken.list_id, Notice("CCB", "R2", due), CLERK)
    for one, base in zip(customers, bases, strict=False):
        after = await enrolment(platform, one.person_id, "310")
        assert after.covered_until == date(2026, 2, 28)
        async with platform.database.transaction(readonly=True) as connection:
            medical = next(
                account
                for account in await ledger.accounts_of(connection, one.person_id)
                if account.kind == "medical"
            )
            day = platform.clock.now().date()
            told_lines = await ledger.statement(connection, *medical.key, day, day)
        assert told_lines.lines[-1].amount == rules.round_micro(base * 20_000)
    await proved(platform)


async def test_every_wrong_row_is_reported_and_nothing_is_taken(
    platform: Platform, customers: list[Customer]
) -> None:
    told = await staff(platform, customers)
    (a, name_a), (b, _), (c, name_c) = told
    content = (
        HEADER
        + f"{a},{name_a},8000\n"
        + f"{b},错名字,8000\n"
        + f"{a},{name_a},8000\n"
        + "\n"
        + f"{c[:-1]}A,{name_c},8000\n"
        + f"{c},{name_c},一万\n"
        + "110101199003077758,谁也不是,8000\n"
        + f"{c},,-5\n"
    ).encode()
    with pytest.raises(ListNotTaken) as raised:
        await lists.take(platform, EMPLOYER, date(2026, 2, 1), content, CLERK, "bad")
    found = [(one.row, one.field, one.code) for one in raised.value.rows]
    assert found == [
        (3, "name", "not_matched"),
        (4, "id_number", "duplicate"),
        (6, "id_number", "invalid"),
        (7, "wage", "invalid"),
        (8, "name", "not_matched"),
        (9, "name", "missing"),
        (9, "wage", "invalid"),
    ]
    assert await sql(platform, "select 1 from contribution_bills") == []
    assert await sql(platform, "select 1 from contribution_lists") == []


async def test_a_month_is_not_declared_twice(platform: Platform, customers: list[Customer]) -> None:
    (number, name), *_ = await staff(platform, customers)
    content = f"{HEADER}{number},{name},8000\n".encode()
    await lists.take(platform, EMPLOYER, date(2026, 2, 1), content, CLERK, "1")
    with pytest.raises(ListNotTaken) as raised:
        await lists.take(platform, EMPLOYER, date(2026, 2, 1), content, CLERK, "2")
    assert raised.value.rows[0].code == "billed_already"
    other = f"{HEADER}{number},{name},9000\n".encode()
    with pytest.raises(errors.KeyReused):
        await lists.take(platform, EMPLOYER, date(2026, 2, 1), other, CLERK, "1")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 not a zip",
        b"\xff\xfe\x00",
        b"a,b,c\n1,2,3\n",
        HEADER.encode(),
        b'"unclosed\n' * 3,
    ],
)
def test_what_is_no_list_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(InvalidInput) as raised:
        sheets.read(content)
    assert raised.value.field == "file"


@pytest.mark.parametrize("code", ["", "91510100MA6CXXXX00", "123", "91510100MA6CXXXX0I"])
def test_a_wrong_employer_code_is_refused(code: str) -> None:
    with pytest.raises(YikatongError):
        lists.parse_employer_code(code)


async def test_a_bill_marked_paid_without_money_is_found_out(
    platform: Platform, flexible: Customer
) -> None:
    await service.issue_months(
        platform, flexible.person_id, "310", date(2026, 3, 1), date(2026, 3, 1), CLERK
    )
    await sql(
        platform,
        "update contribution_bills set state = 'paid', paid_by = 5, paid_about = 7, paid_at = now()",
    )
    async with platform.database.transaction(readonly=True) as connection:
        assert await store.unpaid_differences(connection)
    assert not (await verification.verify(platform)).proved


async def test_a_relatives_medical_account_pays_residents_insurance_within_the_years_consent(
    platform: Platform,
) -> None:
    now = at(platform, date(2026, 11, 20))
    member, owner = [
        (await sql(now, "select person_id from demo_persons where situation = $1", one))[0][0]
        for one in ("family_account", "family_payer")
    ]
    made = await service.issue_year(now, member, "390", 2027, CLERK)
    pension = await service.issue_year(now, member, "150", 2026, CLERK, grade=20_000)
    pay = (now, member, [made.bill_id], owner, CLERK)
    balance = "select balance from money_accounts where person_id = $1 and kind = 'medical'"
    (before,) = (await sql(now, balance, owner))[0]
    with pytest.raises(service.NotFromMedical):
        await service.pay_for_family(now, member, [pension.bill_id], owner, CLERK, "k0")
    await sql(now, "update medical_family set yearly_limit = $2 where person_id = $1", owner, 100)
    with pytest.raises(errors.LimitExceeded):
        await service.pay_for_family(*pay, "k1")
    await sql(now, "update medical_family set yearly_limit = 500000 where person_id = $1", owner)
    # Of strangers nobody learns whether they have an account, nor what is in it.
    ((stranger, theirs),) = await sql(
        now,
        """select person_id, balance from money_accounts
            where kind = 'medical' and person_id not in ($1, $2) order by person_id limit 1""",
        owner, member,
    )  # fmt: skip
    put = "update money_accounts set balance = $2 where kind = 'medical' and person_id = $1"
    await sql(now, put, stranger, 1)
    for other in (stranger, 5):
        with pytest.raises(medical.NoConsent):
            await service.pay_for_family(now, member, [made.bill_id], other, CLERK, "k1")
    await sql(now, put, stranger, theirs)
    await sql(now, "update persons set died_on = '2026-11-01' where person_id = $1", owner)
    with pytest.raises(medical.NoConsent):
        await service.pay_for_family(*pay, "k1")
    await sql(now, "update persons set died_on = null where person_id = $1", owner)
    done = await service.pay_for_family(*pay, "k2")
    assert done == await service.pay_for_family(*pay, "k2")
    with pytest.raises(service.BillNotOpen):
        await service.pay_for_family(*pay, "k3")
    assert (await sql(now, balance, owner))[0][0] == before - made.total
    spent = await sql(
        now, "select spent_year, spent from medical_family where person_id = $1", owner
    )
    assert tuple(spent[0]) == (2026, made.total)
    assert (await enrolment(now, member, "390")).covered_until == date(2027, 12, 31)
    # What is given back goes to where it came from.
    await service.refund(now, member, made.bill_id, CLERK, "back", reason="重复参保")
    assert (await sql(now, balance, owner))[0][0] == before
    assert (await verification.verify(now)).proved
