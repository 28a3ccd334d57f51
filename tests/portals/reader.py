"""A reader of pages without a browser: follows links and sends forms as people would."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

VOID: Final = frozenset(
    "area base br col embed hr img input link meta source track wbr".split()  # noqa: SIM905 - a list of tags reads best so
)
UNREAD: Final = frozenset(("script", "style", "svg", "code", "pre", "kbd"))
"""What is no text of ours, or none in a language."""


_OF_A_SHAPE: Final = 3
_PAGES: Final = 260


def shape(address: str) -> tuple[str, ...]:
    """The same for pages that differ in numbers, codes and what was chosen only."""
    parts = urlsplit(address)
    path = re.sub(r"/(?:[0-9]+|[A-Z][0-9]{8,}|demo-[a-z0-9-]+)(?=/|$)", "/N", parts.path)
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return path, *sorted(names - {"next"})


class Form:
    """A form as it stands on a page: where it goes, and what it sends unless changed."""

    def __init__(self, method: str, action: str) -> None:
        self.method = method
        self.action = action
        self.values: dict[str, str] = {}
        self.files = False


class Sight(HTMLParser):
    """What is on a page: links, forms, texts by language, ids, access keys."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.language = ""
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.ids: set[str] = set()
        self.keys: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self._stack: list[tuple[str, str]] = []
        self._select = ""
        self._area = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        language = found.get("lang", self._stack[-1][1] if self._stack else "")
        if tag == "html":
            self.language = language
        if tag not in VOID:
            self._stack.append((tag, language))
        if "id" in found:
            self.ids.add(found["id"])
        if "accesskey" in found:
            self.keys.append(found["accesskey"])
        for name in ("aria-label", "title", "placeholder", "alt"):
            if found.get(name):
                self.texts.append((found[name], language))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "form":
            self.forms.append(Form(found.get("method", "get").lower(), found.get("action", "")))
        elif self.forms:
            self._control(tag, found)

    def _control(self, tag: str, found: dict[str, str]) -> None:
        form = self.forms[-1]
        name = found.get("name", "")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            if "selected" in found or self._select not in form.values:
                form.values[self._select] = found.get("value", "")
        elif tag == "textarea" and name:
            form.values[name] = ""
            self._area = name
        elif tag == "input" and name:
            kind = found.get("type", "text")
            if kind == "file":
                form.files = True
            elif kind not in ("checkbox", "radio") or "checked" in found:
                form.values[name] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        while self._stack:
            open_tag, _ = self._stack.pop()
            if open_tag == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].values[self._area] += data
        text = data.strip()
        if text and not any(tag in UNREAD for tag, _ in self._stack):
            self.texts.append((text, self._stack[-1][1] if self._stack else ""))


class Reader:
    """Somebody at the pages, with cookies of their own."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.http = httpx.Client(
            base_url=site, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30
        )
        self.answer = httpx.Response(200)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def open(self, address: str, language: str = "zh") -> Sight:
        """A page, where redirects lead."""
        self.http.cookies.set("lang", language)
        self.answer = self.http.get(address, follow_redirects=True)
        return Sight(self.answer.text)

    def send(self, form: Form, **values: str) -> Sight:
        """A form with some values of one's own, and the page behind it."""
        where = urljoin(str(self.answer.url), form.action)
        content: dict[str, Any] = {**form.values, **values}
        if form.method == "get":
            self.answer = self.http.get(where, params=content, follow_redirects=True)
        elif form.files:
            files = {name: (None, value) for name, value in content.items()}
            self.answer = self.http.post(where, files=files, follow_redirects=True)
        else:
            self.answer = self.http.post(where, data=content, follow_redirects=True)
        return Sight(self.answer.text)

    def walk(self, starts: Sequence[str], language: str = "zh") -> Iterator[tuple[str, Sight]]:
        """Pages by the links of pages, some of each shape; `answer` is that of the page."""
        waiting, met = [urljoin(self.site, one) for one in starts], Counter[tuple[str, ...]]()
        seen: set[str] = set()
        while waiting and len(seen) < _PAGES:
            address = waiting.pop(0)
            if address in seen or met[shape(address)] >= _OF_A_SHAPE:
                continue
            seen.add(address)
            met[shape(address)] += 1
            page = self.open(address, language)
            here = str(self.answer.url)
            for link in page.links:
                full = urljoin(here, link).partition("#")[0]
                if {name for name, _ in parse_qsl(urlsplit(full).query)} & {"lang", "type"}:
                    continue  # The same page in another look.
                if full.startswith(self.site) and "/static/" not in full and "/api/" not in full:
                    waiting.append(full)
            yield address, page

    def sign_in(self, number: str, secret: str) -> None:
        """As a person with card PIN or password, and a code besides: the stronger proof."""
        page = self.open("/sign-in?level=2&next=/security")
        page = self.send(form_with(page, "secret"), number=number, secret=secret)
        ways = [one for one in page.forms if one.action == "/sign-in/more/code"]
        assert ways, f"{number}: {self.answer.url} {page.texts}"
        self._with_code(self.send(ways[0]))

    def sign_in_by_code(self, number: str) -> None:
        """As a person by the code sent to their phone: who has no card yet, or lost it."""
        page = self.open("/sign-in?by=code&next=/security")
        self._with_code(self.send(form_with(page, "number"), number=number))

    def _with_code(self, page: Sight) -> None:
        here = self.answer
        inbox = self.open("/sandbox/inbox")
        code = re.search(r"\b[0-9]{6,10}\b", " ".join(text for text, _ in inbox.texts))
        assert code, "no code was sent"
        self.answer = here
        self.send(form_with(page, "code"), code=code[0])
        assert urlsplit(str(self.answer.url)).path == "/security", self.answer.url


def form_with(page: Sight, name: str) -> Form:
    """The form that asks for this."""
    found = [one for one in page.forms if name in one.values]
    assert found, f"no form asks for {name}: {page.texts}"
    return found[0]
