"""Opening and closing a platform: database up and migrated, vault open, pool connected."""

import contextlib
from collections.abc import AsyncGenerator

from yikatong.core import embedded, migrations
from yikatong.core.clock import Clock, SystemClock
from yikatong.core.database import Database
from yikatong.core.platform import Platform
from yikatong.core.sealing import open_vault
from yikatong.core.settings import Settings


@contextlib.asynccontextmanager
async def platform(settings: Settings, *, clock: Clock | None = None) -> AsyncGenerator[Platform]:
    """A platform over the settings' database, migrated; everything is let go of at the end.

    Raises YikatongError where the database cannot be started or reached, is newer than this
    program, or where the key of personal data is missing for a database that holds some.
    """
    with embedded.running(settings) as url:
        fresh = await migrations.ensure_current(url)
        database = await Database.connect(
            url,
            connections_max=settings.connections_max,
            statement_seconds_max=settings.statement_seconds_max,
        )
        try:
            # Making a new key over existing data would turn a misplaced key file into silent loss.
            vault = open_vault(settings.key_path, create=fresh or await _is_empty(database))
            yield Platform(database, clock or SystemClock(), vault, settings)
        finally:
            await database.close()


async def _is_empty(database: Database) -> bool:
    async with database.transaction(readonly=True) as connection:
        return not await connection.fetchval("select exists (select from persons)")
