"""Filings as another program and a clerk at the command line meet them."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple, cast

import httpx
import pytest

from tests.application import create_app
from tests.conftest import OPERATOR_TOKEN
from yikatong.core import embedded
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.population import service as population

SIGNED_IN = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
TEMPORARY = {
    "kind": "temporary",
    "destination": "110000",
    "channel": "counter",
    "materials": ["identity"],
}
LONG_TERM = {
    "kind": "long_term",
    "subkind": "long_term_resident",
    "destination": "110000",
    "channel": "online",
    "declared": True,
    "materials": ["identity"],
}
Client = httpx.AsyncClient


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[Client]:
    await population.make(platform, 60, 3, lambda _: None)
    platform.settings.operator_token_path.parent.mkdir(parents=True, exist_ok=True)
    platform.settings.operator_token_path.write_text(OPERATOR_TOKEN)
    # In the loop of the test, which the database's connections belong to.
    transport = httpx.ASGITransport(cast("Any", create_app(platform)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def path(platform: Platform) -> str:
    """Of somebody from 成都 without a filing."""
    async with platform.database.transaction(readonly=True) as connection:
        person = await connection.fetchval(
            "select person_id from demo_persons where situation = 'filing_none'"
        )
    return f"/api/v1/medical/filings/{person}"


async def post(client: Client, path: str, body: Any = None, key: str = "k") -> tuple[int, Any]:
    headers = {**SIGNED_IN, "Idempotency-Key": key}
    if body is None:
        answer = await client.post(path, headers=headers)
    elif isinstance(body, bytes):
        answer = await client.post(path, content=body, headers=headers)
    else:
        answer = await client.post(path, json=body, headers=headers)
    return answer.status_code, answer.json()


async def test_a_filing_is_made_changed_listed_and_withdrawn(client: Client, path: str) -> None:
    status, made = await post(client, path, LONG_TERM)
    assert status == 201, made
    assert (made["state"], made["ends_on"], made["change_from"]) == (
        "in_force",
        None,
        "2026-09-01",
    )
    assert made["destination_name"] == {"zh": "北京市", "en": "Beijing"}
    assert (made["declared"], made["materials_missing"]) == (True, ["residence_proof"])
    assert made["at_home"] == "after_materials"
    assert (await post(client, path, LONG_TERM)) == (201, made)
    status, changed = await post(
        client,
        f"{path}/{made['filing_id']}/change",
        {"channel": "online", "materials": ["residence_proof"]},
        "c",
    )
    assert (status, changed["declared"], changed["at_home"]) == (200, False, "home_rates")
    listed = (await client.get(path, headers=SIGNED_IN)).json()
    assert listed == [changed]
    status, gone = await post(client, f"{path}/{made['filing_id']}/withdraw", key="w")
    assert (status, gone["state"], gone["ended_by"], gone["ended_on"]) == (
        200,
        "ended",
        "withdrawal",
        "2026-03-01",
    )
    assert (await post(client, f"{path}/return", key="r")) == (200, [])


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"destination": "500000"}, 409, "filing_not_needed", "destination"),
        ({"materials": []}, 409, "materials_missing", "materials"),
        ({"kind": "emergency"}, 409, "filing_not_needed", "kind"),
        ({"kind": "transfer", "channel": "phone"}, 409, "filing_channel_closed", "channel"),
        ({"destination": "999999"}, 422, "invalid_input", "destination"),
        ({"destination": "北京"}, 422, "invalid_input", "destination"),
        ({"destination": 110000}, 422, "invalid_input", "destination"),
        ({"kind": "holiday"}, 422, "invalid_input", "kind"),
        ({"channel": "provider"}, 422, "invalid_input", "channel"),
        ({"starts_on": "2026-02-30"}, 422, "invalid_input", "starts_on"),
        ({"starts_on": "2026-02-01"}, 422, "invalid_input", "starts_on"),
        ({"ends_on": "9999-12-31"}, 422, "invalid_input", "ends_on"),
        ({"ends_on": "0001-01-01"}, 422, "invalid_input", "ends_on"),
        ({"insurance": "110"}, 422, "invalid_input", "insurance"),
        ({"materials": ["identity"] * 11}, 422, "invalid_input", "materials"),
        ({"materials": ["passport"]}, 422, "invalid_input", "materials[0]"),
        ({"reason": "原" * 501}, 422, "invalid_input", "reason"),
        ({"region": "510100"}, 422, "invalid_input", "region"),
    ],
)
async def test_what_is_wrong_is_a_problem_that_names_the_field(
    client: Client, path: str, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    got, problem = await post(client, path, {**TEMPORARY, **change})
    assert (got, problem["code"], problem.get("field")) == (status, code, field), problem
    assert problem["detail"]["zh"]
    assert problem["detail"]["en"]
    assert (await client.get(path, headers=SIGNED_IN)).json() == []


async def test_hostile_requests_are_answered_and_change_nothing(client: Client, path: str) -> None:
    for body in (b"", b"{", b"[]", b"null", b"\xff", b'{"kind": ' * 1000):
        status, problem = await post(client, path, body)
        assert 400 <= status < 500, body
        assert problem["code"] in ("invalid_input", "malformed")
    for other, status in (
        ("/api/v1/medical/filings/1", 404),
        ("/api/v1/medical/filings/9999999999999999999999", 422),
        ("/api/v1/medical/filings/-1", 404),
        ("/api/v1/medical/filings/x", 404),
    ):
        assert (await post(client, other, TEMPORARY))[0] == status, other
    assert (await post(client, f"{path}/1/withdraw"))[1]["code"] == "no_such_filing"
    assert (await post(client, path, TEMPORARY, key="a b"))[1]["field"] == "Idempotency-Key"
    missing = await client.post(path, json=TEMPORARY, headers=SIGNED_IN)
    assert (missing.status_code, missing.json()["field"]) == (422, "Idempotency-Key")
    assert (await client.get(path, headers=SIGNED_IN)).json() == []


async def test_without_a_token_nothing_of_a_person_is_told(client: Client, path: str) -> None:
    for answer in (
        await client.get(path),
        await client.post(path, json=TEMPORARY, headers={"Idempotency-Key": "k"}),
        await client.post(f"{path}/return", headers={"Authorization": "Bearer wrong"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_the_rules_of_a_region_are_public_and_say_where_they_come_from(
    client: Client,
) -> None:
    body = (await client.get("/api/v1/medical/filing-rules/510104?date=2026-03-01")).json()
    assert (body["region"], body["review"]) == ("510100", "unverified")
    kinds = {one["kind"]: one for one in body["kinds"]}
    assert kinds["long_term"]["months"] is None
    assert {need["subkind"] for need in kinds["long_term"]["needs"]} == {
        "retired_settler",
        "long_term_resident",
        "posted_worker",
    }
    assert (kinds["temporary"]["months"], kinds["temporary"]["recalled"]) == (6, True)
    assert body["documents"][0]["number"] == "医保发〔2022〕22号"
    for query, status in (
        ("510000", 422),
        ("999999", 422),
        ("510100?date=2020-01-01", 404),
        ("510100?date=yesterday", 422),
    ):
        answer = await client.get(f"/api/v1/medical/filing-rules/{query}")
        assert answer.status_code == status, query


async def test_the_description_names_routes_bodies_and_errors(client: Client) -> None:
    document = (await client.get("/api/openapi.json")).json()
    route = document["paths"]["/api/v1/medical/filings/{person_id}"]
    assert {"401", "404", "409", "422", "503"} <= set(route["post"]["responses"])
    assert "FileBody" in json.dumps(route["post"]["requestBody"])
    fields = document["components"]["schemas"]["FilingBody"]["properties"]
    assert {"filing_id", "state", "ends_on", "at_home"} <= set(fields)


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a command; the server stays up between them, so that each starts fast."""
    data = tmp_path_factory.mktemp("filings")

    def command(*words: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "yikatong", *words],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "YIKATONG_DATABASE_URL": "", "YIKATONG_DATA": str(data)},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    with embedded.running(Settings(data_dir=data)):
        assert command("people", "make", "60").code == 0
        yield command


