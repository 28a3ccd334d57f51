"""SQL of pensions: applications, adjustments."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Entitlement
from yikatong.benefits.months import Change
from yikatong.benefits.pension.adjusting import Added
from yikatong.benefits.pension.model import Application
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record
from yikatong.core.money import Fen

_APPLICATION = tuple(Application.__struct_fields__)
_JSON = ("facts", "findings", "answer")


def _application(row: Record) -> Application:
    facts = {name: row[name] for name in _APPLICATION}
    for name in _JSON:
        if facts[name] is not None:
            facts[name] = msgspec.json.decode(facts[name])
    for name in ("applied_at", "decided_at"):
        if facts[name]:
            facts[name] = facts[name].astimezone(SHANGHAI)
    return msgspec.convert(facts, Application)


async def applications(connection: Connection, person_id: int) -> list[Application]:
    """All applications of a person, the newest first."""
    rows = await connection.fetch(
        f"""select {", ".join(_APPLICATION)} from pension_applications
             where person_id = $1 order by application_id desc""",  # noqa: S608 - our constant
        person_id,
    )
    return [_application(row) for row in rows]


async def waiting(
    connection: Connection, within: Sequence[str], limit: int
) -> list[tuple[int, Application]]:
    """Open applications of regions with whose they are, the oldest first."""
    rows = await connection.fetch(
        f"""select person_id, {", ".join(_APPLICATION)} from pension_applications
             where state = 'applied' and region like any($1::text[])
             order by application_id limit $2""",  # noqa: S608 - our constant
        within,
        limit,
    )
    return [(row["person_id"], _application(row)) for row in rows]


async def put_application(connection: Connection, person_id: int, one: Application) -> bool:
    """Add an application (version 0), or write it over the version that was read; False where
    there is another."""
    stored = msgspec.structs.asdict(one)
    for name in _JSON:
        if stored[name] is not None:
            stored[name] = msgspec.json.encode(stored[name]).decode()
    stored["version"] = one.version + 1
    values = [stored[name] for name in _APPLICATION]
    if one.version == 0:
        marks = ", ".join(f"${number}" for number in range(2, len(values) + 2))
        await connection.execute(
            f"""insert into pension_applications (person_id, {", ".join(_APPLICATION)})
                values ($1, {marks})""",  # noqa: S608
            person_id,
            *values,
        )
        return True
    done = await connection.execute(
        """update pension_applications
              set state = $4, facts = $5, findings = $6, answer = $7, monthly = $8, starts_on = $9,
                  reason = $10, decided_at = $11, version = version + 1
            where person_id = $1 and application_id = $2 and version = $3""",
        person_id,
        one.application_id,
        one.version,
        *(
            stored[name]
            for name in (
                "state", "facts", "findings", "answer", "monthly", "starts_on", "reason",
                "decided_at",
            )
        ),
    )  # fmt: skip
    return done == "UPDATE 1"


class Made(msgspec.Struct, frozen=True):
    """An adjustment that was carried out."""

    person_id: int
    starts_on: date
    rule: str
    effective: date
    before: Fen
    after: Fen
    parts: dict[str, Fen]
    facts: dict[str, Any]
    at: datetime


async def adjustments(connection: Connection, person_ids: Sequence[int]) -> dict[int, list[Made]]:
    """The adjustments of persons' pensions, the oldest first."""
    rows = await connection.fetch(
        """select person_id, starts_on, rule, effective, before, after, parts, facts, at
             from benefit_adjustments where person_id = any($1::bigint[]) and benefit = 'pension'
            order by person_id, effective""",
        person_ids,
    )
    found: dict[int, list[Made]] = {}
    for row in rows:
        facts = dict(row)
        facts["parts"] = msgspec.json.decode(facts["parts"])
        facts["facts"] = msgspec.json.decode(facts["facts"])
        facts["at"] = facts["at"].astimezone(SHANGHAI)
        found.setdefault(row["person_id"], []).append(Made(**facts))
    return found


def changes_of(made: Sequence[Made], starts_on: date) -> list[Change]:
    """The changes of one pension's sum."""
    return [Change(one.effective, one.before) for one in made if one.starts_on == starts_on]


async def to_adjust(
    connection: Connection,
    *,
    rule: str,
    within: str,
    but_within: Sequence[str],
    insurance: str,
    starts_until: date,
    effective: date,
    after: int,
    limit: int,
) -> list[tuple[int, Entitlement]]:
    """Pensions a rule still applies to, in the order of persons behind `after`."""
    columns = ", ".join(f"e.{name}" for name in Entitlement.__struct_fields__)
    rows = await connection.fetch(
        f"""select e.person_id, {columns} from benefit_entitlements e
             where e.benefit = 'pension' and e.status <> 'ended' and e.person_id > $1
               and e.region like $2 and not (e.region like any($3::text[]))
               and coalesce(e.insurance, '110') = $4 and e.starts_on <= $5
               and not exists (select from benefit_adjustments a
                                where a.person_id = e.person_id and a.benefit = e.benefit
                                  and a.starts_on = e.starts_on
                                  and (a.rule = $6 or a.effective > $7))
             order by e.person_id limit $8""",  # noqa: S608
        after,
        within,
        but_within,
        insurance,
        starts_until,
        rule,
        effective,
        limit,
    )
    return [(row["person_id"], benefits_store.entitlement_of(row)) for row in rows]


async def insert_adjustments(
    connection: Connection,
    made: Sequence[tuple[int, Entitlement, Entitlement, Added, dict[str, Any]]],
    rule: str,
    effective: date,
    at: datetime,
) -> None:
    """Write adjustments (person, before, after, what was added, from which facts)."""
    await connection.copy_records_to_table(
        "benefit_adjustments",
        records=[
            (
                person_id, "pension", old.starts_on, rule, effective, old.monthly, new.monthly,
                msgspec.json.encode(added).decode(), msgspec.json.encode(facts).decode(), at,
            )
            for person_id, old, new, added, facts in made
        ],
        columns=(
            "person_id", "benefit", "starts_on", "rule", "effective", "before", "after", "parts",
            "facts", "at",
        ),
    )  # fmt: skip
