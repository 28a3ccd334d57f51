"""Use cases of wealth products: rating, purchase, cancellation, interest, redemption, proof."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from yikatong.core import ids
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen, format_yuan
from yikatong.core.platform import Platform
from yikatong.money.bank import rules as bank_rules
from yikatong.money.bank.service import command
from yikatong.money.errors import (
    AccountClosed,
    KeyReused,
    MoneyRefused,
    NoSuchAccount,
)
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Book, Command
from yikatong.money.ledger.model import Account, Entry, Transaction
from yikatong.money.wealth import products, rules, store
from yikatong.money.wealth.interest import ACTOR, Shared, accrue, interest_key, shared_of
from yikatong.money.wealth.model import Holding, HoldingClosed, NoSuchHolding, Rating
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor


async def rate(
    platform: Platform, person_id: int, answers: Sequence[int], actor: Actor, key: str
) -> Rating:
    """Rate a person's answers to the questionnaire (风险测评); the newest rating counts."""
    score, level = rules.rate_answers(answers, products.catalogue().questions)
    content = ledger.digest(["risk_rated", *answers])

    async def work(connection: Connection) -> Rating:
        if (known := await store.rating_by_key(connection, person_id, key)) is not None:
            if known[1] != content:
                raise KeyReused
            return known[0]
        await people.get(connection, person_id)
        now, day = platform.clock.now(), today(platform.clock)
        rating = Rating(
            person_id=person_id,
            rating_id=ids.new_id(now),
            answers=list(answers),
            score=score,
            rating=level,
            rated_on=day,
            valid_until=rules.valid_until(day),
        )
        await store.insert_rating(connection, rating, key, content)
        detail: dict[str, object] = {"rating_id": rating.rating_id, "rating": level}
        await audit.record(connection, actor, now, person_id, "money.risk_rated", detail)
        return rating

    return await ledger.carry_out(platform, work)


async def rating_of(connection: Connection, person_id: int) -> Rating | None:
    """The newest rating of a person, also where it is no longer valid."""
    return await store.latest_rating(connection, person_id)


async def buy(
    platform: Platform,
    person_id: int,
    account_id: int,
    product_code: str,
    amount: Fen,
    actor: Actor,
    key: str,
    *,
    assurance: int,
) -> Transaction:
    """Buy a product (申购); the transaction's id is the holding's.

    Raises NotSuitable, NotOnSale, InvalidInput, StrongerCheckNeeded, AccountFrozen,
    InsufficientFunds …
    """
    bank_rules.check_level(assurance)
    product = products.product(product_code)
    wealth: Shared = ("bank", product.bank, "wealth")
    shared = await ledger.shared(platform, wealth)
    mine = command(person_id, key, "wealth_buy", actor, account_id, product_code, amount)

    async def work(connection: Connection) -> Transaction:
        own = (person_id, account_id)
        book = await ledger.open_book(platform, connection, accounts=[own], keys=[(person_id, key)])
        if (done := book.done_before(mine)) is not None:
            return done
        if not book.has(own):
            raise NoSuchAccount("account")
        account, day, now = book.account(own), today(platform.clock), platform.clock.now()
        rules.check_purchase(product, account, amount, day, assurance)
        person = await people.get(connection, person_id)
        rating = await store.latest_rating(connection, person_id)
        rules.check_suitable(product, products.catalogue().buyers, rating, person, day)
        cooling_until = now + timedelta(hours=product.cooling_off_hours)
        starts_on = cooling_until.astimezone(SHANGHAI).date()
        term = product.term_days
        matures_on = None if term is None else starts_on + timedelta(days=term)
        done = book.post(
            mine,
            [
                Entry(person_id, account_id, -amount),
                Entry(person_id, shared[wealth], amount),
            ],
            {
                "product": product.code,
                "cooling_until": cooling_until.isoformat(),
                "starts_on": starts_on.isoformat(),
                "matures_on": None if matures_on is None else matures_on.isoformat(),
            },
        )
        await ledger.write(connection, book)
        await store.insert_holding(
            connection,
            Holding(
                person_id=person_id,
                holding_id=done.transaction_id,
                account_id=account_id,
                bank=product.bank,
                product=product.code,
                kind=product.kind,
                risk=product.risk,
                rate=product.rate,
                bought=amount,
                principal=amount,
                accrued=0,
                interest_paid=0,
                bought_at=now,
                cooling_until=cooling_until,
                starts_on=starts_on,
                matures_on=matures_on,
                accrued_through=starts_on,
                state="open",
                closed_at=None,
                unpaid=None,
                version=1,
            ),
        )
        return done

    return await ledger.carry_out(platform, work)


