"""An independent client over real HTTP: idpyoidc, of the family the OpenID Foundation certifies with,
and nothing the provider is built on."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import pytest
import uvicorn
from idpyoidc.client.exception import OidcServiceError
from idpyoidc.client.rp_handler import RPHandler
from idpyoidc.message.oidc import ProviderConfigurationResponse

from tests.identity.relying import LIBRARY, PERSON, Town
from yikatong.core.clock import SystemClock
from yikatong.core.platform import Platform
from yikatong.identity.keys import service as keys
from yikatong.identity.openid import discovery
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.openid.signing import OpenidProvider
from yikatong.identity.sessions import service as sessions

RETURN = "https://lib.example.cn/callback"
BYE = "https://lib.example.cn/bye"


@contextlib.asynccontextmanager
async def served(platform: Platform) -> AsyncIterator[Town]:
    """A town at a real address, in real time."""
    listener = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    now = msgspec.structs.replace(platform, clock=SystemClock())
    town = await Town.make(now, issuer)
    server = uvicorn.Server(
        uvicorn.Config(cast("Any", town.app), http="httptools", lifespan="off", log_config=None)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield town
    finally:
        server.should_exit = True
        await task


def configured(issuer: str, proof: dict[str, Any]) -> Any:
    return RPHandler(
        base_url="https://lib.example.cn",
        # Kept in memory; by default it writes them to files.
        key_conf={"key_defs": [{"type": "RSA", "key": "", "use": ["sig"]}]},
        client_configs={
            issuer: {
                "issuer": issuer,
                "redirect_uris": [RETURN],
                "post_logout_redirect_uris": [BYE],
                "client_type": "oidc",
                "client_authn_methods": [
                    "client_secret_basic", "client_secret_post", "private_key_jwt", "bearer_header",
                ],
                "response_types_supported": ["code"],
                "allow": {"missing_kid": False},
                "add_ons": {
                    "pkce": {
                        "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                        "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
                    }
                },
                "services": {
                    name: {"class": f"idpyoidc.client.oidc.{where}"}
                    for name, where in (
                        ("provider_info", "provider_info_discovery.ProviderInfoDiscovery"),
                        ("authorization", "authorization.Authorization"),
                        ("accesstoken", "access_token.AccessToken"),
                        ("refresh_access_token", "refresh_access_token.RefreshAccessToken"),
                        ("userinfo", "userinfo.UserInfo"),
                        ("end_session", "end_session.EndSession"),
                    )
                },
                **proof,
            }
        },
    )  # fmt: skip


async def begin(handler: Any, issuer: str, *scopes: str) -> str:
    """Discovery, then the address to send the person to; PKCE, state and nonce are its own."""
    wanted = {"scope": ["openid", "profile", *scopes]}
    return await asyncio.to_thread(handler.begin, issuer, req_args=wanted)


async def browse(issuer: str, token: str, address: str) -> str:
    """The person's browser: sees the consent page, agrees; answers where it is sent."""
    async with httpx.AsyncClient(base_url=issuer, cookies={"session": token}) as web:
        answer = await web.get(address)
        if answer.headers["location"].startswith("/"):
            waiting = answer.headers["location"]
            page = await web.get(waiting)
            found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
            assert found, page.text
            answer = await web.post(
                waiting,
                data={"token": found[1], "decision": "allow"},
                headers={"Sec-Fetch-Site": "same-origin"},
            )
        assert answer.status_code == 303
        return answer.headers["location"]


def answer_of(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query))


def _secret(town: Town, method: str) -> dict[str, Any]:
    return {
        "client_id": "library",
        "client_secret": town.secrets["library"],
        "token_endpoint_auth_methods_supported": [method],
    }


