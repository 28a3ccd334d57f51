"""The medical account (医保个人账户): credits, care, a family member's part, inheritance, moving.

Not cash: it pays for care, medicine and family members only (国办发〔2021〕14号).
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.core import ids, regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import WHOLE, Fen, Ppm, format_yuan
from yikatong.core.months import month_of
from yikatong.core.platform import Platform
from yikatong.core.together import Change, Conflict, Query, ask
from yikatong.money.bank.service import command, find_account, new_account
from yikatong.money.contributions import rules as contribution_rules
from yikatong.money.contributions import terms
from yikatong.money.errors import (
    AccountClosed,
    InsufficientFunds,
    LimitExceeded,
    MoneyRefused,
    NoSuchAccount,
    positive,
    printable,
)
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger import store as ledger_store
from yikatong.money.ledger.book import Book
from yikatong.money.ledger.model import Account, Entry, Transaction
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

CREDIT_BATCH: Final = 500


class NoConsent(MoneyRefused):
    """The owner of the medical account has not agreed to pay for this person."""

    code = "no_family_consent"


class NotDead(MoneyRefused):
    """Inheritance needs a recorded death."""

    code = "death_not_recorded"


class FamilyLink(msgspec.Struct, frozen=True):
    """A consent (家庭共济授权): the owner's medical account pays for the member up to a sum a year."""

    person_id: int
    member_id: int
    yearly_limit: Fen
    since: date
    until: date | None
    spent_year: int
    spent: Fen
    version: int

    def left(self, day: date) -> Fen:
        return self.yearly_limit - (self.spent if self.spent_year == day.year else 0)


async def find(connection: Connection, person_id: int) -> Account | None:
    """The person's open medical account."""
    for one in await ledger.accounts_of(connection, person_id):
        if one.kind == "medical" and one.state == "open":
            return one
    return None


async def open_book(
    platform: Platform, connection: Connection, person_ids: Sequence[int]
) -> tuple[Book, dict[int, Account]]:
    """A book over the persons' open medical accounts, and those by person."""
    return book_of(platform, await ask(connection, ledger_store.medical_accounts(person_ids)))


def accounts_query(person_ids: Sequence[int]) -> Query[list[Account]]:
    """The open medical accounts of persons, to be asked together with other questions."""
    return ledger_store.medical_accounts(person_ids)


def book_of(platform: Platform, read: Sequence[Account]) -> tuple[Book, dict[int, Account]]:
    """A book over open medical accounts, and those by person."""
    now = platform.clock.now()
    return Book(read, draw_id=lambda: ids.new_id(now)), {one.person_id: one for one in read}


async def ensure(
    platform: Platform, connection: Connection, owners: Sequence[tuple[int, str]]
) -> dict[int, tuple[int, int]]:
    """The medical accounts of persons by id, opened (in the region given) where there is none."""
    found = {
        one.person_id: one.key
        for one in await ledger_store.accounts_of(connection, [owner[0] for owner in owners])
        if one.kind == "medical" and one.state == "open"
    }
    now = platform.clock.now()
    for person_id, region in owners:
        if person_id not in found:
            made = new_account(person_id, ids.new_id(now), "medical", region=region)
            await ledger_store.open_account(connection, made, now, None, None)
            found[person_id] = made.key
    return found


async def credit_retired(
    platform: Platform, region: str, month: date, actor: Actor
) -> tuple[int, Fen]:
    """The month's fixed sum to every retired insured person of a region (退休人员定额划入).

    Once per person and month, however often it runs; a run that was killed is gone on with by
    running it again. Answers how many persons and how much this run paid. Raises InvalidInput for a
    month to come, and for one so long ago that other people were retired then.
    """
    month = month_of(month)
    latest = month_of(today(platform.clock))
    earliest = latest.replace(year=latest.year - 1)
    if not earliest <= month <= latest:
        raise InvalidInput(
            "month",
            zh=f"月份应在 {earliest:%Y-%m} 至 {latest:%Y-%m} 之间",
            en=f"the month lies between {earliest:%Y-%m} and {latest:%Y-%m}",
        )
    credit = terms.load().medical_credit(region, month)
    fund = ("fund", region, "310")
    shared = await ledger.shared(platform, fund)
    after, people_paid, paid = 0, 0, 0
    while True:
        async with platform.database.transaction(readonly=True) as connection:
            batch = await people.enrolled(connection, "310", region, "retired", after, CREDIT_BATCH)
        if not batch:
            return people_paid, paid
        after = batch[-1]

        async def work(connection: Connection, batch: Sequence[int] = batch) -> list[Fen]:
            known = await people.persons(connection, batch)
            alive = [one for one in batch if known[one].died_on is None]
            keys = await ensure(platform, connection, [(one, region) for one in alive])
            key = f"medical-credit:{month:%Y-%m}"
            book = await ledger.open_book(
                platform, connection, accounts=keys.values(), keys=[(one, key) for one in alive]
            )
            amounts: list[Fen] = []
            for person_id in alive:
                amount = credit.retired_monthly(known[person_id].age_on(month))
                mine = command(person_id, key, "medical_credit", actor, month, region)
                if amount == 0 or book.done_before(mine) is not None:
                    continue
                book.post(
                    mine,
                    [Entry(*keys[person_id], amount), Entry(person_id, shared[fund], -amount)],
                    {"period": f"{month:%Y-%m}"},
                )
                amounts.append(amount)
            await ledger.write(connection, book)
            return amounts

        amounts = await ledger.carry_out(platform, work)
        people_paid += len(amounts)
        paid += sum(amounts)


