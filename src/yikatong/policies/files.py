"""Policy files: YAML → `Policy`, every field checked, errors with file, line and field.

The shape is documented for writers in docs/reference/policy-files.md.
"""

from collections.abc import Callable, Iterable
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TypeVar

from yikatong.core import regions
from yikatong.core.errors import InvalidInput
from yikatong.core.money import WHOLE
from yikatong.policies.errors import PolicyFileError
from yikatong.policies.figures import ALWAYS, Figures
from yikatong.policies.model import (
    ACCUMULATORS,
    CARES,
    FILINGS,
    INSURANCES,
    KNOWN_GROUPS,
    Accumulator,
    Cap,
    CareRule,
    Deductible,
    Elsewhere,
    LayerRule,
    Policy,
    Remark,
)
from yikatong.policies.reader import Entry, read

_Value = TypeVar("_Value")
_Word = TypeVar("_Word", bound=str)
_OWN: dict[str, Accumulator] = {"inpatient": "pooled", "chronic": "chronic_pooled"}
"""Where the payments of a rule add up; the others are outpatient care."""


class _Reader:
    """Reads one file; holds what several places of it need."""

    def __init__(self, root: Entry) -> None:
        self.top = root.mapping(
            "region insurance from documents caps care elsewhere",
            "to review year_starts layers counts_as_filed unfiled account_pays groups note",
        )
        self.root = root
        groups = self.top.get("groups")
        self.groups = KNOWN_GROUPS | {g.text() for g in (groups.words() if groups else ())}
        self.figures = Figures(self.top["documents"], self.groups)
        self.remarks: list[Remark] = []

    def caps(self) -> dict[str, Cap]:
        found: dict[str, Cap] = {}
        for name, entry in self.top["caps"].mapping(optional="*").items():
            made = entry.attempt(lambda name=name, entry=entry: self._cap(name, entry), None)
            # Of a cap that is wrong its name is there, for those who use it.
            found[name] = made or Cap(name, (), "paid", "pooled", None, "")
        return found

    def _cap(self, name: str, entry: Entry) -> Cap:
        fields = entry.mapping("amount accumulates source", "counts then")
        return Cap(
            name=name,
            amount=self.figures.amounts(fields["amount"]),
            counts=fields["counts"].choice(("paid", "scope")) if "counts" in fields else "paid",
            accumulates=fields["accumulates"].choice(ACCUMULATORS),
            then=fields["then"].choice(("large_amount",)) if "then" in fields else None,
            clause=self.figures.clause(fields["source"]),
        )

    def deductible(self, entry: Entry, clause: str) -> Deductible:
        fields = entry.mapping("per amount", "later again_after_days source")
        minus, floor, factor = 0, 0, None
        if "later" in fields:
            later = fields["later"].mapping(optional="minus floor factor")
            if ("minus" in later) == ("factor" in later):
                raise fields["later"].wrong(
                    "minus 和 factor 写一个", "needs either minus or factor"
                )
            minus = later["minus"].amount() if "minus" in later else 0
            floor = later["floor"].amount() if "floor" in later else 0
            factor = later["factor"].percent() if "factor" in later else None
        return Deductible(
            per=fields["per"].choice(("admission", "year", "visit")),
            amount=self.figures.amounts(fields["amount"]),
            later_minus=minus,
            later_floor=floor,
            later_factor=factor,
            again_after_days=(
                fields["again_after_days"].whole(1, 365) if "again_after_days" in fields else None
            ),
            clause=self.figures.clause(fields["source"]) if "source" in fields else clause,
        )

    def care(self) -> tuple[dict[str, CareRule | None], dict[str, str]]:
        caps = self.caps()
        rules: dict[str, CareRule | None] = {}
        clauses: dict[str, str] = {}
        alike: list[tuple[str, Entry, str]] = []

        def one(name: str, entry: Entry) -> None:
            if not entry.is_mapping:
                entry.choice(("unknown",))
                return
            fields = entry.mapping(
                "source", "as none deductible rate bands over adjust caps recalled note"
            )
            clauses[name] = self.figures.clause(fields["source"])
            rules[name] = None
            self._remark(entry, fields)
            if "as" in fields:
                del rules[name]
                alike.append((name, entry, fields["as"].choice(CARES)))
            elif "none" in fields:
                fields["none"].choice(("true",))
            else:
                rules[name] = self._care_rule(name, entry, fields, caps, clauses[name])

        for name, entry in self.top["care"].mapping(" ".join(CARES)).items():
            entry.attempt(lambda name=name, entry=entry: one(name, entry), None)
        for name, entry, other in alike:
            if other not in rules:
                wrong = entry.wrong(f"{other} 没有规则可沿用", f"{other} has no rule to take over")
                entry.note(wrong)
            rules[name] = rules.get(other)
        return rules, {name: clause for name, clause in clauses.items() if name in rules}

    def _care_rule(
        self,
        name: str,
        entry: Entry,
        fields: dict[str, Entry],
        caps: dict[str, Cap],
        clause: str,
    ) -> CareRule:
        for word in fields["caps"].words() if "caps" in fields else ():
            if word.text() not in caps:
                word.note(word.wrong(f"没有封顶线 {word.text()}", f"no cap {word.text()}"))
        deductible = (
            entry.attempt(lambda: self.deductible(fields["deductible"], clause), None)
            if "deductible" in fields
            else None
        )
        if deductible is not None and (deductible.per == "admission") != (name == "inpatient"):
            entry.note(
                fields["deductible"].wrong(
                    "住院用 per: admission，其他用 year 或 visit",
                    "inpatient care has `per: admission`, other care year or visit",
                )
            )
        return CareRule(
            deductible=deductible,
            bands=entry.attempt(lambda: self.figures.bands(fields, entry), ()),
            over=fields["over"].choice(("scope", "paid")) if "over" in fields else "scope",
            adjust=self.figures.adjustments(fields.get("adjust")),
            caps=tuple(
                caps[word.text()]
                for word in (fields["caps"].words() if "caps" in fields else ())
                if word.text() in caps
            ),
            clause=clause,
            accumulates=_OWN.get(name, "outpatient_pooled"),
        )

    def layer(self, name: str) -> LayerRule | None:
        entry = (
            self.top["layers"]
            .mapping(optional="large_amount serious_illness civil_servant assistance")
            .get(name)
            if "layers" in self.top
            else None
        )
        return None if entry is None else entry.attempt(lambda: self._layer(entry), None)

    def _layer(self, entry: Entry) -> LayerRule:
        fields = entry.mapping(
            "source", "when care deductible rate bands bands_from adjust cap recalled note"
        )
        self._remark(entry, fields)
        return LayerRule(
            when=self.figures.when(fields["when"]) if "when" in fields else ALWAYS,
            care=self.figures.words(fields.get("care"), CARES) or frozenset(CARES),
            deductible=self.figures.amounts(fields["deductible"])
            if "deductible" in fields
            else None,
            bands=entry.attempt(lambda: self.figures.bands(fields, entry), ()),
            bands_from=(
                fields["bands_from"].choice(("zero", "deductible"))
                if "bands_from" in fields
                else "zero"
            ),
            adjust=self.figures.adjustments(fields.get("adjust")),
            cap=self.figures.amounts(fields["cap"]) if "cap" in fields else None,
            clause=self.figures.clause(fields["source"]),
        )

    def elsewhere(self) -> Elsewhere:
        entry = self.top["elsewhere"]
        return entry.attempt(lambda: self._elsewhere(entry), Elsewhere({}, {}, {}, {}, ""))

    def _elsewhere(self, entry: Entry) -> Elsewhere:
        fields = entry.mapping("source " + " ".join(FILINGS), "province recalled note")
        self._remark(entry, fields)
        factor, points = self._cuts(fields)
        inside: dict[str, Entry] = {}
        if "province" in fields:
            inside = fields["province"].mapping(" ".join(FILINGS))
        province_factor, province_points = self._cuts(inside) if inside else (factor, points)
        return Elsewhere(
            factor, points, province_factor, province_points, self.figures.clause(fields["source"])
        )

    def _cuts(self, fields: dict[str, Entry]) -> tuple[dict[str, int], dict[str, int]]:
        factor: dict[str, int] = {}
        points: dict[str, int] = {}
        for filing in FILINGS:
            entry = fields[filing]
            factor[filing], points[filing] = entry.attempt(
                lambda entry=entry: self._cut(entry), (WHOLE, 0)
            )
        return factor, points

    def _cut(self, entry: Entry) -> tuple[int, int]:
        cut = entry.mapping(optional="factor points")
        if len(cut) != 1:
            raise entry.wrong("factor 和 points 写一个", "needs either factor or points")
        return (
            cut["factor"].percent() if "factor" in cut else WHOLE,
            cut["points"].percent(-WHOLE, 0) if "points" in cut else 0,
        )

    def policy(self) -> Policy:
        top = self.top
        region = self._own("region", self._region, "")
        starts_on = self._own("from", Entry.day, date.min)
        ends_on = self._own("to", Entry.day, None)
        if ends_on is not None and ends_on < starts_on:
            top["to"].note(top["to"].wrong("早于 from", "lies before from"))
        care, clauses = self.root.attempt(self.care, ({}, {}))
        policy = Policy(
            region=region,
            insurance=self._choice("insurance", INSURANCES, INSURANCES[0]),
            starts_on=starts_on,
            ends_on=ends_on,
            review=self._choice("review", ("unverified", "verified"), "unverified"),
            year_starts=self._own("year_starts", _month_and_day, (1, 1)),
            documents=tuple(self.figures.documents.values()),
            care=care,
            none_clauses=clauses,
            large_amount=self.root.attempt(lambda: self.layer("large_amount"), None),
            serious_illness=self.root.attempt(lambda: self.layer("serious_illness"), None),
            civil_servant=self.root.attempt(lambda: self.layer("civil_servant"), None),
            assistance=self.root.attempt(lambda: self.layer("assistance"), None),
            elsewhere=self.elsewhere(),
            counts_as_filed=self._own("counts_as_filed", self._counts_as_filed, ()),
            unfiled=self._choice("unfiled", ("cut", "refused"), "cut"),
            account_pays=self._choice("account_pays", ("in_scope", "person"), "in_scope"),
            groups=self.groups,
            remarks=tuple(self.remarks),
            source=self.root.file,
        )
        wants_large = any(
            cap.then == "large_amount" for rule in care.values() if rule for cap in rule.caps
        )
        if self.root.sound and wants_large != (policy.large_amount is not None):
            top["caps"].note(
                top["caps"].wrong(
                    "then: large_amount 与 layers.large_amount 应同时出现",
                    "`then: large_amount` and layers.large_amount go together",
                )
            )
        return policy

    def _own(self, name: str, read: Callable[[Entry], _Value], otherwise: _Value) -> _Value:
        """A field of the file itself; where it is not there, what holds then."""
        entry = self.top.get(name)
        return otherwise if entry is None else entry.attempt(lambda: read(entry), otherwise)

    def _choice(self, name: str, allowed: tuple[_Word, ...], otherwise: _Word) -> _Word:
        entry = self.top.get(name)
        return (
            otherwise if entry is None else entry.attempt(lambda: entry.choice(allowed), otherwise)
        )

    def _region(self, entry: Entry) -> str:
        found = regions.find(entry.text())
        if found is None or not found.is_pooling:
            raise entry.wrong("不是统筹区代码", "is no pooling region's code")
        return found.code

    def _counts_as_filed(self, entry: Entry) -> tuple[str, ...]:
        words = entry.words()
        for word in words:
            if regions.find(word.text()) is None:
                word.note(word.wrong("没有这个行政区划代码", "is no region's code"))
        return tuple(word.text() for word in words)

    def _remark(self, entry: Entry, fields: dict[str, Entry]) -> None:
        if "recalled" in fields or "note" in fields:
            recalled = "recalled" in fields and fields["recalled"].flag()
            note = fields["note"].text() if "note" in fields else None
            self.remarks.append(Remark(entry.field, recalled, note))


