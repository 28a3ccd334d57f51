"""What becomes of a payment that the bank sent back: it is owed again, once."""

from collections.abc import Sequence
from datetime import datetime

from yikatong.benefits import dues
from yikatong.benefits import store as benefits_store
from yikatong.benefits.runs import read_store, returned, store
from yikatong.core.database import Connection
from yikatong.core.months import month_of
from yikatong.core.platform import Platform
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import Posting
from yikatong.trust.audit import Actor


async def tell(
    platform: Platform, connection: Connection, run_id: int, back: Sequence[tuple[int, int]]
) -> None:
    """Tell the persons whose payment the bank sent back; of recoveries there is nothing to tell."""
    one = await store.run(connection, run_id)
    assert one is not None
    lines = await read_store.lines_by_number(connection, run_id, [number for _, number in back])
    await notices.post_many(
        platform,
        connection,
        [
            Posting(
                line.person_id,
                "payment.returned",
                {"benefit": one.benefit, "amount": line.amount},
                f"run-{run_id}-{line.line}",
            )
            for line in lines
            if line.amount > 0
        ],
    )


async def owe_again(
    connection: Connection,
    run_id: int,
    back: Sequence[tuple[int, int]],
    at: datetime,
    actor: Actor,
) -> None:
    """The dues that returned lines (person, line) paid or took back are open again, and their month
    becomes arrears; the month stays settled, as later ones may have been paid meanwhile.

    Of a benefit that ended before, what came back for later months is taken off what is to be given
    back for them. What is still drawn is held until the account is put right. In the transaction that
    takes the money back to the fund.
    """
    one = await store.run(connection, run_id)
    assert one is not None
    lines = await read_store.lines_by_number(connection, run_id, [number for _, number in back])
    persons = sorted(line.person_id for line in lines)
    await benefits_store.reopen_dues(
        connection,
        [(line.person_id, line.transaction_id) for line in lines if line.transaction_id],
    )
    for person_id in persons:
        # A death that is just being confirmed must see this, or be seen.
        await benefits_store.lock(connection, person_id)
    held = await store.entitlements(connection, one.benefit, persons)
    for line in sorted(lines, key=lambda line: line.person_id):
        mine = next(
            (each for each in held.get(line.person_id, ()) if each.starts_on == line.starts_on),
            None,
        )
        if line.monthly and mine is not None:
            again = dues.of_months(
                line.person_id, mine, "arrears", "returned", one.month, [line.monthly], at
            )
            await dues.change(connection, [again] if again else [], [], at)
        ended = [each for each in held.get(line.person_id, ()) if each.ends_on is not None]
        if ended and all(each.status == "ended" for each in held[line.person_id]):
            last = max(month_of(each.ends_on) for each in ended if each.ends_on is not None)
            open_dues = [
                due
                for due in await benefits_store.dues(connection, [line.person_id], ("open",))
                if (due.benefit, due.insurance, due.region)
                == (one.benefit, one.insurance, one.region)
            ]
            made, cancelled = dues.offset(open_dues, last, at)
            await dues.change(connection, made, cancelled, at)
    await returned.hold(connection, one, held, at, actor)
