"""The rules of regions, and the card office's own page held to the code."""

from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from scripts.make_cards_page import PAGE, page

from yikatong.cards.model import CardApplication
from yikatong.cards.office import rules, terms
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import NotFound

DAY = date(2026, 3, 1)


def test_a_region_says_what_differs_and_the_rest_is_the_nations() -> None:
    book = terms.load()
    chengdu = book.find("510100", DAY)
    assert (chengdu.provisional_days, chengdu.fee, chengdu.valid_years) == (7, 1600, 10)
    suzhou = book.find("320500", DAY)
    assert (suzhou.fee, suzhou.provisional_days) == (0, 7)
    with pytest.raises(NotFound):
        book.find("510100", date(2017, 12, 31))


def test_every_region_names_where_its_figures_come_from() -> None:
    book = terms.load()
    assert book.review == "unverified"
    assert len(book.regions()) >= 10
    for code in book.regions():
        found = book.find(code, DAY)
        assert all(found.sources)
        assert found.notes[-1]


def test_the_page_says_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_offices_time_runs_while_it_is_the_offices_turn() -> None:
    found = terms.load().find("510100", date(2026, 3, 2))
    taken = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
    one = CardApplication(
        1, "first", "applied", "510100", date(2026, 3, 2), date(2026, 4, 20), None, None,
        state_since=taken,
    )  # fmt: skip

    def due_on(**changes: Any) -> date | None:
        return rules.due_on(msgspec.structs.replace(one, **changes), found)

    assert due_on() == date(2026, 3, 9)
    assert due_on(asked_for="照片") is None
    assert due_on(state="in_production") == date(2026, 4, 20)
    assert due_on(state="in_production", batch_id=7) is None
    assert due_on(state="ready") is None
