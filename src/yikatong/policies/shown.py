"""A quote as others see it: the public JSON shape, and texts for people."""

from typing import Any, Final

from yikatong.core.errors import Text
from yikatong.core.money import format_percent, format_yuan, format_yuan_grouped
from yikatong.core.regions import short_name
from yikatong.policies.model import CARES, Policy, Quote, Step
from yikatong.policies.service import Variant

LAYER_NAMES: Final[dict[str, Text]] = {
    "scope": Text("不在报销范围", "out of scope"),
    "deductible": Text("起付线", "deductible"),
    "pooled": Text("基本统筹基金", "basic pooled fund"),
    "large_amount": Text("大额医疗互助", "large-amount fund"),
    "serious_illness": Text("大病保险", "serious-illness insurance"),
    "civil_servant": Text("公务员补助", "civil-servant supplement"),
    "assistance": Text("医疗救助", "medical assistance"),
    "medical_account": Text("个人账户", "medical account"),
    "cash": Text("现金", "cash"),
}

FUNDS: Final = (
    "pooled",
    "large_amount",
    "serious_illness",
    "civil_servant",
    "assistance",
)


def step_text(step: Step) -> Text:
    """One sentence for people: what happened in this step."""
    name = LAYER_NAMES[step.layer]
    base = format_yuan_grouped(step.base)
    if step.layer == "scope":
        zh, en = (
            f"{base} 元不在报销范围，由个人承担",
            f"{base} yuan are out of scope, the person bears them",
        )
    elif step.layer == "deductible":
        zh, en = f"起付线 {base} 元由个人承担", f"the person bears the deductible of {base} yuan"
    else:
        rate, pays = format_percent(step.rate), format_yuan_grouped(step.pays)
        zh = f"{base} 元 × {rate}%，{name.zh}支付 {pays} 元"
        en = f"{base} yuan × {rate} %: the {name.en} pays {pays} yuan"
    if step.note:
        zh, en = f"{zh}（{step.note.zh}）", f"{en} ({step.note.en})"
    return Text(zh, en)


def policy_as_json(policy: Policy) -> dict[str, Any]:
    """Which policy an amount rests on."""
    return {
        "region": policy.region,
        "insurance": policy.insurance,
        "from": policy.starts_on.isoformat(),
        "documents": [
            {"number": one.number, "title": one.title} | ({"url": one.url} if one.url else {})
            for one in policy.documents
        ],
        "review": policy.review,
    }


def quote_as_json(answer: Quote) -> dict[str, Any]:
    """The public shape: amounts as texts in yuan, rates as texts in percent."""
    amounts = (
        "total in_scope deductible pooled large_amount serious_illness civil_servant assistance "
        "medical_account cash person"
    )
    return {
        **{name: format_yuan(getattr(answer, name)) for name in amounts.split()},
        "policy": policy_as_json(answer.policy),
        "steps": [
            {
                "layer": step.layer,
                "clause": step.clause,
                "base": format_yuan(step.base),
                "rate": format_percent(step.rate),
                "pays": format_yuan(step.pays),
                "text": step_text(step).as_dict(),
            }
            for step in answer.steps
        ],
    }


def policy_title(policy: Policy) -> Text:
    """ "成都市 职工" and "Chengdu, employees"."""
    zh, en = ("职工", "employees") if policy.insurance == "310" else ("居民", "residents")
    return Text(f"{short_name(policy.region)} {zh}", f"{short_name(policy.region, 'en')}, {en}")


def parts(answer: Quote) -> list[tuple[Text, int]]:
    """Who pays what, for a table: the bill, then each part that is not nothing, then the person."""
    rows = [
        (Text("账单总额", "total bill"), answer.total),
        (Text("政策范围内", "in scope"), answer.in_scope),
        (LAYER_NAMES["deductible"], answer.deductible),
    ]
    rows += [
        (LAYER_NAMES[name], getattr(answer, name))
        for name in FUNDS
        if getattr(answer, name) or name == "pooled"
    ]
    rows += [
        (LAYER_NAMES["medical_account"], answer.medical_account),
        (LAYER_NAMES["cash"], answer.cash),
        (Text("个人负担合计", "the person's part"), answer.person),
    ]
    return rows


def variant_as_json(variant: Variant) -> dict[str, Any]:
    """A comparison in the public shape."""
    return {
        "filing": variant.filing,
        "level": variant.level,
        "region": variant.region,
        "person": format_yuan(variant.quote.person),
        "pooled": format_yuan(variant.quote.pooled),
        "difference": format_yuan(variant.difference),
    }


def policy_summary(policy: Policy) -> dict[str, Any]:
    """A policy for a list: what it is, from when, and what it covers."""
    return {
        **policy_as_json(policy),
        "to": policy.ends_on.isoformat() if policy.ends_on else None,
        "title": policy_title(policy).as_dict(),
        "file": policy.source,
        "care": {
            care: "unknown"
            if care not in policy.care
            else "covered"
            if policy.care[care]
            else "none"
            for care in CARES
        },
        "counts_as_filed": list(policy.counts_as_filed),
        "unfiled": policy.unfiled,
    }
