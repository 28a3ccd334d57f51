"""What is typed at a provider's desk, and how things are found there."""

import csv
from datetime import datetime, timedelta
from importlib import resources

import pytest

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.medical.provider_desk import finding, initials, rules
from yikatong.medical.visits.errors import CareRefused
from yikatong.medical.visits.orders import Certificate

NOON = datetime(2026, 3, 1, 12, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("shown", "second", "found"),
    [
        ("11010119900307221x", "", (Certificate("id_number", "11010119900307221X"), None)),
        ("１１０１０１ 199003072210", "", (Certificate("id_number", "110101199003072210"), None)),
        ("a71198386", "0" * 31 + "f", (Certificate("card", "A71198386", "0" * 31 + "F"), None)),
        (
            "A71198386",
            "110101199003072210",
            (Certificate("card", "A71198386"), "110101199003072210"),
        ),
        ("6BF " + "X" * 80, "", (Certificate("e_card", "6BF " + "X" * 80), None)),
    ],
)
def test_what_was_shown_tells_by_its_form_what_it_is(
    shown: str, second: str, found: tuple[Certificate, str | None]
) -> None:
    assert rules.read_shown(shown, second) == found


@pytest.mark.parametrize(
    ("text", "quantity", "found"),
    [
        ("amxl", "", ("amxl", "1")), ("amxl*2", "1", ("amxl", "2")),
        ("阿莫西林 × 0.5", "9", ("阿莫西林", "0.5")), ("amxl", "3", ("amxl", "3")), ("", "", ("", "1")),
    ],
)  # fmt: skip
def test_one_field_may_say_item_and_quantity(
    text: str, quantity: str, found: tuple[str, str]
) -> None:
    assert rules.typed_item(text, quantity) == found


def test_a_line_is_rounded_to_the_fen_half_up_and_bounded() -> None:
    assert rules.total_of("0.5", "0.01") == 1
    assert rules.total_of("3", "5.6") == 1680
    for wrong in ("0", "-1", "1e9", "1.234", "", "二"):
        with pytest.raises(InvalidInput):
            rules.read_quantity(wrong)
    for wrong in ("-1", "1,5", "", "12345678", "1.23456"):
        with pytest.raises(InvalidInput):
            rules.read_price(wrong)


def test_a_settlement_is_reversed_on_its_own_day_and_for_a_reason() -> None:
    assert rules.check_reversible(NOON, NOON + timedelta(hours=11), " 换 药 ") == "换 药"
    with pytest.raises(CareRefused):
        rules.check_reversible(NOON, NOON + timedelta(hours=12), "换药")
    for wrong in ("", " x ", "长" * 101):
        with pytest.raises(InvalidInput):
            rules.check_reversible(NOON, NOON, wrong)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("阿莫西林胶囊", "amxljn"),
        ("呋塞米注射液", "fsmzsy"),
        ("维生素B1片", "wssb1p"),
        ("（）", ""),
    ],
)
def test_initials_are_those_of_the_pinyin(text: str, letters: str) -> None:
    assert initials.of(text) == letters


def test_what_is_called_so_exactly_is_found_alone_and_the_best_first() -> None:
    entries = [
        finding.entry("X1", "阿莫西林胶囊", "Amoxicillin capsules"),
        finding.entry("X2", "阿莫西林", "Amoxicillin"),
        finding.entry("X3", "注射用阿莫西林", "Amoxicillin for injection"),
    ]
    assert [one.code for one in finding.find(entries, "amoxicillin", 9)] == ["X2"]
    assert [one.code for one in finding.find(entries, "阿莫", 9)] == ["X2", "X1", "X3"]
    assert [one.code for one in finding.find(entries, "amx", 1)] == ["X2"]
    assert finding.find(entries, " ", 9) == []


def test_every_diagnosis_of_the_list_has_the_form_of_its_code_and_is_found() -> None:
    text = (resources.files("yikatong.data") / "diagnoses.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({row["code"] for row in rows}) == len(rows)
    for row in rows:
        assert rules.read_diagnosis(row["code"], row["name"]).main
        assert finding.diagnoses(row["code"])[0].name == row["name"]
    assert [one.code for one in finding.diagnoses("gxy")] == ["I10.x00"]


def test_other_diagnoses_are_checked_for_the_form_of_their_code() -> None:
    assert rules.read_diagnosis("J15.700", "支原体肺炎").kind == "1"
    assert rules.read_diagnosis("BNG010", "感冒病").kind == "2"
    with pytest.raises(InvalidInput) as caught:
        rules.read_diagnosis("不知道", "")
    assert caught.value.field == "diagnosis"


def test_an_e_card_stands_for_its_holder_for_hours_and_a_typed_number_for_no_card() -> None:
    e_card, typed = Certificate("e_card", "X" * 80), Certificate("card", "A71198386")
    assert not rules.needs_pin(e_card, NOON, NOON + rules.E_CARD_PROVES)
    assert rules.needs_pin(e_card, NOON, NOON + rules.E_CARD_PROVES + timedelta(seconds=1))
    assert rules.needs_pin(typed, NOON, NOON)
    assert rules.card_present(Certificate("card", "A71198386", "0" * 32))
    for one in (e_card, typed, Certificate("id_number", "11010119900307221X")):
        assert not rules.card_present(one)
