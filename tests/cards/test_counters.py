"""Counters: made up for every pooling region, found by place and by code."""

import pytest

from yikatong.cards.counters import making, service
from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform


def test_every_pooling_region_has_a_centre_that_makes_cards_and_branches_of_banks() -> None:
    found = list(making.every())
    codes = {one.code for one in found}
    assert len(codes) == len(found)
    for region in regions.pooling_regions():
        mine = [one for one in found if one.pooling_region == region.code]
        assert mine[0] == making.centre(region.code)
        assert (mine[0].kind, mine[0].prints_at_once, mine[0].closed_on) == ("agency", True, None)
        assert len({one.bank for one in mine if one.kind == "bank"}) == 3
    assert all("示例" in one.name and "sample" in one.english for one in found)
    assert all(len(one.code) == 12 and regions.find(one.region) for one in found)


async def test_counters_are_loaded_once_and_listed_by_place(platform: Platform) -> None:
    await service.prepare(platform)
    await service.prepare(platform)
    async with platform.database.transaction(readonly=True) as connection:
        whole = await service.of_region(platform, connection, "510100")
        there = await service.of_region(platform, connection, whole[-1].region)
        printing = await service.of_region(platform, connection, "510100", "bank", prints=True)
        assert {one.code for one in there} == {one.code for one in whole}
        assert there[0].region == whole[-1].region
        assert [one.prints_at_once for one in printing] == [True]
        for wrong in ("510000", "999999"):
            with pytest.raises(InvalidInput):
                await service.of_region(platform, connection, wrong)


async def test_a_closed_counter_is_none(platform: Platform) -> None:
    await service.prepare(platform)
    day = today(platform.clock)
    closed = next(one for one in making.every() if not one.open_on(day))
    async with platform.database.transaction(readonly=True) as connection:
        with pytest.raises(InvalidInput) as refused:
            await service.get(platform, connection, closed.code, "pickup_place")
        assert refused.value.field == "pickup_place"
        assert (await service.find(connection, [closed.code, None, "x"])) == {closed.code: closed}
