"""Fault switches (故障开关) of sandbox providers, so that a client's handling can be tested.

`slow`: the answer comes after SLOW_SECONDS. `lost`: carried out, and the connection is closed without
an answer. `refused`: not carried out. `wrong_total`: the answer's medfee_sumamt is off by one fen; a
repeat of the message gets the right one. `unavailable`: not carried out, HTTP 503.
"""

import re
from typing import Final, Literal, get_args

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.fresh import Fresh
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api import store

FaultName = Literal["slow", "lost", "refused", "wrong_total", "unavailable"]
FAULTS: Final[tuple[FaultName, ...]] = get_args(FaultName)
SLOW_SECONDS: Final = 8.0
SEEN_WITHIN_SECONDS: Final = 0.2
"""After so long every process knows of a switch."""
TIMES_MAX: Final = 1000
_TOTALS: Final = frozenset({"2101", "2102", "2103", "2206", "2207", "2208", "2303", "2304", "2305"})
"""Transactions whose answer has a medfee_sumamt."""


class Switch(msgspec.Struct, frozen=True):
    """A fault that is switched on."""

    provider_code: str
    fault: FaultName
    transaction_code: str
    """"": every transaction."""
    times: int
    """How many calls it still meets."""


async def set_fault(
    platform: Platform,
    connection: Connection,
    provider_code: str,
    fault: str,
    *,
    transaction_code: str = "",
    times: int = 1,
) -> None:
    """Switch a fault on for the next `times` calls; raises InvalidInput naming what is wrong."""
    one_of(fault, FAULTS, "fault")
    if transaction_code and re.fullmatch("[0-9]{4}", transaction_code) is None:
        raise InvalidInput(
            "transaction", zh="交易编号为 4 位数字", en="a transaction's code has 4 digits"
        )
    if fault == "wrong_total" and transaction_code and transaction_code not in _TOTALS:
        raise InvalidInput(
            "transaction",
            zh=f"{transaction_code} 的应答没有 medfee_sumamt，可用于 {'、'.join(sorted(_TOTALS))}",
            en=f"answers of {transaction_code} have no medfee_sumamt",
        )
    if not 1 <= times <= TIMES_MAX:
        raise InvalidInput(
            "times", zh=f"应在 1 到 {TIMES_MAX} 之间", en=f"must lie between 1 and {TIMES_MAX}"
        )
    now = platform.clock.now()
    if not await store.has_sandbox_credential(connection, provider_code, now):
        raise InvalidInput(
            "provider",
            zh=f"{provider_code} 不是沙箱医药机构，见 yikatong sandbox show",
            en=f"{provider_code} is no sandbox provider; see yikatong sandbox show",
        )
    await store.set_fault(connection, provider_code, fault, transaction_code, times)


async def clear_faults(
    connection: Connection,
    provider_code: str,
    *,
    fault: str | None = None,
    transaction_code: str | None = None,
) -> int:
    """Switch off a provider's faults, all or some; how many were."""
    return await store.delete_faults(connection, provider_code, fault, transaction_code)


async def list_faults(connection: Connection, provider_code: str | None = None) -> list[Switch]:
    """Those switched on, of one provider or of all."""
    return [Switch(*row) for row in await store.faults(connection, provider_code)]


class Faults:
    """The switches as a call sees them; one per process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._fresh = Fresh(self._read, SEEN_WITHIN_SECONDS)

    async def take(self, provider_code: str, transaction_code: str) -> FaultName | None:
        """The fault this call meets, counted down: of its transaction before one of all."""
        for switch in (await self._fresh.get()).get(provider_code, ()):
            if switch.transaction_code not in ("", transaction_code):
                continue
            if switch.fault == "wrong_total" and transaction_code not in _TOTALS:
                continue
            async with self._platform.database.transaction() as connection:
                taken = await store.take_fault(
                    connection, provider_code, switch.fault, switch.transaction_code
                )
            if taken:
                return switch.fault
        return None

    async def _read(self) -> dict[str, list[Switch]]:
        async with self._platform.database.transaction(readonly=True) as connection:
            switches = await list_faults(connection)
        found: dict[str, list[Switch]] = {}
        for switch in switches:
            found.setdefault(switch.provider_code, []).append(switch)
        return found


_TOTAL: Final = re.compile(rb'("medfee_sumamt":)(-?)([0-9]+)\.([0-9]{2})')


def with_wrong_total(answer: bytes) -> bytes:
    """The answer with its first medfee_sumamt one fen larger, away from zero."""

    def larger(found: re.Match[bytes]) -> bytes:
        fen = int(found[3]) * 100 + int(found[4]) + 1
        return b"%b%b%d.%02d" % (found[1], found[2], fen // 100, fen % 100)

    return _TOTAL.sub(larger, answer, count=1)
