"""Each attack of the OAuth security practice (RFC 9700) that applies, tried."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
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
    Service,
    Town,
    agree,
    told,
)
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.openid import handles, looking
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.openid.proofs import ASSERTION_TYPE
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
        for path in ("/api/v1/money/accounts/1000001", "/consents"):
            answer = await web.get(path, headers={"Authorization": f"Bearer {access}"})
            assert answer.status_code in (401, 404), path
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


async def test_client_impersonation_needs_the_secret(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token)
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": service.redirect_uri,
        "code_verifier": service.verifier,
    }
    right = service.secret
    for changes in (
        {"client_id": "library"},
        {"client_id": "library", "client_secret": "wrong"},
        {"client_id": "library", "client_secret": town.secrets["museum"]},
        {"client_id": "library", "client_assertion": "x", "client_assertion_type": "y"},
        {"client_secret": right},
        {},
    ):
        answer = await service.post("/openid/token", {**form, **changes}, proved=False)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), changes
        assert answer.headers["cache-control"] == "no-store"
    # Two proofs at once are none, and the name must be the one that is proven.
    two = await service.post("/openid/token", {**form, "client_secret": right})
    assert two.json()["error"] in ("invalid_request", "invalid_client")
    other = await service.post("/openid/token", {**form, "client_id": "museum"})
    assert other.json()["error"] == "invalid_request"
    # None of that has used the code up.
    posted = {**form, "client_id": "library", "client_secret": right}
    assert (await service.post("/openid/token", posted, proved=False)).status_code == 200


async def test_client_impersonation_of_an_app_never_passes_without_asking(town: Town) -> None:
    _, token = await town.sign_in()
    await town.service(APP).tokens(token)
    asked = await town.service(APP).authorize(token)
    assert asked.headers["location"].startswith("/openid/authorize/")
    silent = await town.service(APP).authorize(token, prompt="none")
    assert told(silent)["error"] == "consent_required"


async def test_nobody_can_lock_a_client_out_by_failing_in_its_name(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token)
    wrong: dict[str, str | None] = {"client_id": "library", "client_secret": "guess", "token": "x"}
    seen = [
        (await service.post("/openid/introspect", wrong, proved=False)).status_code
        for _ in range(25)
    ]
    assert seen == [401] * 20 + [429] * 5
    # From the very same address, and from another.
    assert (await service.exchange(code)).status_code == 200
    other = await service.post("/openid/introspect", wrong, proved=False, address="198.51.100.9")
    assert other.status_code == 401


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


class Keyed:
    """A client that proves itself with its key."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.public = json.dumps({"keys": [self.key.as_dict(private=False)]})

    async def register(self) -> "Keyed":
        await self.town.register(
            NewClient(
                "archive", "档案馆", "Archive", ("https://archive.example.cn/cb",), (),
                authentication="private_key_jwt", key_set=self.public,
            )
        )  # fmt: skip
        return self

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.town.platform.clock.now().timestamp())
        told_of = {
            "iss": "archive",
            "sub": "archive",
            "aud": ISSUER,
            "jti": secrets.token_urlsafe(12),
            "exp": now + 60,
            "iat": now,
            **changes,
        }
        return {name: value for name, value in told_of.items() if value is not None}

    def signed(self, **changes: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, self.claims(**changes), self.key)

    async def show(self, assertion: str, **more: str) -> httpx.Response:
        form = {
            "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, "token": "x",
            **more,
        }  # fmt: skip
        async with self.town.web(address=secrets.token_hex(4)) as web:
            return await web.post("/openid/introspect", data=form)


async def test_assertion_proves_a_client_once(town: Town) -> None:
    keyed = await Keyed(town).register()
    assertion = keyed.signed()
    assert (await keyed.show(assertion)).status_code == 200
    again = await keyed.show(assertion)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    for audience in (f"{ISSUER}/openid/token", f"{ISSUER}/openid/introspect", [ISSUER]):
        assert (await keyed.show(keyed.signed(aud=audience))).status_code == 200


OTHERWISE: tuple[dict[str, Any], ...] = (
    {"aud": "https://another.example"},
    {"aud": [ISSUER, "https://another.example"]},
    {"aud": None},
    {"iss": "library"},
    {"sub": "library"},
    {"jti": None},
    {"jti": "x"},
    {"exp": None},
    {"exp": 1},
    {"exp": "soon"},
    {"exp": 99999999999},
    {"exp": True},
    {"nbf": 99999999999},
    {"iat": 99999999999},
    {"iat": "x"},
)


async def test_assertion_meant_otherwise_proves_nothing(town: Town) -> None:
    keyed = await Keyed(town).register()
    for changes in OTHERWISE:
        assert (await keyed.show(keyed.signed(**changes))).status_code == 401, changes


