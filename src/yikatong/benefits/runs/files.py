"""Files for banks that keep the accounts themselves (代发文件), and what the banks answer.

The money of such a line leaves the fund when the run is paid and waits on the bank's shared account
("bank", CODE, "benefit_files") until the bank says that it credited it, or sends it back.
docs/reference/payment-runs.md describes both files for makers of bank systems.
"""

import csv
import hashlib
import io
from collections.abc import AsyncGenerator, Sequence
from typing import Final

import msgspec

from yikatong.benefits.runs import read_store, service, undone, work
from yikatong.benefits.runs.errors import FileWrong, WrongState
from yikatong.benefits.runs.model import FUND_NAMES, Line, Run, WithBank
from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.money.ledger import bulk
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.bulk import Heading
from yikatong.money.outside import addresses
from yikatong.money.outside.wire import Secret, same
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

ANSWER_BYTES_MAX: Final = 64 * 2**20
REASON_MAX: Final = 60
_PAYMENTS: Final = "YKT-PAYMENTS-1"
_RESULTS: Final = "YKT-RESULTS-1"


class Result(msgspec.Struct, frozen=True):
    """What a bank says became of a line."""

    line: int
    amount: Fen
    done: bool
    reason: str
    """Why it came back; empty where it was credited."""


class Taken(msgspec.Struct):
    """What an answer file came to."""

    credited: int = 0
    returned: int = 0
    known: int = 0
    """Lines that an earlier file had told already."""


def _secret(platform: Platform, bank: str) -> Secret:
    found = addresses.secrets(platform.settings.outside_banks).get(bank)
    if found is None:
        raise InvalidInput(
            "bank",
            zh="这家银行的账户不在行外，不需要文件",
            en="this bank does not keep accounts outside the platform; it needs no file",
        )
    return found


def _row(*cells: object) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


async def make(platform: Platform, run_id: int, bank: str, actor: str) -> AsyncGenerator[bytes]:
    """The file of a paid run for a bank, piece by piece; asked again it says the same lines.

    Every person's trail names who made it. Raises WrongState, InvalidInput.
    """
    secret, who = _secret(platform, bank), Actor("staff", service.check_actor(actor), "bank file")
    shared = await ledger.shared(platform, ("bank", bank, "benefit_files"))
    via_id = shared["bank", bank, "benefit_files"]
    async with platform.database.transaction() as connection:
        one = await work.find(connection, run_id)
        if one.state != "paid":
            raise WrongState(one, "发放完成后才能生成文件", "the file is made once it is paid")
        made_at = platform.clock.now()
        told = await read_store.put_file(connection, run_id, bank, via_id, made_at, actor)
    digest = hashlib.sha256()
    head = _row(
        "H", _PAYMENTS, run_id, bank, f"{one.month:%Y-%m}", one.benefit, told.lines, told.amount
    )
    digest.update(head)
    yield head
    after = -1
    while True:
        piece, after = await _piece(platform, one, via_id, after, who)
        if not piece:
            break
        digest.update(piece)
        yield piece
    hashed = digest.hexdigest()
    yield _row("T", hashed, secret.sign_file("payments", hashed))


async def begin(platform: Platform, run_id: int, bank: str, actor: str) -> AsyncGenerator[bytes]:
    """The same with its first piece made: it shows whether there is a file at all, before anything
    is answered."""
    content = make(platform, run_id, bank, actor)
    head = await anext(content)

    async def whole() -> AsyncGenerator[bytes]:
        yield head
        async for part in content:
            yield part

    return whole()


async def _piece(
    platform: Platform, one: Run, via_id: int, after: int, who: Actor
) -> tuple[bytes, int]:
    """The next lines of a file, with the opened account numbers, and the last person in them."""
    vault = platform.vault
    memo = f"{FUND_NAMES[one.insurance].zh} {one.month:%Y-%m}"
    async with platform.database.transaction() as connection:
        lines = await read_store.file_lines(connection, one.run_id, via_id, after, work.CHUNK)
        persons = [line.person_id for line in lines]
        names = await people.names(connection, persons)
        keys = [(line.person_id, line.account_id or 0) for line in lines]
        sealed = await ledger.sealed_numbers(connection, keys)
        events: list[tuple[int, str, dict[str, object]]] = [
            (person_id, "benefit.bank_file", {"run_id": str(one.run_id)}) for person_id in persons
        ]
        if events:
            await audit.record_many(connection, [who] * len(events), platform.clock.now(), events)
    rows = [
        _row(
            "D", line.line, vault.open("account", key[0], sealed[key]), names[key[0]], line.amount,
            memo,
        )
        for line, key in zip(lines, keys, strict=True)
    ]  # fmt: skip
    return b"".join(rows), persons[-1] if persons else after


def read_answer(content: bytes, secret: Secret, run_id: int, bank: str) -> list[Result]:
    """The results of a bank's answer file; raises FileWrong naming the row where something is."""
    if len(content) > ANSWER_BYTES_MAX:
        raise FileWrong("文件过大", "the file is too large", "file")
    body, _, last = content.rstrip(b"\n").rpartition(b"\n")
    body += b"\n"
    try:
        mark, hashed, signature = next(csv.reader([last.decode("ascii")]))
    except (ValueError, StopIteration) as error:
        raise FileWrong("文件没有结尾行", "the file has no last row", "file") from error
    if (
        mark != "T"
        or hashed != hashlib.sha256(body).hexdigest()
        or not same(signature, secret.sign_file("results", hashed))
    ):
        raise FileWrong("文件的摘要或签名不符", "hash or signature of the file is wrong", "file")
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileWrong("文件不是 UTF-8 的 CSV", "the file is no CSV in UTF-8", "file") from error
    if not rows or rows[0] != ["H", _RESULTS, str(run_id), bank, str(len(rows) - 1)]:
        raise FileWrong(
            "首行与批次、银行或行数不符", "the first row is of another run, bank or count", "row 1"
        )
    found: list[Result] = []
    seen: set[int] = set()
    for number, row in enumerate(rows[1:], 2):
        result = _result(row)
        if result is None or result.line in seen:
            raise FileWrong(
                "这一行有误或重复", "this row is wrong, or there twice", f"row {number}"
            )
        seen.add(result.line)
        found.append(result)
    return found


