"""Where answers may be sent: rules of redirect addresses (RFC 9700, 4.1; RFC 8252, 7 and 8).

Pure. Addresses are compared as strings, never as what a parser makes of them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit

from yikatong.core.errors import InvalidInput

LENGTH_MAX: Final = 400
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&()*+=%-]+")
"""What an address may consist of: no space, quote, comma, semicolon, backslash, fragment, or anything
beyond ASCII, so that it can stand in a header."""
_HTTPS: Final = re.compile(r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(:[0-9]{1,5})?(/[^#]*)?")
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/[^#]*)?")
_OWN_SCHEME: Final = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:/[^#]*")


def check(address: str, field: str, *, native: bool) -> str:
    """The address as it may be registered; raises InvalidInput naming the field.

    HTTPS with a domain name; plain HTTP to the own machine (127.0.0.1 or [::1]) for apps and for
    trying out; for apps also a scheme of their own that is a reversed domain name.
    """
    good = (
        len(address) <= LENGTH_MAX
        and _PLAIN.fullmatch(address)
        and "@" not in address.split("?", maxsplit=1)[0]
        and "*" not in address
        and "/.." not in address
        and (
            _HTTPS.fullmatch(address)
            or _LOOPBACK.fullmatch(address)
            or (native and _OWN_SCHEME.fullmatch(address))
        )
    )
    if not good:
        raise InvalidInput(
            field,
            zh=f"不能用作跳转地址：{address[:80]}；应为 https://域名/路径，本机为 http://127.0.0.1:端口/路径，"
            "应用可用 com.example.app:/路径；不含 #、*、@ 和空格",
            en=f"cannot be a redirect address: {address[:80]}; give https://domain/path, on the own "
            "machine http://127.0.0.1:port/path, for apps com.example.app:/path; without #, *, @, space",
        )
    return address


def matches(registered: Sequence[str], asked: str, *, native: bool) -> bool:
    """Whether the address asked for is one of the registered, to the letter.

    Only the port of a loopback address of an app may differ (RFC 8252, 7.3).
    """
    if asked in registered:
        return True
    if not native or len(asked) > LENGTH_MAX or not _PLAIN.fullmatch(asked):
        return False
    wanted = _LOOPBACK.fullmatch(asked)
    if wanted is None:
        return False
    port = wanted[2]
    if port is not None and not 0 < int(port[1:]) < 65536:
        return False
    return any(
        (found := _LOOPBACK.fullmatch(one)) is not None
        and (found[1], found[3]) == (wanted[1], wanted[3])
        for one in registered
    )


def proves_the_app(address: str) -> bool:
    """Whether only the client itself receives what is sent there: a domain name of its own.

    Any program of the device can listen on a loopback port or claim a scheme (RFC 8252, 8.6).
    """
    return address.startswith("https://")


def with_answer(address: str, answer: Mapping[str, str | None]) -> str:
    """The address with the answer's parameters behind its own."""
    told = urlencode({name: value for name, value in answer.items() if value is not None})
    if not told:
        return address
    return f"{address}{'&' if '?' in address else '?'}{told}"


def form_target(address: str) -> str:
    """The address as a source of the header Content-Security-Policy: its origin, nothing wider.

    An IPv6 address cannot be written there, a scheme of an app has no host: then the scheme.
    """
    scheme, _, rest = address.partition(":")
    if scheme in ("http", "https") and not rest.startswith("//["):
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}"
    return f"{scheme}:"


def shown(address: str) -> str:
    """Where that is, for people: the host, or the app's scheme."""
    return urlsplit(address).netloc or address.partition(":")[0]


def sector(addresses: Sequence[str]) -> str | None:
    """The one host of all addresses (Core 1.0, 8.1); None where there is none or more than one."""
    hosts = {found[1] if (found := _HTTPS.fullmatch(one)) else None for one in addresses}
    return next(iter(hosts)) if len(hosts) == 1 else None
