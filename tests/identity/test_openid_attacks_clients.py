"""Attacks in the name of a client, and on what is kept: proofs, bodies, handles, the database."""

import base64
import hmac
import json
import secrets
import time
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jwk, jwt

from tests.identity.relying import (
    APP,
    ISSUER,
    LIBRARY,
    PERSON,
    Service,
    Town,
    told,
)
from yikatong.core.platform import Platform
from yikatong.identity.openid import handles
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.openid.proofs import ASSERTION_TYPE

FORGED = {"Sec-Fetch-Site": "cross-site"}
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def town(platform: Platform) -> Town:
    return await Town.make(platform)


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
