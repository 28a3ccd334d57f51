"""Use cases of the provider's desk: who is there, register or sell, lines, quote, settle, reverse.

Everything is carried out by the care desk as the order a hospital's system would send; this room keeps
what is typed between the pages, and notes what it was told.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.core.together import ask
from yikatong.medical.model import Care
from yikatong.medical.provider_desk import rules, sending, store
from yikatong.medical.provider_desk.model import (
    CARE_CODES,
    Answer,
    Clerk,
    DeskVisit,
    DraftLine,
    Entry,
    Insured,
    Said,
    Told,
)
from yikatong.medical.provider_desk.sending import Care as CareOrders
from yikatong.medical.provider_desk.sending import send
from yikatong.medical.visits import orders
from yikatong.medical.visits import store as visits_store
from yikatong.medical.visits.errors import CareRefused
from yikatong.medical.visits.lines import sums
from yikatong.medical.visits.model import Diagnosis, FeeLine, Settlement, Visit
from yikatong.medical.visits.orders import Settled, SplitLine
from yikatong.trust import guessing
from yikatong.trust.guessing import Limit

OPEN_SHOWN: Final = 30
KEPT: Final = timedelta(days=30)
IDENTIFY_LIMITS: Final = (Limit(60, timedelta(minutes=5)), Limit(1500, timedelta(days=1)))
"""Per member: a busy counter's, and far from a register's."""


class Changed(CareRefused):
    """Somebody else worked on this visit at the same moment."""

    code = "desk_visit_changed"

    def __init__(self) -> None:
        super().__init__(
            "这次就诊刚在另一处改过，请看一下现在的内容再继续",
            "this visit was changed elsewhere a moment ago; look at it again and go on",
        )


class AmountChanged(CareRefused):
    """What the person pays is no longer what the page showed."""

    code = "amount_changed"

    def __init__(self) -> None:
        super().__init__(
            "应付金额已变（目录、年度累计或账户余额有变动），没有结算。请核对新的金额后再确认",
            "the amount to pay has changed since it was shown; nothing was settled. Look at the new"
            " amount and confirm again",
            "pay",
        )


class NoSuchDeskVisit(NotFound):
    """No such visit at this provider's desk."""

    code = "no_such_desk_visit"

    def __init__(self) -> None:
        super().__init__(
            "本机构工作台没有这次就诊", "there is no such visit at this provider's desk"
        )


# ---- who is there ----


async def identify(
    platform: Platform, care: CareOrders, clerk: Clerk, shown: str, second: str
) -> tuple[int, Told]:
    """Who shows this; recorded for the person. Raises InvalidInput naming `shown` or `second`, and what
    refuses it."""
    certificate, id_number = rules.read_shown(shown, second)
    await guessing.count(platform, [(f"desk identify:{clerk.staff_number}", IDENTIFY_LIMITS)])
    try:
        _, found = await send(
            platform, care, clerk, "1101", orders.Identify(certificate=certificate)
        )
    except CareRefused as error:
        raise _beside("shown", error) from None
    except NotFound as error:
        raise InvalidInput("shown", error.text.zh, error.text.en) from None
    assert isinstance(found, orders.Identified)
    if id_number is not None and id_number != found.id_number:
        raise InvalidInput(
            "second",
            zh="身份证号与这张卡不是同一人，请核对证件",
            en="the id number does not belong to this card; compare both",
        )
    person = found.person
    diseases: list[str] = []
    if "chronic" in clerk.provider.cares:
        _, known = await send(
            platform, care, clerk, "5301", orders.AskChronic(person_id=person.person_id)
        )
        assert isinstance(known, orders.ChronicFound)
        today = platform.clock.now().date()
        diseases = [
            one.disease
            for one in known.registrations
            if one.starts_on <= today and (one.ends_on is None or today <= one.ends_on)
        ]
    told = Told(
        name=person.name,
        id_number=found.id_number,
        sex=person.sex,
        birth_date=person.birth_date,
        certificate=certificate,
        insured=[Insured(one.insurance, one.region, one.category) for one in found.enrolments],
        balance=found.balance,
        care=rules.first_care(clerk.provider),
        chronic=diseases,
    )
    return person.person_id, told


