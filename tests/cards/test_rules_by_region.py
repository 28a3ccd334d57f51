"""The rules of regions, and the card office's own page held to the code."""

from datetime import date

import pytest
from scripts.make_cards_page import PAGE, page

from yikatong.cards.office import terms
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
