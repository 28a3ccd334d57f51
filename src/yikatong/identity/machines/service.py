"""Use cases of machines: add, rotate, revoke, and who stands behind a token.

A token is `<id>.<secret>`; the database keeps the secret's hash only.
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from yikatong.core import regions
from yikatong.core.coalescing import Busy
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, Unavailable
from yikatong.core.fresh import Remembered
from yikatong.core.platform import Platform
from yikatong.identity import handing, office
from yikatong.identity.handing import Command
from yikatong.identity.machines import store
from yikatong.identity.machines.model import Machine, MachineExists
from yikatong.trust.access import NATION, PERMISSIONS, Caller, Grant
from yikatong.trust.audit import Actor

SEEN_WITHIN_SECONDS: Final = 15.0
"""After so long every process knows that a machine was revoked."""
LASTS: Final = timedelta(days=365)
"""How long a secret works where it is not said otherwise."""
LASTS_MAX: Final = timedelta(days=2 * 365)
OVERLAP: Final = timedelta(hours=24)
"""How long the old secret works beside the new one."""
_SECRET_BYTES: Final = 32
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
_KNOWN_MAX: Final = 10_000
_MISSES_A_SECOND_MAX: Final = 50
_NOTED_EVERY: Final = timedelta(minutes=1)


async def add(
    platform: Platform,
    machine_id: str,
    name: str,
    kind: str,
    grants: Sequence[Grant],
    actor: Actor,
    *,
    lasts: timedelta = LASTS,
    key: str | None = None,
) -> tuple[Machine, str]:
    """A new machine and its token, shown this once.

    With the number of a form (`key`) it happens once, and the token lies ready in `handing`.
    Raises InvalidInput, MachineExists, KeyUsed.
    """
    _check(machine_id, name, kind, grants)
    _check_lasts(lasts)
    now = platform.clock.now()
    told = tuple(f"{one.what}@{one.region}" for one in grants)
    command = _command(actor, key, "machine.added", machine_id, (name, kind, str(lasts), *told))
    async with platform.database.transaction() as connection:
        if command and not await handing.is_new(connection, platform, command):
            return (await store.live(connection, [machine_id], now))[machine_id], ""
        if not await store.insert(connection, machine_id, name.strip(), kind, now):
            raise MachineExists
        await store.insert_grants(connection, machine_id, grants)
        token = await _new_secret(connection, machine_id, now, now + lasts)
        if command:
            await handing.keep(connection, platform, command, token)
        await office.record(
            connection, actor, now, "machine.added", machine_id,
            {"kind": kind, "grants": [[one.what, one.region] for one in grants]},
        )  # fmt: skip
        made = (await store.live(connection, [machine_id], now))[machine_id]
    return made, token


async def rotate(
    platform: Platform,
    machine_id: str,
    actor: Actor,
    *,
    lasts: timedelta = LASTS,
    key: str | None = None,
) -> str:
    """A new token; the secret that is in use works on for a day, others end.

    With the number of a form (`key`) it happens once, and the token lies ready in `handing`.
    Raises NotFound, KeyUsed.
    """
    _check_lasts(lasts)
    now = platform.clock.now()
    command = _command(actor, key, "machine.rotated", machine_id, (str(lasts),))
    async with platform.database.transaction() as connection:
        machine = await store.lock(connection, machine_id, now)
        if machine is None:
            raise _no_such_machine()
        if command and not await handing.is_new(connection, platform, command):
            return ""
        # A new secret that was lost before it was ever used must not push out the one in use.
        never = datetime.min.replace(tzinfo=now.tzinfo)
        in_use = sorted(machine.secrets, key=lambda one: (one.used_at or never, one.made_at))
        hashes = [one.secret_hash for one in in_use]
        await store.end_secrets(connection, machine_id, hashes[-1:], now + OVERLAP)
        await store.end_secrets(connection, machine_id, hashes[:-1], now)
        token = await _new_secret(connection, machine_id, now, now + lasts)
        if command:
            await handing.keep(connection, platform, command, token)
        await office.record(connection, actor, now, "machine.rotated", machine_id)
    return token


async def revoke(platform: Platform, machine_id: str, actor: Actor) -> None:
    """The machine gets in no more, everywhere within SEEN_WITHIN_SECONDS; raises NotFound."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        if not await store.revoke(connection, machine_id, now):
            raise _no_such_machine()
        await office.record(connection, actor, now, "machine.revoked", machine_id)


async def names(connection: Connection, machine_ids: Sequence[str]) -> dict[str, str]:
    """The names of machines by id, revoked ones too; unknown ones are left out."""
    return await store.names(connection, machine_ids)


