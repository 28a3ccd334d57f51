"""Reversal by message id (冲正): the provider got no answer and does not know what happened.

It succeeds too where there was nothing to take back, and says which. A message that never came is
noted as taken back, so that it does nothing where it still comes.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.medical.visits import orders, store
from yikatong.medical.visits.errors import CareRefused
from yikatong.medical.visits.orders import Order, Result, Sender, Undone
from yikatong.medical.visits.store import Message
from yikatong.medical.visits.work import Job, Work

_STANDS: Final = frozenset(
    ("Reverse", "CancelVisit", "CancelDischarge", "WithdrawLines", "Undo", "WithdrawFiling",
     "DropProvider")
)  # fmt: skip
"""Orders that took something back themselves: what they took back is done anew, not revived."""


async def resolve(connection: Connection, jobs: Sequence[Job]) -> None:
    """Find what reversals take back: the message, or the visit of a settlement."""
    await _find_visits(connection, jobs)
    wanted = [
        (job.sender.provider.provider_code, job.order.message_id)
        for job in jobs
        if isinstance(job.order, orders.Undo)
    ]
    if not wanted:
        return
    known = await store.messages(connection, wanted)
    for job in jobs:
        if isinstance(job.order, orders.Undo):
            key = (job.sender.provider.provider_code, job.order.message_id)
            job.original = known.get(key)
            if job.original is not None and _may_act(job.original, job.order):
                job.acts_as = _opposite(job.original)


async def _find_visits(connection: Connection, jobs: Sequence[Job]) -> None:
    unknown = [
        (job, job.order)
        for job in jobs
        if isinstance(job.order, orders.Reverse) and job.order.visit_id is None
    ]
    if not unknown:
        return
    found = await store.settlements(
        connection, [(order.person_id, order.settlement_id) for _, order in unknown]
    )
    for job, order in unknown:
        settlement = found.get((order.person_id, order.settlement_id))
        if settlement is not None:
            job.acts_as = msgspec.structs.replace(order, visit_id=settlement.visit_id)


def _may_act(original: Message, order: orders.Undo) -> bool:
    return (
        original.succeeded
        and original.undone_by is None
        and original.person_id == order.person_id
        and original.transaction_code == order.transaction_code
    )


def _opposite(original: Message) -> Order | None:
    """The order that takes back what a message did."""
    person_id, visit_id, refers = original.person_id, original.visit_id, original.refers
    if person_id is None or refers is None:
        return None
    found: Order | None = None
    match original.kind:
        case "Settle" | "Sell":
            assert visit_id is not None
            found = orders.Reverse(person_id=person_id, settlement_id=refers, visit_id=visit_id)
        case "Register" | "Admit":
            found = orders.CancelVisit(person_id=person_id, visit_id=refers)
        case "AddLines":
            assert visit_id is not None
            found = orders.WithdrawLines(person_id=person_id, visit_id=visit_id, batch_id=refers)
        case "Discharge":
            found = orders.CancelDischarge(person_id=person_id, visit_id=refers)
        case "FileTransfer":
            found = orders.WithdrawFiling(person_id=person_id, filing_id=refers)
        case "ChooseProvider":
            found = orders.DropProvider(person_id=person_id, provider_code=original.provider_code)
        case _:
            pass
    return found


def _is_back(order: Order, work: Work) -> bool:
    """Whether what an order takes back was taken back already, by its own transaction."""
    match order:
        case orders.Reverse():
            made = work.settlements.get((order.person_id, order.visit_id or 0), ())
            return any(one.reverses == order.settlement_id for one in made)
        case orders.CancelVisit() | orders.CancelDischarge():
            visit = work.visits.get((order.person_id, order.visit_id))
            gone = "cancelled" if isinstance(order, orders.CancelVisit) else "admitted"
            return visit is not None and visit.state in (gone, "cancelled")
        case orders.WithdrawLines():
            batches = work.batches.get((order.person_id, order.visit_id), ())
            return not any(one.batch_id == order.batch_id and one.lines_count for one in batches)
        case _:
            return False


def undo(
    job: Job,
    work: Work,
    carry_out: Callable[[Order, Sender, Work], Result],
    done: Result | None = None,
) -> Undone:
    """Take a message back, or say that there was nothing to take back; `done`: it is back already."""
    order, original, sender = job.order, job.original, job.sender
    assert isinstance(order, orders.Undo)
    provider = sender.provider.provider_code
    if order.message_id == sender.message_id:
        raise CareRefused(
            "冲正报文不能冲正自己，原报文编号应为要冲正的那一笔",
            "a reversal cannot take itself back; name the message to be reversed",
            "message_id",
        )
    if original is None:
        work.person(order.person_id, sender)
        work.new_messages.append(
            Message(
                provider, order.message_id, order.transaction_code, b"", "", order.person_id, None,
                None, False, work.now, b"", undone_by=sender.message_id,
            )
        )  # fmt: skip
        return Undone(
            False,
            Text(
                f"没有办理过报文 {order.message_id}，无需冲正；该报文此后到达也不再办理",
                f"the message {order.message_id} was never carried out: nothing to reverse; should it"
                " still come, it is not carried out either",
            ),
        )
    if original.transaction_code != order.transaction_code:
        raise CareRefused(
            f"原报文是 {original.transaction_code} 交易，不是 {order.transaction_code}",
            f"the message is a {original.transaction_code}, not a {order.transaction_code}",
            "transaction_code",
        )
    if original.person_id not in (None, order.person_id):
        raise CareRefused(
            "原报文属于另一位参保人，请核对人员编号",
            "the message is about another person; compare the person number",
            "person",
        )
    if original.undone_by is not None:
        return Undone(
            False,
            Text(
                f"该报文已由 {original.undone_by} 冲正，无需重复",
                f"the message was reversed by {original.undone_by} already",
            ),
        )
    if not original.succeeded:
        return Undone(
            False,
            Text("原交易未成功，无需冲正", "the message was refused: nothing to reverse"),
        )
    if original.kind in _STANDS:
        raise CareRefused(
            f"{order.transaction_code} 已办理；撤销类交易不能冲正，需要时请重新办理原业务",
            f"the {order.transaction_code} was carried out; what took something back is not reversed,"
            " do the first step anew",
            "transaction_code",
        )
    # What a filing order led to was looked for, and is gone, where it no longer has an opposite.
    gone = job.acts_as is None and _opposite(original) is not None
    if job.acts_as is None and not gone:
        return Undone(
            False,
            Text(
                "该交易没有需要撤回的结果，无需冲正",
                "this transaction left nothing that could be taken back",
            ),
        )
    if job.acts_as is None or (done is None and _is_back(job.acts_as, work)):
        return Undone(
            False,
            Text(
                "原业务已由撤销交易撤回，无需冲正",
                "what it did was taken back by its own transaction already: nothing to reverse",
            ),
        )
    if done is None:
        carry_out(job.acts_as, sender, work)
    work.undone.append((provider, order.message_id, sender.message_id))
    return Undone(
        True,
        Text(
            f"已冲正 {order.transaction_code}（{order.message_id}）",
            f"reversed {order.transaction_code} ({order.message_id})",
        ),
    )
