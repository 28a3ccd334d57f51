"""Names in pinyin: which are read as was typed."""

import pytest

from yikatong.people.pinyin import is_latin, sounds_like


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张伟", "zhang wei"),
        ("张伟", "ZhangWei"),
        ("张伟", "zhāng wěi"),
        ("吕布", "lv bu"),
        ("吕布", "lü bu"),
        ("吕布", "lyu bu"),
        ("吕布", "lu bu"),
        ("曾国藩", "zeng guo fan"),
        ("单雄信", "shan xiong xin"),
        ("仇英", "qiu ying"),
        ("欧阳修", "ou yang xiu"),
        ("阿依古丽·买买提", "ayiguli maimaiti"),
        ("西安", "xi'an"),
    ],
)
def test_a_name_is_found_as_it_is_read(name: str, typed: str) -> None:
    assert sounds_like(name, typed)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张伟", "zhang"),
        ("张伟", "zhang wei wei"),
        ("张伟", "wang wei"),
        ("张伟", ""),
        ("张伟", "zw"),
    ],
)
def test_a_part_of_it_or_another_name_is_not(name: str, typed: str) -> None:
    assert not sounds_like(name, typed)


def test_latin_letters_are_told_from_characters() -> None:
    assert is_latin("Lü Wei")
    assert not is_latin("吕wei")
