"""Which terms of a policy hold for one case: predicates resolved to plain numbers.

Everything that does not depend on amounts is decided here and kept, so that a quote is arithmetic.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import cast

import msgspec

from yikatong.core import regions
from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen, Ppm
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import (
    FILINGS,
    LEVELS,
    Accumulator,
    Adjustment,
    Band,
    Cap,
    Care,
    CareRule,
    Figure,
    Filing,
    LayerRule,
    Level,
    PersonFacts,
    Place,
    Policy,
    VisitFacts,
    When,
)

CARE_NAMES = {
    "outpatient": Text("普通门诊", "outpatient care"),
    "emergency": Text("急诊", "emergency care"),
    "chronic": Text("门诊慢特病", "chronic-disease outpatient care"),
    "inpatient": Text("住院", "inpatient care"),
    "pharmacy": Text("定点药店购药", "pharmacy purchases"),
}


class Key(msgspec.Struct, frozen=True):
    """All that the terms of a case depend on."""

    retired: bool
    age: int | None
    groups: frozenset[str]
    insured_years: int
    care: Care
    level: Level
    place: Place
    filing: Filing
    admission: int
    """This is the n-th admission of the year; 1 for other kinds of care."""
    grade: str | None = None


class PlainBand(msgspec.Struct, frozen=True):
    """A band with numbers: up to a border (None: without end) at a rate."""

    upto: Fen | None
    rate: Ppm


class CapTerms(msgspec.Struct, frozen=True):
    cap: Cap
    amount: Fen


class LayerTerms(msgspec.Struct, frozen=True):
    """A further layer for one case."""

    bands: tuple[PlainBand, ...]
    deductible: Fen
    cap: Fen | None
    bands_from: str
    clause: str


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one case, in numbers."""

    covered: bool
    """Whether the pooled fund pays for this kind of care at all."""
    deductible: Fen = 0
    """Of this admission or visit, or of the whole year, by `deductible_per`."""
    deductible_per: str = "visit"
    again_after_days: int | None = None
    deductible_clause: str = ""
    bands: tuple[PlainBand, ...] = ()
    over: str = "scope"
    caps: tuple[CapTerms, ...] = ()
    accumulates: Accumulator = "outpatient_pooled"
    clause: str
    """Names the rule, and the rule of care elsewhere where that changed the rate."""
    cut: bool = False
    """Whether care elsewhere changed the rate."""
    large_amount: LayerTerms | None
    serious_illness: LayerTerms | None
    civil_servant: LayerTerms | None
    assistance: LayerTerms | None


def place_of(policy: Policy, region: str) -> Place:
    """Where care in a region is, seen from the policy's region."""
    treated = regions.find(region)
    if region == policy.region or (treated and treated.pooled_in == policy.region):
        return "home"
    return "province" if region[:2] == policy.region[:2] else "elsewhere"


@lru_cache(maxsize=65536)
def _exempt(areas: tuple[str, ...], region: str) -> bool:
    return any(regions.is_within(region, area) for area in areas)


def counts_as_filed(policy: Policy, region: str) -> bool:
    """Whether care in a region counts as filed (视同备案): home, or an exempt pair."""
    return place_of(policy, region) == "home" or _exempt(policy.counts_as_filed, region)


class _Asked(msgspec.Struct, frozen=True):
    """What the predicates of a policy ask of a person: the borders of age and of insured years, in
    falling order, and the groups."""

    ages: tuple[int, ...]
    years: tuple[int, ...]
    groups: frozenset[str]


def _predicates(value: object) -> Iterator[When]:
    """Every predicate in a policy, wherever it stands."""
    if isinstance(value, When):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _predicates(getattr(value, name))
    elif isinstance(value, dict):
        for one in cast("dict[str, object]", value).values():
            yield from _predicates(one)
    elif isinstance(value, tuple):
        for one in cast("tuple[object, ...]", value):
            yield from _predicates(one)


