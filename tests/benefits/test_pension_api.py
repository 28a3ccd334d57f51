"""Pensions and proof of life as another program and a clerk at the command line meet them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import pytest

from tests.application import create_app
from tests.benefits.conftest import MakePension, MakePerson
from tests.conftest import OPERATOR_TOKEN
from yikatong.core import embedded
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings

SIGNED_IN = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
ASKED = {
    "birth": "1975-06", "group": "men", "region": "110000", "months_paid": 250, "index": "1.2",
    "account": "150000.00",
}  # fmt: skip
PERSON = "/api/v1/pension/persons/1"
Client = httpx.AsyncClient


@pytest.fixture
def app(platform: Platform) -> Any:
    platform.settings.operator_token_path.parent.mkdir(parents=True, exist_ok=True)
    platform.settings.operator_token_path.write_text(OPERATOR_TOKEN)
    return create_app(platform)


@pytest.fixture
async def client(app: Any) -> AsyncIterator[Client]:
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def post(client: Client, path: str, body: Any, key: str = "k") -> tuple[int, Any]:
    answer = await client.post(path, json=body, headers={**SIGNED_IN, "Idempotency-Key": key})
    return answer.status_code, answer.json()


async def test_anybody_may_ask_when_and_how_much(client: Client) -> None:
    answer = await client.post("/api/v1/pension/estimate", json=ASKED)
    assert answer.status_code == 200
    body = answer.json()
    assert body["retirement"]["month"] == "2038-02"
    assert [one["kind"] for one in body["options"]] == ["early", "statutory", "late"]
    step = body["options"][1]["pension"]["steps"][3]
    assert set(step) == {"rule", "name", "clause", "inputs", "working", "result"}
    assert "国发〔2005〕38号" in step["clause"]
    assert body["review"] == "unverified"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"birth": "1975-13"}, "birth"),
        ({"birth": None}, "birth"),
        ({"months_paid": -1}, "months_paid"),
        ({"group": "nobody"}, "group"),
        ({"region": "51"}, "region"),
        ({"account": "1,5"}, "account"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_wrong_field_is_named(client: Client, change: Any, field: str) -> None:
    answer = await client.post("/api/v1/pension/estimate", json={**ASKED, **change})
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_nothing_of_a_person_is_told_or_done_without_a_token(client: Client) -> None:
    for path in (PERSON, "/api/v1/proof-of-life/1", "/api/v1/proof-of-life/due"):
        assert (await client.get(path)).status_code == 401
    for path in (
        f"{PERSON}/applications", f"{PERSON}/death", f"{PERSON}/survivors", f"{PERSON}/estimate",
        "/api/v1/proof-of-life/1", "/api/v1/pension/adjusting/510000-2025",
    ):  # fmt: skip
        assert (await client.post(path, json={})).status_code == 401


async def test_a_pension_from_application_to_survivors(
    client: Client, make_person: MakePerson
) -> None:
    await make_person()
    await make_person(2)
    wanted = {"retires": "2026-02", "index": "0.9", "account": "200000.00"}
    status, refused = await post(client, f"{PERSON}/applications", wanted, "a")
    assert status == 201
    # Sixty is reached in January 2026: February is early by three months, with 25 years paid.
    assert [one["code"] for one in refused["findings"]] == ["employer_notice"]
    decision = f"{PERSON}/applications/{refused['application_id']}/decision"
    status, granted = await post(client, decision, {}, "d")
    assert (status, granted["state"], granted["starts_on"]) == (200, "granted", "2026-03-01")
    assert (await post(client, decision, {}, "d"))[1] == granted
    assert (await post(client, decision, {}, "e"))[1]["code"] == "application_closed"
    body = (await client.get(PERSON, headers=SIGNED_IN)).json()
    assert [one["status"] for one in body["pensions"]] == ["drawing"]
    assert [(one["kind"], one["reason"]) for one in body["dues"]] == [("arrears", "granted")]
    status, stopped = await post(client, f"{PERSON}/death", {"died_on": "2026-03-01"}, "s")
    assert (status, stopped["owed_back"]) == (200, "0.00")
    claim = {"heir_id": 2, "died_on": "2026-03-01", "urban_income": "90000.00", "kinship": "户口簿"}
    status, sums = await post(client, f"{PERSON}/survivors", claim, "h")
    # 25 years paid: 19 months, of which the first drawn takes none yet.
    assert (status, sums["funeral"], sums["survivors"]) == (200, "15000.00", "142500.00")
    status, again = await post(client, f"{PERSON}/survivors", claim, "h2")
    assert (status, again["code"]) == (409, "survivors_refused")


async def test_a_proof_comes_in_from_anywhere_and_pays_again(
    client: Client, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(status="held", held_reason="proof_of_life", proof_due_on=date(2026, 1, 31))
    proof = {
        "kind": "transit", "at": "2026-02-20T08:00:00+08:00", "source": "metro-88", "region": "440300",
    }  # fmt: skip
    path = "/api/v1/proof-of-life/1"
    due = (await client.get("/api/v1/proof-of-life/due", headers=SIGNED_IN)).json()
    assert [one["person_id"] for one in due] == [1]
    first = await client.post(path, json=proof, headers=SIGNED_IN)
    assert first.status_code == 200
    assert first.json()["made_good"] == "3000.00"
    assert (await client.post(path, json=proof, headers=SIGNED_IN)).json() == first.json()
    other = await client.post(path, json={**proof, "region": "110000"}, headers=SIGNED_IN)
    assert other.json()["code"] == "key_reused"
    naive = {**proof, "at": "2026-02-20T08:00:00", "source": "x"}
    wrong = await client.post(path, json=naive, headers=SIGNED_IN)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "at")
    assert (await client.get("/api/v1/proof-of-life/due", headers=SIGNED_IN)).json() == []
    assert (await client.get(path, headers=SIGNED_IN)).json()["proofs"][0]["source"] == "metro-88"


class Sees:
    available = True

    async def check(self, person_id: int, image: str) -> str:
        return "same" if image == "ZmFjZQ==" else "different"


async def test_a_face_is_checked_only_where_a_check_is_connected(
    app: Any, client: Client, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension()
    path = "/api/v1/proof-of-life/1/face"
    answer = await client.post(path, json={"image": "ZmFjZQ=="}, headers=SIGNED_IN)
    assert (answer.status_code, answer.json()["code"]) == (409, "face_check_unavailable")
    app.state["face_check"] = Sees()
    wrong = await client.post(path, json={"image": "%%%%"}, headers=SIGNED_IN)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "image")
    other = await client.post(path, json={"image": "b3RoZXI="}, headers=SIGNED_IN)
    assert other.json()["code"] == "face_differs"
    seen = await client.post(path, json={"image": "ZmFjZQ=="}, headers=SIGNED_IN)
    assert (seen.status_code, seen.json()["kind"]) == (200, "face")


async def test_an_adjustment_is_applied_in_pieces(
    client: Client, make_person: MakePerson, make_pension: MakePension
) -> None:
    for number in (1, 2, 3):
        await make_person(number)
        await make_pension(number, region="510100")
    rules = (await client.get("/api/v1/pension/adjustments")).json()
    assert {"510000-2025", "110000-2025"} <= {one["rule"] for one in rules}
    path = "/api/v1/pension/adjusting/510000-2025"
    told = [(await post(client, path, {"limit": 2}))[1] for _ in range(3)]
    assert [(one["adjusted"], one["more"]) for one in told] == [(2, True), (1, False), (0, False)]
    assert (await post(client, "/api/v1/pension/adjusting/nothing", {}))[0] == 404


# ---- at the command line ----


class Said(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = tmp_path_factory.mktemp("pension")
    return {**os.environ, "YIKATONG_DATABASE_URL": "", "YIKATONG_DATA": str(data)}


@pytest.fixture(scope="module")
def run(environment: dict[str, str]) -> Iterator[Run]:
    settings = Settings(data_dir=Path(environment["YIKATONG_DATA"]))

    def call(*words: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "yikatong", *words],
            capture_output=True, text=True, env=environment, timeout=120,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    with embedded.running(settings):
        assert call("people", "make", "100").code == 0
        yield call


def test_the_command_line_estimates_and_says_no_with_code_one(run: Run) -> None:
    asked = ("pension", "estimate", "--birth", "1975-06", "--region", "110000", "--months", "250")
    found = run(*asked, "--index", "1.2", "--json")
    assert found.code == 0
    assert json.loads(found.out)["retirement"]["age"]["text"]["en"] == "62 years 8 months"
    assert "2038-02" in run(*asked).out
    assert run(*asked[:-1], "10", "--stops").code == 1
    wrong = run(*asked, "--index", "9")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert wrong.err.startswith("index: ")
    assert run("pension", "estimate").err.startswith("--birth: ")


def test_the_command_line_takes_an_application_and_a_proof(run: Run) -> None:
    people = json.loads(run("people", "list", "--insurance", "110", "--category", "active",
                            "--limit", "100", "--json").out)  # fmt: skip
    man = next(one for one in people if one["sex"] == 1 and one["birth_date"] > "1975")
    number = str(man["person_id"])
    applied = run("pension", "apply", number, "--average-wage", "8000", "--json")
    assert applied.code == 0, applied.err
    application = json.loads(applied.out)
    assert "in_future" in [one["code"] for one in application["findings"]]
    decide = ("pension", "decide", number, application["application_id"],
              "--average-wage", "8000", "--json")  # fmt: skip
    assert "受理人" in run(*decide).err
    decided = run(*decide, "--actor", "0801")
    assert decided.code == 1
    assert json.loads(decided.out)["state"] == "refused"
    assert run("proof-of-life", "run-due", "--json").code == 0
    due = json.loads(run("proof-of-life", "due", "--days", "366", "--json").out)
    held = next(one for one in due if one["held_reason"] == "proof_of_life")
    someone = str(held["person_id"])
    proved = run(
        "proof-of-life", "record", someone, "--kind", "counter", "--source", "0701", "--json"
    )
    assert json.loads(proved.out)["pensions"][0]["status"] == "drawing"
    shown = json.loads(run("pension", "show", someone, "--json").out)
    assert shown["dues"][0]["reason"] == "held"
    face = run("proof-of-life", "record", someone, "--kind", "face", "--source", "x")
    assert (face.code, face.err.startswith("kind: ")) == (1, True)
    stopped = run("pension", "stop", someone, "--died-on", "2026-01-05", "--key", "s", "--json")
    assert stopped.code == 0
    assert (
        run("pension", "stop", someone, "--died-on", "2026-01-05", "--key", "s", "--json")
        == stopped
    )


_PENSIONERS = 6000
_MANY = f"""
insert into persons (person_id, id_number_sealed, name, sex, birth_date, residence_region, synthetic,
                     created_at)
    select 5000000 + n, '', '某人', 1, '1950-01-01', '110000', true, now()
      from generate_series(1, {_PENSIONERS}) n;
