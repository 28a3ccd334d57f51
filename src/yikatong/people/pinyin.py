"""Names as they sound (拼音): whether what was typed in Latin letters is how a Chinese name is read. Pure.

Each character may be read in any of its ways (多音字: 曾 zeng or ceng), for surnames are read otherwise
than words; ü is typed v, u or yu. Tones are not typed.
"""

import unicodedata
from functools import lru_cache
from typing import Final

_SEPARATORS: Final = frozenset(" '’-·•.")
_LATIN_END: Final = 0x250


def is_latin(text: str) -> bool:
    """Whether a text is written in Latin letters alone."""
    return all(ord(letter) < _LATIN_END for letter in text)


def sounds_like(name: str, typed: str) -> bool:
    """Whether a name is read as was typed: all of it, with or without spaces between the syllables."""
    wanted = _plain(typed)
    if not wanted:
        return False
    # Where in `wanted` one may stand behind each character.
    at = {0}
    for letter in name:
        if letter in _SEPARATORS:
            continue
        at = {
            start + len(reading)
            for start in at
            for reading in _readings(letter)
            if wanted.startswith(reading, start)
        }
        if not at:
            return False
    return len(wanted) in at


def _plain(text: str) -> str:
    """Small letters without tones and separators; ü is v."""
    folded = unicodedata.normalize("NFC", text).casefold().replace("ü", "v").replace("u:", "v")
    found = unicodedata.normalize("NFD", folded)
    return "".join(
        letter
        for letter in found
        if letter not in _SEPARATORS and not unicodedata.combining(letter)
    )


@lru_cache(maxsize=8192)
def _readings(letter: str) -> tuple[str, ...]:
    from pypinyin import Style, pinyin  # noqa: PLC0415 - its dictionary is large; few need it

    found: set[str] = set()
    for reading in pinyin(letter, style=Style.NORMAL, heteronym=True)[0]:
        plain = _plain(reading)
        found.add(plain)
        if "v" in plain:
            found |= {plain.replace("v", "u"), plain.replace("v", "yu")}
    return tuple(sorted(found))
