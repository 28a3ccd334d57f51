from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from yikatong.core.errors import InvalidInput
from yikatong.people import rules
from yikatong.population.rows import id_number

TODAY = date(2026, 3, 1)


@given(
    st.sampled_from(["110101", "510104", "440103", "310115", "510102"]),
    st.dates(date(1900, 1, 1), TODAY),
    st.integers(1, 999),
)
def test_a_valid_number_says_region_birth_date_and_sex(
    county: str, birth: date, order: int
) -> None:
    found = rules.parse_id_number(id_number(county, birth, order), "id_number", today=TODAY)
    assert (found.region, found.birth_date) == (county, birth)
    assert found.sex == (1 if order % 2 else 2)


@given(
    st.dates(date(1900, 1, 1), TODAY), st.integers(1, 999), st.integers(0, 16), st.integers(1, 9)
)
def test_one_wrong_digit_is_always_noticed(birth: date, order: int, place: int, by: int) -> None:
    number = id_number("110101", birth, order)
    digit = str((int(number[place]) + by) % 10)
    with pytest.raises(InvalidInput):
        rules.parse_id_number(
            number[:place] + digit + number[place + 1 :], "id_number", today=TODAY
        )


def test_spaces_and_a_small_x_are_forgiven() -> None:
    assert (
        rules.parse_id_number(" 110105 19491231 002x ", "n", today=TODAY).number
        == "11010519491231002X"
    )


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("", "18"),
        ("123", "18"),
        ("1101051949123100AX", "数字"),
        ("110105194912310021", "校验位"),
        ("11010519490230002" + ric.calc_check_digit("11010519490230002?"), "日期"),
        ("99010519491231002" + ric.calc_check_digit("99010519491231002?"), "地区"),
        ("990105194912310021", "校验位"),
        ("１１０１０５１９４９１２３１００２Ｘ", "数字"),
        ("11010520991231002X", "校验位"),
        ("1" * 500, "18"),
    ],
)
def test_what_is_wrong_is_said(number: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.parse_id_number(number, "id_number", today=TODAY)
    assert caught.value.field == "id_number"
    assert says in caught.value.text.zh


def test_birth_date_and_sex_given_elsewhere_must_agree() -> None:
    found = rules.parse_id_number("11010519491231002X", "n", today=TODAY)
    rules.check_id_number_agrees(found, birth_date=date(1949, 12, 31), sex=2)
    for birth, sex in ((date(1949, 12, 30), 2), (date(1949, 12, 31), 1)):
        with pytest.raises(InvalidInput):
            rules.check_id_number_agrees(found, birth_date=birth, sex=sex)
