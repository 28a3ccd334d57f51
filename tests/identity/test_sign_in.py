"""Signing in with a PIN or password, known browsers, new sessions."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.identity.people import PIN, Someone, quick_hashes, somebody
from yikatong.core import sending
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import devices, passwords, service
from yikatong.identity.signing_in.model import LevelTooLow, NotRecognized, SignedIn, Visitor
from yikatong.trust import audit, verifiers
from yikatong.trust.guessing import TooManyTries

HOME = Visitor("192.0.2.1", "Firefox · Linux")
PASSWORD = "蓝天下 the quiet river"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals leave at once here; that they leave steadily is a test of its own."""
    monkeypatch.setattr(service, "REFUSED_AT_MULTIPLES_OF_SECONDS", 0)


@pytest.fixture
def quick() -> Iterator[list[str]]:
    with quick_hashes() as looked:
        yield looked


def again(signed_in: SignedIn, visitor: Visitor = HOME) -> Visitor:
    """The same browser, with the device cookie it got."""
    return Visitor(visitor.address, visitor.device, signed_in.device_tokens)


async def raised(platform: Platform, one: Someone) -> Session:
    """A session of level 2."""
    async with platform.database.transaction() as connection:
        return (await sessions.begin(platform, connection, one.person_id, {"e_card"}, "test"))[0]


async def test_a_person_signs_in_with_card_or_id_number_and_pin(platform: Platform) -> None:
    one = await somebody(platform)
    for number in (one.card_number, one.id_number, f" {one.id_number[:6]} {one.id_number[6:]} "):
        signed_in = await service.by_secret(platform, HOME, number, PIN)
        assert signed_in.session.person_id == one.person_id
        assert signed_in.session.modes == ("card_pin",)
        assert signed_in.session.level == 1
        assert await sessions.find(platform, signed_in.token) == signed_in.session


