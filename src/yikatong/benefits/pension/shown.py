"""Pensions as others see them: the public JSON shapes."""

from typing import Any

from yikatong.benefits.pension.age import age_text
from yikatong.benefits.pension.amount import index_text
from yikatong.benefits.pension.model import (
    GROUP_NAMES,
    INSURANCE_NAMES,
    Application,
    Career,
    Estimate,
    Finding,
    Option,
    Parts,
    Pension,
    Step,
)
from yikatong.benefits.pension.terms import Adjustment, Book
from yikatong.core.money import format_percent, format_yuan
from yikatong.core.regions import short_name


def step(one: Step) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "name": one.name.as_dict(),
        "clause": one.clause,
        "inputs": one.inputs,
        "working": one.working,
        "result": one.result.as_dict(),
    }


def parts(one: Parts) -> dict[str, str]:
    return {
        "basic": format_yuan(one.basic),
        "account": format_yuan(one.account),
        "transition": format_yuan(one.transition),
        "length": format_yuan(one.length),
        "age": format_yuan(one.age),
    }


def pension(one: Pension) -> dict[str, Any]:
    return {
        "monthly": format_yuan(one.monthly),
        "parts": parts(one.parts),
        "steps": [step(each) for each in one.steps],
        "notes": [note.as_dict() for note in one.notes],
    }


def career(one: Career) -> dict[str, Any]:
    return {
        "insurance": one.insurance,
        "insurance_name": INSURANCE_NAMES[one.insurance].as_dict(),
        "birth": f"{one.birth:%Y-%m}",
        "group": one.group,
        "group_name": GROUP_NAMES[one.group].as_dict(),
        "region": one.region,
        "region_name": {"zh": short_name(one.region), "en": short_name(one.region, "en")},
        "months_paid": one.months_paid,
        "index": index_text(one.index),
        "account": format_yuan(one.account),
        "deemed_months": one.deemed_months,
        "early_months": one.early_months,
        "average_wage": None if one.average_wage is None else format_yuan(one.average_wage),
    }


def _option(one: Option) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "month": f"{one.month:%Y-%m}",
        "age": {"months": one.age, "text": age_text(one.age).as_dict()},
        "months_paid": one.months,
        "months_needed": one.minimum,
        "possible": one.possible,
        "why_not": one.why_not.as_dict() if one.why_not else None,
        "enough_on": f"{one.enough_on:%Y-%m}" if one.enough_on else None,
        "pension": pension(one.pension) if one.pension else None,
    }


def estimate(one: Estimate, book: Book) -> dict[str, Any]:
    """The public shape of `yikatong pension estimate --json` and the API."""
    found = one.retirement
    return {
        "career": career(one.career),
        "retirement": {
            "month": f"{found.month:%Y-%m}",
            "age": {"months": found.age, "text": age_text(found.age).as_dict()},
            "old_age": found.old_age // 12,
            "later_by_months": found.delay,
            "earliest": f"{found.earliest:%Y-%m}",
            "latest": f"{found.latest:%Y-%m}",
            "steps": [step(each) for each in found.steps],
        },
        "options": [_option(each) for each in one.options],
        "notes": [note.as_dict() for note in one.notes],
        "review": book.review,
    }


def finding(one: Finding) -> dict[str, Any]:
    return {
        "code": one.code,
        "blocks": one.blocks,
        "text": one.text.as_dict(),
        "remedy": one.remedy.as_dict(),
    }


def application(one: Application) -> dict[str, Any]:
    return {
        "application_id": str(one.application_id),
        "state": one.state,
        "insurance": one.insurance,
        "region": one.region,
        "channel": one.channel,
        "retires_on": f"{one.retires_on:%Y-%m}",
        "facts": one.facts,
        "findings": list(one.findings),
        "pension": one.answer,
        "monthly": None if one.monthly is None else format_yuan(one.monthly),
        "starts_on": one.starts_on.isoformat() if one.starts_on else None,
        "reason": one.reason,
        "applied_at": one.applied_at.isoformat(),
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
    }


def adjustment(one: Adjustment, book: Book) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "region": one.region,
        "insurance": one.insurance,
        "effective": f"{one.effective:%Y-%m}",
        "retired_by": one.retired_by.isoformat(),
        "fixed": format_yuan(one.fixed),
        "a_year": format_yuan(one.a_year),
        "at_least_years": one.at_least_years,
        "percent": format_percent(one.percent),
        "ages": [{"age": age, "amount": format_yuan(amount)} for age, amount in one.ages],
        "reached_by": one.reached_by.isoformat(),
        "source": book.title(one.source),
        "origin": one.origin,
    }
