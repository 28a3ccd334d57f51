"""What is due once, for whoever pays: read open dues."""

from collections.abc import Sequence

from yikatong.benefits import store
from yikatong.benefits.model import Due
from yikatong.core.database import Connection


async def open_dues(connection: Connection, person_ids: Sequence[int]) -> list[Due]:
    """The open dues of persons; the caller records why it looked.

    Arrears and lump sums are to be paid out to the person's account; a recovery is owed back by the
    person. Who pays one sets its state over the version that was read, and `transaction_id`.
    """
    return await store.dues(connection, person_ids, ("open",))
