"""SQL of the room people."""

from collections.abc import Sequence
from datetime import date

import msgspec

from yikatong.core.database import Connection
from yikatong.core.together import Query, Rows
from yikatong.people.model import Enrolment, Insured, Person, Relation, SpecialGroup
from yikatong.trust.access import NATION

PERSON_COLUMNS = """person_id, name, sex, birth_date, residence_region, contact_confirmed_on,
    identity_matched, under_guardianship, died_on, synthetic, version, ethnic_group"""
ENROLMENT_COLUMNS = """insurance, region, category, status, starts_on, ends_on, suspended_on,
    arrears_since, benefits_from, retirement_confirmed, months_paid, covered_until"""


async def person_id_of_hash(connection: Connection, id_number_hash: bytes) -> int | None:
    return await connection.fetchval(
        "select person_id from person_id_numbers where id_number_hash = $1", id_number_hash
    )


async def person(connection: Connection, person_id: int) -> Person | None:
    row = await connection.fetchrow(
        f"select {PERSON_COLUMNS} from persons where person_id = $1",  # noqa: S608 - our constant
        person_id,
    )
    return None if row is None else Person(**dict(row))


async def sealed_contact(
    connection: Connection, person_id: int
) -> tuple[bytes, bytes | None, bytes | None] | None:
    row = await connection.fetchrow(
        "select id_number_sealed, phone_sealed, address_sealed from persons where person_id = $1",
        person_id,
    )
    return None if row is None else (row[0], row[1], row[2])


async def enrolments(connection: Connection, person_id: int) -> Sequence[Enrolment]:
    rows = await connection.fetch(
        f"""select {ENROLMENT_COLUMNS} from enrolments
             where person_id = $1 order by insurance, starts_on desc""",  # noqa: S608
        person_id,
    )
    return [Enrolment(**dict(row)) for row in rows]


async def relations(connection: Connection, person_id: int) -> Sequence[Relation]:
    rows = await connection.fetch(
        """select person_id, other_person_id, kind, since, until from relations
            where person_id = $1 order by kind, other_person_id""",
        person_id,
    )
    return [Relation(**dict(row)) for row in rows]


async def relations_of(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, list[Relation]]:
    rows = await connection.fetch(
        """select person_id, other_person_id, kind, since, until from relations
            where person_id = any($1::bigint[]) order by person_id, kind, other_person_id""",
        person_ids,
    )
    found: dict[int, list[Relation]] = {}
    for row in rows:
        found.setdefault(row["person_id"], []).append(Relation(**dict(row)))
    return found


async def sealed_phones(connection: Connection, person_ids: Sequence[int]) -> dict[int, bytes]:
    rows = await connection.fetch(
        """select person_id, phone_sealed from persons
            where person_id = any($1::bigint[]) and phone_sealed is not null""",
        person_ids,
    )
    return {row[0]: row[1] for row in rows}


class PersonFilter(msgspec.Struct, frozen=True):
    """What `list_persons` narrows by; None means any."""

    residence_region: str | None = None
    insured_region: str | None = None
    insurance: str | None = None
    category: str | None = None
    born_from: date | None = None
    born_until: date | None = None


async def list_persons(
    connection: Connection, wanted: PersonFilter, limit: int, after: int
) -> Sequence[Person]:
    """Persons in the order of their ids, behind `after`."""
    rows = await connection.fetch(
        f"""select {PERSON_COLUMNS} from persons p
             where person_id > $1
               and ($2::text is null or residence_region like $2)
               and ($3::date is null or birth_date >= $3)
               and ($4::date is null or birth_date <= $4)
               and (($5::text is null and $6::text is null and $7::text is null) or exists (
                     select from enrolments e
                      where e.person_id = p.person_id and e.status <> 'ended'
                        and ($5::text is null or e.region = $5)
                        and ($6::text is null or e.insurance = $6)
                        and ($7::text is null or e.category = $7)))
             order by person_id limit $8""",  # noqa: S608 - our constant
        after,
        _within(wanted.residence_region),
        wanted.born_from,
        wanted.born_until,
        wanted.insured_region,
        wanted.insurance,
        wanted.category,
        limit,
    )
    return [Person(**dict(row)) for row in rows]


