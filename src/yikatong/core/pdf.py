"""PDF documents (凭证、对账单、证明): one plain layout, Chinese and English, typeset by typst.

Data goes to the typesetter as JSON beside a fixed template, so that nothing in it is ever markup.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import metadata, resources
from pathlib import Path

import msgspec
import typst

from yikatong.core.errors import Text, YikatongError

_FONT_PACKAGE = "cvttf-notosanscjk-regular"


@cache
def _fonts() -> typst.Fonts:
    """The folder of the font with Chinese glyphs (Noto Sans CJK), which comes as a package."""
    for file in metadata.files(_FONT_PACKAGE) or []:
        if file.name.endswith(".otf"):
            return typst.Fonts(
                font_paths=[str(Path(str(file.locate())).parent)], include_system_fonts=False
            )
    raise YikatongError(
        zh="缺少中文字体，请重新运行 make run 安装",
        en="the font with Chinese glyphs is missing; run `make run` to install it",
    )


@cache
def _template() -> bytes:
    return (resources.files("yikatong.data") / "document.typ").read_bytes()


class Section(msgspec.Struct, frozen=True):
    """A titled table of a document; `widths` are typst's, such as "1fr"."""

    title: Text
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()
    widths: Sequence[str] = ()


def document(
    *,
    title: Text,
    facts: Sequence[tuple[Text, str]],
    made_at: datetime,
    note: Text,
    header: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    right: Sequence[int] = (),
    sections: Sequence[Section] = (),
    signatures: Sequence[Text] = (),
    by_hand: bool = False,
) -> bytes:
    """A PDF: title, facts as pairs, a table whose columns `right` are set to the right, further titled
    tables, and room for signatures. `by_hand`: lines far enough apart to be written on."""
    told = {
        "title": title.as_dict(),
        "facts": [{"name": name.as_dict(), "value": value} for name, value in facts],
        "header": list(header),
        "rows": [list(row) for row in rows],
        "right": list(right),
        "sections": [
            {
                "title": one.title.as_dict(),
                "header": list(one.header),
                "rows": [list(row) for row in one.rows],
                "right": list(one.right),
                "widths": [width.removesuffix("fr") for width in one.widths],
            }
            for one in sections
        ],
        "by_hand": by_hand,
        "signatures": [one.as_dict() for one in signatures],
        "made_at": f"{made_at:%Y-%m-%d %H:%M}",
        "note": note.as_dict(),
    }
    made = typst.compile(
        _template(),
        font_paths=_fonts(),
        format="pdf",
        sys_inputs={"data": json.dumps(told, ensure_ascii=False)},
    )
    assert isinstance(made, bytes)
    return made
