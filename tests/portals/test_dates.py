"""Days stand on the pages as people write them."""

from datetime import UTC, date, datetime

import pytest

from yikatong.core.clock import SHANGHAI
from yikatong.core.days import moment_in_words
from yikatong.portals.view import dated


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (date(2026, 3, 5), "2026年3月5日", "5 March 2026"),
        ("2026-03-05", "2026年3月5日", "5 March 2026"),
        ("2026-03", "2026年3月", "March 2026"),
        ("2026-03-05 08:30", "2026年3月5日 08:30", "5 March 2026, 08:30"),
        ("2026-03-05 08:30:59", "2026年3月5日 08:30", "5 March 2026, 08:30"),
        (datetime(2026, 3, 5, 8, 30, tzinfo=SHANGHAI), "2026年3月5日 08:30", "5 March 2026, 08:30"),
        ("2026-03-05 – 2026-04-01", "2026年3月5日 – 2026年4月1日", "5 March 2026 – 1 April 2026"),
        ("2026-02-30", "2026-02-30", "2026-02-30"),
        ("2026-13", "2026-13", "2026-13"),
        ("1-2026-03-05-7", "1-2026-03-05-7", "1-2026-03-05-7"),
        ("—", "—", "—"),
        ("", "", ""),
        (None, "", ""),
    ],
)
def test_days_months_and_moments_are_said_in_words_and_all_else_is_left(
    value: object, chinese: str, english: str
) -> None:
    assert dated(value, "zh") == chinese
    assert dated(value, "en") == english


def test_where_it_matters_which_came_first_the_second_is_told_in_shanghais_time() -> None:
    at = datetime(2026, 3, 4, 23, 30, 59, tzinfo=UTC)
    assert moment_in_words(at, "zh", seconds=True) == "2026年3月5日 07:30:59"
    assert moment_in_words(at, "en", seconds=True) == "5 March 2026, 07:30:59"
