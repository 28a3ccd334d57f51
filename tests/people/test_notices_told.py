"""How people are told: by text where they chose it, in their language, at decent hours, and what
became of it."""

from datetime import date, timedelta

import msgspec
import pytest

from tests.people.notices_at_hand import make_person, stored, texts
from yikatong.core import sending
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.core.sending import NotDelivered, Outgoing
from yikatong.people.notices import service
from yikatong.people.notices.model import Choices, Facts, NoSuchNotice, Notice, Subject
from yikatong.trust import audit
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "C-17", "how to be told")
READY: Facts = {"place": "成都银行天府支行"}
PIN: Facts = {"card": "5678"}


class Gateway:
    """Takes texts on, or fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[Outgoing] = []

    async def send(self, text: Outgoing) -> None:
        if self.failures:
            self.failures -= 1
            raise NotDelivered("status 500", again=False)
        self.got.append(text)


@pytest.fixture
def real(platform: Platform) -> Platform:
    """A platform with a sender."""
    settings = msgspec.structs.replace(platform.settings, sender_url="https://sms.example")
    return Platform(platform.database, platform.clock, platform.vault, settings)


async def wants(platform: Platform, *subjects: Subject, language: str = "zh") -> None:
    chosen = msgspec.convert({"language": language, "texts": subjects}, Choices)
    await service.choose(platform, 1, chosen, CLERK)


async def post(
    platform: Platform, kind: str = "card.ready", facts: Facts = READY, once: str = "1"
) -> bool:
    async with platform.database.transaction() as connection:
        return await service.post(platform, connection, 1, kind, facts, once=once)


async def inbox(platform: Platform, **how: object) -> list[Notice]:
    async with platform.database.transaction(readonly=True) as connection:
        return await service.of_person(connection, 1, **how)  # pyright: ignore


async def test_who_wants_texts_gets_one_in_their_language_and_sees_that_it_went_out(
    real: Platform,
) -> None:
    await make_person(real)
    await wants(real, "card", language="en")
    await post(real)
    await post(real, "contact.check", {}, "2026")
    assert [one.text_state for one in await inbox(real)] == [None, "waiting"]
    gateway = Gateway()
    assert await sending.deliver(real, gateway) == 1
    (text,) = gateway.got
    assert (text.to, text.purpose, text.language) == ("13861720001", "notice.card.ready", "en")
    assert text.words.en.startswith("[Yikatong] Your social-security card is ready.")
    assert text.words.zh.startswith("【一卡通】您的社保卡已制好。")
    assert [one.text_state for one in await inbox(real)] == [None, "sent"]
    assert not await post(real)
    assert await sending.deliver(real, gateway) == 0


async def test_a_text_that_fails_leaves_the_notice_and_says_so(real: Platform) -> None:
    await make_person(real)
    await wants(real, "card")
    await post(real)
    assert await sending.deliver(real, Gateway(failures=9)) == 0
    assert [one.text_state for one in await inbox(real)] == ["failed"]


async def test_texts_of_a_night_go_out_in_the_morning_and_those_about_safety_at_once(
    real: Platform, clock: FixedClock
) -> None:
    await make_person(real)
    await wants(real, "card", "security")
    clock.advance(timedelta(hours=14))
    await post(real)
    await post(real, "pin.changed", PIN)
    gateway = Gateway()
    await sending.deliver(real, gateway)
    assert [one.purpose for one in gateway.got] == ["notice.pin.changed"]
    clock.advance(timedelta(hours=8, minutes=59))
    assert await sending.deliver(real, gateway) == 0
    clock.advance(timedelta(minutes=1))
    assert clock.now().hour == 8
    await sending.deliver(real, gateway)
    assert [one.purpose for one in gateway.got] == ["notice.pin.changed", "notice.card.ready"]


async def test_what_waited_too_long_is_not_sent_any_more(real: Platform, clock: FixedClock) -> None:
    await make_person(real)
    await wants(real, "card")
    await post(real)
    clock.advance(timedelta(days=2))
    assert await sending.deliver(real, Gateway()) == 0
    assert [one.text_state for one in await inbox(real)] == ["late"]
    # Long after, when the text itself is forgotten, the notice is still there.
    clock.advance(timedelta(days=31))
    await sending.forget_old(real)
    assert [one.text_state for one in await inbox(real)] == ["handed_over"]


async def test_without_a_phone_or_a_sender_the_inbox_has_it_and_says_why_no_text(
    platform: Platform,
) -> None:
    await make_person(platform, phone=None)
    await wants(platform, "card")
    await post(platform)
    settings = msgspec.structs.replace(platform.settings, sandbox=False)
    production = Platform(platform.database, platform.clock, platform.vault, settings)
    await post(production, once="2")
    assert [one.text_state for one in await inbox(platform)] == ["no_sender", "no_phone"]
    assert await texts(platform) == []


async def test_a_new_device_is_told_to_the_phone_whatever_was_chosen(platform: Platform) -> None:
    await make_person(platform)
    facts: Facts = {"device": "Firefox", "at": platform.clock.now()}
    await post(platform, "device.new", facts)
    await post(platform, "device.new_by_code", facts)
    assert [one["purpose"] for one in await texts(platform)] == ["notice.device.new"]


async def test_no_text_goes_to_who_died(platform: Platform) -> None:
    await make_person(platform, died_on=date(2026, 2, 1))
    await wants(platform, "benefits")
    await post(platform, "benefit.held", {"benefit": "pension", "reason": "recorded_dead"})
    assert await texts(platform) == []
    assert [one.kind for one in await inbox(platform)] == ["benefit.held"]


# ---- choices ----


async def test_choices_are_kept_recorded_once_and_checked(platform: Platform) -> None:
    await make_person(platform)
    async with platform.database.transaction(readonly=True) as connection:
        assert await service.choices(connection, 1) == Choices("zh", False, ())
    wanted = service.choices_of("en", ["security", "card", "card"], large_type=True)
    for _ in range(2):
        kept = await service.choose(platform, 1, wanted, CLERK)
        assert kept == Choices("en", True, ("card", "security"))
    async with platform.database.transaction(readonly=True) as connection:
        assert await service.choices(connection, 1) == kept
        events = await audit.of_person(connection, 1)
    assert [(one.action, one.actor.name) for one in events] == [("notices.chosen", "C-17")]
    for field, language, subject in (("language", "fr", "card"), ("texts", "en", "weather")):
        with pytest.raises(InvalidInput) as refused:
            service.choices_of(language, [subject], large_type=False)
        assert refused.value.field == field
    with pytest.raises(NotFound):
        await service.choose(platform, 2, wanted, CLERK)


# ---- reading ----


async def test_notices_are_read_newest_first_in_pages_and_marked_when_opened(
    platform: Platform, clock: FixedClock
) -> None:
    await make_person(platform)
    for number in range(5):
        await post(platform, once=f"{number}")
        clock.advance(timedelta(minutes=1))
    await post(platform, "pin.changed", PIN)
    first = await inbox(platform, limit=4)
    assert [one.kind for one in first] == ["pin.changed", *["card.ready"] * 3]
    rest = await inbox(platform, before=first[-1].notice_id, limit=4)
    assert len(rest) == 2
    assert all(one.unread for one in (*first, *rest))
    async with platform.database.transaction() as connection:
        assert await service.unread(connection, 1) == 6
        assert await service.unread(connection, 1, subjects=["card"]) == 5
        one = await service.opened(platform, connection, 1, rest[-1].notice_id)
        assert one.read_at == clock.now()
        # Another look changes nothing, nor does one that marks nothing.
        seen = await service.opened(platform, connection, 1, first[0].notice_id, mark=False)
        assert seen.unread
        assert await service.unread(connection, 1) == 5
        # What came meanwhile stays unread.
        assert await service.mark_all_read(platform, connection, 1, first[2].notice_id) == 3
        assert await service.unread(connection, 1) == 2
        with pytest.raises(NoSuchNotice):
            await service.opened(platform, connection, 1, first[0].notice_id, subjects=["card"])
        with pytest.raises(NoSuchNotice):
            await service.opened(platform, connection, 2, first[0].notice_id)


async def test_notices_are_forgotten_after_two_years(platform: Platform, clock: FixedClock) -> None:
    await make_person(platform)
    await post(platform)
    clock.advance(timedelta(days=729))
    await post(platform, once="2")
    assert await service.forget_old(platform) == 0
    clock.advance(timedelta(days=2))
    assert await service.forget_old(platform) == 1
    assert await service.forget_old(platform) == 0
    assert [one["once"] for one in await stored(platform)] == ["2"]