def test_it_finds_the_provider_described_as_the_standard_wants() -> None:
    described = ProviderConfigurationResponse(**discovery.metadata("https://card.example.cn"))
    assert described.verify()
    assert described["subject_types_supported"] == ["pairwise"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_it_logs_in_reads_refreshes_and_logs_out(platform: Platform, method: str) -> None:
    async with served(platform) as town:
        issuer = town.platform.settings.public_url
        _, token = await town.sign_in()
        handler = configured(issuer, _secret(town, method))

        address = await begin(handler, issuer, "card", "phone", "offline_access")
        assert handler.issuer2rp[issuer].get_context().provider_info["issuer"] == issuer
        asked = answer_of(address)
        assert asked["code_challenge_method"] == "S256"

        answer = answer_of(await browse(issuer, token, address))
        assert answer["iss"] == issuer

        # The exchange, the ID token's checks and userinfo.
        done: dict[str, Any] = await asyncio.to_thread(handler.finalize, issuer, answer)
        assert "error" not in done, done
        id_token = done["id_token"]
        assert id_token["iss"] == issuer
        assert id_token["nonce"] == asked["nonce"]
        assert done["userinfo"]["sub"] == id_token["sub"]
        assert done["userinfo"]["phone_number"].startswith("+86")
        state = done["state"]

        refreshed: Any = await asyncio.to_thread(handler.refresh_access_token, state)
        assert refreshed["access_token"] != done["token"]
        again: Any = await asyncio.to_thread(handler.get_user_info, state)
        assert again["sub"] == id_token["sub"]

        # Logging out ends the session here.
        request = await asyncio.to_thread(handler.logout, state)
        assert await sessions.find(town.platform, token) is not None
        async with httpx.AsyncClient(cookies={"session": token}) as web:
            left = await web.get(request["url"])
        assert left.status_code == 303
        assert left.headers["location"].startswith(f"{BYE}?state=")
        assert await sessions.find(town.platform, token) is None


async def test_it_proves_itself_with_its_key(platform: Platform) -> None:
    async with served(platform) as town:
        issuer = town.platform.settings.public_url
        _, token = await town.sign_in()
        proof = {
            "client_id": "library-keyed",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        }
        handler = configured(issuer, proof)
        address = await begin(handler, issuer)
        # The public half of the key that it made for itself.
        own = handler.issuer2rp[issuer].keyjar.get_issuer_keys("")
        public = [one.serialize(private=False) for one in own if one.kty == "RSA"]
        await town.register(
            NewClient(
                "library-keyed", "图书馆", "Library", (RETURN,), LIBRARY.scopes,
                authentication="private_key_jwt",
                key_set=msgspec.json.encode({"keys": public}).decode(),
            )
        )  # fmt: skip
        answer = answer_of(await browse(issuer, token, address))
        done: dict[str, Any] = await asyncio.to_thread(handler.finalize, issuer, answer)
        assert "error" not in done, done
        assert done["userinfo"]["name"]


async def test_it_goes_on_across_a_rotation_of_the_signing_key(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client read the key set before the new key was made, and reads it again."""
    # The serving process would hear of it after seconds.
    monkeypatch.setattr(keys, "SEEN_WITHIN_SECONDS", 0.0)
    async with served(platform) as town:
        issuer = town.platform.settings.public_url
        _, token = await town.sign_in()
        handler = configured(issuer, _secret(town, "client_secret_basic"))
        signed_by: list[str] = []
        for _ in range(2):
            address = await begin(handler, issuer)
            answer = answer_of(await browse(issuer, token, address))
            done: dict[str, Any] = await asyncio.to_thread(handler.finalize, issuer, answer)
            assert "error" not in done, done
            signed_by.append(done["id_token"].jws_header["kid"])
            made = await OpenidProvider(town.platform).ring.rotate()
            async with town.platform.database.transaction() as connection:
                # Its quarter of an hour goes by.
                await connection.execute(
                    """update signing_keys set signs_from = now()
                        where key_id = $1""",
                    made.key_id,
                )
                signed_by.append(made.key_id)
    assert signed_by[1] == signed_by[2]
    assert signed_by[0] != signed_by[2]


async def test_it_refuses_an_answer_that_was_tampered_with(platform: Platform) -> None:
    """The checks above are real: with another nonce, state or issuer the same client refuses."""
    async with served(platform) as town:
        issuer = town.platform.settings.public_url
        _, token = await town.sign_in(PERSON)
        handler = configured(issuer, _secret(town, "client_secret_basic"))
        first = await begin(handler, issuer)
        second = await begin(handler, issuer)
        code = answer_of(await browse(issuer, token, first))["code"]
        # The code of one login injected into another.
        injected = {"code": code, "state": answer_of(second)["state"], "iss": issuer}
        with pytest.raises(OidcServiceError):
            await asyncio.to_thread(handler.finalize, issuer, injected)
