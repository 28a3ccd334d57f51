"""Use cases of proof of life: record one, look, list what is due."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from yikatong.benefits import dues as benefit_dues
from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.pension import ending, terms
from yikatong.benefits.pension import store as pension_store
from yikatong.benefits.proof_of_life import rules, store
from yikatong.benefits.proof_of_life.model import (
    KIND_NAMES,
    FaceCheckUnavailable,
    FaceDiffers,
    Kind,
    NothingToProve,
    Outcome,
    Proof,
)
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.ids import new_id
from yikatong.core.money import format_yuan
from yikatong.core.platform import Platform
from yikatong.identity.verification.faces import FaceCheck
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

SOURCE_MAX: Final = 100
_SLOW_CLOCKS: Final = timedelta(minutes=5)
_SHOWN: Final = 20


async def record(
    platform: Platform,
    person_id: int,
    kind: Kind,
    at: datetime,
    source: str,
    actor: Actor,
    *,
    outcome: Outcome = "alive",
    region: str | None = None,
    died_on: date | None = None,
) -> dict[str, Any]:
    """Record that a person was seen, from wherever; the same kind and source counts once.

    Seen alive: the next proof is due twelve months later, and what was held for want of one is paid
    again, the months held as arrears. Found dead (`died_on`): the pension ends. Raises
    NothingToProve, KeyReused where the same source said something else, InvalidInput.
    """
    _check(platform, kind, at, source, outcome, died_on)
    if region is not None:
        regions.get(region, "region")

    async def work(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        person = await people.get(connection, person_id)
        drawn = await store.of_persons(connection, [person_id])
        if not drawn:
            raise NothingToProve
        now = platform.clock.now()
        proof = Proof(
            proof_id=new_id(now), kind=kind, source=source, outcome=outcome, at=at, region=region
        )
        await store.insert(connection, [(person_id, proof)], actor, now)
        detail: dict[str, object] = {"kind": kind, "source": source, "outcome": outcome}
        if outcome == "dead":
            assert died_on is not None
            stopped, more = await ending.stop_in(platform, connection, person_id, died_on, actor)
            return {**_proof_shown(proof), "stopped": stopped}, {**detail, **more}
        dues: list[Due] = []
        answers: list[dict[str, Any]] = []
        for _, one in drawn:
            changed, due = await after_proof(
                platform, connection, person_id, one, at.astimezone(SHANGHAI).date(),
                dead=person.died_on is not None,
            )  # fmt: skip
            await benefits.update(connection, person_id, changed)
            dues += [due] if due else []
            answers.append(_entitlement_shown(changed))
        await benefits_store.insert_dues(connection, dues)
        answer = {
            **_proof_shown(proof),
            "pensions": answers,
            "made_good": format_yuan(sum(due.amount for due in dues)),
        }
        if person.died_on is not None:
            answer["note"] = {
                "zh": "登记为已去世，请先更正死亡登记，更正后恢复发放",
                "en": "recorded as dead; have that corrected, payments go on afterwards",
            }
        return answer, detail

    content = [kind, at.astimezone(SHANGHAI), source, outcome, region, died_on]
    return await benefits.command(
        platform, person_id, "proof.recorded", content, actor, f"proof:{kind}:{source}", work
    )


async def after_proof(
    platform: Platform,
    connection: Connection,
    person_id: int,
    one: Entitlement,
    seen_on: date,
    *,
    dead: bool,
) -> tuple[Entitlement, Due | None]:
    """An entitlement after the person was seen, and the arrears where it is paid again."""
    day, nation = today(platform.clock), terms.load().nation
    changed = rules.proved(one, seen_on, nation.proof_every_months, day)
    if changed.status == "held" or one.status == "drawing":
        return changed, None
    if dead:
        return msgspec.structs.replace(
            changed, status="held", held_reason="recorded_dead", held_on=one.held_on
        ), None
    return await made_good(platform, connection, person_id, changed)


async def made_good(
    platform: Platform, connection: Connection, person_id: int, one: Entitlement
) -> tuple[Entitlement, Due | None]:
    """The months held, this one included, as arrears of an entitlement that is paid again."""
    made = (await pension_store.adjustments(connection, [person_id])).get(person_id, [])
    changes = pension_store.changes_of(made, one.starts_on)
    day, now = today(platform.clock), platform.clock.now()
    return benefit_dues.arrears(person_id, one, day, changes, "held", now)


async def record_face(
    platform: Platform,
    person_id: int,
    image: str,
    check: FaceCheck,
    actor: Actor,
    *,
    region: str | None = None,
) -> dict[str, Any]:
    """Prove by a picture just taken (JPEG, base64), through the check that is connected.

    Raises FaceCheckUnavailable where there is none or it does not answer, FaceDiffers, and as `record`.
    """
    said = await check.check(person_id, image) if check.available else "not_available"
    if said == "not_available":
        raise FaceCheckUnavailable
    if said == "different":
        raise FaceDiffers
    now = platform.clock.now()
    source = f"check:{new_id(now)}"
    return await record(platform, person_id, "face", now, source, actor, region=region)


async def of_person(platform: Platform, person_id: int, actor: Actor) -> dict[str, Any]:
    """When the next proof is due, the reminders, the proofs so far; the look is recorded."""
    nation = terms.load().nation
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        drawn = await store.of_persons(connection, [person_id])
        proofs = await store.of_person(connection, person_id, _SHOWN)
        reminded = (await store.reminders(connection, [person_id])).get(person_id, [])
        await audit.record(connection, actor, platform.clock.now(), person_id, "proof.read")
    return {
        "person_id": person_id,
        "pensions": [
            {
                **_entitlement_shown(one),
                "remind_on": [
                    day.isoformat()
                    for day in rules.remind_on(one.proof_due_on, nation.proof_remind_days)
                ]
                if one.proof_due_on
                else [],
            }
            for _, one in drawn
        ],
        "reminders": [
            {"due_on": due.isoformat(), "days_before": days, "at": at.isoformat()}
            for due, days, at in reminded
        ],
        "proofs": [_proof_shown(one) for one in proofs],
    }


async def list_due(
    platform: Platform,
    actor: Actor,
    *,
    region: str | None = None,
    days: int = 30,
    after: int = 0,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Whose proof is due within so many days, overdue or held for want of one, in the order of
    persons behind `after`; the look is recorded of each."""
    within = "%"
    if region is not None:
        within = benefits.within(regions.get(region, "region").code)
    until = today(platform.clock) + timedelta(days=days)
    async with platform.database.transaction() as connection:
        found = await store.due(connection, until, after, limit, within=within)
        reminded = await store.reminders(connection, [person_id for person_id, _ in found])
        events: list[tuple[int, str, dict[str, object]]] = [
            (person_id, "proof.listed", {}) for person_id, _ in found
        ]
        if events:
            await audit.record_many(connection, [actor] * len(events), platform.clock.now(), events)
    return [
        {
            "person_id": person_id,
            **_entitlement_shown(one),
            "overdue": rules.overdue(one, today(platform.clock)),
            "reminders": [
                {"days_before": days_before, "at": at.isoformat()}
                for due_on, days_before, at in reminded.get(person_id, [])
                if due_on == one.proof_due_on
            ],
        }
        for person_id, one in found
    ]


