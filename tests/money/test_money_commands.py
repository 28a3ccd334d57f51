"""`yikatong money …` as it is typed: a process of its own each time, on one data directory."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from yikatong.core import embedded
from yikatong.core.settings import Settings


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a command; the server stays up between them, so that each starts fast."""
    data = tmp_path_factory.mktemp("commands")

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
        assert command("people", "make", "300").code == 0
        yield command


class Pair(NamedTuple):
    """Two accounts at one bank, and whose they are."""

    payer: str
    payee: str
    name: str


@pytest.fixture(scope="module")
def pair(run: Run) -> Pair:
    payer, payee = (
        run("money", "open", person, "PSBC").out.strip() for person in ("1000002", "1000004")
    )
    assert run("money", "deposit", payer, "1000.00", "--key", "first").code == 0
    person = json.loads(run("people", "show", "1000004", "--reveal", "--json").out)
    return Pair(payer, payee, person["name"])


def balance(run: Run, number: str) -> dict[str, Any]:
    return json.loads(run("money", "accounts", "--account", number, "--json").out)[0]


def test_money_moves_once_and_is_proved(run: Run, pair: Pair) -> None:
    words = ("money", "transfer", pair.payer, pair.payee, pair.name, "12.34", "--key", "t-1")
    first, again = run(*words), run(*words)
    assert (first.code, again.out) == (0, first.out)
    assert balance(run, pair.payee)["balance"] == "12.34"
    assert run("money", "open", "1000004", "PSBC").out.strip() == pair.payee
    out = json.loads(run("money", "withdraw", pair.payer, "0.66", "--json").out)
    assert out["balance"] == "987.00"
    words = ("money", "reverse", "1000002", out["transaction_id"], "--reason", "误操作")
    assert run(*words).code == 0
    assert run(*words).code == 1
    assert run("money", "verify").code == 0


def test_a_hold_is_taken_or_given_back(run: Run, pair: Pair) -> None:
    before = balance(run, pair.payer)["balance"]
    held = run("money", "hold", pair.payer, "100", "--reason", "押金").out.split()
    taken = run("money", "capture", *held, "40", "--account", pair.payee)
    assert (taken.code, balance(run, pair.payer)["held"]) == (0, "0.00")
    again = run("money", "release", *held)
    assert (again.code, again.err.startswith("hold_id: ")) == (1, True)
    back = run("money", "reverse", "1000002", taken.out.split()[1], "--reason", "退押金")
    assert back.code == 0
    assert balance(run, pair.payer)["balance"] == before


def test_a_frozen_account_receives_and_does_not_pay(run: Run, pair: Pair) -> None:
    assert run("money", "freeze", pair.payee, "loss_report").code == 0
    refused = run("money", "withdraw", pair.payee, "1")
    assert (refused.code, "挂失" in refused.err) == (1, True)
    assert run("money", "deposit", pair.payee, "1").code == 0
    assert run("money", "benefit", pair.payee, "510100", "110", "1").code == 0
    assert run("money", "freeze", pair.payee, "loss_report", "--lift").code == 0
    assert run("money", "withdraw", pair.payee, "1").code == 0


def test_standing_orders_wealth_and_other_banks(run: Run, pair: Pair) -> None:
    words = ("--to", pair.payee, "--name", pair.name, "--day", "5")
    made = run("money", "standing", "add", pair.payer, "10", *words)
    order = made.out.split()[0]
    assert (made.code, "active" in made.out) == (0, True), made.err
    assert "paused" in run("money", "standing", "pause", "1000002", order).out
    assert "ended" in run("money", "standing", "end", "1000002", order).out
    assert run("money", "standing", "resume", "1000002", order).code == 1
    products = json.loads(run("money", "wealth", "products", "--json").out)
    assert {"risk", "term_days"} <= products[0].keys()
    refused = run("money", "wealth", "buy", pair.payer, products[0]["code"], "1")
    assert (refused.code, refused.err.count("\n")) in ((1, 1), (2, 1))
    assert run("money", "wealth", "rate", "1000002", *"33333").code == 0
    assert run("money", "wealth", "holdings", "1000002", "--json").out.strip() == "[]"
    sent = run("money", "pay-out", pair.payer, "ICBC", "6222020000000000", "张三", "1", "--json")
    told = json.loads(sent.out)
    assert told["state"] == "pending"
    assert run("money", "payout", "1000002", told["order_id"]).code == 0


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (("deposit", "{payer}", "1e3"), 2, "AMOUNT"),
        (("deposit", "{payer}", "0"), 2, "amount"),
        (("deposit", "{payer}", "10000000000.01"), 2, "AMOUNT"),
        (("deposit", "6217000000000000", "1"), 2, "account"),
        (("withdraw", "{payer}", "99999"), 1, "amount|assurance"),
        (("transfer", "{payer}", "{payee}", "某某", "1"), 1, "to.name"),
        (("transfer", "{payer}", "{payer}", "{name}", "1"), 2, "to.account"),
        (("transfer", "{payer}", "{payee}", "{name}", "900000", "--assurance", "3"), 1, "amount"),
        (("transfer", "{payer}", "{payee}", "{name}", "1", "--memo", "a\nb"), 2, "memo"),
        (("transfer", "{payer}", "{payee}", "{name}", "1", "--assurance", "1"), 1, "assurance"),
        (("deposit", "{payer}", "1", "--key", "a b"), 2, "--key"),
        (("deposit", "{payer}", "7", "--key", "first"), 1, "Idempotency-Key"),
        (("freeze", "{payer}", "court"), 2, "document"),
        (("freeze", "{payer}", "theft"), 2, "REASON"),
        (("hold", "{payer}", "2000", "--reason", "x"), 1, "amount"),
        (("release", "1000002", "1"), 2, "hold_id"),
        (("reverse", "1000002", "1", "--reason", "x"), 2, "transaction_id"),
        (("open", "1000002", "BANK"), 2, "bank"),
        (("pay-care", "1000004", "nobody", "1"), 2, "provider"),
        (("standing", "add", "{payer}", "1", "--every", "year"), 2, "--every"),
        (("pay-out", "{payer}", "XX", "62220200", "张三", "1"), 2, "bank"),
        (("trial-balance", "--at", "9999-12-31T23:59:59-12:00"), 2, "at"),
        (("release", "9" * 20, "1"), 2, "id"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_field(
    run: Run, pair: Pair, words: tuple[str, ...], code: int, field: str
) -> None:
    before = balance(run, pair.payer)
    done = run("money", *(word.format(**pair._asdict()) for word in words))
    assert done.code == code, done
    assert done.err.count("\n") == 1, done.err
    assert re.match(rf"({field}): ", done.err), done.err
    assert balance(run, pair.payer) == before


def test_a_list_with_wrong_rows_is_told_row_by_row(run: Run, tmp_path: Path) -> None:
    employer = "91510100MA6C123401"
    code = run("money", "employer", employer, "某某公司", "510100")
    if code.code:
        pytest.fail(code.err)
    file = tmp_path / "list.csv"
    file.write_text("身份证号,姓名,工资\n123,张三,8000\n,李四,x\n", encoding="utf-8")
    done = run("money", "list", str(file), "--employer", employer, "--period", "2026-03")
    assert done.code == 1
    assert [line[:4] for line in done.out.splitlines() if "row" in line][:2] == ["第 2 ", "第 3 "]