@pytest.mark.parametrize(
    ("number", "secret", "field"),
    [("", PIN, "number"), ("12345", PIN, "number"), ("510104198503050011", PIN, "number"),
     ("A12345678", "", "secret"), ("A12345678", "x" * 300, "secret")],
)  # fmt: skip
async def test_what_has_no_form_is_told_beside_its_field(
    platform: Platform, number: str, secret: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await service.by_secret(platform, HOME, number, secret)
    assert refused.value.field == field


async def refusal(platform: Platform, number: str, secret: str, visitor: Visitor = HOME) -> Any:
    with pytest.raises(YikatongError) as refused:
        await service.by_secret(platform, visitor, number, secret)
    error = refused.value
    return type(error), error.text, error.field


async def test_refusals_are_alike_whoever_it_is(platform: Platform) -> None:
    one = await somebody(platform)
    dead = await somebody(platform, 1000002, died_on=date(2025, 1, 1))
    lost = await somebody(platform, 1000003, state="loss_reported")
    gone = await somebody(platform, 1000004, state="replaced")
    unset = await somebody(platform, 1000005, pin=None)
    nobody_card, nobody_id = "Z00000000", "110101199003074477"
    told = {
        await refusal(platform, number, secret)
        for number, secret in (
            (one.card_number, "000000"), (one.id_number, "wrong password"),
            (dead.card_number, PIN), (lost.card_number, PIN), (gone.card_number, PIN),
            (unset.id_number, PIN), (nobody_card, PIN), (nobody_id, PIN),
            (nobody_id, "some password"),
        )
    }  # fmt: skip
    assert len(told) == 1
    assert told.pop()[0] is NotRecognized


async def test_every_refusal_does_the_same_hashing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await somebody(platform)
    hashed: list[str] = []
    argon2 = verifiers._argon2

    def counted(secret: str, *facts: Any) -> bytes:
        hashed.append(secret)
        return argon2(secret, *facts)

    monkeypatch.setattr(verifiers, "_argon2", counted)
    # Also when this person's tries are used up.
    for number in (one.card_number, one.id_number) * 4 + ("Z00000000", "110101199003074477"):
        hashed.clear()
        assert (await refusal(platform, number, "000000"))[0] is NotRecognized
        assert len(hashed) == 1


async def test_refusals_leave_at_full_steps_of_time(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await somebody(platform)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(service, "REFUSED_AT_MULTIPLES_OF_SECONDS", 0.25)
    monkeypatch.setattr(service.asyncio, "sleep", sleep)
    for number in (one.card_number, "Z00000000"):
        await refusal(platform, number, "000000")
    assert len(slept) == 2
    assert all(0 < one <= 0.25 for one in slept)


async def test_too_many_tries_at_a_number_are_told_alike_for_nobody(platform: Platform) -> None:
    one = await somebody(platform)
    for number in (one.card_number, "Z00000000"):
        for n in range(5):
            away = Visitor(f"198.51.100.{n}", "?")
            assert (await refusal(platform, number, "000000", away))[0] is NotRecognized
        kind, text, _ = await refusal(platform, number, PIN, Visitor("203.0.113.9", "?"))
        assert kind is TooManyTries
        assert "16 分钟" in text.zh


async def test_one_address_does_not_try_all_numbers(platform: Platform, quick: list[str]) -> None:
    for n in range(30):
        assert (await refusal(platform, f"Z{n:08d}", "000000"))[0] is NotRecognized
    assert (await refusal(platform, "Z99999999", "000000"))[0] is TooManyTries
    other = Visitor("192.0.2.2", "?")
    assert (await refusal(platform, "Z99999999", "000000", other))[0] is NotRecognized


async def test_strangers_tries_never_stop_people_in_their_own_browser(
    platform: Platform, clock: FixedClock, quick: list[str]
) -> None:
    one = await somebody(platform)
    at_home = again(await service.by_secret(platform, HOME, one.card_number, PIN))
    for day in range(40):
        for n in range(6):
            stranger = Visitor(f"198.51.100.{n}", "?")
            kind, _, _ = await refusal(platform, one.id_number, "000000", stranger)
            assert kind in (NotRecognized, TooManyTries)
        # From the strangers' own address too.
        mine = Visitor(f"198.51.100.{day}", HOME.device, at_home.tokens)
        signed_in = await service.by_secret(platform, mine, one.id_number, PIN)
        assert signed_in.device_tokens == at_home.tokens
        clock.advance(timedelta(hours=11))
    # A stranger is not looked at any more, with the right PIN either.
    assert (await refusal(platform, one.card_number, PIN, Visitor("203.0.113.1", "?")))[0] in (
        NotRecognized, TooManyTries,
    )  # fmt: skip
    # And wrong tries in the own browser run out as well.
    for _ in range(5):
        assert (await refusal(platform, one.id_number, "000000", at_home))[0] is NotRecognized
    assert (await refusal(platform, one.id_number, PIN, at_home))[0] is TooManyTries


async def test_a_browser_is_known_only_to_its_person_and_for_what_was_proved_there(
    platform: Platform,
) -> None:
    one, other = await somebody(platform), await somebody(platform, 1000002)
    first = await service.by_secret(platform, HOME, one.card_number, PIN)
    second = await service.by_secret(platform, again(first), other.card_number, PIN)
    assert len(second.device_tokens) == 2
    assert second.device_tokens[1:] == first.device_tokens
    family = again(second)
    async with platform.database.transaction() as connection:
        for person in (one, other):
            found = await devices.find(platform, connection, person.person_id, family)
            assert found is not None
            assert found.person_id == person.person_id
            assert found.proofs == ("card_pin",)
        assert await devices.find(platform, connection, other.person_id, again(first)) is None
    assert (await service.by_secret(platform, family, one.card_number, PIN)).device_tokens == (
        family.tokens
    )
    assert len(await devices.of_person(platform, one.person_id)) == 1


async def test_a_forgotten_browser_is_a_strangers_again(
    platform: Platform, clock: FixedClock
) -> None:
    one = await somebody(platform)
    signed_in = await service.by_secret(platform, HOME, one.card_number, PIN)
    (device,) = await devices.of_person(platform, one.person_id)
    assert signed_in.device_tokens[0] not in str(device)
    await devices.forget(platform, one.person_id, device.device_id, signed_in.session.actor("test"))
    with pytest.raises(YikatongError):
        await devices.forget(
            platform, one.person_id, device.device_id, signed_in.session.actor("test")
        )
    async with platform.database.transaction() as connection:
        assert await devices.find(platform, connection, one.person_id, again(signed_in)) is None
    # So is one that nobody used for a year.
    home = again(await service.by_secret(platform, HOME, one.card_number, PIN))
    clock.advance(timedelta(days=366))
    async with platform.database.transaction() as connection:
        assert await devices.find(platform, connection, one.person_id, home) is None


def test_a_device_cookie_of_anything_is_read() -> None:
    token = "a" * 32
    assert devices.read_tokens(None) == devices.read_tokens("") == ()
    assert devices.read_tokens("x" * 100_000) == ()
    assert devices.read_tokens(f"{token}.short.{'b' * 32}") == (token, "b" * 32)
    assert len(devices.read_tokens(".".join([token] * 50))) == devices.TOKENS_MAX
    assert devices.read_tokens(devices.write_tokens([token] * 3)) == (token,) * 3


async def test_only_so_many_browsers_are_kept(platform: Platform, clock: FixedClock) -> None:
    one = await somebody(platform)
    for n in range(devices.KEPT_MAX + 3):
        async with platform.database.transaction() as connection:
            await devices.note(platform, connection, one.person_id, HOME, {"card_pin"})
        clock.advance(timedelta(seconds=n))
    assert len(await devices.of_person(platform, one.person_id)) == devices.KEPT_MAX


async def test_every_sign_in_is_a_new_session_and_ends_the_one_before(platform: Platform) -> None:
    one = await somebody(platform)
    first = await service.by_secret(platform, HOME, one.card_number, PIN)
    second = await service.by_secret(
        platform, again(first), one.card_number, PIN, before=first.session
    )
    assert second.session.session_id != first.session.session_id
    assert await sessions.find(platform, first.token) is None
    assert await sessions.find(platform, second.token) is not None


async def test_a_stronger_proof_changes_the_token(platform: Platform) -> None:
    one = await somebody(platform)
    async with platform.database.transaction() as connection:
        session, token = await sessions.begin(
            platform, connection, one.person_id, {"one_time_code"}, "test"
        )
    with pytest.raises(NotRecognized):
        await service.step_up_by_secret(platform, HOME, session, "000000")
    assert await sessions.find(platform, token) is not None
    raised = await service.step_up_by_secret(platform, HOME, session, PIN)
    assert raised.session.level_at(platform.clock.now()) == 2
    assert await sessions.find(platform, token) is None
    found = await sessions.find(platform, raised.token)
    assert found is not None
    assert found.session_id == session.session_id
    assert found.level_at(platform.clock.now()) == 2


async def test_a_new_browser_is_told_to_the_phone_and_a_known_one_is_not(
    platform: Platform,
) -> None:
    one = await somebody(platform)
    signed_in = await service.by_secret(platform, HOME, one.card_number, PIN)
    await service.by_secret(platform, again(signed_in), one.card_number, PIN)
    (text,) = await sending.inbox(platform)
    assert text.purpose == "notice.device.new"
    assert "Firefox · Linux" in text.words.zh
    assert text.to_masked == f"138****{one.phone[-4:]}"


async def test_the_person_sees_who_tried(platform: Platform) -> None:
    one = await somebody(platform)
    await refusal(platform, one.card_number, "000000", Visitor("192.0.2.9", "Chrome · Windows"))
    await service.by_secret(platform, HOME, one.card_number, PIN)
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, one.person_id)
    refused = next(event for event in events if event.action == "session.refused")
    assert refused.detail == {"mode": "card_pin", "device": "Chrome · Windows"}
    assert any(event.action == "session.begun" for event in events)


async def test_a_password_is_chosen_used_and_removed(platform: Platform) -> None:
    one = await somebody(platform)
    low = (await service.by_secret(platform, HOME, one.card_number, PIN)).session
    with pytest.raises(LevelTooLow):
        await passwords.put(platform, low, PASSWORD)
    session = await raised(platform, one)
    await passwords.put(platform, session, PASSWORD)
    # Others' sessions end, in case a thief had one.
    assert [each.session_id for each in await sessions.of_person(platform, one.person_id)] == [
        session.session_id
    ]
    signed_in = await service.by_secret(platform, HOME, one.id_number, PASSWORD)
    assert signed_in.session.modes == ("password",)
    for wrong in (PASSWORD + " ", PASSWORD.upper(), "another password"):
        assert (await refusal(platform, one.id_number, wrong))[0] is NotRecognized
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchval("select p::text from passwords p")
    assert "river" not in row
    assert await passwords.is_set(platform, one.person_id)
    with pytest.raises(LevelTooLow):
        await passwords.remove(platform, signed_in.session)
    await passwords.remove(platform, session)
    await passwords.remove(platform, session)
    assert not await passwords.is_set(platform, one.person_id)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "至少"), ("x" * 129, "最多"), ("aaaaaaaaaaaa", "容易猜"), ("1234567890", "容易猜"),
        ("abcdefghijkl", "容易猜"), ("Password123!", "容易猜"), ("WOAINI520520", "容易猜"),
        ("13861720001", "手机"), ("张三丰13861720001", "手机"),
    ],
)  # fmt: skip
async def test_passwords_everybody_tries_first_are_refused(
    platform: Platform, password: str, why: str
) -> None:
    session = await raised(platform, await somebody(platform))
    with pytest.raises(InvalidInput) as refused:
        await passwords.put(platform, session, password)
    assert refused.value.field == "new"
    assert why in refused.value.text.zh


async def test_a_session_ends_with_the_death_of_its_person(platform: Platform) -> None:
    one = await somebody(platform)
    async with platform.database.transaction() as connection:
        _, token = await sessions.begin(platform, connection, one.person_id, {"card_pin"}, "test")
    assert await sessions.find(platform, token) is not None
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update persons set died_on = $2 where person_id = $1", one.person_id, date(2026, 3, 1)
        )
    assert await sessions.find(platform, token) is None
