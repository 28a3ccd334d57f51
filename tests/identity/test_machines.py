"""Machines: tokens, rotation with overlap, revocation, what they may be given."""

import asyncio
from datetime import timedelta

import pytest

from tests.identity import offices
from yikatong.core.clock import FixedClock
from yikatong.core.coalescing import Busy
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.identity.machines import service
from yikatong.identity.machines.model import MachineExists
from yikatong.identity.machines.service import Machines
from yikatong.trust.access import NATION, Gate, Grant
from yikatong.trust.operator import NotSignedIn, Operator

GRANTS = [Grant("filing.read", "510100"), Grant("money.transfer", NATION)]


async def add(platform: Platform, machine_id: str = "pharmacy-51") -> str:
    _, token = await service.add(
        platform, machine_id, "药店系统", "provider", GRANTS, offices.ADMIN
    )
    return token


async def test_a_token_is_known_with_what_its_machine_may_do(platform: Platform) -> None:
    token = await add(platform)
    caller = await Machines(platform).find(token)
    assert caller is not None
    assert (caller.kind, caller.name) == ("provider", "pharmacy-51")
    assert caller.may("filing.read", "510107")
    assert not caller.may("filing.make")
    assert caller.everywhere("money.transfer")


async def test_any_other_text_is_nobody(platform: Platform) -> None:
    token = await add(platform)
    machines = Machines(platform)
    machine_id, _, secret = token.partition(".")
    wrong = ("", ".", machine_id, f"{machine_id}.", f"other.{secret}", token[:-1], f"{token}A",
             f"{machine_id}.{'A' * 43}", "é.é", "\x00.x")  # fmt: skip
    for text in wrong:
        assert await machines.find(text) is None, text


async def test_the_database_holds_hashes_only(platform: Platform) -> None:
    token = await add(platform)
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchval("select s::text from machine_secrets s")
    assert token.partition(".")[2] not in row


async def test_a_known_machine_costs_no_look_up(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await add(platform)
    machines = Machines(platform)
    assert await machines.find(token) is not None
    begun = 0
    transaction = platform.database.transaction

    def counted(*, readonly: bool = False):  # type: ignore[no-untyped-def]
        nonlocal begun
        begun += 1
        return transaction(readonly=readonly)

    monkeypatch.setattr(platform.database, "transaction", counted)
    for _ in range(100):
        assert await machines.find(token) is not None
    assert begun == 0


async def test_a_revoked_machine_is_out_within_twenty_seconds(platform: Platform) -> None:
    assert service.SEEN_WITHIN_SECONDS <= 20
    token = await add(platform)
    machines = Machines(platform)
    assert await machines.find(token) is not None
    await service.revoke(platform, "pharmacy-51", offices.ADMIN)
    machines._remembered.forget()  # the seconds are over
    assert await machines.find(token) is None
    assert await Machines(platform).find(token) is None
    with pytest.raises(NotFound):
        await service.revoke(platform, "pharmacy-51", offices.ADMIN)
    with pytest.raises(NotFound):
        await service.rotate(platform, "pharmacy-51", offices.ADMIN)
    with pytest.raises(MachineExists):
        await add(platform)


async def test_old_and_new_secret_work_side_by_side_for_a_day(
    platform: Platform, clock: FixedClock
) -> None:
    old = await add(platform)
    new = await service.rotate(platform, "pharmacy-51", offices.ADMIN)
    for token in (old, new):
        assert await Machines(platform).find(token) is not None
    clock.advance(service.OVERLAP)
    assert await Machines(platform).find(old) is None
    assert await Machines(platform).find(new) is not None


async def test_a_new_secret_lost_before_its_first_use_does_not_push_out_the_one_in_use(
    platform: Platform,
) -> None:
    used = await add(platform)
    machines = Machines(platform)
    assert await machines.find(used) is not None
    machines._remembered.forget()
    assert await machines.find(used) is not None
    assert machines._noting is not None
    await machines._noting
    lost = await service.rotate(platform, "pharmacy-51", offices.ADMIN)
    newest = await service.rotate(platform, "pharmacy-51", offices.ADMIN)
    found = [await Machines(platform).find(token) is not None for token in (used, lost, newest)]
    assert found == [True, False, True]
    (machine,) = await service.every(platform)
    assert len(machine.secrets) == 2
    assert machine.secrets[0].used_at is not None


async def test_a_secret_ends_by_itself(platform: Platform, clock: FixedClock) -> None:
    _, token = await service.add(
        platform, "short", "x", "service", GRANTS, offices.ADMIN, lasts=timedelta(days=1)
    )
    machines = Machines(platform)
    assert await machines.find(token) is not None
    clock.advance(timedelta(days=1))
    # Known already, and still over: the clock is asked each time.
    assert await machines.find(token) is None


@pytest.mark.parametrize(
    ("grants", "why"),
    [
        (["no.such"], "unknown"),
        (["counter"], "a role"),
        (["*"], "everything"),
        (["money.transfer@510100"], "knows no regions"),
        (["filing.read@999999"], "no such region"),
        (["approval.decide"], "machines do not approve"),
        ([], "nothing"),
    ],
)
def test_a_machine_is_not_given(grants: list[str], why: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        service.read_grants(grants)
    assert caught.value.field == "grant", why


@pytest.mark.parametrize("machine_id", ["", "a", "Upper", "with.dot", "operator", "x" * 41, "_x"])
async def test_an_id_that_tokens_or_the_platform_need_is_refused(
    platform: Platform, machine_id: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await add(platform, machine_id)
    assert caught.value.field == "id"


async def test_many_unknown_ids_at_once_do_not_reach_the_database(platform: Platform) -> None:
    machines = Machines(platform)
    asked = [machines.find(f"unknown-{number}.{'A' * 43}") for number in range(200)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert any(isinstance(one, Busy) for one in outcomes)
    assert all(one is None or isinstance(one, Busy) for one in outcomes)


async def test_the_gate_knows_the_operator_and_machines_and_nobody_else(
    platform: Platform,
) -> None:
    gate = Gate(Operator("the-token-of-the-operator"), Machines(platform).find)
    token = await add(platform)
    assert (await gate.caller("Bearer the-token-of-the-operator")).name == "operator"
    assert (await gate.caller(f"Bearer {token}")).name == "pharmacy-51"
    assert (await gate.caller(f"bearer {token}")).name == "pharmacy-51"
    for header in (None, "", "Bearer", "Bearer ", f"Basic {token}", token, f"Bearer {token} x"):
        with pytest.raises(NotSignedIn):
            await gate.caller(header)
