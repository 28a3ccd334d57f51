"""What was typed into the search field: without a database."""

from datetime import date, datetime

import pytest

from tests.identity.people import BORN
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.ids import new_id
from yikatong.population.rows import id_number
from yikatong.portals.counter.asked import Asked, recognise

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
