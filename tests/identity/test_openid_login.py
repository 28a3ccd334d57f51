"""Logging in to a service: consent, code, tokens, what the service learns, and endings."""

from datetime import timedelta

import pytest

from tests.identity.relying import (
    APP,
    ISSUER,
    LIBRARY,
    MUSEUM,
    OTHER,
    PERSON,
    SPA,
    Town,
    agree,
    told,
)
from yikatong.core import regions
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.openid import clients, ending
from yikatong.identity.sessions import service as sessions
from yikatong.people import service as people
from yikatong.trust import audit


@pytest.fixture
async def town(platform: Platform) -> Town:
    return await Town.make(platform)


async def test_a_person_agrees_once_and_the_service_gets_what_was_agreed(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    asked = await service.authorize(token, scope="openid profile card address phone enrolment")
    assert asked.status_code == 303
    answer = told(await agree(town, token, asked.headers["location"]))
    assert answer["state"] == service.state
    assert answer["iss"] == ISSUER
    tokens = (await service.exchange(answer["code"])).json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert "refresh_token" not in tokens
    claims = await service.id_claims(tokens["id_token"])
    assert claims["iss"] == ISSUER
    assert claims["aud"] == "library"
    assert claims["nonce"] == service.nonce
    assert claims["acr"] == "urn:yikatong:acr:1"
    assert claims["amr"] == ["pwd"]
    assert claims["auth_time"] == int(town.platform.clock.now().timestamp())
    info = (await service.user_info(tokens["access_token"])).json()
    async with town.platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, PERSON)
        contact = await people.contact(town.platform, connection, PERSON)
        number = await connection.fetchval(
            "select card_number from cards where person_id = $1", PERSON
        )
    assert info["sub"] == claims["sub"]
    assert info["name"] == person.name
    assert info["birthdate"] == person.birth_date.isoformat()
    assert info["phone_number"] == f"+86{contact.phone}"
    assert info["card"]["number"] == f"{number[:2]}*****{number[-2:]}"
    assert info["address"]["formatted"] == regions.full_name(person.residence_region)
    assert contact.address is not None
    assert contact.address not in str(info)
    assert contact.id_number not in str(info)
    assert {one["insurance"] for one in info["enrolments"]} >= {"310"}
    # The next time nobody is asked.
    again = await town.service().authorize(token)
    assert again.headers["location"].startswith("https://lib.example.cn/callback?code=")


async def test_each_look_of_the_service_is_in_the_persons_trail_and_names_it(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    tokens = await service.tokens(token)
    await service.user_info(tokens["access_token"])
    async with town.platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, PERSON)
        person = await people.get(connection, PERSON)
    done = [one.action for one in events][:5]
    assert done == [
        "openid.userinfo", "openid.login", "openid.consent_given", "openid.consent_asked",
        "session.begun",
    ]  # fmt: skip
    assert events[0].actor.name == "library"
    assert events[0].detail == {
        "client": "library",
        "name": {"zh": "成都图书馆", "en": "Chengdu Library"},
        "scopes": ["openid", "profile"],
    }
    assert person.name not in str(events)


async def test_the_consent_page_shows_who_asks_and_the_own_values_masked(town: Town) -> None:
    _, token = await town.sign_in()
    asked = await town.service().authorize(token, scope="openid profile card phone offline_access")
    async with town.platform.database.transaction(readonly=True) as connection:
        contact = await people.contact(town.platform, connection, PERSON)
        person = await people.get(connection, PERSON)
    async with town.web(token) as web:
        chinese = await web.get(asked.headers["location"])
        english = await web.get(asked.headers["location"] + "?lang=en")
    assert "成都图书馆想让您用社保卡登录" in chinese.text
    assert "lib.example.cn" in chinese.text
    assert "完整的手机号码" in chinese.text
    assert "Chengdu Library asks you to log in with your card" in english.text
    assert "up to 30 days" in english.text
    assert contact.phone is not None
    for page in (chinese.text, english.text):
        assert f"{contact.phone[:3]}****{contact.phone[-4:]}" in page
        assert contact.phone not in page
        assert person.name not in page


