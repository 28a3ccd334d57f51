"""The care desk: orders of providers, carried out in batches, each batch one database transaction.

Each message is recorded with its first answer in the same transaction as what it did: the same
message again gets that answer, and nothing happens twice.
"""

import asyncio
import random
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from asyncpg import DeadlockDetectedError

from yikatong.core.coalescing import Coalescer
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict, change_together
from yikatong.identity.ecards.codes import Codes, refusal_or
from yikatong.identity.ecards.errors import CodeRefused
from yikatong.identity.ecards.model import OpenedCode
from yikatong.medical.catalog_book import CatalogBook
from yikatong.medical.filings import choice
from yikatong.medical.filings import service as filings
from yikatong.medical.filings.errors import FilingEnded, NoSuchChoice
from yikatong.medical.visits import (
    looks,
    orders,
    reversing,
    settling,
    store,
    undoing,
    uploading,
    visiting,
)
from yikatong.medical.visits.errors import MessageReused, MessageUndone
from yikatong.medical.visits.orders import Order, Result, Sender, Undone
from yikatong.medical.visits.store import Message
from yikatong.medical.visits.work import Job, Work, certificate_of
from yikatong.money.ledger import service as ledger
from yikatong.trust import audit
from yikatong.trust.audit import Actor

Render: TypeAlias = Callable[[Result | YikatongError], bytes]
"""Writes the answer in the words of whoever asked."""

FilingOrder: TypeAlias = (
    orders.FileTransfer | orders.WithdrawFiling | orders.ChooseProvider | orders.DropProvider
)
_FILING_ORDERS: Final = (
    orders.FileTransfer, orders.WithdrawFiling, orders.ChooseProvider, orders.DropProvider,
)  # fmt: skip
_WRITE_THEMSELVES: Final = (*_FILING_ORDERS, orders.Undo)
_BATCH_TRIES_MAX: Final = 4
_log = structlog.stdlib.get_logger("yikatong.care")

_DECIDE: Final[dict[type[Any], Callable[[Any, Sender, Work], Result]]] = {
    orders.Identify: looks.identify,
    orders.CheckEntitlement: looks.check_entitlement,
    orders.AskAccumulated: looks.ask_accumulated,
    orders.AskChronic: looks.ask_chronic,
    orders.Register: visiting.register,
    orders.See: visiting.see,
    orders.CancelVisit: visiting.cancel,
    orders.Admit: visiting.admit,
    orders.Amend: visiting.amend,
    orders.Discharge: visiting.discharge,
    orders.CancelDischarge: visiting.cancel_discharge,
    orders.AddLines: uploading.add_lines,
    orders.WithdrawLines: uploading.withdraw_lines,
    orders.Settle: settling.settle,
    orders.Sell: settling.sell,
    orders.Reverse: reversing.reverse,
}


class Call(msgspec.Struct, frozen=True, eq=False):
    """An order with who sent it and how its answer is written."""

    sender: Sender
    order: Order
    render: Render
    shown: OpenedCode | CodeRefused | None = None
    """Of an order that shows an e-card: what its code says, or why it says nothing."""


