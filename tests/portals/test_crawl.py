"""Every page that each role comes to by its links: whole, translated, days as people write them, and nobody
else's."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.portals.axe import serious
from tests.portals.reader import Reader, Sight, form_with, shape
from tests.portals.staff_site import Site, next_code, served, shoot

pytestmark = [pytest.mark.server]

STAFF: Final = (
    "demo-counter", "demo-chengdu", "demo-hotline", "demo-reviewer", "demo-finance",
    "demo-auditor", "demo-operator", "demo-admin", "demo-clinic", "demo-pharmacy",
)  # fmt: skip
PROVIDERS: Final = ("demo-clinic", "demo-pharmacy")
PEOPLE: Final = ("all_in_order", "pension_in_order", "unemployment", "family_payer", "lost",
                 "application_under_way")  # fmt: skip
WITHOUT_CARD: Final = ("lost", "application_under_way")
OPEN_TO: Final = {
    "/staff/sessions": tuple(STAFF),
    "/staff/people/N/bills/N": (
        "demo-counter", "demo-chengdu", "demo-hotline", "demo-reviewer", "demo-auditor",
    ),
}  # fmt: skip
"""Pages to which the links of one role lead, and which others with the same permission open too."""
VISITOR: Final = "visitor"
BEIJING: Final = "beijing_active"
PICTURES: Final = "YIKATONG_PICTURES" in os.environ
"""Whether each page is kept as a picture, too: takes a quarter as long again, and nobody looks at them in CI."""
_BYTES: Final = 100_000
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_MASKED: Final = re.compile(r"[\u4e00-\u9fff]?\*+[\u4e00-\u9fff]*")
_BRACKETS: Final = re.compile(r"[(（][^()（）]*[)）]")
_FOR_MACHINES: Final = re.compile(
    r"(?<![0-9-])(20[0-9]{2}-[0-9]{2}-[0-9]{2}|[01][0-9]-[0-3][0-9] [0-9]{2}:[0-9]{2})"
)
"""A day or moment as no page writes it, but those that show what machines say."""
_OF_MACHINES: Final = ("/sandbox", "/policies/try")
_ENGLISH: Final = re.compile(r"[A-Za-z]{2,}(?:[ ,][ ]?[A-Za-z]{2,}){3,}")


class Seen(NamedTuple):
    """What one reader came to."""

    pages: dict[str, str]
    """The path where each address led: its own, or that of a redirect."""
    actions: dict[tuple[str, ...], str]
    """Address of each form that changes something, by its shape."""
    faults: list[str]
    files: set[str]
    """Those of the pages that are files to download."""


def crawl(reader: Reader, starts: list[str], names: re.Pattern[str]) -> Seen:
    """Follow the links of this reader in English, and look at one of each shape in Chinese, too."""
    seen = Seen({}, {}, [], set())
    shapes: set[tuple[str, ...]] = set()
    for address, page in reader.walk(starts, "en"):
        seen.pages[address] = urlsplit(str(reader.answer.url)).path
        if "html" not in reader.answer.headers.get("content-type", ""):
            seen.files.add(address)
        here = str(reader.answer.url)
        seen.faults.extend(f"{address}: {one}" for one in faults(reader, page, names))
        for link in page.links:
            inside = link.partition("#")[2]
            if link.startswith("#") and inside and inside not in page.ids:
                seen.faults.append(f"{address}: no place called {link}")
        for form in page.forms:
            where = urljoin(here, form.action or here)
            if form.method == "post" and "/sign-out" not in where:
                seen.actions.setdefault(shape(where), where)
        if shape(address) not in shapes:
            shapes.add(shape(address))
            chinese = reader.open(address, "zh")
            seen.faults.extend(f"{address}: {one}" for one in faults(reader, chinese, names))
    return seen


def faults(reader: Reader, page: Sight, names: re.Pattern[str]) -> Iterator[str]:
    """What is wrong with the page just opened."""
    answer = reader.answer
    if answer.status_code != 200:
        yield f"answered with {answer.status_code}"
        return
    if "html" not in answer.headers["content-type"]:
        return
    if len(answer.content) > _BYTES:
        yield f"{len(answer.content)} bytes"
    if not page.language:
        yield "does not say its language"
    if len(set(page.keys)) < len(page.keys):
        yield f"an access key twice: {' '.join(sorted(page.keys))}"
    for text, language in page.texts:
        if _FOR_MACHINES.search(text) and not answer.url.path.startswith(_OF_MACHINES):
            yield f"a day as machines write it: {text[:60]}"
        told = names.sub("", text)
        if page.language == "en":
            plain = _BRACKETS.sub("", _MASKED.sub("", told))
            if language != "zh-CN" and _CHINESE.search(plain):
                yield f"not in English: {text[:60]}"
        elif language != "en" and _ENGLISH.search(told) and not _CHINESE.search(told):
            yield f"not in Chinese: {text[:60]}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("own") / "data") as site:
        yield site


@pytest.fixture(scope="module")
def names(place: Site) -> re.Pattern[str]:
    """What people and places are called is not translated."""
    found = {one["name"] for one in place.persons}
    for words in (
        ("staff", "list"), ("people", "list"), ("providers", "list"), ("sandbox", "show"),
    ):  # fmt: skip
        status = place.server.command(*words, "--json")
        found |= set(re.findall(r'"name": "([^"]+)"', status.stdout))
    found |= {"中文", "演示地…"}
    assert len(found) > 100
    return re.compile(
        "|".join((r"演示地址[0-9]+号", *map(re.escape, sorted(found, key=len, reverse=True))))
    )


@pytest.fixture(scope="module")
def lively(place: Site) -> Site:
    """A place where something has happened."""
    for play in ("outpatient", "inpatient-elsewhere", "pharmacy", "reversal"):
        done = place.server.command("sandbox", "play", play, "--port", str(place.server.port))
        assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def readers(lively: Site) -> Iterator[dict[str, Reader]]:
    """Somebody of each role, signed in."""
    found = {VISITOR: Reader(lively.address)}
    people = {one["situation"]: one for one in lively.persons}
    for situation in (*PEOPLE, BEIJING):
        found[situation] = Reader(lively.address)
        number = people[situation]["id_number"]
        if situation in WITHOUT_CARD:
            found[situation].sign_in_by_code(number)
        else:
            found[situation].sign_in(number, lively.pin)
    for number in STAFF:
        reader = found[number] = Reader(lively.address)
        one = lively.staff[number]
        page = reader.open("/staff")
        page = reader.send(form_with(page, "password"), number=number, password=one["password"])
        reader.send(form_with(page, "code"), code=next_code(one["totp_secret"]))
        assert reader.answer.status_code == 200
    yield found
    for reader in found.values():
        reader.http.close()


def told(lines: Iterable[str]) -> str:
    """All of it, a line each."""
    return "\n".join(["", *dict.fromkeys(lines)])


def starts(site: Site, role: str) -> list[str]:
    """Where somebody of a role begins; a search is a form, so who finds people begins at some."""
    if role == VISITOR:
        return ["/", "/policies"]
    if role in (*PEOPLE, BEIJING):
        return ["/", "/security", "/card", "/inbox", "/settings", "/details", "/looks", "/acting"]
    people = {one["situation"]: one["person_id"] for one in site.persons}
    found = ["/staff"]
    if role in PROVIDERS:
        found.append("/clinic")
    if role in ("demo-counter", "demo-chengdu", "demo-reviewer", "demo-auditor"):
        found += [f"/staff/people/{people[one]}" for one in PEOPLE]
    return found


@pytest.fixture(scope="module")
def seen(lively: Site, readers: dict[str, Reader], names: re.Pattern[str]) -> dict[str, Seen]:
    """What each came to."""
    return {role: crawl(one, starts(lively, role), names) for role, one in readers.items()}


def test_every_link_leads_somewhere_and_every_text_is_translated(seen: dict[str, Seen]) -> None:
    faulty = {role: one.faults for role, one in seen.items() if one.faults}
    assert not faulty, told(one for role in faulty for one in faulty[role])
    assert {role: len(one.pages) for role, one in seen.items() if len(one.pages) < 10} == {}


def test_nobody_opens_a_page_of_another_role(
    readers: dict[str, Reader], seen: dict[str, Seen]
) -> None:
    wrong: list[str] = []
    public = of_everybody(seen)
    for role, reader in readers.items():
        own = {shape(one)[0] for one in seen[role].pages}
        for other, theirs in seen.items():
            kept = [
                one for one, path in theirs.pages.items()
                if shape(one)[0] not in own and path not in public
            ]  # fmt: skip
            for address in {shape(one): one for one in kept}.values():
                answer = reader.http.get(address)
                if may_share(role, other) or role in OPEN_TO.get(shape(address)[0], ()):
                    continue
                if answer.status_code == 200:
                    wrong.append(f"{role} opens {address} of {other}")
                assert answer.status_code < 500, address
    assert not wrong, told(wrong)


def of_everybody(seen: dict[str, Seen]) -> set[str]:
    """The paths, of pages and forms, that visitors have."""
    shown = {
        path for address, path in seen[VISITOR].pages.items() if urlsplit(address).path == path
    }
    sent = {urlsplit(one).path for one in seen[VISITOR].actions.values()}
    return shown | sent


def may_share(role: str, other: str) -> bool:
    """Whether both have the same rights, so that only their data led them to different pages."""
    alike = (
        {VISITOR}, {*PEOPLE, BEIJING}, {"demo-counter", "demo-chengdu"}, set(PROVIDERS),
    )  # fmt: skip
    return any(role in group and other in group for group in alike)


def test_nobody_opens_what_belongs_to_another_person_or_region(
    lively: Site, readers: dict[str, Reader], seen: dict[str, Seen], names: re.Pattern[str]
) -> None:
    numbered = re.compile(r"/[0-9]{7,}")
    stranger = readers[BEIJING]
    wrong: list[str] = []
    tried = 0
    for situation in PEOPLE:
        for address in seen[situation].pages:
            if numbered.search(urlsplit(address).path):
                tried += 1
                answer = stranger.http.get(address)
                if answer.status_code == 200:
                    wrong.append(f"{BEIJING} opens {address} of {situation}")
    people = {one["situation"]: one["person_id"] for one in lively.persons}
    start = [f"/staff/people/{people[BEIJING]}"]
    of_beijing = crawl(readers["demo-counter"], start, names)
    mark = f"/{people[BEIJING]}"
    for address in of_beijing.pages:
        if mark in address:
            tried += 1
            answer = readers["demo-chengdu"].http.get(address)
            if answer.status_code == 200:
                wrong.append(f"demo-chengdu opens {address}")
    assert not wrong, told(wrong)
    assert tried > 20


def test_no_form_of_another_role_does_anything(
    readers: dict[str, Reader], seen: dict[str, Seen]
) -> None:
    wrong: list[str] = []
    tried = 0
    public = of_everybody(seen)
    for role, reader in readers.items():
        for other, theirs in seen.items():
            if may_share(role, other):
                continue
            for kind, address in theirs.actions.items():
                if (
                    role in OPEN_TO.get(kind[0], ())
                    or kind in seen[role].actions
                    or urlsplit(address).path in public
                ):
                    continue
                tried += 1
                answer = reader.http.post(address, data={"key": "crawl"})
                away = answer.status_code == 303 and re.search(
                    r"^(/sign-in|/staff($|\?))", urlsplit(answer.headers["location"]).path
                )
                if not away and answer.status_code not in (400, 401, 403, 404, 405):
                    wrong.append(f"{role} sends {address}: {answer.status_code}")
    assert not wrong, told(wrong)
    assert tried > 100


def test_a_form_from_another_site_is_refused_for_everybody(
    readers: dict[str, Reader], seen: dict[str, Seen]
) -> None:
    accepted: list[str] = []
    for role, reader in readers.items():
        for address in seen[role].actions.values():
            answer = reader.http.post(
                address, data={"key": "crawl"}, headers={"Sec-Fetch-Site": "cross-site"}
            )
            if answer.status_code not in (400, 403, 404):
                accepted.append(f"{role} sends {address} from elsewhere: {answer.status_code}")
    assert not accepted, told(accepted)


@pytest.mark.browser
def test_every_page_fits_a_phone_and_a_desk_and_axe_finds_nothing_serious(
    lively: Site, browser: Browser, readers: dict[str, Reader], seen: dict[str, Seen]
) -> None:
    wrong: list[str] = []
    done: set[tuple[str, ...]] = set()
    for role, reader in readers.items():
        context = browser.new_context(locale="zh-CN")
        context.add_cookies(
            [
                {"name": name, "value": value, "url": lively.address}
                for name, value in reader.http.cookies.items()
                if name not in ("lang", "type")
            ]
        )
        phone, desk = context.new_page(), context.new_page()
        phone.set_viewport_size({"width": 360, "height": 900})
        desk.set_viewport_size({"width": 1440, "height": 900})
        for address in seen[role].pages:
            kind = shape(address)
            if kind in done or address in seen[role].files:
                continue
            done.add(kind)
            wrong.extend(f"{role}, {address}: {one}" for one in looked_at(phone, desk, address))
        context.close()
    assert not wrong, told(wrong)
    assert len(done) > 70


def looked_at(phone: Page, desk: Page, address: str) -> Iterator[str]:
    """What is wrong with how a page looks: on a phone in large English type, and on a desk."""
    mark = "&" if "?" in address else "?"
    for page, width, look in (
        (phone, 360, "lang=en&type=large"), (desk, 1440, "lang=zh&type=normal"),
    ):  # fmt: skip
        answer = page.goto(f"{address}{mark}{look}")
        if answer is None or "html" not in answer.headers.get("content-type", ""):
            return
        too_wide = page.evaluate("document.documentElement.scrollWidth") - width
        if too_wide > 0:
            yield f"{too_wide} px too wide for {width}"
        if PICTURES:
            name = re.sub(r"[^a-z0-9-]+", "-", urlsplit(address).path.strip("/").lower()) or "start"
            shoot(page, f"all-{name}-{width}")
    yield from serious(phone)
