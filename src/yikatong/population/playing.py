"""Performing a play of the sandbox: with the people to try, against a running platform."""

import asyncio
from collections.abc import Callable
from typing import Final

import httpx

from yikatong.core.errors import InvalidInput, Text
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api import faults
from yikatong.medical.sandbox import plays, service
from yikatong.medical.sandbox.client import Exchange, Refused, Unknown, WrongSums
from yikatong.population import sandbox
from yikatong.trust.audit import Actor

_ACTOR: Final = Actor("staff", "command line", "sandbox play")
_SECONDS_MAX: Final = 30


def check_address(address: str, field: str) -> None:
    """Raise InvalidInput naming `field` where nothing answers."""
    try:
        httpx.get(f"{address}/health/live", timeout=5, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise InvalidInput(
            field,
            zh=f"{address} 没有应答，请先运行 yikatong up，或用 --port 指明端口",
            en=f"nothing answers at {address}; run yikatong up first, or name its --port",
        ) from None


async def perform(
    platform: Platform,
    play: plays.Play,
    address: str,
    say: Callable[[Text], None],
    listen: Callable[[Exchange], None],
) -> str:
    """Perform it; "" where all came out as it must, else what did not."""
    async with platform.database.transaction(readonly=True) as connection:
        providers = await service.providers(platform, connection)
        items = await service.items(platform, connection)
    persons = await sandbox.persons(platform, _ACTOR)
    loop = asyncio.get_running_loop()
    switched: set[tuple[str, str, str]] = set()

    async def set_fault(provider: str, fault: str, transaction: str) -> None:
        switched.add((provider, fault, transaction))
        async with platform.database.transaction() as connection:
            await faults.set_fault(
                platform, connection, provider, fault, transaction_code=transaction
            )
        # Until the platform has seen it.
        await asyncio.sleep(2 * faults.SEEN_WITHIN_SECONDS)

    def switch(provider: str, fault: str, transaction: str) -> None:
        asyncio.run_coroutine_threadsafe(set_fault(provider, fault, transaction), loop).result()

    def on_stage() -> str:
        with httpx.Client(timeout=_SECONDS_MAX, trust_env=False) as http:
            stage = plays.Stage(
                address, providers, persons, items, say=say, listen=listen, switch=switch,
                http=http,
            )  # fmt: skip
            try:
                plays.perform(play, stage)
            except (Refused, Unknown, WrongSums, plays.PlayFailed) as error:
                return str(error)
        return ""

    try:
        return await asyncio.to_thread(on_stage)
    finally:
        async with platform.database.transaction() as connection:
            for provider, fault, transaction in switched:
                await faults.clear_faults(
                    connection, provider, fault=fault, transaction_code=transaction
                )
