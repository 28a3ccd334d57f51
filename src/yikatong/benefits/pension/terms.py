"""The rules of pensions, read from data/benefits/pension*.yaml.

What a city does not say comes from its province, then from the nationwide entry. Figures of a year
hold until the next that is on file.
"""

from datetime import date
from functools import cache
from importlib import resources
from typing import Final, TypeVar

import msgspec

from yikatong.benefits.pension.model import (
    GROUPS,
    INSURANCES,
    AgeRule,
    Figure,
    Insurance,
    Nation,
    Origin,
    ResidentsBasic,
    Survivors,
    Transition,
)
from yikatong.core import regions
from yikatong.core.errors import NotFound
from yikatong.core.money import Fen, Ppm, parse_percent
from yikatong.policies.model import Document
from yikatong.policies.reader import Entry, read

NATION: Final = "000000"


class NoPensionTerms(NotFound):
    """The region's figure is not on file."""

    code = "no_pension_terms"


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A yearly adjustment (养老金调整) of a region and insurance."""

    rule: str
    region: str
    insurance: Insurance
    effective: date
    """The first month of the new sum."""
    retired_by: date
    fixed: Fen
    a_year: Fen
    at_least_years: int
    percent: Ppm
    ages: tuple[tuple[int, Fen], ...]
    reached_by: date
    source: str
    origin: Origin


class _Dated(msgspec.Struct, frozen=True):
    region: str
    since: date


class _Average(_Dated, frozen=True):
    figure: Figure


class _Transition(_Dated, frozen=True):
    rule: Transition


class _Basic(_Dated, frozen=True):
    rule: ResidentsBasic


_D = TypeVar("_D", bound=_Dated)


class Book:
    """All rules on file."""

    def __init__(self, nation: Entry, local: Entry, adjustments: Entry) -> None:
        self.documents: dict[str, Document] = {}
        self.nation = _nation(nation, self.documents)
        top = local.mapping("review documents average_wage transition residents_basic urban_income")
        self.documents |= _documents(top["documents"])
        self._averages = [_average(one) for one in top["average_wage"].items()]
        self._transitions = [_transition(one) for one in top["transition"].items()]
        self._basics = [_basic(one) for one in top["residents_basic"].items()]
        self._incomes = [_average(one) for one in top["urban_income"].items()]
        yearly = adjustments.mapping("review documents adjustments")
        self.documents |= _documents(yearly["documents"])
        self.adjustments = tuple(_adjustment(one) for one in yearly["adjustments"].items())
        self.review = (
            "verified"
            if all(
                one["review"].choice(("unverified", "verified")) == "verified"
                for one in (top, yearly, nation.mapping("review", "*"))
            )
            else "unverified"
        )
        for figure in (*self._averages, *self._incomes):
            assert figure.figure.source in self.documents, figure

    def regions(self) -> list[str]:
        """Regions with an average wage of their own, provinces and cities."""
        return sorted({one.region for one in self._averages})

    def average_wage(self, region: str, on: date) -> Figure:
        """计发基数 for who retires on a day; raises NoPensionTerms.

        The figure of the latest year on file that is not later; before the first, the first.
        """
        found = _narrowest(self._averages, region, on) or _first(self._averages, region)
        if found is None:
            name = regions.full_name(region)
            raise NoPensionTerms(
                zh=f"没有{name}的养老金计发基数，请填写当地公布的数（average_wage）",
                en=f"the average wage of {regions.full_name(region, 'en')} for pensions is not on"
                " file; give the one published there (average_wage)",
                field="average_wage",
            )
        return found.figure

    def transition(self, region: str, on: date) -> Transition | None:
        """The region's transition pension; None where its rule is not on file."""
        found = _narrowest(self._transitions, region, on)
        return None if found is None else found.rule

    def residents_basic(self, region: str, on: date) -> ResidentsBasic:
        """居民基础养老金 of a region on a day; the nationwide minimum where it has none on file.

        Raises NoPensionTerms before the first.
        """
        found = _narrowest(self._basics, region, on)
        if found is None:
            raise NoPensionTerms(
                zh=f"没有 {on} 的居民基础养老金标准",
                en=f"the residents' basic pension of {on} is not on file",
                field="region",
            )
        return found.rule

    def urban_income(self, region: str, died_on: date) -> Figure:
        """城镇居民人均可支配收入 of the province in the year before a death, a year's sum.

        Raises NoPensionTerms where no figure of the province is on file.
        """
        province = f"{region[:2]}0000"
        before = date(died_on.year - 1, 12, 31)
        found = _narrowest(
            [one for one in self._incomes if one.region == province], province, before
        )
        if found is None:
            name = regions.full_name(province)
            raise NoPensionTerms(
                zh=f"没有{name} {died_on.year - 1} 年的城镇居民人均可支配收入，请填写",
                en=f"the urban income per head of {regions.full_name(province, 'en')} in"
                f" {died_on.year - 1} is not on file; please give it",
                field="urban_income",
            )
        return found.figure

    def adjustment(self, rule: str) -> Adjustment:
        """The adjustment of a name; raises NoPensionTerms."""
        for one in self.adjustments:
            if one.rule == rule:
                return one
        known = ", ".join(one.rule for one in self.adjustments)
        raise NoPensionTerms(
            zh=f"没有这个调整办法，现有：{known}",
            en=f"no such adjustment; known: {known}",
            field="rule",
        )

    def narrower(self, wanted: Adjustment) -> tuple[str, ...]:
        """Regions inside that have an adjustment of their own for the same months."""
        return tuple(
            one.region
            for one in self.adjustments
            if one.insurance == wanted.insurance
            and one.effective == wanted.effective
            and one.region != wanted.region
            and (wanted.region == NATION or regions.is_within(one.region, wanted.region))
        )

    def title(self, source: str) -> str:
        """A document's title and number, for a clause."""
        one = self.documents[source]
        return f"{one.title}（{one.number}）" if one.number else one.title


