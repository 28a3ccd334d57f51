"""SQL of forms that are kept for their senders."""

from datetime import datetime

from yikatong.core.database import Connection


async def put(
    connection: Connection, sender: str, path: str, at: datetime, form_sealed: bytes
) -> None:
    await connection.execute(
        """insert into kept_forms (sender, path, at, form_sealed) values ($1, $2, $3, $4)
           on conflict (sender, path) do update
             set at = excluded.at, form_sealed = excluded.form_sealed""",
        sender,
        path,
        at,
        form_sealed,
    )


async def forget_oldest(connection: Connection, sender: str, most: int) -> None:
    """Of a sender's forms the last ones stay."""
    await connection.execute(
        """delete from kept_forms where sender = $1 and path in (
             select path from kept_forms where sender = $1 order by at desc, path offset $2)""",
        sender,
        most,
    )


async def take(connection: Connection, sender: str, path: str, since: datetime) -> bytes | None:
    """The kept form, which is gone then."""
    return await connection.fetchval(
        """with gone as (delete from kept_forms where sender = $1 and path = $2
                          returning at, form_sealed)
           select form_sealed from gone where at >= $3""",
        sender,
        path,
        since,
    )


async def forget(connection: Connection, before: datetime) -> None:
    await connection.execute("delete from kept_forms where at < $1", before)
