"""Access keys (Alt with a letter): on no page does one stand for two things, whatever the roles."""

import re
from pathlib import Path
from typing import Final

import yikatong.portals
from yikatong.portals.staff_frame import ENTRIES

TEMPLATES: Final = Path(yikatong.portals.__file__).parent / "templates"
_KEY: Final = re.compile(r'accesskey="(.)"')


def own_keys() -> dict[str, list[str]]:
    """The keys each page has itself, beside those of its frame."""
    return {
        one.name: _KEY.findall(one.read_text("utf-8"))
        for one in sorted(TEMPLATES.glob("*.html"))
        if one.name != "staff-base.html"
    }


def test_no_two_places_of_the_navigation_have_the_same_key() -> None:
    keys = [one.key for one in ENTRIES]
    assert sorted(set(keys)) == sorted(keys)


def test_no_page_uses_a_key_of_the_navigation() -> None:
    of_frame = {one.key for one in ENTRIES}
    taken = {name: of_frame & set(keys) for name, keys in own_keys().items()}
    assert {name: keys for name, keys in taken.items() if keys} == {}
    assert any(own_keys().values())
    # Errands have their numbers, and the search field of the frame has its letter.
    assert not of_frame & set("123456789s")
