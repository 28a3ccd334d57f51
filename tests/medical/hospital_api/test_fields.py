"""Texts of the interface: what may stand in them."""

import pytest

from yikatong.medical.hospital_api import fields


@pytest.mark.parametrize(
    "text", ["A\nB", "A\tB", "\x1b[31m", "A\x7f", "A\x85", "A\u202eB", "A\u2028B"]
)
def test_a_number_or_name_holds_no_control_character(text: str) -> None:
    with pytest.raises(fields.Wrong) as caught:
        fields.text(50)(text)
    assert "控制字符 U+" in caught.value.zh
    assert "control character U+" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["王医生", "阿卜杜拉·买买提", "内科　二病区", "a b", "ئالىم", "𠮷野", "\u200fA"]
)
def test_names_in_any_script_are_taken(text: str) -> None:
    assert fields.text(50)(text) == text


def test_prose_has_paragraphs_but_nothing_else_of_that_kind() -> None:
    assert fields.text(1000)("头晕一周。\r\n\t血压高") == "头晕一周。\r\n\t血压高"
    for text in ("A\x0bB", "A\x00B", "A\x1bB", "A\u202eB"):
        with pytest.raises(fields.Wrong):
            fields.text(1000)(text)
