"""SQL of visits, fee lines, settlements and a provider's messages. Many rows a statement."""

import operator
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.together import Change, Query, Rows, insertion, numbers
from yikatong.medical.model import ChronicRegistration
from yikatong.medical.visits.model import Diagnosis, FeeBatch, Settlement, SplitLine, Visit
from yikatong.policies.model import QuoteRequest, YearToDate

_encode: Final = msgspec.json.encode
YEAR: Final = YearToDate.__struct_fields__
"""The accumulators' columns are named as the fields."""
_YEAR_COLUMNS: Final = ", ".join(YEAR)

_VISIT = """person_id, visit_id, provider_code, setting, care_code, state, insurance,
    insured_region, treatment_region, number, begun_at, ended_at, diagnoses, disease, details,
    version"""
_BATCH = """person_id, visit_id, batch_id, batch, settlement_id, lines_count, total, self_paid,
    over_limit, first_pay, version"""
_VISIT_FIELDS: Final = len(_VISIT.split(","))
_VISITS: Final = f"""
    select {", ".join(f"v.{name.strip()}" for name in _VISIT.split(","))},
           {", ".join(f"b.{name.strip()}" for name in _BATCH.split(",")[2:])}
      from visits v
      join unnest($1::bigint[], $2::bigint[]) as n (person_id, visit_id)
     using (person_id, visit_id)
      left join fee_batches b
        on b.person_id = v.person_id and b.visit_id = v.visit_id
     order by b.batch_id"""  # noqa: S608 - our constants
SETTLEMENT_FIELDS: Final = tuple(name for name in Settlement.__struct_fields__ if name != "quote")
SETTLEMENT: Final = ", ".join(SETTLEMENT_FIELDS)


class Message(msgspec.Struct, frozen=True):
    """A provider's message and the first answer to it."""

    provider_code: str
    message_id: str
    transaction_code: str
    content_hash: bytes
    kind: str
    """Of the order, such as "Settle"; "" where the message only notes that it was taken back."""
    person_id: int | None
    visit_id: int | None
    refers: int | None
    """The visit, batch, settlement or filing it made."""
    succeeded: bool
    at: datetime
    answer: bytes
    undone_by: str | None = None


_read_diagnoses: Final = msgspec.json.Decoder(tuple[Diagnosis, ...]).decode
_read_details: Final = msgspec.json.Decoder(dict[str, Any]).decode
read_lines: Final = msgspec.json.Decoder(list[SplitLine]).decode
_read_inputs: Final = msgspec.json.Decoder(QuoteRequest).decode
_read_added: Final = msgspec.json.Decoder(dict[str, int]).decode


def _visit(row: Any) -> Visit:
    facts: list[Any] = list(row)
    facts[12] = _read_diagnoses(facts[12])
    facts[14] = _read_details(facts[14])
    return Visit(*facts)


def settlement_of(row: Any) -> Settlement:
    """A row of the columns SETTLEMENT."""
    facts: dict[str, Any] = dict(row)
    facts["inputs"] = _read_inputs(facts["inputs"])
    facts["added"] = _read_added(facts["added"])
    facts["settled_at"] = facts["settled_at"].astimezone(SHANGHAI)
    return Settlement(**facts)


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _text(value: object) -> str:
    return _encode(value).decode()


Visits = tuple[dict[tuple[int, int], Visit], dict[tuple[int, int], list[FeeBatch]]]


# ---- reading ----


async def messages(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Message]:
    rows = await connection.fetch(
        """select provider_code, message_id, transaction_code, content_hash, kind, person_id,
                  visit_id, refers, succeeded, at, answer, undone_by
             from provider_messages join unnest($1::text[], $2::text[]) as n (provider, message)
               on provider_code = n.provider and message_id = n.message""",
        *_columns(keys),
    )
    return {(row[0], row[1]): Message(*row) for row in rows}


def visits(keys: Sequence[tuple[int, int]]) -> Query[Visits]:
    """Visits, and their batches in the order they came, without the lines."""
    return Query(_VISITS, _columns(keys), _read_visits)


