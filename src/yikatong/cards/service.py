"""Use cases of the room cards: find by card number, read a person's cards."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from yikatong.cards import store
from yikatong.cards.model import Card, CardApplication
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.together import Query, ask
from yikatong.money.ledger import service as ledger

NUMBER_LENGTH: Final = 9
_CARD_NUMBER: Final = re.compile(rf"[0-9A-Z]{{{NUMBER_LENGTH}}}")


def parse_number(text: str, field: str = "card") -> str:
    """A card number (卡号) as it is written; raises InvalidInput for a wrong form."""
    number = text.strip().upper()
    if not _CARD_NUMBER.fullmatch(number):
        raise InvalidInput(
            field,
            zh="卡号是 9 位数字或大写字母，印在社保卡正面",
            en="a card number is nine digits or capital letters, printed on the front of the card",
        )
    return number


async def find_by_number(connection: Connection, text: str, field: str = "card") -> tuple[int, int]:
    """The person_id and card_id of a card number (卡号), also of a dead card.

    Raises InvalidInput for a wrong form, NotFound for a number never issued.
    """
    number = parse_number(text, field)
    found = await store.person_of_number(connection, number)
    if found is None:
        raise NotFound(
            zh="没有这个卡号，请对一对卡面上的卡号",
            en="there is no such card; please compare the number on the front",
            field=field,
        )
    return found


async def current_cards(connection: Connection, person_ids: Sequence[int]) -> dict[int, Card]:
    """Of each person the live card, else the newest; persons without a card are left out.

    Whether the bank account is frozen is not looked up.
    """
    return await ask(connection, store.current_cards(person_ids))


def current_query(person_ids: Sequence[int]) -> Query[dict[int, Card]]:
    """The same as a question to be asked together with others."""
    return store.current_cards(person_ids)


async def find_many(connection: Connection, numbers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The person_id and card_id of card numbers, dead cards' too; unknown ones are left out."""
    return await store.persons_of_numbers(connection, numbers)


async def cards(connection: Connection, person_id: int) -> Sequence[Card]:
    """All cards of the person, dead ones too, the newest first."""
    found = await store.cards(connection, person_id)
    if not any(card.account_id for card in found):
        return found
    frozen = {
        one.account_id: one.frozen_by for one in await ledger.accounts_of(connection, person_id)
    }
    return [
        msgspec.structs.replace(card, account_frozen_by=frozen.get(card.account_id or 0))
        for card in found
    ]


async def applications(connection: Connection, person_id: int) -> Sequence[CardApplication]:
    """All applications of the person, the newest first."""
    return await store.applications(connection, person_id)


async def applicants(connection: Connection, application_id: int) -> list[int]:
    """Whose application has this number; the caller records why it looked."""
    return await store.applicants(connection, application_id)