def _path(region: str) -> list[str]:
    return [*(one.code for one in reversed(regions.path(region))), NATION]


def _narrowest(found: list[_D], region: str, on: date) -> _D | None:
    for code in _path(region):
        here = [one for one in found if one.region == code and one.since <= on]
        if here:
            return max(here, key=lambda one: one.since)
    return None


def _first(found: list[_D], region: str) -> _D | None:
    for code in _path(region):
        here = [one for one in found if one.region == code]
        if here:
            return min(here, key=lambda one: one.since)
    return None


def _documents(entry: Entry) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for item in entry.items():
        fields = item.mapping("key title", "number url")
        key = fields["key"].text()
        found[key] = Document(
            key=key,
            title=fields["title"].text(),
            number=fields["number"].text() if "number" in fields else "",
            url=fields["url"].text() if "url" in fields else None,
        )
    return found


def _region(entry: Entry) -> str:
    code = entry.text()
    if code != NATION and regions.find(code) is None:
        raise entry.wrong("没有这个行政区划代码", "no such region code")
    return code


def _origin(fields: dict[str, Entry]) -> Origin:
    if "note" not in fields:
        return "published"
    word: Origin = fields["note"].choice(("estimate", "recalled"))
    return word


def _average(item: Entry) -> _Average:
    fields = item.mapping("region year amount source", "note")
    region, year = _region(fields["region"]), fields["year"].whole(1990, 2100)
    figure = Figure(
        fields["amount"].amount(), region, str(year), fields["source"].text(), _origin(fields)
    )
    if figure.amount == 0:
        raise fields["amount"].wrong("不能为零", "cannot be zero")
    return _Average(region, date(year, 1, 1), figure)


def _transition(item: Entry) -> _Transition:
    fields = item.mapping("region from a_year before source", "deemed_index note")
    return _Transition(
        _region(fields["region"]),
        fields["from"].day(),
        Transition(
            a_year=fields["a_year"].percent(0, 50_000),
            deemed_index=_index(fields["deemed_index"]) if "deemed_index" in fields else None,
            before=fields["before"].day(),
            source=fields["source"].text(),
            origin=_origin(fields),
        ),
    )


def _index(entry: Entry) -> Ppm:
    """A ratio such as "0.6" as parts per million."""
    try:
        found = parse_percent(entry.text(), entry.field) * 100
    except Exception as error:
        raise entry.wrong("应为数字，例如 0.6", "a number such as 0.6") from error
    if not 0 < found <= 10_000_000:
        raise entry.wrong("指数超出范围", "the index is out of range")
    return found


def _steps(
    entry: Entry | None, key: str, low: int, high: int, value: str
) -> tuple[tuple[int, Fen], ...]:
    if entry is None:
        return ()
    found: list[tuple[int, Fen]] = []
    for item in entry.items():
        fields = item.mapping(f"{key} {value}")
        found.append((fields[key].whole(low, high), fields[value].amount()))
    return tuple(sorted(found))


def _basic(item: Entry) -> _Basic:
    fields = item.mapping("region from amount source", "length ages note")
    region, since = _region(fields["region"]), fields["from"].day()
    figure = Figure(
        fields["amount"].amount(),
        region,
        since.isoformat(),
        fields["source"].text(),
        _origin(fields),
    )
    return _Basic(
        region,
        since,
        ResidentsBasic(
            figure,
            _steps(fields.get("length"), "above_years", 15, 60, "a_year"),
            _steps(fields.get("ages"), "age", 60, 120, "amount"),
        ),
    )


