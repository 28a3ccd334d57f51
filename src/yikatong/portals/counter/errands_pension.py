"""Errands about a pension (养老金): apply, take it back; and of who decides: a death, survivors' sums."""

from collections.abc import Sequence
from typing import Final

from yikatong.benefits.pension import checks, ending, service
from yikatong.benefits.pension.age import month_text
from yikatong.benefits.pension.ending import Survivor
from yikatong.benefits.pension.model import GROUP_NAMES, INSURANCE_NAMES, INSURANCES
from yikatong.benefits.pension.papers import OFFERED, Paper
from yikatong.benefits.pension.service import Examined, NewApplication
from yikatong.core.errors import InvalidInput, NotFound, Text, YikatongError
from yikatong.core.money import format_yuan_grouped, parse_yuan
from yikatong.core.sealing import mask_name
from yikatong.money.ledger.model import Account
from yikatong.people import service as people
from yikatong.portals.counter.card_errand import joined
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
from yikatong.portals.counter.handed import field_of, files, handed_in
from yikatong.portals.counter.words import words
from yikatong.portals.pension import group_of, plain
from yikatong.trust.audit import Actor
from yikatong.trust.documents.model import KINDS

# ---- applying (申领) ----


def _insured(facts: Facts) -> list[str]:
    return [one for one in INSURANCES if any(each.insurance == one for each in facts.enrolments)]


def _refused(facts: Facts) -> Text | None:
    if (died := dead(facts)) is not None:
        return died
    if facts.pensions:
        return words("refused_draws_pension")
    if facts.pension_application is not None:
        return words("refused_pension_applied")
    return None if _insured(facts) else words("refused_no_pension_insurance")


def _apply_fields(case: Case) -> Sequence[Field]:
    facts = case.facts
    insured = _insured(facts)
    months = sum(one.months_paid for one in facts.enrolments if one.insurance == insured[0])
    fields: list[Field] = []
    if len(insured) > 1:
        fields.append(
            Field(name="insurance", kind="radios", label="insurance", value=insured[0],
                  options=[(one, text) for one, text in INSURANCE_NAMES.items() if one in insured])
        )  # fmt: skip
    if facts.person.sex == 2 and "110" in insured:
        fields.append(
            Field(name="group", kind="radios", label="pension_post",
                  options=[(one, GROUP_NAMES[one]) for one in ("women_55", "women_50")])
        )  # fmt: skip
    return (
        *fields,
        Field(name="retires", kind="month", label="retires", hint=words("apply_retires_hint"),
              longest=10),
        Field(name="months_paid", label="months_paid", digits=True, longest=3, value=str(months)),
        Field(name="account", label="pension_account", digits=True, longest=14),
        Field(name="index", label="pension_index", digits=True, longest=6,
              hint=words("counter_hint_index")),
        Field(name="deemed_months", label="deemed_months", digits=True, longest=3),
        Field(name="early_months", label="early_months", digits=True, longest=3),
    )  # fmt: skip


