"""Care under fire: 64 clients treat, settle and reverse over the signed interface while the platform
and its database are killed with -9 ten times.

Whatever happens on the way: every message has one outcome, a repeat gets the first answer byte for
byte, what was answered is there and whole, and books and accumulators prove themselves.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import random
import re
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.serving.server import Server
from yikatong.core import embedded
from yikatong.core.clock import SHANGHAI

pytestmark = pytest.mark.server

CLIENTS, MESSAGES, KILLS = 64, 6_000, 10
ANSWER_SECONDS_MAX = 20
GIVE_UP_SECONDS = 600
COMES_BACK_SECONDS = 0.5
"""Much less, and 64 clients asking keep the platform from starting again."""
PATH = "/fsi/api/rsfComIfsService/callService"
SITUATIONS = ("all_in_order", "home", "retired_with_son", "exempt_pair", "resident")
COUNTS: Counter[str] = Counter()
_numbers = itertools.count(1)


class Lost(Exception):
    """No answer: whether it was carried out is unknown."""


class Hospital:
    """A client with one keep-alive connection, signing as the provider does (header set A)."""

    def __init__(self, server: Server, provider: dict[str, str], story: "Story") -> None:
        self.server = server
        self.provider = provider
        self.story = story
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def message_id(self) -> str:
        number = next(_numbers)
        moment = datetime(2026, 3, 1, tzinfo=SHANGHAI) + timedelta(seconds=number // 10_000)
        return f"{self.provider['code']}{moment:%Y%m%d%H%M%S}{number % 10_000:04d}"

    def request(self, infno: str, message_id: str, content: Any, insured: str) -> bytes:
        now = datetime.now(SHANGHAI)
        body = json.dumps(
            {
                "infno": infno,
                "msgid": message_id,
                "mdtrtarea_admvs": self.provider["region"],
                "insuplc_admdvs": insured,
                "recer_sys_code": "YKT",
                "infver": "V1.0",
                "opter_type": "1",
                "opter": "0001",
                "opter_name": "test",
                "inf_time": now.strftime("%Y-%m-%d %H:%M:%S"),
                "fixmedins_code": self.provider["code"],
                "fixmedins_name": self.provider["name"][:20],
                "input": content,
            }
        ).encode()
        headers = {
            "_api_access_key": self.provider["access_key"],
            "_api_name": infno,
            "_api_timestamp": str(int(time.time() * 1000)),
            "_api_version": "1.0",
        }
        text = "&".join(f"{name}={headers[name]}" for name in sorted(headers))
        digest = hmac.digest(self.provider["secret"].encode(), text.encode(), hashlib.sha1)
        headers["_api_signature"] = base64.b64encode(digest).decode()
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        try:
            return await asyncio.wait_for(self._ask(request), ANSWER_SECONDS_MAX)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            if self.streams:
                self.streams[1].close()
            self.streams = None
            raise Lost from error

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.server.port)
        reader, writer = self.streams
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", answer.lower())[1])  # type: ignore[index]
        return int(answer.split()[1]), await reader.readexactly(length)

    async def once(self, infno: str, message_id: str, content: Any, insured: str) -> Any:
        """Ask until there is a definite answer; the message is the same each time."""
        for turn in range(100_000):
            try:
                status, body = await self.ask(self.request(infno, message_id, content, insured))
            except Lost:
                COUNTS["lost answers"] += 1
                await asyncio.sleep(COMES_BACK_SECONDS)
                continue
            if status == 503:
                COUNTS["told to come back"] += 1
                await asyncio.sleep(COMES_BACK_SECONDS)
                continue
            assert status == 200, body
            if turn:
                COUNTS["repeated until answered"] += 1
            self.story.answers[self.provider["code"], message_id] = (infno, content, insured, body)
            self.story.done += 1
            return json.loads(body)
        raise AssertionError("no definite answer")

    async def call(self, infno: str, content: Any, insured: str) -> Any:
        answer = await self.once(infno, self.message_id(), content, insured)
        assert answer["infcode"] == 0, answer
        return answer["output"]


class Story:
    """What was answered."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[str, Any, str, bytes]] = {}
        self.settled: dict[str, dict[str, Any]] = {}
        """Settlements that stand, by setl_id."""
        self.reversed: set[str] = set()
        self.done = 0


