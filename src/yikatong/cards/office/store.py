"""SQL of the card office."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office.model import CardEvent
from yikatong.cards.store import application_of, card_of
from yikatong.core.database import Connection

APPLICATION = tuple(CardApplication.__struct_fields__)
CARD = tuple(one for one in Card.__struct_fields__ if one != "account_frozen_by")
EVENT = tuple(CardEvent.__struct_fields__)
_OPEN = "('applied', 'in_production', 'ready', 'sent')"
_LIVE = "('issued', 'active', 'loss_reported_provisionally', 'loss_reported', 'locked')"


async def lock(connection: Connection, person_id: int) -> None:
    """One after the other for each person: two commands of one moment must see each other."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('cards', $1))", person_id
    )


# ---- events ----


async def event_of_key(
    connection: Connection, person_id: int, key: str
) -> tuple[bytes, int | None, int | None] | None:
    """Content, application and card of the command that used this key."""
    row = await connection.fetchrow(
        """select content, application_id, card_id from card_events
            where person_id = $1 and key = $2""",
        person_id,
        key,
    )
    return None if row is None else (row[0], row[1], row[2])


async def insert_event(
    connection: Connection, event: CardEvent, key: str | None, content: bytes | None
) -> None:
    values = msgspec.structs.asdict(event) | {
        "detail": msgspec.json.encode(event.detail).decode(),
    }
    marks = ", ".join(f"${number}" for number in range(1, len(EVENT) + 3))
    await connection.execute(
        f"insert into card_events ({', '.join(EVENT)}, key, content) values ({marks})",  # noqa: S608
        *(values[name] for name in EVENT),
        key,
        content,
    )


async def insert_events_once(
    connection: Connection, events: Sequence[tuple[CardEvent, str]]
) -> set[int]:
    """Events with their keys, those that are not there yet; answers the ids of the new ones."""
    values = [(*msgspec.structs.astuple(event), key) for event, key in events]
    rows = await connection.fetch(
        f"""insert into card_events ({", ".join(EVENT)}, key, content)
            select {", ".join(EVENT)}, key, ''::bytea
              from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::bigint[],
                          $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
                          $12::text[], $13::text[], $14::jsonb[], $15::text[])
                   as new ({", ".join(EVENT)}, key)
            on conflict do nothing returning event_id""",  # noqa: S608
        *([msgspec.json.encode(one).decode() if isinstance(one, dict) else one for one in column]
          for column in zip(*values, strict=True)),
    )  # fmt: skip
    return {row[0] for row in rows}


async def events_of(connection: Connection, person_id: int, limit: int) -> list[CardEvent]:
    rows = await connection.fetch(
        f"""select {", ".join(EVENT)} from card_events where person_id = $1
             order by event_id desc limit $2""",  # noqa: S608
        person_id,
        limit,
    )
    return [
        CardEvent(**(dict(row) | {"detail": msgspec.json.decode(row["detail"])})) for row in rows
    ]


# ---- applications ----


async def insert_application(
    connection: Connection, one: CardApplication, post_to: bytes | None
) -> None:
    values = msgspec.structs.asdict(one)
    marks = ", ".join(f"${number}" for number in range(1, len(APPLICATION) + 2))
    await connection.execute(
        f"""insert into card_applications ({", ".join(APPLICATION)}, post_to_sealed)
            values ({marks})""",  # noqa: S608
        *(values[name] for name in APPLICATION),
        post_to,
    )


async def update_application(connection: Connection, one: CardApplication) -> bool:
    """Write over the version before this one; False where there is another."""
    values = msgspec.structs.asdict(one)
    columns = [name for name in APPLICATION if name not in ("person_id", "application_id")]
    sets = ", ".join(f"{name} = ${at}" for at, name in enumerate(columns, 3))
    return bool(
        await connection.fetchval(
            f"""update card_applications set {sets}
                 where person_id = $1 and application_id = $2 and version = ${len(columns) + 3}
             returning 1""",  # noqa: S608
            one.person_id,
            one.application_id,
            *(values[name] for name in columns),
            one.version - 1,
        )
    )


async def set_post_to(
    connection: Connection, person_id: int, application_id: int, sealed: bytes
) -> None:
    await connection.execute(
        """update card_applications set post_to_sealed = $3
            where person_id = $1 and application_id = $2""",
        person_id,
        application_id,
        sealed,
    )


async def post_to(connection: Connection, person_id: int, application_id: int) -> bytes | None:
    return await connection.fetchval(
        """select post_to_sealed from card_applications
            where person_id = $1 and application_id = $2""",
        person_id,
        application_id,
    )


async def set_word(
    connection: Connection, person_id: int, application_id: int, sealed: bytes | None
) -> None:
    await connection.execute(
        """update card_applications set word_sealed = $3
            where person_id = $1 and application_id = $2""",
        person_id,
        application_id,
        sealed,
    )


async def word(connection: Connection, person_id: int, application_id: int) -> bytes | None:
    return await connection.fetchval(
        """select word_sealed from card_applications
            where person_id = $1 and application_id = $2""",
        person_id,
        application_id,
    )


async def work_list(
    connection: Connection,
    states: Sequence[str],
    areas: Sequence[str] | None,
    limit: int,
) -> list[CardApplication]:
    """Open applications in some states, the longest waiting first; `areas`: prefixes of region codes."""
    rows = await connection.fetch(
        f"""select {", ".join(APPLICATION)} from card_applications
             where state = any($1::text[]) and state in {_OPEN}
               and ($2::text[] is null or exists (
                     select from unnest($2::text[]) a
                      where region like a || '%' or accepted_in like a || '%'
                         or exists (select from card_counters c
                                     where c.code = pickup_place and c.region like a || '%')))
             order by state_since nulls first limit $3""",  # noqa: S608
        states,
        areas,
        limit,
    )
    return [application_of(row) for row in rows]


