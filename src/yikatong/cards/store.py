"""SQL of the room cards."""

from collections.abc import Sequence
from typing import Any

from yikatong.cards.model import Card, CardApplication
from yikatong.core.database import Connection
from yikatong.core.together import Query, Rows


async def person_of_number(connection: Connection, card_number: str) -> tuple[int, int] | None:
    row = await connection.fetchrow(
        "select person_id, card_id from card_numbers where card_number = $1", card_number
    )
    return None if row is None else (row[0], row[1])


_CARD = """person_id, card_id, card_number, card_identifier, generation, region, state,
    social_security_app, bank_app, name_on_card, issued_on, valid_until, provisional_until, bank,
    account_id, replaced_by, state_before, version"""


def current_cards(person_ids: Sequence[int]) -> Query[dict[int, Card]]:
    return Query(_CURRENT, (person_ids,), _by_person)


_CURRENT = f"""select distinct on (person_id) {_CARD} from cards
     where person_id = any($1::bigint[])
     order by person_id, (state in ('issued', 'active', 'loss_reported_provisionally',
              'loss_reported', 'locked')) desc, issued_on desc, card_id desc"""  # noqa: S608


def _by_person(rows: Rows) -> dict[int, Card]:
    found: dict[int, Card] = {}
    for row in rows:
        facts: list[Any] = list(row)
        facts.insert(_FROZEN_AT, None)
        found[facts[0]] = Card(*facts)
    return found


_FROZEN_AT = Card.__struct_fields__.index("account_frozen_by")


async def persons_of_numbers(
    connection: Connection, numbers: Sequence[str]
) -> dict[str, tuple[int, int]]:
    rows = await connection.fetch(
        "select card_number, person_id, card_id from card_numbers where card_number = any($1::text[])",
        numbers,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def cards(connection: Connection, person_id: int) -> Sequence[Card]:
    rows = await connection.fetch(
        f"""select {_CARD} from cards where person_id = $1
             order by issued_on desc, card_id desc""",  # noqa: S608 - our constant
        person_id,
    )
    return [card_of(row) for row in rows]


def card_of(row: Any) -> Card:
    """A row of cards with the columns of the type; whether the account is frozen is not known."""
    return Card(**dict(row), account_frozen_by=None)


_APPLICATION = ", ".join(CardApplication.__struct_fields__)


async def applications(connection: Connection, person_id: int) -> Sequence[CardApplication]:
    rows = await connection.fetch(
        f"""select {_APPLICATION} from card_applications where person_id = $1
             order by applied_on desc, application_id desc""",  # noqa: S608 - our constant
        person_id,
    )
    return [application_of(row) for row in rows]


async def applicants(connection: Connection, application_id: int) -> list[int]:
    rows = await connection.fetch(
        "select person_id from card_applications where application_id = $1 limit 20",
        application_id,
    )
    return [row[0] for row in rows]


def application_of(row: Any) -> CardApplication:
    """A row of card_applications with the columns of the type."""
    facts = dict(row)
    facts["materials"] = tuple(facts["materials"])
    return CardApplication(**facts)