async def treat(
    hospital: Hospital, person: dict[str, Any], codes: list[str], chance: random.Random
) -> None:
    """An outpatient visit, settled, sometimes taken back by its number or by its message."""
    now = datetime.now(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    insured = person["insured_region"]
    shown = {
        "psn_no": str(person["person_id"]),
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": person["id_number"],
    }
    out = await hospital.call(
        "2201",
        {"data": {**shown, "begntime": now, "ipt_otp_no": "M1", "insutype": person["insurance"],
                  "atddr_no": "D1", "dr_name": "张", "dept_code": "01", "dept_name": "内科",
                  "caty": "A03"}},
        insured,
    )  # fmt: skip
    visit = out["data"]["mdtrt_id"]
    person_no = shown["psn_no"]
    await hospital.call(
        "2203",
        {
            "mdtrtinfo": {"mdtrt_id": visit, "psn_no": person_no, "med_type": "11", "begntime": now},
            "diseinfo": [
                {"diag_type": "1", "diag_srt_no": "1", "diag_code": "I10.x00", "diag_name": "高血压",
                 "diag_dept": "内科", "dise_dor_no": "D1", "dise_dor_name": "张",
                 "diag_time": now, "vali_flag": "1"}
            ],
        },
        insured,
    )  # fmt: skip
    prices = [chance.randrange(100, 30_000) for _ in range(3)]
    await hospital.call(
        "2204",
        {
            "feedetail": [
                {"feedetl_sn": f"L{at}", "mdtrt_id": visit, "psn_no": person_no, "chrg_bchno": "1",
                 "fee_ocur_time": now, "med_list_codg": chance.choice(codes),
                 "medins_list_codg": "X", "det_item_fee_sumamt": f"{price / 100:.2f}", "cnt": 1,
                 "pric": f"{price / 100:.2f}", "bilg_dept_codg": "01", "bilg_dept_name": "内科",
                 "bilg_dr_codg": "D1", "bilg_dr_name": "张", "hosp_appr_flag": "1"}
                for at, price in enumerate(prices)
            ]
        },
        insured,
    )  # fmt: skip
    bill = {
        "data": {
            **shown, "med_type": "11", "medfee_sumamt": f"{sum(prices) / 100:.2f}",
            "psn_setlway": "01", "mdtrt_id": visit, "chrg_bchno": "1", "acct_used_flag": "1",
            "insutype": person["insurance"],
        }
    }  # fmt: skip
    message_id = hospital.message_id()
    answer = await hospital.once("2207", message_id, bill, insured)
    assert answer["infcode"] == 0, answer
    info = answer["output"]["setlinfo"]
    hospital.story.settled[info["setl_id"]] = info
    draw = chance.random()
    if draw < 0.15:
        key = {"setl_id": info["setl_id"], "mdtrt_id": visit, "psn_no": person_no}
        back = await hospital.call("2208", {"data": key}, insured)
        assert back["setlinfo"]["medfee_sumamt"] == -info["medfee_sumamt"]
        hospital.story.reversed.add(info["setl_id"])
    elif draw < 0.3:
        await hospital.call(
            "2601", {"data": {"psn_no": person_no, "omsgid": message_id, "oinfno": "2207"}}, insured
        )
        hospital.story.reversed.add(info["setl_id"])
        # A repeat of a message that was taken back tells so; its first answer no longer holds.
        hospital.story.answers.pop((hospital.provider["code"], message_id))


async def kill_now_and_then(server: Server, story: Story) -> None:
    loop = asyncio.get_running_loop()
    for number in range(KILLS):
        while story.done < MESSAGES * (number + 1) // (KILLS + 1):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if number % 3 != 1:
            server.kill_app()
        if number % 3 != 0:
            server.kill_database()
        if number % 3 != 1:
            await loop.run_in_executor(None, server.start)
        COUNTS["killed"] += 1


def test_every_message_has_one_outcome_when_the_platform_is_killed(tmp_path: Path) -> None:
    # In a thread: the browser tests before this one keep a loop of their own in the main one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(under_fire(tmp_path))).result()


async def under_fire(tmp_path: Path) -> None:
    """The whole battle."""
    COUNTS.clear()
    server = Server(tmp_path / "care")
    try:
        shown = json.loads(server.command("sandbox", "show", "--json").stdout)
        providers = [
            one for one in shown["providers"]
            if one["scheme"] == "A" and one["level"] == "tertiary" and one["region"][:2] == "51"
        ]  # fmt: skip
        persons = [one for one in shown["persons"] if one["situation"] in SITUATIONS]
        assert providers
        assert len(persons) == len(SITUATIONS)
        story = Story()

        async def client(number: int) -> None:
            chance = random.Random(number)
            hospital = Hospital(server, providers[number % len(providers)], story)
            while story.done < MESSAGES:
                await treat(hospital, chance.choice(persons), shown["catalog_codes"], chance)

        killer = asyncio.create_task(kill_now_and_then(server, story))
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await asyncio.gather(*(client(number) for number in range(CLIENTS)))
            await killer
        assert COUNTS["killed"] == KILLS
        assert COUNTS["repeated until answered"] > 0, "the kills were felt"
        await repeat_some(server, {one["code"]: one for one in providers}, story)
        proved = server.command("money", "verify", "--json")
        assert proved.returncode == 0, proved.stdout
        found = server.command("recompute", "--all", "--json")
        assert found.returncode == 0, found.stdout
        check_database(server, story)
    finally:
        server.stop()


async def repeat_some(server: Server, providers: dict[str, dict[str, str]], story: Story) -> None:
    """A repeat gets the first answer, byte for byte."""
    chance = random.Random(5)
    for (provider, message_id), (infno, content, insured, body) in chance.sample(
        sorted(story.answers.items(), key=lambda one: one[0]), 300
    ):
        hospital = Hospital(server, providers[provider], story)
        _, again = await hospital.ask(hospital.request(infno, message_id, content, insured))
        assert again == body, (message_id, again, body)
        assert hospital.streams
        hospital.streams[1].close()


def check_database(server: Server, story: Story) -> None:
    """Everything answered is stored, with the amounts that were answered, and nothing besides."""
    rows = subprocess.run(
        [
            embedded.binaries() / "psql", "-XAtF", "\t", "-c",
            "select settlement_id, total, coalesce(reverses::text, '') from settlements",
            embedded.url_of(server.data),
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    stored: dict[str, int] = {}
    undone: set[str] = set()
    for text in rows.stdout.splitlines():
        settlement, total, reverses = text.split("\t")
        if reverses:
            undone.add(reverses)
        else:
            stored[settlement] = int(total)
    assert set(stored) == set(story.settled), "answered and stored settlements are the same"
    for settlement, info in story.settled.items():
        assert stored[settlement] == round(info["medfee_sumamt"] * 100)
    assert undone == story.reversed
