"""The embedded bank (内置银行): the bank interface over our own ledger.

It keeps its own memory of orders, as another bank would, so that money in transit, outcomes and
statements are handled alike for all banks.
"""

from datetime import date, timedelta
from typing import Final

from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Unavailable
from yikatong.core.platform import Platform
from yikatong.money.bank import rules
from yikatong.money.bank.service import find_account
from yikatong.money.errors import MoneyRefused, NameDiffers, NoSuchAccount
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Command
from yikatong.money.ledger.model import Account, Entry, Transaction
from yikatong.money.outside import store
from yikatong.money.outside.interface import (
    EXPIRED_TEXT,
    BankStatement,
    Done,
    Instruction,
    Outcome,
    OutcomeUnknown,
    RefusalCode,
    Refused,
    day_start,
)
from yikatong.people import service as people
from yikatong.trust.audit import Actor

ACTOR: Final = Actor("system", "embedded-bank", "bank order")
CLOSES_AFTER: Final = timedelta(minutes=10)
"""A transaction decided before midnight has been committed or cut off by then."""


class Expired(MoneyRefused):
    """The instruction came behind its validity."""

    code = RefusalCode.EXPIRED

    def __init__(self) -> None:
        super().__init__(EXPIRED_TEXT.zh, EXPIRED_TEXT.en)


class EmbeddedBank:
    """A connector to the accounts that we keep for an issuing bank."""

    def __init__(self, platform: Platform, code: str) -> None:
        self._platform = platform
        self._code = code

    @property
    def code(self) -> str:
        return self._code

    async def instruct(self, order: Instruction) -> Outcome:
        """Raises OutcomeUnknown where the database is lost or the id was used for other content."""
        platform = self._platform
        clearing = ("bank", self._code, "clearing")
        try:
            shared_id = (await ledger.shared(platform, clearing))[clearing]
            return await ledger.carry_out(
                platform, lambda connection: self._work(connection, order, shared_id)
            )
        except Unavailable as error:
            raise OutcomeUnknown(self._code, error.code) from error

    async def _work(self, connection: Connection, order: Instruction, shared_id: int) -> Outcome:
        # Only what is kept anyway and keyed hashes of the rest: a hash of a number gives it away.
        content_hash = ledger.digest(
            [
                order.direction,
                order.amount,
                self._platform.vault.hash("account", order.account).hex(),
                self._platform.vault.hash("name", order.name).hex(),
                order.valid_until,
            ]
        )
        known = await store.embedded_outcome(connection, self._code, order.order_id)
        if known is not None:
            if known[0] != content_hash:
                raise OutcomeUnknown(self._code, "this order id came before with other content")
            return known[1]
        now = self._platform.clock.now()
        facts = {
            "bank": self._code,
            "order_id": order.order_id,
            "content_hash": content_hash,
            "direction": order.direction,
            "amount": order.amount,
            "number_tail": order.account[-4:],
        }
        try:
            done = await self._post(connection, order, content_hash, shared_id)
        except (MoneyRefused, NoSuchAccount, InvalidInput) as error:
            # A number that cannot be one is nobody's account.
            no_number = isinstance(error, InvalidInput)
            code = RefusalCode.NO_SUCH_ACCOUNT if no_number else error.code
            refusal = {
                "refusal_code": code,
                "refusal_zh": error.text.zh,
                "refusal_en": error.text.en,
                "at": now,
            }
            await store.insert_embedded(connection, facts | refusal)
            return Refused(code=code, text=error.text)
        booked = {
            "person_id": done.person_id,
            "transaction_id": done.transaction_id,
            "at": done.at,
        }
        await store.insert_embedded(connection, facts | booked)
        return Done(
            direction=order.direction,
            amount=order.amount,
            reference=str(done.transaction_id),
            at=done.at,
        )

    async def _post(
        self, connection: Connection, order: Instruction, content_hash: bytes, shared_id: int
    ) -> Transaction:
        platform = self._platform
        if platform.clock.now() > order.valid_until:
            raise Expired
        found: Account = await find_account(platform, connection, order.account)
        if found.bank != self._code:
            raise NoSuchAccount("account")
        names = await people.names(connection, [found.person_id])
        if names[found.person_id] != order.name:
            raise NameDiffers("name")
        command = Command(
            person_id=found.person_id,
            key=f"embedded-order:{order.order_id}",
            content_hash=content_hash,
            kind="bank_credit" if order.direction == "credit" else "bank_debit",
            actor=ACTOR,
        )
        book = await ledger.open_book(
            platform, connection, accounts=[found.key], keys=[(command.person_id, command.key)]
        )
        # Raises KeyReused where somebody took this key before; the bank's own memory has no such order.
        book.done_before(command)
        account = book.account(found.key)
        if order.direction == "credit":
            rules.check_incoming(account, order.amount, social=False, field="account")
        else:
            # The owner agreed when the mandate (扣款授权) was given, at the strongest level.
            rules.check_outgoing(
                account, order.amount, today(platform.clock), rules.STRONG, "account"
            )
        amount = order.amount if order.direction == "credit" else -order.amount
        done = book.post(
            command,
            [Entry(*found.key, amount), Entry(found.person_id, shared_id, -amount)],
            {"order_id": order.order_id, **({"memo": order.memo} if order.memo else {})},
            spent=max(0, -amount),
        )
        await ledger.write(connection, book)
        return done

    async def outcome_of(self, order_id: str) -> Outcome | None:
        """None where no such order has arrived. Raises OutcomeUnknown."""
        try:
            async with self._platform.database.transaction(readonly=True) as connection:
                known = await store.embedded_outcome(connection, self._code, order_id)
        except Unavailable as error:
            raise OutcomeUnknown(self._code, error.code) from error
        return known[1] if known else None

    async def statement(self, day: date) -> BankStatement:
        """What was carried out on a day. Raises OutcomeUnknown."""
        behind = day_start(day) + timedelta(days=1)
        # Asked before the rows are read: nothing of that day is added behind this moment.
        closed = self._platform.clock.now() >= behind + CLOSES_AFTER
        try:
            async with self._platform.database.transaction(readonly=True) as connection:
                rows = await store.embedded_rows(connection, self._code, day_start(day), behind)
        except Unavailable as error:
            raise OutcomeUnknown(self._code, error.code) from error
        return BankStatement(day=day, closed=closed, rows=rows)
