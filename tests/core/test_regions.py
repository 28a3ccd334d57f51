import pytest

from yikatong.core import regions
from yikatong.core.errors import InvalidInput


def test_all_codes_of_the_standard_are_there_and_have_parents() -> None:
    every = regions.every()
    assert len(every) == 3213
    assert len({region.code for region in every}) == 3213
    for region in every:
        assert region.parent == "" or regions.find(region.parent), region
        assert region.name
        assert region.pinyin.isascii()
        assert region.english


def test_provinces_are_the_regions_without_parent() -> None:
    assert {region.code for region in regions.children("")} == {
        region.code for region in regions.every() if region.code.endswith("0000")
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("成都", "510100"), ("成都市", "510100"), ("chengdu", "510100"), ("ChengDu ", "510100"),
        ("510100", "510100"), ("四川省成都市", "510100"), ("四川成都", "510100"),
        ("北京", "110000"),
        ("beijing", "110000"), ("bj", "110000"), ("Harbin", "230100"), ("haerbin", "230100"),
        ("重庆", "500000"), ("chongqing", "500000"), ("厦门", "350200"), ("xiamen", "350200"),
        ("西藏", "540000"), ("Shaanxi", "610000"), ("浦东", "310115"), ("成都锦江区", "510104"),
    ],
)  # fmt: skip
def test_a_place_is_found_by_name_pinyin_initials_or_code(text: str, code: str) -> None:
    assert regions.search(text)[0].code == code


@pytest.mark.parametrize("text", ["", "  ", "zzzz", "火星", "%", "' or 1=1", "x" * 5000])
def test_nonsense_finds_nothing(text: str) -> None:
    assert list(regions.search(text)) == []


def test_the_pooling_region_of_a_county_is_its_city_and_of_a_municipality_the_whole() -> None:
    assert regions.pooling_region("510104").code == "510100"
    assert regions.pooling_region("110105").code == "110000"
    assert regions.pooling_region("429004").code == "429004"
    assert regions.pooling_region("460105").code == "460000"
    assert regions.pooling_region("659001").code == "660000"


@pytest.mark.parametrize("code", ["510000", "810000", "999999", "", "abc"])
def test_a_province_of_many_pooling_regions_names_the_field(code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        regions.pooling_region(code, "visit.region")
    assert caught.value.field == "visit.region"


def test_every_pooling_region_pools_itself() -> None:
    assert len(regions.pooling_regions()) == 340
    for region in regions.every():
        if region.pooled_in:
            assert regions.get(region.pooled_in).is_pooling


def test_containment_goes_up_to_the_province() -> None:
    assert regions.is_within("510104", "510000")
    assert regions.is_within("510104", "510104")
    assert not regions.is_within("510104", "510700")
    assert not regions.is_within("nowhere", "510000")


def test_full_names_read_as_people_write_them() -> None:
    assert regions.full_name("510104") == "四川省成都市锦江区"
    assert regions.full_name("510104", "en") == "Jinjiang, Chengdu, Sichuan"
