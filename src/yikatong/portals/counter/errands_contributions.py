"""Errands about contributions (缴费): bill months or a year, pay bills."""

from collections.abc import Sequence
from typing import Final

from yikatong.cards.pins import service as pins
from yikatong.core import regions
from yikatong.core.errors import InvalidInput, Text, one_of
from yikatong.core.money import format_yuan, format_yuan_grouped, parse_yuan
from yikatong.core.months import parse_month
from yikatong.money.bank import rules as bank_rules
from yikatong.money.bank.banks import banks
from yikatong.money.contributions import service, terms
from yikatong.money.contributions.model import INSURANCE_NAMES, INSURANCES, Bill, BilledInsurance
from yikatong.money.contributions.service import Notice
from yikatong.money.contributions.terms import NoTermsOnFile
from yikatong.people.model import Enrolment
from yikatong.portals.counter.errand import Case, Done, Errand, Field, dead, same
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import words
from yikatong.trust.audit import Actor

_MONTHLY: Final = ("110", "310", "210")
_YEARLY: Final = ("390", "150")


def _of(facts: Facts, insurances: Sequence[str], categories: Sequence[str]) -> list[Enrolment]:
    return [
        one
        for one in facts.enrolments
        if one.insurance in insurances and one.status != "ended" and one.category in categories
    ]


def _monthly(facts: Facts) -> list[Enrolment]:
    return _of(facts, _MONTHLY, ("flexible", "active"))


def _yearly(facts: Facts) -> list[Enrolment]:
    return _of(facts, _YEARLY, ("minor", "student", "adult", "elderly"))


def _options(found: Sequence[Enrolment]) -> list[tuple[str, Text]]:
    return [(one.insurance, INSURANCE_NAMES[one.insurance]) for one in found]


def _month_fields(case: Case) -> Sequence[Field]:
    options = _options(_monthly(case.facts))
    month = f"{case.facts.day:%Y-%m}"
    since = min(
        (one.arrears_since for one in _monthly(case.facts) if one.arrears_since), default=None
    )
    return (
        Field(name="insurance", kind="radios", label="insurance", options=options,
              value=options[0][0] if options else ""),
        Field(name="since", kind="month", label="since",
              value=f"{since:%Y-%m}" if since else month),
        Field(name="until", kind="month", label="until", value=month),
        Field(name="base", label="base", hint=words("counter_hint_base"), digits=True, longest=14),
    )  # fmt: skip


def _insurance(case: Case) -> BilledInsurance:
    return one_of(case.typed("insurance"), INSURANCES, "insurance")


async def _bill_months(case: Case, actor: Actor) -> Done:
    base = parse_yuan(case.typed("base"), "base") if case.typed("base") else None
    made = await service.issue_months(
        case.platform, case.facts.person_id, _insurance(case),
        parse_month(case.typed("since"), "since"),
        parse_month(case.typed("until"), "until"), actor, base=base,
    )  # fmt: skip
    return Done(_told(made), words("counter_note_bill"))


def _year_fields(case: Case) -> Sequence[Field]:
    found = _yearly(case.facts)
    options = _options(found)
    day = case.facts.day
    year = day.year + 1 if day.month >= 9 else day.year
    grades: list[tuple[str, Text]] = []
    for one in found:
        if one.insurance == "150":
            try:
                season = terms.load().season(one.region, "150", year)
            except NoTermsOnFile:
                continue
            grades = [
                (format_yuan(grade), same(format_yuan_grouped(grade))) for grade in season.grades
            ]
    years = [(str(one), same(one)) for one in (day.year, day.year + 1)]
    return (
        Field(name="insurance", kind="radios", label="insurance", options=options,
              value=options[0][0] if options else ""),
        Field(name="year", kind="radios", label="year", options=years, value=str(year)),
        *(
            [Field(name="grade", kind="select", label="grade",
                   options=[("", words("counter_no_grade")), *grades])]
            if grades
            else []
        ),
    )  # fmt: skip


async def _bill_year(case: Case, actor: Actor) -> Done:
    insurance = _insurance(case)
    grade = None
    if insurance == "150":
        if not case.typed("grade"):
            raise InvalidInput("grade", zh="请选缴费档次", en="choose a grade")
        grade = parse_yuan(case.typed("grade"), "grade")
    made = await service.issue_year(
        case.platform, case.facts.person_id, insurance, case.number("year"), actor, grade=grade
    )
    return Done(_told([made]), words("counter_note_bill"))


def _told(made: Sequence[Bill]) -> list[tuple[Text, Text]]:
    told = [(bill_name(one), same(format_yuan_grouped(one.total))) for one in made]
    total = sum(one.total for one in made)
    return [*told[:24], (words("told_total"), same(format_yuan_grouped(total)))]


