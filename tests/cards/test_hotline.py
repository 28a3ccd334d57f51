"""The hotline: three facts, a yes or a no, and how the card stands."""

from datetime import date

import pytest

from tests.cards.citizens import CLERK, FIRST, ONLINE, PHONE, SELF, citizen, with_card
from yikatong.cards.office import applying, hotline, living
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.population.rows import id_number
from yikatong.trust import audit
from yikatong.trust.access import Caller, Grant
from yikatong.trust.guessing import TooManyTries

AGENT = Caller("staff", "h-1", (Grant("hotline", "510000"),))
BEIJING = Caller("staff", "h-2", (Grant("hotline", "110000"),))
NUMBER = id_number("510104", date(1985, 3, 5), 1)
PERSON = 1000001


async def asked(
    platform: Platform, third: str, value: str, name: str = "张三丰", number: str = NUMBER
) -> int | None:
    return await hotline.match(platform, AGENT, hotline.read(name, number, third, value))


async def test_three_facts_lead_to_the_holder_and_the_trail_tells_them(platform: Platform) -> None:
    card = await with_card(platform)
    tail = card.card_number[-4:]
    for third, value in (("phone", "0001"), ("phone", "13861720001"), ("residence", "锦江区"),
                         ("card", tail.lower())):  # fmt: skip
        assert await asked(platform, third, value) == PERSON, third
    by_card = await asked(platform, "birth_date", "1985-03-05", " 张 三丰", card.card_number)
    assert by_card == PERSON
    async with platform.database.transaction(readonly=True) as connection:
        trail = await audit.of_person(connection, PERSON)
    looks = [one for one in trail if one.action == "hotline.compared"]
    assert [one.detail["agreed"] for one in looks] == [True] * 5


async def test_which_fact_is_wrong_and_who_it_is_stays_unsaid(platform: Platform) -> None:
    await with_card(platform)
    nobody = id_number("510104", date(1931, 1, 2), 999)
    assert await asked(platform, "phone", "0002") is None
    assert await asked(platform, "phone", "0001", "张四") is None
    assert await asked(platform, "phone", "0001", number=nobody) is None
    told = hotline.read("张三丰", NUMBER, "phone", "0001")
    assert await hotline.match(platform, BEIJING, told) is None


async def test_wrong_facts_about_one_number_are_limited_and_right_ones_are_not(
    platform: Platform,
) -> None:
    await with_card(platform)
    for _ in range(7):
        assert await asked(platform, "phone", "0001") == PERSON
    for _ in range(5):
        assert await asked(platform, "phone", "9999") is None
    with pytest.raises(TooManyTries):
        await asked(platform, "phone", "0001")


@pytest.mark.parametrize(
    ("name", "number", "third", "value", "field"),
    [
        ("张", NUMBER, "phone", "0001", "name"),
        ("张三丰", "510104", "phone", "0001", "number"),
        ("张三丰", NUMBER, "shoe", "42", "third"),
        ("张三丰", NUMBER, "birth_date", "1985-03-05", "third"),
        ("张三丰", "ABCDEF123", "card", "F123", "third"),
        ("张三丰", NUMBER, "phone", "12", "value"),
        ("张三丰", NUMBER, "phone", "abcd", "value"),
        ("张三丰", NUMBER, "residence", "成都市", "value"),
        ("张三丰", "ABCDEF123", "birth_date", "March", "value"),
    ],
)
def test_a_fact_of_a_wrong_form_is_named(
    name: str, number: str, third: str, value: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as wrong:
        hotline.read(name, number, third, value)
    assert wrong.value.field == field


async def test_an_id_number_that_cannot_be_one_costs_no_try(platform: Platform) -> None:
    with pytest.raises(InvalidInput) as wrong:
        await asked(platform, "phone", "0001", number=NUMBER[:-1] + "0")
    assert wrong.value.field == "number"


async def test_how_it_stands_is_said_in_plain_words(platform: Platform) -> None:
    async def said(person_id: int) -> list[str]:
        async with platform.database.transaction(readonly=True) as connection:
            found = await hotline.standing(platform, connection, person_id)
        assert all(one.en.isascii() for one in found.said if "—" not in one.en)
        return [one.zh for one in found.said]

    await citizen(platform, 1000002)
    await applying.apply(platform, 1000002, FIRST, ONLINE, SELF, "k")
    assert await said(1000002) == [
        "还没有社保卡。",
        "2026-03-01 的申请：正在审核，预计 2026-04-17 前制好。",
    ]
    card = await with_card(platform)
    tail = card.card_number[-4:]
    assert await said(PERSON) == [f"尾号 {tail} 的社保卡可以使用，有效期到 2036-03-01。"]
    await living.report_loss_provisionally(platform, PERSON, card.card_id, PHONE, CLERK, "l")
    (lost,) = await said(PERSON)
    assert "2026-03-08 09:00 自动解除" in lost
