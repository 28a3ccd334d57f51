"""Forms of errands: read what was sent, fill the fields of a step."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile

from yikatong.core.errors import InvalidInput
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.portals import kept
from yikatong.portals.check import place_of
from yikatong.portals.counter.errand import Field, Upload
from yikatong.portals.view import View

BODY_BYTES_MAX: Final = 20 * 1024 * 1024
"""A form with its files."""
_FILES_MAX: Final = 60


class Sent(msgspec.Struct):
    """A form as it came."""

    form: dict[str, Any]
    """Texts by name; a list where a name came several times."""
    uploads: dict[str, list[Upload]]


async def read(request: Request[Any, Any, Any]) -> Sent:
    """Read a form, within limits."""
    sent = await request.form()
    uploads: dict[str, list[Upload]] = {}
    files = [(name, one) for name, one in sent.multi_items() if isinstance(one, UploadFile)]
    for name, value in files[:_FILES_MAX]:
        content = await value.read()
        if content:
            uploads.setdefault(name, []).append(Upload(value.filename[:100], content))
    return Sent(kept.texts(sent), uploads)


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
    here |= {f"{one.name}_for" for one in fields} | {"key", "step", "go"} | kept.SECRETS
    return [
        (name, text)
        for name, value in form.items()
        if name not in here
        for text in ([value] if isinstance(value, str) else value)
    ]