def _month_and_day(entry: Entry) -> tuple[int, int]:
    try:
        day = date.fromisoformat(f"2023-{entry.text()}")
    except ValueError:
        raise entry.wrong("应为月-日，例如 07-01", "must be month-day like 07-01") from None
    return (day.month, day.day)


def parse(file: str, text: str) -> Policy:
    """Read one policy file; raises PolicyFileError naming file, line and field."""
    try:
        return _Reader(read(file, text)).policy()
    except InvalidInput as error:
        raise PolicyFileError(file, 1, error.field or "-", error.text.zh, error.text.en) from error


def check(file: str, text: str) -> tuple[Policy | None, list[PolicyFileError]]:
    """Read a draft; answers the policy, or all that is wrong with it in the order of its lines."""
    wrong: list[PolicyFileError] = []
    policy = None
    try:
        policy = _Reader(read(file, text, wrong)).policy()
    except PolicyFileError as error:
        wrong.append(error)
    except InvalidInput as error:
        wrong.append(PolicyFileError(file, 1, error.field or "-", error.text.zh, error.text.en))
    told = {(one.line, one.wrong_field, one.reason.zh): one for one in wrong}
    return (None if told else policy), sorted(told.values(), key=lambda one: one.line)


def shipped() -> Iterable[tuple[str, str]]:
    """Name and text of every policy file of the package."""
    root = resources.files("yikatong.data") / "policies"
    for folder in sorted(_folders(root), key=lambda one: one.name):
        for file in sorted(folder.iterdir(), key=lambda one: one.name):
            if file.name.endswith(".yaml"):
                yield f"{folder.name}/{file.name}", file.read_text(encoding="utf-8")


def _folders(root: Traversable) -> Iterable[Traversable]:
    return (child for child in root.iterdir() if child.is_dir() and child.name[:6].isdigit())
