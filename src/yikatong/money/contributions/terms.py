"""Terms of contributions by region and date, read from data/contributions/*.yaml.

A region's file wins; what it does not say comes from the nationwide file.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cache
from importlib import resources
from typing import Final, Generic, TypeVar

import msgspec

from yikatong.core import regions
from yikatong.core.errors import NotFound, Text
from yikatong.core.money import Fen, Ppm
from yikatong.money.contributions.model import INSURANCES, Base, BilledInsurance, Rate, Season
from yikatong.policies.reader import Entry, read

NATION: Final = "000000"
_CATEGORIES: Final = ("minor", "student", "adult", "elderly")
_T = TypeVar("_T")


class NoTermsOnFile(NotFound):
    """No rate, base or season is on file for this region, insurance and day."""

    code = "no_contribution_terms"


class Dated(msgspec.Struct, Generic[_T], frozen=True):
    """Something that holds from a day until the next of its kind."""

    starts_on: date
    value: _T
    source: str
    note: str


class MedicalCredit(msgspec.Struct, frozen=True):
    """个人账户划入: share of the person's base while working, a fixed sum when retired."""

    active: Ppm
    retired: Fen
    retired_by_age: tuple[tuple[int, Fen], ...]

    def retired_monthly(self, age: int) -> Fen:
        return next(
            (amount for low, amount in reversed(self.retired_by_age) if age >= low), self.retired
        )


class Terms(msgspec.Struct, frozen=True):
    """One file."""

    region: str
    name: Text
    review: str
    documents: tuple[dict[str, str], ...]
    bases: dict[str, tuple[Dated[Base], ...]]
    employees: dict[str, tuple[Dated[Rate], ...]]
    trades: tuple[Dated[tuple[Ppm, ...]], ...]
    flexible: dict[str, tuple[Dated[Rate], ...]]
    seasons: dict[str, tuple[Season, ...]]
    medical: tuple[Dated[MedicalCredit], ...]
    late_fee: Ppm
    """A day."""
    due_day: int


def _latest(found: Sequence[Dated[_T]], on: date) -> Dated[_T] | None:
    return next((one for one in reversed(found) if one.starts_on <= on), None)


class Book:
    """All terms on file."""

    def __init__(self, files: Iterable[Terms]) -> None:
        self._files = {one.region: one for one in files}
        self._nation = self._files[NATION]

    def regions(self) -> list[str]:
        """Regions with a file of their own."""
        return sorted(code for code in self._files if code != NATION)

    def file(self, region: str) -> Terms:
        """The region's own file, or the nationwide one."""
        return self._files.get(region) or self._nation

    def _find(
        self, region: str, on: date, pick: Callable[[Terms], Sequence[Dated[_T]]]
    ) -> Dated[_T]:
        for terms in (self._files.get(region), self._nation):
            if terms is not None and (found := _latest(pick(terms), on)) is not None:
                return found
        name = regions.full_name(region)
        raise NoTermsOnFile(
            zh=f"没有{name}在 {on} 的缴费标准，请向当地经办机构查询",
            en=f"no contribution terms of {regions.full_name(region, 'en')} are on file for {on};"
            " please ask the local agency",
            field="region",
        )

    def base(self, region: str, insurance: BilledInsurance, on: date) -> Base:
        """Floor and ceiling of the base in the month of a day."""
        return self._find(region, on, lambda terms: terms.bases.get(insurance, ())).value

    def employee_rate(self, region: str, insurance: BilledInsurance, on: date, trade: int) -> Rate:
        """What employer and employee pay; work injury goes by the employer's trade (1-8)."""
        if insurance == "410":
            by_trade = self._find(region, on, lambda terms: terms.trades).value
            return Rate(employer=by_trade[trade - 1], personal=0)
        rate = self._find(region, on, lambda terms: terms.employees.get(insurance, ())).value
        if insurance == "310":
            credit = self.medical_credit(region, on)
            return msgspec.structs.replace(rate, account=credit.active)
        return rate

    def flexible_rate(self, region: str, insurance: BilledInsurance, on: date) -> Rate:
        """What the flexibly employed (灵活就业) pay themselves."""
        return self._find(region, on, lambda terms: terms.flexible.get(insurance, ())).value

    def season(self, region: str, insurance: BilledInsurance, year: int) -> Season:
        """When and how much residents pay for a year."""
        for terms in (self._files.get(region), self._nation):
            for season in terms.seasons.get(insurance, ()) if terms else ():
                if season.year == year:
                    return season
        raise NoTermsOnFile(
            zh=f"{year} 年度的居民缴费标准还没有公布",
            en=f"the residents' contribution of {year} has not been published yet",
            field="year",
        )

    def medical_credit(self, region: str, on: date) -> MedicalCredit:
        """What goes to medical accounts each month."""
        return self._find(region, on, lambda terms: terms.medical).value

    def late_fee(self, region: str) -> Ppm:
        """Of the amount, a day (滞纳金, 社会保险法 第八十六条)."""
        return self.file(region).late_fee

    def due_on(self, region: str, month: date) -> date:
        """The day a month's contribution is to be paid by."""
        return month.replace(day=self.file(region).due_day)


