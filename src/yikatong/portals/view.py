"""How pages are made: language and type size, texts, templates, headers, static files."""

import hashlib
import os
import re
from datetime import date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import urlencode

import jinja2
import msgspec
from litestar import Request, Response
from markupsafe import Markup

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.days import day_in_words, moment_in_words, month_in_words
from yikatong.core.errors import NotFound
from yikatong.core.money import format_percent, format_yuan_grouped
from yikatong.core.shipped import read_yaml
from yikatong.medical.filings.model import KIND_NAMES
from yikatong.people.notices.service import UNREAD_MAX
from yikatong.portals.icons import icon

Language = Literal["zh", "en"]

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
WAY_BACK: Final = "way_back"
"""The cookie of who came from their plan for going away to do something: the plan's address."""
_WAY_BACK: Final = re.compile(r"/plan/[0-9]{1,19}")
TEMPLATES: Final = resources.files("yikatong.portals") / "templates"
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@cache
def texts() -> dict[str, dict[str, str]]:
    """All texts of the pages by key, from the files of all audiences; no key stands in two."""
    found: dict[str, dict[str, str]] = {}
    folder = resources.files("yikatong.portals") / "texts"
    for file in folder.iterdir():
        if file.name.endswith(".yaml") and file.name != "actions.yaml":
            read = cast("dict[str, dict[str, str]]", read_yaml(file))
            assert not found.keys() & read.keys(), file.name
            found |= read
    return found


def _kept() -> jinja2.BytecodeCache | None:
    """Where compiled templates are kept for the next start, which is a second quicker: with Python's own."""
    folder = Path(__file__).parent / "__pycache__"
    if not os.access(folder, os.W_OK):
        return None
    return jinja2.FileSystemBytecodeCache(str(folder), "template-%s.cache")


@cache
def environment() -> jinja2.Environment:
    """The template environment: everything escaped, an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (TEMPLATES / name).read_text(encoding="utf-8")),
        bytecode_cache=_kept(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cast("dict[str, Any]", made.globals).update(
        {
            "icon": icon,
            "money": format_yuan_grouped,
            "percent": format_percent,
            "static": static_address,
            "logo": Markup(static_files()["logo.svg"][1].decode()),  # noqa: S704 - our own drawing
        }
    )
    cast("dict[str, Any]", made.filters)["day"] = _day
    return made


@jinja2.pass_context
def _day(context: jinja2.runtime.Context, value: object) -> str:
    return dated(value, cast("Language", context["language"]))


_DATED: Final = re.compile(
    r"(?<![0-9-])(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])"
    r"(-(?P<day>[0-9]{2})( (?P<time>[0-9]{2}:[0-9]{2})(:[0-9]{2})?)?)?(?![0-9-])"
)


def dated(value: object, language: Language) -> str:
    """A day, month or moment as people write it (2026年3月5日, 5 March 2026), also where they stand in a
    text as 2026-03-05, 2026-03 or 2026-03-05 08:30. In the templates the filter `day`."""
    if isinstance(value, datetime):
        return moment_in_words(value, language)
    if isinstance(value, date):
        return day_in_words(value, language)

    def said(found: re.Match[str]) -> str:
        try:
            day = date(int(found["year"]), int(found["month"]), int(found["day"] or 1))
        except ValueError:
            return found[0]
        if found["day"] is None:
            return month_in_words(day, language)
        comma = ", " if language == "en" else " "
        return day_in_words(day, language) + (f"{comma}{found['time']}" if found["time"] else "")

    return _DATED.sub(said, "" if value is None else str(value))


@cache
def static_files() -> dict[str, tuple[str, bytes, str]]:
    """Static files by name: address, content, media type; the address changes with the content."""
    folder = resources.files("yikatong.portals") / "static"
    found: dict[str, tuple[str, bytes, str]] = {}
    for file in folder.iterdir():
        stem, _, ending = file.name.rpartition(".")
        if ending in _TYPES:
            content = file.read_bytes()
            mark = hashlib.sha256(content).hexdigest()[:10]
            found[file.name] = (f"/static/{stem}-{mark}.{ending}", content, _TYPES[ending])
    return found


def static_address(name: str) -> str:
    """The address of a static file."""
    return static_files()[name][0]


def static_response(name: str) -> Response[bytes]:
    """A static file by its address' last part; cached for a year, as its address names its content."""
    for address, content, media_type in static_files().values():
        if address == f"/static/{name}":
            headers = {"Cache-Control": "public, max-age=31536000, immutable"}
            headers["X-Content-Type-Options"] = "nosniff"
            return Response(content, media_type=media_type, headers=headers)
    raise NotFound(zh="没有这个文件", en="there is no such file")