def bill_name(one: Bill) -> Text:
    """Insurance, period and region of a bill."""
    monthly = one.period_from.month == one.period_until.month
    period = f"{one.period_from:%Y-%m}" if monthly else f"{one.period_from:%Y}"
    name = INSURANCE_NAMES[one.insurance]
    return Text(
        f"{name.zh} {period} {regions.short_name(one.region)}",
        f"{name.en} {period} {regions.short_name(one.region, 'en')}",
    )


# ---- paying ----


def _open(facts: Facts) -> list[Bill]:
    return [one for one in facts.bills if one.state == "open" and one.payer == "self"]


def _pay_what(case: Case) -> Sequence[Field]:
    return (
        Field(
            name="bills", kind="checks", label="bills",
            options=[
                (
                    str(one.bill_id),
                    words("counter_bill", name=bill_name(one),
                          amount=format_yuan_grouped(one.total), due=f"{one.due_on}"),
                )
                for one in _open(case.facts)[:60]
            ],
            value=[str(one.bill_id) for one in _open(case.facts)[:60]],
        ),
        Field(
            name="how", kind="radios", label="how", value="card" if _account(case.facts) else "notice",
            options=[(one, words(f"counter_how_{one}")) for one in ("card", "notice")],
        ),
    )  # fmt: skip


def _pay_by(case: Case) -> Sequence[Field]:
    if case.typed("how") == "card":
        return (
            Field(name="pin", kind="secret", label="card_pin", hint=words("counter_hint_card_pin"),
                  digits=True),
        )  # fmt: skip
    return (
        Field(name="bank", kind="select", label="bank",
              options=[(one.code, one.name) for one in banks().values()]),
        Field(name="reference", label="reference", longest=60),
        Field(name="amount", label="amount", digits=True, longest=14,
              value=format_yuan(sum(one.total for one in _chosen(case)))),
    )  # fmt: skip


def _account(facts: Facts) -> tuple[int, int] | None:
    card = facts.card
    if card is None or card.account_id is None or card.state != "active":
        return None
    return facts.person_id, card.account_id


def _chosen(case: Case) -> list[Bill]:
    wanted = set(case.chosen("bills"))
    return [one for one in case.facts.bills if str(one.bill_id) in wanted]


async def _pay(case: Case, actor: Actor) -> Done:
    bills = _chosen(case)
    if not bills:
        raise InvalidInput("bills", zh="请至少选一张缴费单", en="choose at least one bill")
    source: tuple[int, int] | Notice
    if case.typed("how") == "card":
        account, card = _account(case.facts), case.facts.card
        if account is None or card is None:
            raise InvalidInput(
                "how", zh="没有能付款的社保卡，请改用银行缴款",
                en="there is no card that can pay; use a bank's payment",
            )  # fmt: skip
        shown = await pins.verify_present(
            case.platform, case.facts.person_id, card.card_id, case.typed("pin"), actor
        )
        if not shown.right:
            raise InvalidInput(
                "pin",
                zh=f"卡密码不对，还可以试 {shown.tries_left} 次",
                en=f"the PIN is wrong; {shown.tries_left} tries left",
            )
        source = account
    else:
        amount = parse_yuan(case.typed("amount"), "amount")
        source = Notice(case.typed("bank"), case.typed("reference"), amount)
    done = await service.pay(
        case.platform, case.facts.person_id, [one.bill_id for one in bills], source, actor,
        case.idempotency_key, assurance=bank_rules.PRESENT,
    )  # fmt: skip
    return Done(
        [
            *_told(bills),
            (words("told_how"), words(f"counter_how_{case.typed('how')}")),
            (words("told_number"), same(done.transaction_id)),
        ]
    )


ERRANDS: Final = (
    Errand(
        name="contribution_pay", group="contributions", permission="contribution.pay",
        service="contributions", steps=(_pay_what, _pay_by), carry_out=_pay,
        refused=lambda facts: None if _open(facts) else words("refused_no_open_bill"),
        documents=lambda _: (words("doc_card_or_slip"),), anyone=True,
        fields_of={"account": "how", "assurance": "pin"},
    ),
    Errand(
        name="contribution_months", group="contributions", permission="contribution.bill",
        service="contributions", steps=(_month_fields,), carry_out=_bill_months,
        refused=dead, documents=lambda _: (words("doc_identity"),),
        shown=lambda facts: bool(_monthly(facts)), fields_of={"period": "since", "region": "insurance"},
    ),
    Errand(
        name="contribution_year", group="contributions", permission="contribution.bill",
        service="contributions", steps=(_year_fields,), carry_out=_bill_year,
        refused=dead, documents=lambda _: (words("doc_identity"),),
        shown=lambda facts: bool(_yearly(facts)), fields_of={"period": "year", "region": "insurance"},
    ),
)  # fmt: skip
