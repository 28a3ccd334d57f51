"""Brute force from many addresses: how many guesses are really looked at, and what that is worth.

The arithmetic stands in docs/reference/identity.md; here it is attacked.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tests.identity.people import PIN, quick_hashes, somebody
from tests.identity.test_sign_in_codes import last_code, other_than
from yikatong.cards.pins import rules as pin_rules
from yikatong.core import sending
from yikatong.core.clock import FixedClock
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.signing_in import codes, service
from yikatong.identity.signing_in.model import CodeNotRight, CodeOver, NotRecognized, Visitor
from yikatong.trust import verifiers
from yikatong.trust.guessing import SIX_DIGITS, TooManyTries

YEAR = timedelta(days=365)
STATED = 1e-4
LOOKS_A_YEAR = 2 * SIX_DIGITS[-1].tries
addresses = count()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service, "REFUSED_AT_MULTIPLES_OF_SECONDS", 0)
    with quick_hashes():
        yield


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, clock: FixedClock) -> list[datetime]:
    """When a guess was really compared with somebody's secret."""
    found: list[datetime] = []
    check = verifiers.check

    async def counted(*facts: Any) -> bool:
        if facts[-1] is not None:
            found.append(clock.now())
        return await check(*facts)

    monkeypatch.setattr(verifiers, "check", counted)
    return found


def stranger() -> Visitor:
    """A browser nobody knows, from an address never seen before."""
    n = next(addresses)
    return Visitor(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", "?")


def most_in_a_year(looks: list[datetime]) -> int:
    return max(sum(begin <= one < begin + YEAR for one in looks) for begin in looks)


def test_the_stated_probability_is_what_the_limits_allow() -> None:
    pins = LOOKS_A_YEAR / (1_000_000 - pin_rules.WEAK_MAX)
    six_digits = LOOKS_A_YEAR / 1_000_000
    ten_digits = 2 * 10 * 366 * 3 / 10**10
    assert pins + six_digits + ten_digits <= STATED


async def _try_pins(platform: Platform, numbers: list[str], times: int) -> None:
    for n in range(times):
        # Never the right one: how often it would be looked at is the question.
        guess = f"{n % 380:06d}"
        with pytest.raises((NotRecognized, TooManyTries)):
            await service.by_secret(platform, stranger(), numbers[n % len(numbers)], guess)


async def test_a_pin_guessed_from_ever_new_addresses_is_looked_at_a_few_times_a_year(
    platform: Platform, clock: FixedClock, looks: list[datetime]
) -> None:
    one = await somebody(platform)
    numbers = [one.card_number, one.id_number]
    # Every day first, then every week, over more than two years.
    for day in range(30):
        await _try_pins(platform, numbers, 24 if day < 3 else 3)
        clock.advance(timedelta(days=1))
    for _ in range(110):
        await _try_pins(platform, numbers, 3)
        clock.advance(timedelta(days=7))
    assert len(looks) >= 2 * SIX_DIGITS[-1].tries
    assert most_in_a_year(looks) <= LOOKS_A_YEAR
    assert most_in_a_year(looks) / (1_000_000 - pin_rules.WEAK_MAX) <= STATED


async def test_the_worst_moment_between_two_windows_gives_no_more_than_stated(
    platform: Platform, clock: FixedClock, looks: list[datetime]
) -> None:
    one = await somebody(platform)
    numbers = [one.card_number, one.id_number]
    await _try_pins(platform, numbers, 1)
    clock.advance(timedelta(days=361))
    for _ in range(10):
        for _ in range(4):
            await _try_pins(platform, numbers, 6)
            clock.advance(timedelta(minutes=16))
        clock.advance(timedelta(days=1))
    assert LOOKS_A_YEAR - 1 <= most_in_a_year(looks) <= LOOKS_A_YEAR


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch, clock: FixedClock) -> dict[int, list[datetime]]:
    """When a typed code was really compared with one that was sent, by how many digits it has."""
    found: dict[int, list[datetime]] = {6: [], 10: []}
    compare = codes.is_code

    def counted(platform: Platform, token: str, purpose: Any, typed: str, row: Any) -> bool:
        if row["person_id"] is not None:
            found[row["digits"]].append(clock.now())
        return compare(platform, token, purpose, typed, row)

    monkeypatch.setattr(codes, "is_code", counted)
    return found


