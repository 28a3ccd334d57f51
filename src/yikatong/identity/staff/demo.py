"""Demo staff of the sandbox (演示工作人员): one per role for the nation, two to approve, some of one place, and
one each at the desks of a clinic and a pharmacy, which a room behind this one names.

Password and second factor come from the key outside the database, so they differ from installation to
installation, stay the same, and can be shown again. Where the sandbox is off nobody of them gets in.
"""

import base64
from collections.abc import Mapping
from typing import Final

import msgspec

from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.identity.staff import rules, service, store
from yikatong.trust import verifiers
from yikatong.trust.access import NATION, ROLES, Grant, Role

_WANTED: Final[tuple[tuple[str, str, Role, str], ...]] = (
    ("demo-counter", "演示窗口", "counter", NATION),
    ("demo-chengdu", "演示成都窗口", "counter", "510100"),
    ("demo-beijing", "演示北京窗口", "counter", "110000"),
    ("demo-hotline", "演示热线", "hotline", NATION),
    ("demo-reviewer", "演示审核", "reviewer", NATION),
    ("demo-finance", "演示财务一", "finance", NATION),
    ("demo-finance-2", "演示财务二", "finance", NATION),
    ("demo-auditor", "演示审计", "auditor", NATION),
    ("demo-finance-sc", "演示四川财务", "finance", "510000"),
    ("demo-auditor-sc", "演示四川审计", "auditor", "510000"),
    ("demo-operator", "演示运行", "operator", NATION),
    ("demo-admin", "演示管理一", "administrator", NATION),
    ("demo-admin-2", "演示管理二", "administrator", NATION),
    ("demo-sichuan", "演示四川管理一", "administrator", "510000"),
    ("demo-sichuan-2", "演示四川管理二", "administrator", "510000"),
)

CLINIC, PHARMACY = "demo-clinic", "demo-pharmacy"
_AT_PROVIDERS: Final = ((CLINIC, "演示诊所医生"), (PHARMACY, "演示药店药师"))


class DemoMember(msgspec.Struct, frozen=True):
    """A member of the demo staff with what is needed to sign in."""

    staff_number: str
    role: Role
    region: str
    title: Text
    password: str
    totp_secret: str
    provider: str | None = None

    def __repr__(self) -> str:
        return f"DemoMember({self.staff_number!r})"


def members(platform: Platform, workplaces: Mapping[str, str] | None = None) -> list[DemoMember]:
    """All of them, those at providers where it is said which (codes by staff number); none where the
    sandbox is off."""
    if not platform.settings.sandbox:
        return []
    found = [
        DemoMember(number, role, region, ROLES[role], *_secrets(platform, number))
        for number, _, role, region in _WANTED
    ]
    role = rules.AT_PROVIDER
    return found + [
        DemoMember(number, role, provider[1:7], ROLES[role], *_secrets(platform, number), provider)
        for number, _ in _AT_PROVIDERS
        if (provider := (workplaces or {}).get(number)) is not None
    ]


def code_now(platform: Platform, one: DemoMember) -> str:
    """The code of the second factor at this moment, for whoever has no authenticator at hand."""
    return rules.code_at(one.totp_secret, platform.clock.now().timestamp())


async def prepare(platform: Platform, workplaces: Mapping[str, str] | None = None) -> None:
    """Make those that are missing; nothing where the sandbox is off."""
    wanted = members(platform, workplaces)
    if not wanted:
        return
    there = {one.staff_number for one in await service.every(platform)}
    names = {number: name for number, name, _, _ in _WANTED} | dict(_AT_PROVIDERS)
    for one in wanted:
        if one.staff_number in there:
            continue
        number = one.staff_number
        verifier = await verifiers.make(platform, service.PURPOSE, number, one.password)
        sealed = platform.vault.seal(f"staff_totp:{number}", 0, one.totp_secret)
        now = platform.clock.now()
        async with platform.database.transaction() as connection:
            # Two processes that start together make one of each.
            await store.insert(
                connection,
                number,
                names[number],
                one.region,
                verifier,
                now,
                sandbox=True,
                totp_sealed=sealed,
                provider=one.provider,
            )
            await store.grant(connection, number, [Grant(one.role, one.region)], now, "sandbox")


def _secrets(platform: Platform, number: str) -> tuple[str, str]:
    raw = platform.vault.hash("sandbox staff password", number)
    letters = base64.b32encode(raw[:10]).decode().lower()
    password = "-".join(letters[at : at + 4] for at in range(0, 16, 4))
    secret = base64.b32encode(platform.vault.hash("sandbox staff code", number)[:20]).decode()
    return password, secret
