"""Where a request comes from."""

from typing import Any

import pytest
from litestar import Request

from yikatong.core import settings
from yikatong.core.addresses import UNKNOWN, address_from, address_of, hint_of
from yikatong.core.errors import InvalidInput

PROXIES = ("10.0.0.5", "10.1.0.0/16")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("192.0.2.1", None, (), "192.0.2.1"),
        # Anybody may write the header; nobody believes it without a proxy of ours.
        ("192.0.2.1", "203.0.113.9", (), "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", PROXIES, "192.0.2.1"),
        ("10.0.0.5", "203.0.113.9", PROXIES, "203.0.113.9"),
        ("10.0.0.5", "6.6.6.6, 203.0.113.9", PROXIES, "203.0.113.9"),
        ("10.0.0.5", "6.6.6.6, 203.0.113.9, 10.1.2.3", PROXIES, "203.0.113.9"),
        ("10.0.0.5", "10.1.2.3", PROXIES, "10.1.2.3"),
        ("10.0.0.5", "nonsense", PROXIES, "10.0.0.5"),
        ("10.0.0.5", "", PROXIES, "10.0.0.5"),
        ("10.0.0.5", None, PROXIES, "10.0.0.5"),
        ("::ffff:192.0.2.1", None, (), "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", None, (), "2001:db8:1:2::/64"),
        (None, None, (), UNKNOWN),
        ("testclient", "203.0.113.9", PROXIES, UNKNOWN),
    ],
)
def test_only_trusted_proxies_are_believed(
    peer: str | None, forwarded: str | None, trusted: tuple[str, ...], expected: str
) -> None:
    assert address_of(peer, forwarded, trusted) == expected


def test_a_hint_leaves_the_last_part_out() -> None:
    assert hint_of("192.0.2.1") == "192.0.2.*"
    assert hint_of("2001:db8:1:2::/64") == "2001:db8:1:2:…"
    assert hint_of(UNKNOWN) == UNKNOWN


@pytest.mark.parametrize(
    ("name", "value"),
    [("YIKATONG_TRUSTED_PROXIES", "10.0.0.300"), ("YIKATONG_TRUSTED_PROXIES", "proxy"),
     ("YIKATONG_SENDER_URL", "http://sms.example"), ("YIKATONG_SENDER_URL", "ftp://127.0.0.1")],
)  # fmt: skip
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as refused:
        settings.load()
    assert refused.value.field == name


def test_the_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YIKATONG_TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/16")
    monkeypatch.setenv("YIKATONG_SENDER_URL", "https://sms.example/send")
    found = settings.load()
    assert found.trusted_proxies == PROXIES
    assert found.sender_url == "https://sms.example/send"


def test_what_a_caller_wrote_before_the_proxys_own_line_is_not_believed() -> None:
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.9")]
    scope: Any = {"type": "http", "client": ("10.0.0.5", 4711), "headers": lines}
    assert address_from(Request[Any, Any, Any](scope), PROXIES) == "203.0.113.9"
    assert address_from(Request[Any, Any, Any](scope), ()) == "10.0.0.5"
