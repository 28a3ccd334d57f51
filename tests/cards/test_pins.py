"""PINs of cards: verified from afar and in a reader, locked, unlocked, changed, reset."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests.identity.people import PIN, TESTER, Someone, somebody
from yikatong.cards import service as cards
from yikatong.cards.office import living
from yikatong.cards.office.errors import NotNow
from yikatong.cards.office.model import Doing
from yikatong.cards.pins import service as pins
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.trust import audit, verifiers
from yikatong.trust.guessing import TooManyTries

NEW = "739204"


async def state_of(platform: Platform, one: Someone) -> str:
    async with platform.database.transaction(readonly=True) as connection:
        return (await cards.current_cards(connection, [one.person_id]))[one.person_id].state


async def actions(platform: Platform, one: Someone) -> list[str]:
    async with platform.database.transaction(readonly=True) as connection:
        return [event.action for event in await audit.of_person(connection, one.person_id)]


async def test_a_pin_is_right_or_wrong(platform: Platform) -> None:
    one = await somebody(platform)
    assert await pins.verify(platform, one.person_id, one.card_id, PIN)
    assert await pins.verify(platform, one.person_id, one.card_id, " 384957 ")
    for wrong in ("384958", "", "x" * 200, "38495"):
        assert not await pins.verify(platform, one.person_id, one.card_id, wrong)
    assert not await pins.verify(platform, 99, 990, PIN)


@pytest.mark.parametrize(
    "facts",
    [{"state": "loss_reported"}, {"state": "locked"}, {"state": "replaced"}, {"pin": None},
     {"social": "frozen"}, {"social": "inactive"}],
)  # fmt: skip
async def test_a_card_that_cannot_be_used_has_no_right_pin(
    platform: Platform, facts: dict[str, Any]
) -> None:
    one = await somebody(platform, **facts)
    assert not await pins.verify(platform, one.person_id, one.card_id, PIN)


async def test_wrong_tries_from_afar_run_out_and_never_lock_the_card(
    platform: Platform, clock: FixedClock
) -> None:
    one = await somebody(platform)
    for _ in range(5):
        assert not await pins.verify(platform, one.person_id, one.card_id, "000000")
    with pytest.raises(TooManyTries):
        await pins.verify(platform, one.person_id, one.card_id, PIN)
    assert await state_of(platform, one) == "active"
    # A browser of the owner has its own tries.
    assert await pins.verify(platform, one.person_id, one.card_id, PIN, asker="device:7")
    clock.advance(timedelta(minutes=15))
    assert await pins.verify(platform, one.person_id, one.card_id, PIN)


async def test_right_pins_use_no_tries_up(platform: Platform) -> None:
    one = await somebody(platform)
    for _ in range(30):
        assert await pins.verify(platform, one.person_id, one.card_id, PIN)


async def test_three_wrong_pins_in_a_row_with_the_card_present_lock_it(platform: Platform) -> None:
    one = await somebody(platform)
    there = (platform, one.person_id, one.card_id)
    assert await pins.verify_present(*there, "000000", TESTER) == pins.Presented(False, 2)
    assert await pins.verify_present(*there, PIN, TESTER) == pins.Presented(True, 3)
    assert await pins.verify_present(*there, "000000", TESTER) == pins.Presented(False, 2)
    assert await pins.verify_present(*there, "000001", TESTER) == pins.Presented(False, 1)
    assert await state_of(platform, one) == "active"
    assert await pins.verify_present(*there, "000002", TESTER) == pins.Presented(False, 0)
    assert await state_of(platform, one) == "locked"
    with pytest.raises(pins.PinLocked):
        await pins.verify_present(*there, PIN, TESTER)
    assert not await pins.verify(*there, PIN)
    seen = Doing("counter", materials=("identity",))
    await living.unlock(*there, seen, TESTER, "key-1")
    with pytest.raises(NotNow):
        await living.unlock(*there, seen, TESTER, "key-2")
    assert await pins.verify_present(*there, PIN, TESTER) == pins.Presented(True, 3)
    told = await actions(platform, one)
    assert told.count("pin.wrong") == 4
    assert told.count("card.locked") == told.count("card.unlock") == 1


async def test_the_third_try_may_be_right(platform: Platform) -> None:
    one = await somebody(platform)
    for _ in range(2):
        await pins.verify_present(platform, one.person_id, one.card_id, "000000", TESTER)
    assert (await pins.verify_present(platform, one.person_id, one.card_id, PIN, TESTER)).right
    assert await state_of(platform, one) == "active"


async def test_tries_at_the_same_moment_get_three_looks_in_all(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await somebody(platform)
    looks: list[bytes | None] = []
    check = verifiers.check

    async def counted(*facts: Any) -> bool:
        looks.append(facts[-1])
        return await check(*facts)

    monkeypatch.setattr(verifiers, "check", counted)
    answers = await asyncio.gather(
        *(
            pins.verify_present(platform, one.person_id, one.card_id, f"00000{n}", TESTER)
            for n in range(10)
        ),
        return_exceptions=True,
    )
    assert sum(stored is not None for stored in looks) == 3
    assert sum(isinstance(answer, pins.Presented) for answer in answers) == 3
    assert sum(isinstance(answer, pins.PinLocked) for answer in answers) == 7
    assert await state_of(platform, one) == "locked"


async def test_a_third_try_that_was_lost_before_it_was_judged_locks_at_the_next(
    platform: Platform,
) -> None:
    one = await somebody(platform)
    async with platform.database.transaction() as connection:
        await connection.execute("update card_pins set wrong_in_row = 3")
    with pytest.raises(pins.PinLocked):
        await pins.verify_present(platform, one.person_id, one.card_id, PIN, TESTER)
    assert await state_of(platform, one) == "locked"


async def test_a_pin_is_set_once_changed_with_the_old_and_reset_with_a_proof(
    platform: Platform,
) -> None:
    one = await somebody(platform, pin=None)
    person_id, card_id = one.person_id, one.card_id
    with pytest.raises(InvalidInput):
        await pins.set_first(platform, person_id, card_id, "850305", TESTER)
    await pins.set_first(platform, person_id, card_id, PIN, TESTER)
    with pytest.raises(pins.PinAlreadySet):
        await pins.set_first(platform, person_id, card_id, NEW, TESTER)
    with pytest.raises(pins.NoCardForPin):
        await pins.set_first(platform, person_id, 5, NEW, TESTER)
    for old, new, field in (
        ("000000", NEW, "old"), (PIN, "123456", "new"), (PIN, PIN, "new"), (PIN, "x", "new"),
    ):  # fmt: skip
        with pytest.raises((InvalidInput, pins.PinNotAccepted)) as refused:
            await pins.change(platform, person_id, old, new, TESTER, asker=None)
        assert refused.value.field == field
    await pins.change(platform, person_id, PIN, NEW, TESTER, asker=None)
    with pytest.raises(pins.PinNotAccepted):
        await pins.change(platform, person_id, PIN, "618042", TESTER, asker=None)
    assert await pins.verify(platform, person_id, card_id, NEW)
    for _ in range(3):
        await pins.verify_present(platform, person_id, card_id, "000000", TESTER)
    seen = Doing("counter", materials=("identity",))
    await living.reset_pin(platform, person_id, card_id, PIN, seen, TESTER, "key")
    assert await state_of(platform, one) == "active"
    assert (await pins.verify_present(platform, person_id, card_id, PIN, TESTER)).right
    told = await actions(platform, one)
    assert [one for one in told if one.startswith("pin.") and one != "pin.wrong"] == [
        "pin.reset", "pin.changed", "pin.set",
    ]  # fmt: skip


async def test_two_changes_at_once_leave_one_of_the_two_pins(platform: Platform) -> None:
    one = await somebody(platform)
    answers = await asyncio.gather(
        *(
            pins.change(platform, one.person_id, PIN, new, TESTER, asker=None)
            for new in (NEW, "618042")
        ),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "PinNotAccepted"]
    right = [
        await pins.verify(platform, one.person_id, one.card_id, new) for new in (NEW, "618042")
    ]
    assert sorted(right) == [False, True]


async def dump(platform: Platform) -> str:
    """Every row of every table, as text."""
    async with platform.database.transaction(readonly=True) as connection:
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public'"
        )
        parts = [
            await connection.fetchval(f'select string_agg(t::text, chr(10)) from "{row[0]}" t')
            for row in tables
        ]
    return "\n".join(part for part in parts if part)


async def test_the_database_alone_cannot_tell_whether_a_pin_is_right(platform: Platform) -> None:
    one = await somebody(platform, pin=None)
    await pins.set_first(platform, one.person_id, one.card_id, PIN, TESTER)
    async with platform.database.transaction(readonly=True) as connection:
        stored = await connection.fetchval("select verifier from card_pins")
    everything = await dump(platform)
    assert stored.hex() in everything
    # What an attacker computes from the dump for the right PIN is nowhere in it ...
    salt, mark = stored[1:17], stored[17:]
    hashed = verifiers._argon2(PIN, salt, verifiers._SCHEMES[stored[0]])
    for guess in (hashed, hashlib.sha256(hashed).digest(), hashlib.sha256(PIN.encode()).digest()):
        assert guess.hex() not in everything
        assert guess != mark
    # ... nor is the key, which is what it takes ...
    for key in (platform.vault.key("verifiers 1"), bytes(range(32))):
        assert key.hex() not in everything
    # ... and under any other key every PIN is as wrong as any other.
    stranger = Platform(
        platform.database, platform.clock, Vault(bytes(range(1, 33))), platform.settings
    )
    subject = pins.subject_of(one.card_id)
    for pin in (PIN, "000000"):
        assert not await verifiers.check(stranger, pins.PURPOSE, subject, pin, stored)
    assert await verifiers.check(platform, pins.PURPOSE, subject, PIN, stored)


async def test_a_verifier_moved_to_another_card_or_purpose_fits_nothing(platform: Platform) -> None:
    stored = await verifiers.make(platform, pins.PURPOSE, "10", PIN)
    assert await verifiers.check(platform, pins.PURPOSE, "10", PIN, stored)
    assert not await verifiers.check(platform, pins.PURPOSE, "11", PIN, stored)
    assert not await verifiers.check(platform, "password", "10", PIN, stored)
    assert not await verifiers.check(platform, pins.PURPOSE, "10", PIN, None)
    assert PIN not in stored.hex()
    assert await verifiers.make(platform, pins.PURPOSE, "10", PIN) != stored


async def test_an_old_verifier_is_made_anew_at_the_next_right_try(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await somebody(platform)
    scheme = verifiers._Scheme(passes=1, memory_kib=1024, lanes=1)
    monkeypatch.setattr(verifiers, "_SCHEMES", {**verifiers._SCHEMES, 2: scheme})
    monkeypatch.setattr(verifiers, "CURRENT", 2)

    async def version() -> int:
        async with platform.database.transaction(readonly=True) as connection:
            return (await connection.fetchval("select verifier from card_pins"))[0]

    assert not await pins.verify(platform, one.person_id, one.card_id, "000000")
    assert await version() == 1
    assert await pins.verify(platform, one.person_id, one.card_id, PIN)
    assert await version() == 2
    assert await pins.verify(platform, one.person_id, one.card_id, PIN)


async def test_more_secrets_than_can_be_checked_are_refused_at_once(platform: Platform) -> None:
    limit = verifiers.AT_ONCE + verifiers.WAITING_MAX
    answers = await asyncio.gather(
        *(verifiers.check(platform, "x", "1", PIN, None) for _ in range(limit + 10)),
        return_exceptions=True,
    )
    assert sum(answer is False for answer in answers) == limit
    busy = [answer for answer in answers if isinstance(answer, verifiers.Busy)]
    assert len(busy) == 10
    assert busy[0].status == 503
    assert await verifiers.check(platform, "x", "1", PIN, None) is False
