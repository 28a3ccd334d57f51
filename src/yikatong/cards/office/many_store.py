"""SQL of the desk for many: one statement for all persons of a chunk."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import msgspec

from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office.model import CardEvent
from yikatong.cards.office.store import APPLICATION, CARD, EVENT
from yikatong.core.database import Connection
from yikatong.core.together import Change, Conflict, Query, Rows, numbers

_encode = msgspec.json.encode
_MATERIALS = APPLICATION.index("materials")


async def lock(connection: Connection, person_ids: Sequence[int]) -> None:
    """The same lock as of a command for one, of all of them, always in one order."""
    await connection.fetch(
        """select pg_advisory_xact_lock(hashtextextended('cards', person_id))
             from unnest($1::bigint[]) person_id""",
        sorted(person_ids),
    )


def applications(person_ids: Sequence[int]) -> Query[dict[int, list[CardApplication]]]:
    """All applications, the newest first."""
    return Query(
        f"""select {", ".join(APPLICATION)} from card_applications
             where person_id = any($1::bigint[])
             order by applied_on desc, application_id desc""",  # noqa: S608 - our constants
        (person_ids,),
        _applications,
    )


def _applications(rows: Rows) -> dict[int, list[CardApplication]]:
    found: dict[int, list[CardApplication]] = {}
    for row in rows:
        # The columns stand in the order of the fields: this is read for every step of a batch.
        facts = list(row)
        facts[_MATERIALS] = tuple(facts[_MATERIALS])
        one = CardApplication(*facts)
        found.setdefault(one.person_id, []).append(one)
    return found


def cards(person_ids: Sequence[int]) -> Query[dict[int, list[Card]]]:
    """All cards, the newest first; whether the account is frozen is not looked up."""
    return Query(
        f"""select {", ".join(CARD)} from cards where person_id = any($1::bigint[])
             order by issued_on desc, card_id desc""",  # noqa: S608
        (person_ids,),
        _cards,
    )


def _cards(rows: Rows) -> dict[int, list[Card]]:
    found: dict[int, list[Card]] = {}
    for row in rows:
        facts = dict(zip(CARD, row, strict=True))
        found.setdefault(facts["person_id"], []).append(Card(**facts, account_frozen_by=None))
    return found


async def insert(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Add rows; raises Conflict where one of them is there already."""
    try:
        await connection.copy_records_to_table(table, records=rows, columns=columns)
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def insert_applications(connection: Connection, made: Sequence[CardApplication]) -> None:
    await insert(connection, "card_applications", APPLICATION, map(msgspec.structs.astuple, made))


async def insert_cards(connection: Connection, made: Sequence[Card]) -> None:
    rows = [[getattr(one, name) for name in CARD] for one in made]
    await insert(connection, "cards", CARD, rows)


async def insert_numbers(connection: Connection, drawn: Sequence[tuple[str, int, int]]) -> None:
    """Card number, person, card."""
    await insert(connection, "card_numbers", ("card_number", "person_id", "card_id"), drawn)


async def insert_events(
    connection: Connection, happened: Sequence[tuple[CardEvent, str | None, bytes | None]]
) -> None:
    """Events with the key and content of their commands."""
    rows = [
        (*msgspec.structs.astuple(event)[:-1], _encode(event.detail).decode(), key, content)
        for event, key, content in happened
    ]
    await insert(connection, "card_events", (*EVENT, "key", "content"), rows)


def application_changes(moved: Sequence[CardApplication]) -> Change:
    """Write what a move for many may change, each over the version before."""
    return Change(
        """update card_applications a
              set state = n.state, state_since = n.since, batch_id = n.batch_id,
                  card_id = n.card_id, card_number = n.number, personalised_on = n.made_on,
                  name_on_card = n.name, tracking = n.tracking, version = n.version,
                  expected_on = n.expected_on, chased = n.chased
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text[], $4::timestamptz[],
                         $5::text::bigint[], $6::text::bigint[], $7::text[], $8::text::date[],
                         $9::text[], $10::text[], $11::text::integer[], $12::text::date[],
                         $13::text::integer[])
               as n (person_id, application_id, state, since, batch_id, card_id, number, made_on,
                     name, tracking, version, expected_on, chased)
            where a.person_id = n.person_id and a.application_id = n.application_id
              and a.version = n.version - 1""",
        (
            numbers(one.person_id for one in moved),
            numbers(one.application_id for one in moved),
            [one.state for one in moved],
            [one.state_since for one in moved],
            numbers(one.batch_id for one in moved),
            numbers(one.card_id for one in moved),
            [one.card_number for one in moved],
            numbers(one.personalised_on for one in moved),
            [one.name_on_card for one in moved],
            [one.tracking for one in moved],
            numbers(one.version for one in moved),
            numbers(one.expected_on for one in moved),
            numbers(one.chased for one in moved),
        ),
        len(moved),
    )


def card_changes(moved: Sequence[Card]) -> Change:
    """Write what a move for many may change of cards, each over the version before."""
    return Change(
        """update cards c
              set state = n.state, social_security_app = n.social, bank_app = n.bank,
                  replaced_by = n.replaced_by, version = n.version
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text[], $4::text[], $5::text[],
                         $6::text::bigint[], $7::text::integer[])
               as n (person_id, card_id, state, social, bank, replaced_by, version)
            where c.person_id = n.person_id and c.card_id = n.card_id
              and c.version = n.version - 1""",
        (
            numbers(one.person_id for one in moved),
            numbers(one.card_id for one in moved),
            [one.state for one in moved],
            [one.social_security_app for one in moved],
            [one.bank_app for one in moved],
            numbers(one.replaced_by for one in moved),
            numbers(one.version for one in moved),
        ),
        len(moved),
    )
