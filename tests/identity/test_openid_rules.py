"""The rules of the OpenID provider, without a database."""

import re
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.sealing import Vault
from yikatong.identity.model import MODE_LEVELS, Level
from yikatong.identity.openid import claims, clients, handles, redirects, requests, rules
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.openid.errors import OpenidError, Untrusted
from yikatong.identity.openid.model import SCOPES, AuthorizationRequest, Client
from yikatong.identity.openid.rules import Reader
from yikatong.identity.sessions.model import Session

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)
NEW = NewClient(
    "library", "图书馆", "Library", ("https://lib.example.cn/cb",), ("profile", "phone"),
    post_logout_uris=("https://lib.example.cn/",),
)  # fmt: skip
CLIENT = clients.checked(NEW, NOW)
ASKED = {
    "response_type": "code",
    "client_id": "library",
    "redirect_uri": "https://lib.example.cn/cb",
    "scope": "openid profile",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def read(**changes: str) -> AuthorizationRequest:
    form = requests.read_form(urlencode({**ASKED, **changes}).encode())
    return requests.read(form, CLIENT, requests.redirect_of(form, CLIENT), None)


def session(level: Level = 1, proved_at: datetime = NOW) -> Session:
    return Session(
        7, 8, level, ("password",), ("password",), proved_at, None, None, None, "", NOW, NOW,
        NOW + timedelta(hours=12),
    )  # fmt: skip


def reader(**changes: object) -> Reader:
    told = Reader(session(), "sub", frozenset({"openid", "profile"}), welcome=True)
    return msgspec.structs.replace(told, **changes)


@pytest.mark.parametrize(
    ("address", "native"),
    [
        ("https://lib.example.cn/cb", False),
        ("https://lib.example.cn", False),
        ("https://lib.example.cn:8443/cb?from=card&x=%20", False),
        ("http://127.0.0.1:8400/callback", False),
        ("http://[::1]/cb", True),
        ("com.example.app:/cb", True),
    ],
)
def test_an_address_that_is_safe_may_be_registered(address: str, native: bool) -> None:
    assert redirects.check(address, "redirect_uris", native=native) == address


@pytest.mark.parametrize(
    "address",
    [
        "http://lib.example.cn/cb", "https://lib.example.cn/cb#x", "https://a:b@lib.example.cn/",
        "https://*.example.cn/cb", "https://lib.example.cn/../cb", "https://localhost/cb",
        "http://localhost:8400/cb", "https://lib.example.cn/c b", "https://lib.example.cn/;x",
        "https://lib.example.cn/'", "https://lib.example.cn/图", "https://LIB.example.cn/", "//x.cn/",
        "javascript:alert(1)", "myapp:/cb", "com.example.app:/cb", "https:lib.example.cn", "",
        "https://lib.example.cn/" + "x" * 400, "https://lib.example.cn/\n", "ftp://lib.example.cn/",
    ],
)  # fmt: skip
def test_an_address_that_is_not_names_the_field(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        redirects.check(address, "redirect_uris", native=False)
    assert caught.value.field == "redirect_uris"


@given(st.text(max_size=60))
def test_nothing_but_the_registered_address_matches(text: str) -> None:
    registered = ("https://lib.example.cn/cb",)
    assert redirects.matches(registered, text, native=False) == (text in registered)
    longer = registered[0] + text
    assert redirects.matches(registered, longer, native=False) == (text == "")


@given(st.text(max_size=12))
def test_an_apps_loopback_address_varies_in_the_port_alone(text: str) -> None:
    asked = f"http://127.0.0.1{text}/cb"
    good = text == "" or (
        re.fullmatch(":[0-9]{1,5}", text, re.ASCII) is not None and 0 < int(text[1:]) < 65536
    )
    assert redirects.matches(("http://127.0.0.1:1/cb",), asked, native=True) == good
    assert not redirects.matches(("http://127.0.0.1:1/cb",), asked, native=False) or (text == ":1")


@given(st.dictionaries(st.sampled_from(["code", "state", "iss"]), st.text(max_size=40)))
def test_an_answer_comes_back_as_it_was_sent(answer: dict[str, str]) -> None:
    for address in ("https://a.example/cb", "https://a.example/cb?x=1"):
        told = urlsplit(redirects.with_answer(address, answer))
        pairs = dict(parse_qsl(told.query, keep_blank_values=True))
        pairs.pop("x", None)
        assert pairs == answer
        assert (told.netloc, told.path, told.fragment) == ("a.example", "/cb", "")


@given(st.from_regex(redirects._HTTPS, fullmatch=True))  # pyright: ignore[reportPrivateUsage]
def test_what_may_be_registered_stands_safely_in_a_policy(address: str) -> None:
    try:
        redirects.check(address, "x", native=True)
    except InvalidInput:
        return
    assert re.fullmatch(r"https://[a-z0-9.-]+(:[0-9]{1,5})?", redirects.form_target(address))


def test_pkce_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert requests.verifies(verifier, ASKED["code_challenge"])
    assert not requests.verifies(verifier[:-1] + "l", ASKED["code_challenge"])
    assert not requests.verifies(ASKED["code_challenge"], ASKED["code_challenge"])
    assert not requests.verifies(verifier[:42], ASKED["code_challenge"])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid card"}, "invalid_scope"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://x"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none consent"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"state": "x" * 2049}, "invalid_request"),
        ({"nonce": "x" * 513}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_refused_in_the_standards_words(
    changes: dict[str, str], error: str
) -> None:
    with pytest.raises(OpenidError) as caught:
        read(**changes)
    assert caught.value.error == error
    assert caught.value.description.isascii()
    assert not set(caught.value.description) & set('"\\')


def test_what_nobody_knows_is_left_out() -> None:
    request = read(scope="openid profile email https://x.example/y", foo="bar", login_hint="张三")
    assert request.scopes == ("openid", "profile")
    assert request.level == 1
    assert read(acr_values="urn:mace:x urn:yikatong:acr:3 urn:yikatong:acr:2").level == 2
    assert read(acr_values="urn:yikatong:acr:9").level == 1
    assert read(ui_locales="fr de").language is None
    assert read(ui_locales="fr zh-Hans-CN en").language == "zh"


@given(st.binary(max_size=300))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    # Of a query by chance nothing can be good.
    with pytest.raises((OpenidError, Untrusted)):
        requests.redirect_of(requests.read_form(query), CLIENT)


def test_the_next_step_follows_from_who_is_there() -> None:
    request = read()

    def step(*, who: Reader | None = None, asked_at: datetime | None = None, **changes: str) -> str:
        found = rules.next_step(read(**changes), CLIENT, who, asked_at, NOW)
        return found.error or found.what

    assert step() == "sign_in"
    assert step(prompt="none") == "login_required"
    assert step(who=reader()) == "grant"
    assert step(who=reader(consented=frozenset())) == "consent"
    assert step(who=reader(consented=frozenset()), prompt="none") == "consent_required"
    assert step(who=reader(), prompt="consent") == "consent"
    assert step(who=reader(welcome=False)) == "access_denied"
    earlier, later = NOW - timedelta(minutes=1), NOW
    assert step(who=reader(), prompt="login") == "sign_in"
    assert (
        step(who=reader(session=session(1, earlier)), prompt="login", asked_at=later) == "sign_in"
    )
    assert step(who=reader(session=session(1, later)), prompt="login", asked_at=earlier) == "grant"
    assert step(who=reader(), max_age="60") == "grant"
    assert step(who=reader(session=session(1, NOW - timedelta(seconds=61))), max_age="60") == (
        "sign_in"
    )
    assert step(who=reader(), acr_values="urn:yikatong:acr:2") == "sign_in"
    assert step(who=reader(session=session(2)), acr_values="urn:yikatong:acr:2") == "grant"
    hinted = msgspec.structs.replace(request, hinted_subject="somebody")
    assert rules.next_step(hinted, CLIENT, reader(), None, NOW).error == "login_required"
    strict = msgspec.structs.replace(CLIENT, required_level=3)
    form = requests.read_form(urlencode({**ASKED, "acr_values": "urn:yikatong:acr:1"}).encode())
    assert requests.read(form, strict, ASKED["redirect_uri"], None).level == 3


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("client_id", {"client_id": "X"}),
        ("client_id", {"client_id": "a b"}),
        ("name_zh", {"name_zh": " "}),
        ("name_en", {"name_en": "x\n"}),
        ("name_en", {"name_en": "x" * 41}),
        ("redirect_uris", {"redirect_uris": ()}),
        ("redirect_uris", {"redirect_uris": ("http://x.cn/",)}),
        ("post_logout_uris", {"post_logout_uris": ("javascript:x",)}),
        ("scopes", {"scopes": ("everything",)}),
        ("authentication", {"native": True}),
        ("key_set", {"authentication": "private_key_jwt"}),
        ("key_set", {"key_set": "{}"}),
        ("key_set", {"authentication": "private_key_jwt", "key_set": '{"keys": []}'}),
        (
            "key_set",
            {
                "authentication": "private_key_jwt",
                "key_set": '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}',
            },
        ),
        ("key_set", {"authentication": "private_key_jwt", "key_set": "not json"}),
        ("key_set", {"authentication": "private_key_jwt", "key_set": "[]"}),
        ("sector", {"redirect_uris": ("https://a.example/x", "https://b.example/x")}),
        ("sector", {"sector": "no host"}),
    ],
)
def test_a_client_that_is_described_wrongly_names_the_field(
    field: str, changes: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        clients.checked(msgspec.structs.replace(NEW, **changes), NOW)
    assert caught.value.field == field


def test_no_client_is_in_anothers_sector_by_chance() -> None:
    def sector(**changes: object) -> str:
        return clients.checked(msgspec.structs.replace(NEW, **changes), NOW).sector

    assert sector() == "lib.example.cn"
    local = {"redirect_uris": ("http://127.0.0.1:8400/cb",)}
    assert sector(**local) != sector(client_id="other", **local)
    assert sector(sector="city.example.cn") == "city.example.cn"


@given(
    st.integers(min_value=1, max_value=2**62), st.integers(min_value=1, max_value=2**62),
    st.integers(min_value=0, max_value=2**62),
    st.sampled_from(["code", "access", "refresh"]),
)  # fmt: skip
def test_a_handle_opens_as_what_it_was_made_for_only(
    person_id: int, grant_id: int, token_id: int, kind: handles.Kind
) -> None:
    vault = Vault(bytes(range(32)))
    text, secret_hash = handles.make(vault, kind, person_id, grant_id, token_id)
    found = handles.read(vault, kind, text)
    assert found == handles.Handle(person_id, grant_id, token_id, secret_hash)
    for other in ("code", "access", "refresh"):
        if other != kind:
            assert handles.read(vault, other, text) is None
    assert handles.read(Vault(bytes(32)), kind, text) is None
    again, _ = handles.make(vault, kind, person_id, grant_id, token_id)
    # Two handles of one login have nothing in common.
    assert not any(again[at : at + 8] in text for at in range(0, len(again) - 8, 8))


@given(st.text(max_size=200))
def test_any_text_is_no_handle(text: str) -> None:
    assert handles.read(Vault(bytes(range(32))), "access", text) is None


def test_every_proof_has_a_name_for_services() -> None:
    for mode in MODE_LEVELS:
        assert claims.amr([mode], 1)
    assert claims.amr(["password", "one_time_code"], 2) == ["mfa", "pwd", "sms"]
    assert claims.amr(["e_card"], 2) == ["swk"]
    assert [claims.acr(level) for level in (1, 2, 3)] == [
        f"urn:yikatong:acr:{level}" for level in (1, 2, 3)
    ]


@given(st.integers(min_value=1), st.integers(min_value=1))
def test_subjects_tell_persons_and_sectors_apart_and_nothing_else(one: int, other: int) -> None:
    vault = Vault(bytes(range(32)))

    def sub(client: Client, person_id: int) -> str:
        return claims.subject(vault, client, person_id)

    renamed = msgspec.structs.replace(CLIENT, client_id="library-two", name_en="Other")
    elsewhere = msgspec.structs.replace(CLIENT, sector="museum.example.cn")
    assert sub(CLIENT, one) == sub(renamed, one)
    assert sub(CLIENT, one) != sub(elsewhere, one)
    assert (sub(CLIENT, one) == sub(CLIENT, other)) == (one == other)
    # A sector that ends in digits is no other sector with another person.
    digits = msgspec.structs.replace(CLIENT, sector="a.example:1")
    assert sub(digits, 2) != sub(msgspec.structs.replace(CLIENT, sector="a.example"), 12)


def test_every_scope_has_words_in_both_languages() -> None:
    assert set(SCOPES) == {
        "openid", "profile", "card", "enrolment", "address", "phone", "offline_access",
    }  # fmt: skip
