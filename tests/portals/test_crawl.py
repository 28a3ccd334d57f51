"""Every page that each role comes to by its links: whole, translated, and nobody else's."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest

from tests.portals.reader import Reader, Sight, form_with
from tests.portals.staff_site import Site, next_code

pytestmark = [pytest.mark.server]

STAFF: Final = (
    "demo-counter", "demo-chengdu", "demo-hotline", "demo-reviewer", "demo-finance",
    "demo-auditor", "demo-operator", "demo-admin",
)  # fmt: skip
PEOPLE: Final = ("all_in_order", "pension_in_order", "unemployment", "family_payer", "lost",
                 "application_under_way")  # fmt: skip
WITHOUT_CARD: Final = ("lost", "application_under_way")
VISITOR: Final = "visitor"
BEIJING: Final = "beijing_active"
_OF_A_SHAPE: Final = 3
_PAGES: Final = 260
_BYTES: Final = 100_000
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_MASKED: Final = re.compile(r"[\u4e00-\u9fff]?\*+[\u4e00-\u9fff]*")
_BRACKETS: Final = re.compile(r"[(（][^()（）]*[)）]")
_ENGLISH: Final = re.compile(r"[A-Za-z]{2,}(?:[ ,][ ]?[A-Za-z]{2,}){3,}")


class Seen(NamedTuple):
    """What one reader came to."""

    pages: dict[str, str]
    """The path where each address led: its own, or that of a redirect."""
    actions: dict[tuple[str, ...], str]
    """Address of each form that changes something, by its shape."""
    faults: list[str]


def shape(address: str) -> tuple[str, ...]:
    """The same for pages that differ in numbers, codes and what was chosen only."""
    parts = urlsplit(address)
    path = re.sub(r"/(?:[0-9]+|[A-Z][0-9]{8,}|demo-[a-z0-9-]+)(?=/|$)", "/N", parts.path)
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return path, *sorted(names - {"next"})


def crawl(reader: Reader, starts: list[str], names: re.Pattern[str]) -> Seen:
    """Follow the links of this reader, some of each shape."""
    waiting, met = [urljoin(reader.site, one) for one in starts], Counter[tuple[str, ...]]()
    seen = Seen({}, {}, [])
    while waiting and len(seen.pages) < _PAGES:
        address = waiting.pop(0)
        if address in seen.pages or met[shape(address)] >= _OF_A_SHAPE:
            continue
        met[shape(address)] += 1
        if met[shape(address)] == 1:
            page = reader.open(address, "zh")
            seen.faults.extend(f"{address}: {one}" for one in faults(reader, page, names))
        page = reader.open(address, "en")
        seen.pages[address] = urlsplit(str(reader.answer.url)).path
        seen.faults.extend(f"{address}: {one}" for one in faults(reader, page, names))
        here = str(reader.answer.url)
        for link in page.links:
            full = urljoin(here, link).partition("#")[0]
            if {name for name, _ in parse_qsl(urlsplit(full).query)} & {"lang", "type"}:
                continue  # The same page in another look.
            if full.startswith(reader.site) and "/static/" not in full and "/api/" not in full:
                waiting.append(full)
            inside = link.partition("#")[2]
            if link.startswith("#") and inside and inside not in page.ids:
                seen.faults.append(f"{address}: no place called {link}")
        for form in page.forms:
            where = urljoin(here, form.action or here)
            if form.method == "post" and "/sign-out" not in where:
                seen.actions.setdefault(shape(where), where)
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
    for text, language in page.texts:
        told = names.sub("", text)
        if page.language == "en":
            plain = _BRACKETS.sub("", _MASKED.sub("", told))
            if language != "zh-CN" and _CHINESE.search(plain):
                yield f"not in English: {text[:60]}"
        elif language != "en" and _ENGLISH.search(told) and not _CHINESE.search(told):
            yield f"not in Chinese: {text[:60]}"


@pytest.fixture(scope="module")
def names(place: Site) -> re.Pattern[str]:
    """What people and places are called is not translated."""
    found = {one["name"] for one in place.persons}
    for words in (("staff", "list"), ("people", "list"), ("providers", "list")):
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
                if answer.status_code == 200 and not may_share(role, other):
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
    alike = ({VISITOR}, {*PEOPLE, BEIJING}, {"demo-counter", "demo-chengdu"})
    return any(role in group and other in group for group in alike)


def test_nobody_opens_what_belongs_to_another_person_or_region(
    lively: Site, readers: dict[str, Reader], seen: dict[str, Seen], names: re.Pattern[str]
) -> None:
    numbered = re.compile(r"/[0-9]{6,}")
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
                if kind in seen[role].actions or urlsplit(address).path in public:
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