async def family_of(connection: Connection, person_id: int) -> list[FamilyLink]:
    """Whom the person's medical account may pay for now."""
    rows = await connection.fetch(
        """select person_id, member_id, yearly_limit, since, until, spent_year, spent, version
             from medical_family where person_id = $1 and until is null order by member_id""",
        person_id,
    )
    return [FamilyLink(**dict(row)) for row in rows]


def payers_query(member_ids: Sequence[int]) -> Query[list[tuple[int, int]]]:
    """Whose medical accounts may pay for these persons (owner, member), whether or not they still
    do; hardly anybody's do."""
    return Query(
        "select owner_id, person_id from medical_family_payers where person_id = any($1::bigint[])",
        (member_ids,),
        lambda rows: [(row[0], row[1]) for row in rows],
    )


async def payers_of(
    connection: Connection, member_ids: Sequence[int], day: date
) -> dict[int, list[FamilyLink]]:
    """The consents by which others' medical accounts may pay for these persons now, by member."""
    return await consents(connection, await ask(connection, payers_query(member_ids)), day)


async def consents(
    connection: Connection, pairs: Sequence[tuple[int, int]], day: date
) -> dict[int, list[FamilyLink]]:
    """The consents that hold on a day, of owners and members, by member."""
    if not pairs:
        return {}
    links = await connection.fetch(
        """select person_id, member_id, yearly_limit, since, until, spent_year, spent, version
             from medical_family join unnest($1::bigint[], $2::bigint[]) as n (person_id, member_id)
            using (person_id, member_id)
            where until is null and since <= $3 order by person_id""",
        [one[0] for one in pairs],
        [one[1] for one in pairs],
        day,
    )
    found: dict[int, list[FamilyLink]] = {}
    for row in links:
        one = FamilyLink(**dict(row))
        found.setdefault(one.member_id, []).append(one)
    return found


def spent_changes(changed: Sequence[tuple[FamilyLink, int, Fen]]) -> Change:
    """What consents paid in a year (link as it was read, year, sum)."""
    return Change(
        """update medical_family f
              set spent_year = n.spent_year, spent = n.spent, version = f.version + 1
             from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::smallint[], $5::bigint[])
               as n (person_id, member_id, version, spent_year, spent)
            where f.person_id = n.person_id and f.member_id = n.member_id and f.version = n.version""",
        (
            [one.person_id for one, _, _ in changed],
            [one.member_id for one, _, _ in changed],
            [one.version for one, _, _ in changed],
            [year for _, year, _ in changed],
            [spent for _, _, spent in changed],
        ),
        len(changed),
    )


async def allow_family(
    platform: Platform, person_id: int, member_id: int, yearly_limit: Fen, actor: Actor
) -> FamilyLink:
    """The owner agrees to pay for a spouse, parent or child up to a sum a year (家庭共济).

    Agreed before, or taken back: the limit is changed, what was spent this year stays counted.
    """
    positive(yearly_limit, "yearly_limit")
    day = today(platform.clock)

    async def work(connection: Connection) -> FamilyLink:
        owner = await people.get(connection, person_id)
        await people.get(connection, member_id, "member_id")
        family = {
            one.other_person_id
            for one in await people.relations(connection, person_id)
            if one.kind in ("spouse", "parent", "child", "guardian_of", "ward_of")
            and (one.until is None or one.until >= day)
        }
        if member_id not in family:
            raise MoneyRefused(
                zh="只能授权给登记在册的配偶、父母、子女",
                en="only a registered spouse, parent or child may be paid for",
                field="member_id",
            )
        if owner.died_on is not None:
            raise MoneyRefused(zh="账户所有人已登记死亡", en="the owner's death is recorded")
        await connection.execute(
            """insert into medical_family (person_id, member_id, yearly_limit, since)
               values ($1, $2, $3, $4)
               on conflict (person_id, member_id)
               do update set yearly_limit = excluded.yearly_limit, until = null,
                             version = medical_family.version + 1""",
            person_id,
            member_id,
            yearly_limit,
            day,
        )
        await connection.execute(
            """insert into medical_family_payers (person_id, owner_id) values ($1, $2)
               on conflict do nothing""",
            member_id,
            person_id,
        )
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "medical_account.family_allowed",
            {"member_id": member_id, "yearly_limit": format_yuan(yearly_limit)},
        )  # fmt: skip
        return next(
            one for one in await family_of(connection, person_id) if one.member_id == member_id
        )

    return await ledger.carry_out(platform, work)


