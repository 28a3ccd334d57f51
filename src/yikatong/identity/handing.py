"""Commands of the office that happen once, and secrets that are handed over once (交付).

A form has a number: sent twice it is one command. A first password or a token that came of it is kept
sealed for its asker alone, until it was handed over, for a quarter of an hour at most; so a page can show
it after a redirect and print it, and a second press of the button makes no second secret.
"""

import hmac
from datetime import datetime, timedelta
from typing import Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.trust.audit import Actor

SHOWN_FOR: Final = timedelta(minutes=15)
_KEPT: Final = timedelta(days=7)
"""So long the same form again is the same command."""
_encode = msgspec.json.Encoder(order="deterministic").encode


class Command(msgspec.Struct, frozen=True):
    """What somebody asks for with a form's number."""

    asker: Actor
    key: str
    action: str
    """The event it leads to, such as "staff.added"."""
    subject: str
    content: tuple[str, ...] = ()
    """What else makes it this very command."""


class Handed(msgspec.Struct, frozen=True):
    """A secret that came of a command."""

    action: str
    subject: str
    at: datetime
    secret: str

    def __repr__(self) -> str:
        return f"Handed({self.action!r}, {self.subject!r})"


class KeyUsed(YikatongError):
    """The form's number was used for something else."""

    code = "key_used"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="这张表单已经提交过别的内容，请重新打开页面再填",
            en="this form was sent before with other content; please open the page again",
            field="key",
        )


class HandedOver(NotFound):
    """The secret is not shown any more: it was handed over, is over, or was asked for by another."""

    code = "handed_over"

    def __init__(self) -> None:
        super().__init__(
            zh="密码或密钥只显示一次，已不能再看；没有拿到的话，请重新生成一个",
            en="a secret is shown once, and this one is gone; if nobody has it, make a new one",
        )


async def is_new(connection: Connection, platform: Platform, one: Command) -> bool:
    """Whether this is asked for the first time; inside the command's transaction, before it is done.

    Two at once wait for each other. Raises KeyUsed.
    """
    hashed = platform.vault.hash(
        "office command", _encode([one.action, one.subject, one.content]).decode()
    )
    made = await connection.fetchval(
        """insert into office_commands
             (asked_by_kind, asked_by, idempotency_key, content_hash, action, subject, at)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning true""",
        one.asker.kind,
        one.asker.name,
        one.key,
        hashed,
        one.action,
        one.subject,
        platform.clock.now(),
    )
    if made:
        return True
    before = await connection.fetchval(
        """select content_hash from office_commands
            where asked_by_kind = $1 and asked_by = $2 and idempotency_key = $3""",
        one.asker.kind,
        one.asker.name,
        one.key,
    )
    if before is None or not hmac.compare_digest(before, hashed):
        raise KeyUsed
    return False


async def keep(connection: Connection, platform: Platform, one: Command, secret: str) -> None:
    """Keep the secret that came of a command, for its asker."""
    await connection.execute(
        """update office_commands set secret_sealed = $4
            where asked_by_kind = $1 and asked_by = $2 and idempotency_key = $3""",
        one.asker.kind,
        one.asker.name,
        one.key,
        platform.vault.seal(_field(one.asker, one.key), 0, secret),
    )


async def find(connection: Connection, platform: Platform, asker: Actor, key: str) -> Handed:
    """The secret that came of the asker's command; raises HandedOver."""
    row = await connection.fetchrow(
        """select action, subject, at, secret_sealed from office_commands
            where asked_by_kind = $1 and asked_by = $2 and idempotency_key = $3 and at > $4""",
        asker.kind,
        asker.name,
        key,
        platform.clock.now() - SHOWN_FOR,
    )
    if row is None or row["secret_sealed"] is None:
        raise HandedOver
    secret = platform.vault.open(_field(asker, key), 0, row["secret_sealed"])
    return Handed(row["action"], row["subject"], row["at"], secret)


async def still_shown(platform: Platform, asker: Actor, key: str) -> str | None:
    """The secret for a program that asks the same again; None where it is not shown any more."""
    async with platform.database.transaction(readonly=True) as connection:
        try:
            return (await find(connection, platform, asker, key)).secret
        except HandedOver:
            return None


async def done(connection: Connection, asker: Actor, key: str) -> None:
    """It was handed over: nobody sees it again. Done twice it is done."""
    await connection.execute(
        """update office_commands set secret_sealed = null
            where asked_by_kind = $1 and asked_by = $2 and idempotency_key = $3""",
        asker.kind,
        asker.name,
        key,
    )


async def forget_old(platform: Platform, limit: int = 10_000) -> None:
    """Forget secrets nobody handed over in time, and commands of long ago."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update office_commands set secret_sealed = null
                where at <= $1 and secret_sealed is not null""",
            now - SHOWN_FOR,
        )
        await connection.execute(
            """delete from office_commands where (asked_by_kind, asked_by, idempotency_key) in (
                 select asked_by_kind, asked_by, idempotency_key from office_commands
                  where at < $1 limit $2)""",
            now - _KEPT,
            limit,
        )


def _field(asker: Actor, key: str) -> str:
    return f"handed:{asker.kind}:{asker.name}:{key}"