@lru_cache(maxsize=4096)
def _asked(policy: Policy) -> _Asked:
    ages: set[int] = set()
    years: set[int] = set()
    groups: set[str] = set()
    for when in _predicates(policy):
        ages.update(one for one in (when.age_from, when.age_under) if one is not None)
        years.update(() if when.insured_years_from is None else (when.insured_years_from,))
        groups |= when.groups
    return _Asked(
        tuple(sorted(ages, reverse=True)), tuple(sorted(years, reverse=True)), frozenset(groups)
    )


def _border(borders: tuple[int, ...], value: int) -> int:
    """The border at or below a value, which stands for it in every predicate."""
    for border in borders:
        if border <= value:
            return border
    return 0


def key_of(
    policy: Policy,
    person: PersonFacts,
    visit: VisitFacts,
    admissions: int,
    *,
    remember: bool = True,
) -> Key:
    """Reduce a case to what its terms depend on, so that like cases share them."""
    asked = _asked(policy) if remember else _asked.__wrapped__(policy)
    exempt = _exempt if remember else _exempt.__wrapped__
    groups = person.groups
    age = person.age
    if age is not None:
        if age < 18:
            groups |= {"minor"}
        age = _border(asked.ages, age)
    if groups:
        groups &= asked.groups
    filing = visit.filing
    place = place_of(policy, visit.region)
    if place == "home":
        filing = visit.home_filing
    elif exempt(policy.counts_as_filed, visit.region):
        filing = "long_term"
    return Key(
        person.retired,
        age,
        groups,
        _border(asked.years, person.insured_years),
        visit.care,
        visit.level,
        place,
        filing,
        admissions + 1 if visit.care == "inpatient" else 1,
        visit.grade,
    )


@lru_cache(maxsize=16384)
def terms_of(policy: Policy, key: Key) -> Terms:
    """Resolve every predicate; raises NoPolicyOnFile where the file says nothing on this care."""
    if key.care not in policy.care:
        name = CARE_NAMES[key.care]
        region = regions.short_name(policy.region)
        raise NoPolicyOnFile(
            "visit.care",
            zh=f"{region}现有政策文件没有写明{name.zh}的待遇，无法计算",
            en=f"the policy on file for {regions.short_name(policy.region, 'en')} says nothing on "
            f"{name.en}, so no amount can be given",
        )
    rule = policy.care[key.care]
    behind = Terms(
        covered=False,
        clause=policy.none_clauses[key.care],
        large_amount=_layer(policy.large_amount, key),
        serious_illness=_layer(policy.serious_illness, key),
        civil_servant=_layer(policy.civil_servant, key),
        assistance=_layer(policy.assistance, key),
    )
    if rule is None:
        return behind
    cut, cut_clause = _cut(policy, key)
    bands = tuple(
        PlainBand(band.upto, _cut_rate(band.rate, cut))
        for band in _bands(rule.bands, rule.adjust, key)
    )
    deductible = rule.deductible
    clauses = dict.fromkeys(clause for clause in (rule.clause, cut_clause) if clause)
    return msgspec.structs.replace(
        behind,
        covered=True,
        deductible=_deductible(rule, key),
        deductible_per=deductible.per if deductible else "visit",
        again_after_days=deductible.again_after_days if deductible else None,
        deductible_clause=deductible.clause if deductible else "",
        bands=bands,
        over=rule.over,
        caps=tuple(CapTerms(cap, _value(cap.amount, key)) for cap in rule.caps),
        accumulates=rule.accumulates,
        clause="；".join(clauses),
        cut=bool(cut_clause),
    )


def terms_of_draft(
    policy: Policy, person: PersonFacts, visit: VisitFacts, admissions: int
) -> Terms:
    """The terms of a policy that somebody only tries out: nothing of it is kept."""
    key = key_of(policy, person, visit, admissions, remember=False)
    return terms_of.__wrapped__(policy, key)


