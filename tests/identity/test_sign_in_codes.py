"""One-time codes: bound to browser, purpose and time, used once, told to nobody else."""

import asyncio
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from tests.cards.test_pins import dump
from tests.identity.people import PIN, Someone, quick_hashes, somebody
from yikatong.core import sending
from yikatong.core.clock import FixedClock
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import codes, service
from yikatong.identity.signing_in.model import CodeNotRight, CodeOver, NoPhone, Visitor
from yikatong.trust.guessing import TooManyTries

HOME = Visitor("192.0.2.1", "Firefox · Linux")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service, "REFUSED_AT_MULTIPLES_OF_SECONDS", 0)
    with quick_hashes():
        yield


async def last_code(platform: Platform) -> str:
    """The code of the newest text in the inbox."""
    text = (await sending.inbox(platform))[0]
    found = re.search(r"验证码 ([0-9]+)", text.words.zh)
    assert found
    assert found[1] in text.words.en
    return found[1]


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


async def begun(platform: Platform, one: Someone, mode: Any = "card_pin") -> Session:
    async with platform.database.transaction() as connection:
        return (await sessions.begin(platform, connection, one.person_id, {mode}, "test"))[0]


async def test_a_code_signs_in_once(platform: Platform) -> None:
    one = await somebody(platform)
    token = await codes.ask(platform, HOME, one.id_number)
    code = await last_code(platform)
    assert len(code) == 6
    signed_in = await codes.sign_in(platform, HOME, token, f" {code[:3]} {code[3:]}")
    assert signed_in.session.person_id == one.person_id
    assert signed_in.session.modes == ("one_time_code",)
    assert signed_in.session.level == 1
    with pytest.raises(CodeOver):
        await codes.sign_in(platform, HOME, token, code)


