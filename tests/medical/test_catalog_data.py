"""The shipped catalog (目录) is complete, well formed and differs from province to province."""

import csv
import re
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

from yikatong.core import regions
from yikatong.core.money import Fen, Ppm, format_yuan, parse_percent, parse_yuan

ITEM_COLUMNS: Final = [
    "code",
    "name",
    "english",
    "kind",
    "subkind",
    "dosage_form_spec",
    "unit",
    "essential",
    "prescription",
    "child_only",
    "usual_price",
    "note",
]
TERM_COLUMNS: Final = [
    "code",
    "region",
    "class",
    "first_pay_percent",
    "price_limit",
    "from",
    "source",
]
COUNTRY: Final = "000000"
LATEST_START: Final = date(2024, 1, 1)
"""Visits from this day on find terms for every item."""

SUBKINDS: Final = {
    "drug": {"western", "patent", "herbal", "negotiated"},
    "service": {
        "diagnosis",
        "laboratory",
        "imaging",
        "surgery",
        "nursing",
        "bed",
        "treatment",
        "traditional",
    },
    "consumable": {"implant", "material"},
}
CODE_FORMS: Final = {
    "drug": re.compile(r"X[A-Z]\d{2}[A-Z]{3}\d{3}[A-Z]0|Z[A-Z]\d{2}[A-Z]{3}\d{4}|T9\d{8}"),
    "service": re.compile(r"00\d{13}"),
    "consumable": re.compile(r"C\d{9}"),
}
HAN: Final = re.compile(r"[一-鿿]")

Row = dict[str, str]


def _read(name: str, columns: list[str]) -> list[Row]:
    text = files("yikatong.data").joinpath("catalog", name).read_text(encoding="utf-8")
    assert "\r" not in text
    reader = csv.DictReader(text.splitlines())
    assert reader.fieldnames == columns
    rows = list(reader)
    ragged = [row for row in rows if None in row or None in row.values()]
    assert not ragged
    return rows


@cache
def items() -> list[Row]:
    return _read("items.csv", ITEM_COLUMNS)


@cache
def terms() -> list[Row]:
    return _read("terms.csv", TERM_COLUMNS)


def share(row: Row) -> Ppm | None:
    text = row["first_pay_percent"]
    return parse_percent(text, "first_pay_percent") if text else None


def limit(row: Row) -> Fen | None:
    text = row["price_limit"]
    return parse_yuan(text, "price_limit") if text else None


def terms_in(name: str, region: str, on: date) -> tuple[str, Ppm | None, Fen | None]:
    """Class, share and limit of a named item, read as the reference page says they are read."""
    (code,) = {row["code"] for row in items() if row["name"] == name}
    for area in (region, COUNTRY):
        held = [
            row
            for row in terms()
            if row["code"] == code
            and row["region"] == area
            and date.fromisoformat(row["from"]) <= on
        ]
        if held:
            row = max(held, key=lambda r: r["from"])
            return row["class"], share(row), limit(row)
    raise AssertionError(f"{name} has no terms on {on}")


def test_the_catalog_holds_the_items_of_everyday_care() -> None:
    kinds = Counter(row["kind"] for row in items())
    assert kinds["drug"] >= 220
    assert kinds["service"] >= 140
    assert kinds["consumable"] >= 60


def test_every_item_has_a_code_and_a_name_of_its_own() -> None:
    codes = Counter(row["code"] for row in items())
    names = Counter(row["name"] for row in items())
    assert [code for code, count in codes.items() if count > 1] == []
    assert [name for name, count in names.items() if count > 1] == []


def test_every_code_has_the_form_of_its_kind() -> None:
    strangers = [
        row["code"] for row in items() if not CODE_FORMS[row["kind"]].fullmatch(row["code"])
    ]
    assert strangers == []
    assert all(len(row["code"]) <= 20 for row in items())


def test_every_item_is_named_in_chinese_and_in_english() -> None:
    assert [row["code"] for row in items() if not HAN.search(row["name"])] == []
    assert [row["code"] for row in items() if not row["english"].strip()] == []
    assert [row["code"] for row in items() if HAN.search(row["english"])] == []


def test_every_field_of_an_item_is_one_of_its_values() -> None:
    for row in items():
        assert row["subkind"] in SUBKINDS[row["kind"]], row
        assert row["unit"], row
        assert row["essential"] in {"0", "1"}, row
        assert row["child_only"] in {"0", "1"}, row
        assert row["prescription"] in ({"Rx", "OTC"} if row["kind"] == "drug" else {""}), row
        assert row["kind"] == "drug" or row["essential"] == row["child_only"] == "0", row
        assert row["kind"] == "service" or row["dosage_form_spec"], row


def test_every_price_is_an_amount_above_nothing_with_two_decimals() -> None:
    for row in items():
        price = parse_yuan(row["usual_price"], "usual_price")
        assert price > 0, row
        assert format_yuan(price) == row["usual_price"], row
    for row in terms():
        cap = limit(row)
        if cap is not None:
            assert cap > 0, row
            assert format_yuan(cap) == row["price_limit"], row