def _holds(when: When, key: Key) -> bool:
    return (
        (when.retired is None or when.retired == key.retired)
        and (when.age_from is None or (key.age is not None and key.age >= when.age_from))
        and (when.age_under is None or (key.age is not None and key.age < when.age_under))
        and (not when.groups or not when.groups.isdisjoint(key.groups))
        and (when.insured_years_from is None or key.insured_years >= when.insured_years_from)
        and (not when.place or key.place in when.place)
        and (not when.filing or key.filing in when.filing)
        and (when.admission_from is None or key.admission >= when.admission_from)
        and (not when.grade or key.grade in when.grade)
    )


def _value(figure: Figure, key: Key) -> int:
    level = LEVELS.index(key.level)
    for case in figure:
        if _holds(case.when, key):
            return case.by_level[level]
    raise AssertionError("the last case of a figure always holds")


def _bands(
    bands: tuple[Band, ...], adjustments: tuple[Adjustment, ...], key: Key
) -> tuple[PlainBand, ...]:
    holding = [one for one in adjustments if _holds(one.when, key)]
    return tuple(
        PlainBand(
            None if band.upto is None else _value(band.upto, key),
            _adjusted(_value(band.rate, key), holding),
        )
        for band in bands
    )


def _adjusted(rate: Ppm, adjustments: list[Adjustment]) -> Ppm:
    if rate == 0:
        return 0  # "not paid at this level" stays so: points are added to a rate that is paid
    for one in adjustments:
        if one.share is not None:
            # The person's share becomes this fraction of what it was (北京: 60 % for the retired).
            rate = WHOLE - (WHOLE - rate) * one.share // WHOLE
        elif one.factor is not None:
            rate = rate * one.factor // WHOLE
        else:
            rate += one.points
    return max(0, min(rate, WHOLE))


def _cut(policy: Policy, key: Key) -> tuple[tuple[Ppm, Ppm], str]:
    if key.place == "home" and key.filing == "long_term":
        return (WHOLE, 0), ""
    away = policy.elsewhere
    inside = key.place == "province"
    factor = (away.province_factor if inside else away.factor)[key.filing]
    points = (away.province_points if inside else away.points)[key.filing]
    return (factor, points), away.clause if (factor, points) != (WHOLE, 0) else ""


def _cut_rate(rate: Ppm, cut: tuple[Ppm, Ppm]) -> Ppm:
    factor, points = cut
    return max(0, rate * factor // WHOLE + points) if rate else 0


def _deductible(rule: CareRule, key: Key) -> Fen:
    deductible = rule.deductible
    if deductible is None:
        return 0
    amount = _value(deductible.amount, key)
    later = key.admission - 1
    if deductible.per != "admission" or later == 0:
        return amount
    if deductible.later_factor is not None:
        # 50 % of an odd number of fen: half up, as everywhere.
        return (amount * deductible.later_factor + WHOLE // 2) // WHOLE
    if deductible.later_minus:
        floor = min(amount, deductible.later_floor)
        return max(floor, amount - deductible.later_minus * later)
    return amount


def _layer(rule: LayerRule | None, key: Key) -> LayerTerms | None:
    if rule is None or key.care not in rule.care or not _holds(rule.when, key):
        return None
    return LayerTerms(
        bands=_bands(rule.bands, rule.adjust, key),
        deductible=_value(rule.deductible, key) if rule.deductible else 0,
        cap=_value(rule.cap, key) if rule.cap else None,
        bands_from=rule.bands_from,
        clause=rule.clause,
    )


def filing_matters(policy: Policy, region: str) -> bool:
    """Whether any filing gives another rate in a region than none does."""
    if counts_as_filed(policy, region):
        return False
    away = policy.elsewhere
    inside = place_of(policy, region) == "province"
    factor = away.province_factor if inside else away.factor
    points = away.province_points if inside else away.points
    none = (factor["none"], points["none"])
    return any((factor[filing], points[filing]) != none for filing in FILINGS)
