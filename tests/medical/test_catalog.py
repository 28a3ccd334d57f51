from datetime import date

import pytest

from yikatong.core.platform import Platform
from yikatong.medical import catalog, reference, service

ITEMS, TERMS = catalog.shipped()
HEAD = "code,name,english,kind,subkind,dosage_form_spec,unit,essential,prescription,child_only,usual_price,note\n"
GOOD = HEAD + "X1,阿司匹林,Aspirin,drug,western,片,盒,1,OTC,0,9.90,\n"
TERMS_HEAD = "code,region,class,first_pay_percent,price_limit,from,source\n"
GOOD_TERMS = TERMS_HEAD + "X1,000000,B,10,8.00,2024-01-01,test\nX1,110000,A,0,,2025-01-01,test\n"
DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("drug", "drugs", "kind"),
        ("9.90", "9.999", "usual_price"),
        ("9.90", "-1", "usual_price"),
        ("OTC", "maybe", "prescription"),
        ("阿司匹林", "", "name"),
        (",1,OTC", ",2,OTC", "essential"),
        ("9.90,\n", "9.90\n", "-"),
        ("code,name", "name,code", "-"),
    ],
)
def test_a_wrong_item_names_file_line_and_column(old: str, new: str, column: str) -> None:
    with pytest.raises(catalog.CatalogFileError) as caught:
        catalog.parse_items("mine.csv", GOOD.replace(old, new, 1))
    assert caught.value.field == column
    assert "mine.csv:" in caught.value.text.en


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        (",B,10", ",B,0", "first_pay_percent"),
        (",A,0", ",A,5", "first_pay_percent"),
        (",B,10", ",C,10", "first_pay_percent"),
        (",B,10", ",B,101", "first_pay_percent"),
        ("110000", "999999", "region"),
        ("2025-01-01", "2025-13-01", "from"),
        ("X1,110000", "X2,110000", "code"),
        ("X1,000000", "X1,310000", "code"),
        ("8.00", "eight", "price_limit"),
    ],
)
def test_wrong_terms_name_file_line_and_column(old: str, new: str, column: str) -> None:
    with pytest.raises(catalog.CatalogFileError) as caught:
        catalog.parse_terms("terms.csv", GOOD_TERMS.replace(old, new, 1), {"X1"})
    assert caught.value.field == column


def test_an_item_twice_is_refused() -> None:
    with pytest.raises(catalog.CatalogFileError, match="twice"):
        catalog.parse_items("mine.csv", GOOD + GOOD.splitlines()[1] + "\n")


async def test_a_province_departs_from_the_country_from_its_day_on(platform: Platform) -> None:
    await reference.load_catalog(platform, "i", GOOD, "t", GOOD_TERMS)
    async with platform.database.transaction(readonly=True) as connection:
        nationwide = await catalog.item(connection, "X1", "440100", DAY)
        beijing = await catalog.item(connection, "X1", "110105", DAY)
        before = await catalog.item(connection, "X1", "110105", date(2024, 6, 1))
        never = await catalog.item(connection, "X1", "110105", date(2020, 1, 1))
    assert nationwide is not None
    assert (nationwide.item_class, nationwide.first_pay, nationwide.price_limit) == (
        "B",
        100_000,
        800,
    )
    assert beijing is not None
    assert (beijing.item_class, beijing.first_pay, beijing.price_limit) == ("A", 0, None)
    assert before is not None
    assert before.item_class == "B"
    assert never is None


async def test_an_operators_catalog_stays_when_the_platform_starts_again(
    platform: Platform,
) -> None:
    await reference.load_reference(platform)
    await reference.load_catalog(platform, "i", GOOD, "t", GOOD_TERMS)
    await reference.load_reference(platform)
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from catalog_items") == 1


async def test_a_wrong_file_changes_nothing(platform: Platform) -> None:
    await reference.load_catalog(platform, "i", GOOD, "t", GOOD_TERMS)
    with pytest.raises(catalog.CatalogFileError):
        await reference.load_catalog(platform, "i", ITEMS, "t", GOOD_TERMS)
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from catalog_items") == 1


async def test_the_shipped_catalog_is_found_by_part_of_a_name(platform: Platform) -> None:
    await reference.load_reference(platform)
    async with platform.database.transaction(readonly=True) as connection:
        found = await catalog.search(
            connection, "110000", DAY, text="aspirin", kind="drug", limit=10
        )
        everything = await catalog.search(
            connection, "110000", DAY, text=None, kind=None, limit=1000
        )
    assert found
    assert len(everything) >= 300
    assert {one.item_class for one in everything} == {"A", "B", "C"}


async def test_providers_are_listed_by_every_filter(platform: Platform) -> None:
    await reference.load_reference(platform)
    async with platform.database.transaction(readonly=True) as connection:
        found = await service.providers(
            connection,
            region="510000",
            level="tertiary",
            care="inpatient",
            cross_region=True,
            limit=500,
        )
        named = await service.providers(connection, name="pharmacy", region="110000")
    assert found
    assert all(one.pooling_region.startswith("51") and one.cross_region_cares for one in found)
    assert {one.kind for one in named} == {"pharmacy"}
