import json

import pytest

from yikatong.core.errors import YikatongError
from yikatong.core.regions import pooling_regions
from yikatong.policies import examples, files, service
from yikatong.policies.errors import PolicyFileError

EXAMPLES = list(examples.shipped())
BILL = {
    "person": {"insurance": "310", "region": "510100", "retired": False, "age": 40, "groups": []},
    "visit": {
        "care": "inpatient", "region": "110000", "level": "tertiary", "date": "2026-03-01",
        "filing": "none",
    },
    "bill": {"total": "30000.00", "self_paid": "0.00", "over_limit": "0.00", "first_pay": "0.00"},
    "year_to_date": {"admissions": 0, "pooled": "0.00"},
    "medical_account": {"balance": "0.00", "use": False},
}  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
def test_a_worked_example_comes_out_to_the_fen(example: examples.Example) -> None:
    assert examples.run(example).differences == []


def test_all_published_examples_are_there() -> None:
    assert {f"WE-{number:02d}" for number in range(1, 13)} <= {one.id for one in EXAMPLES}


def test_an_example_that_differs_is_told_with_both_amounts() -> None:
    wrong = examples.Example("X", "x", EXAMPLES[-1].request, {"pooled": "1.00"})
    assert examples.run(wrong).differences[0][:2] == ("pooled", "1.00")


def test_every_province_has_a_region_with_policies_of_both_insurances() -> None:
    book = service.load()
    by_insurance = {
        insurance: {one.region[:2] for one in book.policies() if one.insurance == insurance}
        for insurance in ("310", "390")
    }
    provinces = {region.code[:2] for region in pooling_regions()}
    assert by_insurance["310"] == by_insurance["390"] == provinces


def test_every_policy_names_documents_and_its_state_of_review() -> None:
    for policy in service.load().policies():
        assert policy.documents
        assert policy.review == "unverified"
        assert policy.source.startswith(f"{policy.region}-")
        assert f"/{policy.insurance}-{policy.starts_on}" in policy.source


def test_recalled_figures_are_told_to_whoever_reviews_the_file() -> None:
    chengdu = next(
        p for p in service.load().policies() if p.source.startswith("510100-chengdu/310")
    )
    remarks = {one.field: one for one in chengdu.remarks}
    assert remarks["care.inpatient"].recalled
    assert not remarks["elsewhere"].recalled


def changed(path: str, value: object) -> bytes:
    body = json.loads(json.dumps(BILL))
    *above, last = path.split(".")
    target = body
    for key in above:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("bill.total", "-1", "bill.total"),
        ("bill.total", "NaN", "bill.total"),
        ("bill.total", float("nan"), "bill.total"),
        ("bill.total", float("inf"), "bill.total"),
        ("bill.total", "1e400", "bill.total"),
        ("bill.total", 1e300, "bill.total"),
        ("bill.total", "1.00000", "bill.total"),
        ("bill.total", "", "bill.total"),
        ("bill.total", None, "bill.total"),
        ("bill.total", ..., "bill.total"),
        ("bill.total", True, "bill.total"),
        ("bill.total", ["1"], "bill.total"),
        ("bill.self_paid", "30000.01", "bill.self_paid"),
        ("bill.first_pay", "99999", "bill.first_pay"),
        ("bill.totl", "1", "bill.totl"),
        ("bill", [], "bill"),
        ("bill", ..., "bill.total"),
        ("person.region", "999999", "person.region"),
        ("person.region", "510000", "person.region"),
        ("person.region", 510100, None),
        ("person.insurance", "320", "person.insurance"),
        ("person.age", -1, "person.age"),
        ("person.age", 200, "person.age"),
        ("person.age", 40.5, "person.age"),
        ("person.retired", "yes", "person.retired"),
        ("person.groups", ["nobody"], "person.groups[0]"),
        ("person.groups", ["student", {}], "person.groups[1]"),
        ("person.groups", "student", "person.groups"),
        ("visit.care", "dental", "visit.care"),
        ("visit.care", "chronic", "visit.care"),
        ("visit.level", "quaternary", "visit.level"),
        ("visit.level", ..., "visit.level"),
        ("visit.filing", "maybe", "visit.filing"),
        ("visit.region", "", "visit.region"),
        ("visit.date", "2026-02-30", "visit.date"),
        ("visit.date", "20260301", "visit.date"),
        ("visit.date", "1990-01-01", "visit.date"),
        ("year_to_date.admissions", -1, "year_to_date.admissions"),
        ("year_to_date.pooled", "1.001", "year_to_date.pooled"),
        ("medical_account.balance", "x", "medical_account.balance"),
        ("person.age", "0000000000999", "person.age"),
        ("person.age", "1" * 5000, "person.age"),
        ("person.age", "４０", "person.age"),
        ("visit.date", "2026-3-1", "visit.date"),
        ("visit.date", "２０２６-03-01", "visit.date"),
        ("visit.grade", "best", "visit.grade"),
        ("visit.days", 99999, "visit.days"),
        ("year_to_date.over_cap", "-1", "year_to_date.over_cap"),
        ("medical_account.family", "1,000", "medical_account.family"),
        ("bill.total", "10000000000.01", "bill.total"),
        ("bill.total", "9" * 400, "bill.total"),
        ("bill.total", " 1", None),
        ("extra", 1, "extra"),
    ],
)
def test_wrong_input_names_the_field_in_both_languages(
    path: str, value: object, field: str | None
) -> None:
    if field is None:  # a number where a code is meant, blanks around an amount: read as meant
        assert service.parse_quote(changed(path, value)).person.region == "510100"
        return
    with pytest.raises(YikatongError) as caught:
        service.quote(service.parse_quote(changed(path, value)))
    assert caught.value.field == field
    assert caught.value.text.zh
    assert caught.value.text.en
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"1", b"\xff\xfe", b"[" * 60_000, b" " * 70_000]
)
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(YikatongError) as caught:
        service.parse_quote(data)
    assert caught.value.status in (400, 413)


