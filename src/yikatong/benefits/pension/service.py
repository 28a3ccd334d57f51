"""Use cases of pensions: look, apply, decide, withdraw."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final

import msgspec

from yikatong.benefits import dues as benefit_dues
from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.pension import adjusting, checks, papers, requests, shown, store, terms
from yikatong.benefits.pension.age import retirement
from yikatong.benefits.pension.amount import pension
from yikatong.benefits.pension.checks import Facts
from yikatong.benefits.pension.errors import (
    AlreadyApplied,
    NoSuchApplication,
    NotOpen,
    SamePerson,
    SumDiffers,
)
from yikatong.benefits.pension.model import (
    MONTHS_MAX,
    Application,
    Career,
    Channel,
    Finding,
    Group,
    Insurance,
    Pension,
    Retirement,
)
from yikatong.benefits.pension.papers import Paper
from yikatong.benefits.pension.requests import Asked, Months, Sum
from yikatong.benefits.proof_of_life.rules import due_after
from yikatong.cards import service as cards
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Unavailable
from yikatong.core.ids import new_id
from yikatong.core.money import Fen, format_yuan
from yikatong.core.months import add_months
from yikatong.core.platform import Platform
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Account
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.people.notices import service as notices
from yikatong.trust import audit
from yikatong.trust.audit import Actor
from yikatong.trust.documents.model import DocumentKind

REASON_MAX: Final = 500
_FACTS: Final = (
    "months_paid", "index", "wage", "account", "deemed_months", "early_months", "average_wage",
)  # fmt: skip


class NewApplication(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An application; what is not said comes from the person's file."""

    insurance: Insurance | None = None
    """None: employees' before residents'."""
    group: Group | None = None
    """Of women insured as employees: the kind of their post."""
    retires: Annotated[str, msgspec.Meta(max_length=10, examples=["2026-12"])] | None = None
    """The month of retirement; None: that of the statutory age."""
    channel: Channel = "counter"
    months_paid: Annotated[int, msgspec.Meta(ge=0, le=MONTHS_MAX)] | None = None
    index: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    wage: Sum | None = None
    account: Sum = "0"
    deemed_months: Months = 0
    early_months: Months = 0
    average_wage: Sum | None = None


