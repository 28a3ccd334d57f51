"""`yikatong cards …` as it is typed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from yikatong.cards.counters import making
from yikatong.core import embedded
from yikatong.core.settings import Settings

CENTRE = making.centre("510100").code
SHOWN = ("--material", "identity", "--material", "photo", "--counter", CENTRE)
PERSON = "1000006"
"""Of the demo people the one without a card."""

pytestmark = pytest.mark.server


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a command; the server stays up between them, so that each starts fast."""
    data = tmp_path_factory.mktemp("cards")

    def command(*words: str, typed: str | None = None) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "yikatong", *words],
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "YIKATONG_DATABASE_URL": "", "YIKATONG_DATA": str(data)},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    with embedded.running(Settings(data_dir=data)):
        assert command("people", "make", "60").code == 0
        yield command


def test_a_card_from_the_application_to_the_loss(run: Run) -> None:
    words = ("cards", "apply", PERSON, *SHOWN, "--key", "a-1", "--json")
    made = run(*words)
    assert made.code == 0, made.err
    assert run(*words).out == made.out
    application = made.told["application_id"]
    assert made.told["state"]["code"] == "in_production"
    twice = run("cards", "apply", PERSON, *SHOWN)
    assert (twice.code, application in twice.err) == (1, True)
    card = run("cards", "print", PERSON, application, *SHOWN, "--json").told["card_id"]
    active = run("cards", "activate", PERSON, card, "--material", "identity", typed="730951\n")
    assert (active.code, "active" in active.out, "730951" in active.out) == (0, True, False)
    changed = run("cards", "change-pin", PERSON, card, typed="730951\n640382\n")
    assert (changed.code, "640382" in changed.out) == (0, False), changed.err
    lost = run("cards", "report-loss-provisionally", PERSON, card, "--channel", "phone")
    assert "自动解除" in lost.out
    shown = run("cards", "show", PERSON, "--json").told
    assert shown["cards"][0]["state"]["code"] == "loss_reported_provisionally"
    events = [one["event"]["code"] for one in run("cards", "history", PERSON, "--json").told]
    assert events == [
        "report_loss_provisionally", "change_pin", "activate", "print", "approve_at_once", "apply_first",
    ]  # fmt: skip
    done = run("cards", "run-due", "--json")
    assert (done.code, done.told["failed"]) == (0, 0)


def test_somebody_else_reviews_than_took_it_in(run: Run) -> None:
    words = ("--kind", "renew", "--why", "damaged", "--channel", "online", "--json")
    made = run("cards", "apply", "1000001", *words)
    assert made.code == 0, made.err
    (waiting,) = run("cards", "list", "--state", "applied", "--region", "510100", "--json").told
    person, application = waiting["person_id"], waiting["application_id"]
    assert application == made.told["application_id"]
    asked = run("cards", "ask", person, application, "--as", "r-1", "--reason", "缺照片", "--json")
    assert asked.told["asked_for"] == "缺照片"
    again = run("cards", "amend", person, application, "--material", "photo", "--json")
    assert again.told["asked_for"] is None
    approved = run("cards", "approve", person, application, "--as", "r-1", "--json")
    assert approved.told["state"]["code"] == "in_production"
    assert run("cards", "approve", person, application, "--as", "r-1").code == 1


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (("apply", PERSON, "--kind", "second"), 2, "--kind"),
        (("apply", PERSON, "--channel", "letter"), 2, "--channel"),
        (("apply", PERSON, "--material", "x"), 2, "--material"),
        (("apply", PERSON, "--counter", "S0"), 2, "counter"),
        (("apply", PERSON, "--key", "a b"), 2, "--key"),
        (("apply", "1"), 2, "person_id"),
        (("approve", PERSON, "1"), 2, "application_id"),
        (("approve", PERSON, "1", "--as", ""), 2, "--as"),
        (("unlock", PERSON, "1"), 2, "card_id"),
        (("cancel", PERSON, "1", "--died-on", "soon"), 2, "--died-on"),
        (("list", "--state", "done"), 2, "--state"),
        (("list", "--region", "999999"), 2, "--region"),
        (("rules", "999999"), 2, "REGION"),
        (("rules", "--date", "2010-01-01"), 2, "date"),
        (("counters", "510000"), 2, "region"),
    ],
)
def test_a_wrong_word_is_one_line_that_names_the_field(
    run: Run, words: tuple[str, ...], code: int, field: str
) -> None:
    done = run("cards", *words)
    assert (done.code, done.err.count("\n")) == (code, 1), done
    assert done.err.startswith(f"{field}: ")


def test_tables_rules_and_counters_are_printed(run: Run) -> None:
    table = run("cards", "table")
    assert "loss_reported_provisionally" in table.out
    assert {"services", "states"} <= set(run("cards", "table", "--json").told)
    assert "7" in run("cards", "rules", "510100").out
    assert CENTRE in run("cards", "counters", "510100", "--prints-at-once").out
