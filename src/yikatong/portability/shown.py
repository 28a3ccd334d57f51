"""An answer as others see it: the public JSON shape."""

from typing import Any

from yikatong.core.errors import Text
from yikatong.core.money import format_percent, format_yuan
from yikatong.policies.service import Expected
from yikatong.policies.shown import policy_as_json
from yikatong.portability.model import Answer, Expects, Reason

ANSWERS: dict[str, Text] = {
    "yes": Text("能用", "Yes, it works"),
    "yes_but": Text("能用，但请先看下面几件事", "Yes, but mind the points below"),
    "no": Text("现在还不能用", "Not yet"),
}


def answer_as_json(answer: Answer) -> dict[str, Any]:
    """The public shape of `yikatong check --json` and the API."""
    return {
        "answer": answer.answer,
        "reasons": [_reason(reason) for reason in answer.reasons],
        "expects": _expects(answer.expects) if answer.expects else {},
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "blocks": reason.blocks,
        "weight": reason.weight,
        "text": reason.text.as_dict(),
        "remedy": reason.remedy.as_dict(),
        "where": [
            {"name": place.name.as_dict(), "detail": place.detail.as_dict()}
            for place in reason.where
        ],
        "takes": reason.takes.as_dict(),
    }


def _expects(expects: Expects) -> dict[str, Any]:
    body = {
        "insurance": expects.policy.insurance,
        "insured_region": expects.policy.region,
        "level": expects.level,
        "policy": policy_as_json(expects.policy),
        **_expected(expects.now),
    }
    if expects.filed is not None:
        body["with_filing"] = {"filing": expects.best_filing, **_expected(expects.filed)}
    return body


def _expected(expected: Expected) -> dict[str, Any]:
    return {
        "filing": expected.filing,
        "covered": expected.covered,
        "deductible": format_yuan(expected.deductible),
        "deductible_per": expected.deductible_per,
        "rate": format_percent(expected.rates[0].rate) if expected.rates else "0",
        "rates": [
            {
                "upto": format_yuan(band.upto) if band.upto is not None else None,
                "rate": format_percent(band.rate),
            }
            for band in expected.rates
        ],
        "cap_left": format_yuan(expected.cap_left) if expected.cap_left is not None else None,
        "year_starts_on": expected.year_starts_on.isoformat(),
        "year_ends_on": expected.year_ends_on.isoformat(),
    }