async def test_a_code_used_twice_at_the_same_moment_signs_in_once(platform: Platform) -> None:
    one = await somebody(platform)
    token = await codes.ask(platform, HOME, one.id_number)
    code = await last_code(platform)
    answers = await asyncio.gather(
        *(codes.sign_in(platform, HOME, token, code) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(answer, CodeOver) for answer in answers) == 2


async def test_the_text_names_its_purpose_and_warns(platform: Platform) -> None:
    one = await somebody(platform)
    await codes.ask(platform, HOME, one.id_number)
    signing_in = (await sending.inbox(platform))[0]
    await codes.ask_for_session(platform, HOME, await begun(platform, one))
    confirming = (await sending.inbox(platform))[0]
    assert "用于登录" in signing_in.words.zh
    assert "确认" in confirming.words.zh
    for text in (signing_in, confirming):
        assert "骗子" in text.words.zh
        assert "5 分钟" in text.words.zh
        assert "fraud" in text.words.en
        assert text.to_masked == f"138****{one.phone[-4:]}"


async def test_a_code_belongs_to_its_browser_its_purpose_and_its_session(
    platform: Platform,
) -> None:
    one = await somebody(platform)
    session, other = await begun(platform, one), await begun(platform, one)
    token = await codes.ask(platform, HOME, one.id_number)
    code = await last_code(platform)
    for elsewhere in ("", "x" * 500, token[:-1] + ("A" if token[-1] != "A" else "B")):
        with pytest.raises(CodeOver):
            await codes.sign_in(platform, HOME, elsewhere, code)
    with pytest.raises(CodeOver):
        await codes.step_up(platform, HOME, session, token, code)
    await codes.sign_in(platform, HOME, token, code)
    token = await codes.ask_for_session(platform, HOME, session)
    code = await last_code(platform)
    with pytest.raises(CodeOver):
        await codes.sign_in(platform, HOME, token, code)
    with pytest.raises(CodeOver):
        await codes.step_up(platform, HOME, other, token, code)
    raised = await codes.step_up(platform, HOME, session, token, code)
    assert raised.session.level_at(platform.clock.now()) == 2


async def test_a_code_lasts_five_minutes(platform: Platform, clock: FixedClock) -> None:
    one = await somebody(platform)
    token = await codes.ask(platform, HOME, one.id_number)
    clock.advance(timedelta(minutes=5))
    with pytest.raises(CodeOver):
        await codes.sign_in(platform, HOME, token, await last_code(platform))


async def test_three_wrong_tries_use_a_code_up(platform: Platform) -> None:
    one = await somebody(platform)
    token = await codes.ask(platform, HOME, one.id_number)
    code = await last_code(platform)
    for left in (2, 1):
        with pytest.raises(CodeNotRight) as wrong:
            await codes.sign_in(platform, HOME, token, other_than(code))
        assert str(left) in wrong.value.text.zh
    with pytest.raises(CodeOver):
        await codes.sign_in(platform, HOME, token, other_than(code))
    with pytest.raises(CodeOver):
        await codes.sign_in(platform, HOME, token, code)


async def test_thirty_tries_at_once_get_three_looks(platform: Platform) -> None:
    one = await somebody(platform)
    token = await codes.ask(platform, HOME, one.id_number)
    code = other_than(await last_code(platform))
    answers = await asyncio.gather(
        *(codes.sign_in(platform, HOME, token, code) for _ in range(30)), return_exceptions=True
    )
    assert sum(isinstance(answer, CodeNotRight) for answer in answers) == 2
    assert sum(isinstance(answer, CodeOver) for answer in answers) == 28


async def test_asking_tells_nothing_of_who_exists(platform: Platform) -> None:
    one = await somebody(platform)
    quiet = await somebody(platform, 1000002, phone=False)
    dead = await somebody(platform, 1000003, died_on=date(2025, 1, 1))
    told: list[list[Any]] = []
    for number in (one.id_number, quiet.id_number, dead.card_number, "Z00000000"):
        answers: list[Any] = []
        for _ in range(6):
            try:
                token = await codes.ask(platform, HOME, number)
            except TooManyTries as error:
                answers.append(error.text)
                continue
            answers.append(len(token))
            for _ in range(4):
                # Wrong with certainty, for it has no digits.
                with pytest.raises(YikatongError) as refused:
                    await codes.sign_in(platform, HOME, token, "------")
                answers.append((type(refused.value), refused.value.text))
        told.append(answers)
    assert told[0] == told[1] == told[2] == told[3]
    # The one person with a phone alone got texts.
    texts = await sending.inbox(platform)
    assert {text.to_masked for text in texts} == {f"138****{one.phone[-4:]}"}
    assert len(texts) == 5


async def test_nobody_is_flooded_with_texts_from_many_addresses(
    platform: Platform, clock: FixedClock
) -> None:
    one = await somebody(platform)
    home = Visitor(
        HOME.address, HOME.device,
        (await codes.sign_in(
            platform, HOME, await codes.ask(platform, HOME, one.id_number),
            await last_code(platform),
        )).device_tokens,
    )  # fmt: skip
    for hour in range(24):
        for n in range(3):
            for number in (one.id_number, one.card_number):
                stranger = Visitor(f"198.51.{hour}.{n}", "?")
                try:
                    await codes.ask(platform, stranger, number)
                except TooManyTries:
                    continue
        clock.advance(timedelta(hours=1))
    assert len(await sending.inbox(platform, 500)) <= 11
    # In the own browser a code still comes.
    token = await codes.ask(platform, home, one.id_number)
    await codes.sign_in(platform, home, token, await last_code(platform))


async def test_a_session_is_told_what_is_the_matter(platform: Platform) -> None:
    one = await somebody(platform, phone=False)
    with pytest.raises(NoPhone):
        await codes.ask_for_session(platform, HOME, await begun(platform, one))


async def test_pin_and_code_together_are_level_two(platform: Platform) -> None:
    one = await somebody(platform)
    signed_in = await service.by_secret(platform, HOME, one.card_number, PIN)
    token = await codes.ask_for_session(platform, HOME, signed_in.session)
    raised = await codes.step_up(
        platform, HOME, signed_in.session, token, await last_code(platform)
    )
    assert await sessions.find(platform, signed_in.token) is None
    found = await sessions.find(platform, raised.token)
    assert found is not None
    assert found.level_at(platform.clock.now()) == 2


async def test_without_a_sender_codes_are_honestly_not_available(platform: Platform) -> None:
    one = await somebody(platform)
    production = Platform(
        platform.database, platform.clock, platform.vault,
        msgspec.structs.replace(platform.settings, sandbox=False),
    )  # fmt: skip
    for number in (one.id_number, "Z00000000"):
        with pytest.raises(sending.CannotSend):
            await codes.ask(production, HOME, number)
    # Signing in by PIN works without one.
    await service.by_secret(production, HOME, one.card_number, PIN)


async def test_the_database_alone_does_not_tell_a_code(platform: Platform) -> None:
    one = await somebody(platform)
    token = await codes.ask(platform, HOME, one.id_number)
    code = await last_code(platform)
    everything = await dump(platform)
    assert code not in re.findall(r"[0-9]+", everything)
    assert token not in everything
    assert one.phone not in everything
