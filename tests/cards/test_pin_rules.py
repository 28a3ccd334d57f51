"""Which PINs may be chosen."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.cards.pins import rules
from yikatong.cards.pins.rules import Holder
from yikatong.core.errors import InvalidInput

HOLDER = Holder(date(1985, 3, 5), "510104198503051234", "A58291374", "13912345678")


def refused(pin: str, holder: Holder = HOLDER) -> str:
    with pytest.raises(InvalidInput) as error:
        rules.check_choice(pin, holder, "pin")
    assert error.value.field == "pin"
    return error.value.text.zh


@pytest.mark.parametrize(
    "pin", ["12345", "1234567", "", "12a456", "１２３４５", "१२३४५६", "-12345"]
)
def test_a_pin_is_six_digits(pin: str) -> None:
    assert refused(pin) == "卡密码是 6 位数字"


def test_digits_in_full_width_and_with_spaces_are_understood() -> None:
    assert rules.check_choice("３８４９５７", HOLDER, "pin") == "384957"
    assert rules.check_choice(" 384 957 ", HOLDER, "pin") == "384957"


@pytest.mark.parametrize("pin", ["123456", "654321", "789012", "210987", "135791", "147036"])
def test_runs_are_refused(pin: str) -> None:
    assert "连着" in refused(pin)


@pytest.mark.parametrize(
    "pin",
    ["000000", "111112", "121212", "383383", "112233", "223344", "383838", "123321", "588885"],
)
def test_repeats_and_mirrors_are_refused(pin: str) -> None:
    assert "重复" in refused(pin)


@pytest.mark.parametrize("pin", ["520131", "147258", "159753", "201314"])
def test_what_everybody_has_is_refused(pin: str) -> None:
    assert "常见" in refused(pin)


@pytest.mark.parametrize(
    "pin",
    [
        "850305", "050385", "030585", "850503", "198503", "031985", "198505", "198535", "351985",
        "198553", "051985",
    ],
)  # fmt: skip
def test_the_birthday_is_refused_in_every_usual_writing(pin: str) -> None:
    assert "生日" in refused(pin)


@pytest.mark.parametrize(
    ("pin", "what"),
    [
        ("051234", "身份证"),
        ("510104", "身份证"),
        ("291374", "卡号"),
        ("345678", ""),
        ("912345", "手机"),
    ],
)
def test_what_stands_in_the_same_wallet_is_refused(pin: str, what: str) -> None:
    assert what in refused(pin)


def test_the_tail_of_an_id_number_that_ends_with_x_is_refused() -> None:
    holder = Holder(date(1985, 3, 5), "51010419850305704X", "A58291374")
    assert "身份证" in refused("305704", holder)


def test_few_pins_are_refused_to_everybody() -> None:
    weak = sum(rules.weakness(f"{number:06d}") is not None for number in range(1_000_000))
    assert 5000 < weak <= rules.WEAK_MAX


@given(st.dates(date(1900, 1, 1), date(2030, 12, 31)))
def test_every_birthday_is_refused_to_its_owner(day: date) -> None:
    holder = Holder(day, "510104199001011234", "A58291374")
    for pin in (f"{day:%y%m%d}", f"{day:%d%m%y}", f"{day:%m%d%y}", f"{day:%Y%m}"):
        with pytest.raises(InvalidInput):
            rules.check_choice(pin, holder, "pin")
    assert all(len(one) == 6 and one.isdigit() for one in rules.birthday_writings(day))
