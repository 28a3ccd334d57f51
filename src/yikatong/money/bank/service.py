"""Use cases of bank accounts other than orders at the desk: open, freeze, hold, reverse, close."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from yikatong.core import ids
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.money.bank import rules
from yikatong.money.bank.banks import bank as bank_of
from yikatong.money.bank.banks import new_number, parse_number
from yikatong.money.errors import (
    AccountClosed,
    AlreadyReversed,
    KeyReused,
    MoneyRefused,
    NoSuchAccount,
    NoSuchTransaction,
    NotReversible,
    positive,
    printable,
)
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger import store as ledger_store
from yikatong.money.ledger.book import Book, Command
from yikatong.money.ledger.model import (
    CURRENCY,
    Account,
    Entry,
    Freeze,
    Hold,
    SharedKind,
    Transaction,
)
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

HOLD_MAX: Final = timedelta(days=366)
"""A hold runs out within so long."""
REVERSIBLE: Final = frozenset(("deposit", "withdrawal", "transfer", "capture"))


class NoSuchHold(NoSuchTransaction):
    """There is no such hold of this person."""

    code = "no_such_hold"


def command(person_id: int, key: str, kind: str, actor: Actor, *content: Any) -> Command:
    """A command whose content is compared by the values given."""
    return Command(person_id, key, ledger.digest([kind, *content]), kind, actor)


async def find_account(
    platform: Platform, connection: Connection, number: str, field: str = "account"
) -> Account:
    """The account of a number; raises InvalidInput, NoSuchAccount."""
    wanted = platform.vault.hash("account", parse_number(number, field))
    found = await ledger_store.find_numbers(connection, [wanted])
    if wanted not in found:
        raise NoSuchAccount(field)
    return await ledger.account(connection, *found[wanted])


async def account_number(platform: Platform, connection: Connection, account: Account) -> str:
    """The opened number of an account; the caller records why it looked."""
    sealed = await ledger_store.sealed_number(connection, *account.key)
    if sealed is None:
        raise NoSuchAccount("account")
    return platform.vault.open("account", account.person_id, sealed)


async def open_account(
    platform: Platform,
    person_id: int,
    bank_code: str,
    actor: Actor,
    *,
    account_class: int = 1,
) -> tuple[Account, str]:
    """Open an empty account at an issuing bank; answers it and its number.

    One of each class per person and bank (one of class I: 银发〔2016〕302号): asked again it answers
    the account that is there. Raises InvalidInput for an unknown bank or class, NotFound for nobody,
    MoneyRefused for a dead person.
    """

    async def work(connection: Connection) -> tuple[Account, str]:
        return await open_account_in(
            platform, connection, person_id, bank_code, actor, account_class=account_class
        )

    return await ledger.carry_out(platform, work)


async def open_account_in(
    platform: Platform,
    connection: Connection,
    person_id: int,
    bank_code: str,
    actor: Actor,
    *,
    account_class: int = 1,
) -> tuple[Account, str]:
    """As `open_account`, inside the caller's transaction (with a card comes its account)."""
    bank = bank_of(bank_code)
    if account_class not in (1, 2, 3):
        raise InvalidInput("class", zh="账户类别应为 1、2 或 3", en="the class is 1, 2 or 3")
    person = await people.get(connection, person_id)
    if person.died_on is not None:
        raise MoneyRefused(
            zh="此人已登记死亡，不能开户",
            en="the person's death is recorded; no account can be opened",
            field="person_id",
        )
    alike = [
        one
        for one in await ledger.accounts_of(connection, person_id)
        if (one.bank, one.account_class) == (bank_code, account_class)
    ]
    for one in alike:
        if one.state == "open":
            return one, await account_number(platform, connection, one)
    now = platform.clock.now()
    number = new_number(bank)
    account = new_account(person_id, ids.new_id(now), "bank", bank=bank_code, number=number)
    account.account_class = account_class
    await ledger_store.open_account(
        connection,
        account,
        now,
        platform.vault.seal("account", person_id, number),
        platform.vault.hash("account", number),
    )
    # The key is the n-th account of its kind: opened twice at once, only one is.
    key = f"open:{bank_code}:{account_class}:{len(alike)}"
    book = Book([account], draw_id=lambda: ids.new_id(now))
    book.note(command(person_id, key, "open", actor), account)
    await ledger.write(connection, book)
    account.version += 1
    detail: dict[str, object] = {"account_id": account.account_id, "bank": bank_code}
    await audit.record(connection, actor, now, person_id, "money.account_opened", detail)
    return account, number


