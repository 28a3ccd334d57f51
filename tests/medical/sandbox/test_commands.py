"""The command line: `sandbox show|fault|calls|play` as a programmer types them."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import gmssl_pyx
import pytest

from tests import fillings
from tests.conftest import Filling
from yikatong.cards import service as cards
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.signing_in import codes
from yikatong.identity.signing_in.model import Visitor
from yikatong.medical.hospital_api import store as interface_store
from yikatong.medical.sandbox import plays

PROVIDER = "H51011200001"


class Cli:
    """Runs commands over the test's database."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform = platform
        key = folder / "vault.key"
        key.write_text(bytes(range(32)).hex())
        self.env = {
            **os.environ,
            "YIKATONG_DATABASE_URL": platform.database.url,
            "YIKATONG_KEY_FILE": str(key),
            "YIKATONG_DATA": str(folder),
        }

    async def __call__(
        self, *words: str, about: str = "sandbox", **env: str
    ) -> tuple[int, str, str]:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "yikatong", *about.split(), *words],
            capture_output=True,
            text=True,
            env={**self.env, **env},
        )
        return done.returncode, done.stdout, done.stderr

    async def json(self, *words: str, about: str = "sandbox") -> Any:
        code, out, err = await self(*words, "--json", about=about)
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def filling() -> Filling:
    return fillings.whole_sandbox


@pytest.fixture
def cli(platform: Platform, tmp_path: Path) -> Cli:
    return Cli(platform, tmp_path)


async def test_the_inbox_holds_what_would_have_been_sent(cli: Cli) -> None:
    assert await cli.json("inbox") == []
    one = next(each for each in (await cli.json("show"))["persons"] if each["card_number"])
    visitor = Visitor("192.0.2.1", "Firefox")
    await codes.ask(cli.platform, visitor, one["id_number"])
    (text,) = await cli.json("inbox")
    assert list(text) == ["text_id", "purpose", "to_masked", "at", "text"]
    assert text["to_masked"].startswith("199****")
    assert "验证码" in text["text"]["zh"]
    _, out, _ = await cli("inbox")
    assert text["text"]["en"] in out


async def test_show_prints_exactly_what_a_client_needs(cli: Cli) -> None:
    shown = await cli.json("show")
    assert list(shown) == [
        "providers", "catalog_codes", "persons", "pin", "staff", "relying_services",
    ]  # fmt: skip
    names = ["code", "name", "region", "level", "scheme", "access_key", "secret"]
    assert all(list(one) == names for one in shown["providers"])
    assert shown["providers"][0]["region"] == "510112"
    assert len(shown["catalog_codes"]) >= 40
    names = ["situation", "person_id", "name", "id_number", "card_number", "card_identifier",
             "insurance", "insured_region"]  # fmt: skip
    assert all(list(one) == names for one in shown["persons"])
    assert len(shown["persons"]) > 90
    (old,) = (one for one in shown["persons"] if one["situation"] == "replaced")
    async with cli.platform.database.transaction(readonly=True) as connection:
        held = await cards.cards(connection, old["person_id"])
    assert [one.state for one in held if one.card_number == old["card_number"]] == ["replaced"]
    code, out, _ = await cli("show")
    assert code == 0
    assert shown["providers"][0]["secret"] in out
    assert "all_in_order" in out


async def test_faults_are_switched_listed_and_cleared(cli: Cli) -> None:
    assert await cli.json("fault", PROVIDER) == []
    found = await cli.json(
        "fault", PROVIDER.lower(), "lost", "--transaction", "2207", "--times", "3"
    )
    assert found == [
        {"provider_code": PROVIDER, "fault": "lost", "transaction_code": "2207", "times": 3}
    ]
    await cli.json("fault", PROVIDER, "slow")
    assert len(await cli.json("fault", PROVIDER)) == 2
    assert len(await cli.json("fault", PROVIDER, "slow", "--clear")) == 1
    assert await cli.json("fault", PROVIDER, "--clear") == []


