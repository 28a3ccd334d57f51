"""Policy files: YAML → `Policy`, every field checked, errors with file, line and field.

The shape is documented for writers in docs/reference/policy-files.md.
"""

from collections.abc import Callable, Iterable
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable

from yikatong.core import regions
from yikatong.core.errors import InvalidInput
from yikatong.core.money import WHOLE
from yikatong.policies.errors import PolicyFileError
from yikatong.policies.model import (
    CARES,
    FILINGS,
    INSURANCES,
    KNOWN_GROUPS,
    LEVELS,
    PLACES,
    Adjustment,
    Band,
    Cap,
    CareRule,
    Case,
    Deductible,
    Document,
    Elsewhere,
    Figure,
    LayerRule,
    Policy,
    When,
)
from yikatong.policies.reader import Entry, read

_ALWAYS = When()
_Number = Callable[[Entry], int]


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
        self.documents = {
            key: self._document(key, e)
            for key, e in self.top["documents"].mapping(optional="*").items()
        }
        if not self.documents:
            raise self.top["documents"].wrong("至少一份文件", "at least one document")

    # -- sources --

    def _document(self, key: str, entry: Entry) -> Document:
        fields = entry.mapping("number title", "effective url note")
        return Document(
            key=key,
            number=fields["number"].text(),
            title=fields["title"].text(),
            effective=fields["effective"].day() if "effective" in fields else None,
            url=fields["url"].text() if "url" in fields else None,
            note=fields["note"].text() if "note" in fields else None,
        )

    def clause(self, entry: Entry) -> str:
        """ "zf158" or "zf158 第三十六条" → the document's number and the article."""
        key, _, article = entry.text().partition(" ")
        if key not in self.documents:
            known = ", ".join(self.documents)
            raise entry.wrong(
                f"没有文件 {key}，已有：{known}", f"no document {key}; known: {known}"
            )
        return f"{self.documents[key].number} {article}".strip()

    # -- predicates and figures --

    def when(self, entry: Entry) -> When:
        fields = entry.mapping(
            optional="retired age_from age_under groups insured_years_from place filing admission_from"
        )
        if not fields:
            raise entry.wrong("至少一个条件", "at least one condition")
        return When(
            retired=fields["retired"].flag() if "retired" in fields else None,
            age_from=fields["age_from"].whole(0, 150) if "age_from" in fields else None,
            age_under=fields["age_under"].whole(0, 150) if "age_under" in fields else None,
            groups=self._words(fields.get("groups"), tuple(sorted(self.groups))),
            insured_years_from=(
                fields["insured_years_from"].whole(0, 100)
                if "insured_years_from" in fields
                else None
            ),
            place=self._words(fields.get("place"), PLACES),
            filing=self._words(fields.get("filing"), FILINGS),
            admission_from=(
                fields["admission_from"].whole(2, 99) if "admission_from" in fields else None
            ),
        )

    def _words(self, entry: Entry | None, allowed: tuple[str, ...]) -> frozenset[str]:
        return frozenset(word.choice(allowed) for word in entry.words()) if entry else frozenset()

    def amounts(self, entry: Entry) -> Figure:
        return self._figure(entry, lambda one: one.amount())

    def rates(self, entry: Entry) -> Figure:
        return self._figure(entry, lambda one: one.percent())

    def _figure(self, entry: Entry, number: _Number) -> Figure:
        if not entry.is_list:
            return (Case(_ALWAYS, self._by_level(entry, number)),)
        cases: list[Case] = []
        for item in entry.items():
            if cases and cases[-1].when == _ALWAYS:
                raise item.wrong(
                    "前一项没有 when，轮不到这一项", "stands behind an item without `when`"
                )
            fields = item.mapping("value", "when")
            when = self.when(fields["when"]) if "when" in fields else _ALWAYS
            cases.append(Case(when, self._by_level(fields["value"], number)))
        if cases[-1].when != _ALWAYS:
            raise entry.wrong("最后一项不应有 when", "the last item must have no `when`")
        return tuple(cases)

    def _by_level(self, entry: Entry, number: _Number) -> tuple[int, int, int, int]:
        if not entry.is_mapping:
            one = number(entry)
            return (one, one, one, one)
        fields = entry.mapping(" ".join(LEVELS))
        a, b, c, d = (number(fields[level]) for level in LEVELS)
        return (a, b, c, d)

    def bands(self, fields: dict[str, Entry], entry: Entry) -> tuple[Band, ...]:
        if ("rate" in fields) == ("bands" in fields):
            raise entry.wrong("rate 和 bands 写一个", "needs either rate or bands")
        if "rate" in fields:
            return (Band(None, self.rates(fields["rate"])),)
        found: list[Band] = []
        for item in fields["bands"].items():
            if found and found[-1].upto is None:
                raise item.wrong("前一段没有上限，轮不到这一段", "the band before has no end")
            band = item.mapping("rate", "upto")
            upto = self.amounts(band["upto"]) if "upto" in band else None
            if found and upto and not _ascending(found[-1].upto, upto):
                raise item.wrong("上限应逐段增大", "the borders must ascend")
            found.append(Band(upto, self.rates(band["rate"])))
        if found[-1].upto is not None:
            raise fields["bands"].wrong("最后一段不应有上限", "the last band must have no border")
        return tuple(found)

    def adjustments(self, entry: Entry | None) -> tuple[Adjustment, ...]:
        found: list[Adjustment] = []
        for item in entry.items() if entry else ():
            fields = item.mapping(optional="when points share factor")
            changes = [key for key in ("points", "share", "factor") if key in fields]
            if len(changes) != 1:
                raise item.wrong(
                    "points、share、factor 写一个", "needs one of points, share, factor"
                )
            value = fields[changes[0]]
            when = self.when(fields["when"]) if "when" in fields else _ALWAYS
            if changes[0] == "points":
                found.append(Adjustment(when, points=value.percent(-WHOLE)))
            elif changes[0] == "share":
                found.append(Adjustment(when, share=value.percent()))
            else:
                found.append(Adjustment(when, factor=value.percent()))
        return tuple(found)

    # -- layers --

    def caps(self) -> dict[str, Cap]:
        found: dict[str, Cap] = {}
        for name, entry in self.top["caps"].mapping(optional="*").items():
            fields = entry.mapping("amount accumulates source", "counts then")
            found[name] = Cap(
                name=name,
                amount=self.amounts(fields["amount"]),
                counts=fields["counts"].choice(("paid", "scope")) if "counts" in fields else "paid",
                accumulates=fields["accumulates"].choice(("outpatient_pooled", "pooled")),
                then=fields["then"].choice(("large_amount",)) if "then" in fields else None,
                clause=self.clause(fields["source"]),
            )
        return found

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
            amount=self.amounts(fields["amount"]),
            later_minus=minus,
            later_floor=floor,
            later_factor=factor,
            again_after_days=(
                fields["again_after_days"].whole(1, 365) if "again_after_days" in fields else None
            ),
            clause=self.clause(fields["source"]) if "source" in fields else clause,
        )

    def care(self) -> tuple[dict[str, CareRule | None], dict[str, str]]:
        caps = self.caps()
        rules: dict[str, CareRule | None] = {}
        clauses: dict[str, str] = {}
        alike: list[tuple[str, Entry, str]] = []
        for name, entry in self.top["care"].mapping(" ".join(CARES)).items():
            if not entry.is_mapping:
                entry.choice(("unknown",))
                continue
            fields = entry.mapping(
                "source", "as none deductible rate bands over adjust caps recalled note"
            )
            clauses[name] = self.clause(fields["source"])
            if "as" in fields:
                alike.append((name, entry, fields["as"].choice(CARES)))
            elif "none" in fields:
                fields["none"].choice(("true",))
                rules[name] = None
            else:
                rules[name] = self._care_rule(entry, fields, caps, clauses[name])
        for name, entry, other in alike:
            if other not in rules:
                raise entry.wrong(f"{other} 没有规则可沿用", f"{other} has no rule to take over")
            rules[name] = rules[other]
        return rules, {name: clause for name, clause in clauses.items() if name in rules}

    def _care_rule(
        self, entry: Entry, fields: dict[str, Entry], caps: dict[str, Cap], clause: str
    ) -> CareRule:
        for word in fields["caps"].words() if "caps" in fields else ():
            if word.text() not in caps:
                raise word.wrong(f"没有封顶线 {word.text()}", f"no cap {word.text()}")
        return CareRule(
            deductible=self.deductible(fields["deductible"], clause)
            if "deductible" in fields
            else None,
            bands=self.bands(fields, entry),
            over=fields["over"].choice(("scope", "paid")) if "over" in fields else "scope",
            adjust=self.adjustments(fields.get("adjust")),
            caps=tuple(
                caps[word.text()] for word in (fields["caps"].words() if "caps" in fields else ())
            ),
            clause=clause,
        )

    def layer(self, name: str) -> LayerRule | None:
        entry = (
            self.top["layers"]
            .mapping(optional="large_amount serious_illness civil_servant assistance")
            .get(name)
            if "layers" in self.top
            else None
        )
        if entry is None:
            return None
        fields = entry.mapping(
            "source", "when care deductible rate bands bands_from adjust cap recalled note"
        )
        return LayerRule(
            when=self.when(fields["when"]) if "when" in fields else _ALWAYS,
            care=self._words(fields.get("care"), CARES) or frozenset(CARES),
            deductible=self.amounts(fields["deductible"]) if "deductible" in fields else None,
            bands=self.bands(fields, entry),
            bands_from=(
                fields["bands_from"].choice(("zero", "deductible"))
                if "bands_from" in fields
                else "zero"
            ),
            adjust=self.adjustments(fields.get("adjust")),
            cap=self.amounts(fields["cap"]) if "cap" in fields else None,
            clause=self.clause(fields["source"]),
        )

    def elsewhere(self) -> Elsewhere:
        entry = self.top["elsewhere"]
        fields = entry.mapping("source " + " ".join(FILINGS), "province recalled note")
        factor, points = self._cuts(fields)
        inside: dict[str, Entry] = {}
        if "province" in fields:
            inside = fields["province"].mapping(" ".join(FILINGS))
        province_factor, province_points = self._cuts(inside) if inside else (factor, points)
        return Elsewhere(
            factor, points, province_factor, province_points, self.clause(fields["source"])
        )

    def _cuts(self, fields: dict[str, Entry]) -> tuple[dict[str, int], dict[str, int]]:
        factor: dict[str, int] = {}
        points: dict[str, int] = {}
        for filing in FILINGS:
            cut = fields[filing].mapping(optional="factor points")
            if len(cut) != 1:
                raise fields[filing].wrong(
                    "factor 和 points 写一个", "needs either factor or points"
                )
            factor[filing] = cut["factor"].percent() if "factor" in cut else WHOLE
            points[filing] = cut["points"].percent(-WHOLE, 0) if "points" in cut else 0
        return factor, points

    # -- the whole --

    def policy(self) -> Policy:
        top = self.top
        code = top["region"]
        region = regions.find(code.text())
        if region is None or not region.is_pooling:
            raise code.wrong("不是统筹区代码", "is no pooling region's code")
        starts_on = top["from"].day()
        ends_on = top["to"].day() if "to" in top else None
        if ends_on is not None and ends_on < starts_on:
            raise top["to"].wrong("早于 from", "lies before from")
        care, clauses = self.care()
        counts = top["counts_as_filed"].words() if "counts_as_filed" in top else []
        for word in counts:
            if regions.find(word.text()) is None:
                raise word.wrong("没有这个行政区划代码", "is no region's code")
        policy = Policy(
            region=region.code,
            insurance=top["insurance"].choice(INSURANCES),
            starts_on=starts_on,
            ends_on=ends_on,
            review=top["review"].choice(("unverified", "verified"))
            if "review" in top
            else "unverified",
            year_starts=self._year_starts(),
            documents=tuple(self.documents.values()),
            care=care,
            none_clauses=clauses,
            large_amount=self.layer("large_amount"),
            serious_illness=self.layer("serious_illness"),
            civil_servant=self.layer("civil_servant"),
            assistance=self.layer("assistance"),
            elsewhere=self.elsewhere(),
            counts_as_filed=tuple(word.text() for word in counts),
            unfiled=top["unfiled"].choice(("cut", "refused")) if "unfiled" in top else "cut",
            account_pays=(
                top["account_pays"].choice(("in_scope", "person"))
                if "account_pays" in top
                else "in_scope"
            ),
            groups=self.groups,
            source=self.root.file,
        )
        wants_large = any(
            cap.then == "large_amount" for rule in care.values() if rule for cap in rule.caps
        )
        if wants_large != (policy.large_amount is not None):
            raise top["caps"].wrong(
                "then: large_amount 与 layers.large_amount 应同时出现",
                "`then: large_amount` and layers.large_amount go together",
            )
        return policy

    def _year_starts(self) -> tuple[int, int]:
        entry = self.top.get("year_starts")
        if entry is None:
            return (1, 1)
        try:
            day = date.fromisoformat(f"2023-{entry.text()}")
        except ValueError:
            raise entry.wrong("应为月-日，例如 07-01", "must be month-day like 07-01") from None
        return (day.month, day.day)


def _ascending(before: Figure | None, after: Figure) -> bool:
    if before is None:
        return True
    highest = max(max(case.by_level) for case in before)
    return all(min(case.by_level) > highest for case in after)


def parse(file: str, text: str) -> Policy:
    """Read one policy file; raises PolicyFileError naming file, line and field."""
    try:
        return _Reader(read(file, text)).policy()
    except InvalidInput as error:
        raise PolicyFileError(file, 1, error.field or "-", error.text.zh, error.text.en) from error


def shipped() -> Iterable[tuple[str, str]]:
    """Name and text of every policy file of the package."""
    root = resources.files("yikatong.data") / "policies"
    for folder in sorted(_folders(root), key=lambda one: one.name):
        for file in sorted(folder.iterdir(), key=lambda one: one.name):
            if file.name.endswith(".yaml"):
                yield f"{folder.name}/{file.name}", file.read_text(encoding="utf-8")


def _folders(root: Traversable) -> Iterable[Traversable]:
    return (child for child in root.iterdir() if child.is_dir() and child.name[:6].isdigit())