class CareDesk:
    """Carries out orders; one per process, so that orders of the same moment meet."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._catalog = CatalogBook()
        self._codes = Codes(platform)
        self._named: set[tuple[str, str, str, str]] = set()
        """Of which providers and insured regions the shared accounts are known."""
        self._shared: dict[tuple[str, str, str], int] = {}
        # A database on these same processors is kept busy by one batch, and larger batches cost each
        # order less, so that it is worth a moment's wait; to one behind a network several are on the way.
        near = not platform.settings.database_url
        self._waiting: Coalescer[Call, bytes] = Coalescer(
            self._run, _keys, apart=True, in_flight_max=1 if near else 3, gather=near
        )

    def waiting(self) -> int:
        """How many wait at this moment."""
        return len(self._waiting)

    async def answer(self, sender: Sender, order: Order, render: Render) -> bytes:
        """The answer to an order, new or from when its message first came.

        What is wrong with the order is an answer too. Raises Busy where too much waits, Unavailable
        where the outcome may be unknown: the same message then tells.
        """
        certificate = certificate_of(order)
        shown = None
        if certificate is not None and certificate.kind == "e_card":
            # Before it is in a batch: the keys may have to be read, and whose it is keeps orders apart.
            shown = await refusal_or(self._codes, certificate.number)
        return await self._waiting.submit(Call(sender, order, render, shown))

    def put(self, sender: Sender, order: Order, render: Render) -> "asyncio.Future[bytes] | None":
        """As `answer`, without waiting; None where something must be read before (an e-card)."""
        certificate = certificate_of(order)
        if certificate is not None and certificate.kind == "e_card":
            return None
        return self._waiting.put(Call(sender, order, render))

    async def _run(self, calls: list[Call]) -> Sequence[bytes | YikatongError]:
        # Rows are locked in the order of persons everywhere, so that the batches of two processes
        # wait for each other, but never in a circle.
        places = sorted(range(len(calls)), key=lambda at: _person_number(calls[at].order))
        answers = await self._in_order([calls[at] for at in places])
        found = dict(zip(places, answers, strict=True))
        return [found[at] for at in range(len(calls))]

    async def _in_order(self, calls: list[Call]) -> Sequence[bytes | YikatongError]:
        for number in range(_BATCH_TRIES_MAX):
            try:
                # Hardly any message came before: the first try lets the database find out.
                return await self._together(calls, look_up=number > 0)
            except (Conflict, DeadlockDetectedError):
                # Apart by chance, so that two processes do not meet over the same person again.
                await asyncio.sleep(random.random() * 0.004 * 2**number)  # noqa: S311
            except YikatongError:
                raise
            except Exception:
                if len(calls) == 1:
                    raise
                # One of them is beyond what was foreseen; the others are carried out.
                _log.exception("a batch failed and is carried out one by one")
                break
        return [await self._alone(call) for call in calls]

    async def _alone(self, call: Call) -> bytes | YikatongError:
        async def work(connection: Connection) -> bytes | YikatongError:
            return (await self._decide(connection, [call], look_up=True))[0]

        try:
            return await ledger.carry_out(self._platform, work)
        except YikatongError as error:
            return error
        except Exception:
            _log.exception("an order failed", transaction=call.sender.transaction_code)
            return YikatongError(
                zh="系统出现意外错误，已经记录，没有任何改动",
                en="an unexpected error happened and was recorded; nothing was changed",
            )

    async def _together(self, calls: list[Call], *, look_up: bool) -> list[bytes | YikatongError]:
        # What writes by itself needs a transaction around it; the others' changes are one statement.
        own = any(
            isinstance(call.order, _WRITE_THEMSELVES) or call.shown is not None for call in calls
        )
        database = self._platform.database
        async with database.transaction() if own else database.connection() as connection:
            return await self._decide(connection, calls, look_up=look_up)

    async def _decide(
        self, connection: Connection, calls: list[Call], *, look_up: bool
    ) -> list[bytes | YikatongError]:
        """Decide one order after the other and write; without `look_up` a message that came before
        shows as a Conflict."""
        answers: list[bytes | YikatongError | None] = [None] * len(calls)
        if look_up:
            known = await store.messages(connection, [_key(call.sender) for call in calls])
            answers = [_repeated(call, known.get(_key(call.sender))) for call in calls]
        new = [number for number, answer in enumerate(answers) if answer is None]
        work = Work(self._platform, self._catalog)
        jobs = [
            Job(calls[number].sender, calls[number].order, shown=calls[number].shown)
            for number in new
        ]
        await undoing.resolve(connection, jobs)
        await work.read(connection, jobs)
        await self._name_shared(work, jobs)
        seen: list[tuple[Actor, int, str, dict[str, object]]] = []
        for number, job in zip(new, jobs, strict=True):
            call = calls[number]
            outcome = await self._outcome(connection, job, work)
            answers[number] = answer = call.render(outcome)
            work.new_messages.append(_message(job, outcome, answer, work))
            person_id = _person_of(job, work)
            if person_id is None and isinstance(job.shown, OpenedCode):
                # A code that was refused is its holder's all the same.
                person_id = job.shown.person_id
            if person_id is not None:
                seen.append(_seen(job, outcome, person_id, work))
        changes = work.changes()
        if seen:
            told = audit.events([one[0] for one in seen], work.now, [one[1:] for one in seen])
            changes.append(told)
        await change_together(connection, changes)
        return [answer for answer in answers if answer is not None]

    async def _outcome(
        self, connection: Connection, job: Job, work: Work
    ) -> Result | YikatongError:
        order = job.effective
        try:
            done: Result | None = None
            if isinstance(order, _FILING_ORDERS):
                try:
                    done = await self._file(connection, order, job.sender, work)
                except (FilingEnded, NoSuchChoice):
                    if not isinstance(job.order, orders.Undo):
                        raise
                    job.acts_as = None  # it was taken back already
            if isinstance(job.order, orders.Undo):
                return undoing.undo(job, work, _carry_out, done)
            return done or _carry_out(order, job.sender, work)
        except YikatongError as error:
            return error

    async def _file(
        self, connection: Connection, order: FilingOrder, sender: Sender, work: Work
    ) -> Result:
        """Filings and choices by a provider: few, so each reads and writes by itself."""
        provider = sender.provider
        work.person(order.person_id, sender)
        match order:
            case orders.FileTransfer():
                made = await filings.file_transfer(self._platform, connection, provider, order)
                return orders.FilingDone(made)
            case orders.WithdrawFiling():
                ended = await filings.withdraw_transfer(self._platform, connection, provider, order)
                return orders.FilingDone(ended)
            case orders.ChooseProvider():
                return await choice.choose_provider(self._platform, connection, provider, order)
            case orders.DropProvider():
                return await choice.drop_provider(self._platform, connection, provider, order)

    async def _name_shared(self, work: Work, jobs: Sequence[Job]) -> None:
        wanted = {
            (
                job.sender.provider.provider_code, job.sender.provider.pooling_region,
                enrolment.region, enrolment.insurance,
            )
            for job in jobs
            if isinstance(job.effective, (orders.Settle, orders.Sell)) and job.effective.commit
            for enrolment in work.enrolments.get(job.effective.person_id, ())
            if enrolment.insurance in settling.FUND_OF
        }  # fmt: skip
        # They never change, and hardly any is new.
        if new := wanted - self._named:
            self._shared |= await ledger.shared(self._platform, *settling.shared_names(new))
            self._named |= new
        work.shared = self._shared


def _carry_out(order: Order, sender: Sender, work: Work) -> Result:
    return _DECIDE[type(order)](order, sender, work)


def _person_number(order: Order) -> int:
    return 0 if isinstance(order, orders.Identify) else order.person_id


def _key(sender: Sender) -> tuple[str, str]:
    return sender.provider.provider_code, sender.message_id


def _keys(call: Call) -> list[Hashable]:
    """What keeps calls apart: the message, and the person."""
    order = call.order
    if not isinstance(order, orders.Identify):
        person: Hashable = order.person_id
    elif isinstance(call.shown, OpenedCode):
        person = call.shown.person_id
    else:
        person = order.certificate.number
    keys: list[Hashable] = [_key(call.sender), person]
    # A code stands in one batch at a time, whomever it is shown for.
    if isinstance(call.shown, OpenedCode) and call.shown.person_id != person:
        keys.append(call.shown.person_id)
    return keys


def _repeated(call: Call, known: Message | None) -> bytes | YikatongError | None:
    if known is None:
        return None
    if known.undone_by is not None:
        return call.render(MessageUndone(known.undone_by))
    if known.content_hash != call.sender.content_hash:
        return call.render(MessageReused(known.transaction_code))
    return known.answer


def _message(job: Job, outcome: Result | YikatongError, answer: bytes, work: Work) -> Message:
    sender, order = job.sender, job.order
    visit_id, refers = _refers(outcome)
    return Message(
        provider_code=sender.provider.provider_code,
        message_id=sender.message_id,
        transaction_code=sender.transaction_code,
        content_hash=sender.content_hash,
        kind=type(order).__name__,
        person_id=_person_of(job, work),
        visit_id=visit_id,
        refers=refers,
        succeeded=not isinstance(outcome, YikatongError),
        at=work.now,
        answer=answer,
    )


def _refers(outcome: Result | YikatongError) -> tuple[int | None, int | None]:
    match outcome:
        case orders.Settled():
            return outcome.settlement.visit_id, outcome.settlement.settlement_id or None
        case orders.VisitDone():
            return outcome.visit.visit_id, outcome.visit.visit_id
        case orders.LinesDone():
            return outcome.visit_id, outcome.batch_id
        case orders.FilingDone():
            return None, outcome.filing.filing_id
        case orders.ChoiceDone(number, new=True):
            return None, int(number)
        case _:
            return None, None


def _person_of(job: Job, work: Work) -> int | None:
    order = job.order
    if isinstance(order, orders.Identify):
        return work.certificates.get((order.certificate.kind, order.certificate.number))
    return order.person_id if order.person_id in work.persons else None


def _seen(
    job: Job, outcome: Result | YikatongError, person_id: int, work: Work
) -> tuple[Actor, int, str, dict[str, object]]:
    detail: dict[str, object] = {"transaction": job.sender.transaction_code}
    _, refers = _refers(outcome)
    if refers is not None:
        detail["refers"] = str(refers)
    if isinstance(outcome, YikatongError):
        detail["refused"] = outcome.code
        certificate = certificate_of(job.order)
        if certificate is not None and certificate.number in work.refused_codes:
            detail["e_card"] = work.refused_codes[certificate.number].code
    if isinstance(outcome, Undone):
        detail["found"] = outcome.found
    kind = type(job.order).__name__
    if isinstance(job.order, (orders.Settle, orders.Sell)) and not job.order.commit:
        kind = "Quote"
    return (
        _actor(job.sender.provider.provider_code),
        person_id,
        f"care.{kind.lower()}",
        detail,
    )


@lru_cache(maxsize=4096)
def _actor(provider_code: str) -> Actor:
    return Actor("provider", provider_code, "care and its settlement")