def test_terms_speak_of_catalog_items_and_known_provinces_only() -> None:
    codes = {row["code"] for row in items()}
    assert [row for row in terms() if row["code"] not in codes] == []
    for region in {row["region"] for row in terms()} - {COUNTRY}:
        found = regions.find(region)
        assert found is not None, region
        assert found.parent in {None, ""}, f"{region} is not a province"


def test_every_item_has_terms_for_the_whole_country() -> None:
    starts: dict[str, date] = {}
    for row in terms():
        if row["region"] == COUNTRY:
            day = date.fromisoformat(row["from"])
            starts[row["code"]] = min(day, starts.get(row["code"], day))
    missing = [row["code"] for row in items() if row["code"] not in starts]
    assert missing == []
    assert max(starts.values()) <= LATEST_START


def test_no_two_terms_of_an_item_start_in_one_place_on_one_day() -> None:
    keys = Counter((row["code"], row["region"], row["from"]) for row in terms())
    assert [key for key, count in keys.items() if count > 1] == []


def test_class_a_pays_nothing_first_class_b_a_share_and_class_c_is_out() -> None:
    for row in terms():
        first = share(row)
        match row["class"]:
            case "A":
                assert first == 0, row
            case "B":
                assert first is not None, row
                assert 0 < first <= 500_000, row
            case "C":
                assert first is None, row
                assert row["price_limit"] == "", row
            case other:
                raise AssertionError(f"unknown class {other}: {row}")


def test_every_term_says_whether_it_is_recalled_or_estimated() -> None:
    unmarked = [row for row in terms() if not row["source"].endswith(("(r)", "(e)"))]
    assert unmarked == []


def test_a_province_row_says_something_the_country_row_does_not() -> None:
    country: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row in terms():
        if row["region"] == COUNTRY:
            country[row["code"]].append(
                (row["class"], row["first_pay_percent"], row["price_limit"])
            )
    repeated = [
        row
        for row in terms()
        if row["region"] != COUNTRY
        and (row["class"], row["first_pay_percent"], row["price_limit"]) in country[row["code"]]
    ]
    assert repeated == []


def test_at_least_ten_provinces_depart_from_the_country_for_all_kinds_of_items() -> None:
    kinds = {row["code"]: row["kind"] for row in items()}
    departing: dict[str, set[str]] = defaultdict(set)
    for row in terms():
        if row["region"] != COUNTRY:
            departing[row["region"]].add(kinds[row["code"]])
    complete = {region for region, seen in departing.items() if seen == set(SUBKINDS)}
    assert len(complete) >= 10
    assert {"110000", "310000", "330000", "440000", "500000", "510000", "610000"} <= complete


def test_no_province_moves_a_western_or_patent_drug_to_another_class() -> None:
    national = {"western", "patent", "negotiated"}
    codes = {row["code"] for row in items() if row["subkind"] in national}
    classes: dict[str, set[str]] = defaultdict(set)
    for row in terms():
        if row["code"] in codes:
            classes[row["code"]].add(row["class"])
    assert [code for code, found in classes.items() if len(found) > 1] == []


def test_well_known_drugs_have_their_class() -> None:
    on = date(2025, 6, 1)
    for name in ("阿司匹林肠溶片", "硝苯地平控释片", "盐酸二甲双胍片", "人胰岛素注射液"):
        assert terms_in(name, COUNTRY, on)[0] == "A", name
    for name in ("门冬胰岛素注射液", "甲磺酸奥希替尼片", "司美格鲁肽注射液"):
        assert terms_in(name, COUNTRY, on)[0] == "B", name
    for name in ("枸橼酸西地那非口崩片", "人用狂犬病疫苗(Vero细胞)", "冬虫夏草"):
        assert terms_in(name, COUNTRY, on)[0] == "C", name


def test_one_scan_splits_differently_in_two_provinces() -> None:
    on = date(2025, 6, 1)
    assert terms_in("磁共振平扫", "110000", on) == ("B", 80_000, 510_00)
    assert terms_in("磁共振平扫", "610000", on) == ("B", 200_000, 390_00)
    assert terms_in("磁共振平扫", "210000", on) == ("B", 100_000, None)


def test_terms_change_with_the_day() -> None:
    assert terms_in("胚胎移植术", "510000", date(2024, 6, 1))[0] == "C"
    assert terms_in("胚胎移植术", "510000", date(2025, 6, 1)) == ("B", 100_000, 2400_00)
    assert terms_in("胚胎移植术", "110000", date(2024, 6, 1)) == ("A", 0, 2400_00)


def test_a_dearer_brand_of_a_procured_drug_is_paid_up_to_the_procured_price() -> None:
    prices = {row["name"]: parse_yuan(row["usual_price"], "usual_price") for row in items()}
    for name, price in prices.items():
        if name.endswith("(原研)"):
            cap = terms_in(name, COUNTRY, date(2025, 6, 1))[2]
            assert cap is not None, name
            assert cap < price, name
            assert name.removesuffix("(原研)") in prices, name
