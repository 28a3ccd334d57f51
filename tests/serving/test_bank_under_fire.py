"""The bank test: 32 clients, 200 accounts, 10 000 operations, the server killed with -9 five times.

Whatever happens on the way, in the end every operation happened once or not at all, as it was
answered, every balance is what the answers say, and the ledger proves itself.
"""

import asyncio
import json
import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.serving.server import Server

pytestmark = pytest.mark.server

ACCOUNTS, CLIENTS, OPERATIONS, KILLS = 200, 32, 10_000, 5
FIRST = 100_000
"""Fen on each account at the start."""
ANSWER_SECONDS_MAX = 20
GIVE_UP_SECONDS = 600
COMES_BACK_SECONDS = 0.5
"""Much less, and 32 clients asking keep the platform from starting again."""


class Lost(Exception):
    """No answer: whether it was carried out is unknown."""


class Client:
    """One keep-alive connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        try:
            return await asyncio.wait_for(self._ask(method, path, body, key), ANSWER_SECONDS_MAX)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            if self._streams:
                self._streams[1].close()
            self._streams = None
            raise Lost from error

    async def _ask(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._server.port)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._server.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        )
        if key:
            head += f"Idempotency-Key: {key}\r\n"
        writer.write(head.encode() + b"\r\n" + content)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", answer.lower())[1])  # type: ignore[index]
        return int(answer.split()[1]), json.loads(await reader.readexactly(length) or b"null")

    async def insist(self, path: str, body: Any, key: str) -> tuple[int, Any]:
        """Ask with the same key until there is a definite answer."""
        for turn in range(10_000):
            try:
                status, answer = await self.ask("POST", path, body, key)
            except Lost:
                COUNTS["lost answers"] += 1
                await asyncio.sleep(COMES_BACK_SECONDS)
                continue
            if status == 503:
                COUNTS["told to come back"] += 1
                await asyncio.sleep(COMES_BACK_SECONDS)
                continue
            if turn:
                COUNTS["repeated until answered"] += 1
            return status, answer
        raise AssertionError("no definite answer")


COUNTS: Counter[str] = Counter()


class Bank:
    """What the answers say the balances must be."""

    def __init__(self, accounts: list[dict[str, Any]]) -> None:
        self.accounts = accounts
        self.expected = [FIRST] * len(accounts)
        self.held = [0] * len(accounts)
        self.done = 0
        self.transactions: set[tuple[int, str]] = set()


def fen(text: str) -> int:
    return int(text.replace(".", ""))


def yuan(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


async def one_operation(client: Client, bank: Bank, chance: random.Random, key: str) -> None:
    number = chance.randrange(len(bank.accounts))
    mine = bank.accounts[number]
    amount = chance.randrange(1, 60_000)
    draw = chance.random()
    if draw < 0.12:
        await hold_and_close(client, bank, chance, number, amount, key)
        return
    if draw < 0.2:
        path, body = "deposits", {"account": mine["number"], "amount": yuan(amount)}
        change = {number: amount}
    elif draw < 0.28:
        path = "withdrawals"
        body = {"account": mine["number"], "amount": yuan(amount), "assurance": 2}
        change = {number: -amount}
    else:
        other = (number + 1 + chance.randrange(len(bank.accounts) - 1)) % len(bank.accounts)
        path = "transfers"
        body = {
            "from": {"account": mine["number"]},
            "to": {"account": bank.accounts[other]["number"], "name": bank.accounts[other]["name"]},
            "amount": yuan(amount),
            "assurance": 3,
        }
        change = {number: -amount, other: amount}
    status, answer = await client.insist(f"/api/v1/money/{path}", body, key)
    take_in(bank, status, answer, change)
    if status == 200 and chance.random() < 0.05:
        again = await client.insist(f"/api/v1/money/{path}", body, key)
        assert again == (status, answer), "the same key gets the same answer"
        COUNTS["asked twice on purpose"] += 1


def take_in(bank: Bank, status: int, answer: Any, change: dict[int, int]) -> None:
    bank.done += 1
    COUNTS[f"answered {status} {answer.get('code', '')}".strip()] += 1
    if status != 200:
        assert status == 409, answer
        assert answer["code"] == "insufficient_funds", answer
        return
    name = (answer["person_id"], answer["transaction_id"])
    assert name not in bank.transactions, "two operations never share a transaction"
    bank.transactions.add(name)
    for number, amount in change.items():
        bank.expected[number] += amount


async def hold_and_close(
    client: Client, bank: Bank, chance: random.Random, number: int, amount: int, key: str
) -> None:
    body = {"account": bank.accounts[number]["number"], "amount": yuan(amount), "reason": "押金"}
    status, held = await client.insist("/api/v1/money/holds", body, f"{key}-hold")
    bank.done += 1
    COUNTS[f"hold {status}"] += 1
    if status != 200:
        assert held["code"] == "insufficient_funds", held
        return
    path = f"/api/v1/money/holds/{held['person_id']}/{held['hold_id']}"
    draw = chance.random()
    if draw < 0.1:
        bank.held[number] += amount
        return
    if draw < 0.5:
        status, answer = await client.insist(f"{path}/release", None, f"{key}-release")
        take_in(bank, status, answer, {})
    else:
        taken = chance.randrange(1, amount + 1)
        body = {"amount": yuan(taken), "provider": "H51010000001"}
        status, answer = await client.insist(f"{path}/capture", body, f"{key}-capture")
        take_in(bank, status, answer, {number: -taken})


async def kill_now_and_then(server: Server, bank: Bank) -> None:
    loop = asyncio.get_running_loop()
    for number in range(KILLS):
        while bank.done < OPERATIONS * (number + 1) // (KILLS + 1):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        # In turn: the platform, its database (which it starts again itself), both.
        if number % 3 != 1:
            server.kill_app()
        if number % 3 != 0:
            server.kill_database()
        if number % 3 != 1:
            await loop.run_in_executor(None, server.start)
        COUNTS["killed"] += 1


async def open_accounts(server: Server, client: Client) -> list[dict[str, Any]]:
    listed = server.command("people", "list", "--limit", "1000", "--json")
    names = {one["person_id"]: one["name"] for one in json.loads(listed.stdout)}
    accounts: list[dict[str, Any]] = []
    for person_id, name in names.items():
        status, answer = await client.ask(
            "POST", "/api/v1/money/accounts", {"person_id": person_id, "bank": "PSBC"}
        )
        if status == 409 or fen(answer["account"]["balance"]) or answer["account"]["frozen"]:
            continue
        body = {"account": answer["number"], "amount": yuan(FIRST)}
        status, _ = await client.ask("POST", "/api/v1/money/deposits", body, "first")
        assert status == 200
        accounts.append(
            {
                "number": answer["number"],
                "person_id": person_id,
                "account_id": answer["account"]["account_id"],
                "name": name,
            }
        )
        if len(accounts) == ACCOUNTS:
            return accounts
    raise AssertionError("too few people")


def test_nothing_is_lost_doubled_or_leaked_when_the_bank_is_killed(tmp_path: Path) -> None:
    # In a thread: the browser tests before this one keep a loop of their own in the main one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(under_fire(tmp_path))).result()


async def under_fire(tmp_path: Path) -> None:
    """The whole battle."""
    COUNTS.clear()
    server = Server(tmp_path / "bank")
    try:
        bank = Bank(await open_accounts(server, Client(server)))
        keys = iter(range(10**9))

        async def customer(number: int) -> None:
            client, chance = Client(server), random.Random(number)
            while bank.done < OPERATIONS:
                await one_operation(client, bank, chance, f"op-{next(keys)}")

        killer = asyncio.create_task(kill_now_and_then(server, bank))
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await asyncio.gather(*(customer(number) for number in range(CLIENTS)))
            await killer
        assert bank.done >= OPERATIONS
        assert COUNTS["killed"] == KILLS
        assert COUNTS["repeated until answered"] > 0, "the kills were felt"
        client = Client(server)
        for number, account in enumerate(bank.accounts):
            status, answer = await client.ask(
                "POST", "/api/v1/money/accounts/find", {"account": account["number"]}
            )
            assert status == 200
            assert fen(answer[0]["balance"]) == bank.expected[number], account
            assert fen(answer[0]["held"]) == bank.held[number], account
        proved = server.command("money", "verify", "--json")
        assert proved.returncode == 0, proved.stdout
        found = json.loads(proved.stdout)
        assert found["proved"]
        assert found["sum_of_all"] == 0
    finally:
        server.stop()
