"""Texts to people's phones (短信): recorded with what caused them, then handed to a sender.

In the sandbox they stay in a test inbox for everybody to see; with YIKATONG_SENDER_URL they are
posted there; without either nothing can be sent, and what needs it says so. Number and words are
sealed, and forgotten once they were sent.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import httpx
import msgspec
import structlog

from yikatong.core.database import Connection
from yikatong.core.errors import Text, Unavailable, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_phone
from yikatong.core.settings import Settings

_log = structlog.stdlib.get_logger("yikatong.core.sending")

_TRIES_MAX: Final = 3
_TIMEOUT_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.5
_LOST_AFTER: Final = timedelta(minutes=1)
"""Whoever took a text so long ago was lost with it: another sends it."""
_AT_ONCE: Final = 20
_KEPT: Final = timedelta(days=30)
_TO, _WORDS = "outgoing_text.to", "outgoing_text.words"


class Outgoing(msgspec.Struct, frozen=True):
    """A text on its way."""

    text_id: int
    """The same at every try: a sender that has seen it need not send it again."""
    purpose: str
    to: str
    """A mobile phone's number."""
    words: Text
    language: str | None = None
    """What the person chose to read, "zh" or "en"; None: not known."""


class NotDelivered(Exception):
    """A sender could not hand a text over; `again`: trying once more may help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


class Sender(Protocol):
    """Hands texts over to whoever brings them to phones."""

    async def send(self, text: Outgoing) -> None:
        """Hand one text over, once; raises NotDelivered."""
        ...


class CannotSend(YikatongError):
    """The installation has no sender, so nothing can be sent to phones."""

    code = "cannot_send"
    status = 501

    def __init__(self) -> None:
        super().__init__(
            zh="本平台还不能发送短信，请用其他方式登录",
            en="no texts can be sent from here; please sign in another way",
        )


class HttpSender:
    """Posts each text as JSON to an address that takes it on.

    Any 2xx means taken on; 4xx (but 408 and 429) means it never will be.
    """

    def __init__(
        self, url: str, token: str | None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        # No proxies or credentials from the environment, no redirects: only this address hears us.
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=False,
            headers=headers,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(self, text: Outgoing) -> None:
        body = msgspec.json.encode(
            {
                "id": str(text.text_id),
                "channel": "sms",
                "to": text.to,
                "purpose": text.purpose,
                "text": text.words.as_dict(),
                "language": text.language,
            }
        )
        request = self._client.build_request(
            "POST", self._url, content=body, headers={"idempotency-key": str(text.text_id)}
        )
        try:
            async with asyncio.timeout(2 * _TIMEOUT_SECONDS):
                # The status says all; a body, however long, is not read.
                response = await self._client.send(request, stream=True)
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, OSError) as error:
            raise NotDelivered(type(error).__name__, again=True) from error
        status = response.status_code
        if not 200 <= status < 300:
            again = status >= 500 or status in (408, 429)
            raise NotDelivered(f"status {status}", again=again)


class Kept(msgspec.Struct, frozen=True):
    """A text of the test inbox."""

    text_id: int
    at: datetime
    purpose: str
    to_masked: str
    words: Text


def available(settings: Settings) -> bool:
    """Whether texts reach anybody: a sender is set, or it is a sandbox with its inbox."""
    return settings.sender_url is not None or settings.sandbox


async def post(
    platform: Platform,
    connection: Connection,
    to: str,
    words: Text,
    *,
    purpose: str,
    valid_for: timedelta,
    not_before: datetime | None = None,
    language: str | None = None,
) -> int:
    """Record a text inside the caller's transaction; raises CannotSend.

    After the commit the caller calls `deliver_soon`; what is lost on the way, or is to wait
    (`not_before`), is found later. `valid_for` counts from when it may go out.
    """
    settings, vault, now = platform.settings, platform.vault, platform.clock.now()
    if not available(settings):
        raise CannotSend
    text_id = new_id(now)
    sealed_words = vault.seal(_WORDS, text_id, msgspec.json.encode(words.as_dict()).decode())
    await connection.execute(
        """insert into outgoing_texts
             (text_id, purpose, to_sealed, to_masked, words_sealed, at, valid_until, state,
              not_before, language)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        text_id,
        purpose,
        vault.seal(_TO, text_id, to),
        mask_phone(to),
        sealed_words,
        now,
        (not_before or now) + valid_for,
        "waiting" if settings.sender_url else "inbox",
        not_before,
        language,
    )
    return text_id


class _Underway:
    """Deliveries of this process, held until they are done."""

    tasks: Final[set[asyncio.Task[int]]] = set()


def deliver_soon(platform: Platform) -> None:
    """Deliver what waits, beside the request that caused it: nobody waits for a sender."""
    if platform.settings.sender_url is None:
        return
    task = asyncio.get_running_loop().create_task(_deliver_quietly(platform))
    _Underway.tasks.add(task)
    task.add_done_callback(_Underway.tasks.discard)


async def _deliver_quietly(platform: Platform) -> int:
    try:
        return await deliver(platform)
    except Unavailable:
        # The database went away: what was not sent waits for the next turn.
        return 0