@pytest.fixture(scope="module")
def person(run: Run) -> str:
    """Somebody from 成都 without a filing."""
    for number in range(1_000_000, 1_000_060):
        listed = run("filings", "list", str(number), "--json")
        if listed.code == 0 and json.loads(listed.out) == []:
            return str(number)
    raise AssertionError("everybody has a filing")


@pytest.mark.server
def test_the_command_line_files_lists_changes_and_withdraws(run: Run, person: str) -> None:
    words = ("filings", "file", person, "--kind", "temporary", "--to", "310000")
    shown = ("--material", "identity", "--key", "f-1", "--json")
    made = run(*words, *shown)
    assert made.code == 0, made.err
    filing = json.loads(made.out)
    assert run(*words, *shown).out == made.out
    assert (filing["state"], filing["destination"]) == ("in_force", "310000")
    listed = run("filings", "list", person)
    assert filing["filing_id"] in listed.out
    assert "上海市 · Shanghai" in listed.out
    twice = run(*words, "--material", "identity")
    assert (twice.code, "已有" in twice.err) == (1, True)
    moved = run(
        "filings", "change", person, filing["filing_id"], "--to", "330100", "--material",
        "identity", "--json",
    )  # fmt: skip
    assert moved.code == 0, moved.err
    second = json.loads(moved.out)
    assert second["replaces"] == [filing["filing_id"]]
    gone = run("filings", "withdraw", person, second["filing_id"])
    assert (gone.code, "withdrawal" in gone.out) == (0, True)
    assert run("filings", "withdraw", person, second["filing_id"]).code == 1
    assert "no filing ends" in run("filings", "return", person).out
    states = [one["state"] for one in json.loads(run("filings", "list", person, "--json").out)]
    assert states == ["ended", "ended"]