def _beside(field: str, error: CareRefused) -> YikatongError:
    """The same refusal, beside a field of the desk's form."""
    return InvalidInput(field, error.text.zh, error.text.en)


async def begin(
    platform: Platform, clerk: Clerk, key: int, person_id: int, told: Told
) -> DeskVisit:
    """Begin to work on a visit; the same form again is the same visit."""
    made = DeskVisit(
        provider_code=clerk.provider.provider_code, desk_id=key, person_id=person_id, visit_id=None,
        state="open", staff_number=clerk.staff_number, begun_at=platform.clock.now(), told=told,
        pending=None, version=1,
    )  # fmt: skip
    async with platform.database.transaction() as connection:
        await store.insert(connection, platform.vault, made)
    return await find(platform, clerk, key)


async def begun(platform: Platform, clerk: Clerk, key: int) -> DeskVisit | None:
    """The visit that the form of this number began before."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.find(connection, platform.vault, clerk.provider.provider_code, key)


async def find(platform: Platform, clerk: Clerk, desk_id: int) -> DeskVisit:
    """A visit of this provider's desk as it stands; where the answer to its settlement was lost, what
    happened is looked up. Raises NoSuchDeskVisit."""
    async with platform.database.transaction() as connection:
        found = await store.find(connection, platform.vault, clerk.provider.provider_code, desk_id)
        if found is None:
            raise NoSuchDeskVisit
        if found.pending is not None:
            found = await _recover(platform, connection, clerk, found)
        return found


async def open_ones(platform: Platform, clerk: Clerk) -> list[DeskVisit]:
    """The visits that are not settled yet, the newest first."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.open_ones(
            connection, platform.vault, clerk.provider.provider_code, OPEN_SHOWN
        )


async def answered(
    platform: Platform,
    visit: DeskVisit,
    care: Care,
    answer: Answer,
    said: Sequence[Said],
) -> None:
    """Keep the portability answer for a kind of care with the visit."""
    visit.told.care = care
    visit.told.answer = answer
    visit.told.said = list(said)
    await _save(platform, visit)


async def _save(platform: Platform, visit: DeskVisit) -> None:
    async with platform.database.transaction() as connection:
        if not await store.update(connection, platform.vault, visit):
            raise Changed
    visit.version += 1


# ---- register, admit, discharge, give up ----


async def register(
    platform: Platform,
    care: CareOrders,
    clerk: Clerk,
    visit: DeskVisit,
    key: int,
    diagnosis: Diagnosis,
    disease: str | None,
) -> None:
    """Register an outpatient visit with its diagnosis, or admit; once registered, the diagnosis is
    changed. Raises what refuses it."""
    told, now = visit.told, platform.clock.now()
    details = {"certificate": told.certificate.kind, "dr_name": clerk.name}
    if told.care == "inpatient":
        order: orders.Order = (
            orders.Admit(
                person_id=visit.person_id, number=f"ZY{visit.desk_id % 10**10:010d}",
                begun_at=now, care_code=CARE_CODES["inpatient"], diagnoses=(diagnosis,),
                certificate=told.certificate, details=details,
            )
            if visit.visit_id is None
            else orders.Amend(
                person_id=visit.person_id, visit_id=visit.visit_id, diagnoses=(diagnosis,)
            )
        )  # fmt: skip
        kept, _ = await send(
            platform, care, clerk, "2401" if visit.visit_id is None else "2403", order, key
        )
        visit.visit_id = kept.visit or visit.visit_id
    else:
        if visit.visit_id is None:
            kept, _ = await send(
                platform, care, clerk, "2201",
                orders.Register(
                    person_id=visit.person_id, number=f"MZ{visit.desk_id % 10**10:010d}",
                    begun_at=now, certificate=told.certificate, details=details,
                ),
                key,
            )  # fmt: skip
            visit.visit_id = kept.visit
            # Noted at once: whatever is wrong with the diagnosis, the registration is there.
            await _save(platform, visit)
        assert visit.visit_id is not None
        await send(
            platform, care, clerk, "2203",
            orders.See(
                person_id=visit.person_id, visit_id=visit.visit_id,
                care_code=CARE_CODES[told.care], begun_at=now, diagnoses=(diagnosis,),
                disease=disease if told.care == "chronic" else None,
            ),
        )  # fmt: skip
    told.diagnoses, told.disease = [diagnosis], disease
    await _save(platform, visit)


