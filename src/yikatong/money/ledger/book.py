"""The book: accounts in memory, commands decided against them one after the other, no I/O.

A command either goes in whole or raises and leaves the book as it was. `store.write` then writes
what was decided; the accounts' versions prove that nobody else changed them meanwhile.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from yikatong.core import ids
from yikatong.core.money import AMOUNT_MAX, Fen, format_yuan
from yikatong.money.errors import (
    AccountClosed,
    AlreadyReversed,
    HoldClosed,
    InsufficientFunds,
    KeyReused,
    positive,
)
from yikatong.money.ledger.model import CURRENCY, Account, Entry, Freeze, Hold, Transaction
from yikatong.trust.audit import Actor

_ID_MAX = 2**63 - 1


class Command(msgspec.Struct, frozen=True):
    """What every command carries: whose it is, its idempotency key, its content, who sent it."""

    person_id: int
    key: str
    content_hash: bytes
    kind: str
    actor: Actor


class Book:
    """Accounts and what was decided on them since they were read."""

    def __init__(
        self,
        accounts: Iterable[Account],
        known: Iterable[Transaction] = (),
        *,
        draw_id: Callable[[], int],
    ) -> None:
        self._accounts = {account.key: account for account in accounts}
        self._known = {(one.person_id, one.key): one for one in known}
        self._draw_id = draw_id
        self.touched: dict[tuple[int, int], Account] = {}
        self.transactions: list[Transaction] = []
        self.holds: dict[tuple[int, int], Hold] = {}
        """Holds made or closed here, as they will be stored."""
        self._read_holds: dict[tuple[int, int], Hold] = {}
        self._reversed: set[tuple[int, int]] = set()

    def has(self, key: tuple[int, int]) -> bool:
        return key in self._accounts

    def account(self, key: tuple[int, int]) -> Account:
        """The account as it stands after everything decided so far."""
        return self._accounts[key]

    def give_account(self, account: Account) -> None:
        """An account that was read behind the others."""
        self._accounts.setdefault(account.key, account)

    def give_hold(self, hold: Hold) -> None:
        """A hold that was read; later commands may capture or release it."""
        self._read_holds.setdefault((hold.person_id, hold.hold_id), hold)

    def hold_of(self, person_id: int, hold_id: int) -> Hold | None:
        key = (person_id, hold_id)
        return self.holds.get(key) or self._read_holds.get(key)

    def done_before(self, command: Command) -> Transaction | None:
        """The transaction this command already led to; raises KeyReused for other content."""
        known = self._known.get((command.person_id, command.key))
        if known is not None and known.content_hash != command.content_hash:
            raise KeyReused
        return known

    def post(
        self,
        command: Command,
        entries: Sequence[Entry],
        detail: dict[str, Any] | None = None,
        *,
        reverses: int | None = None,
        releasing: Hold | None = None,
        spent: Fen = 0,
    ) -> Transaction:
        """Put a transaction in: entries sum to zero, one per account, none zero.

        `releasing` gives a hold's sum back first (its rest is released with it). `spent` counts
        towards the day and year limits of the first entry's account. Raises InsufficientFunds
        where a balance would fall below its floor, AccountClosed, AlreadyReversed.
        """
        assert entries
        assert sum(entry.amount for entry in entries) == 0, "a transaction sums to zero"
        assert all(entry.amount and abs(entry.amount) <= AMOUNT_MAX for entry in entries)
        keys = [(entry.person_id, entry.account_id) for entry in entries]
        assert len(set(keys)) == len(keys), "one entry per account"
        if reverses is not None and (command.person_id, reverses) in self._reversed:
            raise AlreadyReversed
        if releasing is not None and releasing.state != "active":
            raise HoldClosed(releasing.state)
        mine = [(self._accounts.get(key), entry) for key, entry in zip(keys, entries, strict=True)]
        for account, entry in mine:
            if account is None:
                continue
            assert account.currency == CURRENCY
            if account.state == "closed":
                raise AccountClosed("account")
            freed = (
                releasing.amount if releasing and releasing.account_id == account.account_id else 0
            )
            if entry.amount < 0 and account.available + freed + entry.amount < 0:
                raise InsufficientFunds(account.available + freed)
        # From here on nothing refuses.
        transaction_id = self._next_id(account for account, _ in mine if account)
        balances: list[Fen | None] = []
        for account, entry in mine:
            if account is None:
                balances.append(None)
                continue
            account.balance += entry.amount
            balances.append(account.balance)
            self._touch(account, transaction_id)
        if releasing is not None:
            taken = -next(e.amount for e in entries if e.account_id == releasing.account_id)
            self._close_hold(releasing, "captured", transaction_id, captured=taken)
        payer = mine[0][0]
        at = ids.time_of(transaction_id)
        if spent and payer is not None:
            day = at.date()
            on_day, in_year = payer.spent(day)
            payer.spent_day = day
            payer.spent_on_day, payer.spent_in_year = on_day + spent, in_year + spent
        if reverses is not None:
            self._reversed.add((command.person_id, reverses))
        return self._record(
            Transaction(
                person_id=command.person_id,
                transaction_id=transaction_id,
                key=command.key,
                content_hash=command.content_hash,
                kind=command.kind,
                at=at,
                actor_kind=command.actor.kind,
                actor=command.actor.name,
                currency=CURRENCY,
                persons=[entry.person_id for entry in entries],
                accounts=[entry.account_id for entry in entries],
                amounts=[entry.amount for entry in entries],
                balances=balances,
                reverses=reverses,
                detail=detail or {},
            )
        )

    def note(
        self, command: Command, account: Account | None, detail: dict[str, Any] | None = None
    ) -> Transaction:
        """Put in a command that moves no money: it changes an account (hold, freeze, close), or only
        takes its key, so that nothing else can."""
        transaction_id = self._next_id(() if account is None else (account,))
        about: dict[str, Any] = {}
        if account is not None:
            self._touch(account, transaction_id)
            about = {"account_id": str(account.account_id)}
        return self._record(
            Transaction(
                person_id=command.person_id,
                transaction_id=transaction_id,
                key=command.key,
                content_hash=command.content_hash,
                kind=command.kind,
                at=ids.time_of(transaction_id),
                actor_kind=command.actor.kind,
                actor=command.actor.name,
                currency=CURRENCY,
                persons=[],
                accounts=[],
                amounts=[],
                balances=[],
                reverses=None,
                detail={**about, **(detail or {})},
            )
        )

    def hold(
        self,
        command: Command,
        account: Account,
        amount: Fen,
        *,
        reason: str,
        expires_at: datetime | None,
    ) -> Hold:
        """Set a sum aside; raises InsufficientFunds, AccountClosed."""
        positive(amount)
        if account.state == "closed":
            raise AccountClosed("account")
        if account.available < amount:
            raise InsufficientFunds(account.available)
        account.held += amount
        detail = {"amount": format_yuan(amount), "reason": reason}
        done = self.note(command, account, detail)
        hold = Hold(
            person_id=account.person_id,
            hold_id=done.transaction_id,
            account_id=account.account_id,
            amount=amount,
            captured=0,
            state="active",
            reason=reason,
            expires_at=expires_at,
            closed_by=None,
        )
        self.holds[hold.person_id, hold.hold_id] = hold
        return hold

    def release(self, command: Command, hold: Hold, *, expired: bool = False) -> Transaction:
        """Give a held sum back; raises HoldClosed."""
        if hold.state != "active":
            raise HoldClosed(hold.state)
        account = self._accounts[hold.person_id, hold.account_id]
        detail = {"hold_id": str(hold.hold_id), "amount": format_yuan(hold.amount)}
        done = self.note(command, account, detail)
        self._close_hold(hold, "expired" if expired else "released", done.transaction_id)
        return done

    def freeze(self, command: Command, account: Account, reason: Freeze) -> Transaction:
        """Stop payments out of the account for one reason; frozen already for it: nothing new."""
        if reason not in account.frozen:
            account.frozen = (*account.frozen, reason)
        return self.note(command, account, {"reason": reason})

    def unfreeze(self, command: Command, account: Account, reason: Freeze) -> Transaction:
        """Lift one reason; others stay."""
        account.frozen = tuple(one for one in account.frozen if one != reason)
        return self.note(command, account, {"reason": reason})

    def close(self, command: Command, account: Account) -> Transaction:
        """Close an empty account; the caller has moved what was on it."""
        assert account.balance == 0, "an account is emptied before it is closed"
        assert account.held == 0, "holds are closed before the account"
        account.state = "closed"
        return self.note(command, account)

    def _close_hold(self, hold: Hold, state: Any, by: int, captured: Fen = 0) -> None:
        if hold.state != "active":
            raise HoldClosed(hold.state)
        account = self._accounts[hold.person_id, hold.account_id]
        account.held -= hold.amount
        assert account.held >= 0
        assert account.available >= 0 or account.balance >= account.floor
        self.holds[hold.person_id, hold.hold_id] = msgspec.structs.replace(
            hold, state=state, captured=captured, closed_by=by
        )

    def _next_id(self, accounts: Iterable[Account]) -> int:
        """Behind every earlier transaction of these accounts, whichever process made those."""
        behind = max((account.last_transaction_id for account in accounts), default=0)
        drawn = max(self._draw_id(), behind + 1)
        assert drawn < _ID_MAX
        return drawn

    def _touch(self, account: Account, transaction_id: int) -> None:
        account.last_transaction_id = transaction_id
        self.touched[account.key] = account

    def _record(self, transaction: Transaction) -> Transaction:
        self.transactions.append(transaction)
        self._known[transaction.person_id, transaction.key] = transaction
        return transaction