@pytest.mark.server
@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (("file", "PERSON", "--kind", "temporary"), 2, "--to"),
        (("file", "PERSON", "--kind", "holiday", "--to", "110000"), 2, "--kind"),
        (("file", "PERSON", "--kind", "temporary", "--to", "99"), 2, "destination"),
        (("file", "PERSON", "--kind", "temporary", "--to", "110000"), 1, "materials"),
        (("file", "PERSON", "--kind", "temporary", "--to", "110000", "--from", "soon"), 2, "--from"),
        (("file", "PERSON", "--kind", "temporary", "--to", "110000", "--material", "x"), 2, "--material"),
        (("file", "PERSON", "--kind", "temporary", "--to", "110000", "--key", "a b"), 2, "--key"),
        (("withdraw", "PERSON", "1"), 2, "filing_id"),
        (("change", "PERSON", "1", "--channel", "letter"), 2, "--channel"),
        (("list", "1"), 2, "person_id"),
        (("rules", "510000"), 2, "REGION"),
        (("rules", "510100", "--date", "2020-01-01"), 2, "date"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_one_line_that_names_the_field(
    run: Run, person: str, words: tuple[str, ...], code: int, field: str
) -> None:
    done = run("filings", *(person if word == "PERSON" else word for word in words))
    assert (done.code, done.err.count("\n")) == (code, 1), done
    assert done.err.startswith(f"{field}: ")


@pytest.mark.server
def test_the_rules_of_a_region_are_printed(run: Run) -> None:
    told = run("filings", "rules", "510100", "--date", "2026-03-01")
    assert told.code == 0
    assert "凭记忆，待核对" in told.out
    assert "医保" in told.out
    body = json.loads(run("filings", "rules", "510100", "--json").out)
    assert body["providers_max"] == 5