class Verified(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the agency found out; None: as declared."""

    months_paid: Annotated[int, msgspec.Meta(ge=0, le=MONTHS_MAX)] | None = None
    index: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    account: Sum | None = None
    deemed_months: Months | None = None
    early_months: Months | None = None
    average_wage: Sum | None = None


class Examined(msgspec.Struct, frozen=True):
    """What an application comes to, before it is sent or decided."""

    career: Career
    retires_on: date
    """The first day of the month of retirement."""
    retirement: Retirement
    findings: list[Finding]
    pension: Pension | None
    """None where the minimum of years is not paid."""
    account: Account | None
    """The account of the card, onto which it is paid."""

    @property
    def blocked(self) -> bool:
        """Whether it would be refused as it stands."""
        return any(one.blocks for one in self.findings)

    @property
    def documents_asked(self) -> Sequence[DocumentKind]:
        """What the rules want to see of what was declared."""
        return papers.asked(self.career, self.findings)


async def of_person(platform: Platform, person_id: int, actor: Actor) -> dict[str, Any]:
    """Pensions, applications, dues and adjustments of a person; the look is recorded.

    Raises NotFound.
    """
    book = terms.load()
    async with platform.database.transaction() as connection:
        person = await people.get(connection, person_id)
        found = await benefits.entitlements(connection, person_id)
        applications = await store.applications(connection, person_id)
        dues = await benefits_store.dues(connection, [person_id], ("open", "paid", "cancelled"))
        made = (await store.adjustments(connection, [person_id])).get(person_id, [])
        await audit.record(connection, actor, platform.clock.now(), person_id, "pension.read")
    return {
        "person_id": person_id,
        "pensions": [entitlement_shown(one) for one in found if one.benefit == "pension"],
        "applications": [shown.application(one) for one in applications],
        "dues": [due_shown(one) for one in dues if one.benefit == "pension"],
        "adjustments": [_adjustment_shown(one, person, book) for one in made],
    }


def entitlement_shown(one: Entitlement) -> dict[str, Any]:
    return {
        "region": one.region,
        "insurance": one.fund,
        "status": one.status,
        "starts_on": one.starts_on.isoformat(),
        "ends_on": one.ends_on.isoformat() if one.ends_on else None,
        "monthly": format_yuan(one.monthly),
        "parts": None
        if one.parts is None
        else {name: format_yuan(amount) for name, amount in one.parts.items()},
        "months_paid": one.months_paid,
        "proof_due_on": one.proof_due_on.isoformat() if one.proof_due_on else None,
        "held_reason": one.held_reason,
        "held_on": one.held_on.isoformat() if one.held_on else None,
        "ended_reason": one.ended_reason,
        "settled_month": f"{one.settled_month:%Y-%m}" if one.settled_month else None,
    }


def due_shown(one: Due) -> dict[str, Any]:
    return {
        "due_id": str(one.due_id),
        "person_id": one.person_id,
        "benefit": one.benefit,
        "insurance": one.insurance,
        "region": one.region,
        "kind": one.kind,
        "amount": format_yuan(one.amount),
        "reason": one.reason,
        "month_from": f"{one.month_from:%Y-%m}" if one.month_from else None,
        "month_until": f"{one.month_until:%Y-%m}" if one.month_until else None,
        "about_person_id": one.about_person_id,
        "state": one.state,
        "created_at": one.created_at.isoformat(),
    }


def _adjustment_shown(one: store.Made, person: Person, book: terms.Book) -> dict[str, Any]:
    body: dict[str, Any] = {
        "rule": one.rule,
        "effective": f"{one.effective:%Y-%m}",
        "before": format_yuan(one.before),
        "after": format_yuan(one.after),
        "added": {name: format_yuan(amount) for name, amount in one.parts.items()},
        "steps": [],
    }
    rule = next((each for each in book.adjustments if each.rule == one.rule), None)
    if rule is not None:
        facts = adjusting.Adjusted(one.before, one.facts["months_paid"], person.birth_date)
        body["steps"] = [shown.step(each) for each in adjusting.steps(rule, facts, book)]
    return body


async def career_of_person(
    platform: Platform, person_id: int, actor: Actor, wanted: NewApplication
) -> Career:
    """The career of a person by the file, for an estimate; the look is recorded.

    Raises NotFound, InvalidInput naming the field.
    """
    async with platform.database.transaction() as connection:
        person = await people.get(connection, person_id)
        enrolments = await people.enrolments(connection, person_id)
        await audit.record(connection, actor, platform.clock.now(), person_id, "pension.estimated")
    return _career(person, enrolments, wanted, today(platform.clock))


async def examine(
    platform: Platform, person_id: int, wanted: NewApplication, actor: Actor
) -> Examined:
    """What an application would come to, with nothing taken; the look is recorded.

    Raises NotFound, InvalidInput naming the field, NoPensionTerms.
    """
    async with platform.database.transaction() as connection:
        facts, account = await _facts(platform, connection, person_id)
        await audit.record(connection, actor, platform.clock.now(), person_id, "pension.estimated")
    return examined(wanted, facts, account)


async def applications(connection: Connection, person_id: int) -> list[Application]:
    """All applications of a person, the newest first; the caller records the look."""
    return await store.applications(connection, person_id)


def examined(wanted: NewApplication, facts: Facts, account: Account | None) -> Examined:
    """The same by facts that were read already. Pure; raises InvalidInput, NoPensionTerms."""
    career = _career(facts.person, facts.enrolments, wanted, facts.today)
    return _examined(career, _month(career, wanted), facts, account)


async def examine_application(
    platform: Platform, person_id: int, application_id: int, verified: Verified, actor: Actor
) -> tuple[Application, Examined]:
    """An application, and what it comes to by what was verified, with nothing decided; the look is
    recorded. Raises NoSuchApplication, InvalidInput naming the field, NoPensionTerms."""
    async with platform.database.transaction() as connection:
        one = await _find(connection, person_id, application_id)
        facts, account = await _facts(platform, connection, person_id)
        detail: dict[str, object] = {"application_id": str(application_id)}
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "pension.reviewed", detail
        )
    career, _ = _verified(one, verified, facts)
    return one, _examined(career, one.retires_on, facts, account)


def _examined(career: Career, month: date, facts: Facts, account: Account | None) -> Examined:
    book = terms.load()
    found = checks.findings(career, month, facts, book)
    computable = not any(one.code in ("months_missing", "group_differs") for one in found)
    return Examined(
        career,
        month,
        retirement(career, book),
        found,
        pension(career, month, book) if computable else None,
        account,
    )


async def waiting(
    platform: Platform, areas: Sequence[str], limit: int
) -> list[tuple[int, Application]]:
    """Applications of these regions that wait to be decided, with whose they are, the oldest first."""
    within = [benefits.within(one) for one in areas]
    async with platform.database.transaction(readonly=True) as connection:
        return await store.waiting(connection, within, limit)


async def apply(
    platform: Platform,
    person_id: int,
    wanted: NewApplication,
    actor: Actor,
    key: str,
    handed_in: Sequence[Paper] = (),
) -> dict[str, Any]:
    """Apply for a pension, with the documents handed in; answers the application with what was found.

    What speaks against it does not keep it from being taken: it is refused, with the reasons, when
    it is decided. Raises AlreadyApplied, NotFound, TooManyDocuments, InvalidInput naming the field.
    """
    papers.check(handed_in)

    async def work(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        if any(one.state == "applied" for one in await store.applications(connection, person_id)):
            raise AlreadyApplied(
                zh="已有一份申请正在办理，请等待结果或先撤回",
                en="an application is open already; wait for its outcome or withdraw it",
            )
        facts, _ = await _facts(platform, connection, person_id)
        career = _career(facts.person, facts.enrolments, wanted, facts.today)
        month = _month(career, wanted)
        now = platform.clock.now()
        declared = {name: getattr(wanted, name) for name in _FACTS}
        declared |= {"months_paid": career.months_paid, "group": career.group}
        one = Application(
            application_id=new_id(now),
            state="applied",
            insurance=career.insurance,
            region=career.region,
            channel=wanted.channel,
            retires_on=month,
            facts={"declared": declared},
            findings=_findings(career, month, facts),
            answer=None,
            monthly=None,
            starts_on=None,
            reason="",
            applied_at=now,
            decided_at=None,
            version=0,
            taken_by=actor.name if actor.kind == "staff" else "",
        )
        await store.put_application(connection, person_id, one)
        await papers.keep(platform, connection, person_id, one.application_id, handed_in, actor)
        return shown.application(one), {"application_id": str(one.application_id)}

    return await benefits.command(platform, person_id, "pension.applied", wanted, actor, key, work)


async def decide(
    platform: Platform,
    person_id: int,
    application_id: int,
    verified: Verified,
    actor: Actor,
    key: str,
    *,
    refuse: str | None = None,
    seen: Fen | None = None,
) -> dict[str, Any]:
    """Decide an application by the verified facts; `refuse` says why it is refused by hand.

    `seen` is the monthly sum that whoever decides has before them: another outcome is not carried out
    (SumDiffers).

    Where something speaks against it, it is refused with those reasons. A granted pension begins in
    the month after retirement; months past become arrears. The person is told. Raises
    NoSuchApplication, NotOpen, SamePerson, InvalidInput naming the field, NoPensionTerms.
    """
    if refuse is not None and not 0 < len(refuse.strip()) <= REASON_MAX:
        raise InvalidInput(
            "refuse",
            zh=f"请写明不予核定的理由，最多 {REASON_MAX} 字",
            en=f"say why it is refused, in at most {REASON_MAX} characters",
        )

    async def work(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        one = await _open(connection, person_id, application_id)
        if actor.kind == "staff" and actor.name == one.taken_by:
            raise SamePerson
        facts, _ = await _facts(platform, connection, person_id)
        career, checked = _verified(one, verified, facts)
        found = _findings(career, one.retires_on, facts)
        blocking = [each for each in found if each["blocks"]]
        now = platform.clock.now()
        decided = msgspec.structs.replace(
            one,
            facts={**one.facts, "verified": checked},
            findings=found,
            decided_at=now,
        )
        if blocking or refuse:
            decided = msgspec.structs.replace(
                decided, state="refused", reason=refuse or "；".join(
                    each["text"]["zh"] for each in blocking
                ),
            )  # fmt: skip
        else:
            decided = await _grant(platform, connection, person_id, decided, career)
        if seen is not None and decided.monthly != seen:
            raise SumDiffers
        await _put(connection, person_id, decided)
        await papers.end(platform, connection, person_id, application_id)
        await _tell(platform, connection, person_id, decided)
        detail: dict[str, object] = {
            "application_id": str(application_id),
            "state": decided.state,
            "findings": [each["code"] for each in blocking],
        }
        return shown.application(decided), detail

    content = [application_id, verified, refuse] + ([] if seen is None else [seen])
    return await benefits.command(platform, person_id, "pension.decided", content, actor, key, work)


async def withdraw(
    platform: Platform, person_id: int, application_id: int, actor: Actor, key: str
) -> dict[str, Any]:
    """Take an open application back. Raises NoSuchApplication, NotOpen."""

    async def work(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        one = await _open(connection, person_id, application_id)
        withdrawn = msgspec.structs.replace(one, state="withdrawn")
        await _put(connection, person_id, withdrawn)
        await papers.end(platform, connection, person_id, application_id)
        return shown.application(withdrawn), {"application_id": str(application_id)}

    return await benefits.command(
        platform, person_id, "pension.withdrawn", application_id, actor, key, work
    )


# ---- what they share ----


async def _find(connection: Connection, person_id: int, application_id: int) -> Application:
    for one in await store.applications(connection, person_id):
        if one.application_id == application_id:
            return one
    raise NoSuchApplication


async def _open(connection: Connection, person_id: int, application_id: int) -> Application:
    one = await _find(connection, person_id, application_id)
    if one.state != "applied":
        raise NotOpen(one.state)
    return one


async def _tell(
    platform: Platform, connection: Connection, person_id: int, one: Application
) -> None:
    once = f"pension-{one.application_id}"
    if one.starts_on is not None and one.monthly is not None:
        facts = {"amount": one.monthly, "since": one.starts_on}
        await notices.post(platform, connection, person_id, "pension.granted", facts, once=once)
    else:
        await notices.post(platform, connection, person_id, "pension.refused", {}, once=once)


async def _put(connection: Connection, person_id: int, one: Application) -> None:
    if not await store.put_application(connection, person_id, one):
        # Everybody here holds the lock, so somebody wrote beside this room.
        raise Unavailable(
            zh="申请刚被修改，没有任何改动，请重试",
            en="the application was just changed by somebody else; nothing was changed, try again",
        )


async def _facts(
    platform: Platform, connection: Connection, person_id: int
) -> tuple[Facts, Account | None]:
    """What an application depends on, and the open account of the card."""
    card = (await cards.current_cards(connection, [person_id])).get(person_id)
    account = next(
        (
            one
            for one in await ledger.accounts_of(connection, person_id)
            if card is not None and one.account_id == card.account_id and one.state == "open"
        ),
        None,
    )
    facts = Facts(
        person=await people.get(connection, person_id),
        enrolments=await people.enrolments(connection, person_id),
        entitlements=await benefits.entitlements(connection, person_id),
        has_account=account is not None,
        today=today(platform.clock),
    )
    return facts, account


def _enrolment(enrolments: list[Enrolment], wanted: Insurance | None) -> Enrolment | None:
    """The pension insurance meant: the one named, else employees' before residents'."""
    mine = [one for one in enrolments if one.insurance in ("110", "150")]
    mine = [one for one in mine if wanted in (None, one.insurance)]
    return min(mine, key=lambda one: (one.insurance, one.status == "ended"), default=None)


def _career(person: Person, enrolments: Any, wanted: NewApplication, day: date) -> Career:
    """The career by the file and by what is declared; raises InvalidInput."""
    enrolment = _enrolment(list(enrolments), wanted.insurance)
    if enrolment is None:
        raise InvalidInput(
            "insurance",
            zh="没有养老保险的参保记录，请到参保地核对",
            en="there is no record of pension insurance; please ask at the insured place",
        )
    insurance: Insurance = "150" if enrolment.insurance == "150" else "110"
    group = wanted.group
    if group is None:
        if insurance == "110" and person.sex == 2:
            raise InvalidInput(
                "group",
                zh="请说明岗位：women_55（管理、技术岗位）或 women_50（其他岗位）",
                en="say which kind of post: women_55 (managing, technical) or women_50 (other)",
            )
        group = "men" if person.sex == 1 else "women_55"
    recorded = sum(one.months_paid for one in enrolments if one.insurance == insurance)
    asked = Asked(
        birth=f"{person.birth_date:%Y-%m}",
        group=group,
        insurance=insurance,
        region=enrolment.region,
        months_paid=recorded if wanted.months_paid is None else wanted.months_paid,
        index=wanted.index,
        wage=wanted.wage,
        account=wanted.account,
        deemed_months=wanted.deemed_months,
        early_months=wanted.early_months,
        average_wage=wanted.average_wage,
    )
    return requests.career_of(asked, day, terms.load())


def _month(career: Career, wanted: NewApplication) -> date:
    """The month of retirement that is applied for."""
    if wanted.retires is not None:
        return requests.parse_month(wanted.retires, "retires")
    return retirement(career, terms.load()).month


def _findings(career: Career, month: date, facts: Facts) -> tuple[dict[str, Any], ...]:
    found = checks.findings(career, month, facts, terms.load())
    return tuple(shown.finding(one) for one in found)


def _verified(one: Application, verified: Verified, facts: Facts) -> tuple[Career, dict[str, Any]]:
    """The career by what was declared and then verified."""
    declared = dict(one.facts["declared"])
    group = declared.pop("group")
    changed = {
        name: value for name, value in msgspec.structs.asdict(verified).items() if value is not None
    }
    if "index" in changed:
        declared["wage"] = None
    wanted = NewApplication(**{**declared, **changed}, group=group, insurance=one.insurance)
    career = _career(facts.person, facts.enrolments, wanted, facts.today)
    return career, changed


async def _grant(
    platform: Platform,
    connection: Connection,
    person_id: int,
    one: Application,
    career: Career,
) -> Application:
    """Write the entitlement, and the months past as arrears."""
    book, now, day = terms.load(), platform.clock.now(), today(platform.clock)
    found = pension(career, one.retires_on, book)
    # 从办理退休手续的次月起发放。
    starts_on = add_months(one.retires_on, 1)
    entitlement = Entitlement(
        benefit="pension",
        region=career.region,
        status="drawing",
        starts_on=starts_on,
        ends_on=None,
        monthly=found.monthly,
        proof_due_on=due_after(max(day, starts_on), book.nation.proof_every_months),
        held_reason=None,
        insurance=career.insurance,
        months_paid=career.months,
        parts=msgspec.structs.asdict(found.parts),
    )
    entitlement, due = benefit_dues.arrears(person_id, entitlement, day, (), "granted", now)
    await benefits_store.insert(connection, person_id, entitlement)
    await benefits_store.insert_dues(connection, [due] if due else [])
    return msgspec.structs.replace(
        one,
        state="granted",
        answer=shown.pension(found),
        monthly=found.monthly,
        starts_on=starts_on,
    )