def new_account(
    person_id: int,
    account_id: int,
    kind: Any,
    *,
    bank: str | None = None,
    region: str | None = None,
    number: str | None = None,
) -> Account:
    """An empty open account, not stored yet."""
    return Account(
        person_id=person_id,
        account_id=account_id,
        kind=kind,
        account_class=1 if bank else None,
        bank=bank,
        region=region,
        number_tail=number[-4:] if number else None,
        currency=CURRENCY,
        state="open",
        frozen=(),
        balance=0,
        held=0,
        floor=0,
        spent_day=None,
        spent_on_day=0,
        spent_in_year=0,
        last_transaction_id=0,
        version=1,
    )


async def freeze(
    platform: Platform,
    person_id: int,
    account_id: int,
    reason: Freeze,
    actor: Actor,
    key: str,
    *,
    document: str = "",
    lift: bool = False,
) -> Transaction:
    """Stop payments out of an account for a reason, or lift that reason; others stay.

    A court's freeze names its document, also when it is lifted.
    """
    check_document(reason, document)
    kind = "unfreeze" if lift else "freeze"
    mine = command(person_id, key, kind, actor, account_id, reason, document)

    async def work(connection: Connection) -> Transaction:
        return await freeze_in(platform, connection, mine, account_id, reason, document, lift=lift)

    return await ledger.carry_out(platform, work)


def check_document(reason: Freeze, document: str) -> None:
    """Raise InvalidInput where a court's order names no document."""
    if reason == "court" and not document.strip():
        raise InvalidInput(
            "document", zh="请填写法院文书文号", en="name the court's document and its number"
        )
    printable(document, "document")


async def freeze_in(
    platform: Platform,
    connection: Connection,
    mine: Command,
    account_id: int,
    reason: Freeze,
    document: str = "",
    *,
    lift: bool = False,
) -> Transaction:
    """As `freeze`, inside the caller's transaction (a loss report freezes card and account)."""
    key = (mine.person_id, account_id)
    book = await ledger.open_book(
        platform, connection, accounts=[key], keys=[(mine.person_id, mine.key)]
    )
    if (done := book.done_before(mine)) is not None:
        return done
    if not book.has(key):
        raise NoSuchAccount("account")
    account = book.account(key)
    if account.state == "closed":
        raise AccountClosed("account")
    done = (book.unfreeze if lift else book.freeze)(mine, account, reason)
    if document:
        done.detail["document"] = document
    await ledger.write(connection, book)
    return done


async def hold(
    platform: Platform,
    person_id: int,
    account_id: int,
    amount: Fen,
    actor: Actor,
    key: str,
    *,
    reason: str,
    expires_at: datetime | None = None,
    assurance: int = rules.PRESENT,
) -> Hold:
    """Set a sum aside on an account until it is captured, released or runs out.

    Raises what refuses a payment of the sum: the consent is given here, a capture asks no more.
    """
    printable(reason, "reason")
    now = platform.clock.now()
    if expires_at is not None and not now < expires_at <= now + HOLD_MAX:
        raise InvalidInput(
            "expires_at",
            zh=f"到期时间应在现在之后、{HOLD_MAX.days} 天以内",
            en=f"it must end after now, within {HOLD_MAX.days} days",
        )
    mine = command(person_id, key, "hold", actor, account_id, amount, reason, expires_at)

    async def work(connection: Connection) -> Hold:
        wanted = (person_id, account_id)
        book = await ledger.open_book(
            platform, connection, accounts=[wanted], keys=[(person_id, key)]
        )
        if (done := book.done_before(mine)) is not None:
            (found,) = await ledger_store.holds(connection, [(person_id, done.transaction_id)])
            return found
        if not book.has(wanted):
            raise NoSuchAccount("account")
        account = book.account(wanted)
        rules.check_outgoing(account, amount, today(platform.clock), assurance, "account")
        made = book.hold(mine, account, amount, reason=reason, expires_at=expires_at)
        await ledger.write(connection, book)
        return made

    return await ledger.carry_out(platform, work)


async def capture(
    platform: Platform,
    person_id: int,
    hold_id: int,
    amount: Fen,
    payee: tuple[SharedKind, str, str] | tuple[int, int],
    actor: Actor,
    key: str,
) -> Transaction:
    """Take a held sum, or less of it, for a payee; the rest of the hold is released with it.

    `payee` is a shared account (kind, owner, purpose) or a person's account.
    """
    positive(amount)
    mine = command(person_id, key, "capture", actor, hold_id, amount, payee)
    shared_id: int | None = None
    if len(payee) == 3:
        shared_id = (await ledger.shared(platform, payee))[payee]

    async def work(connection: Connection) -> Transaction:
        book, held = await _open_book(platform, connection, mine, hold_id, payee)
        own = (person_id, held.account_id)
        if (done := book.done_before(mine)) is not None:
            return done
        if payee == own:
            raise rules.same_account()
        if amount > held.amount:
            raise InvalidInput("amount", zh="不能超过冻结的金额", en="not more than what is held")
        if len(payee) == 2:
            if not book.has(payee):
                raise NoSuchAccount("to.account")
            rules.check_incoming(book.account(payee), amount, social=False)
            other = Entry(*payee, amount)
        else:
            assert shared_id is not None
            other = Entry(person_id, shared_id, amount)
        entries = [Entry(*own, -amount), other]
        detail = {"hold_id": str(hold_id)}
        done = book.post(mine, entries, detail, releasing=held, spent=amount)
        await ledger.write(connection, book)
        return done

    return await ledger.carry_out(platform, work)