async def end_family(platform: Platform, person_id: int, member_id: int, actor: Actor) -> None:
    """Take the consent back; from now on nothing is paid for the member."""

    async def work(connection: Connection) -> None:
        done = await connection.execute(
            """update medical_family set until = $3, version = version + 1
                where person_id = $1 and member_id = $2 and until is null""",
            person_id,
            member_id,
            today(platform.clock),
        )
        if done == "UPDATE 0":
            raise NoConsent(
                zh="没有对这个人的共济授权",
                en="there is no consent for this person",
                field="member_id",
            )
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "medical_account.family_ended",
            {"member_id": member_id},
        )  # fmt: skip

    await ledger.carry_out(platform, work)


async def pay_care(
    platform: Platform,
    patient_id: int,
    provider: str,
    amount: Fen,
    actor: Actor,
    key: str,
    *,
    owner_id: int | None = None,
) -> Transaction:
    """Pay a provider from the patient's medical account, or a family member's who agreed.

    Raises NoConsent, LimitExceeded (the year's consent), InsufficientFunds. No freeze of the bank
    side touches the medical account.
    """
    positive(amount)
    owner_id = patient_id if owner_id is None else owner_id
    day = today(platform.clock)
    due = ("provider", provider, "due")
    shared = await ledger.shared(platform, due)
    mine = command(owner_id, key, "medical_payment", actor, patient_id, provider, amount)

    async def work(connection: Connection) -> Transaction:
        account = await find(connection, owner_id)
        if account is None:
            raise NoSuchAccount("owner_id" if owner_id != patient_id else "person_id")
        book = await ledger.open_book(
            platform, connection, accounts=[account.key], keys=[(owner_id, key)]
        )
        if (done := book.done_before(mine)) is not None:
            return done
        if owner_id != patient_id:
            await spend_consent(connection, owner_id, patient_id, amount, day)
        detail: dict[str, object] = {"provider": provider}
        if owner_id != patient_id:
            detail["patient_id"] = patient_id
        done = book.post(
            mine, [Entry(*account.key, -amount), Entry(owner_id, shared[due], amount)], detail
        )
        await ledger.write(connection, book)
        return done

    return await ledger.carry_out(platform, work)


async def spend_consent(
    connection: Connection, owner_id: int, member_id: int, amount: Fen, day: date
) -> None:
    """Count a sum against the year's consent; raises NoConsent, also where the owner died,
    LimitExceeded, Conflict."""
    for link in await family_of(connection, owner_id):
        if link.member_id != member_id:
            continue
        if (await people.get(connection, owner_id)).died_on is not None:
            raise NoConsent(
                zh="账户所有人已登记死亡，授权随之终止",
                en="the owner's death is recorded; the consent ended with it",
                field="owner_id",
            )
        if amount > link.left(day):
            raise LimitExceeded(
                zh=f"超过共济授权的年度限额，今年还可使用 {format_yuan(link.left(day))} 元",
                en=f"over the year's limit of the consent; {format_yuan(link.left(day))} yuan are left",
                field="amount",
            )
        done = await connection.execute(
            """update medical_family
                  set spent_year = $4, spent = case when spent_year = $4 then spent else 0 end + $5,
                      version = version + 1
                where person_id = $1 and member_id = $2 and until is null and version = $3""",
            owner_id,
            member_id,
            link.version,
            day.year,
            amount,
        )
        if done != "UPDATE 1":
            raise Conflict
        return
    raise no_consent()


def no_consent() -> NoConsent:
    """The owner of the account, whoever that is, has not agreed to pay for this person."""
    return NoConsent(
        zh="账户所有人没有授权为这个人支付",
        en="the owner of the account has not agreed to pay for this person",
        field="owner_id",
    )