async def test_one_code_after_the_other_guessed_from_new_addresses_stays_under_it(
    platform: Platform, clock: FixedClock, compared: dict[int, list[datetime]]
) -> None:
    one = await somebody(platform)
    for step in range(150):
        number = (one.card_number, one.id_number)[step % 2]
        sent = len(await sending.inbox(platform, 500))
        try:
            token = await codes.ask(platform, stranger(), number)
        except TooManyTries:
            clock.advance(timedelta(hours=3))
            continue
        if len(await sending.inbox(platform, 500)) == sent:
            clock.advance(timedelta(hours=3))
            continue
        code = await last_code(platform)
        for _ in range(4):
            with pytest.raises((CodeNotRight, CodeOver)):
                await codes.sign_in(platform, stranger(), token, other_than(code))
        clock.advance(timedelta(minutes=1) if step % 5 else timedelta(days=4))
    assert len(compared[6]) == SIX_DIGITS[-1].tries
    # From then on codes are of ten digits: the owner is let in, a guess is worth nothing.
    assert len(compared[10]) > 30
    token = await codes.ask(platform, Visitor("192.0.2.77", "?"), one.id_number)
    code = await last_code(platform)
    assert len(code) == 10
    signed_in = await codes.sign_in(platform, Visitor("192.0.2.77", "?"), token, code)
    assert signed_in.session.person_id == one.person_id
    # A year later they are short again.
    clock.advance(YEAR)
    await codes.ask(platform, stranger(), one.id_number)
    assert len(await last_code(platform)) == 6


async def test_whoever_knows_the_pin_gains_no_tries_at_codes_by_new_browsers(
    platform: Platform, clock: FixedClock, compared: dict[int, list[datetime]]
) -> None:
    one = await somebody(platform)
    for _ in range(15):
        # Each browser is known from now on, by the PIN.
        thief = stranger()
        signed_in = await service.by_secret(platform, thief, one.card_number, PIN)
        thief = Visitor(thief.address, thief.device, signed_in.device_tokens)
        try:
            token = await codes.ask_for_session(platform, thief, signed_in.session)
        except TooManyTries:
            clock.advance(timedelta(hours=5))
            continue
        code = await last_code(platform)
        for _ in range(3):
            with pytest.raises((CodeNotRight, CodeOver)):
                await codes.step_up(platform, thief, signed_in.session, token, other_than(code))
        clock.advance(timedelta(hours=5))
    assert 20 < len(compared[6]) <= SIX_DIGITS[-1].tries
    assert compared[10]


async def test_ids_cannot_be_told_apart_by_trying_a_pin_at_each(
    platform: Platform, clock: FixedClock, looks: list[datetime]
) -> None:
    one = await somebody(platform)
    numbers = [f"Z{n:08d}" for n in range(60)] + [one.card_number]
    told: dict[str, list[Any]] = {}
    for number in numbers:
        for _ in range(6):
            with pytest.raises(YikatongError) as refused:
                await service.by_secret(platform, stranger(), number, "000000")
            error = refused.value
            told.setdefault(number, []).append((type(error), error.text, error.status))
    assert all(answers == told[one.card_number] for answers in told.values())
    assert len(looks) == 5


async def test_one_address_gets_so_many_looks_over_all_people(
    platform: Platform, clock: FixedClock, looks: list[datetime]
) -> None:
    people = [await somebody(platform, 1000001 + n) for n in range(40)]
    here = Visitor("192.0.2.1", "?")
    for one in people:
        with pytest.raises((NotRecognized, TooManyTries)):
            await service.by_secret(platform, here, one.card_number, "000000")
    assert len(looks) == 30
    # Their owners are let in from elsewhere.
    await service.by_secret(platform, stranger(), people[0].card_number, PIN)


async def test_ids_cannot_be_told_apart_by_trying_codes_at_each(platform: Platform) -> None:
    one = await somebody(platform)
    nobody = "Z00000001"
    answers: dict[str, list[str]] = {}
    for number in (one.card_number, nobody):
        tokens = [await codes.ask(platform, stranger(), number) for _ in range(4)]
        answers[number] = []
        for token in tokens:
            for _ in range(3):
                with pytest.raises(YikatongError) as error:
                    await codes.sign_in(platform, stranger(), token, "0000000")
                answers[number].append(error.value.text.en)
    assert answers[one.card_number] == answers[nobody]
