"""Several statements in one round trip."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.core.database import Database
from yikatong.core.together import (
    Change,
    Conflict,
    Query,
    Rows,
    ask,
    ask_together,
    change_together,
    insertion,
    number_rows,
    numbers,
)

_REGIONS = (
    "select region, service from region_services where region = any($1::text[]) order by 1, 2"
)


def _as_pairs(rows: Rows) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in rows]


def _services(*regions: str) -> Query[list[tuple[str, str]]]:
    return Query(_REGIONS, (list(regions),), _as_pairs)


def _add(*rows: tuple[str, str]) -> Change:
    return insertion("region_services", [(*row, None) for row in rows])


def _open(region: str, service: str, rows: int = 1) -> Change:
    return Change(
        """update region_services set opened_on = '2026-01-01'
            where region = $1 and service = $2""",
        (region, service),
        rows,
    )


async def test_questions_asked_together_are_answered_as_alone(database: Database) -> None:
    async with database.connection() as connection:
        await change_together(connection, [_add(("100000", "a"), ("100000", "b"), ("200000", "a"))])
        alone = [
            await ask(connection, one)
            for one in (_services("100000"), _services("200000", "300000"))
        ]
        together = await ask_together(
            connection, [_services("100000"), _services("200000", "300000")]
        )
        nothing = await ask_together(connection, [_services("300000"), _services("100000")])
        assert await ask_together(connection, []) == []
    assert together == alone == [[("100000", "a"), ("100000", "b")], [("200000", "a")]]
    assert nothing == [[], [("100000", "a"), ("100000", "b")]]


async def test_changes_are_all_made_or_none(database: Database) -> None:
    async with database.connection() as connection:
        await change_together(connection, [_add(("100000", "a"))])
        # One row fewer than expected: somebody was quicker.
        with pytest.raises(Conflict):
            await change_together(connection, [_add(("200000", "a")), _open("900000", "a")])
        # A row that is there already.
        with pytest.raises(Conflict):
            await change_together(
                connection, [_open("100000", "a"), _add(("300000", "a"), ("100000", "a"))]
            )
        rows = await connection.fetch("select region, opened_on from region_services")
        assert [tuple(row) for row in rows] == [("100000", None)]
        await change_together(connection, [_open("100000", "a"), _add(("200000", "a"))])
        await change_together(connection, [])
        assert await connection.fetchval("select count(opened_on) from region_services") == 1
        assert await ask(connection, _services("200000")) == [("200000", "a")]


async def test_a_conflict_inside_a_transaction_takes_all_of_it_back(database: Database) -> None:
    async def work() -> None:
        async with database.transaction() as connection:
            await change_together(connection, [_add(("100000", "a"))])
            await change_together(connection, [_open("100000", "b")])

    with pytest.raises(Conflict):
        await work()
    async with database.connection() as connection:
        assert await ask(connection, _services("100000")) == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, -(2**63), 2**63 - 1], "bigint"),
        ([], "bigint"),
        ([None], "integer"),
        ([True, None, False], "boolean"),
        ([date(2026, 2, 28), None], "date"),
    ],
)
async def test_numbers_are_written_as_the_database_reads_them(
    database: Database, values: list[Any], kind: str
) -> None:
    async with database.connection() as connection:
        read = await connection.fetchval(f"select $1::text::{kind}[]", numbers(iter(values)))
    assert read == values


@given(
    st.lists(
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=4), min_size=1, max_size=4
    )
)
def test_rows_of_numbers_are_written_as_arrays_in_an_array(rows: list[list[int | None]]) -> None:
    text = number_rows(rows)
    # An array of texts, none of which holds a quotation mark itself.
    assert (text[:2], text[-2:]) == ('{"', '"}')
    assert text[2:-2].split('","') == [numbers(row) for row in rows]