async def deaths_to_confirm(
    platform: Platform, areas: Sequence[str], limit: int
) -> list[tuple[int, date]]:
    """Persons whose pension is held over a recorded death that nobody confirmed yet, and since when."""
    within = [benefits.within(one) for one in areas]
    async with platform.database.transaction(readonly=True) as connection:
        return await store.deaths_to_confirm(connection, within, limit)


def _check(
    platform: Platform,
    kind: Kind,
    at: datetime,
    source: str,
    outcome: Outcome,
    died_on: date | None,
) -> None:
    if not source.strip() or len(source) > SOURCE_MAX or not source.isprintable():
        raise InvalidInput(
            "source",
            zh=f"请填写依据（经办人、结算号等），最多 {SOURCE_MAX} 字",
            en=f"say what shows it (clerk, settlement …), in at most {SOURCE_MAX} characters",
        )
    if at > platform.clock.now() + _SLOW_CLOCKS:
        raise InvalidInput("at", zh="认证时间不能在将来", en="a proof cannot be in the future")
    if at.year < 2000:
        raise InvalidInput("at", zh="认证时间太早，请核对", en="this is too long ago; compare it")
    if (outcome == "dead") != (died_on is not None):
        raise InvalidInput(
            "died_on",
            zh="发现已去世的，请填写去世日期；在世的不填",
            en="give the day of death of who was found dead, and of nobody else",
        )
    if outcome == "dead" and kind not in ("counter", "visit", "data"):
        raise InvalidInput(
            "outcome",
            zh="死亡只能由窗口、上门或数据比对登记",
            en="a death is recorded at a counter, on a visit or by matched data",
        )


def _proof_shown(one: Proof) -> dict[str, Any]:
    return {
        "proof_id": str(one.proof_id),
        "kind": one.kind,
        "kind_name": KIND_NAMES[one.kind].as_dict(),
        "source": one.source,
        "outcome": one.outcome,
        "at": one.at.astimezone(SHANGHAI).isoformat(),
        "region": one.region,
    }


def _entitlement_shown(one: Entitlement) -> dict[str, Any]:
    return {
        "benefit": one.benefit,
        "region": one.region,
        "status": one.status,
        "held_reason": one.held_reason,
        "held_on": one.held_on.isoformat() if one.held_on else None,
        "proof_due_on": one.proof_due_on.isoformat() if one.proof_due_on else None,
    }
