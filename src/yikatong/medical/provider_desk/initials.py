"""The first letters of the pinyin of a Chinese text (拼音首字母), as tills look things up: 阿莫西林 is amxl."""

from functools import cache
from importlib import resources
from typing import Final

_FIRST_ROW: Final = 0xB0
"""The first row of characters in GB/T 2312, as EUC-CN writes it."""


@cache
def _letters() -> tuple[str, ...]:
    text = (resources.files("yikatong.data") / "pinyin_initials.txt").read_text(encoding="ascii")
    return tuple(text.split())


@cache
def _letter(character: str) -> str:
    if character.isascii():
        return character.lower() if character.isalnum() else ""
    try:
        row, cell = character.encode("gb2312")
    except (UnicodeEncodeError, ValueError):
        return ""
    rows = _letters()
    at = row - _FIRST_ROW
    return rows[at][cell - 0xA1].strip("-") if 0 <= at < len(rows) else ""


def of(text: str) -> str:
    """The initials; what has none (brackets, rare characters) is left out."""
    return "".join(map(_letter, text))