async def cancel(
    platform: Platform,
    person_id: int,
    holding_id: int,
    actor: Actor,
    key: str,
    *,
    account_id: int | None = None,
) -> Transaction:
    """Take a purchase back within the cooling-off period (冷静期撤销): everything is given back.

    `account_id` names another own account where the one that paid was closed meanwhile.
    """
    mine = command(person_id, key, "wealth_cancel", actor, holding_id, account_id)
    shared = await _shared_of(platform, person_id, holding_id)

    async def work(connection: Connection) -> Transaction:
        held = await holding(connection, person_id, holding_id)
        book = await _open_book(platform, connection, held, mine, account_id)
        if (done := book.done_before(mine)) is not None:
            return done
        now = platform.clock.now()
        rules.check_cancellation(held, now)
        assert held.accrued == 0, "no interest within the cooling-off period"
        done = _pay(book, mine, held, held.principal, 0, account_id, shared)
        await ledger.write(connection, book)
        changed = msgspec.structs.replace(held, principal=0, state="cancelled", closed_at=now)
        await store.update_holdings(connection, [changed])
        return done

    return await ledger.carry_out(platform, work)


async def redeem(
    platform: Platform,
    person_id: int,
    holding_id: int,
    amount: Fen | None,
    actor: Actor,
    key: str,
    *,
    account_id: int | None = None,
) -> Transaction:
    """Redeem (赎回) a part of the principal, or all of it (None), with its interest until today.

    It goes back to the account that paid, frozen or not; `account_id` names another own account
    where that one was closed meanwhile. Raises NotNow before maturity of a fixed term.
    """
    mine = command(person_id, key, "wealth_redeem", actor, holding_id, amount, account_id)
    return await _redeem(platform, person_id, holding_id, amount, mine, account_id)


async def _redeem(
    platform: Platform,
    person_id: int,
    holding_id: int,
    amount: Fen | None,
    mine: Command,
    account_id: int | None = None,
) -> Transaction:
    shared = await _shared_of(platform, person_id, holding_id)

    async def work(connection: Connection) -> Transaction:
        held = await holding(connection, person_id, holding_id)
        now, day = platform.clock.now(), today(platform.clock)
        book = await _open_book(platform, connection, held, mine, account_id, day)
        if (done := book.done_before(mine)) is not None:
            return done
        part = held.principal if amount is None and held.state == "open" else (amount or 0)
        rules.check_redemption(held, part, now, day)
        held = accrue(book, held, day, shared)
        interest = rules.interest_of_part(held, part)
        done = _pay(book, mine, held, part, interest, account_id, shared)
        await ledger.write(connection, book)
        over = part == held.principal
        changed = msgspec.structs.replace(
            held,
            principal=held.principal - part,
            accrued=held.accrued - interest,
            interest_paid=held.interest_paid + interest,
            state="redeemed" if over else "open",
            closed_at=now if over else None,
            unpaid=None if over else held.unpaid,
        )
        await store.update_holdings(connection, [changed])
        return done

    return await ledger.carry_out(platform, work)


