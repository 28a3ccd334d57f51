"""A relying service as the tests play it: plain HTTP, so that it can also do what is wrong."""

import base64
import functools
import hashlib
import re
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwk, jwt

from tests.application import serve
from yikatong.core.platform import Platform
from yikatong.identity.keys import service as key_service
from yikatong.identity.keys import store as key_store
from yikatong.identity.model import Mode
from yikatong.identity.openid import clients
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.population import service as population

ISSUER = "https://card.example.cn"
PERSON, OTHER = 1_000_001, 1_000_002
EVERYTHING = ("profile", "card", "enrolment", "address", "phone", "offline_access")
LIBRARY = NewClient(
    "library", "成都图书馆", "Chengdu Library", ("https://lib.example.cn/callback",), EVERYTHING,
    post_logout_uris=("https://lib.example.cn/bye",),
)  # fmt: skip
MUSEUM = NewClient(
    "museum", "博物馆", "Museum", ("https://museum.example.org/in?from=card",), ("profile",)
)
SPA = NewClient(
    "reader-page", "阅读", "Reader", ("https://read.example.net/cb",), EVERYTHING,
    authentication="none",
)  # fmt: skip
APP = NewClient(
    "reader-app", "阅读应用", "Reader App",
    ("http://127.0.0.1/cb", "http://[::1]/cb", "net.example.reader:/cb"), EVERYTHING,
    authentication="none", native=True,
)  # fmt: skip


class Town:
    """A platform with people, clients, and a browser for each session."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.app = serve(platform)
        self.secrets: dict[str, str] = {}

    @classmethod
    async def make(cls, platform: Platform, issuer: str = ISSUER) -> "Town":
        settings = msgspec.structs.replace(platform.settings, public_url=issuer)
        told = msgspec.structs.replace(platform, settings=settings)
        await population.make(told, 61, 1, lambda _: None)
        await _sign_with_a_known_key(told)
        town = cls(told)
        for new in (LIBRARY, MUSEUM, SPA, APP):
            await town.register(new)
        return town

    async def register(self, new: NewClient) -> None:
        _, secret = await clients.add(self.platform, new)
        self.secrets[new.client_id] = secret or ""

    async def sign_in(
        self, person_id: int = PERSON, modes: set[Mode] | None = None
    ) -> tuple[Session, str]:
        async with self.platform.database.transaction() as connection:
            return await sessions.begin(
                self.platform, connection, person_id, modes or {"password"}, "tests"
            )

    def web(self, token: str | None = None, address: str = "192.0.2.7") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(
            app=self.app,  # type: ignore[arg-type]
            client=(address, 1234),
        )
        cookies = {} if token is None else {"session": token}
        return httpx.AsyncClient(transport=transport, base_url=ISSUER, cookies=cookies)

    def service(self, new: NewClient = LIBRARY) -> "Service":
        return Service(self, new)


@functools.cache
def _key_pair() -> tuple[bytes, bytes]:
    return key_service._generate("RS256")


async def _sign_with_a_known_key(platform: Platform) -> None:
    """One key for the tests' towns: making one takes longer than most tests."""
    public, private = _key_pair()
    key_id = hashlib.sha256(public).hexdigest()[:16]
    sealed = platform.vault.seal(f"signing_key:openid:{key_id}", 0, private.hex())
    async with platform.database.transaction() as connection:
        await key_store.insert(
            connection, "openid", key_id, "RS256", public, sealed, platform.clock.now()
        )


class Service:
    """One login attempt of a relying service."""

    def __init__(self, town: Town, new: NewClient) -> None:
        self.town = town
        self.new = new
        self.secret = town.secrets[new.client_id]
        self.verifier = secrets.token_urlsafe(32)
        self.state = secrets.token_urlsafe(8)
        self.nonce = secrets.token_urlsafe(8)
        self.redirect_uri = new.redirect_uris[0]

    def request(self, **changes: str | None) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.new.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def address(self, **changes: str | None) -> str:
        return f"/openid/authorize?{urlencode(self.request(**changes))}"

    async def authorize(self, token: str | None, **changes: str | None) -> httpx.Response:
        async with self.town.web(token) as web:
            return await web.get(self.address(**changes))

    async def consent(self, token: str, **changes: str | None) -> dict[str, str]:
        """Ask, agree where asked; answers what came back to the service."""
        answer = await self.authorize(token, **changes)
        assert answer.status_code == 303, answer.text
        if answer.headers["location"].startswith("/openid/authorize/"):
            answer = await agree(self.town, token, answer.headers["location"])
        assert answer.status_code == 303, answer.text
        return told(answer)

    async def code(self, token: str, **changes: str | None) -> str:
        return (await self.consent(token, **changes))["code"]

    async def post(
        self, path: str, form: dict[str, str | None], *, address: str = "192.0.2.50",
        proved: bool = True,
    ) -> httpx.Response:  # fmt: skip
        sent = {name: value for name, value in form.items() if value is not None}
        if proved and not self.secret:
            sent.setdefault("client_id", self.new.client_id)
        async with self.town.web(address=address) as web:
            if proved and self.secret:
                web.auth = httpx.BasicAuth(self.new.client_id, self.secret)
            return await web.post(path, data=sent)

    async def exchange(self, code: str, **changes: str | None) -> httpx.Response:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return await self.post("/openid/token", form)

    async def refresh(self, token: str, **changes: str | None) -> httpx.Response:
        form: dict[str, str | None] = {
            "grant_type": "refresh_token", "refresh_token": token, **changes,
        }  # fmt: skip
        return await self.post("/openid/token", form)

    async def tokens(self, session: str, **changes: str | None) -> dict[str, Any]:
        answer = await self.exchange(await self.code(session, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def user_info(self, access_token: str) -> httpx.Response:
        async with self.town.web() as web:
            return await web.get(
                "/openid/userinfo", headers={"Authorization": f"Bearer {access_token}"}
            )

    async def id_claims(self, id_token: str) -> dict[str, Any]:
        """The claims, verified with the published keys."""
        async with self.town.web() as web:
            keys = jwk.KeySet.import_key_set((await web.get("/openid/jwks")).json())
        return jwt.decode(id_token, keys, algorithms=["RS256"]).claims


def told(answer: httpx.Response) -> dict[str, str]:
    """The parameters of a redirect."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query, strict_parsing=True))


async def agree(
    town: Town, token: str, location: str, *, decision: str = "allow"
) -> httpx.Response:
    """Look at the consent page and press a button."""
    async with town.web(token) as web:
        page = await web.get(location)
        assert page.status_code == 200, page.text
        found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
        assert found, page.text
        return await web.post(
            location.partition("?")[0],
            data={"token": found[1], "decision": decision},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
