"""Messages that are about no person: each carried out once, with one answer."""

from collections.abc import Awaitable, Callable

from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.medical.visits import store
from yikatong.medical.visits.errors import MessageReused
from yikatong.medical.visits.orders import Sender
from yikatong.medical.visits.store import Message
from yikatong.money.ledger import service as ledger


async def once(
    platform: Platform, sender: Sender, work: Callable[[Connection], Awaitable[bytes]]
) -> bytes:
    """Run `work` in a transaction and record the message with the answer it gives.

    The same message again gets the first answer and runs nothing. Raises MessageReused where it
    comes with other content, and what `work` raises: then nothing is recorded.
    """
    key = (sender.provider.provider_code, sender.message_id)

    async def run(connection: Connection) -> bytes:
        known = (await store.messages(connection, [key])).get(key)
        if known is not None:
            if known.content_hash != sender.content_hash:
                raise MessageReused(known.transaction_code)
            return known.answer
        answer = await work(connection)
        message = Message(
            *key, sender.transaction_code, sender.content_hash, "", None, None, None, True,
            platform.clock.now(), answer,
        )  # fmt: skip
        await store.insert_messages(connection, [message])
        return answer

    # Two that come at once: the second finds the first's record when it is run again.
    return await ledger.carry_out(platform, run)
