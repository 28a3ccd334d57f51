"""The work of a run, chunk by chunk: prepare, check, pay, cancel.

Each chunk is one transaction, so that a process killed at any moment leaves chunks that are done and
chunks that are not. Several processes may work on one run: a chunk is claimed by its locked row.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec
from asyncpg import DeadlockDetectedError

from yikatong.benefits import dues as benefit_dues
from yikatong.benefits.dues import Due
from yikatong.benefits.runs import rules, store
from yikatong.benefits.runs.errors import NoSuchRun
from yikatong.benefits.runs.model import BENEFIT_NAMES, WORKING, Chunk, Finding, Line, Progress, Run
from yikatong.benefits.runs.rules import AccountFact, Facts
from yikatong.benefits.runs.store import MonthTaken
from yikatong.cards import service as cards
from yikatong.core import ids
from yikatong.core.coalescing import Busy
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.money.ledger import bulk
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.bulk import Heading
from yikatong.money.ledger.store import Conflict
from yikatong.money.outside import addresses
from yikatong.people import service as people
from yikatong.trust.audit import Actor

CHUNK: Final = 2500
"""Persons of one transaction: a tenth of a second of work, at most so much is lost by a kill."""
TRIES_MAX: Final = 12
_PAUSE_SECONDS: Final = 0.05
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
        async with platform.database.transaction(readonly=True) as connection:
            one = await find(connection, run_id)
            hear(one, await store.progress(connection, one))
        if one.state not in WORKING:
            return one
        step = _STEPS[one.state]
        # A list is made one part after the other; everything else side by side.
        side_by_side = 1 if one.state == "preparing" else workers
        turns = [_turn(platform, run_id, step) for _ in range(side_by_side)]
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


async def _turn(platform: Platform, run_id: int, step: Step) -> bool:
    """Some chunks, so that what was done is heard of about once a second."""
    worked = False
    for _ in range(4):
        if not await again(lambda: step(platform, run_id)):
            break
        worked = True
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
    payers = await _payers(platform, run_id)
    vias = await _vias(platform)
    async with platform.database.transaction() as connection:
        one = await store.run(connection, run_id, lock=True)
        assert one is not None
        if one.state != "preparing":
            return False
        after = one.prepared_through
        persons = await store.next_persons(connection, one.benefit, one.region, after, CHUNK)
        last = await store.last_month(
            connection, one.benefit, one.region, rules.previous(one.month), after, CHUNK
        )
        ends = [found[-1] for found in (persons, list(last)) if len(found) == CHUNK]
        through = min(ends, default=_EVERYBODY)
        dues: dict[int, list[Due]] = {}
        for due in await benefit_dues.open_dues(
            connection, one.benefit, one.region, after, through
        ):
            dues.setdefault(due.person_id, []).append(due)
        everybody = sorted(
            person_id for person_id in {*persons, *last, *dues} if person_id <= through
        )
        taken = await store.dues_taken(connection, list(dues))
        held = await store.entitlements(connection, one.benefit, everybody)
        accounts = await account_facts(connection, everybody)
        claimed = await store.claimed(connection, one.benefit, one.month, run_id, everybody)
        funds = await _funds(connection, one, everybody)
        lines: list[Line] = []
        takes: list[tuple[int, int]] = []
        for person_id in everybody:
            account = accounts[person_id]
            planned = rules.plan(
                person_id,
                one.lines + len(lines) + 1,
                run_id,
                one.month,
                [each for each in held.get(person_id, ()) if each.region == one.region],
                [due for due in dues.get(person_id, ()) if (person_id, due.due_id) not in taken],
                last.get(person_id, rules.NOTHING),
                account,
                payers[funds.get(person_id, _FUNDS[one.benefit][0])],
                vias.get(account.bank or ""),
            )
            if planned is None:
                continue
            line, dues_of_line = planned
            if line.state == "ready" and person_id in claimed:
                line = msgspec.structs.replace(line, state="blocked")
            lines.append(line)
            takes += [(person_id, due.due_id) for due in dues_of_line]
        await store.insert_lines(connection, one, lines, takes)
        if lines:
            number = await store.chunk_count(connection, run_id) + 1
            await store.insert_chunk(connection, run_id, number, after, through, lines)
        await store.update_run(
            connection,
            one,
            prepared_through=through,
            lines=one.lines + len(lines),
            state="prepared" if through == _EVERYBODY else "preparing",
        )
        return through != _EVERYBODY


async def prepare_correction_chunk(platform: Platform, run_id: int) -> bool:
    """Take over the returned and stopped lines of the run that is corrected, as far as they can be
    paid now."""
    vias = await _vias(platform)
    async with platform.database.transaction() as connection:
        one = await store.run(connection, run_id, lock=True)
        assert one is not None
        if one.state != "preparing":
            return False
        assert one.corrects is not None
        after = one.prepared_through
        found = await store.candidates(connection, one.corrects, after, CHUNK)
        through = found[-1].person_id if len(found) == CHUNK else _EVERYBODY
        everybody = [line.person_id for line in found]
        accounts = await account_facts(connection, everybody)
        judged = await _judge(connection, one, found, accounts)
        lines: list[Line] = []
        for line in found:
            if any(blocks for _, blocks in judged[line.person_id]):
                continue
            account = accounts[line.person_id]
            lines.append(
                msgspec.structs.replace(
                    line,
                    run_id=run_id,
                    line=one.lines + len(lines) + 1,
                    account_id=account.account_id,
                    via_id=vias.get(account.bank or ""),
                    before=0,
                    change="made_good",
                    state="ready",
                    transaction_id=None,
                    reason=None,
                )
            )
        taken = [line.person_id for line in lines]
        marked = await store.mark_corrected(connection, one.corrects, taken)
        if marked != len(taken):
            raise Conflict
        await store.insert_lines(connection, one, lines, ())
        await store.copy_dues(connection, one.corrects, run_id, taken)
        if lines:
            number = await store.chunk_count(connection, run_id) + 1
            await store.insert_chunk(connection, run_id, number, after, through, lines)
        await store.update_run(
            connection,
            one,
            prepared_through=through,
            lines=one.lines + len(lines),
            state="prepared" if through == _EVERYBODY else "preparing",
        )
        return through != _EVERYBODY


async def _prepare(platform: Platform, run_id: int) -> bool:
    async with platform.database.transaction(readonly=True) as connection:
        corrects = (await find(connection, run_id)).corrects
    if corrects is None:
        return await prepare_chunk(platform, run_id)
    return await prepare_correction_chunk(platform, run_id)


_FUNDS: Final = {"pension": ("110", "150"), "unemployment": ("210",)}
"""Funds that pay a benefit: 职工养老, 居民养老; 失业. The first where no enrolment tells."""


async def _payers(platform: Platform, run_id: int) -> dict[str, int]:
    """The shared accounts of the funds, by insurance."""
    async with platform.database.transaction(readonly=True) as connection:
        one = await find(connection, run_id)
    funds = {insurance: ("fund", one.region, insurance) for insurance in _FUNDS[one.benefit]}
    shared = await ledger.shared(platform, *funds.values())
    return {insurance: shared[fund] for insurance, fund in funds.items()}


async def _vias(platform: Platform) -> dict[str, int]:
    """The shared accounts of files for banks that keep the accounts themselves, by bank."""
    banks = addresses.secrets(platform.settings.outside_banks)
    wanted = {code: ("bank", code, "benefit_files") for code in banks}
    shared = await ledger.shared(platform, *wanted.values())
    return {code: shared[name] for code, name in wanted.items()}


async def _funds(connection: Connection, one: Run, person_ids: Sequence[int]) -> dict[int, str]:
    """Which pension insurance a person draws from."""
    if one.benefit != "pension":
        return {}
    found: dict[int, str] = {}
    for person_id, enrolled in (await people.current_enrolments(connection, person_ids)).items():
        insurances = {each.insurance for each in enrolled}
        if "150" in insurances and "110" not in insurances:
            found[person_id] = "150"
    return found


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
        judged = await _judge(connection, one, lines, accounts)
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
    connection: Connection, one: Run, lines: Sequence[Line], accounts: dict[int, AccountFact]
) -> dict[int, list[tuple[rules.Code, bool]]]:
    """What is found at each line now."""
    person_ids = [line.person_id for line in lines]
    persons = await people.persons(connection, person_ids)
    held = await store.entitlements(connection, one.benefit, person_ids)
    claimed = await store.claimed(connection, one.benefit, one.month, one.run_id, person_ids)
    changed = set[int]() if one.corrects else await _dues_changed(connection, one, lines)
    return {
        line.person_id: rules.findings(
            line,
            Facts(
                benefit=one.benefit,
                month=one.month,
                region=one.region,
                died_on=persons[line.person_id].died_on,
                entitlements=held.get(line.person_id, ()),
                account=accounts[line.person_id],
                claimed_elsewhere=line.person_id in claimed,
                dues_open=line.person_id not in changed,
            ),
        )
        for line in lines
    }


async def _dues_changed(connection: Connection, one: Run, lines: Sequence[Line]) -> set[int]:
    """Persons whose line takes a due that is no longer open."""
    with_dues = [line.person_id for line in lines if line.arrears or line.recovery]
    if not with_dues:
        return set()
    still = {
        (due.person_id, due.due_id)
        for due in await benefit_dues.open_dues(
            connection, one.benefit, one.region, with_dues[0] - 1, with_dues[-1]
        )
    }
    taken = await store.dues_of_persons(connection, one.run_id, with_dues)
    return {due[0] for due in taken if due not in still}


# ---- paying ----


async def pay_chunk(platform: Platform, run_id: int) -> bool:
    """Pay the next chunk: its postings, marks and trails are one transaction. False where none is
    left to take."""
    try:
        return await _pay_chunk(platform, run_id)
    except Conflict:
        await _set_closed_aside(platform, run_id)
        raise


async def _pay_chunk(platform: Platform, run_id: int) -> bool:
    async with platform.database.transaction() as connection:
        one = await find(connection, run_id)
        if one.state != "paying":
            return False
        chunk = await store.claim(connection, run_id)
        if chunk is None:
            if await store.chunks_left(connection, run_id) == 0:
                await store.update_run(connection, one, state="paid", paid_at=platform.clock.now())
            return False
        await _stop_newly(connection, one, chunk)
        now = platform.clock.now()
        first_id = ids.new_id(now)
        own, own_sum, by_file, by_file_sum = await store.to_pay(connection, chunk)
        heading = _heading(one)
        if own.count:
            await bulk.credit(connection, own, heading, first_id)
        if by_file.count:
            sent = msgspec.structs.replace(heading, kind="benefit_file")
            await bulk.move(connection, by_file, sent, first_id)
        dues = await store.dues_of(connection, run_id, chunk.first_person, chunk.last_person)
        if dues:
            await benefit_dues.mark_paid(connection, dues)
        paid = await store.mark_paid(connection, chunk, first_id - own.first_number)
        assert paid == own.count + by_file.count, "every transaction has its line"
        await store.close_paid(connection, chunk, paid, own_sum + by_file_sum, now)
        return True


def _heading(one: Run) -> Heading:
    assert one.started_by is not None
    return Heading(
        kind="benefit",
        actor=Actor("staff", one.started_by, "payment run"),
        key_prefix=f"run:{one.run_id}:",
        detail={
            "memo": f"{BENEFIT_NAMES[one.benefit].zh} {one.month:%Y-%m}",
            "run_id": str(one.run_id),
        },
        action="benefit.paid",
    )


async def _stop_newly(connection: Connection, one: Run, chunk: Chunk) -> None:
    """Stop lines of persons who died or whose benefit was held or ended since the check."""
    dead = await people.dead_among(connection, chunk.first_person, chunk.last_person, one.month)
    without = await store.without_entitlement(connection, chunk)
    stopped = await store.stop(connection, chunk, dead, without)
    for code, persons in (("dead", dead), ("held", without)):
        mine = [person_id for person_id in persons if person_id in stopped]
        if mine:
            await store.add_findings(connection, one.run_id, mine, code)


async def _set_closed_aside(platform: Platform, run_id: int) -> None:
    """Lines whose accounts were closed since the check come back, so that the others are paid."""
    async with platform.database.transaction() as connection:
        chunk = await store.claim(connection, run_id)
        if chunk is None:
            return
        lines = await store.lines_of_chunk(connection, chunk, ("ready",))
        own = [(line.person_id, line.account_id or 0) for line in lines if line.via_id is None]
        payable = {
            one.key
            for one in await ledger.accounts(connection, own)
            if one.kind == "bank" and one.state == "open"
        }
        closed = [key[0] for key in own if key not in payable]
        if closed:
            await store.set_returned(connection, run_id, closed, "account_closed")


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
    "paying": pay_chunk,
    "cancelling": cancel_chunk,
}
