from datetime import datetime, timedelta

from yikatong.core.clock import SHANGHAI
from yikatong.core.ids import new_id

NOW = datetime(2026, 3, 1, 9, tzinfo=SHANGHAI)


def test_identifiers_of_one_moment_keep_the_order_they_were_made_in() -> None:
    made = [new_id(NOW) for _ in range(20_000)]
    assert made == sorted(set(made))
    assert new_id(NOW + timedelta(minutes=1)) > made[-1]


def test_identifiers_fit_a_bigint_for_decades() -> None:
    assert 0 < new_id(datetime(2090, 1, 1, tzinfo=SHANGHAI)) < 2**63
