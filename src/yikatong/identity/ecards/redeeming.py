"""Redeeming codes (核销): many at once, each once, whoever asks first.

A code that was redeemed still tells whoever redeemed it what it told then: a service that lost the
answer, a hospital that goes on with the same person.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from yikatong.cards import service as cards
from yikatong.core.database import Connection
from yikatong.core.together import ask_together
from yikatong.identity.ecards import rules, store
from yikatong.identity.ecards.errors import CodeRefused, Expired, HolderDead, NotYetValid, Used
from yikatong.identity.ecards.model import OpenedCode
from yikatong.identity.ecards.store import Redemption
from yikatong.people import service as people

Again = Literal["same_answer", "other_use", "any_use"]
"""Of a code that the asker redeemed before: the same use gets the same answer, and no other counts; a
use it has not had yet counts; any counts."""


class Shown(msgspec.Struct, frozen=True):
    """A code somebody shows, and who asks what with it."""

    opened: OpenedCode
    asked_by: str
    use: str
    again: Again
    verification_id: int = 0
    face: bool | None = None
    """What a face check said, where there was one."""
    wanted: int = 1
    """The level that is needed."""
    synthetic_only: bool = False


class Redeemed(msgspec.Struct, frozen=True):
    """What a code came to."""

    refusal: CodeRefused | None
    record: Redemption | None
    """What is recorded of it, now or when it was first redeemed by the asker."""
    repeated: bool = False


def _key(one: Shown) -> store.Key:
    return one.opened.person_id, one.opened.code


async def redeem(connection: Connection, shown: Sequence[Shown], at: datetime) -> list[Redeemed]:
    """Redeem codes inside the caller's transaction; no two of the same code in one call."""
    untimely = {
        number: wrong
        for number, one in enumerate(shown)
        if (wrong := rules.timing(one.opened, at)) is not None
    }
    looked_at = [
        number
        for number, one in enumerate(shown)
        # Whoever goes on with a code after its minute goes on only while the card holds.
        if number not in untimely or one.again != "same_answer"
    ]
    fallen: dict[int, CodeRefused] = {}
    ready = await _decide(connection, shown, looked_at, fallen, at) if looked_at else {}
    made = {number: record for number, record in ready.items() if number not in untimely}
    # Rows in one order everywhere: two processes wait for each other, but never in a circle.
    order = sorted(made, key=lambda number: _key(shown[number]))
    won: set[store.Key] = set()
    if order:
        won = await store.redeem(connection, [made[number] for number in order])
    done = {
        number: Redeemed(None, record)
        for number, record in made.items()
        if _key(shown[number]) in won
    }
    late = [
        number
        for number in range(len(shown))
        if number not in done and not isinstance(untimely.get(number), NotYetValid)
    ]
    if late:
        known = await store.redeemed(connection, [_key(shown[number]) for number in late])
        for number in late:
            one = shown[number]
            done[number] = await _before(
                connection, one, known.get(_key(one)), untimely.get(number), fallen.get(number)
            )
    return [done.get(number) or Redeemed(untimely[number], None) for number in range(len(shown))]


async def before_redeeming(
    connection: Connection, one: Shown, at: datetime
) -> Redeemed | CodeRefused | None:
    """What a code would come to without being redeemed: the answer it had, or why it is refused; None
    where it is good now. For whoever must ask somebody else first."""
    known = (await store.redeemed(connection, [_key(one)])).get(_key(one))
    if known is not None:
        return await _before(connection, one, known, None, None)
    fallen: dict[int, CodeRefused] = {}
    untimely = rules.timing(one.opened, at)
    if untimely is None:
        await _decide(connection, [one], [0], fallen, at)
    return untimely or fallen.get(0)


async def _decide(
    connection: Connection,
    shown: Sequence[Shown],
    wanted: Sequence[int],
    fallen: dict[int, CodeRefused],
    at: datetime,
) -> dict[int, Redemption]:
    """What is to be written of the codes that hold; why the others do not goes to `fallen`."""
    opened = [shown[number].opened for number in wanted]
    persons = [one.person_id for one in opened]
    devices, holders, held = await ask_together(
        connection,
        (
            store.devices(persons, [one.device_id for one in opened]),
            people.persons_query(persons),
            cards.current_query(persons),
        ),
    )
    made: dict[int, Redemption] = {}
    for number in wanted:
        one = shown[number]
        code = one.opened
        person, device = holders.get(code.person_id), devices.get((code.person_id, code.device_id))
        wrong = rules.standing(device, held.get(code.person_id), person, at)
        if wrong is None and one.synthetic_only and person is not None and not person.synthetic:
            # Said alike of nobody and of somebody real, and the code stays good.
            wrong = HolderDead()
        if wrong is not None:
            fallen[number] = wrong
            continue
        assert device is not None
        level, reason = rules.proved(device, one.face, one.wanted)
        made[number] = Redemption(
            person_id=code.person_id,
            code=code.code,
            device_id=code.device_id,
            redeemed_by=one.asked_by,
            uses=(one.use,),
            at=at,
            verification_id=one.verification_id,
            level=level,
            reason=reason,
        )
    return made


async def _before(
    connection: Connection,
    one: Shown,
    known: Redemption | None,
    untimely: CodeRefused | None,
    fallen: CodeRefused | None,
) -> Redeemed:
    """Of a code that cannot be redeemed now: what it said to the asker before, or why it says no."""
    if known is None:
        return Redeemed(untimely or fallen or Expired(), None)
    good = False
    if known.redeemed_by == one.asked_by:
        if one.again == "same_answer":
            good = one.use in known.uses
        elif fallen is not None:
            return Redeemed(fallen, None)
        else:
            fresh = await store.use_again(connection, _key(one), one.asked_by, one.use)
            good = fresh or one.again == "any_use"
    return Redeemed(None, known, repeated=True) if good else Redeemed(Used(), None)
