"""Make `src/yikatong/data/pinyin_initials.txt`: the first letter of the pinyin of each character of
GB/T 2312, in the standard's order, 94 a line (区位码 16 to 87).

Run: python scripts/make_pinyin_initials.py
"""

from pathlib import Path
from typing import Final

from pypinyin import Style, lazy_pinyin

FILE: Final = Path(__file__).parents[1] / "src" / "yikatong" / "data" / "pinyin_initials.txt"


def initial(row: int, cell: int) -> str:
    """The letter of a character; "-" where the standard has none."""
    try:
        character = bytes((row + 0xA0, cell + 0xA0)).decode("gb2312")
    except UnicodeDecodeError:
        return "-"
    found = lazy_pinyin(character, style=Style.FIRST_LETTER)[0]
    return found if found.isascii() and found.isalpha() else "-"


if __name__ == "__main__":
    lines = ["".join(initial(row, cell) for cell in range(1, 95)) for row in range(16, 88)]
    FILE.write_text("\n".join(lines) + "\n", encoding="ascii")
    print(FILE)