async def mature_due(platform: Platform, limit: int = 1000) -> int:
    """Pay out what has matured (到期兑付), at most `limit` holdings; answers how many were paid.

    One that cannot be paid, as its account was closed, is marked and waits for the person (or the
    heirs) to name another account.
    """
    async with platform.database.transaction(readonly=True) as connection:
        due = await store.maturing(connection, today(platform.clock), limit)
    paid = 0
    for person_id, holding_id in due:
        content = (holding_id, None, None)
        mine = command(person_id, f"maturity:{holding_id}", "wealth_redeem", ACTOR, *content)
        try:
            await _redeem(platform, person_id, holding_id, None, mine)
            paid += 1
        except HoldingClosed:
            continue  # redeemed at the same moment
        except MoneyRefused as error:
            await _mark_unpaid(platform, person_id, holding_id, error.code)
    return paid


async def _mark_unpaid(platform: Platform, person_id: int, holding_id: int, code: str) -> None:
    async def work(connection: Connection) -> None:
        held = await holding(connection, person_id, holding_id)
        if held.state != "open":
            return
        await store.update_holdings(connection, [msgspec.structs.replace(held, unpaid=code)])
        now = platform.clock.now()
        detail: dict[str, object] = {"holding_id": holding_id, "reason": code}
        await audit.record(connection, ACTOR, now, person_id, "money.wealth_unpaid", detail)

    await ledger.carry_out(platform, work)


async def _open_book(
    platform: Platform,
    connection: Connection,
    held: Holding,
    mine: Command,
    account_id: int | None,
    day: date | None = None,
) -> Book:
    accounts = {held.account_id, account_id or held.account_id}
    keys = [(mine.person_id, mine.key)]
    if day is not None:
        keys.append((mine.person_id, interest_key(held, rules.accrued_at(held, day)[1])))
    return await ledger.open_book(
        platform, connection, accounts=[(held.person_id, one) for one in accounts], keys=keys
    )


def _pay(
    book: Book,
    mine: Command,
    held: Holding,
    principal: Fen,
    interest: Fen,
    account_id: int | None,
    shared: dict[Shared, int],
) -> Transaction:
    payee = _payee(book, held, account_id, principal + interest)
    return book.post(
        mine,
        [
            Entry(payee.person_id, payee.account_id, principal + interest),
            Entry(held.person_id, shared["bank", held.bank, "wealth"], -principal - interest),
        ],
        {
            "holding_id": str(held.holding_id),
            "product": held.product,
            "principal": format_yuan(principal),
            "interest": format_yuan(interest),
        },
    )


def _payee(book: Book, held: Holding, account_id: int | None, amount: Fen) -> Account:
    """Money goes back to where it came from (原路返回), so that no limit of an account can be got
    around by way of a product; only where that account is closed to another of the same person."""
    first = book.account((held.person_id, held.account_id))
    if account_id is None or account_id == first.account_id:
        if first.state == "closed":
            raise AccountClosed("account")
        return first
    if first.state != "closed":
        raise InvalidInput(
            "account",
            zh="资金退回购买时使用的账户",
            en="the money goes back to the account that it came from",
        )
    if not book.has((held.person_id, account_id)):
        raise NoSuchAccount("account")
    other = book.account((held.person_id, account_id))
    if other.kind != "bank":
        raise NoSuchAccount("account")
    bank_rules.check_incoming(other, amount, social=False, field="account")
    return other


async def _shared_of(platform: Platform, person_id: int, holding_id: int) -> dict[Shared, int]:
    async with platform.database.transaction(readonly=True) as connection:
        held = await holding(connection, person_id, holding_id)
    return await shared_of(platform, held.bank)


async def holding(connection: Connection, person_id: int, holding_id: int) -> Holding:
    """One holding of a person; raises NoSuchHolding."""
    found = await store.holding(connection, person_id, holding_id)
    if found is None:
        raise NoSuchHolding
    return found


async def holdings_of(
    connection: Connection, person_id: int, *, open_only: bool = False
) -> list[Holding]:
    """A person's holdings, open ones first; the open ones belong to the estate (遗产)."""
    return await store.holdings_of(connection, person_id, open_only=open_only)


async def check_holdings(connection: Connection) -> list[tuple[str, str, str]]:
    """What does not agree, as (where, expected, found): each bank's wealth account with the sum of
    its open holdings, and each open holding's interest with its terms."""
    return [*await store.banks_apart(connection), *await store.holdings_apart(connection)]
