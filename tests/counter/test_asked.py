"""What was typed into the search field, and the three facts of a call: without a database."""

from datetime import date, datetime

import pytest

from tests.identity.people import BORN
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.ids import new_id
from yikatong.people.model import Contact, Person
from yikatong.population.rows import id_number
from yikatong.portals.counter.asked import Asked, recognise
from yikatong.portals.hotline import facts

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)
DAY = NOW.date()
NUMBER = id_number("510104", BORN, 7)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (NUMBER, Asked("id_number", NUMBER)),
        (f" {NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:].lower()} ", Asked("id_number", NUMBER)),
        ("a71053573", Asked("card", "A71053573")),
        ("123456789", Asked("card", "123456789")),
        ("1000001", Asked("number", "1000001")),
        ("张三丰 1985-03-05", Asked("name", "张三丰", BORN)),
        ("张三丰，19850305", Asked("name", "张三丰", BORN)),
        ("张三丰 1985年3月5日", Asked("name", "张三丰", BORN)),
        ("张三丰 5678", Asked("name", "张三丰", None, "5678")),
        ("张三丰 13861725678", Asked("name", "张三丰", None, "5678")),
        ("阿依古丽·买买提 1990/1/2", Asked("name", "阿依古丽·买买提", date(1990, 1, 2))),
        ("John Smith 1985-03-05", Asked("name", "John Smith", BORN)),
        ("张三丰", Asked("name", "张三丰")),
    ],
)
def test_the_form_of_what_was_typed_is_recognised(words: str, asked: Asked) -> None:
    assert recognise(words, DAY, NOW) == asked


def test_a_number_of_ours_with_eighteen_digits_is_no_id_number_and_a_typo_in_one_is_told() -> None:
    for _ in range(200):
        number = str(new_id(NOW))
        assert len(number) <= 18
        assert recognise(number, DAY, NOW).form == "number"
    wrong = NUMBER[:-1] + ("1" if NUMBER[-1] != "1" else "2")
    with pytest.raises(InvalidInput) as caught:
        recognise(wrong, DAY, NOW)
    assert "校验位" in caught.value.text.zh


@pytest.mark.parametrize(
    "words", ["", "  ", "13861725678", "张", "510104850305123", "<script>", "张三丰 abc1", "x" * 81]
)
def test_what_finds_nobody_is_answered_with_what_can_be_typed(words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        recognise(words, DAY, NOW)
    assert caught.value.field == "words"


def _person() -> Person:
    return Person(1, "张三丰", 1, BORN, "510104", None, True, False, None, True, 1)


def _agrees(third: str, value: str, *, name: str = "张三丰", by_card: bool = False) -> bool:
    told = facts.read(name, by_card, third, value)
    return facts.agrees(told, _person(), Contact(NUMBER, "13861725678", None), "A71053573")


def test_three_facts_agree_or_they_do_not() -> None:
    assert _agrees("phone", "13861725678")
    assert _agrees("phone", "5678")
    assert not _agrees("phone", "5679")
    assert not _agrees("phone", "5678", name="张三")
    assert _agrees("birth_date", "1985-03-05", by_card=True)
    assert _agrees("birth_date", "19850305", by_card=True)
    assert _agrees("residence", "成都市锦江区")
    assert not _agrees("residence", "成都市武侯区")
    assert _agrees("card", "3573")
    assert not _agrees("card", "3574")


@pytest.mark.parametrize(
    ("third", "value", "by_card", "field"),
    [
        ("birth_date", "1985-03-05", False, "third"),  # stands in the id number
        ("card", "3573", True, "third"),
        ("residence", "成都", False, "value"),  # too many live there
        ("residence", "朝阳区", False, "value"),  # there are several
        ("phone", "56", False, "value"),
        ("colour", "red", False, "third"),
    ],
)
def test_a_third_fact_that_says_too_little_is_refused_before_anybody_is_looked_for(
    third: str, value: str, by_card: bool, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        facts.read("张三丰", by_card, third, value)
    assert caught.value.field == field