insert into benefit_entitlements (person_id, benefit, region, status, starts_on, monthly, insurance,
                                  months_paid, settled_month)
    select 5000000 + n, 'pension', '110000', 'drawing', '2015-01-01', 300000, '110', 240, '2024-12-01'
      from generate_series(1, {_PENSIONERS}) n;
"""


def test_an_adjustment_killed_on_the_way_goes_on_and_raises_nobody_twice(
    run: Run, environment: dict[str, str]
) -> None:
    assert run("db", "shell", "-c", _MANY).code == 0
    count = "select count(*) from benefit_adjustments where rule = '110000-2025'"
    words = [sys.executable, "-m", "yikatong", "pension", "adjust", "110000-2025", "--json"]
    for _ in range(3):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=environment)  # fmt: skip
        before = int(run("db", "shell", "-At", "-c", count).out)
        until = time.monotonic() + 30
        while int(run("db", "shell", "-At", "-c", count).out) == before and process.poll() is None:
            assert time.monotonic() < until
        process.kill()
        process.wait()
    done = json.loads(run("pension", "adjust", "110000-2025", "--json").out)
    assert done["more"] is False
    # 25 + 20 × 1.50 + 30 for who is 74 by the end of 2024.
    sums = run("db", "shell", "-At", "-c", "select monthly, count(*) from benefit_entitlements"
               " where person_id > 5000000 group by 1").out  # fmt: skip
    assert sums == f"308500|{_PENSIONERS}\n"
    assert (
        int(run("db", "shell", "-At", "-c", f"{count} and person_id > 5000000").out) == _PENSIONERS
    )