async def inherit(
    platform: Platform,
    person_id: int,
    heirs: Sequence[tuple[str, Ppm]],
    document: str,
    actor: Actor,
    key: str,
) -> Transaction:
    """Pay a dead person's medical account to the heirs' bank accounts and close it.

    `heirs` are account numbers with shares that are 100 % together; `document` names the notarial
    deed or court document. Social money: no limit and no freeze of the heirs' side stops it.
    """
    if not document.strip():
        raise InvalidInput(
            "document", zh="请填写公证书或法院文书编号", en="name the notarial or court document"
        )
    printable(document, "document")
    if not heirs or sum(share for _, share in heirs) != WHOLE or any(s <= 0 for _, s in heirs):
        raise InvalidInput(
            "heirs", zh="继承份额合计应为 100%", en="the heirs' shares are 100 % together"
        )
    async with platform.database.transaction(readonly=True) as connection:
        accounts = [
            await find_account(platform, connection, number, f"heirs[{at}].account")
            for at, (number, _) in enumerate(heirs)
        ]
    keys = [one.key for one in accounts]
    if len(set(keys)) != len(keys):
        raise InvalidInput("heirs", zh="同一账户出现了两次", en="an account stands twice")
    shares = [share for _, share in heirs]
    mine = command(person_id, key, "inheritance", actor, keys, shares, document)
    closing = command(person_id, f"{key}:close", "close", actor, keys)

    async def work(connection: Connection) -> Transaction:
        person = await people.get(connection, person_id)
        known = await ledger_store.transactions_by_key(connection, [(person_id, key)])
        account = await find(connection, person_id)
        book = await ledger.open_book(
            platform,
            connection,
            accounts=[*keys, *([account.key] if account else [])],
            keys=[(person_id, key)],
        )
        if known and (done := book.done_before(mine)) is not None:
            return done
        if person.died_on is None:
            raise NotDead(
                zh="此人没有死亡登记，不能办理继承",
                en="the person's death is not recorded; nothing can be inherited",
                field="person_id",
            )
        if account is None:
            raise NoSuchAccount("person_id")
        # As the book has it: something may have been credited since it was found.
        account = book.account(account.key)
        if account.balance == 0:
            raise InsufficientFunds(0, "person_id")
        parts = contribution_rules.shares_of(account.balance, shares)
        if any(book.account(one).state == "closed" for one in keys):
            raise AccountClosed("heirs")
        entries = [Entry(*account.key, -account.balance)]
        entries += [Entry(*one, part) for one, part in zip(keys, parts, strict=True) if part]
        done = book.post(mine, entries, {"document": document})
        book.close(closing, account)
        await ledger.write(connection, book)
        return done

    return await ledger.carry_out(platform, work)


async def move(
    platform: Platform, person_id: int, region: str, actor: Actor, key: str
) -> Transaction:
    """Move the medical account to another insured region (转移接续).

    The balance stays the person's; the old region's fund owes it to the new one.
    """
    there = regions.pooling_region(region, "region").code
    mine = command(person_id, key, "medical_transfer", actor, there)

    async def work(connection: Connection) -> Transaction:
        account = await find(connection, person_id)
        if account is None:
            raise NoSuchAccount("person_id")
        book = await ledger.open_book(
            platform, connection, accounts=[account.key], keys=[(person_id, key)]
        )
        if (done := book.done_before(mine)) is not None:
            return done
        account = book.account(account.key)
        assert account.region is not None
        if account.region == there:
            raise InvalidInput(
                "region",
                zh="个人账户已在这个统筹地区",
                en="the medical account is in this region already",
            )
        old = ("fund", account.region, "medical_accounts")
        new = ("fund", there, "medical_accounts")
        shared = await ledger.shared(platform, old, new)
        detail: dict[str, object] = {
            "from_region": account.region,
            "to_region": there,
            "amount": format_yuan(account.balance),
            "account_id": str(account.account_id),
        }
        if account.balance:
            # What the old region still owed for the account goes over to the new one.
            entries = [
                Entry(person_id, shared[old], account.balance),
                Entry(person_id, shared[new], -account.balance),
            ]
            done = book.post(mine, entries, detail)
        else:
            done = book.note(mine, account, detail)
        await ledger.write(connection, book)
        changed = await connection.execute(
            """update money_accounts set region = $3, version = version + 1
                where person_id = $1 and account_id = $2 and region = $4""",
            person_id,
            account.account_id,
            there,
            account.region,
        )
        if changed != "UPDATE 1":
            raise Conflict
        return done

    return await ledger.carry_out(platform, work)
