"""Use cases of lists: take one in, review it, hand its cards over, activate them.

Every step goes through the list chunk by chunk and does what is still to be done; sent twice, or again
after it broke off, it does the rest. The office's table decides for each person.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from yikatong.cards.counters import service as counters
from yikatong.cards.lists import sheets, store
from yikatong.cards.lists.model import (
    CardList,
    Done,
    NewList,
    Progress,
    Refusal,
    Row,
    Standing,
    TakenIn,
)
from yikatong.cards.lists.sheets import Fault, SheetRow
from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying, rules
from yikatong.cards.office.errors import CardRefused, SamePerson
from yikatong.cards.office.many import CHUNK, ManyDesk
from yikatong.cards.office.model import Doing, Material, NewApplication
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, KeyReused, NotFound, Text, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money.bank import banks
from yikatong.money.contributions import lists as employers
from yikatong.money.errors import printable
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

ROWS_MAX: Final = 1000
TEXT_MAX: Final = 100
Hear = Callable[[int], None]
"""How many rows are done so far."""
Step = Callable[[ManyDesk, CardApplication], bool]
"""Does one thing for one row's application; False where it is not for this one now. Raises what the
table refuses."""
_NOT_MATCHED: Final = Text(
    "身份证号与姓名不符，或没有参保登记；请核对，确实无误的请先办理参保登记",
    "id number and name do not belong together, or nobody is registered; compare them, and register "
    "the person first where they are right",
)


class NoSuchList(NotFound):
    """There is no such list."""

    code = "no_such_card_list"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这份名单，请核对编号",
            en="there is no such list; please compare its number",
            field="list_id",
        )


def _silent(_done: int) -> None:
    return None


# ---- taking in ----


async def take(
    platform: Platform,
    employer_code: str,
    content: bytes,
    wanted: NewList,
    actor: Actor,
    key: str,
    hear: Hear = _silent,
) -> CardList:
    """Take a list in and apply for everybody on it who can have a card; the others' rows say why not.

    The same key and content answers the same list, and goes on where it broke off. Raises
    InvalidInput, NoSuchEmployer, KeyReused.
    """
    banks.bank(wanted.bank)
    # A large sheet takes a second; others are answered meanwhile.
    rows = await asyncio.to_thread(sheets.read, content)
    digest = ledger.digest([wanted, [msgspec.structs.astuple(row) for row in rows]])

    async def work(connection: Connection) -> CardList:
        employer = await employers.employer_of(connection, employer_code)
        known = await store.list_of_key(connection, employer.employer_code, key)
        if known is not None:
            if known[1] != digest:
                raise KeyReused
            return await _list(connection, known[0])
        pickup = await counters.get(platform, connection, wanted.pickup_place, "pickup_place")
        if (refusal := rules.pickup_refused(pickup, wanted.bank)) is not None:
            raise refusal
        now = platform.clock.now()
        made = CardList(
            new_id(now), employer.employer_code, employer.name, employer.region, wanted.school,
            wanted.bank, wanted.pickup_place, len(rows), actor.name, now,
        )  # fmt: skip
        if not await store.insert_list(connection, made, key, digest):
            raise Conflict
        await store.insert_rows(connection, await _match(platform, connection, made, rows))
        return made

    taken = await ledger.carry_out(platform, work)
    await _apply(platform, taken, actor, hear)
    return taken


async def _match(
    platform: Platform, connection: Connection, one: CardList, rows: Sequence[SheetRow]
) -> list[Row]:
    """The rows, each with the person it names, or with what is wrong with it."""
    day = today(platform.clock)
    checked = [sheets.check(row, day) for row in rows]
    good = [number for number in checked if isinstance(number, str)]
    found: dict[str, int] = {}
    names: dict[int, str] = {}
    for start in range(0, len(good), CHUNK):
        part = await people.find_many(platform, connection, good[start : start + CHUNK])
        found |= part
        names |= await people.names(connection, part.values())
    seen: dict[str, int] = {}
    made: list[Row] = []
    for row, number in zip(rows, checked, strict=True):
        if isinstance(number, Fault):
            made.append(_row(one, row, 0, number))
            continue
        first = seen.setdefault(number, row.number)
        person_id = found.get(number, 0)
        fault = None
        if first != row.number:
            text = Text(
                f"与第 {first} 行重复，请删去一行", f"stands in row {first} too; delete one"
            )
            fault = Fault("id_number", "duplicate", text)
        elif names.get(person_id) != row.name:
            # One answer for a number of nobody and a name that differs: a list must not tell who exists.
            fault = Fault("name", "not_matched", _NOT_MATCHED)
        made.append(_row(one, row, 0 if fault else person_id, fault))
    return made


def _row(one: CardList, row: SheetRow, person_id: int, fault: Fault | None) -> Row:
    told = Row(
        person_id, one.list_id, row.number, row.name[: sheets.NAME_MAX], sheets.masked(row),
        row.photo[: sheets.PHOTO_MAX], "open",
    )  # fmt: skip
    if fault is None:
        return told
    return msgspec.structs.replace(
        told,
        state="refused",
        field=fault.field,
        code=fault.code,
        zh=fault.text.zh,
        en=fault.text.en,
    )


async def _apply(platform: Platform, one: CardList, actor: Actor, hear: Hear) -> None:
    done = 0
    while True:
        count = await ledger.carry_out(
            platform, lambda connection: _apply_chunk(platform, connection, one, actor)
        )
        done += count
        if not count:
            return
        hear(done)


async def _apply_chunk(
    platform: Platform, connection: Connection, one: CardList, actor: Actor
) -> int:
    rows = await store.open_rows(connection, one.list_id, CHUNK)
    if not rows:
        return 0
    shown: Material = "study_certificate" if one.school else "labour_contract"
    doing = Doing("list", by="employer", materials=("identity", "photo", shown))
    wanted = NewApplication(
        "first", region=one.region, bank=one.bank, pickup_place=one.pickup_place
    )
    desk = ManyDesk(platform, connection, doing, actor)
    await desk.read([row.person_id for row in rows], applying=True)
    pickup = (await counters.find(connection, [one.pickup_place])).get(one.pickup_place)
    told: list[Row] = []
    refused: list[tuple[int, str, dict[str, object]]] = []
    for row in rows:
        try:
            made = desk.apply(row.person_id, wanted, pickup, f"list:{one.list_id}:{row.row}")
        except YikatongError as error:
            told.append(
                msgspec.structs.replace(
                    row, state="refused", field=error.field, code=error.code, zh=error.text.zh,
                    en=error.text.en,
                )
            )  # fmt: skip
            detail: dict[str, object] = {"list_id": str(one.list_id), "code": error.code}
            refused.append((row.person_id, "card_application.not_taken_in", detail))
        else:
            told.append(
                msgspec.structs.replace(row, state="applied", application_id=made.application_id)
            )
    await desk.write(store.row_changes(told))
    await audit.copy_many(connection, actor, desk.now, refused)
    return len(rows)


# ---- what is done with a whole list ----


async def approve(
    platform: Platform,
    list_id: int,
    actor: Actor,
    refuse: Mapping[int, str] | None = None,
    hear: Hear = _silent,
) -> Done:
    """Review a list in one go: approve what is applied for, but refuse some rows, each with a reason
    that the person will read (批量审核).

    By somebody else than who took the list in. Raises NoSuchList, SamePerson; InvalidInput for a row that is not
    there or not under review.
    """
    reasons = dict(refuse or {})
    async with platform.database.transaction(readonly=True) as connection:
        if (await _list(connection, list_id)).taken_by == actor.name:
            # The table refuses each of its applications, too; said once it is easier to read.
            raise SamePerson
        standing = [
            each
            for row in sorted(reasons)
            for each in await store.rows(connection, list_id, ["applied"], row - 1, 1)
        ]
    named = {each.row.row: each.row for each in standing}
    wrong = set(reasons) - set(named)
    if wrong:
        raise InvalidInput(
            "refuse",
            zh=f"第 {min(wrong)} 行没有待审核的申请，请核对行号",
            en=f"row {min(wrong)} has no application under review; please compare the row",
        )
    for number, row in named.items():
        assert row.application_id is not None
        doing = Doing("list", by="employer", reason=reasons[number])
        key = f"list:{list_id}:{number}:reject"
        await applying.reject(platform, row.person_id, row.application_id, doing, actor, key)

    def step(desk: ManyDesk, one: CardApplication) -> bool:
        return one.state == "applied" and bool(desk.move_application(one, "approve"))

    return await _each(platform, list_id, Doing("list", by="employer"), step, actor, hear)


async def hand_over(
    platform: Platform, list_id: int, contact: str, actor: Actor, hear: Hear = _silent
) -> Done:
    """Hand the cards that are ready over to the employer's contact (单位领卡). Raises NoSuchList."""
    printable(contact, "contact")
    if not 1 <= len(contact.strip()) <= TEXT_MAX:
        raise InvalidInput(
            "contact",
            zh="请填写领卡联系人的姓名",
            en="name the contact who collects the cards",
        )
    who = contact.strip()
    doing = Doing(
        "list", by="employer", materials=("identity",),
        reason=f"由单位联系人{who}统一领取 · collected by the employer's contact {who}",
    )  # fmt: skip

    def step(desk: ManyDesk, one: CardApplication) -> bool:
        return one.state == "ready" and bool(desk.move_application(one, "hand_over"))

    return await _each(platform, list_id, doing, step, actor, hear)