def _adjustment(item: Entry) -> Adjustment:
    fields = item.mapping(
        "rule region insurance effective retired_by fixed a_year percent reached_by source",
        "at_least_years ages note",
    )
    effective = fields["effective"].day()
    if effective.day != 1:
        raise fields["effective"].wrong("应为一个月的第一天", "must be the first day of a month")
    return Adjustment(
        rule=fields["rule"].text(),
        region=_region(fields["region"]),
        insurance=fields["insurance"].choice(INSURANCES),
        effective=effective,
        retired_by=fields["retired_by"].day(),
        fixed=fields["fixed"].amount(),
        a_year=fields["a_year"].amount(),
        at_least_years=fields["at_least_years"].whole(0, 60) if "at_least_years" in fields else 0,
        percent=fields["percent"].percent(0, 200_000),
        ages=_steps(fields.get("ages"), "age", 40, 120, "amount"),
        reached_by=fields["reached_by"].day(),
        source=fields["source"].text(),
        origin=_origin(fields),
    )


def _nation(root: Entry, documents: dict[str, Document]) -> Nation:
    top = root.mapping(
        "review documents retirement minimum_months account_months employees residents survivors"
        " proof"
    )
    documents |= _documents(top["documents"])
    retirement = top["retirement"].mapping("source from groups flexible")
    flexible = retirement["flexible"].mapping("months source")
    minimum = top["minimum_months"].mapping("source base rises_from a_year highest")
    account = top["account_months"].mapping("source between_ages table")
    employees = top["employees"].mapping(
        "source a_year account_rate lowest_index highest_index index_source"
    )
    residents = top["residents"].mapping("source age minimum_months account_months")
    proof = top["proof"].mapping("source every_months remind_days")
    table = {
        int(key): entry.whole(1, 400)
        for key, entry in account["table"]
        .mapping(" ".join(str(age) for age in range(40, 71)))
        .items()
    }
    return Nation(
        delay_from=retirement["from"].day(),
        groups={
            group: _group(entry)
            for group, entry in zip(GROUPS, _ordered(retirement["groups"], GROUPS), strict=True)
        },
        retirement_source=retirement["source"].text(),
        flexible_months=flexible["months"].whole(0, 120),
        flexible_source=flexible["source"].text(),
        minimum_base=minimum["base"].whole(0, 600),
        minimum_rises_from=minimum["rises_from"].whole(2000, 2100),
        minimum_a_year=minimum["a_year"].whole(0, 60),
        minimum_highest=minimum["highest"].whole(0, 600),
        minimum_source=minimum["source"].text(),
        account_months=table,
        account_months_source=account["source"].text(),
        between_source=account["between_ages"].text(),
        a_year=employees["a_year"].percent(),
        account_rate=employees["account_rate"].percent(),
        lowest_index=_index(employees["lowest_index"]),
        highest_index=_index(employees["highest_index"]),
        index_source=employees["index_source"].text(),
        employees_source=employees["source"].text(),
        residents_age=residents["age"].whole(40, 80) * 12,
        residents_minimum=residents["minimum_months"].whole(0, 600),
        residents_account_months=residents["account_months"].whole(1, 400),
        residents_source=residents["source"].text(),
        survivors=_survivors(top["survivors"]),
        proof_every_months=proof["every_months"].whole(1, 60),
        proof_remind_days=tuple(
            sorted((one.whole(1, 365) for one in proof["remind_days"].items()), reverse=True)
        ),
        proof_source=proof["source"].text(),
    )


def _ordered(entry: Entry, keys: tuple[str, ...]) -> list[Entry]:
    found = entry.mapping(" ".join(keys))
    return [found[key] for key in keys]


def _group(entry: Entry) -> AgeRule:
    fields = entry.mapping("old_age one_month_every at_most_months")
    return AgeRule(
        fields["old_age"].whole(40, 80) * 12,
        fields["one_month_every"].whole(1, 24),
        fields["at_most_months"].whole(0, 240),
    )


def _survivors(entry: Entry) -> Survivors:
    fields = entry.mapping(
        "source funeral_months months_by_years more_a_year_from years_at_most retired_at_least"
    )
    return Survivors(
        funeral_months=fields["funeral_months"].whole(0, 60),
        months_by_years=tuple(
            sorted(
                (int(key), one.whole(0, 60))
                for key, one in fields["months_by_years"].mapping("0", "*").items()
            )
        ),
        more_from=fields["more_a_year_from"].whole(0, 60),
        years_at_most=fields["years_at_most"].whole(0, 60),
        retired_at_least=fields["retired_at_least"].whole(0, 60),
        source=fields["source"].text(),
    )


def parse(nation: str, local: str, adjustments: str) -> Book:
    """The rules of three texts; raises PolicyFileError with file, line and field."""
    return Book(
        read("pension.yaml", nation),
        read("pension_regions.yaml", local),
        read("pension_adjustments.yaml", adjustments),
    )


def text_of(name: str) -> str:
    """The shipped text of one of the files."""
    return (resources.files("yikatong.data") / "benefits" / name).read_text(encoding="utf-8")


@cache
def load() -> Book:
    """The shipped rules, read and checked once."""
    return parse(
        text_of("pension.yaml"),
        text_of("pension_regions.yaml"),
        text_of("pension_adjustments.yaml"),
    )