def test_of_two_amounts_under_one_key_neither_wins() -> None:
    twice = json.dumps(BILL).replace('"total"', '"total": "1.00", "total"').encode()
    with pytest.raises(YikatongError) as caught:
        service.parse_quote(twice)
    assert caught.value.field == "total"


def test_amounts_may_be_numbers_and_keep_every_digit() -> None:
    body = json.dumps(BILL).replace('"30000.00"', "30000.07").encode()
    assert service.parse_quote(body).bill.total == 30_000_07


GOOD = next(text for name, text in files.shipped() if name.startswith("510100-chengdu/310"))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('region: "510100"', 'region: "510000"', "region"),
        ('insurance: "310"', 'insurance: "320"', "insurance"),
        ("from: 2023-07-01", "from: 2023-13-01", "from"),
        ("accumulates: pooled", "accumulates: nowhere", "caps.inpatient.accumulates"),
        ("amount: 450000", "amount: 450000.123", "caps.inpatient.amount"),
        ("tertiary: 85}", "tertiary: 185}", "care.inpatient.rate.tertiary"),
        ("tertiary: 85}", "quaternary: 85}", "care.inpatient.rate.quaternary"),
        ("caps: [inpatient]", "caps: [somewhere]", "care.inpatient.caps[0]"),
        ("source: cdy18", "source: nothing", None),
        ("chronic: unknown", "chronic: maybe", "care.chronic"),
        ("  chronic: unknown\n", "", "care"),
        ("factor: 90", "factor: -90", None),
        ("later: {minus: 100, floor: 160}", "later: {floor: 160}", None),
        ("per: admission", "per: year", "care.inpatient.deductible"),
        ("care:\n", "car:\n", None),
        ("care:\n", "care:\n\t", None),
    ],
)
def test_a_wrong_policy_file_names_file_line_and_field(
    old: str, new: str, field: str | None
) -> None:
    assert old in GOOD
    with pytest.raises(PolicyFileError) as caught:
        files.parse("some/file.yaml", GOOD.replace(old, new))
    assert caught.value.file == "some/file.yaml"
    assert caught.value.line >= 1
    assert caught.value.text.zh
    if field is not None:
        assert caught.value.wrong_field == field


def test_the_line_of_an_error_is_the_line_of_the_figure() -> None:
    broken = GOOD.replace("tertiary: 85}", "tertiary: x}")
    line = next(n for n, text in enumerate(broken.splitlines(), 1) if "tertiary: x}" in text)
    with pytest.raises(PolicyFileError) as caught:
        files.parse("f.yaml", broken)
    assert caught.value.line == line


def test_policies_of_one_region_never_overlap() -> None:
    policy = files.parse("a.yaml", GOOD)
    with pytest.raises(PolicyFileError, match="overlaps"):
        service.PolicyBook(
            [policy, files.parse("b.yaml", GOOD.replace("2023-07-01", "2024-01-01", 1))]
        )