async def test_a_person_refuses_and_the_service_hears_it(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    asked = await service.authorize(token)
    answer = told(await agree(town, token, asked.headers["location"], decision="refuse"))
    assert (answer["error"], answer["state"], answer["iss"]) == (
        "access_denied", service.state, ISSUER,
    )  # fmt: skip
    async with town.web(token) as web:
        assert (await web.get(asked.headers["location"])).status_code == 410


async def test_more_than_was_agreed_is_asked_for_again(town: Town) -> None:
    _, token = await town.sign_in()
    await town.service().tokens(token)
    more = await town.service().authorize(token, scope="openid profile phone")
    assert more.headers["location"].startswith("/openid/authorize/")
    less = await town.service().authorize(token, scope="openid")
    assert less.headers["location"].startswith("https://lib.example.cn/")
    wanted = await town.service().authorize(token, prompt="consent")
    assert wanted.headers["location"].startswith("/openid/authorize/")


async def test_who_is_not_signed_in_signs_in_and_comes_back(town: Town) -> None:
    service = town.service()
    asked = await service.authorize(None, ui_locales="fr en-US zh")
    location = asked.headers["location"]
    assert location.startswith("/sign-in?next=%2Fopenid%2Fauthorize%2F")
    assert location.endswith("lang=en")
    back = location.partition("next=")[2].partition("%3F")[0].replace("%2F", "/")
    async with town.web() as web:
        waiting = await web.get(back)
    assert "去登录" in waiting.text
    _, token = await town.sign_in()
    assert told(await agree(town, token, back))["state"] == service.state


async def test_after_signing_in_a_remembered_consent_leads_back_by_a_page(town: Town) -> None:
    """Not by a redirect: the policy of the sign-in page's form would stop it in Chrome."""
    _, token = await town.sign_in()
    await town.service().tokens(token)
    asked = await town.service().authorize(None)
    back = asked.headers["location"].partition("next=")[2].replace("%2F", "/")
    async with town.web(token) as web:
        page = await web.get(back)
        assert page.status_code == 200
        assert 'content="0;url=https://lib.example.cn/callback?code=' in page.text
        assert "form-action 'self';" in page.headers["content-security-policy"]
        assert (await web.get(back)).status_code == 410


@pytest.mark.parametrize(
    ("prompt", "signed_in", "error"),
    [
        ("none", False, "login_required"),
        ("none", True, "consent_required"),
        ("none login", True, "invalid_request"),
        ("create", True, "invalid_request"),
    ],
)
async def test_a_silent_request_is_answered_without_a_page(
    town: Town, prompt: str, signed_in: bool, error: str
) -> None:
    token = (await town.sign_in())[1] if signed_in else None
    answer = await town.service().authorize(token, prompt=prompt)
    assert told(answer)["error"] == error


async def test_a_silent_request_with_consent_gets_a_code(town: Town) -> None:
    _, token = await town.sign_in()
    await town.service().tokens(token)
    assert "code" in told(await town.service().authorize(token, prompt="none"))


@pytest.mark.parametrize("wish", [{"prompt": "login"}, {"max_age": "300"}, {"max_age": "0"}])
async def test_a_fresh_proof_is_asked_for_and_taken(
    town: Town, clock: FixedClock, wish: dict[str, str | None]
) -> None:
    session, token = await town.sign_in()
    await town.service().tokens(token)
    clock.advance(timedelta(minutes=6))
    asked = await town.service().authorize(token, **wish)
    assert "fresh=1" in asked.headers["location"]
    back = asked.headers["location"].partition("next=")[2].partition("&")[0].replace("%2F", "/")
    async with town.web(token) as web:
        # Who comes back without one is not sent round in a circle.
        assert "该服务需要您重新登录一次" in (await web.get(back)).text
        clock.advance(timedelta(seconds=20))
        async with town.platform.database.transaction() as connection:
            await sessions.step_up(town.platform, connection, session, "password")
        assert "callback?code=" in (await web.get(back)).text


async def test_a_higher_level_is_reached_by_a_stronger_proof_or_given_up(town: Town) -> None:
    session, token = await town.sign_in()
    service = town.service()
    asked = await service.authorize(token, acr_values="urn:yikatong:acr:3 urn:yikatong:acr:2 x")
    assert "level=2" in asked.headers["location"]
    back = asked.headers["location"].partition("next=")[2].partition("&")[0].replace("%2F", "/")
    async with town.web(token) as web:
        assert "要求更可靠地确认" in (await web.get(back)).text
    async with town.platform.database.transaction() as connection:
        await sessions.step_up(town.platform, connection, session, "one_time_code")
    code = told(await agree(town, token, back))["code"]
    claims = await service.id_claims((await service.exchange(code)).json()["id_token"])
    assert claims["acr"] == "urn:yikatong:acr:2"
    assert claims["amr"] == ["mfa", "pwd", "sms"]
    asked = await town.service().authorize(token, acr_values="urn:yikatong:acr:3")
    back = asked.headers["location"].partition("next=")[2].partition("&")[0].replace("%2F", "/")
    async with town.web(token) as web:
        given_up = await web.post(
            back, data={"decision": "refuse"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
    assert told(given_up)["error"] == "unmet_authentication_requirements"
    silent = await town.service().authorize(token, acr_values="urn:yikatong:acr:3", prompt="none")
    assert told(silent)["error"] == "login_required"


async def test_a_hint_of_another_person_is_not_answered_for_the_one_signed_in(town: Town) -> None:
    _, token = await town.sign_in()
    _, other = await town.sign_in(OTHER)
    service = town.service()
    hint = (await service.tokens(token))["id_token"]
    assert "code" in await service.consent(token, id_token_hint=hint)
    refused = await service.authorize(other, id_token_hint=hint)
    assert told(refused)["error"] == "login_required"
    broken = await service.authorize(token, id_token_hint=hint[:-4] + "AAAA")
    assert told(broken)["error"] == "invalid_request"


async def test_services_of_different_sectors_know_a_person_by_different_numbers(
    town: Town,
) -> None:
    _, token = await town.sign_in()
    _, other = await town.sign_in(OTHER)
    subjects: list[str] = []
    for new, who in ((LIBRARY, token), (LIBRARY, token), (MUSEUM, token), (LIBRARY, other)):
        service = town.service(new)
        tokens = await service.tokens(who)
        subjects.append((await service.id_claims(tokens["id_token"]))["sub"])
    assert subjects[0] == subjects[1]
    assert len(set(subjects)) == 3
    assert str(PERSON) not in str(subjects)


async def test_refresh_tokens_rotate_and_end_after_thirty_days(
    town: Town, clock: FixedClock
) -> None:
    _, token = await town.sign_in()
    service = town.service(SPA)
    tokens = await service.tokens(token, scope="openid profile offline_access")
    first = await service.id_claims(tokens["id_token"])
    for _ in range(29):
        clock.advance(timedelta(days=1))
        answer = await service.refresh(tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        assert answer.json()["refresh_token"] != tokens["refresh_token"]
        tokens = answer.json()
    later = await service.id_claims(tokens["id_token"])
    assert "nonce" not in later
    assert (later["sub"], later["auth_time"]) == (first["sub"], first["auth_time"])
    assert (await service.user_info(tokens["access_token"])).status_code == 200
    clock.advance(timedelta(days=1))
    assert (await service.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    clock.advance(timedelta(seconds=1))
    # Thirty access tokens, thirty refresh tokens, the login.
    assert await ending.forget_old(town.platform) == 61


async def test_a_refresh_may_ask_for_less_but_not_for_more(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    tokens = await service.tokens(token, scope="openid profile phone offline_access")
    less = (await service.refresh(tokens["refresh_token"], scope="openid profile")).json()
    assert less["scope"] == "openid profile"
    assert "phone_number" not in (await service.user_info(less["access_token"])).json()
    more = await service.refresh(less["refresh_token"], scope="openid card")
    assert more.json()["error"] == "invalid_scope"
    # A mistake costs nothing: the token still works.
    whole = await service.refresh(less["refresh_token"])
    assert whole.json()["scope"] == "openid profile phone offline_access"


async def test_a_lost_answer_of_a_refresh_is_given_again_to_a_client_that_proves_itself(
    town: Town, clock: FixedClock
) -> None:
    _, token = await town.sign_in()
    service = town.service()
    old = (await service.tokens(token, scope="openid offline_access"))["refresh_token"]
    lost = (await service.refresh(old)).json()
    clock.advance(timedelta(seconds=20))
    again = (await service.refresh(old)).json()
    assert (await service.user_info(lost["access_token"])).status_code == 401
    assert (await service.user_info(again["access_token"])).status_code == 200
    # The answer that was lost is somebody else's: with its use everything ends.
    assert (await service.refresh(lost["refresh_token"])).status_code == 400
    assert (await service.refresh(again["refresh_token"])).status_code == 400
    assert (await service.user_info(again["access_token"])).status_code == 401


async def test_a_login_without_offline_access_ends_with_the_session(town: Town) -> None:
    session, token = await town.sign_in()
    service = town.service()
    bound = await service.tokens(token)
    free = await service.tokens(token, scope="openid offline_access")
    code = await service.code(token)
    async with town.platform.database.transaction() as connection:
        await sessions.end(
            town.platform, connection, PERSON, [session.session_id], session.actor("sign out")
        )
    assert (await service.user_info(bound["access_token"])).status_code == 401
    assert (await service.user_info(free["access_token"])).status_code == 200
    assert (await service.exchange(code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "change",
    [
        "update persons set died_on = '2026-02-20' where person_id = 1000001",
        "update cards set state = 'cancelled' where person_id = 1000001",
    ],
)
async def test_tokens_of_the_dead_and_of_cancelled_cards_stop(town: Town, change: str) -> None:
    _, token = await town.sign_in()
    service = town.service()
    tokens = await service.tokens(token, scope="openid offline_access")
    code = await service.code(token)
    async with town.platform.database.transaction() as connection:
        await connection.execute(change)
    assert (await service.user_info(tokens["access_token"])).status_code == 401
    shown = await service.post("/openid/introspect", {"token": tokens["access_token"]})
    assert shown.json() == {"active": False}
    assert (await service.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await service.exchange(code)).json()["error"] == "invalid_grant"
    last = told(await service.authorize(token))
    # Who lives and has no card is refused; the session of the dead is over, and has to be begun anew.
    assert "code" not in last
    assert last.get("error") == "access_denied" or last["next"].startswith("/openid/")


async def test_a_person_takes_a_consent_back_and_everything_of_the_service_ends(
    town: Town,
) -> None:
    _, token = await town.sign_in()
    service, other = town.service(), town.service(MUSEUM)
    tokens = await service.tokens(token, scope="openid profile offline_access")
    kept = await other.tokens(token)
    async with town.web(token) as web:
        page = await web.get("/consents")
        assert "成都图书馆" in page.text
        assert "博物馆" in page.text
        for _ in range(2):
            done = await web.post(
                "/consents", data={"client": "library"}, headers={"Sec-Fetch-Site": "same-origin"}
            )
            assert done.headers["location"] == "/consents?withdrawn=1"
        page = await web.get("/consents?withdrawn=1")
    assert "成都图书馆" not in page.text
    assert "博物馆" in page.text
    assert (await service.refresh(tokens["refresh_token"])).status_code == 400
    assert (await service.user_info(tokens["access_token"])).status_code == 401
    assert (await other.user_info(kept["access_token"])).status_code == 200
    assert (await service.authorize(token)).headers["location"].startswith("/openid/authorize/")
    async with town.platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, PERSON)
    assert [one.action for one in events].count("openid.consent_withdrawn") == 1


async def test_a_client_ends_its_tokens(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    tokens = await service.tokens(token, scope="openid offline_access")
    for _ in range(2):
        done = await service.post("/openid/revoke", {"token": tokens["access_token"]})
        assert (done.status_code, done.content) == (200, b"")
    assert (await service.user_info(tokens["access_token"])).status_code == 401
    tokens = (await service.refresh(tokens["refresh_token"])).json()
    await service.post("/openid/revoke", {"token": tokens["refresh_token"]})
    assert (await service.user_info(tokens["access_token"])).status_code == 401
    assert (await service.refresh(tokens["refresh_token"])).status_code == 400
    unknown = await service.post("/openid/revoke", {"token": "nothing-of-ours"})
    assert unknown.status_code == 200


async def test_a_client_switched_off_gets_nothing_more(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    tokens = await service.tokens(token, scope="openid offline_access")
    await clients.set_disabled(town.platform, "library", disabled=True)
    assert (await service.user_info(tokens["access_token"])).status_code == 401
    assert (await service.refresh(tokens["refresh_token"])).json()["error"] == "invalid_client"
    assert (await service.authorize(token)).status_code == 400
    await clients.set_disabled(town.platform, "library", disabled=False)
    assert (await service.refresh(tokens["refresh_token"])).status_code == 200


async def test_two_secrets_work_while_one_replaces_the_other(town: Town, clock: FixedClock) -> None:
    service = town.service()
    old = service.secret
    new = await clients.rotate_secret(town.platform, "library")

    async def works(secret: str) -> bool:
        service.secret = secret
        answer = await service.post("/openid/introspect", {"token": "x"})
        return answer.status_code == 200

    assert [await works(one) for one in (old, new)] == [True, True]
    newest = await clients.rotate_secret(town.platform, "library")
    assert [await works(one) for one in (old, new, newest)] == [False, True, True]
    clock.advance(timedelta(days=8))
    assert [await works(one) for one in (new, newest)] == [False, True]
    last = await clients.rotate_secret(town.platform, "library", at_once=True)
    assert [await works(one) for one in (newest, last)] == [False, True]


async def test_an_app_uses_any_loopback_port_and_asks_each_time(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service(APP)
    for address in ("http://127.0.0.1:53121/cb", "http://[::1]:8/cb", "net.example.reader:/cb"):
        service.redirect_uri = address
        asked = await service.authorize(token)
        assert asked.headers["location"].startswith("/openid/authorize/"), address
        done = await agree(town, token, asked.headers["location"])
        assert done.headers["location"].startswith(f"{address}?code=")
        tokens = await service.exchange(told(done)["code"])
        assert tokens.status_code == 200


async def test_a_service_logs_a_person_out(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    hint = (await service.tokens(token))["id_token"]
    async with town.web(token) as web:
        done = await web.get(
            "/openid/logout",
            params={
                "id_token_hint": hint,
                "post_logout_redirect_uri": "https://lib.example.cn/bye",
                "state": "s 1",
            },
        )
    assert done.headers["location"] == "https://lib.example.cn/bye?state=s+1"
    assert 'session=""' in done.headers["set-cookie"] or "Max-Age=0" in done.headers["set-cookie"]
    assert await sessions.find(town.platform, token) is None


async def test_without_proof_the_person_is_asked_before_being_logged_out(town: Town) -> None:
    _, token = await town.sign_in()
    _, other = await town.sign_in(OTHER)
    foreign = (await town.service().tokens(other))["id_token"]
    for params in ({}, {"client_id": "library"}, {"id_token_hint": foreign}):
        async with town.web(token) as web:
            page = await web.get("/openid/logout", params=params)
        assert page.status_code == 200
        assert "退出" in page.text
        assert await sessions.find(town.platform, token) is not None
    async with town.web(token) as web:
        form = {"client_id": "library", "post_logout_redirect_uri": "https://lib.example.cn/bye"}
        page = await web.get("/openid/logout", params=form)
        assert (
            "form-action 'self' https://lib.example.cn;"
            in (page.headers["content-security-policy"])
        )
        done = await web.post(
            "/openid/logout/confirm", data=form, headers={"Sec-Fetch-Site": "same-origin"}
        )
    assert done.headers["location"] == "https://lib.example.cn/bye"
    assert await sessions.find(town.platform, token) is None


async def test_a_request_by_form_is_asked_again_by_address(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    async with town.web() as web:
        sent = await web.post("/openid/authorize", data=service.request())
    assert sent.status_code == 303
    async with town.web(token) as web:
        asked = await web.get(sent.headers["location"])
    assert asked.headers["location"].startswith("/openid/authorize/")
