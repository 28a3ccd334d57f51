"""SQL of proof of life: proofs, reminders, whose proof is due."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Entitlement
from yikatong.benefits.proof_of_life.model import Proof
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.trust.audit import Actor

_PROOF = tuple(Proof.__struct_fields__)


async def of_person(connection: Connection, person_id: int, limit: int) -> list[Proof]:
    """The newest proofs of a person."""
    rows = await connection.fetch(
        f"""select {", ".join(_PROOF)} from proofs_of_life
             where person_id = $1 order by at desc, proof_id desc limit $2""",  # noqa: S608
        person_id,
        limit,
    )
    return [
        msgspec.convert({**dict(row), "at": row["at"].astimezone(SHANGHAI)}, Proof) for row in rows
    ]


async def insert(
    connection: Connection, made: Sequence[tuple[int, Proof]], actor: Actor, at: datetime
) -> set[int]:
    """Record proofs; answers the persons whose proof is new (the same one counts once)."""
    rows = await connection.fetch(
        """insert into proofs_of_life (person_id, proof_id, kind, source, outcome, at, region,
                                       recorded_at, actor_kind, actor)
           select *, $8::timestamptz, $9, $10
             from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[],
                         $6::timestamptz[], $7::text[])
               on conflict (person_id, kind, source) do nothing
        returning person_id""",
        [person_id for person_id, _ in made],
        [one.proof_id for _, one in made],
        [one.kind for _, one in made],
        [one.source for _, one in made],
        [one.outcome for _, one in made],
        [one.at for _, one in made],
        [one.region for _, one in made],
        at,
        actor.kind,
        actor.name,
    )
    return {row[0] for row in rows}


async def due(
    connection: Connection,
    until: date,
    after: int,
    limit: int,
    *,
    within: str = "%",
    held: bool = True,
) -> list[tuple[int, Entitlement]]:
    """Pensions whose proof is due by a day, or (`held`) held for want of one, in the order of
    persons behind `after`."""
    columns = ", ".join(Entitlement.__struct_fields__)
    rows = await connection.fetch(
        f"""select person_id, {columns} from benefit_entitlements
             where benefit = 'pension' and person_id > $1 and region like $4
               and proof_due_on is not null
               and ((status = 'drawing' and proof_due_on <= $2)
                    or ($5 and status = 'held' and held_reason = 'proof_of_life'))
             order by person_id limit $3""",  # noqa: S608 - our constant
        after,
        until,
        limit,
        within,
        held,
    )
    return [(row["person_id"], benefits_store.entitlement_of(row)) for row in rows]


async def of_persons(
    connection: Connection, person_ids: Sequence[int]
) -> list[tuple[int, Entitlement]]:
    """The pensions of persons that have not ended."""
    columns = ", ".join(Entitlement.__struct_fields__)
    rows = await connection.fetch(
        f"""select person_id, {columns} from benefit_entitlements
             where benefit = 'pension' and status <> 'ended' and person_id = any($1::bigint[])
             order by person_id""",  # noqa: S608
        person_ids,
    )
    return [(row["person_id"], benefits_store.entitlement_of(row)) for row in rows]


async def held_as_dead(
    connection: Connection, after: int, limit: int
) -> list[tuple[int, Entitlement]]:
    """Pensions held because a death was recorded, in the order of persons behind `after`."""
    columns = ", ".join(Entitlement.__struct_fields__)
    rows = await connection.fetch(
        f"""select person_id, {columns} from benefit_entitlements
             where held_reason = 'recorded_dead' and person_id > $1
             order by person_id limit $2""",  # noqa: S608
        after,
        limit,
    )
    return [(row["person_id"], benefits_store.entitlement_of(row)) for row in rows]


async def deaths_to_confirm(
    connection: Connection, within: Sequence[str], limit: int
) -> list[tuple[int, date]]:
    """Persons of regions whose pension is held because a death was recorded, and since when, the
    longest first."""
    rows = await connection.fetch(
        """select person_id, held_on from benefit_entitlements
            where held_reason = 'recorded_dead' and region like any($1::text[])
            order by held_on, person_id limit $2""",
        within,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def insert_reminders(
    connection: Connection, made: Sequence[tuple[int, date, int]], at: datetime
) -> list[tuple[int, date, int]]:
    """Note reminders (person, due day, days before), each once; answers those that are new."""
    rows = await connection.fetch(
        """insert into proof_reminders (person_id, due_on, days_before, made_at)
           select *, $4::timestamptz from unnest($1::bigint[], $2::date[], $3::smallint[])
               on conflict do nothing
        returning person_id, due_on, days_before""",
        [one[0] for one in made],
        [one[1] for one in made],
        [one[2] for one in made],
        at,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def reminders(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, list[tuple[date, int, datetime]]]:
    """Reminders of persons (due day, days before, when), the newest first."""
    rows = await connection.fetch(
        """select person_id, due_on, days_before, made_at from proof_reminders
            where person_id = any($1::bigint[]) order by made_at desc""",
        person_ids,
    )
    found: dict[int, list[tuple[date, int, datetime]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append((row[1], row[2], row[3].astimezone(SHANGHAI)))
    return found
