"""Amounts and rates as JSON numbers, exact."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.medical.hospital_api.context import amount, rate


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, b"0.00"), (5, b"0.05"), (-5, b"-0.05"), (260500, b"2605.00"), (-123456, b"-1234.56")],
)
def test_an_amount_is_a_number_with_two_decimals(fen: int, text: bytes) -> None:
    assert bytes(amount(fen)) == text


@pytest.mark.parametrize(
    ("ppm", "text"), [(0, b"0"), (1_000_000, b"1"), (850_000, b"0.85"), (1, b"0.000001")]
)
def test_a_rate_has_no_needless_decimals(ppm: int, text: bytes) -> None:
    assert bytes(rate(ppm)) == text


@given(st.integers(-(10**15), 10**15), st.integers(0, 1_000_000))
def test_what_is_written_reads_back_exactly(fen: int, ppm: int) -> None:
    document = msgspec.json.encode([amount(fen), rate(ppm)])
    read = msgspec.json.decode(document, type=list[Decimal])
    assert read == [Decimal(fen) / 100, Decimal(ppm) / 1_000_000]