async def discharge(
    platform: Platform, care: CareOrders, clerk: Clerk, visit: DeskVisit, key: int
) -> None:
    """End a stay now, on medical order (医嘱离院)."""
    order = orders.Discharge(
        person_id=visit.person_id, visit_id=_own(visit), ended_at=platform.clock.now(), way="1"
    )
    await send(platform, care, clerk, "2402", order, key)


async def cancel_discharge(
    platform: Platform, care: CareOrders, clerk: Clerk, visit: DeskVisit, key: int
) -> None:
    """Take the discharge back."""
    order = orders.CancelDischarge(person_id=visit.person_id, visit_id=_own(visit))
    await send(platform, care, clerk, "2405", order, key)


async def give_up(platform: Platform, care: CareOrders, clerk: Clerk, visit: DeskVisit) -> None:
    """Nothing comes of the visit: lines and registration are taken back, and the desk forgets it."""
    if visit.state != "open":
        return
    if visit.visit_id is not None:
        setting = setting_of(visit.told.care)
        lines = await lines_of(platform, visit)
        if lines:
            await send(
                platform, care, clerk, "2205" if setting == "outpatient" else "2302",
                orders.WithdrawLines(
                    person_id=visit.person_id, visit_id=visit.visit_id, setting=setting
                ),
            )  # fmt: skip
        await send(
            platform, care, clerk, "2202" if setting == "outpatient" else "2404",
            orders.CancelVisit(
                person_id=visit.person_id, visit_id=visit.visit_id, setting=setting
            ),
        )  # fmt: skip
    visit.state = "closed"
    await _save(platform, visit)


def setting_of(care: Care) -> orders.Setting:
    """Where care of a kind is given."""
    return care if care in ("inpatient", "pharmacy") else "outpatient"


def _own(visit: DeskVisit) -> int:
    if visit.visit_id is None:
        raise CareRefused("请先登记就诊", "register the visit first", "visit")
    return visit.visit_id


# ---- lines ----


async def add_line(
    platform: Platform,
    care: CareOrders,
    clerk: Clerk,
    visit: DeskVisit,
    key: int,
    item: str,
    quantity: str,
    price: str,
) -> None:
    """Put an item on the bill; the same form again adds nothing. Raises InvalidInput naming `item`,
    `quantity` or `price`, and what refuses it."""
    quantity, price = rules.read_quantity(quantity), rules.read_price(price)
    total, number = rules.total_of(quantity, price), f"{key:016x}"
    if visit.state != "open":
        raise CareRefused("这次就诊已结算", "this visit is settled", "item")
    if visit.told.care == "pharmacy":
        told = visit.told
        if any(one.number == number for one in told.lines):
            return
        _check_room(len(told.lines))
        told.lines.append(DraftLine(number, item, quantity, price, total))
        await _save(platform, visit)
        return
    _check_room(len(await lines_of(platform, visit)))
    setting = setting_of(visit.told.care)
    assert setting != "pharmacy"
    await send(
        platform, care, clerk, "2204" if setting == "outpatient" else "2301",
        orders.AddLines(
            person_id=visit.person_id, visit_id=_own(visit), setting=setting, batch=number,
            lines=(FeeLine(number, item, total, quantity, price, platform.clock.now()),),
        ),
        key,
    )  # fmt: skip


def _check_room(lines: int) -> None:
    if lines >= rules.LINES_MAX:
        raise InvalidInput(
            "item",
            zh=f"一次最多 {rules.LINES_MAX} 行，请先结算",
            en=f"at most {rules.LINES_MAX} lines; settle these first",
        )


async def remove_line(
    platform: Platform, care: CareOrders, clerk: Clerk, visit: DeskVisit, number: str
) -> None:
    """Take a line off the bill; one that is not there stays so."""
    if visit.state != "open":
        return
    if visit.told.care == "pharmacy":
        kept = [one for one in visit.told.lines if one.number != number]
        if len(kept) < len(visit.told.lines):
            visit.told.lines = kept
            await _save(platform, visit)
        return
    if any(one.number == number for one in await lines_of(platform, visit)):
        setting = setting_of(visit.told.care)
        order = orders.WithdrawLines(
            person_id=visit.person_id, visit_id=_own(visit), setting=setting, line=number
        )
        await send(platform, care, clerk, "2205" if setting == "outpatient" else "2302", order)


