"""Staff and machines for tests, signed in without the work of hashing passwords."""

import secrets

import pyotp

from yikatong.core.platform import Platform
from yikatong.identity.machines import service as machines
from yikatong.identity.staff import service, signing_in, store
from yikatong.trust.access import Grant
from yikatong.trust.audit import Actor

ADMIN = Actor("staff", "command line", "tests")


async def member(
    platform: Platform,
    number: str,
    *grants: tuple[str, str],
    provider: str | None = None,
    sandbox: bool = False,
) -> str:
    """A settled member with these roles; answers the secret of the second factor."""
    now = platform.clock.now()
    secret = pyotp.random_base32()
    wanted = [Grant(*one) for one in grants]
    service.check_grants(wanted)
    async with platform.database.transaction() as connection:
        sealed = platform.vault.seal(f"staff_totp:{number}", 0, secret)
        await store.insert(
            connection, number, number, "510100", b"none", now, sandbox=sandbox,
            totp_sealed=sealed, provider=provider,
        )  # fmt: skip
        await store.set_password(connection, number, b"none", now)
        await store.grant(connection, number, wanted, now, "tests")
    return secret


async def signed_in(platform: Platform, number: str, *grants: tuple[str, str]) -> str:
    """The token of a new member with these roles."""
    await member(platform, number, *grants)
    return await token_of(platform, number)


async def token_of(platform: Platform, number: str) -> str:
    """An open session of a member."""
    async with platform.database.transaction() as connection:
        _, token = await signing_in._new(  # pyright: ignore[reportPrivateUsage]
            platform, connection, number, "open", "tests", signing_in.LASTS_MAX
        )
    return token


async def machine(platform: Platform, *grants: str, kind: str = "service") -> str:
    """The token of a new machine."""
    _, token = await machines.add(
        platform, f"m-{secrets.token_hex(4)}", "测试", kind, machines.read_grants(grants), ADMIN
    )
    return token


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
