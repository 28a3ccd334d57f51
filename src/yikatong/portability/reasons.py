"""The reasons as data: texts, remedies, places, in the order of doing (data/reasons.yaml)."""

from functools import cache
from importlib import resources
from typing import Any, cast

from yikatong.core.errors import Text
from yikatong.core.shipped import read_yaml
from yikatong.portability.model import Found, Place, Reason, Weight


class Catalogue:
    """All reasons and places."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.entries: dict[str, dict[str, Any]] = data["reasons"]
        self.places = {
            key: Place(_text(place["name"]), _text(place["detail"]))
            for key, place in cast("dict[str, Any]", data["places"]).items()
        }
        self._rank = {code: number for number, code in enumerate(self.entries)}

    def reason(self, found: Found) -> Reason:
        """The reason of a finding, its facts filled into the texts."""
        entry = self.entries[found.code]
        return Reason(
            code=found.code,
            weight=cast("Weight", entry["weight"]),
            text=_filled(entry["text"], found.facts),
            remedy=_filled(entry["remedy"], found.facts),
            where=tuple(self.places[key] for key in entry["where"]),
            takes=_filled(entry["takes"], found.facts),
        )

    def rank(self, reason: Reason) -> int:
        """Its place in the order of doing."""
        return self._rank[reason.code]


def _text(pair: dict[str, str]) -> Text:
    return Text(pair["zh"], pair["en"])


def _filled(pair: dict[str, str], facts: dict[str, Text]) -> Text:
    english = pair["en"].format_map({key: fact.en for key, fact in facts.items()})
    return Text(
        pair["zh"].format_map({key: fact.zh for key, fact in facts.items()}),
        english[:1].upper() + english[1:],
    )


@cache
def catalogue() -> Catalogue:
    """The shipped reasons, read once."""
    return Catalogue(read_yaml(resources.files("yikatong.data") / "reasons.yaml"))