def _read_visits(rows: Rows) -> Visits:
    found: dict[tuple[int, int], Visit] = {}
    batches: dict[tuple[int, int], list[FeeBatch]] = {}
    for row in rows:
        facts = list(row)
        key = (facts[0], facts[1])
        if key not in found:
            found[key] = _visit(facts[:_VISIT_FIELDS])
        if facts[_VISIT_FIELDS] is not None:
            batch = FeeBatch(*key, *facts[_VISIT_FIELDS:])
            batches.setdefault(key, []).append(batch)
    return found, batches


def stays(person_ids: Sequence[int]) -> Query[dict[int, Visit]]:
    """The open stay of each person, where there is one."""
    return Query(
        f"""select {_VISIT} from visits
             where person_id = any($1::bigint[]) and staying""",  # noqa: S608
        (person_ids,),
        lambda rows: {row[0]: _visit(row) for row in rows},
    )


def lines(
    keys: Sequence[tuple[int, int]],
) -> Query[dict[tuple[int, int, int], list[SplitLine]]]:
    """The lines of visits by person, visit and batch."""
    return Query(
        """select person_id, visit_id, batch_id, lines from fee_batches
              join unnest($1::bigint[], $2::bigint[]) as n (person_id, visit_id)
             using (person_id, visit_id) order by batch_id""",
        _columns(keys),
        lambda rows: {(row[0], row[1], row[2]): read_lines(row[3]) for row in rows},
    )


async def settlements_of_visits(
    connection: Connection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], list[Settlement]]:
    """All settlements and reversals of visits, in the order they were made."""
    rows = await connection.fetch(
        f"""select {SETTLEMENT} from settlements
              join unnest($1::bigint[], $2::bigint[]) as n (person_id, visit_id)
             using (person_id, visit_id) order by settlement_id""",  # noqa: S608
        *_columns(keys),
    )
    found: dict[tuple[int, int], list[Settlement]] = {}
    for row in rows:
        one = settlement_of(row)
        found.setdefault((one.person_id, one.visit_id), []).append(one)
    return found


async def settlements(
    connection: Connection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Settlement]:
    rows = await connection.fetch(
        f"""select {SETTLEMENT} from settlements
              join unnest($1::bigint[], $2::bigint[]) as n (person_id, settlement_id)
             using (person_id, settlement_id)""",  # noqa: S608
        *_columns(keys),
    )
    return {(row["person_id"], row["settlement_id"]): settlement_of(row) for row in rows}


async def settlements_of_person(
    connection: Connection, person_id: int, limit: int
) -> list[Settlement]:
    """The newest settlements and reversals of a person, newest first."""
    rows = await connection.fetch(
        f"""select {SETTLEMENT} from settlements where person_id = $1
            order by settlement_id desc limit $2""",  # noqa: S608
        person_id,
        limit,
    )
    return [settlement_of(row) for row in rows]


async def settlements_after(
    connection: Connection, person_id: int, settlement_id: int, limit: int
) -> list[Settlement]:
    """Settlements in the order of person and number, behind the ones given."""
    rows = await connection.fetch(
        f"""select {SETTLEMENT} from settlements
             where (person_id, settlement_id) > ($1, $2)
             order by person_id, settlement_id limit $3""",  # noqa: S608
        person_id,
        settlement_id,
        limit,
    )
    return [settlement_of(row) for row in rows]


Years = tuple[dict[tuple[int, str, date], tuple[YearToDate, int]], set[int]]


def accumulators(person_ids: Sequence[int], since: date) -> Query[Years]:
    """The accumulators of years that began behind `since`, with their versions; and the persons
    whose claims by hand stand. A decided claim adds to its year, so none is missed."""
    return Query(_YEARS, (person_ids, since), _read_years)


_YEARS: Final = f"""select person_id, insurance, year_starts_on, version,
          exists (select from claims c where c.person_id = a.person_id
                    and c.state in ('approved', 'paid')), {_YEAR_COLUMNS}
     from accumulators a
    where person_id = any($1::bigint[]) and year_starts_on > $2"""  # noqa: S608


