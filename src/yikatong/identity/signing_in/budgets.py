"""How often what may be tried before it is not looked at any more (防猜测的预算).

docs/reference/identity.md has the arithmetic. A stranger's tries at one person's secret count
together, from wherever they come; a browser in which the person proved the same before has its own.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from yikatong.identity.model import Mode
from yikatong.identity.signing_in.model import KnownDevice, Visitor
from yikatong.identity.signing_in.rules import Typed
from yikatong.trust.guessing import SIX_DIGITS, Limit

CODE_TRIES_MAX: Final = 3
CODE_LASTS: Final = timedelta(minutes=5)
CODE_DIGITS: Final = 6
LONG_CODE_DIGITS: Final = 10
"""Where strangers used up the tries at six digits: the owner is not kept out, and guessing is
hopeless."""

_TYPED: Final = (Limit(5, timedelta(minutes=15)), Limit(10, timedelta(days=1)))
"""At one number, whether it is anybody's or not: told openly, for it tells nothing."""
_ADDRESS: Final = (Limit(30, timedelta(minutes=15)), Limit(200, timedelta(days=1)))
"""From one address; whole towns of phones share one, so it is wide."""
_SENDS: Final = (Limit(5, timedelta(hours=1)), Limit(10, timedelta(days=1)))
_ADDRESS_SENDS: Final = (Limit(20, timedelta(hours=1)), Limit(60, timedelta(days=1)))
_SCANS: Final = (Limit(60, timedelta(minutes=15)),)
_NOBODY: Final = (
    Limit(5, timedelta(minutes=1)),
    Limit(10, timedelta(minutes=2)),
    Limit(24, timedelta(minutes=3)),
)
"""As much work as counting at a person, without a trace for long."""

Subjects = Sequence[tuple[str, Sequence[Limit]]]


def asker_of(device: KnownDevice | None, mode: Mode) -> str | None:
    """Whose tries at a secret of this kind count on their own; None: a stranger's."""
    if device is None or mode not in device.proofs:
        return None
    return f"device:{device.device_id}"


def gates(typed: Typed, visitor: Visitor, asker: str | None) -> Subjects:
    """What a try at a secret counts against besides the person; a known browser has none."""
    if asker is not None:
        return ()
    return ((f"typed:{typed.number}", _TYPED), (f"address:{visitor.address}", _ADDRESS))


def nobody(typed: Typed) -> Subjects:
    """What a try at nobody's secret counts against."""
    return ((f"nobody:{typed.number}", _NOBODY),)


def password(person_id: int, asker: str | None) -> Subjects:
    """What a try at a password counts against."""
    return ((f"password:{person_id}{f':{asker}' if asker else ''}", SIX_DIGITS),)


def code(person_id: int, asker: str | None) -> Subjects:
    """What a try at a code of six digits counts against."""
    return ((f"code:{person_id}{f':{asker}' if asker else ''}", SIX_DIGITS),)


def send_gates(typed: Typed, visitor: Visitor, asker: str | None) -> Subjects:
    """What asking for a code counts against besides the person."""
    if asker is not None:
        return ()
    return (
        (f"send-typed:{typed.number}", _SENDS),
        (f"send-address:{visitor.address}", _ADDRESS_SENDS),
    )


def send(person_id: int, asker: str | None) -> Subjects:
    """What a text to a person counts against."""
    return ((f"send:{person_id}{f':{asker}' if asker else ''}", _SENDS),)


def scan(visitor: Visitor) -> Subjects:
    """What beginning a sign-in by another device counts against."""
    return ((f"scan:{visitor.address}", _SCANS),)