async def visit_of(platform: Platform, visit: DeskVisit) -> Visit | None:
    """The registered visit as it stands; None before."""
    if visit.visit_id is None:
        return None
    key = (visit.person_id, visit.visit_id)
    async with platform.database.transaction(readonly=True) as connection:
        found, _ = await ask(connection, visits_store.visits([key]))
    return found.get(key)


async def lines_of(platform: Platform, visit: DeskVisit) -> list[SplitLine]:
    """The lines of a registered visit that are not settled, each with its split."""
    if visit.visit_id is None:
        return []
    key = (visit.person_id, visit.visit_id)
    async with platform.database.transaction(readonly=True) as connection:
        _, batches = await ask(connection, visits_store.visits([key]))
        by_batch = await ask(connection, visits_store.lines([key]))
    unsettled = {one.batch_id for one in batches.get(key, ()) if one.settlement_id is None}
    return [
        line
        for (_, _, batch_id), found in by_batch.items()
        if batch_id in unsettled
        for line in found
    ]


# ---- money ----


async def quote(
    platform: Platform, care: CareOrders, clerk: Clerk, visit: DeskVisit, *, use_account: bool
) -> Settled:
    """What the bill would come to now (预结算), with the lines' splits; raises what refuses it."""
    order = await _bill(platform, visit, commit=False, use_account=use_account)
    _, found = await send(platform, care, clerk, _code(order), order)
    assert isinstance(found, Settled)
    return found


def _code(order: orders.Sell | orders.Settle | orders.Reverse) -> str:
    if isinstance(order, orders.Reverse):
        assert order.setting is not None
        return {"pharmacy": "2103", "outpatient": "2208", "inpatient": "2305"}[order.setting]
    if isinstance(order, orders.Sell):
        return "2102" if order.commit else "2101"
    if order.setting == "inpatient":
        return "2304" if order.commit else "2303"
    return "2207" if order.commit else "2206"


async def _bill(
    platform: Platform, visit: DeskVisit, *, commit: bool, use_account: bool
) -> orders.Sell | orders.Settle:
    told = visit.told
    if told.care == "pharmacy":
        now = platform.clock.now()
        return orders.Sell(
            person_id=visit.person_id,
            total=sum(one.total for one in told.lines),
            begun_at=now,
            lines=tuple(
                FeeLine(one.number, one.item, one.total, one.quantity, one.price, now)
                for one in told.lines
            ),
            commit=commit,
            certificate=told.certificate,
            use_account=use_account,
        )
    setting = setting_of(told.care)
    assert setting != "pharmacy"
    return orders.Settle(
        person_id=visit.person_id,
        visit_id=_own(visit),
        setting=setting,
        total=sums(await lines_of(platform, visit))[0],
        commit=commit,
        certificate=told.certificate if told.certificate.kind == "card" else None,
        use_account=use_account,
    )


async def settle(
    platform: Platform,
    care: CareOrders,
    clerk: Clerk,
    visit: DeskVisit,
    key: int,
    *,
    use_account: bool,
    shown_cash: Fen,
) -> Entry:
    """Settle the bill; the same form again gets what it led to. Raises AmountChanged where the person
    would pay another amount than was shown, and what refuses it."""
    if (done := await _entry_by(platform, clerk, visit, key)) is not None:
        return done
    if visit.state != "open":
        raise CareRefused("这次就诊已结算", "this visit is settled", "pay")
    now = await quote(platform, care, clerk, visit, use_account=use_account)
    if now.settlement.cash != shown_cash:
        raise AmountChanged
    order = await _bill(platform, visit, commit=True, use_account=use_account)
    return await _commit(platform, care, clerk, visit, key, order)


async def _commit(
    platform: Platform,
    care: CareOrders,
    clerk: Clerk,
    visit: DeskVisit,
    key: int,
    order: orders.Sell | orders.Settle | orders.Reverse,
) -> Entry:
    """Carry out what moves money, and note what it led to."""
    if visit.pending is not None:
        # Nobody knows what became of the message before: it is sent again, never another beside it.
        key = sending.key_of(visit.pending)
    # Noted before it is sent: whatever becomes of the answer, the visit tells what to ask for.
    visit.pending = sending.message_of(clerk, key)
    await _save(platform, visit)
    try:
        await send(platform, care, clerk, _code(order), order, key)
    finally:
        visit = await find(platform, clerk, visit.desk_id)
    done = await _entry_by(platform, clerk, visit, key)
    assert done is not None, "what was carried out is noted"
    return done


