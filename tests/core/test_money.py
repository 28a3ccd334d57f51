import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.core import money
from yikatong.core.errors import InvalidInput


@given(st.integers(0, money.AMOUNT_MAX))
def test_an_amount_written_and_read_is_the_same(fen: int) -> None:
    assert money.parse_yuan(money.format_yuan(fen), "amount") == fen


@pytest.mark.parametrize(
    ("text", "fen"), [("0", 0), ("12", 1200), ("12.5", 1250), ("12.05", 1205), ("0.01", 1)]
)
def test_yuan_may_have_no_one_or_two_decimals(text: str, fen: int) -> None:
    assert money.parse_yuan(text, "amount") == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "-0.01",
        "1.234",
        "1.00000",
        "NaN",
        "Infinity",
        "1e400",
        "1e2",
        "0x10",
        "+1",
        " 1",
        "1 ",
        "1,000.00",
        "１２",
        "1.",
        ".5",
        "00.5",
        "null",
        "100000000000000000000",
        "10000000000000.01",
    ],
)
def test_anything_else_names_the_field_in_both_languages(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        money.parse_yuan(text, "bill.total")
    assert caught.value.field == "bill.total"
    assert caught.value.text.zh
    assert caught.value.text.en


@given(st.integers(-1_000_000, 1_000_000))
def test_a_rate_written_and_read_is_the_same(ppm: int) -> None:
    assert money.parse_percent(money.format_percent(ppm), "rate") == ppm


def test_half_a_fen_rounds_up() -> None:
    assert money.round_micro(1_499_999) == 1
    assert money.round_micro(1_500_000) == 2
    assert money.round_micro(2_500_000) == 3


def test_people_read_amounts_with_thousands_apart() -> None:
    assert money.format_yuan_grouped(123_456_789) == "1,234,567.89"
    assert money.format_yuan_grouped(-5) == "-0.05"
