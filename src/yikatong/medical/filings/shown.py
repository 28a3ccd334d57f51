"""Filings and their rules as others see them: the public JSON shapes."""

from datetime import date, datetime
from typing import Literal

import msgspec

from yikatong.core.errors import Text
from yikatong.core.months import same_day_in
from yikatong.core.regions import short_name
from yikatong.medical.filings import rules
from yikatong.medical.filings.model import (
    KIND_NAMES,
    MATERIAL_NAMES,
    SUBKIND_NAMES,
    SUBKINDS,
    AtHome,
    Channel,
    KindRule,
    RegionRules,
)
from yikatong.medical.filings.terms import Book
from yikatong.medical.model import Filing, FilingKind, Level, Subkind
from yikatong.policies.model import Document

State = Literal["in_force", "to_come", "ended"]


class TextBody(msgspec.Struct):
    """A text in both languages."""

    zh: str
    en: str


class FilingBody(msgspec.Struct):
    """A filing."""

    filing_id: str
    kind: FilingKind
    kind_name: TextBody
    subkind: Subkind | None
    insurance: str
    region: str
    destination: str
    destination_name: TextBody
    state: State
    starts_on: date
    ends_on: date | None
    """The last day; null: until withdrawn."""
    ended_by: Literal["withdrawal", "return", "change"] | None
    ended_on: date | None
    """The first day on which it holds no longer."""
    change_from: date | None
    """Of a long-term filing: the earliest day for another destination."""
    at_home: AtHome | None
    """Of a long-term filing that holds: what care at home is paid by."""
    channel: str
    declared: bool
    materials: list[str]
    materials_missing: list[str]
    provider_code: str | None
    to_provider: str | None
    replaces: list[str]
    reason: str
    filed_at: datetime


class NeedBody(msgspec.Struct):
    """What is to be shown, of a long-term filing by its reason."""

    subkind: Subkind | None
    name: TextBody
    materials: list[TextBody]
    codes: list[str]


class KindRuleBody(msgspec.Struct):
    """A region's rules on one kind of filing."""

    kind: FilingKind
    name: TextBody
    channels: list[Channel]
    needs: list[NeedBody]
    declaration: bool
    """Whether the person's word may stand for documents, identity aside."""
    months: int | None
    """How long it holds at most; null: until withdrawn."""
    change_after_months: int
    withdraw_after_months: int
    ends_by_return: bool
    at_home: AtHome
    declared_at_home: AtHome
    levels: list[Level]
    sources: list[str]
    recalled: bool
    """Figures are from memory and not checked yet."""
    notes: list[str]


class RulesBody(msgspec.Struct):
    """The filing rules of an insured region on a day."""

    region: str
    name: TextBody
    date: date
    review: str
    kinds: list[KindRuleBody]
    providers_max: int
    documents: list[Document]


def text(one: Text) -> TextBody:
    return TextBody(one.zh, one.en)


def _place(code: str) -> TextBody:
    return TextBody(short_name(code), short_name(code, "en"))


def filing(one: Filing, rule: KindRule, on: date) -> FilingBody:
    """A filing as it stands on a day; `rule` is its region's on this kind."""
    found = rules.span(one)
    state: State = (
        "ended" if found is None or found[1] < on else "to_come" if on < found[0] else "in_force"
    )
    long_term = one.kind == "long_term"
    return FilingBody(
        filing_id=str(one.filing_id),
        kind=one.kind,
        kind_name=text(KIND_NAMES[one.kind]),
        subkind=one.subkind,
        insurance=one.insurance,
        region=one.region,
        destination=one.destination,
        destination_name=_place(one.destination),
        state=state,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        ended_by=one.ended_by,
        ended_on=one.ended_on,
        change_from=same_day_in(one.starts_on, rule.change_after_months)
        if long_term and state != "ended"
        else None,
        at_home=rules.at_home([one], one.insurance, one.region, on, rule)
        if long_term and state == "in_force"
        else None,
        channel=one.channel,
        declared=one.declared,
        materials=list(one.materials),
        materials_missing=list(rules.missing(one, rule)),
        provider_code=one.provider_code,
        to_provider=one.to_provider,
        replaces=[str(number) for number in one.replaces],
        reason=one.reason,
        filed_at=one.filed_at,
    )


def region_rules(book: Book, region: str, on: date) -> RulesBody:
    """The rules of a region on a day; raises NoFilingRules."""
    found: RegionRules = book.find(region, on)
    return RulesBody(
        region=region,
        name=_place(region),
        date=on,
        review=book.review,
        kinds=[_kind(kind, rule) for kind, rule in found.kinds.items()],
        providers_max=found.providers_max,
        documents=list(book.documents),
    )


def _kind(kind: FilingKind, rule: KindRule) -> KindRuleBody:
    return KindRuleBody(
        kind=kind,
        name=text(KIND_NAMES[kind]),
        channels=list(rule.channels),
        needs=[
            NeedBody(
                subkind=next((one for one in SUBKINDS if one == subkind), None),
                name=text(SUBKIND_NAMES.get(subkind, KIND_NAMES[kind])),
                materials=[text(MATERIAL_NAMES[one]) for one in needed],
                codes=list(needed),
            )
            for subkind, needed in rule.needs.items()
        ],
        declaration=rule.declaration,
        months=rule.months,
        change_after_months=rule.change_after_months,
        withdraw_after_months=rule.withdraw_after_months,
        ends_by_return=rule.ends_by_return,
        at_home=rule.at_home,
        declared_at_home=rule.declared_at_home,
        levels=list(rule.levels),
        sources=list(rule.sources),
        recalled=rule.recalled,
        notes=list(rule.notes),
    )
