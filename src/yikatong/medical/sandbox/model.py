"""Types of the sandbox: test provider, test person, what a call means."""

from typing import Literal

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.medical.model import Level


class SandboxProvider(msgspec.Struct, frozen=True):
    """A provider with a test credential, and what it is good for."""

    code: str
    name: str
    english: str
    kind: Literal["hospital", "pharmacy"]
    region: str
    pooling_region: str
    level: Level
    scheme: Literal["A", "B"]
    access_key: str
    secret: str
    note: Text


class SandboxPerson(msgspec.Struct, frozen=True):
    """A synthetic person in one situation, with what a counter reads from document and card."""

    situation: str
    title: Text
    expects: Literal["yes", "yes_but", "no"]
    """What the portability answer of the situation is."""
    person_id: int
    name: str
    id_number: str
    card_number: str | None
    card_identifier: str | None
    insurance: str | None
    insured_region: str


class SandboxItem(msgspec.Struct, frozen=True):
    """An item of the catalog to put on a bill."""

    code: str
    name: str
    item_class: Literal["A", "B", "C"]
    price: Fen


class Meaning(msgspec.Struct, frozen=True):
    """A call in plain words."""

    title: Text
    """What the transaction is."""
    outcome: Text
    """What came out."""
    advice: Text | None
    """What to do about it, where it went wrong."""
    good: bool
