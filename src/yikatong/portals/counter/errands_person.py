"""Errands about who may act, proofs of life, the PIN, and stops of the account."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from yikatong.benefits.proof_of_life import service as proofs
from yikatong.benefits.proof_of_life.model import Kind as ProofKind
from yikatong.core.errors import InvalidInput, NotFound, Text, one_of
from yikatong.core.money import format_yuan_grouped
from yikatong.core.sealing import mask_name
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import SERVICES, Authority
from yikatong.identity.authority.rules import in_force
from yikatong.money.bank import service as bank
from yikatong.money.ledger.model import Account
from yikatong.people import service as people
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
from yikatong.portals.counter.words import words
from yikatong.trust.audit import Actor

# ---- proof of life (资格认证) ----

_SEEN: Final[tuple[ProofKind, ...]] = ("counter", "visit")


def _no_pension(facts: Facts) -> Text | None:
    # What somebody from elsewhere draws is not read: the proof itself is refused.
    return None if facts.pensions or facts.elsewhere else words("refused_no_pension")


def _proof_fields(case: Case) -> Sequence[Field]:
    if case.facts.elsewhere:
        return ()
    return (
        Field(
            name="seen", kind="radios", label="seen", value="counter",
            options=[(one, words(f"counter_seen_{one}")) for one in _SEEN],
        ),
    )  # fmt: skip


async def _prove(case: Case, actor: Actor) -> Done:
    here = case.facts.here
    kind: ProofKind = (
        one_of(case.typed("seen"), _SEEN, "seen") if not case.facts.elsewhere else "counter"
    )
    answer = await proofs.record(
        case.platform, case.facts.person_id, kind, case.begun_at, case.idempotency_key, actor,
        region=here.region if here else None,
    )  # fmt: skip
    told = [
        (words("told_seen"), words(f"counter_seen_{kind}")),
        (words("told_at"), same(case.begun_at)),
    ]
    told += [
        (words("told_next_proof"), same(one["proof_due_on"]))
        for one in answer["pensions"]
        if one["proof_due_on"]
    ]
    if answer["made_good"] != "0.00" and not case.facts.elsewhere:
        told.append((words("told_made_good"), same(answer["made_good"])))
    note = answer.get("note")
    return Done(told, Text(note["zh"], note["en"]) if note else None)


# ---- who may act (代办授权) ----


def _grant_fields(case: Case) -> Sequence[Field]:
    day = case.facts.day
    return (
        Field(name="agent_name", label="agent_name", longest=40),
        Field(name="agent_number", label="agent_number", longest=18),
        Field(
            name="services", kind="checks", label="services", options=list(SERVICES.items()),
        ),
        Field(name="starts_on", kind="date", label="starts_on", value=f"{day}"),
        Field(
            name="ends_on", kind="date", label="ends_on", value=f"{day + timedelta(days=364)}"
        ),
        Field(name="evidence", label="evidence", hint=words("counter_hint_evidence")),
    )  # fmt: skip


async def _grant(case: Case, actor: Actor) -> Done:
    number, name = case.typed("agent_number"), "".join(case.typed("agent_name").split())
    nobody = InvalidInput(
        "agent_number",
        zh="没有找到姓名和身份证号都相符的人，请核对代办人的证件",
        en="nobody has this name and this id number; compare the agent's document",
    )
    async with case.platform.database.transaction(readonly=True) as connection:
        try:
            agent = await people.find_by_id_number(
                case.platform, connection, number, "agent_number"
            )
        except NotFound:
            raise nobody from None
        if (await people.names(connection, [agent])).get(agent) != name:
            raise nobody
    made = await authority.record(
        case.platform, case.facts.person_id, agent, case.chosen("services"),
        case.day("starts_on"), case.day("ends_on"), case.typed("evidence"), actor,
        case.idempotency_key,
    )  # fmt: skip
    return _authority_told(made, name)


def _authority_told(one: Authority, name: str) -> Done:
    zh = "、".join(SERVICES[each].zh for each in one.services)
    en = "; ".join(SERVICES[each].en for each in one.services)
    return Done(
        [
            (words("told_agent"), same(mask_name(name))),
            (words("told_services"), Text(zh, en)),
            (words("told_days"), same(f"{one.starts_on} – {one.ends_on}")),
            (words("told_number"), same(one.authority_id)),
        ]
    )


def _in_force(facts: Facts) -> list[Authority]:
    return [one for one in facts.granted if in_force(one, facts.day)]


def _revoke_fields(case: Case) -> Sequence[Field]:
    options = [
        (
            str(one.authority_id),
            words("counter_authority", name=mask_name(case.facts.names.get(one.agent_id, "")),
                  until=f"{one.ends_on}"),
        )
        for one in _in_force(case.facts)
    ]  # fmt: skip
    return (
        Field(
            name="authority", kind="radios", label="authority", options=options,
            value=options[0][0] if len(options) == 1 else "",
        ),
    )  # fmt: skip


async def _revoke(case: Case, actor: Actor) -> Done:
    number = case.number("authority")
    if number not in {one.authority_id for one in case.facts.granted}:
        raise choose_one("authority")
    ended = await authority.revoke(case.platform, case.facts.person_id, number, actor)
    return _authority_told(ended, case.facts.names.get(ended.agent_id, ""))


# ---- stops of the account (止付) ----


def _accounts(facts: Facts, *, stopped: bool) -> list[Account]:
    return [
        one
        for one in facts.accounts
        if one.kind == "bank" and one.state == "open" and ("loss_report" in one.frozen) == stopped
    ]


def _stop_refused(facts: Facts) -> Text | None:
    return None if _accounts(facts, stopped=False) else words("refused_no_account_to_stop")


def _lift_refused(facts: Facts) -> Text | None:
    card = facts.card
    if card is not None and card.state.startswith("loss_reported"):
        # Lifted together with the report, or the card would be lost and its money free.
        return words("refused_lift_while_lost")
    if card is not None and card.bank_app != "active":
        # The bank lifts it when it activates the bank side of the new card.
        return words("refused_lift_at_bank")
    return None


def _account_fields(case: Case, *, stopped: bool) -> Sequence[Field]:
    options = [
        (str(one.account_id), same(f"{one.bank or ''} …{one.number_tail or ''}"))
        for one in _accounts(case.facts, stopped=stopped)
    ]
    return (
        Field(
            name="account", kind="radios", label="account", options=options,
            value=options[0][0] if len(options) == 1 else "",
        ),
    )  # fmt: skip


async def _stop(case: Case, actor: Actor) -> Done:
    return await _freeze(case, actor, lift=False)


async def _lift(case: Case, actor: Actor) -> Done:
    return await _freeze(case, actor, lift=True)


async def _freeze(case: Case, actor: Actor, *, lift: bool) -> Done:
    number = case.number("account")
    found = [one for one in case.facts.accounts if one.account_id == number]
    if not found:
        raise choose_one("account")
    done = await bank.freeze(
        case.platform, case.facts.person_id, number, "loss_report", actor, case.idempotency_key,
        lift=lift,
    )  # fmt: skip
    one = found[0]
    return Done(
        [
            (words("told_account"), same(f"{one.bank or ''} …{one.number_tail or ''}")),
            (words("told_balance"), same(format_yuan_grouped(one.balance))),
            (words("told_number"), same(done.transaction_id)),
        ]
    )


ERRANDS: Final = (
    Errand(
        name="proof_of_life", group="benefits", permission="benefit.apply", steps=(_proof_fields,),
        channels=("counter", "cross_province"), carry_out=_prove, refused=_no_pension,
        documents=identity,
        fields_of={"person_id": "seen", "source": "seen", "at": "seen"},
    ),
    Errand(
        name="authority", group="person", permission="authority.record", steps=(_grant_fields,),
        carry_out=_grant, refused=dead,
        documents=lambda _: (words("doc_identity_both"), words("doc_authority")),
        fields_of={"agent_id": "agent_number"},
    ),
    Errand(
        name="authority_revoke", group="person", permission="authority.record",
        steps=(_revoke_fields,), carry_out=_revoke, refused=lambda _: None, documents=identity,
        shown=lambda facts: bool(_in_force(facts)), fields_of={"authority_id": "authority"},
    ),
    Errand(
        name="stop_account", group="card", permission="money.freeze", service="card",
        steps=(partial(_account_fields, stopped=False),), carry_out=_stop, refused=_stop_refused,
        documents=identity, shown=lambda facts: bool(facts.accounts),
    ),
    Errand(
        name="lift_stop", group="card", permission="money.freeze",
        steps=(partial(_account_fields, stopped=True),), carry_out=_lift, refused=_lift_refused,
        documents=identity, shown=lambda facts: bool(_accounts(facts, stopped=True)),
    ),
)  # fmt: skip
