"""Use cases at the end of a pension: stop on death, reclaim, survivors' sums."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final

import msgspec

from yikatong.benefits import dues, service, store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.pension import shown, terms
from yikatong.benefits.pension import store as pension_store
from yikatong.benefits.pension.errors import NoPension, SurvivorsRefused
from yikatong.benefits.pension.model import MONTHS_MAX
from yikatong.benefits.pension.survivors import notes, survivors_sum
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.ids import new_id
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.months import last_day, month_of, months_from
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.trust.audit import Actor

_SURVIVORS: Final = "pension.survivors"


class Survivor(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who claims the survivors' sums, and for which death."""

    heir_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    died_on: date
    kinship: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What shows the kinship where no relation is on file, such as the number of a certificate."""
    urban_income: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    """Of the year before the death, a year's sum in yuan, instead of the figure on file."""
    months_paid: Annotated[int, msgspec.Meta(ge=0, le=MONTHS_MAX)] | None = None
    """Verified, instead of the months on record."""


async def stop(
    platform: Platform, person_id: int, died_on: date, actor: Actor, key: str
) -> dict[str, Any]:
    """End the pension on a death: paid through the month of death, the rest is owed back. The death is
    recorded with it where it is not yet.

    Raises NoPension, InvalidInput.
    """

    async def work(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        return await stop_in(platform, connection, person_id, died_on, actor)

    return await service.command(platform, person_id, "pension.stopped", died_on, actor, key, work)


async def stop_in(
    platform: Platform, connection: Connection, person_id: int, died_on: date, actor: Actor
) -> tuple[dict[str, Any], dict[str, object]]:
    """The same inside a command on the person's benefits; the answer and the audit detail."""
    person = await people.get(connection, person_id)
    await people.record_death(platform, connection, person, died_on, actor)
    found = [
        one
        for one in await service.entitlements(connection, person_id)
        if one.benefit == "pension" and one.status != "ended"
    ]
    if not found:
        raise NoPension
    made = (await pension_store.adjustments(connection, [person_id])).get(person_id, [])
    now, last = platform.clock.now(), month_of(died_on)
    new_dues: list[Due] = []
    for one in found:
        changes = pension_store.changes_of(made, one.starts_on)
        open_dues = [
            due
            for due in await store.dues(connection, [person_id], ("open",))
            if (due.benefit, due.insurance, due.region) == ("pension", one.fund, one.region)
        ]
        ended, more, cancelled = dues.end(person_id, one, changes, open_dues, last, "death", now)
        await service.update(connection, person_id, ended)
        await dues.change(connection, more, cancelled, now)
        new_dues += more
    recovered = sum(due.amount for due in new_dues if due.kind == "recovery")
    answer = {
        "person_id": person_id,
        "ends_on": last_day(last).isoformat(),
        "owed_back": format_yuan(recovered),
        "still_due": format_yuan(sum(due.amount for due in new_dues if due.kind == "arrears")),
        "dues": [
            {
                "due_id": str(due.due_id),
                "kind": due.kind,
                "amount": format_yuan(due.amount),
                "reason": due.reason,
                "month_from": f"{due.month_from:%Y-%m}",
                "month_until": f"{due.month_until:%Y-%m}",
            }
            for due in new_dues
        ],
    }
    return answer, {"ended": "death", "month": f"{last:%Y-%m}", "recovery": bool(recovered)}


async def survivors(
    platform: Platform, person_id: int, claim: Survivor, actor: Actor, key: str
) -> dict[str, Any]:
    """Grant the survivors' sums of somebody insured as an employee, once, as dues of the heir.

    Raises SurvivorsRefused, NoPensionTerms, NotFound, InvalidInput naming the field.
    """

    async def work(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        if await store.command_done(connection, person_id, _SURVIVORS):
            raise SurvivorsRefused(
                zh="这个人的遗属待遇已经核定过，不能重复领取",
                en="the survivors' sums of this person were granted before",
            )
        person = await people.get(connection, person_id)
        people.check_death(person, claim.died_on, today(platform.clock))
        await _check_heir(connection, person_id, claim)
        region, paid, drawn = _record(
            person,
            claim,
            await service.entitlements(connection, person_id),
            await people.enrolments(connection, person_id),
        )
        book = terms.load()
        told: list[Text] = []
        if claim.urban_income is None:
            figure = book.urban_income(region, claim.died_on)
            income, told = figure.amount, notes(figure, claim.died_on)
        else:
            income = parse_yuan(claim.urban_income, "urban_income")
        if income == 0:
            raise InvalidInput("urban_income", zh="不能为零", en="cannot be zero")
        found = survivors_sum(income, paid, drawn, book)
        now = platform.clock.now()
        made = [
            Due(
                person_id=claim.heir_id,
                due_id=new_id(now),
                benefit="pension",
                insurance="110",
                region=region,
                kind="lump_sum",
                amount=amount,
                reason=reason,
                about_person_id=person_id,
                created_at=now,
            )
            for reason, amount in (("funeral", found.funeral), ("survivors", found.survivors))
        ]
        await store.insert_dues(connection, made)
        answer = {
            "person_id": person_id,
            "heir_id": claim.heir_id,
            "funeral": format_yuan(found.funeral),
            "survivors": format_yuan(found.survivors),
            "total": format_yuan(found.total),
            "dues": [str(due.due_id) for due in made],
            "steps": [shown.step(one) for one in found.steps],
            "notes": [one.as_dict() for one in told],
        }
        return answer, {"heir_id": claim.heir_id}

    return await service.command(platform, person_id, _SURVIVORS, claim, actor, key, work)


async def _check_heir(connection: Connection, person_id: int, claim: Survivor) -> None:
    if claim.heir_id == person_id:
        raise InvalidInput("heir_id", zh="遗属不能是去世的人自己", en="the heir cannot be who died")
    heir = await people.get(connection, claim.heir_id, "heir_id")
    if heir.died_on is not None:
        raise InvalidInput(
            "heir_id", zh="这位遗属也登记为已去世", en="this heir is recorded dead as well"
        )
    related = any(
        one.other_person_id == claim.heir_id
        for one in await people.relations(connection, person_id)
    )
    if not related and not claim.kinship.strip():
        raise SurvivorsRefused(
            zh="档案中没有两人的亲属关系，请核验证明并填写证明名称和编号",
            en="no relation of the two is on file; check a proof of kinship and name it",
            field="kinship",
        )


def _record(
    person: Person,
    claim: Survivor,
    entitlements: Sequence[Entitlement],
    enrolments: Sequence[Enrolment],
) -> tuple[str, int, int | None]:
    """Region, months paid, and months drawn (None: no pension yet); raises SurvivorsRefused."""
    pensions = [one for one in entitlements if one.benefit == "pension"]
    mine = [one for one in enrolments if one.insurance == "110"]
    if any(one.fund == "150" for one in pensions) or not (mine or pensions):
        raise SurvivorsRefused(
            zh="只有职工养老保险按这个办法计算；居民养老保险的丧葬补助请按当地规定办理",
            en="these sums are of the employees' pension; for residents local rules apply",
        )
    if any(one.status != "ended" for one in pensions):
        raise SurvivorsRefused(
            zh="请先办理停发（登记去世月份），再核定遗属待遇",
            en="stop the pension first (with the day of death), then grant the survivors' sums",
        )
    if not pensions and person.died_on is None:
        raise SurvivorsRefused(
            zh="没有登记去世，请先核对死亡登记", en="no death is recorded; have that checked first"
        )
    last = pensions[0] if pensions else None
    if last is not None and last.ends_on != last_day(month_of(claim.died_on)):
        raise InvalidInput(
            "died_on",
            zh=f"与停发的月份不一致（发放至 {last.ends_on}）",
            en=f"this is not the month the pension ended in ({last.ends_on})",
        )
    recorded = sum(one.months_paid for one in mine)
    if last is not None and last.months_paid is not None:
        recorded = last.months_paid
    paid = recorded if claim.months_paid is None else claim.months_paid
    region = last.region if last is not None else mine[0].region
    drawn = None
    if last is not None:
        drawn = months_from(month_of(last.starts_on), month_of(claim.died_on)) + 1
    return region, paid, drawn
