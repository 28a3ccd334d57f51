"""The room's routes and its part of the command line, as other programs meet them."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.application import create_app
from yikatong.core.platform import Platform
from yikatong.policies import bodies, openapi
from yikatong.policies.model import Bill, MedicalAccount, PersonFacts, VisitFacts, YearToDate

BILL: dict[str, Any] = json.loads(json.dumps(openapi.EXAMPLE))
DESIGNED = [
    *("total", "in_scope", "deductible", "pooled", "large_amount", "serious_illness"),
    *("civil_servant", "assistance", "medical_account", "cash", "person", "policy", "steps"),
]


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(create_app(platform)) as client:
        yield client


async def test_a_quote_over_http_is_the_quote_of_the_command_line(
    client: AsyncTestClient[Litestar],
) -> None:
    answered = await client.post("/api/v1/policies/quote", json=BILL)
    assert answered.status_code == 200
    body = answered.json()
    assert list(body) == DESIGNED
    assert (body["pooled"], body["person"]) == ("17374.00", "12626.00")
    assert body["policy"]["from"] == "2023-07-01"
    run = yikatong("quote", "-", given=json.dumps(BILL))
    assert run.returncode == 0
    assert json.loads(run.stdout) == body


async def test_a_comparison_shows_what_filing_before_leaving_saves(
    client: AsyncTestClient[Litestar],
) -> None:
    body = (await client.post("/api/v1/policies/compare", json=BILL)).json()
    filed = next(one for one in body["what_if"] if one["filing"] == "long_term")
    assert (filed["person"], filed["difference"]) == ("5180.00", "-7446.00")
    assert {one["level"] for one in body["what_if"]} == {
        "community", "primary", "secondary", "tertiary",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        (b'{"bill": {"total": "-1"}}', 422, "person.insurance"),
        (json.dumps(BILL).replace("30000.00", "-1").encode(), 422, "bill.total"),
        (json.dumps(BILL).replace("filing", r"\ud800").encode(), 422, "visit.?"),
        (json.dumps(BILL).replace("110000", r"\ud800").encode(), 422, "visit.region"),
        (b"{", 400, None),
        (b"\x00", 400, None),
        (b" " * 70_000, 413, None),
    ],
)
async def test_a_wrong_body_is_a_problem_that_names_its_field(
    client: AsyncTestClient[Litestar], content: bytes, status: int, field: str | None
) -> None:
    answered = await client.post("/api/v1/policies/quote", content=content)
    assert answered.status_code == status
    assert answered.headers["content-type"].startswith("application/problem+json")
    problem = answered.json()
    assert problem.get("field") == field
    assert problem["detail"]["zh"]
    assert problem["detail"]["en"]


async def test_policies_are_listed_and_shown_by_the_day_they_hold(
    client: AsyncTestClient[Litestar],
) -> None:
    listed = (await client.get("/api/v1/policies")).json()
    assert {"510100", "110000"} <= {one["region"] for one in listed}
    june = (await client.get("/api/v1/policies/310000/310?date=2025-06-30")).json()
    july = (await client.get("/api/v1/policies/310000/310?date=2025-07-01")).json()
    assert (june["to"], july["from"]) == ("2025-06-30", "2025-07-01")
    assert june["year_starts"] == "07-01"
    unknown = await client.get("/api/v1/policies/130700/310")
    assert (unknown.status_code, unknown.json()["field"]) == (422, "region")


async def test_the_documented_bodies_have_the_fields_that_are_read_and_written(
    client: AsyncTestClient[Litestar],
) -> None:
    document = (await client.get("/api/openapi.json")).json()
    for path in ("quote", "compare"):
        operation = document["paths"][f"/api/v1/policies/{path}"]["post"]
        assert operation["requestBody"]["required"]
        reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        assert set(DESIGNED) <= set(schema["properties"])
    assert set(DESIGNED) == set(bodies.QuoteBody.__struct_fields__)
    read = openapi.QUOTE.properties or {}
    renamed = {"on": "date"}
    for name, struct in (
        ("person", PersonFacts),
        ("visit", VisitFacts),
        ("bill", Bill),
        ("year_to_date", YearToDate),
        ("medical_account", MedicalAccount),
    ):
        fields = {renamed.get(one, one) for one in struct.__struct_fields__}
        assert set(read[name].properties or {}) == fields  # type: ignore[union-attr]


def yikatong(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yikatong", *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)


def test_wrong_input_is_one_line_that_names_the_field_and_exit_code_2(tmp_path: Path) -> None:
    for given, field in (
        (json.dumps(BILL).replace("30000.00", "NaN"), "bill.total:"),
        (json.dumps(BILL).replace("tertiary", "highest"), "visit.level:"),
        (json.dumps(BILL).replace('"510100"', '"130700"'), "person.region:"),
    ):
        run = yikatong("quote", "-", given=given)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.startswith(field)
        assert run.stderr.count("\n") == 1
    missing = yikatong("quote", str(tmp_path / "nowhere.json"))
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1


def test_a_table_for_people_shows_the_what_ifs_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "bill.json"
    file.write_text(json.dumps(BILL), encoding="utf-8")
    run = yikatong("quote", str(file), "--text", "en", "--what-if", "filing=long_term")
    assert run.returncode == 0
    assert "17,374.00" in run.stdout
    assert "long-term filing" in run.stdout
    assert "-7,446.00" in run.stdout
    wrong = yikatong("quote", str(file), "--what-if", "filing=perhaps")
    assert (wrong.returncode, wrong.stderr[:9]) == (2, "--what-if")


def test_all_shipped_files_and_examples_pass_and_are_counted() -> None:
    run = yikatong("policies", "test", "--json")
    result = json.loads(run.stdout)
    assert run.returncode == 0
    assert result["failed"] == []
    assert result["examples"] >= 22
    listed = json.loads(yikatong("policies", "list", "--region", "510100", "--json").stdout)
    assert [one["insurance"] for one in listed] == ["310", "390"]


def test_a_draft_is_checked_and_an_error_names_file_line_and_field(tmp_path: Path) -> None:
    good = Path(__file__).with_name("everything.yaml").read_text(encoding="utf-8")
    draft = tmp_path / "310-2027-01-01.yaml"
    draft.write_text(good, encoding="utf-8")
    assert yikatong("policies", "test", str(draft)).returncode == 0
    draft.write_text(good.replace("primary: 60, secondary", "primary: 160, secondary"), "utf-8")
    run = yikatong("policies", "test", str(draft))
    assert run.returncode == 2
    line = next(
        n for n, text in enumerate(draft.read_text("utf-8").splitlines(), 1) if "160" in text
    )
    assert f"{draft}:{line} care.outpatient.rate.primary" in run.stderr
    assert run.stderr.count("\n") == 1
