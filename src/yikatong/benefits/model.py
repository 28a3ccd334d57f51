"""Types of the room: entitlement (待遇)."""

from datetime import date
from typing import Literal

import msgspec

from yikatong.core.money import Fen


class Entitlement(msgspec.Struct, frozen=True):
    """A pension (养老金) or unemployment benefit (失业保险金) that is or was drawn."""

    benefit: Literal["pension", "unemployment"]
    region: str
    """The region that pays."""
    status: Literal["drawing", "held", "ended"]
    starts_on: date
    ends_on: date | None
    monthly: Fen
    proof_due_on: date | None
    """When the next proof of life (资格认证) is due; None where none is asked."""
    held_reason: str | None
