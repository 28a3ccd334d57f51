"""Rules of changes: what may be written, what it changes, what others see of it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.core.errors import InvalidInput
from yikatong.people.changes import rules
from yikatong.people.changes.model import (
    FIELD_NAMES,
    ChangeRefused,
    ContactChange,
    DocumentsMissing,
    IdentityChange,
    Value,
)
from yikatong.people.ethnic_groups import ETHNIC_GROUPS
from yikatong.people.model import Contact, Person
from yikatong.population.rows import id_number

TODAY = date(2026, 3, 1)
BORN = date(1985, 3, 5)
ON_FILE = Contact(id_number("510104", BORN, 1), "13800001234", "成都市锦江区人民路 12 号")


def person(**more: object) -> Person:
    facts: dict[str, object] = {
        "person_id": 1, "name": "张三丰", "sex": 1, "birth_date": BORN, "residence_region": "510104",
        "contact_confirmed_on": None, "identity_matched": True, "under_guardianship": False,
        "died_on": None, "synthetic": True, "version": 1, **more,
    }  # fmt: skip
    return Person(**facts)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13800001234", "13800001234"),
        (" 138 0000-1234 ", "13800001234"),
        ("+86 19912345678", "19912345678"),
        ("１３８００００１２３４", "13800001234"),
    ],
)
def test_a_phone_is_read_however_it_is_written(text: str, number: str) -> None:
    assert rules.read_phone(text) == number


@pytest.mark.parametrize(
    "text", ["", "1380000123", "138000012345", "12345678901", "02812345678", "+8513800001234", "x"]
)
def test_what_is_no_mobile_phone_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.read_phone(text)
    assert caught.value.field == "phone"


@pytest.mark.parametrize("text", ["", "成都", "12345678", "成都\u202e人民路 12 号", "路" * 101])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.read_address(text)
    assert caught.value.field == "address"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("张三", "张三"),
        (" 阿卜杜拉•买买提 ", "阿卜杜拉·买买提"),
        ("𠮷田", "𠮷田"),
        ("Anna-Maria O'Neill Jr.", "Anna-Maria O'Neill Jr."),
    ],
)
def test_a_name_is_kept_as_the_document_has_it(text: str, name: str) -> None:
    assert rules.read_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "张3", "<b>张</b>", "张三;--", "·", "张\n三\x00", "张" * 51, "_"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.read_name(text)
    assert caught.value.field == "name"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_by_its_field(text: str) -> None:
    for read in (rules.read_phone, rules.read_address, rules.read_name, rules.read_region):
        try:
            found = read(text)
        except InvalidInput:
            continue
        assert found == read(found)


@pytest.mark.parametrize(("code", "right"), [("510104", True), ("510100", True), ("510000", False)])
def test_a_place_of_residence_is_a_city_or_county(code: str, right: bool) -> None:
    if right:
        assert rules.read_region(code) == code
    else:
        with pytest.raises(InvalidInput):
            rules.read_region(code)


def test_only_what_differs_changes() -> None:
    same = ContactChange("138 0000 1234", ON_FILE.address, "510104")
    assert rules.contact_values(person(), ON_FILE, same) == {}
    new = ContactChange("13900001234", None, "110101")
    assert rules.contact_values(person(), ON_FILE, new) == {
        "phone": Value("13800001234", "13900001234"),
        "residence_region": Value("510104", "110101"),
    }


def test_birth_date_and_sex_follow_the_id_number() -> None:
    number = id_number("510104", date(1986, 4, 6), 2)
    values = rules.identity_values(person(), ON_FILE, IdentityChange(None, number), TODAY)
    assert values == {
        "id_number": Value(ON_FILE.id_number, number),
        "birth_date": Value("1985-03-05", "1986-04-06"),
        "sex": Value("1", "2"),
    }


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (IdentityChange(name="张三丰"), "name"),
        (IdentityChange(), "name"),
        (IdentityChange(id_number=ON_FILE.id_number), "name"),
        (IdentityChange(id_number=ON_FILE.id_number[:-1] + "?"), "id_number"),
        (IdentityChange(id_number="510104198503050018"), "id_number"),
        (IdentityChange(ethnic_group="57"), "ethnic_group"),
    ],
)
def test_a_change_that_changes_nothing_or_cannot_be_is_refused(
    wanted: IdentityChange, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.identity_values(person(), ON_FILE, wanted, TODAY)
    assert caught.value.field == field


def test_the_data_of_the_dead_are_closed() -> None:
    with pytest.raises(ChangeRefused, match="death"):
        rules.check_person(person(died_on=TODAY))


def test_the_documents_that_are_missing_are_named() -> None:
    rules.check_documents({"id_document", "change_certificate", "other"})
    with pytest.raises(DocumentsMissing, match=r"id document$"):
        rules.check_documents({"household_register"})
    with pytest.raises(DocumentsMissing, match="household register or certificate"):
        rules.check_documents({"id_document"})


@pytest.mark.parametrize(("days", "fresh"), [(0, True), (365, True), (366, False)])
def test_contact_data_are_asked_once_a_year(days: int, fresh: bool) -> None:
    assert rules.contact_fresh(TODAY - timedelta(days=days), TODAY) is fresh
    assert not rules.contact_fresh(None, TODAY)


def test_masked_values_tell_nobody_the_rest() -> None:
    values = {
        "phone": "13800001234", "address": "成都市锦江区人民路 12 号", "name": "张三丰",
        "id_number": ON_FILE.id_number, "birth_date": "1985-03-05",
    }  # fmt: skip
    for field in FIELD_NAMES:
        assert rules.masked(field, None) == "—"
        if field in values:
            masked = rules.masked(field, values[field])
            assert masked != values[field]
            assert rules.whole(field, values[field]) == values[field]
    assert rules.masked("sex", "2", "en") == "female"
    assert rules.masked("residence_region", "510104", "en").endswith("Sichuan")


def test_all_ethnic_groups_have_both_names() -> None:
    assert len(ETHNIC_GROUPS) == 58
    assert all(one.zh and one.en for one in ETHNIC_GROUPS.values())
