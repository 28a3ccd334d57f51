"""The work of a run, chunk by chunk: prepare, check, pay, cancel.

Each chunk is one transaction, so that a process killed at any moment leaves chunks that are done and
chunks that are not. Several processes may work on one run: a chunk is claimed by its locked row.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec
from asyncpg import DeadlockDetectedError

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due
from yikatong.benefits.runs import missed, paying, read_store, rules, store, sums
from yikatong.benefits.runs.errors import NoSuchRun
from yikatong.benefits.runs.model import WORKING, Finding, Line, Progress, Run
from yikatong.benefits.runs.rules import AccountFact, Facts, LastMonth
from yikatong.benefits.runs.store import MonthTaken
from yikatong.cards import service as cards
from yikatong.core.coalescing import Busy
from yikatong.core.database import Connection
from yikatong.core.months import add_months
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money.ledger import service as ledger
from yikatong.money.outside import addresses
from yikatong.people import service as people

CHUNK: Final = 2500
"""Persons of one transaction: a tenth of a second of work, at most so much is lost by a kill."""
TRIES_MAX: Final = 12
_PAUSE_SECONDS: Final = 0.05
_TELL_SECONDS: Final = 0.5
_EVERYBODY: Final = 2**62
"""Behind every person."""

_Answer = TypeVar("_Answer")

Step = Callable[[Platform, int], Awaitable[bool]]
"""Does one chunk of a run; False where nothing is left that it could take."""
Hear = Callable[[Run, Progress], None]


async def go_on(
    platform: Platform, run_id: int, hear: Hear = lambda _run, _progress: None, *, workers: int = 2
) -> Run:
    """Do what is under way of a run until nothing is; answers the run as it then stands.

    `workers` chunks are done at once in this process; other processes may help. Raises NoSuchRun,
    Unavailable where the database is lost: the same call goes on later where it was.
    """
    while True:
        one = await _tell(platform, run_id, hear)
        if one.state not in WORKING:
            return one
        step, told = _STEPS[one.state], _Told()
        # A list is made one part after the other; everything else side by side.
        side_by_side = 1 if one.state == "preparing" else workers
        turns = [_turn(platform, run_id, step, hear, told) for _ in range(side_by_side)]
        done = await asyncio.gather(*turns, return_exceptions=True)
        failed = [result for result in done if isinstance(result, BaseException)]
        if failed:
            raise failed[0]
        if not any(done):
            # The last chunks are another process's; it or we will finish.
            await asyncio.sleep(_PAUSE_SECONDS)


async def find(connection: Connection, run_id: int) -> Run:
    """The run; raises NoSuchRun."""
    one = await store.run(connection, run_id)
    if one is None:
        raise NoSuchRun
    return one


class _Told:
    """When it was last heard how far a run is."""

    def __init__(self) -> None:
        self.at = time.monotonic()

    def is_due(self) -> bool:
        now = time.monotonic()
        if now - self.at < _TELL_SECONDS:
            return False
        self.at = now
        return True


async def _tell(platform: Platform, run_id: int, hear: Hear) -> Run:
    async with platform.database.transaction(readonly=True) as connection:
        one = await find(connection, run_id)
        hear(one, await read_store.progress(connection, one))
    return one


async def _turn(platform: Platform, run_id: int, step: Step, hear: Hear, told: _Told) -> bool:
    """Chunks until none is left to take; how far it is is told about once a second."""
    worked = False
    while await again(lambda: step(platform, run_id)):
        worked = True
        if told.is_due():
            await _tell(platform, run_id, hear)
    return worked


async def again(once: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Try again where others were quicker; raises Busy after too many tries."""
    for attempt in range(TRIES_MAX):
        try:
            return await once()
        except (Conflict, MonthTaken, DeadlockDetectedError):
            await asyncio.sleep(random.random() * 0.01 * 2 ** min(attempt, 6))  # noqa: S311
    raise Busy(
        zh="批次中的账户正在办理其他业务，没有任何改动，请稍后继续",
        en="accounts of the run are busy with something else; nothing was changed, go on later",
    )


# ---- the list ----


async def prepare_chunk(platform: Platform, run_id: int) -> bool:
    """Put the next persons on the list; False where the list is whole."""
    vias = await _vias(platform)
    payer_id = await _payer(platform, run_id)
    async with platform.database.transaction() as connection:
        one = await store.run(connection, run_id, lock=True)
        assert one is not None
        if one.state != "preparing":
            return False
        after = one.prepared_through
        persons = await store.next_persons(connection, one, after, CHUNK)
        with_dues = await store.next_with_dues(connection, one, after, CHUNK)
        last = await store.last_month(connection, one, add_months(one.month, -1), after, CHUNK)
        found = (persons, with_dues, list(last))
        through = min((each[-1] for each in found if len(each) == CHUNK), default=_EVERYBODY)
        everybody = sorted(
            person_id for person_id in {*persons, *with_dues, *last} if person_id <= through
        )
        accounts = await account_facts(connection, everybody)
        lines, taken = await _plan(
            platform, connection, one, everybody, accounts, last, payer_id, vias
        )
        await _put(connection, one, lines, taken, through)
        return through != _EVERYBODY