def _counted(unread: int) -> str:
    """How many notices wait, for the head of a page; "" for none."""
    return "" if not unread else "99+" if unread >= UNREAD_MAX else str(unread)


def _way_back(request: Request[Any, Any, Any]) -> str:
    """Where somebody signed in came from to do something; "" for nowhere."""
    found = request.cookies.get(WAY_BACK, "")
    return found if request.state.get("reader") and _WAY_BACK.fullmatch(found) else ""


class View(msgspec.Struct):
    """What a page needs to know of its reader: language, type size, and where they are."""

    language: Language
    large: bool
    path: str
    query: list[tuple[str, str]]

    @classmethod
    def of(cls, request: Request[Any, Any, Any]) -> "View":
        """Read the reader's choices: `lang` and `type` of the query, else the cookies."""
        query = [
            (key, value)
            for key, value in request.query_params.multi_items()
            if key not in ("lang", "type")
        ]
        language = request.query_params.get("lang") or request.cookies.get("lang")
        type_size = request.query_params.get("type") or request.cookies.get("type")
        return cls(
            "en" if language == "en" else "zh", type_size == "large", request.url.path, query
        )

    def text(self, key: str, **facts: str) -> str:
        """A text of the pages in the reader's language."""
        text = texts()[key][self.language]
        return text.format_map(facts) if facts else text

    def day(self, value: object) -> str:
        """A day, month or moment in the reader's language; empty for none."""
        return dated(value, self.language)

    def date(self, at: datetime | None) -> str:
        """The day of a moment in Shanghai, in the reader's language; empty for none."""
        return self.day(at and at.astimezone(SHANGHAI).date())

    def place(self, code: str, *, short: bool = False) -> str:
        """A place's name in the reader's language."""
        named = regions.short_name if short else regions.full_name
        return named(code, self.language)

    def _kind(self, filing: str) -> str:
        return KIND_NAMES[filing].in_language(self.language)

    def _switch(self, **choice: str) -> str:
        return f"{self.path}?{urlencode([*self.query, *choice.items()])}"

    def respond(
        self, request: Request[Any, Any, Any], template: str, *, status: int = 200, **facts: Any
    ) -> Response[str]:
        """Render a page; remembers a language or type size just chosen."""
        page = environment().get_template(template)
        body = page.render(
            language=self.language,
            large=self.large,
            t=self.text,
            place=self.place,
            kind=self._kind,
            switch=self._switch,
            reader=request.state.get("reader"),
            acting=request.state.get("acting"),
            unread_count=_counted(request.state.get("unread", 0)),
            sandbox=request.app.state["platform"].settings.sandbox,
            **{
                "current": "",
                "way_back": _way_back(request),
                "kept": request.state.get("kept", False),
                **facts,
            },
        )
        response = Response(
            body,
            status_code=status,
            media_type="text/html",
            headers=SECURITY_HEADERS,
        )
        for name, allowed in (("lang", ("zh", "en")), ("type", ("large", "normal"))):
            chosen = request.query_params.get(name)
            if chosen in allowed:
                response.set_cookie(name, chosen, max_age=31_536_000, httponly=True, samesite="lax")
        return response
