"""Each attack of the OAuth security practice (RFC 9700) that applies, tried."""

import asyncio
import base64
import hashlib
import json
import re
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwk, jwt

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
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.openid import looking
from yikatong.trust import audit

FORGED = {"Sec-Fetch-Site": "cross-site"}
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def town(platform: Platform) -> Town:
    return await Town.make(platform)


async def test_code_replay_ends_every_token_made_of_the_code(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token, scope="openid offline_access")
    tokens = (await service.exchange(code)).json()
    assert (await service.user_info(tokens["access_token"])).status_code == 200
    assert (await service.exchange(code)).json()["error"] == "invalid_grant"
    assert (await service.user_info(tokens["access_token"])).status_code == 401
    assert (await service.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_code_replay_at_the_same_moment_gives_one_answer_at_most(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token)
    answers = await asyncio.gather(*(service.exchange(code) for _ in range(4)))
    good = [one for one in answers if one.status_code == 200]
    assert len(good) == 1
    assert (await service.user_info(good[0].json()["access_token"])).status_code == 401


async def test_a_code_lives_for_a_minute(town: Town, clock: FixedClock) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token)
    clock.advance(timedelta(seconds=60))
    assert (await service.exchange(code)).json()["error"] == "invalid_grant"


ADDRESSES = (
    "https://lib.example.cn/callback/steal",
    "https://lib.example.cn/callback/../steal",
    "https://lib.example.cn/callback?next=https://evil.example",
    "https://lib.example.cn/callback#",
    "https://lib.example.cn/callback#fragment",
    "https://lib.example.cn@evil.example/callback",
    "https://user:secret@lib.example.cn/callback",
    "https://lib.example.cn.evil.example/callback",
    "https://evil.example/https://lib.example.cn/callback",
    "https://lib.example.cn:8443/callback",
    "https://lib.example.cn:443/callback",
    "http://lib.example.cn/callback",
    "HTTPS://lib.example.cn/callback",
    "https://LIB.example.cn/callback",
    "https://lib.example.cn./callback",
    "https://lib.example.cn/Callback",
    "https://lib.example.cn/callback%2f",
    "https://lib.example.cn\\@evil.example/callback",
    "https://lib.example.cn/callback\r\nSet-Cookie: a=b",
    " https://lib.example.cn/callback",
    "https://lib.example.cn／callback",
    "https://lіb.example.cn/callback",
    "https://xn--lb-9ia.example.cn/callback",
    "//lib.example.cn/callback",
    "javascript:alert(1)",
    "data:text/html,hi",
    "http://127.0.0.1/callback",
    "",
)


async def test_redirect_mismatch_sends_nobody_anywhere(town: Town) -> None:
    _, token = await town.sign_in()
    for address in ADDRESSES:
        # Nor is it told by a redirect that something else is wrong.
        for changes in ({}, {"response_type": "token"}):
            answer = await town.service().authorize(token, redirect_uri=address, **changes)
            assert answer.status_code == 400, address
            assert "location" not in answer.headers, address
            assert "https://evil.example" not in answer.text


APP_ADDRESSES = (
    "http://localhost/cb",
    "http://127.0.0.1:80x/cb",
    "http://127.0.0.1:99999/cb",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:8000/cb/more",
    "http://127.0.0.1:8000@evil.example/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.2/cb",
    "https://127.0.0.1/cb",
    "net.example.reader:/other",
    "net.example.other:/cb",
)


async def test_redirect_mismatch_of_an_app_varies_in_the_loopback_port_only(town: Town) -> None:
    for address in APP_ADDRESSES:
        answer = await town.service(APP).authorize(None, redirect_uri=address)
        assert answer.status_code == 400, address
        assert "location" not in answer.headers, address


async def test_redirect_mismatch_between_request_and_exchange_uses_the_code_up(
    town: Town,
) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token)
    wrong = await service.exchange(code, redirect_uri="https://lib.example.cn/other")
    assert wrong.json()["error"] == "invalid_grant"
    assert (await service.exchange(code)).json()["error"] == "invalid_grant"