async def every(platform: Platform) -> list[Machine]:
    """All machines, revoked ones too."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.every(connection, platform.clock.now())


def read_grants(texts: Sequence[str], field: str = "grant") -> list[Grant]:
    """Grants written as `permission@region` ("money.read@510100"; without region: the nation).

    Raises InvalidInput.
    """
    found: list[Grant] = []
    for text in texts:
        what, _, region = text.partition("@")
        found.append(Grant(what.strip(), region.strip() or NATION))
    _check_grants(found, field)
    return found


def _check(machine_id: str, name: str, kind: str, grants: Sequence[Grant]) -> None:
    if not _ID.fullmatch(machine_id):
        raise InvalidInput(
            "id",
            zh="编号应为 2 至 40 个小写字母、数字或横线，例如 pharmacy-51",
            en="2 to 40 lower-case letters, digits or hyphens, such as pharmacy-51",
        )
    if machine_id == "operator":
        raise InvalidInput("id", zh="这个编号是平台自用的", en="this id is the platform's own")
    if not 1 <= len(name.strip()) <= 100 or not name.isprintable():
        raise InvalidInput("name", zh="名称应为 1 至 100 个字", en="a name of 1 to 100 characters")
    if kind not in ("service", "provider"):
        raise InvalidInput("kind", zh="应为 service 或 provider", en="must be service or provider")
    _check_grants(grants, "grant")


def _check_grants(grants: Sequence[Grant], field: str) -> None:
    if not grants:
        raise InvalidInput(field, zh="请至少给一项权限", en="give at least one permission")
    for one in grants:
        permission = PERMISSIONS.get(one.what)
        if permission is None:
            raise InvalidInput(
                field,
                zh=f"没有这项权限：{one.what[:40]}，见 docs/reference/access.md",
                en=f"there is no permission {one.what[:40]}; see docs/reference/access.md",
            )
        if one.what == "approval.decide":
            raise InvalidInput(
                field, zh="复核只能由工作人员进行", en="only members of staff approve"
            )
        if one.region != NATION:
            regions.get(one.region, field)
            if permission.place == "nation":
                raise InvalidInput(
                    field,
                    zh=f"{one.what} 不分地区，只能授予全国",
                    en=f"{one.what} knows no regions and is granted for the nation only",
                )


def _check_lasts(lasts: timedelta) -> None:
    if not timedelta(minutes=1) <= lasts <= LASTS_MAX:
        raise InvalidInput("days", zh="有效期应为 1 至 730 天", en="it lasts 1 to 730 days")


def _no_such_machine() -> NotFound:
    return NotFound(
        zh="没有这个接口凭证，或已停用", en="no such machine, or it was revoked", field="id"
    )


def _command(
    actor: Actor, key: str | None, action: str, machine_id: str, content: tuple[str, ...]
) -> Command | None:
    return None if key is None else Command(actor, key, action, machine_id, content)


async def _new_secret(
    connection: Connection, machine_id: str, now: datetime, ends_at: datetime
) -> str:
    secret = secrets.token_bytes(_SECRET_BYTES)
    await store.insert_secret(connection, machine_id, _hash(secret), now, ends_at)
    return f"{machine_id}.{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def _hash(secret: bytes) -> bytes:
    # 32 random bytes need no slow hash.
    return hashlib.sha256(secret).digest()


def _parts(token: str) -> tuple[str, bytes] | None:
    machine_id, _, text = token.partition(".")
    if not _ID.fullmatch(machine_id) or len(text) != 43:
        return None
    try:
        secret = base64.b64decode(f"{text}=".encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return machine_id, secret


class _Known(msgspec.Struct, frozen=True, eq=False):
    machine: Machine
    caller: Caller


def _known(machine: Machine) -> _Known:
    return _Known(machine, Caller(machine.kind, machine.machine_id, machine.grants))


def _too_many() -> Busy:
    return Busy(
        zh="未知的接口凭证太多，请稍后重试",
        en="too many unknown tokens are tried; try again in a moment",
    )


class Machines:
    """The machines that call; one per process. A known one costs no look-up."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._remembered = Remembered(
            self._read,
            _known,
            _too_many,
            seconds=SEEN_WITHIN_SECONDS,
            known_max=_KNOWN_MAX,
            misses_a_second_max=_MISSES_A_SECOND_MAX,
            refreshed=self._note_used,
        )
        self._used: dict[tuple[str, bytes], datetime] = {}
        self._noting: asyncio.Task[None] | None = None

    async def find(self, token: str) -> Caller | None:
        """Who shows this token; None where nobody does, or it ended. Raises Busy where too many
        unknown ones are tried at once, Unavailable."""
        parts = _parts(token)
        if parts is None:
            return None
        known = await self._remembered.find(parts[0])
        if known is None:
            return None
        shown, now = _hash(parts[1]), self._platform.clock.now()
        for one in known.machine.secrets:
            if hmac.compare_digest(one.secret_hash, shown):
                if now >= one.ends_at:
                    return None
                noted = self._used.get((parts[0], shown)) or one.used_at
                if noted is None or now - noted >= _NOTED_EVERY:
                    self._used[parts[0], shown] = now
                return known.caller
        return None

    async def _read(self, machine_ids: Sequence[str]) -> dict[str, Machine]:
        async with self._platform.database.transaction(readonly=True) as connection:
            return await store.live(connection, machine_ids, self._platform.clock.now())

    def _note_used(self) -> None:
        """Note beside the calls which secrets were used since the last time."""
        used, self._used = self._used, {}
        if used:
            self._noting = asyncio.get_running_loop().create_task(self._note(used))

    async def _note(self, used: dict[tuple[str, bytes], datetime]) -> None:
        # When a secret was last used is worth no call's failure.
        try:
            async with self._platform.database.transaction() as connection:
                await store.used(connection, [(*key, at) for key, at in used.items()])
        except Unavailable:
            self._used = {**used, **self._used}
