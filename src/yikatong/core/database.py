"""The database: one pool of asyncpg connections, transactions, and errors a caller understands."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import asyncpg

from yikatong.core import seats
from yikatong.core.errors import Unavailable
from yikatong.core.seats import Seat


class Record(Protocol):
    """One row of an answer."""

    def keys(self) -> Iterator[str]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, key: Any, /) -> Any: ...


class Connection(Protocol):
    """What the rooms use of an asyncpg connection (asyncpg itself ships no complete types)."""

    async def execute(self, query: str, /, *args: object) -> str:
        """Run a statement; answers its command tag."""
        ...

    async def executemany(self, query: str, args: Iterable[Sequence[object]], /) -> None:
        """Run a statement for each row of arguments."""
        ...

    async def fetch(self, query: str, /, *args: object) -> list[Record]:
        """All rows."""
        ...

    async def fetchrow(self, query: str, /, *args: object) -> Record | None:
        """The first row, or None."""
        ...

    async def fetchval(self, query: str, /, *args: object) -> Any:
        """The first column of the first row, or None."""
        ...

    async def copy_records_to_table(
        self, table_name: str, /, *, records: Iterable[Sequence[object]], columns: Sequence[str]
    ) -> str:
        """COPY rows in, in PostgreSQL's binary form."""
        ...


_ACQUIRE_SECONDS_MAX = 5

# What a lost, starting, stopping or overloaded server shows; the request may be sent again.
_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg says of a connection that was lost in the middle of a statement.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
)


def _unavailable() -> Unavailable:
    return Unavailable(
        zh="数据库暂时不可用，没有任何改动，请稍后再试",
        en="the database does not answer; nothing was changed, please try again",
    )


async def _keep_session(_connection: Any) -> None:
    """Nothing to reset: every transaction here ends, and none leaves settings or locks behind.

    asyncpg's own reset would cost each transaction another round trip.
    """


class Database:
    """A pool of connections to one PostgreSQL; heals by itself when the server comes back."""

    def __init__(
        self, pool: Any, connections_max: int, url: str, options: Mapping[str, Any]
    ) -> None:
        self.url = url
        self._pool = pool
        self._connections_max = connections_max
        self._options = options
        self._lanes: list[Any] = []
        """Idle connections for what is one statement; see `connection`."""
        self.seat: Seat | None = None
        """Where the server's processes behind those connections stay: beside this one."""
        self._closed = False

    @classmethod
    async def connect(
        cls, url: str, *, connections_max: int = 12, statement_seconds_max: int = 15
    ) -> "Database":
        """Open the pool; raises Unavailable where the server does not answer within 10 s."""
        options: dict[str, Any] = {
            "timeout": 10,
            "command_timeout": statement_seconds_max + 5,
            # Statements sent together (`core.together`) are long, and the same every time.
            "max_cacheable_statement_size": 0,
            "server_settings": {
                "application_name": "yikatong",
                "statement_timeout": f"{statement_seconds_max}s",
                "idle_in_transaction_session_timeout": "30s",
                "timezone": "Asia/Shanghai",
            },
        }
        try:
            pool: Any = await cast("Any", asyncpg).create_pool(
                url, min_size=1, max_size=connections_max, reset=_keep_session, **options
            )
        except _GONE as error:
            raise _unavailable() from error
        return cls(pool, connections_max, url, options)

    async def close(self) -> None:
        """Give running work five seconds, then cut it."""
        self._closed = True
        while self._lanes:
            self._lanes.pop().terminate()
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except _GONE:
            self._pool.terminate()

    @contextlib.asynccontextmanager
    async def transaction(self, *, readonly: bool = False) -> AsyncGenerator[Connection]:
        """One transaction: commits at the end of the block, rolls back on any error.

        Raises Unavailable where the database is lost on the way; the outcome of a commit whose
        answer was lost is unknown, so commands carry idempotency keys.
        """
        try:
            connection = await self._begin(readonly=readonly)
        except _GONE as error:
            raise _unavailable() from error
        broken = True
        try:
            try:
                yield connection
            except BaseException:
                # The reason matters, not that a dead connection cannot roll back either.
                with contextlib.suppress(*_GONE):
                    await connection.execute("rollback")
                    broken = False
                raise
            await connection.execute("commit")
            broken = False
        except _GONE as error:
            raise _unavailable() from error
        finally:
            # What neither committed nor rolled back may still be at it: nobody gets it again.
            await self._give_back(connection, broken=broken)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection on which each statement is a transaction of its own.

        For what writes all it changes in one statement (`core.together`), many times a second: kept
        beside the pool, whose bookkeeping costs as much as a row does, and planned once. Left to
        itself the server plans such a statement anew, which takes longer than a small batch.
        Raises Unavailable; whether a statement whose answer was lost was carried out is unknown.
        """
        broken, found = True, None
        try:
            found = self._lanes.pop() if self._lanes else None
            if found is None or found.is_closed():
                found = await self._open_lane()
            yield cast("Connection", found)
            broken = False
        except _GONE as error:
            raise _unavailable() from error
        except Exception:
            # Nothing is left open on it: the statement that failed was a transaction of its own.
            broken = False
            raise
        finally:
            if found is not None and (broken or self._closed):
                found.terminate()
            elif found is not None:
                self._lanes.append(found)

    async def _open_lane(self) -> Any:
        settings = {**self._options["server_settings"], "plan_cache_mode": "force_generic_plan"}
        opened = await cast("Any", asyncpg).connect(
            self.url, **{**self._options, "server_settings": settings}
        )
        if self.seat is not None:
            seats.share(self.seat, opened.get_server_pid())
        return opened

    async def _begin(self, *, readonly: bool) -> Connection:
        """A connection with a transaction begun.

        After the server was restarted every idle connection of the pool is dead and finds out at
        its first use; nothing was done on it yet, so the next one is tried.
        """
        begin = "begin read only" if readonly else "begin"
        for _ in range(self._connections_max):
            connection = await self._pool.acquire(timeout=_ACQUIRE_SECONDS_MAX)
            try:
                await connection.execute(begin)
            except (
                asyncpg.PostgresConnectionError,
                asyncpg.AdminShutdownError,
                asyncpg.InternalClientError,
                OSError,
            ):
                await self._give_back(connection, broken=True)
                continue
            except BaseException:
                await self._give_back(connection, broken=True)
                raise
            return cast("Connection", connection)
        raise ConnectionError("no connection of the pool works")

    async def _give_back(self, connection: Any, *, broken: bool = False) -> None:
        # A connection that broke has already been given back; asyncpg then complains.
        with contextlib.suppress(*_GONE):
            if broken:
                connection.terminate()
            await self._pool.release(connection)

    async def ping(self) -> None:
        """Prove that the database answers; raises Unavailable."""
        async with self.transaction(readonly=True) as connection:
            await connection.fetchval("select 1")