def _within(region: str | None) -> str | None:
    """A pattern for all regions inside one: 510000 → 51%, 510100 → 5101%."""
    if region is None:
        return None
    return f"{region.removesuffix('00').removesuffix('00')}%"


async def named(
    connection: Connection,
    name: str,
    birth_date: date | None,
    areas: Sequence[str],
    limit: int,
) -> list[Person]:
    """Persons of exactly this name who live or are insured in one of the areas."""
    rows = await connection.fetch(
        f"""select {PERSON_COLUMNS} from persons p
             where name = $1 and ($2::date is null or birth_date = $2)
               and (residence_region like any ($3::text[]) or exists (
                     select from enrolments e
                      where e.person_id = p.person_id and e.status <> 'ended'
                        and e.region like any ($3::text[])))
             order by birth_date, person_id limit $4""",  # noqa: S608 - our constant
        name,
        birth_date,
        ["%" if area == NATION else _within(area) for area in areas],
        limit,
    )
    return [Person(**dict(row)) for row in rows]


async def born_on(
    connection: Connection, birth_date: date, areas: Sequence[str], limit: int
) -> list[tuple[int, str]]:
    """Person and name of those born on a day who live or are insured in one of the areas."""
    rows = await connection.fetch(
        """select person_id, name from persons p
            where birth_date = $1
              and (residence_region like any ($2::text[]) or exists (
                    select from enrolments e
                     where e.person_id = p.person_id and e.status <> 'ended'
                       and e.region like any ($2::text[])))
            order by person_id limit $3""",
        birth_date,
        ["%" if area == NATION else _within(area) for area in areas],
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def died(connection: Connection, after: int, limit: int) -> list[tuple[int, date]]:
    rows = await connection.fetch(
        """select person_id, died_on from persons
            where died_on is not null and person_id > $1 order by person_id limit $2""",
        after,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def names(connection: Connection, person_ids: Sequence[int]) -> dict[int, str]:
    rows = await connection.fetch(
        "select person_id, name from persons where person_id = any($1::bigint[])", person_ids
    )
    return {row[0]: row[1] for row in rows}


class Cover(msgspec.Struct, frozen=True):
    """A change of what is paid for one enrolment: months more (or less), through which day, and
    since when anything is owed."""

    person_id: int
    insurance: str
    months: int
    covered_until: date | None
    arrears_since: date | None
    resumes: bool
    """Whether an enrolment suspended for want of payment goes on."""


async def write_cover(connection: Connection, changes: Sequence[Cover]) -> None:
    await connection.execute(
        """update enrolments e
              set covered_until = n.covered_until,
                  months_paid = greatest(0, least(1200, e.months_paid + n.months)),
                  arrears_since = n.arrears_since,
                  status = case when n.resumes and e.status = 'suspended' then 'insured'
                                else e.status end,
                  suspended_on = case when n.resumes then null else e.suspended_on end,
                  version = e.version + 1
             from unnest($1::bigint[], $2::text[], $3::integer[], $4::date[], $5::date[],
                         $6::boolean[])
               as n (person_id, insurance, months, covered_until, arrears_since, resumes)
            where e.person_id = n.person_id and e.insurance = n.insurance
              and e.status <> 'ended'""",
        [one.person_id for one in changes],
        [one.insurance for one in changes],
        [one.months for one in changes],
        [one.covered_until for one in changes],
        [one.arrears_since for one in changes],
        [one.resumes for one in changes],
    )


async def current_enrolments(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, list[Enrolment]]:
    rows = await connection.fetch(
        f"""select person_id, {ENROLMENT_COLUMNS} from enrolments
             where person_id = any($1::bigint[]) and status <> 'ended'""",  # noqa: S608
        person_ids,
    )
    found: dict[int, list[Enrolment]] = {}
    for person_id, *facts in rows:
        found.setdefault(person_id, []).append(Enrolment(*facts))
    return found


def persons(person_ids: Sequence[int]) -> Query[dict[int, Person]]:
    return Query(
        f"select {PERSON_COLUMNS} from persons where person_id = any($1::bigint[])",  # noqa: S608
        (person_ids,),
        # The columns stand in the order of the fields: this is read for every settlement.
        lambda rows: {row[0]: Person(*row) for row in rows},
    )


async def regions_of(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    rows = await connection.fetch(
        """select p.person_id,
                  array(select p.residence_region
                        union select e.region from enrolments e
                         where e.person_id = p.person_id and e.status <> 'ended')
             from persons p where p.person_id = any($1::bigint[])""",
        person_ids,
    )
    return {row[0]: tuple(row[1]) for row in rows}


async def dead_among(connection: Connection, first: int, last: int, before: date) -> list[int]:
    rows = await connection.fetch(
        "select person_id from persons where person_id between $1 and $2 and died_on < $3",
        first,
        last,
        before,
    )
    return [row[0] for row in rows]


async def record_death(connection: Connection, person_id: int, died_on: date) -> bool:
    return bool(
        await connection.fetchval(
            """update persons set died_on = $2, version = version + 1
                where person_id = $1 and died_on is null returning 1""",
            person_id,
            died_on,
        )
    )


async def sealed_id_numbers(connection: Connection, person_ids: Sequence[int]) -> dict[int, bytes]:
    rows = await connection.fetch(
        "select person_id, id_number_sealed from persons where person_id = any($1::bigint[])",
        person_ids,
    )
    return {row[0]: row[1] for row in rows}


async def persons_of_hashes(connection: Connection, hashes: Sequence[bytes]) -> dict[bytes, int]:
    rows = await connection.fetch(
        """select id_number_hash, person_id from person_id_numbers
            where id_number_hash = any($1::bytea[])""",
        hashes,
    )
    return {row[0]: row[1] for row in rows}


async def enrolled(
    connection: Connection, insurance: str, region: str, category: str, after: int, limit: int
) -> list[int]:
    rows = await connection.fetch(
        """select person_id from enrolments
            where insurance = $1 and region = $2 and category = $3 and status = 'insured'
              and person_id > $4 order by person_id limit $5""",
        insurance,
        region,
        category,
        after,
        limit,
    )
    return [row[0] for row in rows]


_INSURED = f"""
    select {", ".join(f"p.{name.strip()}" for name in PERSON_COLUMNS.split(","))},
           (select array_agg((g.group_name, g.starts_on, g.ends_on) order by g.starts_on)
              from special_groups g where g.person_id = p.person_id),
           p.id_number_sealed,
           {", ".join(f"e.{name.strip()}" for name in ENROLMENT_COLUMNS.split(","))}
      from persons p
      left join enrolments e on e.person_id = p.person_id and e.insurance in ('310', '390')
                            and e.status <> 'ended'
     where p.person_id = any($1::bigint[])"""  # noqa: S608 - our constants
_PERSON_FIELDS = len(PERSON_COLUMNS.split(","))


def insured(person_ids: Sequence[int]) -> Query[dict[int, Insured]]:
    return Query(_INSURED, (person_ids,), _read_insured)


def _read_insured(rows: Rows) -> dict[int, Insured]:
    found: dict[int, Insured] = {}
    # The columns stand in the order of the fields: this is read for every settlement.
    for row in rows:
        facts = tuple(row)
        person_id: int = facts[0]
        enrolment = facts[_PERSON_FIELDS + 2 :]
        enrolments = (Enrolment(*enrolment),) if enrolment[0] is not None else ()
        if person_id in found:
            enrolments = (*found[person_id].enrolments, *enrolments)
        found[person_id] = Insured(
            Person(*facts[:_PERSON_FIELDS]),
            facts[_PERSON_FIELDS + 1],
            enrolments,
            tuple(SpecialGroup(*group) for group in facts[_PERSON_FIELDS] or ()),
        )
    return found