def _read_years(rows: Rows) -> Years:
    years = {(row[0], row[1], row[2]): (YearToDate(*list(row)[5:]), row[3]) for row in rows}
    return years, {row[0] for row in rows if row[4]}


def chronic(person_ids: Sequence[int]) -> Query[dict[int, list[ChronicRegistration]]]:
    return Query(
        """select person_id, disease, starts_on, ends_on from chronic_registrations
            where person_id = any($1::bigint[]) order by starts_on desc""",
        (person_ids,),
        _read_chronic,
    )


def _read_chronic(rows: Rows) -> dict[int, list[ChronicRegistration]]:
    found: dict[int, list[ChronicRegistration]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(ChronicRegistration(row[1], row[2], row[3]))
    return found


def selected(person_ids: Sequence[int]) -> Query[dict[int, list[str]]]:
    return Query(
        """select person_id, provider_code from selected_providers
            where person_id = any($1::bigint[])""",
        (person_ids,),
        _read_selected,
    )


def _read_selected(rows: Rows) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row[1])
    return found


# ---- writing: changes that are sent together (`core.together`) ----


def insert_messages(made: Sequence[Message]) -> Change:
    return insertion("provider_messages", [msgspec.structs.astuple(one) for one in made])


def mark_undone(undone: Sequence[tuple[str, str, str]]) -> Change:
    """Note which message took a message back: (provider, message, by)."""
    return Change(
        """update provider_messages m set undone_by = n.by_message
             from unnest($1::text[], $2::text[], $3::text[]) as n (provider, message, by_message)
            where m.provider_code = n.provider and m.message_id = n.message
              and m.undone_by is null""",
        _columns(undone),
        len(undone),
    )


def insert_visits(made: Sequence[Visit]) -> Change:
    return insertion(
        "visits",
        [
            (
                one.person_id, one.visit_id, one.provider_code, one.setting, one.care_code,
                one.state, one.insurance, one.insured_region, one.treatment_region, one.number,
                one.begun_at, one.ended_at, _text(one.diagnoses), one.disease, _text(one.details),
                one.version, None,
            )
            for one in made
        ],
        _VISIT,
    )  # fmt: skip


def set_states(changed: Sequence[Visit]) -> Change:
    """The states of visits that settlements changed."""
    return Change(
        """update visits v set state = n.state, version = v.version + 1
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text::integer[], $4::text[])
               as n (person_id, visit_id, version, state)
            where v.person_id = n.person_id and v.visit_id = n.visit_id
              and v.version = n.version""",
        (
            numbers(one.person_id for one in changed),
            numbers(one.visit_id for one in changed),
            numbers(one.version for one in changed),
            [one.state for one in changed],
        ),
        len(changed),
    )


def update_visits(changed: Sequence[Visit]) -> Change:
    return Change(
        """update visits v
              set state = n.state, care_code = n.care_code, number = n.number,
                  begun_at = n.begun_at, ended_at = n.ended_at, diagnoses = n.diagnoses::jsonb,
                  disease = n.disease, details = n.details::jsonb, version = v.version + 1
             from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::text[],
                         $6::text[], $7::timestamptz[], $8::timestamptz[], $9::text[],
                         $10::text[], $11::text[])
               as n (person_id, visit_id, version, state, care_code, number, begun_at, ended_at,
                     diagnoses, disease, details)
            where v.person_id = n.person_id and v.visit_id = n.visit_id
              and v.version = n.version""",
        _columns(
            (
                one.person_id, one.visit_id, one.version, one.state, one.care_code, one.number,
                one.begun_at, one.ended_at, _text(one.diagnoses), one.disease,
                _text(one.details),
            )
            for one in changed
        ),
        len(changed),
    )  # fmt: skip


