"""The bank desk (柜面): orders carried out in batches, each batch one transaction."""

from collections.abc import Hashable, Sequence
from typing import Final

from yikatong.core.clock import today
from yikatong.core.coalescing import Busy, Coalescer
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money.bank import orders
from yikatong.money.bank.banks import banks, parse_number
from yikatong.money.bank.orders import Desk, Order, Ref, Transfer
from yikatong.money.errors import KeyReused, NoSuchAccount, printable
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger import store as ledger_store
from yikatong.money.ledger.book import Command
from yikatong.money.ledger.model import Transaction
from yikatong.people import service as people

_Outcome = Transaction | YikatongError

_NUMBERS_KEPT_MAX: Final = 200_000
_BATCH_TRIES_MAX: Final = 4


class Teller:
    """Carries out orders; one per process, so that orders of the same moment meet."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._numbers: dict[str, tuple[int, int]] = {}
        """Accounts by number as they were looked up: a number never changes its account."""
        self._waiting: Coalescer[Order, Transaction] = Coalescer(self._run, _keys)

    def waiting(self) -> int:
        """How many wait at this moment."""
        return len(self._waiting)

    async def carry_out(self, order: Order) -> Transaction:
        """The order's transaction, new or from when its key was first used.

        Raises what is wrong with the order, Busy where too much waits, Unavailable where the
        outcome may be unknown: the same key then tells.
        """
        for field, ref in order.accounts():
            if isinstance(ref, str) and ref not in self._numbers:
                parse_number(ref, field)
        # Here, before it is in a batch: what the database cannot store would spoil all of it.
        printable(order.memo, "memo")
        return await self._waiting.submit(order)

    async def _run(self, batch: list[Order]) -> Sequence[_Outcome]:
        for number in range(_BATCH_TRIES_MAX):
            try:
                # Hardly any key was used before: the first try lets the database find out.
                return await self._together(batch, look_up=number > 0)
            except Conflict:
                continue
        # Somebody outside this desk keeps changing one of the accounts: that order alone waits.
        return [await self._alone(order) for order in batch]

    async def _alone(self, order: Order) -> _Outcome:
        async def work(connection: Connection) -> _Outcome:
            return (await self._decide(connection, [order], look_up=True))[0]

        try:
            return await ledger.carry_out(self._platform, work)
        except Busy as error:
            return error

    async def _together(self, batch: list[Order], *, look_up: bool) -> list[_Outcome]:
        async with self._platform.database.transaction() as connection:
            return await self._decide(connection, batch, look_up=look_up)

    async def _decide(
        self, connection: Connection, batch: list[Order], *, look_up: bool
    ) -> list[_Outcome]:
        """Decide one order after the other and write. Without `look_up` a key used before shows as
        a Conflict, or, where the order would now be refused, is looked up then."""
        platform = self._platform
        resolved = await self._resolve(connection, batch)
        commands = [_command(order, resolved) for order in batch]
        book = await ledger.open_book(
            platform,
            connection,
            accounts=set(resolved.values()),
            keys=[(one.person_id, one.key) for one in commands if isinstance(one, Command)]
            if look_up
            else (),
        )
        payees = {
            key[0]
            for order in batch
            if isinstance(order, Transfer) and (key := resolved.get(order.payee))
        }
        desk = Desk(
            book=book,
            resolved=resolved,
            names=await people.names(connection, payees) if payees else {},
            shared=await ledger.shared(platform, *(("bank", code, "cash") for code in banks())),
            day=today(platform.clock),
        )
        outcomes: list[_Outcome] = []
        for order, command in zip(batch, commands, strict=True):
            if isinstance(command, YikatongError):
                outcomes.append(command)
                continue
            try:
                done = book.done_before(command)
                outcomes.append(done or orders.decide(order, command, desk))
            except YikatongError as error:
                outcomes.append(error)
        if not look_up:
            await self._remember(connection, commands, outcomes)
        if book.transactions:
            await ledger.write(connection, book)
        return outcomes

    async def _remember(
        self,
        connection: Connection,
        commands: list[Command | YikatongError],
        outcomes: list[_Outcome],
    ) -> None:
        """Answer a refused order whose key was used before as it was answered then."""
        refused = {
            (command.person_id, command.key): number
            for number, (command, outcome) in enumerate(zip(commands, outcomes, strict=True))
            if isinstance(command, Command) and isinstance(outcome, YikatongError)
        }
        if not refused:
            return
        for done in await ledger_store.transactions_by_key(connection, refused):
            number = refused[done.person_id, done.key]
            command = commands[number]
            assert isinstance(command, Command)
            same = done.content_hash == command.content_hash
            outcomes[number] = done if same else KeyReused()

    async def _resolve(
        self, connection: Connection, batch: list[Order]
    ) -> dict[Ref, tuple[int, int]]:
        refs = {ref for order in batch for _, ref in order.accounts()}
        resolved: dict[Ref, tuple[int, int]] = {}
        unknown: dict[bytes, str] = {}
        for ref in refs:
            if not isinstance(ref, str):
                resolved[ref] = ref
            elif (key := self._numbers.get(ref)) is not None:
                resolved[ref] = key
            else:
                unknown[self._platform.vault.hash("account", parse_number(ref, ""))] = ref
        if unknown:
            if len(self._numbers) > _NUMBERS_KEPT_MAX:
                self._numbers.clear()
            for number_hash, key in (
                await ledger_store.find_numbers(connection, list(unknown))
            ).items():
                self._numbers[unknown[number_hash]] = key
                resolved[unknown[number_hash]] = key
        return resolved


def _command(order: Order, resolved: dict[Ref, tuple[int, int]]) -> Command | YikatongError:
    field, first = order.accounts()[0]
    key = resolved.get(first)
    if key is None:
        return NoSuchAccount(field)
    return Command(
        person_id=key[0],
        key=order.key,
        content_hash=ledger.digest(orders.content_of(order, resolved)),
        kind=orders.kind_of(order),
        actor=order.actor,
    )


def _keys(order: Order) -> list[Hashable]:
    return [ref for _, ref in order.accounts()]