async def prepare_correction_chunk(platform: Platform, run_id: int) -> bool:
    """Plan anew what returned and stopped lines of the run that is corrected were to pay, as far as it
    is still owed and can be paid now."""
    vias = await _vias(platform)
    payer_id = await _payer(platform, run_id)
    async with platform.database.transaction() as connection:
        one = await store.run(connection, run_id, lock=True)
        assert one is not None
        if one.state != "preparing":
            return False
        assert one.corrects is not None
        found = await store.candidates(connection, one.corrects, one.prepared_through, CHUNK)
        through = found[-1].person_id if len(found) == CHUNK else _EVERYBODY
        everybody = [line.person_id for line in found]
        accounts = await account_facts(connection, everybody)
        planned, taken = await _plan(
            platform, connection, one, everybody, accounts, {}, payer_id, vias
        )
        judged = await _judge(connection, one, planned, accounts, set())
        lines: list[Line] = []
        for line in planned:
            if line.state != "ready" or any(blocks for _, blocks in judged[line.person_id]):
                continue
            lines.append(
                msgspec.structs.replace(line, line=one.lines + len(lines) + 1, change="made_good")
            )
        corrected = {line.person_id for line in lines}
        if await store.mark_corrected(connection, one.corrects, list(corrected)) != len(corrected):
            raise Conflict
        taken = [due for due in taken if due.person_id in corrected]
        await _put(connection, one, lines, taken, through)
        return through != _EVERYBODY


async def _plan(
    platform: Platform,
    connection: Connection,
    one: Run,
    everybody: list[int],
    accounts: dict[int, AccountFact],
    last: dict[int, LastMonth],
    payer_id: int,
    vias: dict[str, int],
) -> tuple[list[Line], list[Due]]:
    """The lines of persons, in their order, and the dues that lines to be paid take."""
    held = await store.entitlements(connection, one.benefit, everybody)
    held |= await missed.settle(platform, connection, one, held)
    open_dues: dict[int, list[Due]] = {}
    if everybody:
        for due in await benefits_store.open_dues(
            connection, one.benefit, one.insurance, one.region, everybody[0] - 1, everybody[-1]
        ):
            open_dues.setdefault(due.person_id, []).append(due)
    elsewhere = await store.dues_taken(connection, list(open_dues))
    claimed = await store.claimed(connection, one.benefit, one.month, one.run_id, everybody)
    changes = await sums.changes(connection, one, held)
    lines: list[Line] = []
    taken: list[Due] = []
    for person_id in everybody:
        account = accounts[person_id]
        planned = rules.plan(
            person_id,
            one.lines + len(lines) + 1,
            one,
            held.get(person_id, ()),
            changes.get(person_id, ()),
            [
                due
                for due in open_dues.get(person_id, ())
                if (person_id, due.due_id) not in elsewhere
            ],
            last.get(person_id, rules.NOTHING),
            account,
            payer_id,
            vias.get(account.bank or ""),
        )
        if planned is None:
            continue
        line, dues_of_line = planned
        if line.monthly and person_id in claimed:
            line = msgspec.structs.replace(line, state="blocked")
        lines.append(line)
        taken += dues_of_line
    return lines, taken


async def _put(
    connection: Connection, one: Run, lines: Sequence[Line], taken: Sequence[Due], through: int
) -> None:
    """Write a part of the list, and how far the list is."""
    await store.insert_lines(connection, one, lines, taken)
    if lines:
        number = await store.chunk_count(connection, one.run_id) + 1
        after = one.prepared_through
        await store.insert_chunk(connection, one.run_id, number, after, through, lines)
    if through == _EVERYBODY and one.lines > CHUNK:
        await store.analyse_lines(connection)
    await store.update_run(
        connection,
        one,
        prepared_through=through,
        lines=one.lines + len(lines),
        state="prepared" if through == _EVERYBODY else "preparing",
    )


async def _prepare(platform: Platform, run_id: int) -> bool:
    async with platform.database.transaction(readonly=True) as connection:
        corrects = (await find(connection, run_id)).corrects
    if corrects is None:
        return await prepare_chunk(platform, run_id)
    return await prepare_correction_chunk(platform, run_id)


async def _payer(platform: Platform, run_id: int) -> int:
    """The shared account of the fund."""
    async with platform.database.transaction(readonly=True) as connection:
        one = await find(connection, run_id)
    fund = ("fund", one.region, one.insurance)
    return (await ledger.shared(platform, fund))[fund]