async def activate(platform: Platform, list_id: int, actor: Actor, hear: Hear = _silent) -> Done:
    """Activate the social-security side of the cards that were handed over, without a PIN: the holder
    sets it at first use (批量启用). Raises NoSuchList."""
    doing = Doing("list", by="employer", materials=("identity",))

    def step(desk: ManyDesk, one: CardApplication) -> bool:
        if one.state != "issued" or one.card_id is None:
            return False
        card = desk.card(one.person_id, one.card_id)
        return card.state == "issued" and bool(desk.move_card(card, "activate"))

    return await _each(platform, list_id, doing, step, actor, hear)


async def _each(
    platform: Platform,
    list_id: int,
    doing: Doing,
    step: Step,
    actor: Actor,
    hear: Hear,
) -> Done:
    """Do one thing for every row that was taken in, chunk by chunk."""
    done, after = Done(), 0

    async def chunk(connection: Connection) -> tuple[list[TakenIn], int, list[Refusal]]:
        rows = await store.taken_in(connection, list_id, after, CHUNK)
        desk = ManyDesk(platform, connection, doing, actor)
        await desk.read([row.person_id for row in rows])
        count, refused = 0, list[Refusal]()
        for row in rows:
            try:
                count += step(desk, desk.application(row.person_id, row.application_id))
            except (CardRefused, InvalidInput) as error:
                told = (error.field, error.code, error.text.zh, error.text.en)
                refused.append(Refusal(row.row, *told))
        await desk.write()
        return rows, count, refused

    async with platform.database.transaction(readonly=True) as connection:
        await _list(connection, list_id)
    while True:
        rows, count, refused = await ledger.carry_out(platform, chunk)
        if not rows:
            return done
        after = rows[-1].row
        done.done += count
        done.refused += refused
        hear(done.done)