def _result(row: Sequence[str]) -> Result | None:
    if len(row) != 5 or row[0] != "D" or row[3] not in ("done", "returned"):
        return None
    numbers = row[1:3]
    if not all(one.isascii() and one.isdigit() and len(one) <= 15 for one in numbers):
        return None
    reason = row[4].strip()
    if (row[3] == "done") != (not reason) or len(reason) > REASON_MAX or not reason.isprintable():
        return None
    return Result(int(row[1]), int(row[2]), row[3] == "done", reason)


async def take_answer(
    platform: Platform, run_id: int, bank: str, content: bytes, actor: str
) -> Taken:
    """Take in what the bank says became of the lines: credited, or returned to the fund.

    The same file twice does nothing the second time. Raises FileWrong where a line is unknown, its
    amount differs, or an earlier file told otherwise; then nothing of the file is taken.
    """
    secret = _secret(platform, bank)
    who = Actor("staff", service.check_actor(actor), "bank file")
    results = read_answer(content, secret, run_id, bank)
    wanted = (("bank", bank, "benefit_files"), ("bank", bank, "outside"))
    shared = await ledger.shared(platform, *wanted)
    via_id, outside_id = (shared[name] for name in wanted)
    await _check_known(platform, run_id, via_id, results)
    taken = Taken()
    for start in range(0, len(results), work.CHUNK):
        part = results[start : start + work.CHUNK]
        done = await work.again(
            lambda part=part: _take_part(platform, run_id, via_id, outside_id, part, who)
        )
        taken.credited += done[0]
        taken.returned += done[1]
    taken.known = len(results) - taken.credited - taken.returned
    async with platform.database.transaction() as connection:
        await read_store.answered(connection, run_id, bank, platform.clock.now())
    return taken


async def _check_known(
    platform: Platform, run_id: int, via_id: int, results: Sequence[Result]
) -> None:
    for start in range(0, len(results), work.CHUNK):
        part = results[start : start + work.CHUNK]
        async with platform.database.transaction(readonly=True) as connection:
            lines = await _lines_by_number(connection, run_id, part)
        for result in part:
            line = lines.get(result.line)
            told = None if line is None else _told_before(line)
            if (
                line is None
                or line.via_id != via_id
                or line.amount != result.amount
                or told is None
                or told not in ("open", "done" if result.done else "returned")
            ):
                raise FileWrong(
                    f"明细 {result.line} 不存在、金额不符或已另有结果",
                    f"line {result.line} is unknown, of another amount, or was told otherwise before",
                    f"line {result.line}",
                )


def _told_before(line: Line) -> str | None:
    """What an earlier file said of a line; None for one that was never with the bank."""
    if line.state in ("sent", "paid"):
        return "open" if line.state == "sent" else "done"
    return "returned" if line.reason is not None else None


async def _lines_by_number(
    connection: Connection, run_id: int, part: Sequence[Result]
) -> dict[int, Line]:
    found = await read_store.lines_by_number(connection, run_id, [one.line for one in part])
    return {line.line: line for line in found}


async def _take_part(
    platform: Platform,
    run_id: int,
    via_id: int,
    outside_id: int,
    part: Sequence[Result],
    who: Actor,
) -> tuple[int, int]:
    async with platform.database.transaction() as connection:
        first_id = ids.new_id(platform.clock.now())
        detail = {"run_id": str(run_id)}
        credited = [one.line for one in part if one.done]
        returned = [(one.line, one.reason) for one in part if not one.done]
        # Marked first: the lines are ours, and only those that were still open are posted.
        done = await read_store.mark_credited(connection, run_id, credited)
        back = await read_store.mark_returned(connection, run_id, returned)
        if done:
            payments = read_store.list_of_file(run_id, done, "l.via_id", outside_id)
            heading = Heading("benefit_file_done", who, f"run:{run_id}:", detail, ":done")
            await bulk.move(connection, payments, heading, first_id)
        if back:
            payments = read_store.list_of_file(run_id, back, "l.payer_id", via_id)
            heading = Heading(
                "benefit_returned", who, f"run:{run_id}:", detail, ":returned", "benefit.returned"
            )
            await bulk.move(connection, payments, heading, first_id, sign=-1)
            await undone.owe_again(connection, run_id, back, platform.clock.now(), who)
            await undone.tell(platform, connection, run_id, back)
        return len(done), len(back)


async def with_banks(platform: Platform, one: Run) -> list[WithBank]:
    """What a run pays through outside banks, bank by bank; nothing before it is paid."""
    if one.state != "paid":
        return []
    codes = sorted(addresses.secrets(platform.settings.outside_banks))
    ids_of = await ledger.shared(platform, *(("bank", code, "benefit_files") for code in codes))
    async with platform.database.transaction(readonly=True) as connection:
        made = await read_store.files(connection, one.run_id)
        states = await read_store.states_by_via(connection, one.run_id)
    vias = {code: via_id for (_, code, _), via_id in ids_of.items()}
    # A bank may have been taken out of the file of outside banks since.
    vias |= {each.bank: each.via_id for each in made}
    files = {each.bank: each for each in made}
    return [
        WithBank(bank, files.get(bank), states[via_id])
        for bank, via_id in sorted(vias.items())
        if via_id in states
    ]
