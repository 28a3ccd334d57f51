"""What the provider publishes, how it answers programs, and its command line."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwk

from tests.identity.relying import ISSUER, LIBRARY, Town
from yikatong.cli import app
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.keys import service as key_service
from yikatong.identity.keys.model import ANNOUNCED_FOR
from yikatong.identity.openid import clients
from yikatong.identity.openid.clients import ClientExists
from yikatong.identity.openid.signing import KEYS_CACHED_SECONDS, OpenidProvider
from yikatong.trust import guessing


@pytest.fixture
async def town(platform: Platform) -> Town:
    return await Town.make(platform)


async def test_discovery_tells_what_is_offered_and_every_address_answers(town: Town) -> None:
    async with town.web() as web:
        answer = await web.get("/.well-known/openid-configuration")
        told = answer.json()
        assert told == (await web.get("/.well-known/oauth-authorization-server")).json()
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert "registration_endpoint" not in told
        assert told["code_challenge_methods_supported"] == ["S256"]
        assert told["subject_types_supported"] == ["pairwise"]
        assert "none" not in told["token_endpoint_auth_signing_alg_values_supported"]
        for name, value in told.items():
            if not name.endswith("_endpoint") and name != "jwks_uri":
                continue
            path = value.removeprefix(ISSUER)
            posted = name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint")
            seen = await (web.post(path) if posted else web.get(path))
            assert seen.status_code not in (404, 405, 500), name
        assert (await web.post("/openid/register", json={})).status_code == 404


async def test_the_key_set_is_cached_shorter_than_a_new_key_is_announced(
    town: Town, clock: FixedClock
) -> None:
    announced = ANNOUNCED_FOR.total_seconds() - key_service.SEEN_WITHIN_SECONDS
    assert announced > 2 * KEYS_CACHED_SECONDS
    async with town.web() as web:
        first = await web.get("/openid/jwks")
        (key,) = first.json()["keys"]
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        known = {"If-None-Match": first.headers["etag"]}
        same = await web.get("/openid/jwks", headers=known)
        assert (same.status_code, same.content) == (304, b"")
    made = await OpenidProvider(town.platform).ring.rotate()
    fresh = Town(town.platform)
    async with fresh.web() as web:
        second = await web.get("/openid/jwks", headers=known)
        assert second.status_code == 200
        assert [one["kid"] for one in second.json()["keys"]] == [made.key_id, key["kid"]]
    fresh.secrets = town.secrets
    _, token = await fresh.sign_in()
    service = fresh.service()
    before = (await service.tokens(token))["id_token"]
    clock.advance(ANNOUNCED_FOR)
    after = (await fresh.service().tokens(token))["id_token"]
    kids = [json.loads(_part(one))["kid"] for one in (before, after)]
    assert kids == [key["kid"], made.key_id]
    # What the old key signed still verifies.
    assert (await service.id_claims(before))["aud"] == "library"


def _part(token: str) -> bytes:
    import base64

    head = token.split(".", maxsplit=1)[0]
    return base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))


async def test_programs_get_errors_in_the_form_of_the_standard(town: Town) -> None:
    async with town.web() as web:
        plain = await web.get("/openid/userinfo")
        assert plain.status_code == 401
        assert plain.headers["www-authenticate"] == 'Bearer realm="yikatong"'
        wrong = await web.post("/openid/userinfo", headers={"Authorization": "Bearer nonsense"})
        assert wrong.status_code == 401
        assert wrong.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
        basic = await web.post(
            "/openid/token", data={"grant_type": "x"}, auth=httpx.BasicAuth("library", "wrong")
        )
        assert basic.status_code == 401
        assert basic.headers["www-authenticate"] == 'Basic realm="yikatong"'
        assert basic.headers["cache-control"] == "no-store"
        missing = await web.post("/openid/token", data={"client_id": "reader-page"})
        assert missing.json() == {
            "error": "invalid_request", "error_description": "grant_type is missing",
        }  # fmt: skip
        method = await web.get("/openid/token")
        assert method.status_code == 405
        assert "json" in method.headers["content-type"]
        public = await web.post(
            "/openid/introspect", data={"client_id": "reader-page", "token": "x"}
        )
        assert (public.status_code, public.json()["error"]) == (403, "unauthorized_client")


async def test_a_dead_database_is_told_as_such_and_nothing_is_lost(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await town.sign_in()
    service = town.service()
    code = await service.code(token)
    with monkeypatch.context() as dead:
        dead.setattr(
            type(town.platform.database), "_begin", lambda *_a, **_k: _gone()  # type: ignore[misc]
        )  # fmt: skip
        answer = await service.exchange(code)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "1"
        page = await service.authorize(token)
        assert page.status_code == 503
        assert "location" not in page.headers
    assert (await service.exchange(code)).status_code == 200


async def _gone() -> None:
    raise ConnectionError


async def test_requests_that_wait_are_limited_by_address(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yikatong.identity.openid import authorizing

    few = (guessing.Limit(3, timedelta(minutes=10)),)
    monkeypatch.setattr(authorizing, "_WAITING_OF_ADDRESS", few)
    seen = [(await town.service().authorize(None)).status_code for _ in range(5)]
    assert seen == [303, 303, 303, 429, 429]
    # Who needs no page is not counted, and others are not in the way.
    assert (await town.service().authorize(None, prompt="none")).status_code == 303
    async with town.web(address="198.51.100.1") as web:
        assert (await web.get(town.service().address())).status_code == 303


async def test_a_client_is_registered_once(town: Town) -> None:
    with pytest.raises(ClientExists):
        await clients.add(town.platform, LIBRARY)
    found = {one.client_id: one for one in await clients.every(town.platform)}
    assert found["library"].sector == "lib.example.cn"
    assert found["reader-app"].sector == "client:reader-app"


def _run(words: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    app(words, standalone_mode=False)
    return json.loads(capsys.readouterr().out)


async def test_the_operator_keeps_clients_by_command(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("YIKATONG_DATABASE_URL", database_url)

    def run(*words: str) -> Any:
        return _run(["openid", *words, "--data", str(tmp_path), "--json"], capsys)

    def work() -> None:
        keys = tmp_path / "keys.json"
        key = jwk.ECKey.generate_key("P-256", {"kid": "a"}, private=True)
        keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
        made = run(
            "clients", "add", "library", "--name-zh", "图书馆", "--name-en", "Library", "--redirect",
            "https://lib.example.cn/cb", "--scope", "profile", "--scope", "card", "--level", "2",
        )  # fmt: skip
        assert len(made["client_secret"]) > 40
        assert made["scopes"] == ["openid", "profile", "card"]
        keyed = run(
            "clients", "add", "archive", "--name-zh", "档案馆", "--name-en", "Archive", "--redirect",
            "https://archive.example.cn/cb", "--authentication", "private_key_jwt", "--keys",
            str(keys),
        )  # fmt: skip
        assert keyed["client_secret"] is None
        assert run("clients", "disable", "archive") == {"client_id": "archive", "disabled": True}
        assert run("clients", "disable", "archive")["disabled"] is True
        listed = {one["client_id"]: one for one in run("clients", "list")}
        assert listed["archive"]["disabled"] is True
        assert listed["library"]["level"] == 2
        assert "client_secret" not in listed["library"]
        assert run("clients", "enable", "archive")["disabled"] is False
        rotated = run("clients", "rotate-secret", "library")
        assert rotated["client_secret"] != made["client_secret"]
        first, second = run("rotate-keys"), run("rotate-keys")
        assert first["key_id"] != second["key_id"]

    await asyncio.to_thread(work)
