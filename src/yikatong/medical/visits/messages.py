"""Messages of a provider that are about no person (reconciliation, catalogs): each has one outcome."""

from collections.abc import Awaitable, Callable

from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.core.together import change_together
from yikatong.medical.visits import store
from yikatong.medical.visits.errors import MessageReused, MessageUndone
from yikatong.medical.visits.orders import Sender
from yikatong.medical.visits.store import Message
from yikatong.money.ledger import service as ledger


async def once(
    platform: Platform, sender: Sender, work: Callable[[Connection], Awaitable[bytes]]
) -> bytes:
    """The answer `work` writes, recorded with the message in the transaction of the work: the same
    message again gets it without working again.

    Raises MessageReused for other content under the same id, MessageUndone where the message was
    taken back, and what `work` raises: then nothing is recorded and the same message may try again.
    """
    key = (sender.provider.provider_code, sender.message_id)

    async def first_or_again(connection: Connection) -> bytes:
        known = (await store.messages(connection, [key])).get(key)
        if known is not None:
            if known.undone_by is not None:
                raise MessageUndone(known.undone_by)
            if known.content_hash != sender.content_hash:
                raise MessageReused(known.transaction_code)
            return known.answer
        answer = await work(connection)
        made = Message(
            *key, sender.transaction_code, sender.content_hash, "", None, None, None, True,
            platform.clock.now(), answer,
        )  # fmt: skip
        # Raises Conflict where the same message was quicker; then its answer is read.
        await change_together(connection, [store.insert_messages([made])])
        return answer

    return await ledger.carry_out(platform, first_or_again)
