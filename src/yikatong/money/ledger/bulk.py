"""Many transactions of one kind, from a list that lies in the database (批量记账).

The list is a query, so that nothing of it goes through this process. All statements join by person_id
alone and run on each shard for itself. They keep the book's rules: entries sum to zero, versions rise,
a transaction's id is behind all earlier ones of its account, the key stands once.
"""

from typing import Any, Final

import msgspec

from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.money import AMOUNT_MAX
from yikatong.core.together import Conflict
from yikatong.money.ledger.model import CURRENCY
from yikatong.trust.audit import Actor


class Payments(msgspec.Struct, frozen=True):
    """A list of payments: the query yields person_id, payee_id, payer_id, amount (fen, above zero),
    number (unique in the list, from `first_number` on) and reverses (a transaction or null); one row
    per person.
    """

    query: str
    arguments: tuple[Any, ...]
    first_person: int
    last_person: int
    count: int
    first_number: int


class Heading(msgspec.Struct, frozen=True):
    """What all transactions of a list have alike; each key is prefix, number and suffix."""

    kind: str
    actor: Actor
    key_prefix: str
    detail: dict[str, str]
    key_suffix: str = ""
    action: str | None = None
    """Written to each person's trail beside the transaction."""


_CONTENT: Final = "int8send(l.payee_id) || int8send(l.payer_id) || int8send(l.amount)"
"""Stands for a hash: it is short enough itself, and made without counting one per row."""


async def credit(
    connection: Connection, payments: Payments, heading: Heading, first_id: int
) -> None:
    """Pay onto persons' bank accounts: `payee_id` is an account of the person.

    Transaction ids are `first_id` + number - `first_number`. No limit and no freeze blocks it: social
    money. Raises Conflict where an account is closed or missing, or moved behind `first_id` meanwhile;
    the caller's transaction is then rolled back.
    """
    shift = _shift(payments, first_id)
    at = len(payments.arguments)
    done = await connection.execute(
        f"""update money_accounts a
               set balance = a.balance + l.amount, version = a.version + 1,
                   last_transaction_id = ${at + 1}::bigint + l.number
              from ({payments.query}) l
             where a.person_id between ${at + 2} and ${at + 3}
               and a.person_id = l.person_id and a.account_id = l.payee_id
               and a.kind = 'bank' and a.state = 'open'
               and a.last_transaction_id < ${at + 1}::bigint + l.number""",  # noqa: S608
        *payments.arguments,
        shift,
        payments.first_person,
        payments.last_person,
    )
    _expect(done, payments.count)
    # The accounts are ours until the transaction ends: their balances are those after each payment.
    account = f"""join money_accounts a on a.person_id = l.person_id and a.account_id = l.payee_id
                    and a.person_id between ${at + 2} and ${at + 3}"""
    arguments = (shift, payments.first_person, payments.last_person)
    await _write(connection, payments, heading, first_id, arguments, account, "a.balance", 1)


async def move(
    connection: Connection, payments: Payments, heading: Heading, first_id: int, *, sign: int = 1
) -> None:
    """Between shared accounts, each about a person; with `sign` -1 back from payee to payer."""
    shift = _shift(payments, first_id)
    await _write(connection, payments, heading, first_id, (shift,), "", "null", sign)


def _shift(payments: Payments, first_id: int) -> int:
    assert payments.count > 0
    return first_id - payments.first_number


def _expect(done: str, count: int) -> None:
    if done.rsplit(maxsplit=1)[-1] != str(count):
        raise Conflict


async def _write(
    connection: Connection,
    payments: Payments,
    heading: Heading,
    first_id: int,
    arguments: tuple[int, ...],
    account: str,
    balance: str,
    sign: int,
) -> None:
    given = (*payments.arguments, *arguments)
    n, at = len(payments.arguments) + 1, len(given)
    moment = ids.time_of(first_id)
    source = f"from ({payments.query}) l"
    detail = msgspec.json.encode(heading.detail).decode()
    done = await connection.execute(
        f"""insert into ledger_transactions
                (person_id, transaction_id, key, content_hash, kind, at, actor_kind, actor, currency,
                 persons, accounts, amounts, balances, reverses, detail)
            select l.person_id, ${n}::bigint + l.number, ${at + 1}::text || l.number || ${at + 2}::text,
                   {_CONTENT}, ${at + 3}, ${at + 4}, ${at + 5}, ${at + 6}, '{CURRENCY}',
                   array[l.person_id, l.person_id], array[l.payee_id, l.payer_id],
                   array[{sign} * l.amount, {-sign} * l.amount], array[{balance}, null]::bigint[],
                   l.reverses, ${at + 7}::jsonb
              {source} {account}
             where l.amount between 1 and {AMOUNT_MAX}""",
        *given,
        heading.key_prefix,
        heading.key_suffix,
        heading.kind,
        moment,
        heading.actor.kind,
        heading.actor.name,
        detail,
    )
    _expect(done, payments.count)
    done = await connection.execute(
        f"""insert into ledger_postings
                (person_id, account_id, transaction_id, about_person_id, amount, balance_after)
            select l.person_id, l.payee_id, ${n}::bigint + l.number, l.person_id, {sign} * l.amount,
                   {balance} {source} {account}
            union all
            select l.person_id, l.payer_id, ${n}::bigint + l.number, l.person_id, {-sign} * l.amount,
                   null::bigint {source}""",
        *given,
    )
    _expect(done, 2 * payments.count)
    if heading.action is None:
        return
    # Without the arguments that only the accounts need.
    at = n
    done = await connection.execute(
        f"""insert into audit_events
                (person_id, event_id, at, actor_kind, actor, action, purpose, detail)
            select l.person_id, ${n}::bigint + l.number, ${at + 1}, ${at + 2}, ${at + 3}, ${at + 4},
                   ${at + 5}, ${at + 6}::jsonb {source}""",
        *given[:n],
        moment,
        heading.actor.kind,
        heading.actor.name,
        heading.action,
        heading.actor.purpose,
        detail,
    )
    _expect(done, payments.count)


async def outgoings(
    connection: Connection, payer_id: int, first_id: int, run_id: str
) -> tuple[int, int]:
    """What went out of a shared account by the transactions of a run since an id, and what they
    brought in elsewhere; what came back is taken off both. Fen."""
    row = await connection.fetchrow(
        """select coalesce(-sum(p.amount), 0)::bigint, coalesce(sum(o.amount), 0)::bigint
             from ledger_postings p
             join ledger_transactions t
               on t.person_id = p.about_person_id and t.transaction_id = p.transaction_id
             join lateral (select sum(o.amount) as amount from ledger_postings o
                            where o.person_id = p.person_id and o.transaction_id = p.transaction_id
                              and o.account_id <> p.account_id) o on true
            where p.account_id = $1 and p.balance_after is null and p.transaction_id >= $2
              and t.detail->>'run_id' = $3""",
        payer_id,
        first_id,
        run_id,
    )
    assert row is not None
    return row[0], row[1]