@cache
def load() -> Book:
    """All files; raises PolicyFileError with file, line and field where one is wrong."""
    folder = resources.files("yikatong.data") / "contributions"
    return Book(
        _terms(read(file.name, file.read_text(encoding="utf-8")))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml")
    )


def _terms(root: Entry) -> Terms:
    top = root.mapping(
        "region name review documents bases employees flexible residents medical_account"
        " late_fee due_day"
    )
    name = top["name"].mapping("zh en")
    documents = tuple(
        {
            key: entry.text() if key not in ("url", "number") else _maybe(entry)
            for key, entry in one.items()
        }
        for one in (item.mapping("key title", "number url") for item in top["documents"].items())
    )
    employees, trades = _employees(top["employees"])
    fee = top["late_fee"].mapping("percent_per_day who source")
    return Terms(
        region=top["region"].text(),
        name=Text(name["zh"].text(), name["en"].text()),
        review=top["review"].choice(("unverified", "verified")),
        documents=documents,
        bases=_bases(top["bases"]),
        employees=employees,
        trades=trades,
        flexible=_flexible(top["flexible"]),
        seasons=_seasons(top["residents"]),
        medical=_sorted(_medical(one) for one in top["medical_account"].items()),
        late_fee=fee["percent_per_day"].percent(),
        due_day=top["due_day"].whole(1, 28),
    )


def _maybe(entry: Entry) -> str:
    """A text that may be empty."""
    try:
        return entry.text()
    except Exception:
        return ""


def _sorted(found: Iterable[Dated[_T]]) -> tuple[Dated[_T], ...]:
    return tuple(sorted(found, key=lambda one: one.starts_on))


def _dated(fields: dict[str, Entry], value: _T) -> Dated[_T]:
    note = fields["note"].text() if "note" in fields else ""
    return Dated(fields["from"].day(), value, fields["source"].text(), note)


def _grouped(found: Iterable[tuple[str, Dated[_T]]]) -> dict[str, tuple[Dated[_T], ...]]:
    groups: dict[str, list[Dated[_T]]] = {}
    for insurance, one in found:
        groups.setdefault(insurance, []).append(one)
    return {insurance: _sorted(group) for insurance, group in groups.items()}


def _bases(entry: Entry) -> dict[str, tuple[Dated[Base], ...]]:
    found: list[tuple[str, Dated[Base]]] = []
    for item in entry.items():
        fields = item.mapping("from average_monthly floor ceiling insurances source", "note")
        base = Base(
            fields["average_monthly"].amount(), fields["floor"].amount(), fields["ceiling"].amount()
        )
        if not 0 < base.floor <= base.ceiling:
            raise fields["floor"].wrong("下限应不高于上限", "the floor is above the ceiling")
        found += [
            (word.choice(INSURANCES), _dated(fields, base)) for word in fields["insurances"].items()
        ]
    return _grouped(found)