async def _vias(platform: Platform) -> dict[str, int]:
    """The shared accounts of files for banks that keep the accounts themselves, by bank."""
    banks = addresses.secrets(platform.settings.outside_banks)
    wanted = {code: ("bank", code, "benefit_files") for code in banks}
    shared = await ledger.shared(platform, *wanted.values())
    return {code: shared[name] for code, name in wanted.items()}


async def account_facts(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, AccountFact]:
    """The bank account of each person's card."""
    held = await cards.current_cards(connection, person_ids)
    bound = {
        person_id: card.account_id
        for person_id, card in held.items()
        if card.account_id is not None
    }
    read = {one.key: one for one in await ledger.accounts(connection, list(bound.items()))}
    lost = [key[1] for key in bound.items() if key not in read]
    owners = await ledger.owners(connection, lost) if lost else {}
    facts = dict.fromkeys(person_ids, AccountFact(None))
    for key in bound.items():
        account = read.get(key)
        if account is None:
            facts[key[0]] = AccountFact(None, of_another=key[1] in owners)
        elif account.kind == "bank":
            facts[key[0]] = AccountFact(key[1], account.bank, account.state == "open")
    return facts


# ---- the check ----


async def check_chunk(platform: Platform, run_id: int) -> bool:
    """Check the next chunk; False where none is left to take."""
    vias = await _vias(platform)
    async with platform.database.transaction() as connection:
        one = await find(connection, run_id)
        chunk = await store.claim(connection, run_id, check_round=one.check_round)
        if one.state != "checking":
            return False
        if chunk is None:
            if await store.chunks_left(connection, run_id, check_round=one.check_round) == 0:
                await store.update_run(
                    connection, one, state="checked", checked_at=platform.clock.now()
                )
            return False
        lines = await store.lines_of_chunk(connection, chunk, ("ready", "blocked"))
        accounts = await account_facts(connection, [line.person_id for line in lines])
        with_dues = [line.person_id for line in lines if line.arrears or line.recovery]
        changed_dues = await store.dues_changed(connection, run_id, with_dues)
        judged = await _judge(connection, one, lines, accounts, changed_dues)
        changed: list[Line] = []
        found: list[Finding] = []
        for line in lines:
            said = judged[line.person_id]
            found += [Finding(line.person_id, code, blocks) for code, blocks in said]
            account = accounts[line.person_id]
            now = msgspec.structs.replace(
                line,
                state="blocked" if any(blocks for _, blocks in said) else "ready",
                account_id=account.account_id,
                via_id=vias.get(account.bank or ""),
            )
            if now != line:
                changed.append(now)
        await store.set_checked(connection, run_id, changed)
        await store.replace_findings(connection, chunk, found)
        await store.close_check(connection, chunk, one.check_round)
        return True


async def _judge(
    connection: Connection,
    one: Run,
    lines: Sequence[Line],
    accounts: dict[int, AccountFact],
    changed_dues: set[int],
) -> dict[int, list[tuple[rules.Code, bool]]]:
    """What is found at each line now; `changed_dues`: whose dues are no longer as they were."""
    person_ids = [line.person_id for line in lines]
    persons = await people.persons(connection, person_ids)
    held = await store.entitlements(connection, one.benefit, person_ids)
    claimed = await store.claimed(connection, one.benefit, one.month, one.run_id, person_ids)
    changes = await sums.changes(connection, one, held)
    return {
        line.person_id: rules.findings(
            line,
            one,
            Facts(
                died_on=persons[line.person_id].died_on,
                entitlements=held.get(line.person_id, ()),
                changes=changes.get(line.person_id, ()),
                account=accounts[line.person_id],
                claimed_elsewhere=line.person_id in claimed,
                dues_open=line.person_id not in changed_dues,
            ),
        )
        for line in lines
    }


# ---- cancelling ----


async def cancel_chunk(platform: Platform, run_id: int) -> bool:
    """Let go of the next chunk's lines; False where none is left to take."""
    async with platform.database.transaction() as connection:
        one = await find(connection, run_id)
        if one.state != "cancelling":
            return False
        chunk = await store.claim(connection, run_id)
        if chunk is None:
            if await store.chunks_left(connection, run_id) == 0:
                await store.update_run(connection, one, state="cancelled")
            return False
        if one.corrects is not None:
            await store.give_back(connection, run_id, one.corrects, chunk)
        await store.cancel_chunk(connection, chunk)
        return True


_STEPS: Final[dict[str, Step]] = {
    "preparing": _prepare,
    "checking": check_chunk,
    "paying": paying.pay_chunk,
    "cancelling": cancel_chunk,
}