async def _entry_by(platform: Platform, clerk: Clerk, visit: DeskVisit, key: int) -> Entry | None:
    """What the form of this number led to, where it was sent before."""
    message = sending.message_of(clerk, key)
    known = await settled_before(platform, clerk, visit)
    return next((one for one in known if one.message_id == message), None)


async def _recover(
    platform: Platform, connection: Connection, clerk: Clerk, visit: DeskVisit
) -> DeskVisit:
    """Note what became of a settlement or reversal whose answer nobody noted; a message that never came
    leaves the visit as it was."""
    assert visit.pending is not None
    key = (visit.provider_code, visit.pending)
    message = (await visits_store.messages(connection, [key])).get(key)
    if message is None:
        return visit
    kept = sending.read_kept(message.answer)
    visit.pending = None
    if not kept.code and kept.refers is not None:
        wanted = (visit.person_id, kept.refers)
        one = (await visits_store.settlements(connection, [wanted]))[wanted]
        visit.visit_id = one.visit_id
        if one.reverses is None:
            visit.state = "settled"
        else:
            # A visit is open again, to be mended and settled anew; a sale is over.
            visit.state = "closed" if one.setting == "pharmacy" else "open"
        await store.insert_entry(connection, _entry(clerk, visit, one))
    # Where somebody else noted the same a moment ago, it stands as they noted it.
    await store.update(connection, platform.vault, visit)
    found = await store.find(connection, platform.vault, visit.provider_code, visit.desk_id)
    assert found is not None
    return found


def _entry(clerk: Clerk, visit: DeskVisit, one: Settlement) -> Entry:
    return Entry(
        provider_code=visit.provider_code,
        settlement_id=one.settlement_id,
        desk_id=visit.desk_id,
        person_id=one.person_id,
        visit_id=one.visit_id,
        message_id=one.message_id,
        reverses=one.reverses,
        settled_at=one.settled_at,
        total=one.total,
        funds=one.funds,
        account=one.medical_account + one.family_account,
        cash=one.cash,
        reason=visit.told.reason if one.reverses is not None else "",
        staff_number=one.operator or clerk.staff_number,
    )


async def entry_of(platform: Platform, clerk: Clerk, settlement_id: int) -> Entry:
    """What the desk was told of a settlement; raises NoSuchDeskVisit."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.entry(connection, clerk.provider.provider_code, settlement_id)
    if found is None:
        raise NoSuchDeskVisit
    return found


async def settled_before(platform: Platform, clerk: Clerk, visit: DeskVisit) -> list[Entry]:
    """The settlements and reversals of a visit, in their order."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.entries_of(
            connection, clerk.provider.provider_code, visit.desk_id, visit.begun_at
        )


async def reverse(
    platform: Platform,
    care: CareOrders,
    clerk: Clerk,
    settlement_id: int,
    key: int,
    reason: str,
) -> Entry:
    """Take a settlement of today back for a reason; the same form again gets the same reversal.

    A visit is open again then, with its lines, to be mended and settled anew; a sale is over. Raises
    what refuses it.
    """
    first = await entry_of(platform, clerk, settlement_id)
    visit = await find(platform, clerk, first.desk_id)
    if (done := await _entry_by(platform, clerk, visit, key)) is not None:
        return done
    visit.told.reason = rules.check_reversible(first.settled_at, platform.clock.now(), reason)
    order = orders.Reverse(
        person_id=first.person_id, settlement_id=settlement_id, visit_id=first.visit_id,
        setting=setting_of(visit.told.care),
    )  # fmt: skip
    return await _commit(platform, care, clerk, visit, key, order)


async def forget_old(platform: Platform, limit: int = 10_000) -> int:
    """Delete what was typed of visits that are long over; what was settled stays noted."""
    async with platform.database.transaction() as connection:
        return await store.forget(connection, platform.clock.now() - KEPT, limit)
