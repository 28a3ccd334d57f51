"""Use cases of contributions: bills, payments, refunds, arrears."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from yikatong.core import ids
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.money import Fen, format_yuan
from yikatong.core.months import last_day, month_of, months_between, next_month
from yikatong.core.platform import Platform
from yikatong.money import medical
from yikatong.money.bank import rules as bank_rules
from yikatong.money.bank.banks import bank as bank_of
from yikatong.money.bank.service import command, find_account
from yikatong.money.contributions import rules, store, terms
from yikatong.money.contributions.model import INSURANCE_NAMES, Bill, BilledInsurance
from yikatong.money.contributions.terms import NoTermsOnFile
from yikatong.money.errors import (
    InsufficientFunds,
    KeyReused,
    MoneyRefused,
    NoSuchAccount,
    StrongerCheckNeeded,
    printable,
)
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Book, Command
from yikatong.money.ledger.model import NOBODY, Entry, Transaction
from yikatong.people import service as people
from yikatong.people.model import Enrolment
from yikatong.people.service import Cover
from yikatong.trust import audit
from yikatong.trust.audit import Actor

BILLS_MAX: Final = 240
"""Bills of one payment: twenty years of months."""
OVERDUE_BATCH: Final = 1000


class NoSuchBill(NotFound):
    """There is no such bill of this person."""

    code = "no_such_bill"


class BillNotOpen(MoneyRefused):
    """The bill is paid, cancelled or refunded."""

    code = "bill_not_open"


class BilledAlready(MoneyRefused):
    """The period has a bill already, open or paid."""

    code = "billed_already"


class NotEnrolled(MoneyRefused):
    """The person is not insured in a way that this contribution is for."""

    code = "not_enrolled"


class OutsideSeason(MoneyRefused):
    """Residents pay in a season of the year."""

    code = "outside_season"


class NotFromMedical(MoneyRefused):
    """A medical account may not pay this contribution."""

    code = "not_from_medical_account"


class AmountDiffers(MoneyRefused):
    """An outside payment is not the amount due."""

    code = "amount_differs"


class NoticeUsed(MoneyRefused):
    """The bank's payment of this number has paid something already."""

    code = "notice_used"


class Notice(msgspec.Struct, frozen=True):
    """An outside payment notice (缴款通知): a bank says that it received money."""

    bank: str
    reference: str
    """The bank's number of the payment; the same number pays once."""
    amount: Fen


REFERENCE_MAX: Final = 60


def check_notice(notice: Notice) -> None:
    """Raise InvalidInput for an unknown bank or a number that is none."""
    bank_of(notice.bank)
    if not 1 <= len(notice.reference.strip()) <= len(notice.reference) <= REFERENCE_MAX:
        raise InvalidInput(
            "reference",
            zh=f"请填写银行流水号，最多 {REFERENCE_MAX} 字",
            en=f"give the bank's number of the payment, at most {REFERENCE_MAX} characters",
        )
    printable(notice.reference, "reference")


def receipt(notice: Notice, mine: Command) -> Command:
    """What takes the number of a bank's payment for the command that it pays."""
    return Command(
        NOBODY,
        f"notice:{notice.bank}:{notice.reference.strip()}",
        ledger.digest([mine.person_id, mine.key]),
        "notice",
        mine.actor,
    )


def take_receipt(book: Book, received: Command) -> None:
    """Let the number of a bank's payment pay this once; raises NoticeUsed."""
    try:
        book.done_before(received)
    except KeyReused as error:
        raise NoticeUsed(
            zh="这个银行流水号的款项已经用于另一笔缴费，请核对",
            en="the bank's payment of this number has paid something else; please compare it",
            field="reference",
        ) from error
    book.note(received, None)


