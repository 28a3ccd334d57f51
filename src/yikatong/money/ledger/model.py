"""Types of the ledger: account, entry, transaction, hold."""

from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from yikatong.core.money import Fen

NOBODY: Final = 0
"""The person_id of transactions between shared accounts only."""
CURRENCY: Final = "CNY"

Freeze = Literal["loss_report", "court", "death"]
"""止付原因: why no money goes out of an account."""

FREEZES: Final[tuple[Freeze, ...]] = ("death", "court", "loss_report")
"""The gravest first: it must be solved before the others."""

SharedKind = Literal["fund", "provider", "agency", "bank"]


class Account(msgspec.Struct):
    """A person's account (账户) as it was read, changed in memory until it is written.

    Amounts are fen; `balance - held` is never below `floor`.
    """

    person_id: int
    account_id: int
    kind: Literal["bank", "medical"]
    account_class: int | None
    """Bank accounts: I, II or III 类户 (银发〔2015〕392号)."""
    bank: str | None
    region: str | None
    """Medical accounts: the insured region (参保地)."""
    number_tail: str | None
    currency: str
    state: Literal["open", "closed"]
    frozen: tuple[Freeze, ...]
    balance: Fen
    held: Fen
    floor: Fen
    spent_day: date | None
    spent_on_day: Fen
    spent_in_year: Fen
    last_transaction_id: int
    version: int

    @property
    def key(self) -> tuple[int, int]:
        return (self.person_id, self.account_id)

    @property
    def available(self) -> Fen:
        """What may go out now: the balance less what is held and the floor."""
        return self.balance - self.held - self.floor

    @property
    def frozen_by(self) -> Freeze | None:
        """The gravest reason: death stands above a court, a court above a loss report."""
        return next((one for one in FREEZES if one in self.frozen), None)

    def spent(self, day: date) -> tuple[Fen, Fen]:
        """What went out on the day, and in its year until then."""
        if self.spent_day is None or self.spent_day.year != day.year:
            return 0, 0
        return (self.spent_on_day if self.spent_day == day else 0), self.spent_in_year


class Entry(msgspec.Struct, frozen=True):
    """One side of a transaction (分录): + in favour of the account's owner (贷), - against (借).

    For a shared account `person_id` is whose transaction it is, or NOBODY.
    """

    person_id: int
    account_id: int
    amount: Fen


class Transaction(msgspec.Struct, frozen=True):
    """A command that was carried out (流水): the entries sum to zero; none where money was only
    held or an account frozen."""

    person_id: int
    transaction_id: int
    key: str
    content_hash: bytes
    kind: str
    at: datetime
    actor_kind: str
    actor: str
    currency: str
    persons: list[int]
    accounts: list[int]
    amounts: list[Fen]
    balances: list[Fen | None]
    reverses: int | None
    detail: dict[str, Any]

    def entries(self) -> list[Entry]:
        return [
            Entry(*parts) for parts in zip(self.persons, self.accounts, self.amounts, strict=True)
        ]

    def balance_after(self, account: Account | tuple[int, int]) -> Fen | None:
        """The account's balance behind this transaction; None where it has no part in it."""
        wanted = account.key if isinstance(account, Account) else account
        for person_id, account_id, balance in zip(
            self.persons, self.accounts, self.balances, strict=True
        ):
            if (person_id, account_id) == wanted:
                return balance
        return None


class Hold(msgspec.Struct, frozen=True):
    """A sum set aside on an account (冻结、预授权)."""

    person_id: int
    hold_id: int
    account_id: int
    amount: Fen
    captured: Fen
    state: Literal["active", "captured", "released", "expired"]
    reason: str
    expires_at: datetime | None
    closed_by: int | None


class SharedAccount(msgspec.Struct, frozen=True):
    """An account of a fund (基金), a provider (定点机构), an agency (经办机构) or a bank (银行)."""

    account_id: int
    kind: SharedKind
    owner: str
    purpose: str
    currency: str


class StatementLine(msgspec.Struct, frozen=True):
    """One line of a statement (对账单)."""

    transaction_id: int
    at: datetime
    kind: str
    amount: Fen
    balance_after: Fen | None
    detail: dict[str, Any]
    about_person_id: int


class Statement(msgspec.Struct, frozen=True):
    """What went through an account between two days; opening + lines = closing."""

    account: Account
    since: date
    until: date
    opening: Fen
    closing: Fen
    lines: list[StatementLine]
    more: bool
    """Whether there are older lines than the limit let through (opening is then theirs)."""