async def test_last_calls_are_told_with_what_they_mean(cli: Cli) -> None:
    answer = '{"infcode":-1,"err_msg":"没有这次就诊 / no such visit","output":null}'
    async with cli.platform.database.transaction() as connection:
        row = (
            PROVIDER,
            1,
            cli.platform.clock.now(),
            "2207",
            "m1",
            3.5,
            200,
            "no_such_visit",
            "{}",
            answer,
        )
        await interface_store.insert_calls(connection, [row])
    told = await cli.json("calls", PROVIDER)
    assert told[0]["message_id"] == "m1"
    assert told[0]["meaning"]["outcome"] == {"zh": "没有这次就诊", "en": "no such visit"}
    assert told[0]["meaning"]["advice"]
    _, out, _ = await cli("calls", PROVIDER)
    assert "03-01 09:00:00" in out
    assert "门诊结算" in out


async def test_the_plays_are_listed(cli: Cli) -> None:
    code, out, _ = await cli("play")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(plays.PLAYS)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("fault", "H00000000000", "lost"), "provider"),
        (("fault", PROVIDER, "broken"), "fault"),
        (("fault", PROVIDER, "lost", "--transaction", "22"), "transaction"),
        (("fault", PROVIDER, "lost", "--times", "0"), "times"),
        (("calls", "H51010000001"), "provider"),
        (("play", "nothing"), "SCENARIO"),
        (("play", "outpatient", "--port", "9"), "--port"),
        (("play", "outpatient", "--url", "nonsense"), "--url"),
    ],
)
async def test_a_wrong_word_is_one_line_that_names_it(
    cli: Cli, words: tuple[str, ...], field: str
) -> None:
    code, _, err = await cli(*words)
    assert code == 2
    assert err.startswith(f"{field}: ")
    assert len(err.splitlines()) == 1


async def test_an_agency_gives_a_provider_its_credential_and_takes_it_back(cli: Cli) -> None:
    about = "providers credentials"
    made = await cli.json("add", PROVIDER.lower(), "--scheme", "b", about=about)
    assert (made["code"], made["scheme"], made["sandbox"]) == (PROVIDER, "B", False)
    key = made["access_key"]
    public, _ = cast("Any", gmssl_pyx).sm2_key_generate()
    assert await cli.json("sm2", key, public.hex(), about=about) == {
        "access_key": key, "sm2": True,
    }  # fmt: skip
    newer = await cli.json("rotate", key, about=about)
    await cli.json("revoke", newer["access_key"], about=about)
    listed = {one["access_key"]: one for one in await cli.json("list", PROVIDER, about=about)}
    assert listed[newer["access_key"]]["sm2_public_key"] == public.hex()
    assert all(one["revoked_at"] for one in listed.values() if not one["sandbox"])
    assert made["secret"] not in str(listed)
    async with cli.platform.database.transaction() as connection:
        told = await office.of_subjects(connection, [key, newer["access_key"]], "credential.")
    assert [one.action.removeprefix("credential.") for one in reversed(told)] == [
        "added", "sm2", "rotated", "revoked",
    ]  # fmt: skip
    code, _, err = await cli("sm2", key, "zz", about=about)
    assert code == 2
    assert err.startswith("sm2_public_key: ")


async def test_where_the_sandbox_is_off_nothing_is_told(cli: Cli) -> None:
    for words in (("show",), ("fault", PROVIDER, "lost"), ("calls", PROVIDER)):
        code, out, err = await cli(*words, YIKATONG_SANDBOX="off")
        assert (code, out) == (2, "")
        assert "YIKATONG_SANDBOX=off" in err


async def test_an_e_card_code_of_a_test_person_identifies_at_the_counter(cli: Cli) -> None:
    people = (await cli.json("show"))["persons"]
    person = next(one for one in people if one["situation"] == "all_in_order")
    made = await cli.json("e-card", str(person["person_id"]))
    assert made["person_id"] == person["person_id"]
    opened = await Codes(cli.platform).read(made["code"])
    assert opened.person_id == person["person_id"]
    code, out, _ = await cli("e-card", str(person["person_id"]), "--port", "8123")
    assert code == 0
    assert "http://127.0.0.1:8123 " in out
    assert "有效至" in out


async def test_nobody_real_nobody_at_all_and_a_lost_card_get_no_code(cli: Cli) -> None:
    async with cli.platform.database.transaction() as connection:
        await connection.execute("update persons set synthetic = false where person_id = 1000002")
        await connection.execute(
            "update cards set state = 'loss_reported' where person_id = 1000003"
        )
    for person, said in (("1000002", 1), ("1000003", 1), ("99", 2)):
        code, out, err = await cli("e-card", person, "--json")
        assert (code, out) == (said, "")
        assert err.count("\n") == 1
