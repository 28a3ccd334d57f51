"""The JSON bodies of the room's answers: the public shape, stable for other people's programs.

Amounts are texts in yuan, rates texts in percent.
"""

from typing import Final, Literal

import msgspec

from yikatong.policies.model import Filing, Insurance, Layer, Level

Covered = Literal["covered", "none", "unknown"]
"""Whether the pooled fund pays for a kind of care, does not, or the file does not say."""


class TextBody(msgspec.Struct):
    """A text in both languages."""

    zh: str
    en: str


class DocumentBody(msgspec.Struct, omit_defaults=True):
    """A document the figures come from."""

    number: str
    title: str
    url: str | None = None


class PolicyBody(msgspec.Struct, kw_only=True, rename={"starts_on": "from"}):
    """The policy an amount rests on."""

    region: str
    insurance: Insurance
    starts_on: str
    documents: list[DocumentBody]
    review: Literal["unverified", "verified"]


class StepBody(msgspec.Struct):
    """One step: this layer took this base at this rate and paid this much."""

    layer: Layer
    clause: str
    base: str
    rate: str
    pays: str
    text: TextBody


class QuoteBody(msgspec.Struct, kw_only=True):
    """Who pays which part of a bill; `person` is `medical_account` and `cash`."""

    total: str
    in_scope: str
    deductible: str
    pooled: str
    large_amount: str
    serious_illness: str
    civil_servant: str
    assistance: str
    medical_account: str
    cash: str
    person: str
    policy: PolicyBody
    steps: list[StepBody]


AMOUNTS: Final = tuple(
    name for name in QuoteBody.__struct_fields__ if name not in ("policy", "steps")
)


class VariantBody(msgspec.Struct):
    """The same bill in another way; `difference` below zero saves the person money."""

    filing: Filing
    level: Level
    region: str
    person: str
    pooled: str
    difference: str


class ComparisonBody(QuoteBody, kw_only=True):
    """A quote and its variants."""

    what_if: list[VariantBody]


class RemarkBody(msgspec.Struct):
    """What a reviewer must know of one rule of the file."""

    field: str
    recalled: bool
    """Figures are from memory and need checking first."""
    note: str | None


class PolicySummary(PolicyBody, kw_only=True):
    """A policy for a list."""

    to: str | None
    """The last day; null: still in force."""
    title: TextBody
    file: str
    year_starts: str
    """Month and day on which the medical year begins."""
    care: dict[str, Covered]
    counts_as_filed: list[str]
    unfiled: Literal["cut", "refused"]
    remarks: list[RemarkBody]