async def _open_book(
    platform: Platform,
    connection: Connection,
    mine: Command,
    hold_id: int,
    payee: tuple[SharedKind, str, str] | tuple[int, int] | None = None,
) -> tuple[Book, Hold]:
    """A book over a hold's account (and the payee's), and the hold; raises NoSuchHold."""
    wanted = (mine.person_id, hold_id)
    found = await ledger_store.holds(connection, [wanted])
    if not found:
        raise NoSuchHold("hold_id")
    accounts = [(mine.person_id, found[0].account_id)]
    if payee is not None and len(payee) == 2:
        accounts.append(payee)
    # The hold once more, behind the account: closed by somebody in between, it is seen closed here,
    # or the account's version tells.
    book = await ledger.open_book(
        platform, connection, accounts=accounts, keys=[(mine.person_id, mine.key)], holds=[wanted]
    )
    held = book.hold_of(*wanted)
    assert held is not None, "a hold is never deleted"
    return book, held


async def release(
    platform: Platform,
    person_id: int,
    hold_id: int,
    actor: Actor,
    key: str,
    *,
    expired: bool = False,
) -> Transaction:
    """Give a held sum back; raises HoldClosed where it was captured or released before."""
    mine = command(person_id, key, "release", actor, hold_id)

    async def work(connection: Connection) -> Transaction:
        book, held = await _open_book(platform, connection, mine, hold_id)
        if (done := book.done_before(mine)) is not None:
            return done
        done = book.release(mine, held, expired=expired)
        await ledger.write(connection, book)
        return done

    return await ledger.carry_out(platform, work)


async def release_due(platform: Platform, actor: Actor, limit: int = 1000) -> int:
    """Release the holds that ran out; answers how many. Again and again it does the rest."""
    now = platform.clock.now()
    async with platform.database.transaction(readonly=True) as connection:
        due: Sequence[Hold] = await ledger_store.due_holds(connection, now, limit)
    for one in due:
        await release(
            platform, one.person_id, one.hold_id, actor, f"expiry:{one.hold_id}", expired=True
        )
    return len(due)


async def reverse(
    platform: Platform,
    person_id: int,
    transaction_id: int,
    actor: Actor,
    key: str,
    *,
    reason: str,
) -> Transaction:
    """Take a transaction back by a new one that points to it (冲正), for staff.

    Raises NoSuchTransaction, AlreadyReversed, NotReversible, and InsufficientFunds where the
    payee no longer has the money.
    """
    if not reason.strip():
        raise InvalidInput("reason", zh="请填写冲正原因", en="say why it is reversed")
    printable(reason, "reason")
    mine = command(person_id, key, "reversal", actor, transaction_id, reason)

    async def work(connection: Connection) -> Transaction:
        first, reversed_by = await ledger.transaction(connection, person_id, transaction_id)
        if reversed_by is not None:
            if reversed_by.key == key:
                return _same(reversed_by, mine)
            raise AlreadyReversed
        if first.kind not in REVERSIBLE:
            raise NotReversible(
                zh="这类业务不能直接冲正，请用对应的退款、赎回或解除功能",
                en="this kind is not reversed as such: use its own refund, redemption or release",
                field="transaction_id",
            )
        keys = [
            (one, account_id)
            for one, account_id, balance in zip(
                first.persons, first.accounts, first.balances, strict=True
            )
            if balance is not None
        ]
        book = await ledger.open_book(platform, connection, accounts=keys, keys=[(person_id, key)])
        if (done := book.done_before(mine)) is not None:
            return done
        entries = [Entry(one.person_id, one.account_id, -one.amount) for one in first.entries()]
        done = book.post(
            mine, entries, {"reason": reason, "kind": first.kind}, reverses=transaction_id
        )
        await ledger.write(connection, book)
        return done

    return await ledger.carry_out(platform, work)


def _same(done: Transaction, mine: Command) -> Transaction:
    if done.content_hash != mine.content_hash:
        raise KeyReused
    return done
