"""Errands about unemployment benefit (失业保险金): claim, confirm the month, move it, end it."""

from collections.abc import Sequence
from typing import Final, Literal

from yikatong.benefits.unemployment import service
from yikatong.benefits.unemployment.model import (
    END_NAMES,
    END_REASONS,
    REASON_NAMES,
    REASONS,
    Claim,
    NewClaim,
    Post,
)
from yikatong.core.errors import Text, one_of
from yikatong.core.money import format_yuan_grouped
from yikatong.portals.counter.errand import (
    Case,
    Done,
    Errand,
    Field,
    choose_one,
    dead,
    identity,
    same,
)
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import place, words
from yikatong.trust.audit import Actor

_COLLECT: Final[tuple[Literal["insured", "residence"], ...]] = ("insured", "residence")
_POSTS: Final[tuple[Post, ...]] = ("worker", "cadre")


def _draws(facts: Facts) -> bool:
    return any(
        one.benefit == "unemployment" and one.status != "ended" for one in facts.entitlements
    )


def _insured(facts: Facts) -> bool:
    return any(one.insurance == "210" for one in facts.enrolments)


def _claim_fields(case: Case) -> Sequence[Field]:
    fields = [
        Field(name="left_on", kind="date", label="left_on"),
        Field(name="registered_on", kind="date", label="registered_on", value=f"{case.facts.day}"),
        Field(name="reason", kind="select", label="left_why",
              options=[("", words("unemployment_choose")), *REASON_NAMES.items()]),
        Field(name="collect_in", kind="radios", label="collect_in", value="insured",
              options=[(one, words(f"my_collect_{one}")) for one in _COLLECT]),
    ]  # fmt: skip
    if case.facts.person.sex == 2:
        fields.append(
            Field(name="post", kind="radios", label="pension_post", value="worker",
                  options=[(one, words(f"unemployment_post_{one}")) for one in _POSTS])
        )  # fmt: skip
    return fields


async def _claim(case: Case, actor: Actor) -> Done:
    if not case.typed("reason"):
        raise choose_one("reason")
    wanted = NewClaim(
        left_on=case.day("left_on"),
        registered_on=case.day("registered_on"),
        reason=one_of(case.typed("reason"), REASONS, "reason"),
        collect_in=one_of(case.typed("collect_in"), _COLLECT, "collect_in"),
        post=one_of(case.typed("post") or "worker", _POSTS, "post"),
    )
    made = await service.claim(
        case.platform, case.facts.person_id, wanted, actor, case.idempotency_key
    )
    return Done(_told(made), words("counter_note_unemployment"))


def _told(one: Claim) -> list[tuple[Text, Text]]:
    told = [
        (words("told_number"), same(one.claim_id)),
        (words("told_collected_in"), place(one.region)),
        (
            words("told_months"),
            same(f"{one.starts_on:%Y-%m} – {(one.ended_on or one.ends_on):%Y-%m}"),
        ),
        (words("told_months_granted"), same(one.months_granted)),
    ]
    if one.ended_by is not None:
        told.append((words("told_ended_by"), END_NAMES[one.ended_by]))
        told.append((words("told_months_left"), same(one.months_left)))
    if one.overpaid:
        told.append((words("told_owed_back"), same(format_yuan_grouped(one.overpaid))))
    return told


async def _confirm(case: Case, actor: Actor) -> Done:
    one = await service.confirm_month(case.platform, case.facts.person_id, actor, "counter")
    return Done([(words("told_month_confirmed"), same(f"{case.facts.day:%Y-%m}")), *_told(one)])


def _move_fields(_: Case) -> Sequence[Field]:
    return (Field(name="region", kind="place", label="move_to"),)


async def _move(case: Case, actor: Actor) -> Done:
    made = await service.transfer(
        case.platform, case.facts.person_id, case.place("region"), actor, case.idempotency_key
    )
    return Done(_told(made))


def _end_fields(case: Case) -> Sequence[Field]:
    return (
        Field(name="reason", kind="select", label="ended_why",
              options=[("", words("unemployment_choose")),
                       *((one, END_NAMES[one]) for one in END_REASONS)]),
        Field(name="on", kind="date", label="ended_day", value=f"{case.facts.day}"),
    )  # fmt: skip


async def _end(case: Case, actor: Actor) -> Done:
    if not case.typed("reason"):
        raise choose_one("reason")
    one = await service.end(
        case.platform, case.facts.person_id, case.typed("reason"), case.day("on"), actor
    )
    return Done(_told(one), words("counter_note_owed_back") if one.overpaid else None)


def _refusal_fields(case: Case) -> Sequence[Field]:
    return (Field(name="on", kind="date", label="refused_on", value=f"{case.facts.day}"),)


async def _refuse(case: Case, actor: Actor) -> Done:
    one = await service.refuse_job(
        case.platform, case.facts.person_id, case.day("on"), actor, case.idempotency_key
    )
    return Done(_told(one), words("counter_note_refusal"))


def _nothing(_: Case) -> Sequence[Field]:
    return ()


def _possible(_: Facts) -> Text | None:
    return None


ERRANDS: Final = (
    Errand(
        name="unemployment_claim", group="benefits", permission="benefit.apply",
        service="benefits", steps=(_claim_fields,), carry_out=_claim, refused=dead,
        documents=lambda _: (words("doc_identity"), words("doc_work_ended")),
        shown=lambda facts: _insured(facts) and not _draws(facts),
        fields_of={"region": "collect_in"},
    ),
    Errand(
        name="unemployment_confirm", group="benefits", permission="benefit.apply",
        service="benefits", steps=(_nothing,), carry_out=_confirm, refused=_possible,
        documents=identity, shown=_draws,
    ),
    Errand(
        name="unemployment_move", group="benefits", permission="benefit.apply",
        service="benefits", steps=(_move_fields,), carry_out=_move, refused=_possible,
        documents=identity, shown=_draws,
    ),
    Errand(
        name="unemployment_end", group="benefits", permission="benefit.apply", anyone=True,
        steps=(_end_fields,), carry_out=_end, refused=_possible,
        documents=lambda _: (words("doc_end"),), shown=_draws,
    ),
    Errand(
        name="unemployment_refusal", group="benefits", permission="benefit.apply", anyone=True,
        steps=(_refusal_fields,), carry_out=_refuse, refused=_possible,
        documents=lambda _: (words("doc_refusal"),), shown=_draws,
    ),
)  # fmt: skip
