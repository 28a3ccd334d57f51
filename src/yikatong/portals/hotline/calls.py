"""Use cases of a call: begin it with three facts, find it again, keep its note.

The member learns whether all three agree, and nothing of who is behind a number that does not.
"""

from datetime import timedelta
from typing import Final

from yikatong.cards.office import hotline
from yikatong.cards.office.hotline import Told
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.people.guard import require_person
from yikatong.portals.hotline import store
from yikatong.portals.hotline.store import Call
from yikatong.trust import audit
from yikatong.trust.access import Caller

LASTS: Final = timedelta(minutes=30)
"""A call is open for so long; then the caller is compared anew."""
TOPICS: Final = ("state", "loss", "filing", "bill", "benefit", "other")
NOTE_MAX: Final = 500
ANSWER: Final = "call.answer"


class FactsDiffer(YikatongError):
    """Not all three facts agree; which of them does not, and whether anybody is meant, is not told."""

    code = "facts_differ"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            zh="三项信息没有全部对上，请再问一遍；还是对不上，请来电人带证件到窗口办理",
            en="the three facts do not all agree; ask once more. If they still differ, the caller "
            "goes to a counter with the id document",
            field="name",
        )


async def begin(platform: Platform, caller: Caller, told: Told) -> Call:
    """Find the caller by the facts. Raises InvalidInput for a number that cannot be one, FactsDiffer,
    TooManyTries."""
    person_id = await hotline.match(platform, caller, told)
    if person_id is None:
        raise FactsDiffer
    async with platform.database.transaction() as connection:
        await require_person(connection, caller, ANSWER, person_id)
        now = platform.clock.now()
        compared = ["name", "card_number" if told.by_card else "id_number", told.third]
        made = Call(person_id, new_id(now), caller.name, now, compared, "", None, None)
        await store.insert(connection, made)
        await audit.record(
            connection, caller.actor("hotline call"), now, person_id, "call.begun",
            {"call": str(made.call_id), "compared": compared},
        )  # fmt: skip
    return made


async def find(
    platform: Platform, connection: Connection, caller: Caller, person_id: int, call_id: int
) -> Call:
    """One's own call that is still open; raises NotFound."""
    found = await store.call(connection, person_id, call_id)
    now = platform.clock.now()
    if (
        found is None
        or found.staff_number != caller.name
        or found.noted_at is not None
        or found.begun_at < now - LASTS
    ):
        raise NotFound(
            zh="这次通话已结束，请重新核对来电人",
            en="this call is over; please compare the caller's facts anew",
        )
    return found


async def note(
    platform: Platform, caller: Caller, person_id: int, call_id: int, topic: str, text: str
) -> None:
    """Keep what the call was about, and end it. Raises InvalidInput, NotFound."""
    if topic not in TOPICS:
        raise InvalidInput(
            "topic", zh="请选这次通话主要问了什么", en="choose what the call was about"
        )
    words = text.strip().replace("\x00", "")
    if len(words) > NOTE_MAX:
        raise InvalidInput("note", zh=f"最多 {NOTE_MAX} 个字", en=f"at most {NOTE_MAX} characters")
    now = platform.clock.now()
    sealed = platform.vault.seal(f"call:{call_id}", person_id, words)
    async with platform.database.transaction() as connection:
        known = await store.call(connection, person_id, call_id)
        if known is None or known.staff_number != caller.name:
            raise NotFound(zh="没有这次通话", en="there is no such call")
        # Sent twice, or from an open page behind the call's end: the first note stays.
        if await store.note(connection, person_id, call_id, topic, sealed, now):
            await audit.record(
                connection, caller.actor("hotline call"), now, person_id, "call.noted",
                {"call": str(call_id), "topic": topic},
            )  # fmt: skip
