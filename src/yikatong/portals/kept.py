"""Forms that came when the session of their sender was over: kept, sealed, and filled in again after
signing in.

A form is kept for who sent it, acting for whom they acted, and for the page it stands on; nobody else
who signs in on the same browser gets it. Secrets and files are never kept.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec
from litestar.datastructures import FormMultiDict, UploadFile

from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.identity.sessions.model import Session
from yikatong.portals import kept_store as store

KEPT_FOR: Final = timedelta(hours=12)
FORMS_MAX: Final = 20
"""Forms of one sender; of more the oldest are forgotten, so that nobody fills the table."""
SECRETS: Final = frozenset(("new", "again", "pin", "code", "secret", "current", "password"))
"""Never kept, never sent back."""
_NAMES_MAX: Final = 60
_NAME_MAX: Final = 40
_TEXT_MAX: Final = 60_000
_PATH_MAX: Final = 300

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def texts(sent: FormMultiDict) -> dict[str, Any]:
    """The texts of a form by name, within limits; a list where a name came several times."""
    found: dict[str, list[str]] = {}
    for name, value in sent.multi_items():
        if len(found) >= _NAMES_MAX or len(name) > _NAME_MAX:
            break
        if not isinstance(value, UploadFile):
            found.setdefault(name, []).append(str(value)[:_TEXT_MAX].replace("\x00", ""))
    return {name: several if len(several) > 1 else several[0] for name, several in found.items()}


def by_staff(number: str) -> str:
    """A member of staff, as the sender of a form."""
    return f"staff:{number}"


def by_person(session: Session) -> str:
    """A cardholder, as the sender of a form: what was sent for somebody is not for oneself."""
    acting = f":for:{session.acting_for}" if session.acting_for is not None else ""
    return f"person:{session.person_id}{acting}"


async def put(platform: Platform, sender: str, path: str, form: dict[str, Any]) -> None:
    """Keep what was typed for its sender and this page, in place of what was kept for it before."""
    told = {name: value for name, value in form.items() if name not in SECRETS}
    sealed = platform.vault.seal(_field(sender), 0, msgspec.json.encode(told).decode())
    async with platform.database.transaction() as connection:
        await store.put(connection, sender, path[:_PATH_MAX], platform.clock.now(), sealed)
        await store.forget_oldest(connection, sender, FORMS_MAX)


async def take(platform: Platform, sender: str, path: str) -> dict[str, Any] | None:
    """The form that was kept for this page, once."""
    since = platform.clock.now() - KEPT_FOR
    async with platform.database.transaction() as connection:
        sealed = await store.take(connection, sender, path[:_PATH_MAX], since)
    return None if sealed is None else _decode(platform.vault.open(_field(sender), 0, sealed))


async def forget(platform: Platform, connection: Connection) -> None:
    """Forget what nobody came back for."""
    await store.forget(connection, platform.clock.now() - KEPT_FOR)


def plain(form: dict[str, Any] | None, *names: str) -> dict[str, str]:
    """These fields of a kept form as texts, whatever came in their place; "" for none."""
    known = form or {}
    return {name: value if isinstance(value := known.get(name), str) else "" for name in names}


def several(form: dict[str, Any] | None, name: str) -> list[str]:
    """A field of a kept form that may come several times, as texts."""
    value: Any = (form or {}).get(name)
    return [value] if isinstance(value, str) else list(value or ())


def _field(sender: str) -> str:
    return f"kept:{sender}"
