"""What was paid too much and is paid back by hand (退回多领待遇): a transfer or cash that a bank took in.

Recoveries are set off against later payments where there are any (`rules.take_dues`); of somebody who died,
whose benefit ended or who wants to, the money comes through a bank, which names it by a number.
"""

from collections.abc import Sequence
from typing import Any, Final

from yikatong.benefits import dues, service
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due
from yikatong.benefits.runs import read_store, work
from yikatong.benefits.runs.errors import NoSuchRecovery, RecoveryClosed
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_yuan
from yikatong.core.platform import Platform
from yikatong.money.bank.service import command
from yikatong.money.contributions.service import Notice, check_notice, receipt, take_receipt
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import NOBODY, Entry
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.access import NATION
from yikatong.trust.audit import Actor

LIST_MAX: Final = 500


async def open_recoveries(
    platform: Platform,
    actor: Actor,
    areas: Sequence[str] = (NATION,),
    *,
    after: int = -1,
    limit: int = 100,
) -> list[Due]:
    """What is to be paid back to funds of these areas, in the order of dues, behind one; the look is
    recorded with each person."""
    within = [service.within(one) for one in areas]
    async with platform.database.transaction() as connection:
        found = await read_store.open_recoveries(
            connection, within, after, max(1, min(limit, LIST_MAX))
        )
        events: list[tuple[int, str, dict[str, object]]] = [
            (person_id, "benefit.recoveries_read", {})
            for person_id in sorted({one.person_id for one in found})
        ]
        if events:
            await audit.record_many(connection, [actor] * len(events), platform.clock.now(), events)
    return found


async def find(platform: Platform, person_id: int, due_id: int) -> Due:
    """A recovery as it stands; raises NoSuchRecovery."""
    async with platform.database.transaction(readonly=True) as connection:
        return await _recovery(connection, person_id, due_id)


async def _recovery(connection: Connection, person_id: int, due_id: int) -> Due:
    for one in await benefits_store.dues(connection, [person_id], ("open", "paid", "cancelled")):
        if one.due_id == due_id and one.kind == "recovery":
            return one
    raise NoSuchRecovery


async def take(
    platform: Platform, person_id: int, due_id: int, notice: Notice, actor: Actor, key: str
) -> dict[str, Any]:
    """Record that a bank took in all or a part of a recovery; what is left stays open.

    The money goes to the fund, a bank's payment counts once. Raises NoSuchRecovery, RecoveryClosed,
    NoticeUsed, KeyReused, InvalidInput naming the field.
    """
    check_notice(notice)
    mine = command(person_id, f"recovery:{due_id}:{key}", "recovery", actor, due_id, notice)
    received = receipt(notice, mine)

    async def write(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        await people.get(connection, person_id)
        due = await _recovery(connection, person_id, due_id)
        if due.state != "open":
            raise RecoveryClosed(due)
        if not 0 < notice.amount <= due.amount:
            raise InvalidInput(
                "amount",
                zh=f"金额应大于 0，不超过应退的 {format_yuan(due.amount)} 元",
                en=f"above 0 and at most the {format_yuan(due.amount)} yuan to be paid back",
            )
        book = await ledger.open_book(
            platform, connection, keys=[(person_id, mine.key), (NOBODY, received.key)]
        )
        take_receipt(book, received)
        fund, bank = ("fund", due.region, due.insurance), ("bank", notice.bank, "incoming")
        shared = await ledger.shared(platform, fund, bank)
        detail: dict[str, object] = {
            "due_id": str(due_id), "bank": notice.bank, "reference": notice.reference.strip()
        }  # fmt: skip
        done = book.post(
            mine,
            [
                Entry(person_id, shared[fund], notice.amount),
                Entry(person_id, shared[bank], -notice.amount),
            ],
            detail,
        )
        await ledger.write(connection, book)
        part, rest = dues.split(due, notice.amount, done.at)
        if rest is None:
            paid = [(person_id, due_id, due.version, done.transaction_id)]
            await dues.mark_paid(connection, paid, done.at)
        else:
            await dues.change(
                connection,
                [dues.closed(part, done.transaction_id, done.at), rest],
                [due],
                done.at,
            )
        answer = {
            "person_id": person_id,
            "transaction_id": str(done.transaction_id),
            "paid_back": format_yuan(notice.amount),
            "left": format_yuan(rest.amount if rest else 0),
            "left_due_id": str(rest.due_id) if rest else None,
        }
        return answer, {**detail, "left": rest is not None}

    content = [due_id, notice.bank, notice.reference.strip(), notice.amount]
    return await work.again(
        lambda: service.command(
            platform, person_id, "benefit.paid_back", content, actor, key, write
        )
    )