def _employees(
    entry: Entry,
) -> tuple[dict[str, tuple[Dated[Rate], ...]], tuple[Dated[tuple[Ppm, ...]], ...]]:
    rates: list[tuple[str, Dated[Rate]]] = []
    trades: list[Dated[tuple[Ppm, ...]]] = []
    for item in entry.items():
        fields = item.mapping(
            "insurance from source", "employer personal employer_fixed personal_fixed by_trade note"
        )
        insurance = fields["insurance"].choice(INSURANCES)
        if insurance == "410":
            by_trade = tuple(one.percent() for one in fields["by_trade"].items())
            if len(by_trade) != 8:
                raise fields["by_trade"].wrong("应有八类", "there are eight classes")
            trades.append(_dated(fields, by_trade))
            continue
        rate = Rate(
            employer=fields["employer"].percent(),
            personal=fields["personal"].percent(),
            employer_fixed=fields["employer_fixed"].amount() if "employer_fixed" in fields else 0,
            personal_fixed=fields["personal_fixed"].amount() if "personal_fixed" in fields else 0,
        )
        rates.append((insurance, _dated(fields, rate)))
    return _grouped(rates), _sorted(trades)


def _flexible(entry: Entry) -> dict[str, tuple[Dated[Rate], ...]]:
    found: list[tuple[str, Dated[Rate]]] = []
    for item in entry.items():
        fields = item.mapping("insurance from personal source", "account base note")
        rate = Rate(
            employer=0,
            personal=fields["personal"].percent(),
            account=fields["account"].percent() if "account" in fields else 0,
            base=fields["base"].amount() if "base" in fields else None,
        )
        if rate.account > rate.personal:
            raise item.wrong(
                "划入个人账户的比例高于缴费比例", "more goes to the account than is paid"
            )
        found.append((fields["insurance"].choice(INSURANCES), _dated(fields, rate)))
    return _grouped(found)


def _seasons(entry: Entry) -> dict[str, tuple[Season, ...]]:
    found: dict[str, list[Season]] = {}
    for item in entry.items():
        fields = item.mapping("insurance year from until source", "late_until amounts grades note")
        amounts = (
            {
                key: one.amount()
                for key, one in fields["amounts"].mapping(" ".join(_CATEGORIES)).items()
            }
            if "amounts" in fields
            else {}
        )
        grades = (
            tuple(one.amount() for one in fields["grades"].items()) if "grades" in fields else ()
        )
        ends_on = fields["until"].day()
        season = Season(
            year=fields["year"].whole(2000, 2100),
            starts_on=fields["from"].day(),
            ends_on=ends_on,
            late_until=fields["late_until"].day() if "late_until" in fields else ends_on,
            amounts=amounts,
            grades=grades,
        )
        if not amounts and not grades:
            raise item.wrong("缺少金额或档次", "lacks amounts or grades")
        found.setdefault(fields["insurance"].choice(INSURANCES), []).append(season)
    return {insurance: tuple(seasons) for insurance, seasons in found.items()}


def _medical(item: Entry) -> Dated[MedicalCredit]:
    fields = item.mapping(
        "from active_percent retired_monthly source", "retired_monthly_by_age note"
    )
    by_age: list[tuple[int, Fen]] = []
    if "retired_monthly_by_age" in fields:
        for one in fields["retired_monthly_by_age"].items():
            step = one.mapping("age amount")
            by_age.append((step["age"].whole(40, 120), step["amount"].amount()))
    credit = MedicalCredit(
        fields["active_percent"].percent(),
        fields["retired_monthly"].amount(),
        tuple(sorted(by_age)),
    )
    return _dated(fields, credit)