def months_of(text: str, field: str) -> int:
    """A number of months as it was typed; none is 0. Raises InvalidInput."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 720):
        raise InvalidInput(field, zh="应为 0 至 720 个月", en="0 to 720 months")
    return int(text)


def _wanted(case: Case) -> NewApplication:
    insured = _insured(case.facts)
    insurance = case.typed("insurance") or insured[0]
    group = group_of(case.typed("group"))
    if case.facts.person.sex == 2 and insurance == "110" and group is None:
        raise choose_one("group")
    return NewApplication(
        insurance="150" if insurance == "150" else "110",
        group=group,
        retires=case.typed("retires") or None,
        channel="counter",
        months_paid=months_of(case.typed("months_paid"), "months_paid"),
        index=case.typed("index") or None,
        account=plain(case.typed("account")) or "0",
        deemed_months=months_of(case.typed("deemed_months"), "deemed_months"),
        early_months=months_of(case.typed("early_months"), "early_months"),
    )


def _account(facts: Facts) -> Account | None:
    card = facts.card
    return next(
        (
            one
            for one in facts.accounts
            if card is not None and one.account_id == card.account_id and one.state == "open"
        ),
        None,
    )


def _examined(case: Case) -> Examined:
    facts, account = case.facts, _account(case.facts)
    found = checks.Facts(
        person=facts.person, enrolments=facts.enrolments, entitlements=facts.entitlements,
        has_account=account is not None, today=facts.day,
    )  # fmt: skip
    return service.examined(_wanted(case), found, account)


def _send_fields(case: Case) -> Sequence[Field]:
    """What it comes to, to be told before it is sent."""
    try:
        found = _examined(case)
    except YikatongError:
        # Sending says what is wrong, beside its field.
        return ()
    told = [words("counter_pension_none")]
    if found.pension is not None:
        told = [
            words("counter_pension_sum", month=month_text(found.retires_on),
                  amount=format_yuan_grouped(found.pension.monthly))
        ]  # fmt: skip
    told += [
        Text(f"{one.text.zh}：{one.remedy.zh}。", f"{one.text.en}: {one.remedy.en}.")
        for one in found.findings
    ]
    hint = Text("".join(one.zh for one in told), " ".join(one.en for one in told))
    return (
        Field(name="told", kind="checks", label="pension_told", hint=hint,
              options=[("yes", words("counter_pension_told"))]),
        files(*OFFERED),
    )  # fmt: skip


async def _apply(case: Case, actor: Actor) -> Done:
    wanted = _wanted(case)
    _examined(case)
    if case.chosen("told") != ["yes"]:
        raise InvalidInput(
            "told", zh="请先把结果告诉本人", en="tell the person what it comes to first"
        )
    kinds = handed_in(case)
    handed = [
        Paper(kind, one.content, one.name, field_of(kind))
        for kind in kinds
        for one in case.uploads[field_of(kind)]
    ]
    made = await service.apply(
        case.platform, case.facts.person_id, wanted, actor, case.idempotency_key, handed
    )
    told = [
        (words("told_number"), same(made["application_id"])),
        (words("told_pension"), INSURANCE_NAMES[made["insurance"]]),
        (words("told_retires"), same(made["retires_on"])),
    ]
    if kinds:
        told.append((words("told_handed_in"), joined([KINDS[one] for one in kinds])))
    told += [
        (
            words("told_blocks") if one["blocks"] else words("told_note"),
            Text(
                *(f"{one['text'][each]}{mark}{one['remedy'][each]}"
                  for each, mark in (("zh", "："), ("en", ": ")))
            ),
        )
        for one in made["findings"]
    ]  # fmt: skip
    return Done(told, words("counter_note_pension"))


async def _withdraw(case: Case, actor: Actor) -> Done:
    one = case.facts.pension_application
    if one is None:
        raise InvalidInput("errand", zh="没有可撤回的申请", en="there is no open application")
    await service.withdraw(
        case.platform, case.facts.person_id, one.application_id, actor, case.idempotency_key
    )
    return Done([(words("told_number"), same(one.application_id))])


def _nothing(_: Case) -> Sequence[Field]:
    return ()


# ---- at the end (停发、遗属待遇) ----


def _died(facts: Facts) -> str:
    return f"{facts.person.died_on}" if facts.person.died_on else ""


def _death_fields(case: Case) -> Sequence[Field]:
    return (Field(name="died_on", kind="date", label="died_on", value=_died(case.facts)),)


async def _stop(case: Case, actor: Actor) -> Done:
    died_on = case.day("died_on")
    done = await ending.stop(
        case.platform, case.facts.person_id, died_on, actor, case.idempotency_key
    )
    told = [
        (words("told_died_on"), same(died_on)),
        (words("told_paid_until"), same(done["ends_on"])),
        (words("told_still_due"), same(_grouped(done["still_due"]))),
        (words("told_owed_back"), same(_grouped(done["owed_back"]))),
    ]
    owed = done["owed_back"] != "0.00"
    return Done(told, words("counter_note_owed_back") if owed else None)


def _grouped(amount: str) -> str:
    return format_yuan_grouped(parse_yuan(amount, "amount"))


def _survivor_fields(case: Case) -> Sequence[Field]:
    return (
        Field(name="died_on", kind="date", label="died_on", value=_died(case.facts)),
        Field(name="heir_name", label="heir_name", longest=40),
        Field(name="heir_number", label="heir_number", longest=18),
        Field(name="kinship", label="kinship", hint=words("counter_hint_kinship")),
        Field(
            name="urban_income",
            label="urban_income",
            digits=True,
            longest=14,
            hint=words("counter_hint_urban_income"),
        ),
    )


async def _survivors(case: Case, actor: Actor) -> Done:
    name = "".join(case.typed("heir_name").split())
    nobody = InvalidInput(
        "heir_number",
        zh="没有找到姓名和身份证号都相符的人，请核对遗属的证件",
        en="nobody has this name and this id number; compare the heir's document",
    )
    async with case.platform.database.transaction(readonly=True) as connection:
        try:
            heir = await people.find_by_id_number(
                case.platform, connection, case.typed("heir_number"), "heir_number"
            )
        except NotFound:
            raise nobody from None
        if (await people.names(connection, [heir])).get(heir) != name:
            raise nobody
    claim = Survivor(
        heir_id=heir, died_on=case.day("died_on"), kinship=case.typed("kinship"),
        urban_income=plain(case.typed("urban_income")) or None,
    )  # fmt: skip
    done = await ending.survivors(
        case.platform, case.facts.person_id, claim, actor, case.idempotency_key
    )
    told = [
        (words("told_heir"), same(mask_name(name))),
        (words("told_funeral"), same(_grouped(done["funeral"]))),
        (words("told_survivors"), same(_grouped(done["survivors"]))),
        (words("told_total"), same(_grouped(done["total"]))),
    ]
    told += [
        (Text(**one["name"]), same(f"{one['working']} · {one['clause']}")) for one in done["steps"]
    ]
    told += [(words("told_note"), Text(**one)) for one in done["notes"]]
    return Done(told, words("counter_note_survivors"))


def _ended_by_death(facts: Facts) -> bool:
    return any(
        one.benefit == "pension" and one.ended_reason == "death" for one in facts.entitlements
    )


def _survivors_refused(facts: Facts) -> Text | None:
    return words("refused_stop_first") if facts.pensions else None


ERRANDS: Final = (
    Errand(
        name="pension_apply", group="benefits", permission="benefit.apply", service="benefits",
        steps=(_apply_fields, _send_fields), carry_out=_apply, refused=_refused,
        documents=lambda _: (words("doc_identity"), words("doc_work_record")),
        shown=lambda facts: not facts.pensions and facts.person.died_on is None,
        fields_of={"birth": "months_paid", "wage": "index"},
    ),
    Errand(
        name="pension_withdraw", group="benefits", permission="benefit.apply", service="benefits",
        steps=(_nothing,), carry_out=_withdraw, refused=lambda _: None, documents=identity,
        shown=lambda facts: facts.pension_application is not None,
    ),
    Errand(
        name="pension_death", group="benefits", permission="benefit.decide", anyone=True,
        steps=(_death_fields,), carry_out=_stop, refused=lambda _: None,
        documents=lambda _: (words("doc_death"),), shown=lambda facts: bool(facts.pensions),
        fields_of={"person_id": "died_on"},
    ),
    Errand(
        name="survivors", group="benefits", permission="benefit.decide", anyone=True,
        steps=(_survivor_fields,), carry_out=_survivors, refused=_survivors_refused,
        documents=lambda _: (words("doc_death"), words("doc_heir")),
        shown=lambda facts: facts.person.died_on is not None or _ended_by_death(facts),
        fields_of={"heir_id": "heir_number"},
    ),
)  # fmt: skip