async def test_assertion_with_alg_none_or_a_confused_key_proves_nothing(town: Town) -> None:
    keyed = await Keyed(town).register()

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    body = part(keyed.claims())
    none = f"{part({'alg': 'none'})}.{body}."
    dressed = f"{part({'alg': 'None', 'kid': 'one'})}.{body}."
    stripped = ".".join(keyed.signed().split(".")[:2]) + "."
    # The public key taken for a secret: HS256 over what everybody knows.
    text = f"{part({'alg': 'HS256', 'kid': 'one'})}.{body}"
    confused: list[str] = []
    for secret in (
        keyed.public.encode(),
        keyed.key.as_pem(private=False),
        keyed.key.as_der(private=False),
        json.dumps(keyed.key.as_dict(private=False)).encode(),
    ):
        mark = hmac.digest(secret, text.encode(), "sha256")
        confused.append(f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}")
    # A key that the assertion itself brings along.
    own = jwk.RSAKey.generate_key(2048, {"kid": "one"})
    brought = jwt.encode(
        {"alg": "RS256", "kid": "one", "jwk": own.as_dict(private=False)}, keyed.claims(), own
    )
    for assertion in (none, dressed, stripped, *confused, brought, "", "a.b", "a.b.c", "." * 50):
        answer = await keyed.show(assertion)
        assert answer.status_code in (400, 401), assertion
        assert answer.json()["error"] in ("invalid_client", "invalid_request")
    # Nor does a secret prove a client that has a key, or no proof at all.
    for form in ({"client_id": "archive", "client_secret": "x"}, {"client_id": "archive"}):
        async with town.web() as web:
            answer = await web.post("/openid/introspect", data={**form, "token": "x"})
        assert answer.status_code == 401


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


async def test_hostile_bodies_get_a_plain_refusal(town: Town) -> None:
    form = "application/x-www-form-urlencoded"
    for content, kind in (
        (b"\xff\xfe=1", form),
        (b"a=%ff", form),
        (b"a=1&" * 5000, form),
        (b"grant_type=refresh_token&refresh_token=" + b"x" * 7000, form),
        (b"x" * 300_000, form),
        (b'{"grant_type": "authorization_code"}', "application/json"),
        (b"", form),
        (b"grant_type=password&username=a&password=b", form),
        (b"grant_type=client_credentials", form),
    ):
        async with town.web() as web:
            answer = await web.post(
                "/openid/token",
                content=content,
                headers={"Content-Type": kind},
                auth=httpx.BasicAuth("library", town.secrets["library"]),
            )
        assert 400 <= answer.status_code < 500
        assert set(answer.json()) == {"error", "error_description"}
        assert answer.json()["error_description"].isascii()
        assert answer.headers["cache-control"] == "no-store"


async def test_what_a_client_says_of_itself_cannot_become_script(town: Town) -> None:
    await town.register(
        NewClient(
            "odd-name", '<script>"x"&', "</title><b>", ("https://odd.example.cn/cb",), ("profile",)
        )
    )
    _, token = await town.sign_in()
    service = Service(town, msgspec.structs.replace(LIBRARY, client_id="odd-name"))
    service.redirect_uri = "https://odd.example.cn/cb"
    asked = await service.authorize(token, state='"><script>alert(1)</script>')
    async with town.web(token) as web:
        for language in ("zh", "en"):
            page = await web.get(f"{asked.headers['location']}?lang={language}")
            assert '<script>"' not in page.text
            assert "</title><b>" not in page.text
            assert "alert(1)" not in page.text


async def test_what_we_never_made_is_refused_without_asking_the_database(town: Town) -> None:
    vault = town.platform.vault
    good, _ = handles.make(vault, "access", PERSON, 5, 6)
    assert handles.read(vault, "access", good) is not None
    begun = time.perf_counter()
    for wrong in (
        "", "x", good[:-1], good + "A", good[1:], good.swapcase(), good + "=", f" {good}", "é" * 90,
        "A" * 100_000, good.replace(good[40], "-", 1) + "_",
    ):  # fmt: skip
        assert handles.read(vault, "access", wrong) is None, wrong
    assert handles.read(vault, "refresh", good) is None
    assert handles.read(vault, "code", good) is None
    assert time.perf_counter() - begun < 1
    for at in range(0, len(good), 7):
        letter = "A" if good[at] != "A" else "B"
        assert handles.read(vault, "access", good[:at] + letter + good[at + 1 :]) != handles.read(
            vault, "access", good
        )


async def test_the_database_alone_gives_up_no_code_token_or_secret(town: Town) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token, scope="openid offline_access")
    tokens = (await service.exchange(code)).json()
    tables = ("clients", "client_secrets", "requests", "consents", "grants", "tokens")
    dump = ""
    async with town.platform.database.transaction(readonly=True) as connection:
        for one in tables:
            rows = await connection.fetch(f"select t::text from openid_{one} t")
            dump += "".join(row[0] for row in rows)
    assert "library" in dump
    for secret in (code, tokens["access_token"], tokens["refresh_token"], service.secret):
        for start in range(0, len(secret) - 20, 20):
            assert secret[start : start + 20] not in dump
