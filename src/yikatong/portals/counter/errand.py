"""What an errand (业务) is: one entry of a table, from which the file offers it and its form is made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from yikatong.cards.model import By
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.ids import time_of
from yikatong.core.platform import Platform
from yikatong.identity.authority.model import Service
from yikatong.medical.claims.service import ClaimOffice
from yikatong.policies.requests import parse_day
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import words
from yikatong.portals.view import dated
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor

Channel = Literal["counter", "phone", "cross_province"]
Group = Literal["card", "care", "benefits", "contributions", "person"]
GROUPS: Final[tuple[Group, ...]] = ("card", "care", "benefits", "contributions", "person")
FieldKind = Literal[
    "text",
    "area",
    "date",
    "month",
    "radios",
    "checks",
    "select",
    "place",
    "secret",
    "file",
    "files",
]
TEXT_MAX: Final = 200


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a form; its label is the text `counter_field_<label>`."""

    name: str
    kind: FieldKind = "text"
    label: str = ""
    hint: Text | None = None
    options: Sequence[tuple[str, Text]] = ()
    """What can be chosen; of `files` the kinds, each with a file of its own, `<name>_<kind>`."""
    value: str | Sequence[str] = ""
    """What stands in it at first."""
    longest: int = TEXT_MAX
    digits: bool = False
    optional: bool = False
    """Of a place: whether it may be left empty."""


class Upload(msgspec.Struct, frozen=True):
    """A file that was sent with a form."""

    name: str
    content: bytes


class Case(msgspec.Struct, kw_only=True):
    """An errand under way: who does it for whom, and what was typed so far."""

    platform: Platform
    caller: Caller
    claims: ClaimOffice
    facts: Facts
    form: dict[str, Any]
    channel: Channel = "counter"
    key: int = 0
    """The number of this form: sent twice it is carried out once."""
    uploads: Mapping[str, Sequence[Upload]] = {}
    by: By = "self"
    """Who is there."""
    by_id: int | None = None
    """Their number, where they are known here and are not the person."""

    def typed(self, name: str) -> str:
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def chosen(self, name: str) -> list[str]:
        """What was ticked."""
        value = self.form.get(name, [])
        return [value] if isinstance(value, str) and value else list(value)

    def place(self, name: str) -> str:
        """The code of a place field, which was resolved before."""
        return self.typed(f"{name}_code")

    def day(self, name: str) -> date:
        """A day; raises InvalidInput."""
        return parse_day(self.typed(name), name)

    def day_or_none(self, name: str) -> date | None:
        return self.day(name) if self.typed(name) else None

    def number(self, name: str) -> int:
        """The number of what was chosen; raises InvalidInput."""
        text = self.typed(name)
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise choose_one(name)
        return int(text)

    @property
    def idempotency_key(self) -> str:
        return f"{self.channel}-{self.key}"

    @property
    def begun_at(self) -> datetime:
        """When the form was opened: the same however often it is sent."""
        return time_of(self.key)


class Done(msgspec.Struct, frozen=True):
    """What was done, for the receipt."""

    told: Sequence[tuple[Text, Text]]
    note: Text | None = None


Fields = Callable[[Case], Sequence[Field]]


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of errand. Its name is the text `errand_<name>`, a line on it `errand_about_<name>`."""

    name: str
    group: Group
    permission: str
    steps: tuple[Fields, ...]
    carry_out: Callable[[Case, Actor], Awaitable[Done]]
    refused: Callable[[Facts], Text | None]
    """Why it is not possible now; None: it is."""
    documents: Callable[[Facts], Sequence[Text]]
    """What is to be shown."""
    service: Service | None = None
    """What an agent needs authority for; None: only in person."""
    who: tuple[By, ...] = ()
    """Who else may come with documents of their own, though nothing is recorded here."""
    channels: tuple[Channel, ...] = ("counter",)
    shown: Callable[[Facts], bool] = lambda _: True
    """Whether it is offered at all: nobody wants to withdraw what there is not."""
    fields_of: Mapping[str, str] = {}
    """The field of the form for what an error names."""
    at_once: bool = False
    """Whether it asks for nothing: on the phone it is a button (一键办理)."""
    anyone: bool = False
    """Whether it does not matter who is there: nothing changes, or somebody pays."""

    @property
    def text(self) -> Text:
        return words(f"errand_{self.name}")


def choose_one(field: str) -> InvalidInput:
    """Nothing was chosen."""
    return InvalidInput(field, zh="请选一项", en="choose one")


def identity(_: Facts) -> Sequence[Text]:
    """The id document alone."""
    return (words("doc_identity"),)


def dead(facts: Facts) -> Text | None:
    """Why nothing is done for the dead."""
    if facts.person.died_on is None:
        return None
    return words("refused_dead", day=f"{facts.person.died_on}")


def same(value: object) -> Text:
    """A value that is no text of ours; a day or moment as each language writes it."""
    return Text(dated(value, "zh"), dated(value, "en"))
