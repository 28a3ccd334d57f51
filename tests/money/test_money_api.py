"""The money API as another program meets it."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.serving.test_platform_as_a_process import Served, cli, up
from yikatong.core.clock import SystemClock
from yikatong.population.chunk import FIRST_ID
from yikatong.population.demo import DEMOS

pytestmark = pytest.mark.server

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    data = tmp_path_factory.mktemp("money-api")
    with up(data) as one:
        yield one, data


@pytest.fixture
def ask(served: tuple[Served, Path]) -> Ask:
    platform, data = served
    token = (data / "keys" / "operator.token").read_text().strip()

    def call(
        method: str, path: str, body: Any = None, key: str = "", **more: str
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", **more}
        if key:
            headers["Idempotency-Key"] = key
        content = (
            body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        )
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(
            platform.address + path, method=method, data=content, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                raw = answer.read()
                pdf = raw.startswith(b"%PDF")
                return answer.status, raw if pdf else json.loads(raw or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    return call


@pytest.fixture
def pair(ask: Ask) -> list[dict[str, Any]]:
    """Two people with an account each, the first with 1 000 yuan more."""
    made: list[dict[str, Any]] = []
    for person_id in (1_000_003, 1_000_004):
        status, answer = ask(
            "POST", "/api/v1/money/accounts", {"person_id": person_id, "bank": "PSBC"}
        )
        assert status == 201, answer
        made.append({**answer["account"], "number": answer["number"]})
    return made


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic x", "Bearer é"])
def test_without_a_valid_token_nothing_is_told(ask: Ask, header: str) -> None:
    for method, path in (
        ("POST", "/api/v1/money/transfers"),
        ("POST", "/api/v1/money/accounts/find"),
        ("GET", "/api/v1/money/shared"),
        ("GET", "/api/v1/money/contributions/1000001/bills"),
    ):
        body = {} if method == "POST" else None
        try:
            status, answer = ask(method, path, body, Authorization=header)
        except UnicodeEncodeError:
            return
        assert (status, answer["code"]) == (401, "not_signed_in"), path


def test_money_moves_and_a_statement_shows_it(ask: Ask, pair: list[dict[str, Any]]) -> None:
    payer, payee = pair
    status, put = ask(
        "POST", "/api/v1/money/deposits", {"account": payer["number"], "amount": "1000"}, "d1"
    )
    assert (status, put["amount"]) == (200, "1000.00")
    status, listed = ask("POST", "/api/v1/money/accounts/find", {"account": payee["number"]})
    assert status == 200
    body = {
        "from": {"account": payer["number"]},
        "to": {"account": payee["number"], "name": "谁"},
        "amount": "12.34",
        "assurance": 2,
    }
    status, wrong = ask("POST", "/api/v1/money/transfers", body, "t1")
    assert (status, wrong["code"], wrong["field"]) == (409, "name_differs", "to.name")
    assert listed[0]["balance"] == "0.00"
    status, out = ask(
        "POST", "/api/v1/money/withdrawals",
        {"account": payer["number"], "amount": "0.01", "assurance": 2}, "w1",
    )  # fmt: skip
    assert (status, out["balance"]) == (200, "999.99")
    path = f"/api/v1/money/accounts/{payer['person_id']}/{payer['account_id']}/statement"
    status, told = ask("GET", path)
    assert status == 200
    assert [line["amount"] for line in told["lines"]] == ["1000.00", "-0.01"]
    assert (told["opening"], told["closing"]) == ("0.00", "999.99")
    status, back = ask(
        "POST", f"/api/v1/money/transactions/{out['person_id']}/{out['transaction_id']}/reverse",
        {"reason": "误操作"}, "r1",
    )  # fmt: skip
    assert (status, back["reverses"]) == (200, out["transaction_id"])


GOOD: dict[str, Any] = {
    "from": {"account": "1" * 16},
    "to": {"account": "1" * 16, "name": "x"},
    "amount": "1",
    "assurance": 2,
}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", None),
        (b"[]", "body"),
        ({"amount": "1", "assurance": 2}, "from"),
        ({**GOOD, "amount": "1e3"}, "amount"),
        ({**GOOD, "to": {"account": "1" * 16}}, "to.name"),
        ({**GOOD, "from": {"account": 5}}, "from.account"),
        ({**GOOD, "assurance": 9}, "assurance"),
        ({**GOOD, "more": 1}, "more"),
    ],
)  # fmt: skip
def test_a_wrong_body_names_the_field(ask: Ask, body: Any, field: str | None) -> None:
    status, answer = ask("POST", "/api/v1/money/transfers", body, "x")
    assert status == (400 if field is None else 422), answer
    assert answer.get("field") == field
    assert answer["detail"]["zh"]


@pytest.mark.parametrize("key", ["", "with:colon", "x" * 101, "a b"])
def test_an_idempotency_key_is_asked_for_and_checked(ask: Ask, key: str) -> None:
    for path in ("/api/v1/money/transfers", "/api/v1/money/holds"):
        body = {"account": "6" * 16, "amount": "1", "reason": "x"}
        status, answer = ask("POST", path, body, key)
        assert (status, answer["field"]) == (422, "Idempotency-Key"), answer


def test_paying_arrears_opens_the_hospital_door_at_once(
    served: tuple[Served, Path], ask: Ask
) -> None:
    situation = next(at for at, one in enumerate(DEMOS) if one.situation == "arrears")
    person_id = FIRST_ID + situation
    shown = subprocess.run(
        cli("people", "show", str(person_id), "--reveal", "--json", "--data", str(served[1])),
        capture_output=True, text=True, check=True,
        env={**os.environ, "YIKATONG_DATABASE_URL": ""},
    )  # fmt: skip
    file = json.loads(shown.stdout)
    insured = next(one for one in file["enrolments"] if one["insurance"] == "310")
    question = {"id_number": file["id_number"], "region": "110000", "service": "inpatient"}

    def reasons() -> set[str]:
        status, answer = ask("POST", "/api/v1/portability/check", question)
        assert status == 200, answer
        return {one["code"] for one in answer["reasons"]}

    assert "arrears" in reasons()
    path = f"/api/v1/money/contributions/{person_id}"
    last = SystemClock().now().date().replace(day=1) - timedelta(days=1)
    months = {"insurance": "310", "since": insured["arrears_since"][:7], "until": f"{last:%Y-%m}"}
    status, bills = ask("POST", f"{path}/months", months)
    assert status == 201, bills
    total = sum(int(one["total"].replace(".", "")) for one in bills)
    notice = {"bank": "CCB", "reference": "N-1", "amount": f"{total // 100}.{total % 100:02d}"}
    wanted = [one["bill_id"] for one in bills]
    status, paid = ask("POST", f"{path}/pay", {"bills": wanted, "notice": notice}, "p1")
    assert (status, paid["kind"]) == (200, "contribution")
    assert "arrears" not in reasons()
    status, listed = ask("GET", f"{path}/bills")
    assert {one["state"] for one in listed} == {"paid"}
    status, pdf = ask("GET", f"{path}/certificate")
    assert status == 200
    assert pdf.startswith(b"%PDF")
    status, wrong = ask("POST", f"{path}/pay", {"bills": ["x"], "notice": notice}, "p2")
    assert (status, wrong["field"]) == (422, "bills[0]")


def test_money_goes_to_another_bank_and_the_order_tells(
    ask: Ask, pair: list[dict[str, Any]]
) -> None:
    payer = pair[1]
    account = {"account": payer["number"]}
    assert ask("POST", "/api/v1/money/deposits", {**account, "amount": "50"}, "d2")[0] == 200
    status, other = ask(
        "POST", "/api/v1/money/accounts", {"person_id": payer["person_id"], "bank": "BOCOM"}
    )
    assert status == 201
    payee = {"bank": "BOCOM", "account": other["number"], "name": "不是她"}
    body = {**account, "payee": payee, "amount": "20", "assurance": 2}
    status, order = ask("POST", "/api/v1/money/payouts", body, "o1")
    assert (status, order["state"]) == (202, "pending"), order
    assert ask("POST", "/api/v1/money/payouts", body, "o1")[1]["order_id"] == order["order_id"]
    path = f"/api/v1/money/payouts/{order['person_id']}/{order['order_id']}"
    until = time.monotonic() + 40
    while (found := ask("GET", path)[1])["state"] in ("pending", "unknown"):
        assert time.monotonic() < until
        time.sleep(0.5)
    # The name is not the account's: the bank refuses, and the money is back.
    assert found["state"] == "refused"
    status, listed = ask("POST", "/api/v1/money/accounts/find", account)
    assert listed[0]["balance"] == "50.00"
    wrong = {**body, "payee": {**payee, "bank": "NOPE"}}
    status, answer = ask("POST", "/api/v1/money/payouts", wrong, "o2")
    assert (status, answer["field"]) == (422, "bank")


def test_a_list_of_wrong_rows_is_answered_row_by_row(ask: Ask) -> None:
    code = "91510100MA6C123401"
    status, _ = ask(
        "PUT", f"/api/v1/money/employers/{code}", {"name": "某公司", "region": "510100"}
    )
    assert status == 200
    content = "身份证号,姓名,工资\n123,张三,8000\n110101199003077758,李四,abc\n".encode()
    status, answer = ask(
        "POST", f"/api/v1/money/employers/{code}/lists/2026-10", content, "l1",
        **{"Content-Type": "text/csv"},
    )  # fmt: skip
    assert (status, answer["code"]) == (422, "list_not_taken")
    assert [(one["row"], one["field"]) for one in answer["rows"]] == [(2, "id_number"), (3, "wage")]
