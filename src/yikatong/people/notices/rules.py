"""Decisions about notices, without I/O: right facts, their words, the hours of text messages."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

from stdnum.cn import ric

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.days import day_in_words, moment_in_words
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan_grouped
from yikatong.people.notices.model import Fact, Facts, FactType, Kind

WORDS_MAX: Final = 200
"""Characters of a fact in words; what is longer is cut."""
_SLEEP_FROM, _SLEEP_UNTIL = time(22), time(8)
_REGION: Final = re.compile(r"[0-9]{6}")
_TAIL: Final = re.compile(r"[0-9A-Z]{4}")
_REFERENCE: Final = re.compile(r"[0-9A-Za-z-]{1,40}")

Stored = dict[str, str | int | dict[str, str]]


def stored(kind: Kind, facts: Facts) -> Stored:
    """The facts as they are kept. A missing, further or wrong fact is an error of the program."""
    assert facts.keys() == kind.facts.keys(), (kind.name, sorted(facts))
    return {name: _stored(kind, name, facts[name]) for name in kind.facts}


def _stored(kind: Kind, name: str, fact: Fact) -> str | int | dict[str, str]:
    wanted, told = kind.facts[name], (kind.name, name, type(fact))
    if isinstance(fact, datetime):
        assert wanted == "moment", told
        assert fact.tzinfo is not None, told
        return fact.astimezone(SHANGHAI).isoformat()
    if isinstance(fact, date):
        assert wanted == "day", told
        return fact.isoformat()
    if isinstance(fact, Text):
        assert wanted == "words", told
        return {"zh": _cut(fact.zh), "en": _cut(fact.en)}
    if isinstance(fact, int):
        assert wanted == "money", told
        return fact
    assert _is_right(fact, wanted), told
    return _cut(fact)


def _is_right(fact: str, wanted: FactType) -> bool:
    if isinstance(wanted, Mapping):
        return fact in wanted
    if wanted == "region":
        # Old ones are abolished and still stand in old rows: then the code is told.
        return _REGION.fullmatch(fact) is not None
    if wanted == "tail":
        return _TAIL.fullmatch(fact) is not None
    if wanted == "reference":
        return _REFERENCE.fullmatch(fact) is not None and not ric.is_valid(fact)
    return wanted == "words"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WORDS_MAX else f"{line[: WORDS_MAX - 1]}…"


def body(kind: Kind, facts: Stored) -> Text:
    """What the notice says, in both languages."""
    return Text(
        *(
            kind.body.in_language(language).format_map(
                {name: _said(kind.facts[name], facts[name], language) for name in kind.facts}
            )
            for language in ("zh", "en")
        )
    )


def _said(wanted: FactType, fact: str | int | dict[str, str], language: str) -> str:
    if isinstance(fact, int):
        return format_yuan_grouped(fact)
    if isinstance(wanted, Mapping):
        fact = wanted[str(fact)].as_dict()
    if isinstance(fact, dict):
        # The sentence around it ends by itself.
        return fact[language].rstrip("。.")
    match wanted:
        case "region":
            return regions.full_name(fact, language)
        case "day":
            return day_in_words(date.fromisoformat(fact), language)
        case "moment":
            return moment_in_words(datetime.fromisoformat(fact), language)
        case _:
            return fact.rstrip("。.")


def text_message(words: Text) -> Text:
    """The text message for a notice's body."""
    return Text(f"【一卡通】{words.zh}", f"[Yikatong] {words.en}")


def not_before(at: datetime, *, security: bool) -> datetime | None:
    """When a text may go out: at night those that are not about safety wait until eight; None: now."""
    here = at.astimezone(SHANGHAI)
    if security or _SLEEP_UNTIL <= here.time() < _SLEEP_FROM:
        return None
    day = here.date() + timedelta(days=1 if here.time() >= _SLEEP_FROM else 0)
    return datetime.combine(day, _SLEEP_UNTIL, SHANGHAI)