def insert_batches(made: Sequence[tuple[FeeBatch, Sequence[SplitLine]]], at: datetime) -> Change:
    return insertion(
        "fee_batches",
        [
            (
                one.person_id, one.visit_id, one.batch_id, one.batch, one.settlement_id,
                one.lines_count, one.total, one.self_paid, one.over_limit, one.first_pay,
                _text(found), at, one.version,
            )
            for one, found in made
        ],
    )  # fmt: skip


def settle_batches(changed: Sequence[tuple[FeeBatch, int | None]]) -> Change:
    """Which settlement took batches, or that none does any more."""
    return Change(
        """update fee_batches b set settlement_id = n.settlement_id, version = b.version + 1
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text::bigint[],
                         $4::text::integer[], $5::text::bigint[])
               as n (person_id, visit_id, batch_id, version, settlement_id)
            where b.person_id = n.person_id and b.visit_id = n.visit_id
              and b.batch_id = n.batch_id and b.version = n.version""",
        (
            numbers(one.person_id for one, _ in changed),
            numbers(one.visit_id for one, _ in changed),
            numbers(one.batch_id for one, _ in changed),
            numbers(one.version for one, _ in changed),
            numbers(settlement_id for _, settlement_id in changed),
        ),
        len(changed),
    )


def rewrite_batches(changed: Sequence[tuple[FeeBatch, Sequence[SplitLine]]]) -> Change:
    """Batches whose lines were withdrawn in part or whole; the version is the one read."""
    return Change(
        """update fee_batches b
              set lines_count = n.lines_count, total = n.total, self_paid = n.self_paid,
                  over_limit = n.over_limit, first_pay = n.first_pay, lines = n.lines::jsonb,
                  version = b.version + 1
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::smallint[],
                         $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[])
               as n (person_id, visit_id, batch_id, version, lines_count, total, self_paid,
                     over_limit, first_pay, lines)
            where b.person_id = n.person_id and b.visit_id = n.visit_id
              and b.batch_id = n.batch_id and b.version = n.version and b.settlement_id is null""",
        _columns(
            (
                one.person_id, one.visit_id, one.batch_id, one.version, one.lines_count, one.total,
                one.self_paid, one.over_limit, one.first_pay, _text(found),
            )
            for one, found in changed
        ),
        len(changed),
    )  # fmt: skip


def insert_settlements(made: Sequence[Settlement]) -> Change:
    return insertion("settlements", [_row(one) for one in made])


_facts: Final = operator.attrgetter(*SETTLEMENT_FIELDS)
_INPUTS, _ADDED = (SETTLEMENT_FIELDS.index(name) for name in ("inputs", "added"))


def _row(one: Settlement) -> tuple[Any, ...]:
    facts: list[Any] = list(_facts(one))
    facts[_INPUTS] = _text(one.inputs)
    facts[_ADDED] = _text(one.added)
    return tuple(facts)


_WRITE_YEARS: Final = f"""insert into accumulators as a
        (person_id, insurance, year_starts_on, version, {_YEAR_COLUMNS})
    select person_id, insurance, year_starts_on, version + 1, {_YEAR_COLUMNS}
      from unnest($1::text::bigint[], $2::text[], $3::text::date[], $4::text::integer[],
                  {", ".join(f"${number}::text::bigint[]" for number in range(5, 5 + len(YEAR)))})
        as n (person_id, insurance, year_starts_on, version, {_YEAR_COLUMNS})
    on conflict (person_id, insurance, year_starts_on) do update
       set version = excluded.version, {", ".join(f"{name} = excluded.{name}" for name in YEAR)}
     where a.version = excluded.version - 1"""  # noqa: S608


def write_years(changed: Sequence[tuple[int, str, date, int, YearToDate]]) -> Change:
    """Accumulators: person, insurance, first day, the version read (0: none was), amounts."""
    return Change(
        _WRITE_YEARS,
        (
            numbers(one[0] for one in changed),
            [one[1] for one in changed],
            numbers(one[2] for one in changed),
            numbers(one[3] for one in changed),
            *map(
                numbers,
                zip(*(msgspec.structs.astuple(one[4]) for one in changed), strict=True),
            ),
        ),
        len(changed),
    )
