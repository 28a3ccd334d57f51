"""Posting notices: exactly once, checked, in words, and on the phone where the person wants it."""

import asyncio
from datetime import date, timedelta

import pytest

from tests.people.notices_at_hand import at, make_person, stored, texts
from yikatong.core.clock import FixedClock
from yikatong.core.days import moment_in_words
from yikatong.core.errors import NotFound, Text
from yikatong.core.platform import Platform
from yikatong.people.notices import rules, service
from yikatong.people.notices.kinds import KINDS
from yikatong.people.notices.model import Fact, Facts, FactType, Posting

READY: Facts = {"place": "成都银行天府支行"}


async def post(
    platform: Platform,
    kind: str = "card.ready",
    facts: Facts = READY,
    once: str = "card-1-ready",
    person_id: int = 1,
) -> bool:
    async with platform.database.transaction() as connection:
        return await service.post(platform, connection, person_id, kind, facts, once=once)


async def test_a_notice_is_recorded_once_for_its_cause(platform: Platform) -> None:
    await make_person(platform)
    assert await post(platform)
    assert not await post(platform)
    assert await post(platform, once="card-2-ready")
    assert [one["once"] for one in await stored(platform)] == ["card-1-ready", "card-2-ready"]


async def test_posted_by_many_at_once_it_is_recorded_once(platform: Platform) -> None:
    await make_person(platform, 1)
    await make_person(platform, 2)

    async def both(order: tuple[int, int]) -> int:
        async with platform.database.transaction() as connection:
            return await service.post_many(
                platform, connection, [Posting(one, "card.ready", READY, "same") for one in order]
            )

    new = await asyncio.gather(*(both((1, 2) if turn % 2 else (2, 1)) for turn in range(8)))
    assert sum(new) == 2
    assert len(await stored(platform)) == 2


async def test_what_is_rolled_back_was_not_told(platform: Platform) -> None:
    await make_person(platform)

    async def fail() -> None:
        async with platform.database.transaction() as connection:
            await service.post(platform, connection, 1, "card.ready", READY, once="a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await stored(platform) == []
    assert await post(platform, once="a")


async def test_nobody_is_told_nothing(platform: Platform) -> None:
    with pytest.raises(NotFound):
        await post(platform, person_id=77)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("card.ready", {}),
        ("card.ready", {"place": "网点", "more": "x"}),
        ("card.ready", {"place": date(2026, 3, 1)}),
        ("card.expiring", {"card": "A12345678", "until": date(2026, 3, 1)}),
        ("card.expiring", {"card": "5678", "until": "2026-03-01"}),
        ("card.expiring", {"card": "5678", "until": at("2026-03-01T08:00")}),
        (
            "loss.provisional",
            {"card": "5678", "until": at("2026-03-01T08:00").replace(tzinfo=None)},
        ),
        ("application.sent", {"carrier": "邮政", "parcel": "110101199003070695"}),
        ("application.sent", {"carrier": "邮政", "parcel": "EX 123 CN"}),
        ("filing.ending", {"destination": "Beijing", "until": date(2026, 3, 1)}),
        ("benefit.held", {"benefit": "wage", "reason": "review"}),
        ("payment.returned", {"benefit": "pension", "amount": "12.00"}),
    ],
)
async def test_wrong_facts_are_an_error_of_the_program(
    platform: Platform, kind: str, facts: Facts
) -> None:
    await make_person(platform)
    with pytest.raises(AssertionError):
        await post(platform, kind, facts)
    with pytest.raises(KeyError):
        await post(platform, "card.unheard_of", facts)
    assert await stored(platform) == []


async def test_a_faulty_caller_is_stopped_after_ten_of_a_kind_a_day(
    platform: Platform, clock: FixedClock
) -> None:
    await make_person(platform)
    for turn in range(12):
        assert await post(platform, once=f"turn-{turn}") == (turn < 10)
    assert await post(platform, "pin.changed", {"card": "5678"}, once="other kind")
    clock.advance(timedelta(days=1))
    assert await post(platform, once="turn-11")
    async with platform.database.transaction() as connection:
        many = [Posting(1, "pin.reset", {"card": "5678"}, f"turn-{turn}") for turn in range(12)]
        assert await service.post_many(platform, connection, many) == 10


# ---- words ----

_EXAMPLES: dict[str, Fact] = {
    "day": date(2026, 3, 1),
    "moment": at("2026-03-01T08:05"),
    "tail": "5678",
    "reference": "EX-2026-000123",
    "region": "510100",
    "words": Text("照片不清楚。", "the photo is not clear."),
    "money": 123456,
}


def example(wanted: FactType) -> Fact:
    return _EXAMPLES[wanted] if isinstance(wanted, str) else next(iter(wanted))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_says_what_it_has_to_in_both_languages(kind: service.Kind) -> None:
    facts = {name: example(wanted) for name, wanted in kind.facts.items()}
    body = rules.body(kind, rules.stored(kind, facts))
    for words in (body, kind.title, *([kind.todo] if kind.todo else [])):
        assert words.zh
        assert words.en
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in words.en), words.en
    assert "{" not in body.zh + body.en
    assert "。。" not in body.zh
    assert ".." not in body.en
    assert len(body.zh) <= 120
    assert len(body.en) <= 300
    assert kind.link is None or kind.link.startswith("/")
    assert "{" not in kind.title.zh + kind.title.en


def test_days_places_and_sums_are_written_as_people_write_them() -> None:
    kind = KINDS["filing.ending"]
    facts = rules.stored(kind, {"destination": "510100", "until": date(2026, 12, 1)})
    assert "四川省成都市" in rules.body(kind, facts).zh
    assert "2026年12月1日到期" in rules.body(kind, facts).zh
    assert "Chengdu, Sichuan ends on 1 December 2026" in rules.body(kind, facts).en
    moment = at("2026-03-09T21:05")
    assert moment_in_words(moment, "zh") == "2026年3月9日 21:05"
    assert moment_in_words(moment, "en") == "9 March 2026, 21:05"
    kind = KINDS["payment.returned"]
    facts = rules.stored(kind, {"benefit": "pension", "amount": 356789})
    assert "养老金 3,567.89 元" in rules.body(kind, facts).zh
    assert "pension of 3,567.89 yuan" in rules.body(kind, facts).en


def test_long_words_are_cut() -> None:
    kind = KINDS["application.refused"]
    facts = rules.stored(kind, {"reason": "照片\n不清楚" * 100})
    body = rules.body(kind, facts)
    assert len(body.zh) < 260
    assert "照片 不清楚" in body.zh
    assert "…" in body.zh


# ---- the hours of texts ----


@pytest.mark.parametrize(
    ("now", "goes_out"),
    [
        ("2026-03-01T21:59", None),
        ("2026-03-01T22:00", "2026-03-02T08:00"),
        ("2026-03-01T23:59", "2026-03-02T08:00"),
        ("2026-03-02T00:00", "2026-03-02T08:00"),
        ("2026-03-02T07:59", "2026-03-02T08:00"),
        ("2026-03-02T08:00", None),
    ],
)
def test_at_night_texts_wait_for_the_morning_except_those_about_safety(
    now: str, goes_out: str | None
) -> None:
    wanted = None if goes_out is None else at(goes_out)
    assert rules.not_before(at(now), security=False) == wanted
    assert rules.not_before(at(now), security=True) is None


async def test_without_a_wish_for_texts_only_the_inbox_has_it(platform: Platform) -> None:
    await make_person(platform)
    await post(platform)
    assert await texts(platform) == []
    assert (await stored(platform))[0]["text_state"] is None
