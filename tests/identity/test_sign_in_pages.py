"""The sign-in and security pages over HTTP: cookies, forged forms, next addresses, what they tell."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest

from tests.application import serve
from tests.identity.people import PIN, Someone, quick_hashes, somebody
from yikatong.core import sending
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.sessions import service as sessions
from yikatong.identity.signing_in import passwords, service
from yikatong.portals import security, sign_in, sign_in_scan
from yikatong.trust import audit

HOST = "http://127.0.0.1:8000"
OURS = {"Origin": HOST, "Sec-Fetch-Site": "same-origin", "User-Agent": "Firefox Windows"}
NEW = "739204"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service, "REFUSED_AT_MULTIPLES_OF_SECONDS", 0)
    with quick_hashes():
        yield


def browser(platform: Platform, address: str = "192.0.2.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(serve(platform), client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url=HOST, headers=OURS)


@pytest.fixture
async def one(platform: Platform) -> Someone:
    return await somebody(platform)


@pytest.fixture
async def web(platform: Platform, one: Someone) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(platform) as client:
        yield client


def wrongs(answer: httpx.Response) -> list[tuple[str, str]]:
    """The errors beside fields."""
    return re.findall(r'<p class="wrong" id="(\w+)-error">([^<]+)<', answer.text)


async def signed_in(web: httpx.AsyncClient, one: Someone, **more: str) -> httpx.Response:
    answer = await web.post("/sign-in", data={"number": one.card_number, "secret": PIN, **more})
    assert answer.status_code == 303, answer.text
    return answer


async def code_of(platform: Platform) -> str:
    words = (await sending.inbox(platform))[0].words.zh
    found = re.search(r"验证码 ([0-9]+)", words)
    assert found
    return found[1]


async def raised(web: httpx.AsyncClient, platform: Platform, one: Someone) -> None:
    """Signed in with level 2."""
    await signed_in(web, one)
    await web.post("/sign-in/more/code", data={"level": "2"})
    answer = await web.post("/sign-in/code", data={"code": await code_of(platform), "level": "2"})
    assert answer.status_code == 303


async def test_a_person_signs_in_and_out(web: httpx.AsyncClient, one: Someone) -> None:
    assert 'href="/sign-in"' in (await web.get("/guide")).text
    answer = await signed_in(web, one)
    assert answer.headers["location"] == "/me"
    cookies = {line.split("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    for name in ("session", "device"):
        assert "HttpOnly" in cookies[name]
        assert "samesite=lax" in cookies[name].lower()
    assert "Max-Age" not in cookies["session"]
    assert "Max-Age=31536000" in cookies["device"]
    page = (await web.get("/guide")).text
    assert "张*丰" in page
    assert one.name not in page
    assert (await web.get("/security")).status_code == 200
    out = await web.post("/sign-out")
    assert out.headers["location"] == "/"
    gone = await web.get("/security")
    assert gone.status_code == 303
    assert gone.headers["location"] == "/sign-in?next=%2Fsecurity"
    assert (await web.post("/sign-out")).status_code == 303


async def test_cookies_are_for_https_alone_where_the_address_is(
    platform: Platform, one: Someone
) -> None:
    settings = msgspec.structs.replace(platform.settings, public_url="https://card.example")
    secure = Platform(platform.database, platform.clock, platform.vault, settings)
    async with browser(secure) as web:
        answer = await signed_in(web, one)
        assert all("Secure" in line for line in answer.headers.get_list("set-cookie")[:2])


async def test_an_old_session_is_never_kept_through_a_sign_in(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    first = (await signed_in(web, one)).cookies["session"]
    second = (await signed_in(web, one)).cookies["session"]
    assert first != second
    assert await sessions.find(platform, first) is None
    # A cookie somebody planted is not taken over either.
    web.cookies.set("session", "A" * 54)
    third = (await signed_in(web, one)).cookies["session"]
    assert third not in (first, second, "A" * 54)


async def test_a_wrong_secret_is_told_beside_it_and_the_number_is_kept(
    web: httpx.AsyncClient, one: Someone
) -> None:
    answer = await web.post("/sign-in", data={"number": one.card_number, "secret": "000000"})
    assert answer.status_code == 422
    assert [field for field, _ in wrongs(answer)] == ["secret"]
    assert f'value="{one.card_number}"' in answer.text
    assert "000000" not in answer.text
    answer = await web.post("/sign-in", data={"number": '"><b>12', "secret": ""})
    assert answer.status_code == 422
    assert "<b>12" not in answer.text
    answer = await web.post("/sign-in", data={})
    assert answer.status_code == 422


async def test_the_language_is_switched_on_the_forms_own_page(
    web: httpx.AsyncClient, one: Someone
) -> None:
    wrong = {"number": one.card_number, "secret": "000000", "next": "/security", "level": "2"}
    page = await web.post("/sign-in", data=wrong)
    (address,) = re.findall(r'href="([^"]*lang=en)"', page.text)
    address = address.replace("&amp;", "&")
    assert address == "/sign-in?next=%2Fsecurity&level=2&by=secret&lang=en"
    english = (await web.get(address)).text
    assert "Card PIN or password" in english
    assert 'name="next" value="/security"' in english
    page = await web.post("/sign-in/code/send", data={"number": "x"})
    (address,) = re.findall(r'href="([^"]*lang=zh)"', page.text)
    assert address.replace("&amp;", "&") == "/sign-in?by=code&lang=zh"


async def test_too_many_tries_say_when_to_come_back(web: httpx.AsyncClient, one: Someone) -> None:
    for _ in range(5):
        await web.post("/sign-in", data={"number": one.card_number, "secret": "000000"})
    answer = await web.post("/sign-in", data={"number": one.card_number, "secret": PIN})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= 901
    assert wrongs(answer)


async def test_pages_alike_for_somebody_and_nobody(web: httpx.AsyncClient, one: Someone) -> None:
    pages = []
    for number in (one.card_number, "Z00000000"):
        wrong = await web.post("/sign-in", data={"number": number, "secret": "000000"})
        asked = await web.post("/sign-in/code/send", data={"number": number})
        form = await web.get(asked.headers["location"])
        tried = await web.post("/sign-in/code", data={"code": "x"})
        pages.append(
            [
                (page.status_code, page.text.replace(number, ""), page.headers.get("location"))
                for page in (wrong, asked, form, tried)
            ]
        )
        web.cookies.clear()
    assert pages[0] == pages[1]


FORMS: dict[str, dict[str, str]] = {
    "/sign-in": {"number": "A", "secret": PIN},
    "/sign-in/code/send": {"number": "A"},
    "/sign-in/code": {"code": "123456"},
    "/sign-in/more/secret": {"secret": PIN},
    "/sign-in/more/code": {},
    "/sign-in/approve": {"code": "x", "answer": "yes"},
    "/sign-out": {},
    "/security/sessions": {"others": "1"},
    "/security/devices": {"device": "1"},
    "/security/pin": {"old": PIN, "new": NEW, "again": NEW},
    "/security/password": {"new": "a long password", "again": "a long password"},
}


def test_every_form_is_tried_from_other_sites() -> None:
    routes = [*sign_in.routes, *sign_in_scan.routes, *security.routes]
    posts = {path for one in routes if "POST" in one.http_methods for path in one.paths}
    assert posts == set(FORMS)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
     {"Origin": HOST, "Sec-Fetch-Site": "same-site"}, {"Origin": "null"}, {},
     {"Origin": "http://["}, {"Origin": HOST.removeprefix("http://")}],
)  # fmt: skip
async def test_forms_of_other_sites_do_nothing(
    platform: Platform, one: Someone, headers: dict[str, str]
) -> None:
    async with browser(platform) as web:
        await signed_in(web, one)
        web.headers.pop("Origin")
        web.headers.pop("Sec-Fetch-Site")
        for path, form in FORMS.items():
            answer = await web.post(path, data=form, headers=headers)
            assert answer.status_code == 403, path
            assert "不是从本站" in answer.text
            assert "set-cookie" not in answer.headers
        assert (await web.get("/security")).status_code == 200


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
     "/%0d%0aSet-Cookie:x=1\r\nX: y", "evil.example", " /x", "//["],
)  # fmt: skip
async def test_nobody_is_sent_to_another_site(
    web: httpx.AsyncClient, one: Someone, target: str
) -> None:
    answer = await signed_in(web, one, next=target)
    assert answer.headers["location"] == "/me"
    answer = await web.get(f"/sign-in?{urlencode({'next': target})}")
    assert answer.headers["location"] == "/me"


async def test_a_page_that_needs_more_is_reached_after_the_proofs(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    answer = await web.get("/security/password")
    assert answer.headers["location"] == "/sign-in?next=%2Fsecurity%2Fpassword&level=2"
    form = (await web.get(answer.headers["location"])).text
    assert 'name="next" value="/security/password"' in form
    answer = await signed_in(web, one, next="/security/password", level="2")
    assert answer.headers["location"] == "/sign-in?next=%2Fsecurity%2Fpassword&level=2"
    level_one = web.cookies["session"]
    more = (await web.get(answer.headers["location"])).text
    assert f"138****{one.phone[-4:]}" in more
    answer = await web.post("/sign-in/more/code", data={"next": "/security/password", "level": "2"})
    form = await web.get(answer.headers["location"])
    assert 'autocomplete="one-time-code"' in form.text
    wrong = await web.post("/sign-in/code", data={"code": "abc", "level": "2"})
    assert wrong.status_code == 422
    assert "还可以再试 2 次" in wrong.text
    answer = await web.post(
        "/sign-in/code",
        data={"code": await code_of(platform), "next": "/security/password", "level": "2"},
    )
    assert answer.headers["location"] == "/security/password"
    assert await sessions.find(platform, level_one) is None
    assert (await web.get("/security/password")).status_code == 200


async def test_whoever_came_by_a_code_proves_the_pin_next(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await web.post("/sign-in/code/send", data={"number": one.id_number})
    answer = await web.post("/sign-in/code", data={"code": await code_of(platform), "level": "2"})
    assert answer.headers["location"] == "/sign-in?level=2"
    page = (await web.get("/sign-in?level=2")).text
    assert 'id="secret"' in page
    wrong = await web.post("/sign-in/more/secret", data={"secret": "000000", "level": "2"})
    assert [field for field, _ in wrongs(wrong)] == ["secret"]
    answer = await web.post("/sign-in/more/secret", data={"secret": PIN, "level": "2"})
    assert answer.headers["location"] == "/me"
    assert "窗口" in (await web.get("/sign-in?level=3")).text


async def test_a_code_typed_in_another_browser_signs_nobody_in(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await web.post("/sign-in/code/send", data={"number": one.id_number})
    async with browser(platform) as thief:
        answer = await thief.post("/sign-in/code", data={"code": await code_of(platform)})
        assert answer.status_code == 422
        assert "session" not in thief.cookies
        assert (await thief.get("/sign-in/code")).headers["location"] == "/sign-in?by=code"


async def test_forwarded_addresses_are_not_believed_from_anybody(
    platform: Platform, one: Someone
) -> None:
    async with browser(platform, "192.0.2.1") as web:
        for n in range(31):
            answer = await web.post(
                "/sign-in", data={"number": f"Z{n:08d}", "secret": "000000"},
                headers={"X-Forwarded-For": f"203.0.113.{n}"},
            )  # fmt: skip
        assert answer.status_code == 429
    settings = msgspec.structs.replace(platform.settings, trusted_proxies=("192.0.2.1",))
    behind = Platform(platform.database, platform.clock, platform.vault, settings)
    async with browser(behind, "192.0.2.1") as web:
        answer = await web.post(
            "/sign-in", data={"number": "Z99999999", "secret": "000000"},
            headers={"X-Forwarded-For": "203.0.113.9"},
        )  # fmt: skip
        assert answer.status_code == 422


async def test_sessions_and_devices_are_listed_and_ended(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await signed_in(web, one)
    async with browser(platform) as other, browser(platform) as third:
        other.headers["User-Agent"] = "Chrome Android"
        await signed_in(other, one)
        await signed_in(third, one)
        page = (await web.get("/security")).text
        assert "Firefox · Windows" in page
        assert "Chrome · Android" in page
        ids = {each.device: each.session_id for each in await sessions.of_person(
            platform, one.person_id)}  # fmt: skip
        answer = await web.post(
            "/security/sessions", data={"session": str(ids["Chrome · Android"])}
        )
        assert answer.headers["location"] == "/security?done=session"
        assert (await other.get("/security")).status_code == 303
        assert (await third.get("/security")).status_code == 200
        await web.post("/security/sessions", data={"others": "1"})
        assert (await third.get("/security")).status_code == 303
        assert (await web.get("/security?done=others")).status_code == 200
    for wrong in ("", "x", "9" * 30, "-1"):
        assert (await web.post("/security/sessions", data={"session": wrong})).status_code == 422
    device = re.findall(r'name="device" value="(\d+)"', page)
    assert len(device) == 3
    await web.post("/security/devices", data={"device": device[0]})
    assert (await web.post("/security/devices", data={"device": device[0]})).status_code == 404
    page = (await web.get("/security")).text
    assert len(re.findall(r'name="device" value="(\d+)"', page)) == 2


async def test_nobody_ends_another_persons_session(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    victim = await somebody(platform, 1000002)
    async with browser(platform) as other:
        await signed_in(other, victim)
        (session,) = await sessions.of_person(platform, victim.person_id)
        await signed_in(web, one)
        await web.post("/security/sessions", data={"session": str(session.session_id)})
        assert (await other.get("/security")).status_code == 200


async def test_the_pin_is_changed_on_its_page(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await signed_in(web, one)
    async with browser(platform) as other:
        await signed_in(other, one)
        for form, field in (
            ({"old": PIN, "new": NEW, "again": "618042"}, "again"),
            ({"old": PIN, "new": "850305", "again": "850305"}, "new"),
            ({"old": "000000", "new": NEW, "again": NEW}, "old"),
            ({}, "new"),
        ):
            answer = await web.post("/security/pin", data=form)
            assert answer.status_code == 422
            assert [name for name, _ in wrongs(answer)] == [field]
            assert NEW not in answer.text
        answer = await web.post("/security/pin", data={"old": PIN, "new": NEW, "again": NEW})
        assert answer.headers["location"] == "/security?done=pin"
        assert (await web.get("/security?done=pin")).status_code == 200
        assert (await other.get("/security")).status_code == 303
    answer = await web.post("/sign-in", data={"number": one.card_number, "secret": NEW})
    assert answer.status_code == 303


async def test_a_password_is_chosen_used_and_removed_on_its_page(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await raised(web, platform, one)
    for form in ({"new": "short", "again": "short"}, {"new": "x" * 12, "again": "x" * 12},
                 {"new": "a good long one", "again": "another one"}):  # fmt: skip
        answer = await web.post("/security/password", data=form)
        assert answer.status_code == 422
        assert wrongs(answer)
    secret = "白日依山尽 yellow river"
    answer = await web.post("/security/password", data={"new": secret, "again": secret})
    assert answer.headers["location"] == "/security?done=password"
    async with browser(platform) as other:
        data = {"number": one.id_number, "secret": secret}
        assert (await other.post("/sign-in", data=data)).status_code == 303
        # Level 1 is not enough to take it away.
        answer = await other.post("/security/password", data={"remove": "1"})
        assert "level=2" in answer.headers["location"]
    await web.post("/security/password", data={"remove": "1"})
    assert not await passwords.is_set(platform, one.person_id)


async def test_a_proof_that_ran_out_is_asked_for_again(
    web: httpx.AsyncClient, platform: Platform, clock: FixedClock, one: Someone
) -> None:
    await raised(web, platform, one)
    clock.advance(timedelta(minutes=10))
    answer = await web.post("/security/password", data={"new": "x", "again": "x"})
    assert answer.headers["location"] == "/sign-in?next=%2Fsecurity%2Fpassword&level=2"


async def test_another_device_is_signed_in_by_the_phone(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await raised(web, platform, one)
    async with browser(platform, "198.51.100.9") as desk:
        page = await desk.get("/sign-in/scan?next=/security&new=1")
        assert "<svg" in page.text
        assert page.headers["refresh"] == "4; url=/sign-in/scan?next=%2Fsecurity"
        code = desk.cookies["scan"].split(".")[0]
        # Loading it again keeps the code.
        await desk.get("/sign-in/scan?next=/security")
        assert desk.cookies["scan"].split(".")[0] == code
        asked = await web.get(f"/sign-in/approve?code={code}")
        assert "198.51.100.*" in asked.text
        assert "不是同一个网络" in asked.text
        answer = await web.post("/sign-in/approve", data={"code": code, "answer": "yes"})
        assert (await web.get(answer.headers["location"])).status_code == 200
        assert (await web.get(f"/sign-in/approve?code={code}")).status_code == 404
        answer = await desk.get("/sign-in/scan?next=/security")
        assert answer.headers["location"] == "/security"
        assert (await desk.get("/security")).status_code == 200
    async with browser(platform) as second:
        await second.get("/sign-in/scan?new=1")
        code = second.cookies["scan"].split(".")[0]
        await web.post("/sign-in/approve", data={"code": code, "answer": "no"})
        page = await second.get("/sign-in/scan")
        assert "手机上拒绝了" in page.text
        assert "refresh" not in page.headers
        assert "session" not in second.cookies


async def test_a_phone_of_level_one_proves_more_before_it_approves(
    web: httpx.AsyncClient, one: Someone
) -> None:
    await signed_in(web, one)
    answer = await web.get("/sign-in/approve?code=abc")
    assert answer.headers["location"].startswith("/sign-in?next=%2Fsign-in%2Fapprove")
    assert "level=2" in answer.headers["location"]


async def test_without_a_sender_the_page_says_so(platform: Platform, one: Someone) -> None:
    settings = msgspec.structs.replace(platform.settings, sandbox=False)
    production = Platform(platform.database, platform.clock, platform.vault, settings)
    async with browser(production) as web:
        page = await web.get("/sign-in?by=code")
        assert "还没有接通短信" in page.text
        assert "<form" not in page.text.split("<main")[1]
        answer = await web.post("/sign-in/code/send", data={"number": one.card_number})
        assert answer.status_code == 422
        # No test PIN, no inbox.
        assert "试用" not in page.text
        assert (await web.get("/sandbox/inbox")).status_code == 404
        assert (await signed_in(web, one)).status_code == 303
        assert "还没有接通短信" in (await web.get("/sign-in?level=2")).text


async def test_the_inbox_shows_masked_phones(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await web.post("/sign-in/code/send", data={"number": one.card_number})
    page = (await web.get("/sandbox/inbox")).text
    assert f"138****{one.phone[-4:]}" in page
    assert one.phone not in page
    assert await code_of(platform) in page


async def test_pages_are_shown_without_the_database_and_tries_refused(
    platform: Platform, one: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yikatong.core.errors import Unavailable

    async with browser(platform) as web:
        await signed_in(web, one)

        def gone(*_: Any, **__: Any) -> Any:
            raise Unavailable(zh="数据库暂时不可用", en="the database does not answer")

        monkeypatch.setattr(platform.database, "transaction", gone)
        assert (await web.get("/guide")).status_code == 200
        answer = await web.post("/sign-in", data={"number": one.card_number, "secret": PIN})
        assert answer.status_code == 503
        assert (await web.get("/security")).status_code == 503


async def test_a_session_that_ended_shows_nobodys_name(
    web: httpx.AsyncClient, platform: Platform, clock: FixedClock, one: Someone
) -> None:
    await signed_in(web, one)
    clock.advance(timedelta(minutes=31))
    page = (await web.get("/guide")).text
    assert "张*丰" not in page
    assert 'href="/sign-in"' in page


async def test_the_trail_names_what_was_done(
    web: httpx.AsyncClient, platform: Platform, one: Someone
) -> None:
    await raised(web, platform, one)
    await web.post("/sign-out")
    async with platform.database.transaction(readonly=True) as connection:
        events = [event.action for event in await audit.of_person(connection, one.person_id)]
    assert events[:4] == ["session.ended", "session.raised", "code.sent", "session.begun"]