async def to_mend(connection: Connection, counter: str, limit: int) -> list[CardApplication]:
    """What a counter took in and something is asked for, the longest waiting first."""
    rows = await connection.fetch(
        f"""select {", ".join(APPLICATION)} from card_applications
             where accepted_at = $1 and state = 'applied' and asked_for is not null
             order by state_since nulls first limit $2""",  # noqa: S608 - our constant
        counter,
        limit,
    )
    return [application_of(row) for row in rows]


# ---- cards ----


async def insert_number(connection: Connection, number: str, person_id: int, card_id: int) -> bool:
    """Take a card number; False where somebody has it."""
    return bool(
        await connection.fetchval(
            """insert into card_numbers (card_number, person_id, card_id) values ($1, $2, $3)
               on conflict do nothing returning 1""",
            number,
            person_id,
            card_id,
        )
    )


async def insert_card(connection: Connection, card: Card) -> None:
    values = msgspec.structs.asdict(card)
    marks = ", ".join(f"${number}" for number in range(1, len(CARD) + 1))
    await connection.execute(
        f"insert into cards ({', '.join(CARD)}) values ({marks})",  # noqa: S608
        *(values[name] for name in CARD),
    )


async def update_card(connection: Connection, card: Card) -> bool:
    """Write what may change over the version before this one; False where there is another."""
    return bool(
        await connection.fetchval(
            """update cards
                  set state = $3, social_security_app = $4, bank_app = $5, provisional_until = $6,
                      account_id = $7, replaced_by = $8, state_before = $9, version = $10
                where person_id = $1 and card_id = $2 and version = $10 - 1 returning 1""",
            card.person_id,
            card.card_id,
            card.state,
            card.social_security_app,
            card.bank_app,
            card.provisional_until,
            card.account_id,
            card.replaced_by,
            card.state_before,
            card.version,
        )
    )


# ---- what is due ----

Place = tuple[int, int]
"""Person and card, or application, behind which a page begins."""


async def provisional_reports_over(
    connection: Connection, now: datetime, after: Place, limit: int
) -> list[Place]:
    rows = await connection.fetch(
        """select person_id, card_id from cards
            where state = 'loss_reported_provisionally' and provisional_until <= $1
              and (person_id, card_id) > ($2, $3)
            order by person_id, card_id limit $4""",
        now,
        *after,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def cards_run_out(
    connection: Connection, states: Sequence[str], before: date, after: Place, limit: int
) -> list[Place]:
    rows = await connection.fetch(
        f"""select person_id, card_id from cards
             where state in {_LIVE} and state = any($1::text[]) and valid_until < $2
               and (person_id, card_id) > ($3, $4)
             order by person_id, card_id limit $5""",  # noqa: S608
        states,
        before,
        *after,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


_UNTOLD = """not exists (select from card_events e
                           where e.person_id = c.person_id and e.card_id = c.card_id
                             and e.event = 'remind_expiry')"""


async def expiring(
    connection: Connection,
    states: Sequence[str],
    first: date,
    last: date,
    after: Place,
    limit: int,
) -> list[Card]:
    """Cards in these states whose last day lies between two, and whose holders were not told."""
    rows = await connection.fetch(
        f"""select {", ".join(CARD)} from cards c
             where state = any($1::text[]) and valid_until between $2 and $3
               and (person_id, card_id) > ($4, $5) and {_UNTOLD}
             order by person_id, card_id limit $6""",  # noqa: S608
        states,
        first,
        last,
        *after,
        limit,
    )
    return [card_of(row) for row in rows]


async def reports_ending(
    connection: Connection, now: datetime, until: datetime, after: Place, limit: int
) -> list[Card]:
    """Cards whose provisional report ends by itself between two moments."""
    rows = await connection.fetch(
        f"""select {", ".join(CARD)} from cards
             where state = 'loss_reported_provisionally'
               and provisional_until > $1 and provisional_until <= $2
               and (person_id, card_id) > ($3, $4)
             order by person_id, card_id limit $5""",  # noqa: S608
        now,
        until,
        *after,
        limit,
    )
    return [card_of(row) for row in rows]


async def unanswered(
    connection: Connection, day: date, after: Place, limit: int
) -> list[CardApplication]:
    """Applications to which nothing was added in time, in the order of persons behind `after`."""
    rows = await connection.fetch(
        f"""select {", ".join(APPLICATION)} from card_applications
             where state = 'applied' and asked_until < $1
               and (person_id, application_id) > ($2, $3)
             order by person_id, application_id limit $4""",  # noqa: S608
        day,
        *after,
        limit,
    )
    return [application_of(row) for row in rows]


async def uncollected(
    connection: Connection, now: datetime, after: Place, limit: int
) -> list[CardApplication]:
    """Cards that lie ready and wait for their holders, in the order of persons behind `after`: to be
    collected, or to be sent when the fee is paid; one that the post brought back is collected, too."""
    rows = await connection.fetch(
        f"""select {", ".join(APPLICATION)} from card_applications a
             where state = 'ready' and state_since <= $1 and (person_id, application_id) > ($2, $3)
               and (delivery = 'pickup' or fee_state = 'due' or exists (
                     select from card_events e
                      where e.person_id = a.person_id and e.application_id = a.application_id
                        and e.event = 'come_back' and e.at = a.state_since))
             order by person_id, application_id limit $4""",  # noqa: S608
        now,
        *after,
        limit,
    )
    return [application_of(row) for row in rows]