async def bills_of(
    platform: Platform, person_id: int, actor: Actor, states: Sequence[str] = ("open", "paid")
) -> list[Bill]:
    """A person's bills, the oldest first; the look is recorded."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        await audit.record(connection, actor, platform.clock.now(), person_id, "contributions.read")
        return await store.bills_of(connection, [person_id], states)


async def current_bills(connection: Connection, person_id: int) -> list[Bill]:
    """The same for a file that shows them among others; the caller records the look."""
    return await store.bills_of(connection, [person_id], ("open", "paid"))


async def issue_months(
    platform: Platform,
    person_id: int,
    insurance: BilledInsurance,
    since: date,
    until: date,
    actor: Actor,
    *,
    base: Fen | None = None,
) -> list[Bill]:
    """Bills for the months of a flexibly employed person, or for months an employee is behind.

    The base is the person's choice between floor and ceiling (default: the floor). Months billed
    before are left out; none left: BilledAlready. Raises NotEnrolled, NoTermsOnFile.
    """
    if insurance not in ("110", "310", "210"):
        raise InvalidInput(
            "insurance", zh="按月缴费的险种为 110、310、210", en="monthly are 110, 310 and 210"
        )
    months = months_between(since, until)
    day = today(platform.clock)
    latest = max(date(day.year, 12, 1), next_month(month_of(day)))
    if month_of(until) > latest:
        raise InvalidInput(
            "until",
            zh=f"最晚可缴到 {latest:%Y-%m}，以后年度的缴费基数还没有公布",
            en=f"the last month that can be paid now is {latest:%Y-%m}; bases change each year",
        )
    if not 1 <= len(months) <= BILLS_MAX:
        raise InvalidInput(
            "until", zh=f"月份应为 1 至 {BILLS_MAX} 个", en=f"1 to {BILLS_MAX} months"
        )

    async def work(connection: Connection) -> list[Bill]:
        await people.get(connection, person_id)
        enrolment = await enrolment_of(connection, person_id, insurance, ("flexible", "active"))
        taken = await billed(connection, person_id, insurance)
        wanted = [month for month in months if month not in taken]
        if not wanted:
            raise billed_already()
        made = [monthly(person_id, insurance, enrolment, month, base, platform) for month in wanted]
        await _insert(platform, connection, made, actor)
        return made

    return await ledger.carry_out(platform, work)


def monthly(
    person_id: int,
    insurance: BilledInsurance,
    enrolment: Enrolment,
    month: date,
    wish: Fen | None,
    platform: Platform,
) -> Bill:
    """An open bill of a month, not stored; `wish`: the base chosen, else the floor."""
    book, region = terms.load(), enrolment.region
    base = book.base(region, insurance, month)
    if wish is not None and not base.floor <= wish <= base.ceiling:
        raise InvalidInput(
            "base",
            zh=f"缴费基数应在 {format_yuan(base.floor)} 至 {format_yuan(base.ceiling)} 元之间",
            en=f"the base lies between {format_yuan(base.floor)} and {format_yuan(base.ceiling)} yuan",
        )
    if enrolment.category == "flexible":
        rate = book.flexible_rate(region, insurance, month)
    else:
        # An employee's months nobody paid (补缴): both parts, on one bill.
        rate = book.employee_rate(region, insurance, month, 1)
    parts = rules.parts(wish or base.floor, base, rate)
    return Bill(
        person_id=person_id,
        bill_id=ids.new_id(platform.clock.now()),
        insurance=insurance,
        region=region,
        category=enrolment.category,
        payer="self",
        employer_code=None,
        list_id=None,
        period_from=month,
        period_until=last_day(month),
        base=parts.base,
        employer_part=parts.employer,
        personal_part=parts.personal,
        account_part=parts.account if insurance == "310" else 0,
        due_on=book.due_on(region, month),
        state="open",
        late_fee=0,
        paid_at=None,
        paid_by=None,
        paid_about=None,
        account_id=None,
        version=1,
    )


async def issue_year(
    platform: Platform,
    person_id: int,
    insurance: BilledInsurance,
    year: int,
    actor: Actor,
    *,
    grade: Fen | None = None,
) -> Bill:
    """A resident's bill of a year: medical (390) by category, pension (150) by the grade chosen.

    Raises OutsideSeason before and after the season, BilledAlready, NotEnrolled.
    """
    if insurance not in ("390", "150"):
        raise InvalidInput("insurance", zh="按年缴费的险种为 390、150", en="yearly are 390 and 150")
    if not 2000 <= year <= 2100:
        raise InvalidInput("year", zh="年份有误", en="there is no such year")

    async def work(connection: Connection) -> Bill:
        await people.get(connection, person_id)
        enrolment = await enrolment_of(
            connection, person_id, insurance, ("minor", "student", "adult", "elderly")
        )
        season = terms.load().season(enrolment.region, insurance, year)
        day = today(platform.clock)
        if not season.starts_on <= day <= season.late_until:
            raise OutsideSeason(
                zh=f"{year} 年度的缴费期为 {season.starts_on} 至 {season.late_until}",
                en=f"the contribution of {year} is paid from {season.starts_on} to {season.late_until}",
                field="year",
            )
        amount = _yearly_amount(enrolment, insurance, season.amounts, season.grades, grade)
        if date(year, 1, 1) in await billed(connection, person_id, insurance):
            raise billed_already()
        made = Bill(
            person_id=person_id,
            bill_id=ids.new_id(platform.clock.now()),
            insurance=insurance,
            region=enrolment.region,
            category=enrolment.category,
            payer="self",
            employer_code=None,
            list_id=None,
            period_from=date(year, 1, 1),
            period_until=date(year, 12, 31),
            base=0,
            employer_part=0,
            personal_part=amount,
            account_part=0,
            due_on=season.late_until,
            state="open",
            late_fee=0,
            paid_at=None,
            paid_by=None,
            paid_about=None,
            account_id=None,
            version=1,
        )
        await _insert(platform, connection, [made], actor)
        return made

    return await ledger.carry_out(platform, work)


def _yearly_amount(
    enrolment: Enrolment,
    insurance: str,
    amounts: dict[str, Fen],
    grades: tuple[Fen, ...],
    grade: Fen | None,
) -> Fen:
    if insurance == "390":
        if enrolment.category not in amounts:
            raise NoTermsOnFile(
                zh="没有这类人员的缴费标准",
                en="no amount is on file for this category",
                field="region",
            )
        return amounts[enrolment.category]
    if grade not in grades:
        choice = [format_yuan(one) for one in grades]
        raise InvalidInput(
            "grade",
            zh=f"缴费档次应为 {'、'.join(choice)} 元之一",
            en=f"must be one of {', '.join(choice)}",
        )
    assert grade is not None
    return grade


async def enrolment_of(
    connection: Connection, person_id: int, insurance: str, categories: Sequence[str]
) -> Enrolment:
    """The current enrolment that a contribution is for; raises NotEnrolled."""
    for one in (await people.current_enrolments(connection, [person_id])).get(person_id, []):
        if one.insurance == insurance and one.category in categories:
            return one
    name = INSURANCE_NAMES[insurance]
    raise NotEnrolled(
        zh=f"没有可以缴费的{name.zh}参保登记，请先到参保地办理参保",
        en=f"no enrolment in {name.en} insurance that this pays for; please enrol at home first",
        field="insurance",
    )


async def billed(connection: Connection, person_id: int, insurance: str) -> set[date]:
    """The months that have a bill, open or paid."""
    return {
        one.period_from
        for one in await store.bills_of(connection, [person_id], ("open", "paid"))
        if one.insurance == insurance
    }


def billed_already() -> BilledAlready:
    """The error for a period that has a bill."""
    return BilledAlready(
        zh="这段时间已经有缴费单，请查询后缴费",
        en="this period has a bill already; please look it up and pay it",
        field="period",
    )


async def _insert(
    platform: Platform, connection: Connection, made: Sequence[Bill], actor: Actor
) -> None:
    now = platform.clock.now()
    await store.insert_bills(connection, made, now)
    detail: dict[str, object] = {"bills": [str(one.bill_id) for one in made]}
    await audit.record(connection, actor, now, made[0].person_id, "contributions.billed", detail)


async def pay(
    platform: Platform,
    person_id: int,
    bill_ids: Sequence[int],
    source: str | tuple[int, int] | Notice,
    actor: Actor,
    key: str,
    *,
    assurance: int = 2,
) -> Transaction:
    """Pay bills of a person, all or none, from a bank account or by an outside payment notice.

    Posts to the funds and the medical account, extends the covered period and ends arrears, all in
    one transaction. Raises NoSuchBill, BillNotOpen, AmountDiffers, InsufficientFunds, AccountFrozen.
    """
    wanted = sorted(set(bill_ids))
    if not 1 <= len(wanted) <= BILLS_MAX:
        raise InvalidInput(
            "bills", zh=f"一次可缴 1 至 {BILLS_MAX} 张缴费单", en=f"1 to {BILLS_MAX} bills at once"
        )
    if isinstance(source, Notice):
        check_notice(source)
    elif assurance < bank_rules.PRESENT:
        raise StrongerCheckNeeded(
            zh="缴费需要出示社保卡并输入密码",
            en="paying asks for the card and its PIN",
            field="assurance",
        )

    async def work(connection: Connection) -> Transaction:
        if isinstance(source, Notice):
            about, account, shown = person_id, None, [source.bank, source.reference, source.amount]
        else:
            account = (
                (await find_account(platform, connection, source)).key
                if isinstance(source, str)
                else source
            )
            about, shown = account[0], list(account)
        mine = command(about, key, "contribution", actor, person_id, wanted, shown)
        found = await store.bills(connection, person_id, wanted)
        owners = {(one.person_id, one.region) for one in found if one.account_part}
        credited = await medical.ensure(platform, connection, sorted(owners))
        received = receipt(source, mine) if isinstance(source, Notice) else None
        book = await ledger.open_book(
            platform,
            connection,
            accounts=[*credited.values(), *([account] if account else [])],
            keys=[(about, key), *([(NOBODY, received.key)] if received else [])],
        )
        if (done := book.done_before(mine)) is not None:
            return done
        _check_open(found, wanted)
        amount = sum(one.total for one in found)
        if isinstance(source, Notice):
            if source.amount != amount:
                raise amount_differs(amount)
            assert received is not None
            take_receipt(book, received)
            bank = ("bank", source.bank, "incoming")
            payer = Entry(about, (await ledger.shared(platform, bank))[bank], -amount)
        else:
            assert account is not None
            if not book.has(account):
                raise NoSuchAccount("account")
            bank_rules.check_payable(book.account(account), amount)
            payer = Entry(*account, -amount)
        return await settle(
            platform, connection, book, mine, payer, found, [0] * len(found), credited,
            account_id=account[1] if account else None, detail=_paid_detail(found, source),
        )  # fmt: skip

    return await ledger.carry_out(platform, work)


async def pay_for_family(
    platform: Platform,
    person_id: int,
    bill_ids: Sequence[int],
    owner_id: int,
    actor: Actor,
    key: str,
) -> Transaction:
    """Pay residents' medical insurance (390) of a family member from the owner's medical account, within
    the year's consent (家庭共济缴费; 国办发〔2021〕14号 五). All bills or none.

    Raises NoSuchBill, BillNotOpen, NotFromMedical, NoConsent, LimitExceeded, InsufficientFunds.
    """
    wanted = sorted(set(bill_ids))
    mine = command(owner_id, key, "contribution", actor, person_id, wanted, "medical")

    async def work(connection: Connection) -> Transaction:
        found = await store.bills(connection, person_id, wanted)
        account = await medical.find(connection, owner_id)
        if account is None:
            # Nobody learns of a stranger whether they have an account.
            raise medical.no_consent()
        book = await ledger.open_book(
            platform, connection, accounts=[account.key], keys=[(owner_id, key)]
        )
        if (done := book.done_before(mine)) is not None:
            return done
        _check_open(found, wanted)
        if any(one.insurance != "390" for one in found):
            raise NotFromMedical(
                zh="个人账户共济只能缴居民医保，其他缴费单请用社保卡账户缴",
                en="a medical account pays residents' medical insurance only; pay other bills from the"
                " card's account",
                field="bills",
            )
        amount = sum(one.total for one in found)
        # Before the balance is looked at: it is told to whom the owner agreed to pay for alone.
        await medical.spend_consent(connection, owner_id, person_id, amount, today(platform.clock))
        available = book.account(account.key).balance
        if amount > available:
            raise InsufficientFunds(available, "account")
        return await settle(
            platform, connection, book, mine, Entry(*account.key, -amount), found,
            [0] * len(found), {}, account_id=account.account_id,
            detail=_paid_detail(found, account.key),
        )  # fmt: skip

    return await ledger.carry_out(platform, work)


def _paid_detail(found: Sequence[Bill], source: object) -> dict[str, object]:
    periods = sorted({f"{one.period_from:%Y-%m}" for one in found})
    detail: dict[str, object] = {
        "bills": [str(one.bill_id) for one in found],
        "period": periods[0] if len(periods) == 1 else f"{periods[0]} – {periods[-1]}",
    }
    if isinstance(source, Notice):
        detail |= {"bank": source.bank, "reference": source.reference}
    return detail


def _check_open(found: Sequence[Bill], wanted: Sequence[int]) -> None:
    if len(found) != len(wanted):
        raise NoSuchBill(
            zh="没有这张缴费单，请核对编号",
            en="there is no such bill of this person; please compare its number",
            field="bills",
        )
    for one in found:
        if one.payer == "employer":
            raise BillNotOpen(
                zh="这张缴费单由用人单位按清单缴纳",
                en="this bill is paid by the employer, with its list",
                field="bills",
            )
        check_open(one)


def check_open(bill: Bill) -> None:
    """Raise BillNotOpen where the bill cannot be paid any more."""
    if bill.state != "open":
        names = {"paid": "已缴", "cancelled": "已作废", "refunded": "已退"}
        raise BillNotOpen(
            zh=f"{bill.period_from:%Y-%m} 的缴费单{names[bill.state]}",
            en=f"the bill of {bill.period_from:%Y-%m} is {bill.state}",
            field="bills",
        )


def amount_differs(due: Fen) -> AmountDiffers:
    """The error for an outside payment that is not what is due."""
    return AmountDiffers(
        zh=f"到账金额与应缴 {format_yuan(due)} 元不一致，请退回后按应缴金额重缴",
        en=f"{format_yuan(due)} yuan are due; please return the payment and have the sum due paid",
        field="amount",
    )


async def settle(
    platform: Platform,
    connection: Connection,
    book: Book,
    mine: Command,
    payer: Entry,
    found: Sequence[Bill],
    fees: Sequence[Fen],
    credited: dict[int, tuple[int, int]],
    *,
    account_id: int | None,
    detail: dict[str, object],
) -> Transaction:
    """Post a payment of bills with their late fees, mark them paid, and write what it covers."""
    funds: dict[tuple[str, str, str], Fen] = {}
    own: dict[int, Fen] = {}
    for bill, fee in zip(found, fees, strict=True):
        fund = ("fund", bill.region, bill.insurance)
        # The late fee goes into the fund (社会保险法 第八十六条).
        funds[fund] = funds.get(fund, 0) + bill.total - bill.account_part + fee
        if bill.account_part:
            own[bill.person_id] = own.get(bill.person_id, 0) + bill.account_part
    shared = await ledger.shared(platform, *funds)
    entries = [payer]
    entries += [
        Entry(mine.person_id, shared[fund], amount) for fund, amount in funds.items() if amount
    ]
    entries += [Entry(*credited[person_id], amount) for person_id, amount in own.items()]
    done = book.post(mine, entries, detail)
    await ledger.write(connection, book)
    paid = [
        msgspec.structs.replace(
            bill, state="paid", late_fee=fee, paid_at=done.at, paid_by=done.transaction_id,
            paid_about=done.person_id, account_id=account_id,
        )
        for bill, fee in zip(found, fees, strict=True)
    ]  # fmt: skip
    await store.update_bills(connection, paid)
    await _cover(platform, connection, paid, 1)
    return done


async def _cover(
    platform: Platform, connection: Connection, changed: Sequence[Bill], sign: int
) -> None:
    """Write months, covered period and arrears of everybody whose bills were paid or refunded."""
    person_ids = sorted({one.person_id for one in changed})
    everything: dict[tuple[int, str], list[Bill]] = {}
    for one in await store.bills_of(connection, person_ids, ("open", "paid")):
        everything.setdefault((one.person_id, one.insurance), []).append(one)
    enrolled = await people.current_enrolments(connection, person_ids)
    day = today(platform.clock)
    changes: list[Cover] = []
    for person_id in person_ids:
        for enrolment in enrolled.get(person_id, []):
            mine = [
                one
                for one in changed
                if (one.person_id, one.insurance) == (person_id, enrolment.insurance)
            ]
            if not mine:
                continue
            bills = everything.get((person_id, enrolment.insurance), [])
            months = sum(len(months_between(one.period_from, one.period_until)) for one in mine)
            changes.append(_after(person_id, enrolment, bills, mine, sign * months, day))
    await people.change_cover(connection, changes)


def _after(
    person_id: int,
    enrolment: Enrolment,
    bills: Sequence[Bill],
    changed: Sequence[Bill],
    months: int,
    day: date,
) -> Cover:
    paid = {
        month
        for one in bills
        if one.state == "paid"
        for month in months_between(one.period_from, one.period_until)
    }
    if months > 0:
        last = max(one.period_until for one in changed)
        covered = max(last, enrolment.covered_until or last)
    else:
        last_paid = max((one.period_until for one in bills if one.state == "paid"), default=None)
        covered = last_paid or min(one.period_from for one in changed) - timedelta(days=1)
    arrears = _arrears(enrolment.arrears_since, paid, bills, day)
    return Cover(
        person_id=person_id,
        insurance=enrolment.insurance,
        months=months,
        covered_until=covered,
        arrears_since=arrears,
        resumes=months > 0 and arrears is None and covered >= day,
    )


def _arrears(since: date | None, paid: set[date], bills: Sequence[Bill], day: date) -> date | None:
    """Since when anything is owed: the first unpaid month from the start of the arrears to now, or
    the day behind the last day of an open bill that is past."""
    if since is not None:
        # The running month is owed only once its last day is past; bills tell.
        for month in months_between(since, day.replace(day=1) - timedelta(days=1)):
            if month not in paid:
                return max(since, month)
    past = [one.due_on for one in bills if one.state == "open" and one.due_on < day]
    return min(past) + timedelta(days=1) if past else None


async def refund(
    platform: Platform, person_id: int, bill_id: int, actor: Actor, key: str, *, reason: str
) -> Transaction:
    """Give a paid contribution back to where it came from (退费); the period is not covered then.

    Raises NoSuchBill, BillNotOpen, InsufficientFunds where the medical account's part is spent.
    A late fee is not given back.
    """
    if not reason.strip():
        raise InvalidInput("reason", zh="请填写退费原因", en="say why it is given back")
    printable(reason, "reason")
    mine = command(person_id, key, "contribution_refund", actor, bill_id, reason)

    async def work(connection: Connection) -> Transaction:
        found = await store.bills(connection, person_id, [bill_id])
        if not found:
            raise NoSuchBill(zh="没有这张缴费单", en="there is no such bill", field="bill_id")
        bill = found[0]
        account: tuple[int, int] | None = None
        bank: tuple[str, str, str] | None = None
        if bill.state in ("paid", "refunded"):
            assert bill.paid_by is not None
            assert bill.paid_about is not None
            if bill.account_id is not None:
                account = (bill.paid_about, bill.account_id)
            else:
                first, _ = await ledger.transaction(connection, bill.paid_about, bill.paid_by)
                bank = ("bank", str(first.detail.get("bank")), "incoming")
                if "fund" in first.detail:
                    # Paid for an unemployed person: back to the fund that paid.
                    bank = ("fund", str(first.detail["fund"]), "210")
        own = await medical.ensure(
            platform, connection, [(person_id, bill.region)] if bill.account_part else []
        )
        book = await ledger.open_book(
            platform,
            connection,
            accounts=[*own.values(), *([account] if account else [])],
            keys=[(person_id, key)],
        )
        if (done := book.done_before(mine)) is not None:
            return done
        if bill.state != "paid":
            raise BillNotOpen(
                zh="只有已缴的缴费单可以退费",
                en="only a paid bill can be refunded",
                field="bill_id",
            )
        fund = ("fund", bill.region, bill.insurance)
        shared = await ledger.shared(platform, fund, *([bank] if bank else []))
        entries = [Entry(*account, bill.total)] if account else []
        if bank:
            entries.append(Entry(person_id, shared[bank], bill.total))
        if bill.total > bill.account_part:
            entries.append(Entry(person_id, shared[fund], bill.account_part - bill.total))
        if bill.account_part:
            entries.append(Entry(*own[person_id], -bill.account_part))
        try:
            done = book.post(
                mine, entries, {"bill_id": str(bill_id), "reason": reason,
                                "period": f"{bill.period_from:%Y-%m}"},
            )  # fmt: skip
        except InsufficientFunds as error:
            raise MoneyRefused(
                zh=f"划入个人账户的 {format_yuan(bill.account_part)} 元已经使用，不能全额退费",
                en=f"the {format_yuan(bill.account_part)} yuan that went to the medical account are"
                " spent; this cannot be refunded in full",
                field="bill_id",
            ) from error
        await ledger.write(connection, book)
        await store.update_bills(connection, [msgspec.structs.replace(bill, state="refunded")])
        await _cover(platform, connection, [bill], -1)
        return done

    return await ledger.carry_out(platform, work)


async def mark_overdue(platform: Platform) -> int:
    """Note arrears for every open bill whose last day is past; answers how many bills.

    Run daily; a second run on a day finds the same and changes nothing.
    """
    day = today(platform.clock)
    after, seen = (-1, 0), 0
    while True:
        async with platform.database.transaction() as connection:
            bills = await store.overdue(connection, day, after, OVERDUE_BATCH)
            if not bills:
                return seen
            await _note_arrears(connection, bills)
        seen += len(bills)
        after = (bills[-1].person_id, bills[-1].bill_id)


async def _note_arrears(connection: Connection, bills: Iterable[Bill]) -> None:
    first: dict[tuple[int, str], date] = {}
    for one in bills:
        key = (one.person_id, one.insurance)
        since = one.due_on + timedelta(days=1)
        first[key] = min(since, first.get(key, since))
    enrolled = await people.current_enrolments(connection, sorted({key[0] for key in first}))
    changes = [
        Cover(person_id, one.insurance, 0, one.covered_until, since, resumes=False)
        for person_id, found in enrolled.items()
        for one in found
        if (since := first.get((person_id, one.insurance)))
        and (one.arrears_since is None or since < one.arrears_since)
    ]
    if changes:
        await people.change_cover(connection, changes)
