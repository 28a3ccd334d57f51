"""Sending the desk's orders the way hospitals send theirs: each a message with an id of ours, once.

The id comes from the number of the form, so a form sent twice is one message with one outcome.
"""

import hashlib
from typing import Any, Final, Protocol

import msgspec

from yikatong.core.errors import Text, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.medical.provider_desk.model import Clerk
from yikatong.medical.visits.desk import Render
from yikatong.medical.visits.errors import CareRefused
from yikatong.medical.visits.orders import (
    LinesDone,
    Order,
    Result,
    Sender,
    Settled,
    VisitDone,
)

PROVIDER_LENGTH: Final = 12
_WHEN: Final = frozenset(("begun_at", "ended_at", "at"))
"""Moments are those of sending: of the same form sent again they differ, and it is the same order."""


class Care(Protocol):
    """Who carries orders out, each message once: the care desk."""

    async def answer(self, sender: Sender, order: Order, render: Render) -> bytes:
        """The answer, new or from when the message first came; raises Busy, Unavailable."""
        ...


class Kept(msgspec.Struct, omit_defaults=True):
    """An answer as it is kept with its message: what it refers to, or what was wrong."""

    visit: int | None = None
    refers: int | None = None
    """The settlement, or the upload."""
    code: str = ""
    zh: str = ""
    en: str = ""
    field: str | None = None


_encode: Final = msgspec.json.Encoder().encode
read_kept: Final = msgspec.json.Decoder(Kept).decode


class RefusedBefore(CareRefused):
    """What was wrong with a message when it first came."""

    code = "refused_before"

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept.zh, kept.en, kept.field)


def message_of(clerk: Clerk, key: int) -> str:
    """The id of the message that the form of this number sends."""
    return f"{clerk.provider.provider_code}{key:016x}"


def key_of(message: str) -> int:
    """The number of the form that sent a message."""
    return int(message[PROVIDER_LENGTH:], 16)


async def send(
    platform: Platform, care: Care, clerk: Clerk, code: str, order: Order, key: int | None = None
) -> tuple[Kept, Result | None]:
    """What an order led to, and the whole result unless it came before; `code` is the transaction of
    the national interface that it is. Without a key the order is a question of this moment.

    Raises what is wrong with the order, Busy, Unavailable.
    """
    key = new_id(platform.clock.now()) if key is None else key
    heard: dict[bytes, Result | YikatongError] = {}

    def render(outcome: Result | YikatongError) -> bytes:
        answer = _encode(_kept(outcome))
        heard[answer] = outcome
        return answer

    sender = Sender(
        clerk.provider, message_of(clerk, key), code, _content(code, order), clerk.staff_number,
        clerk.sandbox,
    )  # fmt: skip
    answer = await care.answer(sender, order, render)
    kept, outcome = read_kept(answer), heard.get(answer)
    if isinstance(outcome, YikatongError):
        raise outcome
    if kept.code:
        raise RefusedBefore(kept)
    return kept, outcome


def _kept(outcome: Result | YikatongError) -> Kept:
    match outcome:
        case YikatongError():
            text: Text = outcome.text
            return Kept(None, None, outcome.code, text.zh, text.en, outcome.field)
        case Settled():
            one = outcome.settlement
            return Kept(one.visit_id, one.settlement_id)
        case VisitDone():
            return Kept(outcome.visit.visit_id)
        case LinesDone():
            return Kept(outcome.visit_id, outcome.batch_id)
        case _:
            return Kept()


def _content(code: str, order: Order) -> bytes:
    return hashlib.sha256(code.encode() + _encode(_without_moments(order))).digest()


def _without_moments(value: Any) -> Any:
    built = msgspec.to_builtins(value)

    def bare(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: bare(part) for name, part in one.items() if name not in _WHEN}  # pyright: ignore[reportUnknownVariableType]
        if isinstance(one, list):
            return [bare(part) for part in one]  # pyright: ignore[reportUnknownVariableType]
        return one

    return bare(built)