async def deliver(platform: Platform, sender: Sender | None = None) -> int:
    """Send what waits, and what somebody took and lost; answers how many were sent."""
    settings = platform.settings
    if sender is not None:
        return await _deliver(platform, sender)
    if settings.sender_url is None:
        return 0
    http = HttpSender(settings.sender_url, settings.sender_token)
    try:
        return await _deliver(platform, http)
    finally:
        await http.aclose()


async def _deliver(platform: Platform, sender: Sender) -> int:
    sent = 0
    while texts := await _take(platform):
        outcomes = await asyncio.gather(*(_try(platform, sender, one) for one in texts))
        sent += sum(outcomes)
    return sent


async def _take(platform: Platform) -> list[Outgoing]:
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update outgoing_texts
                  set state = 'late', to_sealed = null, words_sealed = null, outcome = 'too late'
                where state in ('waiting', 'sending') and valid_until <= $1""",
            now,
        )
        rows = await connection.fetch(
            """update outgoing_texts set state = 'sending', taken_at = $1
                where text_id in (
                  select text_id from outgoing_texts
                   where (state = 'waiting' and (not_before is null or not_before <= $1))
                      or (state = 'sending' and taken_at <= $2)
                   order by at limit $3 for update skip locked)
            returning text_id, purpose, to_sealed, words_sealed, language""",
            now,
            now - _LOST_AFTER,
            _AT_ONCE,
        )
    vault = platform.vault
    return [
        Outgoing(
            row["text_id"],
            row["purpose"],
            vault.open(_TO, row["text_id"], row["to_sealed"]),
            _words(vault.open(_WORDS, row["text_id"], row["words_sealed"])),
            row["language"],
        )
        for row in rows
    ]


async def _try(platform: Platform, sender: Sender, text: Outgoing) -> bool:
    """Hand one text over, at most three times, and record what came of it."""
    outcome, sent, tries = "", False, 0
    for tries in range(1, _TRIES_MAX + 1):
        try:
            await sender.send(text)
        except NotDelivered as error:
            outcome = error.reason
            if not error.again:
                break
            if tries < _TRIES_MAX:
                await asyncio.sleep(_PAUSE_SECONDS * tries)
        else:
            outcome, sent = "taken on", True
            break
    if not sent:
        _log.warning("a text was not sent", text_id=text.text_id, why=outcome, tries=tries)
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update outgoing_texts
                  set state = $2, tries = tries + $3, outcome = $4,
                      to_sealed = null, words_sealed = null
                where text_id = $1 and state = 'sending'""",
            text.text_id,
            "sent" if sent else "failed",
            tries,
            outcome[:100],
        )
    return sent


async def states(connection: Connection, text_ids: Sequence[int]) -> dict[int, str]:
    """How far texts came (waiting, sending, sent, failed, late, inbox); forgotten ones are left out."""
    rows = await connection.fetch(
        "select text_id, state from outgoing_texts where text_id = any($1::bigint[])", text_ids
    )
    return {row["text_id"]: row["state"] for row in rows}


async def not_sent(
    connection: Connection, since: datetime, waiting_before: datetime
) -> tuple[int, datetime | None, int, datetime | None]:
    """How many failed or came too late since a moment, and the first of them; how many wait since
    before another, and the first of them."""
    row = await connection.fetchrow(
        """select (select count(*) from outgoing_texts
                    where state in ('failed', 'late') and at >= $1),
                  (select min(at) from outgoing_texts
                    where state in ('failed', 'late') and at >= $1),
                  (select count(*) from outgoing_texts
                    where state in ('waiting', 'sending') and at < $2),
                  (select min(at) from outgoing_texts
                    where state in ('waiting', 'sending') and at < $2)""",
        since,
        waiting_before,
    )
    assert row is not None
    return row[0], row[1], row[2], row[3]


async def inbox(platform: Platform, limit: int = 50) -> Sequence[Kept]:
    """The newest texts of the test inbox, newest first."""
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select text_id, at, purpose, to_masked, words_sealed from outgoing_texts
                where state = 'inbox' and (not_before is null or not_before <= $2)
                order by text_id desc limit $1""",
            limit,
            platform.clock.now(),
        )
    return [
        Kept(
            row["text_id"],
            row["at"],
            row["purpose"],
            row["to_masked"],
            _words(platform.vault.open(_WORDS, row["text_id"], row["words_sealed"])),
        )
        for row in rows
    ]


async def forget_old(platform: Platform, limit: int = 10_000) -> int:
    """Delete what was written long ago."""
    async with platform.database.transaction() as connection:
        return await connection.fetchval(
            """with gone as (
                 delete from outgoing_texts where text_id in (
                   select text_id from outgoing_texts where at < $1 limit $2)
                 returning 1)
               select count(*) from gone""",
            platform.clock.now() - _KEPT,
            limit,
        )


def _words(text: str) -> Text:
    words = msgspec.json.decode(text, type=dict[str, str])
    return Text(words["zh"], words["en"])