DOWNGRADES: tuple[dict[str, str | None], ...] = (
    {"code_challenge": None, "code_challenge_method": None},
    {"code_challenge": None},
    {"code_challenge": ""},
    {"code_challenge_method": None},
    {"code_challenge_method": "plain"},
    {"code_challenge_method": "s256"},
    {"code_challenge": "too-short"},
)


async def test_pkce_downgrade_is_refused_for_every_client(town: Town) -> None:
    _, token = await town.sign_in()
    for new in (LIBRARY, SPA, APP):
        for changes in DOWNGRADES:
            answer = told(await town.service(new).authorize(token, **changes))
            assert answer["error"] == "invalid_request", changes
            assert "code" not in answer


async def test_pkce_without_the_right_verifier_gets_nothing(town: Town) -> None:
    _, token = await town.sign_in()
    for verifier in (None, "", "x" * 43, "short", "x" * 200):
        service = town.service(SPA)
        answer = await service.exchange(await service.code(token), code_verifier=verifier)
        assert answer.status_code == 400
        assert answer.json()["error"] in ("invalid_request", "invalid_grant")


async def test_pkce_challenge_shown_as_verifier_gets_nothing(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service(SPA)
    challenge = service.request()["code_challenge"]
    answer = await service.exchange(await service.code(token), code_verifier=challenge)
    assert answer.json()["error"] == "invalid_grant"


async def test_mix_up_is_seen_by_the_issuer_in_every_answer(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    assert (await service.consent(token))["iss"] == ISSUER
    for changes in ({"prompt": "none", "scope": "openid phone"}, {"response_type": "token"}):
        assert told(await service.authorize(token, **changes))["iss"] == ISSUER
    async with town.web() as web:
        for path in ("openid-configuration", "oauth-authorization-server"):
            metadata = (await web.get(f"/.well-known/{path}")).json()
            assert metadata["issuer"] == ISSUER
            assert metadata["authorization_response_iss_parameter_supported"] is True


async def test_token_replay_of_a_refresh_token_ends_the_whole_login(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service(SPA)
    stolen = (await service.tokens(token, scope="openid offline_access"))["refresh_token"]
    live = (await service.refresh(stolen)).json()
    assert (await service.refresh(stolen)).json()["error"] == "invalid_grant"
    assert (await service.refresh(live["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await service.user_info(live["access_token"])).status_code == 401


async def test_token_replay_later_than_half_a_minute_ends_the_login_of_a_proven_client_too(
    town: Town, clock: FixedClock
) -> None:
    _, token = await town.sign_in()
    service = town.service()
    old = (await service.tokens(token, scope="openid offline_access"))["refresh_token"]
    live = (await service.refresh(old)).json()
    clock.advance(timedelta(seconds=31))
    assert (await service.refresh(old)).status_code == 400
    assert (await service.refresh(live["refresh_token"])).status_code == 400


async def test_token_replay_after_the_successor_was_used_ends_the_login_at_once(
    town: Town,
) -> None:
    _, token = await town.sign_in()
    service = town.service()
    old = (await service.tokens(token, scope="openid offline_access"))["refresh_token"]
    live = (await service.refresh((await service.refresh(old)).json()["refresh_token"])).json()
    assert (await service.refresh(old)).status_code == 400
    assert (await service.refresh(live["refresh_token"])).status_code == 400


async def test_token_replay_at_the_same_moment_by_a_public_client_ends_the_login(
    town: Town,
) -> None:
    _, token = await town.sign_in()
    service = town.service(SPA)
    old = (await service.tokens(token, scope="openid offline_access"))["refresh_token"]
    answers = await asyncio.gather(*(service.refresh(old) for _ in range(4)))
    good = [one.json() for one in answers if one.status_code == 200]
    assert len(good) == 1
    assert (await service.refresh(good[0]["refresh_token"])).status_code == 400


async def test_a_token_works_only_where_and_as_what_it_was_made_for(town: Town) -> None:
    _, token = await town.sign_in()
    service, museum = town.service(), town.service(MUSEUM)
    code = await service.code(token, scope="openid offline_access")
    # A code is no token.
    assert (await service.user_info(code)).status_code == 401
    tokens = (await service.exchange(code)).json()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    assert (await service.user_info(refresh)).status_code == 401
    assert (await service.user_info(tokens["id_token"])).status_code == 401
    assert (await service.refresh(access)).json()["error"] == "invalid_grant"
    async with town.web() as web:
        # Not in the address, where logs and histories keep it.
        assert (
            await web.get("/openid/userinfo", params={"access_token": access})
        ).status_code == 401
        shown = {"Authorization": f"Bearer {access}"}
        answer = await web.get("/api/v1/approvals", headers=shown)
        assert answer.status_code == 401
        answer = await web.get("/consents", headers=shown)
        assert answer.headers["location"] == "/sign-in?next=%2Fconsents"
    async with town.web(access) as web:
        assert (await web.get("/consents")).status_code != 200
    # Another client learns nothing of it, and cannot end it.
    assert (await museum.post("/openid/introspect", {"token": access})).json() == {"active": False}
    assert (await museum.post("/openid/revoke", {"token": access})).status_code == 400
    assert (await service.user_info(access)).status_code == 200
    mine = (await service.post("/openid/introspect", {"token": access})).json()
    assert mine["active"] is True
    # Nor refresh with it: it is stolen, and everything ends.
    assert (await museum.refresh(refresh)).json()["error"] == "invalid_grant"
    assert (await service.user_info(access)).status_code == 401


async def test_an_access_token_is_dead_after_revocation_and_after_ten_minutes(
    town: Town, clock: FixedClock
) -> None:
    _, token = await town.sign_in()
    service = town.service()
    first = (await service.tokens(token))["access_token"]
    second = (await service.tokens(token))["access_token"]
    await service.post("/openid/revoke", {"token": first})
    assert (await service.user_info(first)).status_code == 401
    assert (await service.user_info(second)).status_code == 200
    clock.advance(timedelta(minutes=10))
    answer = await service.user_info(second)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert (await service.post("/openid/introspect", {"token": second})).json() == {"active": False}


async def test_an_access_token_cannot_flood_the_persons_trail(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LOOKS_MAX", 3)
    _, token = await town.sign_in()
    service = town.service()
    access = (await service.tokens(token))["access_token"]
    answers = await asyncio.gather(*(service.user_info(access) for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [200] * 3 + [429] * 3
    late = await service.user_info(access)
    assert late.headers["retry-after"] == "600"
    async with town.platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, PERSON)
    assert [one.action for one in events].count("openid.userinfo") == 3


async def test_open_redirect_by_authorize_is_not_to_be_had(town: Town) -> None:
    _, token = await town.sign_in()
    for changes in (
        {"client_id": "nobody"},
        {"client_id": "museum"},
        {"client_id": "library\x00"},
        {"redirect_uri": "https://evil.example/"},
    ):
        for prompt in ("none", None):
            answer = await town.service().authorize(token, prompt=prompt, **changes)
            assert answer.status_code == 400
            assert "location" not in answer.headers
    doubled = town.service().address() + "&redirect_uri=https%3A%2F%2Fevil.example%2F"
    async with town.web(token) as web:
        answer = await web.get(doubled)
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


LOGOUTS = (
    "https://evil.example/",
    "https://lib.example.cn/bye/",
    "https://lib.example.cn/bye?x=1",
    "https://lib.example.cn/callback",
    "//evil.example",
    "javascript:alert(1)",
)


async def test_open_redirect_by_logout_is_not_to_be_had(town: Town) -> None:
    _, token = await town.sign_in()
    hint = (await town.service().tokens(token))["id_token"]
    for go_to in LOGOUTS:
        for shown in (token, None):
            async with town.web(shown) as web:
                for params in (
                    {"id_token_hint": hint, "post_logout_redirect_uri": go_to},
                    {"client_id": "library", "post_logout_redirect_uri": go_to},
                    {"post_logout_redirect_uri": go_to},
                ):
                    for answer in (
                        await web.get("/openid/logout", params=params),
                        await web.post("/openid/logout/confirm", data=params, headers=OURS),
                    ):
                        assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_logout_with_a_registered_address_of_another_client_is_refused(town: Town) -> None:
    _, token = await town.sign_in()
    hint = (await town.service().tokens(token))["id_token"]
    async with town.web(token) as web:
        answer = await web.get(
            "/openid/logout",
            params={
                "id_token_hint": hint,
                "client_id": "museum",
                "post_logout_redirect_uri": "https://lib.example.cn/bye",
            },
        )
    assert answer.status_code == 400


@pytest.mark.parametrize("state", ["s", "a b&c=d#e%20", "状态", "x" * 2048, None])
async def test_csrf_state_comes_back_to_the_letter(town: Town, state: str | None) -> None:
    _, token = await town.sign_in()
    answer = await town.service().consent(token, state=state)
    assert answer.get("state") == state


async def test_csrf_a_forged_consent_form_agrees_to_nothing(town: Town) -> None:
    _, token = await town.sign_in()
    session, _ = await town.sign_in(OTHER)
    asked = await town.service().authorize(token)
    location = asked.headers["location"]
    async with town.web(token) as web:
        page = await web.get(location)
        found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
        assert found
        good = {"token": found[1], "decision": "allow"}
        for headers in (
            FORGED,
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {},
        ):
            forged = await web.post(location, data=good, headers=headers)
            assert forged.status_code == 403, headers
        for data in ({"decision": "allow"}, {**good, "token": "0" * 64}, {**good, "token": ""}):
            shown = await web.post(location, data=data, headers=OURS)
            assert shown.status_code == 403
            assert "location" not in shown.headers
        consents = await web.get("/consents")
        assert "成都图书馆" not in consents.text
        # What was forged has spoilt nothing.
        done = await web.post(location, data=good, headers=OURS)
        assert "code" in told(done)
        # Once.
        assert (await web.post(location, data=good, headers=OURS)).status_code == 410
    assert session.person_id == OTHER


async def test_csrf_a_forged_withdrawal_or_logout_does_nothing(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    tokens = await service.tokens(token)
    async with town.web(token) as web:
        for path, data in (("/consents", {"client": "library"}), ("/openid/logout/confirm", {})):
            assert (await web.post(path, data=data, headers=FORGED)).status_code == 403
        assert "成都图书馆" in (await web.get("/consents")).text
        await web.get("/openid/logout")
        assert (await web.get("/consents")).status_code == 200
    assert (await service.user_info(tokens["access_token"])).status_code == 200


async def test_code_injection_to_another_client_gets_nothing_and_uses_the_code_up(
    town: Town,
) -> None:
    _, token = await town.sign_in()
    victim, thief = town.service(), town.service(MUSEUM)
    code = await victim.code(token)
    wrong = await thief.exchange(
        code, redirect_uri=victim.redirect_uri, code_verifier=victim.verifier
    )
    assert wrong.json()["error"] == "invalid_grant"
    assert (await victim.exchange(code)).json()["error"] == "invalid_grant"


async def test_code_injection_into_another_login_of_the_same_client_fails(town: Town) -> None:
    _, token = await town.sign_in()
    _, other = await town.sign_in(OTHER)
    stolen = await town.service().code(token)
    attacker = town.service()
    await attacker.code(other)
    # The attacker's browser shows the stolen code: the verifier is of another login.
    assert (await attacker.exchange(stolen)).json()["error"] == "invalid_grant"


async def test_session_fixation_a_form_of_the_attackers_session_is_worth_nothing(
    town: Town,
) -> None:
    """The attacker begins a login, and has the victim send the attacker's form."""
    _, attacker = await town.sign_in(OTHER)
    _, victim = await town.sign_in(PERSON)
    location = (await town.service().authorize(attacker)).headers["location"]
    async with town.web(attacker) as web:
        page = await web.get(location)
    found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert found
    async with town.web(victim) as web:
        answer = await web.post(
            location, data={"token": found[1], "decision": "allow"}, headers=OURS
        )
    assert answer.status_code == 403
    assert "请再看一遍" in answer.text
    # A new session of the same person makes a new form too.
    _, again = await town.sign_in(OTHER)
    async with town.web(again) as web:
        answer = await web.post(
            location, data={"token": found[1], "decision": "allow"}, headers=OURS
        )
    assert answer.status_code == 403


async def test_clickjacking_no_page_can_be_framed(town: Town) -> None:
    _, token = await town.sign_in()
    location = (await town.service().authorize(token)).headers["location"]
    async with town.web(token) as web:
        for path in (location, "/consents", "/openid/logout", "/openid/authorize?client_id=x"):
            policy = (await web.get(path)).headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy


async def test_the_consent_forms_policy_is_opened_to_the_one_service_alone(town: Town) -> None:
    _, token = await town.sign_in()
    for new, address, target in (
        (LIBRARY, LIBRARY.redirect_uris[0], "https://lib.example.cn"),
        (APP, "http://127.0.0.1:5000/cb", "http://127.0.0.1:5000"),
        (APP, "net.example.reader:/cb", "net.example.reader:"),
    ):
        asked = await town.service(new).authorize(token, redirect_uri=address)
        async with town.web(token) as web:
            policy = (await web.get(asked.headers["location"])).headers["content-security-policy"]
            other = (await web.get("/consents")).headers["content-security-policy"]
        assert f"form-action 'self' {target}; base-uri 'none'" in policy
        assert "form-action 'self'; base-uri" in other


async def test_redirect_307_no_redirect_sends_a_form_on(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    asked = await service.authorize(token)
    answers = [
        asked,
        await service.authorize(None),
        await agree(town, token, asked.headers["location"]),
        await service.authorize(token),
        await service.authorize(token, prompt="none", scope="openid phone"),
    ]
    async with town.web(token) as web:
        answers.append(await web.post("/openid/authorize", data=service.request()))
    assert [one.status_code for one in answers] == [303] * 6


async def test_referrer_leak_no_address_with_a_code_or_handle_is_told_to_others(
    town: Town,
) -> None:
    _, token = await town.sign_in()
    service = town.service()
    asked = await service.authorize(token)
    async with town.web(token) as web:
        page = await web.get(asked.headers["location"])
    assert page.headers["referrer-policy"] == "same-origin"
    # Nothing is loaded from, or linked to, anywhere else.
    assert not re.search(r"""(?:src|href|action)=["'](?!/|#)""", page.text)
    done = await agree(town, token, asked.headers["location"])
    for answer in (asked, done):
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


async def test_nonce_replay_an_id_token_carries_the_nonce_of_its_own_login(town: Town) -> None:
    _, token = await town.sign_in()
    first, second = town.service(), town.service()
    injected = await first.code(token)
    tokens = (await first.exchange(injected)).json()
    claims = await first.id_claims(tokens["id_token"])
    assert claims["nonce"] == first.nonce
    assert claims["nonce"] != second.nonce
    without = await second.tokens(token, nonce=None)
    assert "nonce" not in await second.id_claims(without["id_token"])
    # The access token beside it belongs to it.
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


async def test_a_forged_id_token_hint_logs_nobody_out(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    claims = await service.id_claims((await service.tokens(token))["id_token"])
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    own = jwk.RSAKey.generate_key(2048)
    for hint in (f"{header}.{body}.", jwt.encode({"alg": "RS256"}, claims, own)):
        async with town.web(token) as web:
            page = await web.get("/openid/logout", params={"id_token_hint": hint})
            assert page.status_code == 200
            assert (await web.get("/consents")).status_code == 200


async def test_parameters_given_twice_are_refused(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    async with town.web(token) as web:
        for extra in ("scope=openid", "state=other", "prompt=none&prompt=none", "nonce=x"):
            answer = told(await web.get(f"{service.address()}&{extra}"))
            assert answer["error"] == "invalid_request"
            assert ("state" in answer) == (not extra.startswith("state"))
    body = urlencode({"grant_type": "authorization_code", "code": "x"}) + "&code=y"
    async with town.web() as web:
        answer = await web.post(
            "/openid/token",
            content=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            auth=httpx.BasicAuth("library", service.secret),
        )
    assert answer.json()["error"] == "invalid_request"
