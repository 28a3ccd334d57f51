"""Where a request comes from: the peer, or what a trusted proxy says of it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from litestar import Request

UNKNOWN: Final = "unknown"
_HOPS_MAX: Final = 20


def address_from(request: Request[Any, Any, Any], trusted: Sequence[str]) -> str:
    """Where a request comes from, for counting tries; see `address_of`."""
    # Some proxies write a line of their own behind the caller's: all of them are one list (RFC 9110, 5.2).
    forwarded = ",".join(request.headers.getall("x-forwarded-for", []))
    return address_of(request.client.host if request.client else None, forwarded, trusted)


def address_of(peer: str | None, forwarded: str | None, trusted: Sequence[str]) -> str:
    """The caller's address, for counting tries.

    X-Forwarded-For is believed from trusted proxies alone, read from its end: what stands before the
    last address that is no proxy of ours, anybody may have written. An IPv6 address is cut to its
    /64, of which one household has all.
    """
    found = _read(peer)
    if found is None:
        return UNKNOWN
    networks = [ip_network(one, strict=False) for one in trusted]
    hops = (forwarded or "").split(",")[-_HOPS_MAX:]
    while hops and any(found in network for network in networks):
        before = _read(hops.pop())
        if before is None:
            break
        found = before
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return str(found)


def hint_of(address: str) -> str:
    """An address to show to people: the network without the last part."""
    if "/" in address:
        return address.removesuffix("::/64") + ":…"
    head, dot, _ = address.rpartition(".")
    return f"{head}.*" if dot else address


def _read(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address((text or "").strip())
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
