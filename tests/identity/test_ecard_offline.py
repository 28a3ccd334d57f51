"""The separate terminal: it has the public keys and the list on its disk, and nothing of the platform."""

import ast
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.identity.conftest import HOLDER, Execute, Wallet, client_of
from yikatong.core.clock import FixedClock, SystemClock
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.identity.ecards import cose, service
from yikatong.identity.ecards.api import KEYS, REVOCATIONS
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.ecards.model import LISTED_BYTES, LISTED_FOR
from yikatong.identity.ecards.revocations import MADE_EVERY, Revocations, added

PROGRAM = Path(__file__).parents[2] / "examples" / "offline_terminal" / "verify.py"


@pytest.fixture
def clock() -> FixedClock:
    """The time at which the terminal looks at its own clock."""
    return FixedClock(SystemClock().now())


class Terminal:
    """What a terminal has on its disk."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        self.folder = folder
        self.platform = platform

    async def fetch(self) -> None:
        async with client_of(self.platform) as client:
            (self.folder / "keys.json").write_bytes((await client.get(KEYS)).content)
            (self.folder / "list.cose").write_bytes((await client.get(REVOCATIONS)).content)

    def judge(self, text: str, *more: str) -> dict[str, Any]:
        done = self.run(text, *more)
        said = json.loads(done.stdout)
        assert done.returncode == {True: 0, False: 1, None: 2}[said["valid"]]
        return said

    def run(self, text: str, *more: str) -> subprocess.CompletedProcess[str]:
        folder = self.folder
        return subprocess.run(
            [
                sys.executable, str(PROGRAM), "--keys", str(folder / "keys.json"), "--revocations",
                str(folder / "list.cose"), "--memory", str(folder / "seen.db"), *more, "--", text,
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            timeout=60,
        )  # fmt: skip


@pytest.fixture
async def terminal(platform: Platform, clock: FixedClock, tmp_path: Path) -> Terminal:
    made = Terminal(tmp_path, platform)
    # The keys are some days old.
    clock.advance(-timedelta(days=3))
    await Codes(platform).published()
    await Revocations(platform).keys()
    clock.advance(timedelta(days=3))
    await made.fetch()
    return made


def test_it_imports_nothing_of_the_platform() -> None:
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"))
    imported = {
        (name.name if isinstance(node, ast.Import) else str(node.module)).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    outside = imported - set(sys.stdlib_module_names)
    assert outside == {"cbor2", "cryptography", "gmssl_pyx"}


async def test_a_good_code_is_valid_once(terminal: Terminal, wallet: Wallet) -> None:
    text = (await wallet.code()).text
    said = terminal.judge(text)
    assert said["valid"] is True
    assert said["level"] == 2
    assert said["name"] == "王*明"
    assert terminal.judge(text) == {"valid": False, "why": "replayed"}


async def test_two_programs_over_one_memory_take_a_code_once(
    terminal: Terminal, wallet: Wallet
) -> None:
    text = (await wallet.code()).text
    said: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: said.append(json.loads(terminal.run(text).stdout)))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(str(one["valid"]) for one in said) == ["False"] * 3 + ["True"]


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(-95, "expired"), (-85, None), (-5, None), (25, None), (45, "not_yet_valid")],
)
async def test_its_clock_may_differ_by_half_a_minute(
    terminal: Terminal, codes: Codes, clock: FixedClock, seconds: int, why: str | None
) -> None:
    clock.advance(SystemClock().now() + timedelta(seconds=seconds) - clock.now())
    text = (await codes.issue(7, 9, "王小明")).text
    assert terminal.judge(text).get("why") == why


async def test_changed_truncated_and_foreign_codes_are_not_valid(
    terminal: Terminal, platform: Platform, codes: Codes
) -> None:
    text = (await codes.issue(7, 9, "王小明")).text
    token = cose.from_text(text)
    parts = cose.Parts(token)
    changed = token[:-1] + bytes((token[-1] ^ 1,))
    wrong = {
        text[:-1]: "malformed",
        text[:100]: "malformed",
        "HELLO": "malformed",
        "小": "malformed",
        "A" * 700: "malformed",
        cose.to_text(b"\0" * 400): "malformed",
        cose.to_text(changed): "wrong_signature",
    }
    unknown = cose.protected_header("EdDSA", "11" * 8)
    wrong[cose.to_text(cose.sign1(unknown, parts.payload, parts.signature))] = "unknown_key"
    other = cbor2.dumps({1: -7, 4: bytes.fromhex(parts.key_id)})
    wrong[cose.to_text(cose.sign1(other, parts.payload, parts.signature))] = "wrong_algorithm"
    for tried, why in wrong.items():
        assert terminal.judge(tried) == {"valid": False, "why": why}


async def test_a_code_of_another_issuer_with_the_same_keys_is_not_valid(
    terminal: Terminal, platform: Platform
) -> None:
    settings = Settings(data_dir=platform.settings.data_dir, public_url="https://other.example")
    code = await Codes(msgspec.structs.replace(platform, settings=settings)).issue(7, 9, "王小明")
    assert terminal.judge(code.text)["why"] == "other_issuer"


async def test_a_list_is_no_code_and_a_code_no_list(
    terminal: Terminal, platform: Platform, codes: Codes
) -> None:
    listed = await Revocations(platform).current()
    assert terminal.judge(cose.to_text(listed.content))["valid"] is False
    text = (await codes.issue(7, 9, "王小明")).text
    (terminal.folder / "list.cose").write_bytes(cose.from_text(text))
    assert terminal.judge(text) == {"valid": None, "why": "revocation_list_unknown_key"}


async def test_a_revoked_device_is_found_in_the_list(
    terminal: Terminal, platform: Platform, wallet: Wallet, clock: FixedClock
) -> None:
    first, second = (await wallet.code()).text, (await wallet.code()).text
    assert terminal.judge(first)["valid"] is True
    assert wallet.device is not None
    async with platform.database.transaction() as connection:
        await service.cards_changed(platform, connection, wallet.person_id, wallet.device.card_id)
    await terminal.fetch()
    assert terminal.judge(second) == {"valid": False, "why": "revoked"}


async def test_an_old_list_or_none_lets_it_judge_nothing(
    terminal: Terminal, codes: Codes, clock: FixedClock
) -> None:
    clock.advance(-timedelta(hours=25))
    await terminal.fetch()
    clock.advance(timedelta(hours=25))
    text = (await codes.issue(7, 9, "王小明")).text
    assert terminal.judge(text)["why"] == "revocation_list_too_old"
    assert terminal.judge(text, "--list-hours-max", "48")["valid"] is True
    (terminal.folder / "list.cose").unlink()
    assert terminal.judge(text)["valid"] is None


async def test_a_list_that_was_changed_or_is_of_the_future_lets_it_judge_nothing(
    terminal: Terminal, codes: Codes, clock: FixedClock
) -> None:
    text = (await codes.issue(7, 9, "王小明")).text
    path = terminal.folder / "list.cose"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes((content[-1] ^ 1,)))
    assert terminal.judge(text)["why"] == "revocation_list_wrong_signature"
    clock.advance(timedelta(minutes=5))
    await terminal.fetch()
    assert terminal.judge(text)["why"] == "clock_behind_revocation_list"


async def test_a_clock_that_was_set_back_is_noticed(
    terminal: Terminal, codes: Codes, platform: Platform
) -> None:
    text = (await codes.issue(7, 9, "王小明")).text
    assert terminal.judge(text)["valid"] is True
    with sqlite3.connect(terminal.folder / "seen.db") as memory:
        memory.execute("update clock set latest = latest + 3600")
    text = (await codes.issue(7, 9, "王小明")).text
    assert terminal.judge(text)["why"] == "clock_set_back"


async def test_sm2_codes_are_checked_too(platform: Platform, tmp_path: Path) -> None:
    by_setting = msgspec.structs.replace(
        platform, settings=Settings(data_dir=platform.settings.data_dir, e_card_algorithm="SM2")
    )
    terminal = Terminal(tmp_path, by_setting)
    await terminal.fetch()
    text = (await Codes(by_setting).issue(7, 9, "王小明")).text
    assert terminal.judge(text)["valid"] is True
    token = cose.from_text((await Codes(by_setting).issue(7, 9, "王小明")).text)
    changed = token[:-1] + bytes((token[-1] ^ 1,))
    assert terminal.judge(cose.to_text(changed))["why"] == "wrong_signature"


# ---- the list ----


def entries(content: bytes) -> list[bytes]:
    packed: bytes = cbor2.loads(cbor2.loads(content).value[2])["hashes"]
    return [packed[at : at + LISTED_BYTES] for at in range(0, len(packed), LISTED_BYTES)]


async def list_hashes(execute: Execute, numbers: range, at: Any) -> None:
    await execute(
        """insert into e_card_revocations
           select substr(sha256(n::text::bytea), 1, 5), $3 from generate_series($1::int, $2::int) n
           on conflict do nothing""",
        numbers.start,
        numbers.stop - 1,
        at,
    )


async def test_the_list_grows_by_what_is_new_and_forgets_what_no_code_needs(
    platform: Platform, clock: FixedClock, execute: Execute
) -> None:
    revocations = Revocations(platform)
    await list_hashes(execute, range(10), clock.now())
    first = await revocations.current()
    assert first.entries == 10
    assert entries(first.content) == sorted(entries(first.content))
    # Seen late: its transaction took a minute.
    await list_hashes(execute, range(10, 12), clock.now() - timedelta(minutes=1))
    assert (await revocations.current()).tag == first.tag
    clock.advance(MADE_EVERY)
    assert (await revocations.current()).entries == 12
    clock.advance(LISTED_FOR - timedelta(hours=2))
    await list_hashes(execute, range(20, 21), clock.now())
    clock.advance(timedelta(hours=3))
    assert (await revocations.current()).entries == 1
    assert (await Revocations(platform).current()).entries == 1
    await service.forget_old(platform)
    assert await execute("select count(*) from e_card_revocations") == 1


@given(
    known=st.sets(st.binary(min_size=LISTED_BYTES, max_size=LISTED_BYTES), max_size=30),
    new=st.lists(st.binary(min_size=LISTED_BYTES, max_size=LISTED_BYTES), max_size=10),
    again=st.booleans(),
)
def test_what_is_added_stands_in_order_and_once(
    known: set[bytes], new: list[bytes], again: bool
) -> None:
    more = [*new, *known] if again else new
    assert added(b"".join(sorted(known)), more) == b"".join(sorted(known | set(more)))


async def test_a_hundred_thousand_revocations_are_half_a_megabyte(
    platform: Platform, clock: FixedClock, execute: Execute
) -> None:
    await list_hashes(execute, range(100_000), clock.now())
    revocations = Revocations(platform)
    begun = time.perf_counter()
    signed = await revocations.current()
    took = time.perf_counter() - begun
    assert signed.entries > 99_900
    assert len(signed.content) < signed.entries * LISTED_BYTES + 300
    assert took < 5


async def test_the_list_is_not_fetched_twice(platform: Platform) -> None:
    async with client_of(platform) as client:
        first = await client.get(REVOCATIONS)
        again = await client.get(REVOCATIONS, headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["content-type"].startswith("application/cose")
    assert (again.status_code, again.content) == (304, b"")


async def test_revoking_twice_lists_once(
    platform: Platform, wallet: Wallet, execute: Execute
) -> None:
    device = await wallet.bind()
    for _ in range(2):
        async with platform.database.transaction() as connection:
            await service.revoke(platform, connection, wallet.person_id, device.device_id, HOLDER)
    assert await execute("select count(*) from e_card_revocations") == 1
