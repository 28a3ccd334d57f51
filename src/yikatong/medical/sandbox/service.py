"""Use cases of the sandbox: credentials for test providers, and what there is to test with."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound, Text
from yikatong.core.platform import Platform
from yikatong.identity.staff import demo
from yikatong.medical import service as medical
from yikatong.medical.hospital_api import credentials
from yikatong.medical.hospital_api.credentials import Credential
from yikatong.medical.model import Level, Provider
from yikatong.medical.sandbox import store
from yikatong.medical.sandbox.model import SandboxItem, SandboxProvider

_ITEMS_EACH: Final = 12


class _Wanted(msgspec.Struct, frozen=True):
    """Which provider is made a test provider, and what for."""

    region: str
    level: Level
    scheme: Literal["A", "B"]
    note: Text
    kind: Literal["hospital", "pharmacy"] = "hospital"
    fits: Callable[[Provider], bool] = lambda one: (
        one.suspended_on is None and set(one.cares) == set(one.cross_region_cares)
    )


def _suspended(one: Provider) -> bool:
    return one.suspended_on is not None


def _local_only(one: Provider) -> bool:
    return one.suspended_on is None and not one.cross_region_cares


def _inpatient_only(one: Provider) -> bool:
    return one.suspended_on is None and one.cross_region_cares == ["inpatient"]


# One a line, to be read as a table.
# fmt: off
_WANTED: Final = (
    _Wanted("510100", "tertiary", "A", Text("成都三级医院", "tertiary, Chengdu")),
    _Wanted("510100", "secondary", "B", Text("成都二级医院", "secondary, Chengdu")),
    _Wanted("510100", "community", "A", Text("成都社区医院", "community, Chengdu")),
    _Wanted("510100", "community", "B", Text("成都药店", "pharmacy, Chengdu"), kind="pharmacy"),
    _Wanted("510500", "tertiary", "B", Text("四川其他城市的三级医院", "tertiary, another city of Sichuan")),
    _Wanted("500000", "tertiary", "A", Text("重庆三级医院：川渝免备案", "tertiary, Chongqing: exempt pair")),
    _Wanted("500000", "secondary", "B", Text("重庆二级医院", "secondary, Chongqing")),
    _Wanted("110000", "tertiary", "B", Text("北京三级医院：跨省", "tertiary, Beijing: another province")),
    _Wanted("110000", "secondary", "A", Text("北京二级医院", "secondary, Beijing")),
    _Wanted("110000", "community", "A", Text("北京药店：跨省", "pharmacy, Beijing"), kind="pharmacy"),
    _Wanted("310000", "tertiary", "A", Text("上海三级医院：跨省", "tertiary, Shanghai: another province")),
    _Wanted("440100", "tertiary", "B", Text("广州三级医院", "tertiary, Guangzhou")),
    _Wanted("610400", "secondary", "A", Text("咸阳二级医院", "secondary, Xianyang")),
    _Wanted("610400", "tertiary", "B", Text("咸阳三级医院", "tertiary, Xianyang")),
    _Wanted("510100", "secondary", "A", Text("异地只结算住院", "only stays for others"), fits=_inpatient_only),
    _Wanted("110000", "community", "B", Text("未开通异地结算", "does not settle for other regions"), fits=_local_only),
    _Wanted("510000", "primary", "A", Text("已暂停医保结算", "suspended"), fits=_suspended),
)
# fmt: on
"""A believable variety: every level, other cities and provinces, an exempt pair, and refusals."""


async def prepare(platform: Platform) -> None:
    """Make credentials for test providers that have none; nothing where the sandbox is off."""
    if not platform.settings.sandbox:
        return
    async with platform.database.transaction() as connection:
        # Two processes that start together make one credential each provider, not two.
        await connection.execute("select pg_advisory_xact_lock(hashtext('sandbox credentials'))")
        known = {one.provider_code for one in await credentials.of_sandbox(platform, connection)}
        for wanted in _WANTED:
            provider = await _find(connection, wanted)
            if provider is not None and provider.provider_code not in known:
                await credentials.create(
                    platform, connection, provider.provider_code, wanted.scheme, sandbox=True
                )


async def _find(connection: Connection, wanted: _Wanted) -> Provider | None:
    """The first provider that fits; a list of an operator's own may hold none."""
    found = await medical.providers(
        connection, region=wanted.region, kind=wanted.kind, level=wanted.level, limit=1000
    )
    return next((one for one in found if wanted.fits(one)), None)


async def providers(platform: Platform, connection: Connection) -> list[SandboxProvider]:
    """The test providers with their keys, in the order to try them. Raises NotFound where the
    sandbox is off."""
    require(platform)
    ranked: list[tuple[int, SandboxProvider]] = []
    for credential in await credentials.of_sandbox(platform, connection):
        provider = await medical.provider(connection, credential.provider_code)
        rank = next(
            (place for place, one in enumerate(_WANTED) if _is_meant(one, provider)), len(_WANTED)
        )
        note = _WANTED[rank].note if rank < len(_WANTED) else Text("", "")
        ranked.append((rank, _shown(provider, credential, note)))
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]


async def provider(platform: Platform, connection: Connection, code: str) -> SandboxProvider:
    """One test provider; raises NotFound naming `provider` where it has no test credential."""
    found = [one for one in await providers(platform, connection) if one.code == code]
    if not found:
        raise NotFound(
            zh=f"{code[:12]} 不是沙箱医药机构，见 yikatong sandbox show",
            en=f"{code[:12]} is no sandbox provider; see yikatong sandbox show",
            field="provider",
        )
    return found[0]


async def items(platform: Platform, connection: Connection) -> Sequence[SandboxItem]:
    """Items for test bills: class A, B, C, and such with price limits."""
    return await store.items(connection, today(platform.clock), _ITEMS_EACH)


async def workplaces(connection: Connection) -> dict[str, str]:
    """Where the demo staff of providers works, by staff number: the desks of a clinic and a pharmacy
    (the first ones among the test providers)."""
    found: dict[str, str] = {}
    for number, kind in ((demo.CLINIC, "hospital"), (demo.PHARMACY, "pharmacy")):
        wanted = next(one for one in _WANTED if one.level == "community" and one.kind == kind)
        provider = await _find(connection, wanted)
        if provider is not None:
            found[number] = provider.provider_code
    return found


def require(platform: Platform) -> None:
    """Raise NotFound where the sandbox is switched off."""
    if not platform.settings.sandbox:
        raise NotFound(
            zh="沙箱已关闭（YIKATONG_SANDBOX=off）", en="the sandbox is off (YIKATONG_SANDBOX=off)"
        )


def _is_meant(wanted: _Wanted, provider: Provider) -> bool:
    return (
        (provider.kind, provider.level) == (wanted.kind, wanted.level)
        and regions.is_within(provider.region, wanted.region)
        and wanted.fits(provider)
    )


def _shown(provider: Provider, credential: Credential, note: Text) -> SandboxProvider:
    return SandboxProvider(
        code=provider.provider_code,
        name=provider.name,
        english=provider.english,
        kind=provider.kind,
        region=provider.region,
        pooling_region=provider.pooling_region,
        level=provider.level,
        scheme=credential.scheme,
        access_key=credential.access_key,
        secret=credential.secret,
        note=note,
    )