# ---- looking ----


async def _list(connection: Connection, list_id: int) -> CardList:
    found = await store.list_of(connection, list_id)
    if found is None:
        raise NoSuchList
    return found


async def find(platform: Platform, list_id: int) -> CardList:
    """The list; raises NoSuchList."""
    async with platform.database.transaction(readonly=True) as connection:
        return await _list(connection, list_id)


async def progress(platform: Platform, list_id: int) -> Progress:
    """How a list stands; raises NoSuchList."""
    async with platform.database.transaction(readonly=True) as connection:
        one = await _list(connection, list_id)
        return Progress(one, await store.progress(connection, list_id))


async def lists(
    platform: Platform,
    areas: Sequence[str] | None,
    employer_code: str | None = None,
    limit: int = 100,
) -> list[CardList]:
    """The newest first, within some areas (prefixes of region codes; None: everywhere)."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.lists(connection, areas, employer_code, max(1, min(limit, ROWS_MAX)))


async def rows(
    platform: Platform,
    list_id: int,
    actor: Actor,
    *,
    states: Sequence[str] | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Standing]:
    """Rows in their order behind `after`, with where they stand; the look is recorded with each
    person. Raises NoSuchList."""
    async with platform.database.transaction() as connection:
        await _list(connection, list_id)
        found = await store.rows(connection, list_id, states, after, max(1, min(limit, ROWS_MAX)))
        seen: list[tuple[int, str, dict[str, object]]] = [
            (one.row.person_id, "card.list_looked_at", {"list_id": str(list_id)})
            for one in found
            if one.row.person_id
        ]
        if seen:
            await audit.copy_many(connection, actor, platform.clock.now(), seen)
    return found
