"""The journal of sandbox calls: the newest of each sandbox provider, as they came and were answered.

Written behind the calls, at most so many a second; where more come, the newest are kept. No call
waits for it.
"""

import asyncio
from collections import deque
from datetime import datetime
from typing import Final

import msgspec
import structlog

from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api import store

KEPT: Final = 200
"""Calls of each provider."""
_WAITING_MAX: Final = 200
_TURN_SECONDS: Final = 0.5
_TEXT_LENGTH_MAX: Final = 64 * 1024
_log = structlog.stdlib.get_logger("yikatong.hospital")


class ProviderCall(msgspec.Struct, frozen=True):
    """A call of a sandbox provider and its answer."""

    provider_code: str
    call_id: int
    at: datetime
    transaction_code: str
    message_id: str
    milliseconds: float
    status: int
    """Of HTTP; 0 where the answer was lost on purpose."""
    code: str
    """infcode, or the code of what was wrong."""
    request: str
    answer: str


async def newest(
    connection: Connection, provider_code: str, limit: int = KEPT
) -> list[ProviderCall]:
    """A provider's last calls, the newest first."""
    rows = await store.newest_calls(connection, provider_code, limit)
    return [ProviderCall(*row) for row in rows]


class Journal:
    """Takes calls and writes them by and by; one per process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._waiting: deque[tuple[object, ...]] = deque(maxlen=_WAITING_MAX)
        self._writing: asyncio.Task[None] | None = None

    def note(
        self,
        provider_code: str,
        at: datetime,
        transaction_code: str,
        message_id: str,
        milliseconds: float,
        status: int,
        code: str,
        request: bytes,
        answer: bytes,
    ) -> None:
        """Keep a call; returns at once."""
        self._waiting.append(
            (
                provider_code, new_id(at), at, transaction_code, message_id, milliseconds, status,
                code, request, answer,
            )
        )  # fmt: skip
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def written(self) -> None:
        """Wait until what was noted is written, or could not be."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        try:
            while self._waiting:
                rows = [(*row[:8], _text(row[8]), _text(row[9])) for row in self._waiting]
                self._waiting.clear()
                async with self._platform.database.transaction() as connection:
                    await store.insert_calls(connection, rows)
                    for provider_code in {str(row[0]) for row in rows}:
                        await store.keep_newest_calls(connection, provider_code, KEPT)
                await asyncio.sleep(_TURN_SECONDS)
        except Exception:
            # The journal is a help for developers; a call never fails for it.
            _log.exception("calls were not journaled")
        finally:
            self._writing = None


def _text(content: object) -> str:
    assert isinstance(content, bytes)
    text = content[: 4 * _TEXT_LENGTH_MAX].decode(errors="replace")[:_TEXT_LENGTH_MAX]
    return text.replace("\0", "")
