"""Forms of errands: read what was sent, fill the fields of a step, keep a form that came too late."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile

from yikatong.core.errors import InvalidInput
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.identity.staff import signing_in
from yikatong.portals.check import place_of
from yikatong.portals.counter import store
from yikatong.portals.counter.errand import Field, Upload
from yikatong.portals.staff_sign_in import COOKIE
from yikatong.portals.view import View

KEPT_FOR: Final = timedelta(hours=12)
BODY_BYTES_MAX: Final = 20 * 1024 * 1024
"""A form with its files."""
_NAMES_MAX: Final = 60
_TEXT_MAX: Final = 60_000
_SECRETS: Final = frozenset(("new", "again", "pin"))
"""Never kept, never sent back."""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Sent(msgspec.Struct):
    """A form as it came."""

    form: dict[str, Any]
    """Texts by name; a list where a name came several times."""
    uploads: dict[str, list[Upload]]


async def read(request: Request[Any, Any, Any]) -> Sent:
    """Read a form, within limits."""
    sent = await request.form()
    texts: dict[str, list[str]] = {}
    uploads: dict[str, list[Upload]] = {}
    for name, value in sent.multi_items():
        if len(texts) >= _NAMES_MAX or len(name) > 40:
            break
        if isinstance(value, UploadFile):
            content = await value.read()
            if content:
                uploads.setdefault(name, []).append(Upload(value.filename[:100], content))
            continue
        text = str(value)[:_TEXT_MAX].replace("\x00", "")
        texts.setdefault(name, []).append(text)
    form: dict[str, Any] = {
        name: found if len(found) > 1 else found[0] for name, found in texts.items()
    }
    return Sent(form, uploads)


def key_of(form: Mapping[str, Any], platform: Platform) -> int:
    """The number of this form; a new one where none, or none of ours, was sent."""
    text = form.get("key")
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    return new_id(platform.clock.now())


def plain(text: Any) -> str:
    """A text of a form, whatever was sent in its place."""
    return text if isinstance(text, str) else ""


class Shown(msgspec.Struct, frozen=True):
    """A field with what stands in it."""

    field: Field
    value: Any
    candidates: Sequence[Region] = ()


def shown(
    fields: Sequence[Field],
    form: Mapping[str, Any],
    candidates: Mapping[str, Sequence[Region]],
) -> list[Shown]:
    """The fields of a step with what was typed, else what stands in them at first."""
    found: list[Shown] = []
    for one in fields:
        # A group of boxes none of which is ticked is not sent; the step's number says it was shown.
        value: Any = form.get(one.name, one.value)
        if one.kind == "checks":
            value = [value] if isinstance(value, str) and value else list(value)
        elif not isinstance(value, str):
            value = ""
        found.append(
            Shown(one, "" if one.kind == "secret" else value, candidates.get(one.name, ()))
        )
    return found


def resolve_places(
    view: View,
    fields: Sequence[Field],
    form: dict[str, Any],
    errors: dict[str, str],
) -> dict[str, Sequence[Region]]:
    """Find the places that were typed; notes errors and answers the candidates by field."""
    candidates: dict[str, Sequence[Region]] = {}
    for one in fields:
        if one.kind != "place":
            continue
        words, code = plain(form.get(one.name)).strip()[:40], plain(form.get(f"{one.name}_code"))
        if one.optional and not words and not code:
            form.pop(f"{one.name}_code", None)
            continue
        # A code is of the words it was found for; other words are looked up anew.
        if code and plain(form.get(f"{one.name}_for")) not in ("", words):
            code = ""
        region, candidates[one.name] = place_of(view, words, code, one.name, errors)
        if region is not None:
            form[f"{one.name}_code"], form[f"{one.name}_for"] = region.code, words
        else:
            form.pop(f"{one.name}_code", None)
    return candidates


def check_lengths(fields: Sequence[Field], form: Mapping[str, Any]) -> None:
    """Raise InvalidInput for a text that is too long."""
    for one in fields:
        if len(plain(form.get(one.name))) > one.longest:
            raise InvalidInput(
                one.name, zh=f"最多 {one.longest} 个字", en=f"at most {one.longest} characters"
            )


def carried(form: Mapping[str, Any], fields: Sequence[Field]) -> list[tuple[str, str]]:
    """What was typed in other steps, to be sent along unseen."""
    here = {one.name for one in fields} | {f"{one.name}_code" for one in fields}
    here |= {f"{one.name}_for" for one in fields} | {"key", "step", "go"} | _SECRETS
    return [
        (name, text)
        for name, value in form.items()
        if name not in here
        for text in ([value] if isinstance(value, str) else value)
    ]


# ---- a form that came when the session was over ----


async def keep(request: Request[Any, Any, Any], platform: Platform) -> None:
    """Keep the form for its sender, whose session ran out; of nobody known nothing is kept."""
    number = await signing_in.sender_of(platform, request.cookies.get(COOKIE, ""))
    if number is None:
        return
    sent = await read(request)
    form = {name: value for name, value in sent.form.items() if name not in _SECRETS}
    text = msgspec.json.encode(form).decode()
    sealed = platform.vault.seal(f"draft:{number}", 0, text)
    async with platform.database.transaction() as connection:
        path = request.url.path[:300]
        await store.keep_draft(connection, number, path, platform.clock.now(), sealed)


async def take(platform: Platform, number: str, path: str) -> dict[str, Any] | None:
    """The form that was kept for this page, once."""
    since = platform.clock.now() - KEPT_FOR
    async with platform.database.transaction() as connection:
        sealed = await store.take_draft(connection, number, path[:300], since)
    if sealed is None:
        return None
    return _decode(platform.vault.open(f"draft:{number}", 0, sealed))
