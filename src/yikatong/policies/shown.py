"""A quote as others see it: the public JSON shape, and texts for people."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import format_percent, format_yuan, format_yuan_grouped
from yikatong.core.regions import short_name
from yikatong.policies.bodies import (
    AMOUNTS,
    ComparisonBody,
    Covered,
    DocumentBody,
    PolicyBody,
    PolicySummary,
    QuoteBody,
    RemarkBody,
    StepBody,
    TextBody,
    VariantBody,
)
from yikatong.policies.model import CARES, Filing, Level, Policy, Quote, Step
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
    "family_account": Text("家庭共济账户", "relatives' accounts"),
    "cash": Text("现金", "cash"),
}

FILING_NAMES: Final[dict[Filing, Text]] = {
    "none": Text("未备案", "no filing"),
    "long_term": Text("长期居住备案", "long-term filing"),
    "transfer": Text("转诊备案", "transfer filing"),
    "emergency": Text("急诊抢救", "emergency"),
    "temporary": Text("其他临时外出备案", "temporary filing"),
}
LEVEL_NAMES: Final[dict[Level, Text]] = {
    "community": Text("社区及乡镇", "community"),
    "primary": Text("一级", "primary"),
    "secondary": Text("二级", "secondary"),
    "tertiary": Text("三级", "tertiary"),
}

FUNDS: Final = (
    "pooled",
    "large_amount",
    "serious_illness",
    "civil_servant",
    "assistance",
)


_SENTENCES: Final[dict[str, Text]] = {
    "scope": Text(
        "{base} 元不在报销范围，由个人承担", "{base} yuan are out of scope, the person bears them"
    ),
    "deductible": Text(
        "起付线 {base} 元由个人承担", "the person bears the deductible of {base} yuan"
    ),
}
_PAID: Final = Text(
    "{base} 元 × {rate}%，{name}支付 {pays} 元",
    "{base} yuan × {rate} %: the {name} pays {pays} yuan",
)
_NOTED: Final = Text("{said}（{note}）", "{said} ({note})")


def step_text(step: Step) -> Text:
    """One sentence for people: what happened in this step."""
    return Text(step_said(step, "zh"), step_said(step, "en"))


def step_said(step: Step, language: str) -> str:
    """The sentence of `step_text` in one language: every settlement writes some, for who reads one."""
    said = (
        _SENTENCES.get(step.layer, _PAID)
        .in_language(language)
        .format(
            base=format_yuan_grouped(step.base),
            rate=format_percent(step.rate),
            name=LAYER_NAMES[step.layer].in_language(language),
            pays=format_yuan_grouped(step.pays),
        )
    )
    if step.note:
        said = _NOTED.in_language(language).format(said=said, note=step.note.in_language(language))
    return said


def policy_body(policy: Policy) -> PolicyBody:
    """Which policy an amount rests on."""
    return PolicyBody(
        region=policy.region,
        insurance=policy.insurance,
        starts_on=policy.starts_on.isoformat(),
        documents=[DocumentBody(one.number, one.title, one.url) for one in policy.documents],
        review=policy.review,
    )


def policy_as_json(policy: Policy) -> dict[str, Any]:
    """Which policy an amount rests on, as plain values."""
    return msgspec.to_builtins(policy_body(policy))


def quote_body(answer: Quote) -> QuoteBody:
    """The public shape: amounts as texts in yuan, rates as texts in percent."""
    return QuoteBody(
        **{name: format_yuan(getattr(answer, name)) for name in AMOUNTS},
        policy=policy_body(answer.policy),
        steps=[
            StepBody(
                step.layer,
                step.clause,
                format_yuan(step.base),
                format_percent(step.rate),
                format_yuan(step.pays),
                _texts(step_text(step)),
            )
            for step in answer.steps
        ],
    )


def quote_as_json(answer: Quote) -> dict[str, Any]:
    """The public shape as plain values."""
    return msgspec.to_builtins(quote_body(answer))


def policy_title(policy: Policy) -> Text:
    """ "成都市 职工" and "Chengdu, employees"."""
    zh, en = ("职工", "employees") if policy.insurance == "310" else ("居民", "residents")
    return Text(f"{short_name(policy.region)} {zh}", f"{short_name(policy.region, 'en')}, {en}")


def variant_title(variant: Variant) -> Text:
    """ "北京市 三级 长期居住备案" and "Beijing, tertiary, long-term filing"."""
    level, filing = LEVEL_NAMES[variant.level], FILING_NAMES[variant.filing]
    return Text(
        f"{short_name(variant.region)} {level.zh} {filing.zh}",
        f"{short_name(variant.region, 'en')}, {level.en}, {filing.en}",
    )


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


def comparison_body(answer: Quote, variants: Iterable[Variant]) -> ComparisonBody:
    """A quote with its variants in the public shape."""
    return ComparisonBody(
        **msgspec.structs.asdict(quote_body(answer)),
        what_if=[
            VariantBody(
                one.filing,
                one.level,
                one.region,
                format_yuan(one.quote.person),
                format_yuan(one.quote.pooled),
                format_yuan(one.difference),
            )
            for one in variants
        ],
    )


def policy_summary(policy: Policy) -> PolicySummary:
    """A policy for a list: what it is, from when, and what it covers."""
    month, day = policy.year_starts
    return PolicySummary(
        **msgspec.structs.asdict(policy_body(policy)),
        to=policy.ends_on.isoformat() if policy.ends_on else None,
        title=_texts(policy_title(policy)),
        file=policy.source,
        year_starts=f"{month:02d}-{day:02d}",
        care={care: _covered(policy, care) for care in CARES},
        counts_as_filed=list(policy.counts_as_filed),
        unfiled=policy.unfiled,
        remarks=[RemarkBody(one.field, one.recalled, one.note) for one in policy.remarks],
    )


def _covered(policy: Policy, care: str) -> Covered:
    if care not in policy.care:
        return "unknown"
    return "covered" if policy.care[care] else "none"


def _texts(text: Text) -> TextBody:
    return TextBody(text.zh, text.en)
