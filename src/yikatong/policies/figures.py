"""The parts all rules of a policy file are made of: sources, predicates, figures, bands."""

from collections.abc import Callable

from yikatong.core.money import WHOLE
from yikatong.policies.model import (
    FILINGS,
    GRADES,
    LEVELS,
    PLACES,
    Adjustment,
    Band,
    Case,
    Document,
    Figure,
    When,
)
from yikatong.policies.reader import Entry

ALWAYS = When()
_MOST = 100
"""Cases, bands, adjustments of one rule."""
_NOTHING: Figure = (Case(ALWAYS, (0, 0, 0, 0)),)
_Number = Callable[[Entry], int]


class Figures:
    """Reads figures; knows the file's documents and the groups of persons it may name."""

    def __init__(self, documents: Entry, groups: frozenset[str]) -> None:
        self.groups = groups
        self.documents = {
            key: entry.attempt(
                lambda key=key, entry=entry: self._document(key, entry), Document(key, "", "")
            )
            for key, entry in documents.mapping(optional="*").items()
        }
        if not self.documents:
            raise documents.wrong("至少一份文件", "at least one document")

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
        return entry.attempt(lambda: self._clause(entry), "")

    def _clause(self, entry: Entry) -> str:
        key, _, article = entry.text().partition(" ")
        if key not in self.documents:
            known = ", ".join(self.documents)
            raise entry.wrong(
                f"没有文件 {key}，已有：{known}", f"no document {key}; known: {known}"
            )
        return f"{self.documents[key].number} {article}".strip()

    def when(self, entry: Entry) -> When:
        """A predicate: at least one condition, all of which must hold."""
        return entry.attempt(lambda: self._when(entry), ALWAYS)

    def _when(self, entry: Entry) -> When:
        fields = entry.mapping(
            optional="retired age_from age_under groups insured_years_from place filing "
            "admission_from grade"
        )
        if not fields:
            raise entry.wrong("至少一个条件", "at least one condition")
        return When(
            retired=fields["retired"].flag() if "retired" in fields else None,
            age_from=fields["age_from"].whole(0, 150) if "age_from" in fields else None,
            age_under=fields["age_under"].whole(0, 150) if "age_under" in fields else None,
            groups=self.words(fields.get("groups"), tuple(sorted(self.groups))),
            insured_years_from=(
                fields["insured_years_from"].whole(0, 100)
                if "insured_years_from" in fields
                else None
            ),
            place=self.words(fields.get("place"), PLACES),
            filing=self.words(fields.get("filing"), FILINGS),
            admission_from=(
                fields["admission_from"].whole(2, 99) if "admission_from" in fields else None
            ),
            grade=self.words(fields.get("grade"), GRADES),
        )

    def words(self, entry: Entry | None, allowed: tuple[str, ...]) -> frozenset[str]:
        """The words of a list (or one word), each of them allowed."""
        return frozenset(word.choice(allowed) for word in entry.words()) if entry else frozenset()

    def amounts(self, entry: Entry) -> Figure:
        """Amounts in yuan, by level and case."""
        return self._figure(entry, lambda one: one.amount())

    def rates(self, entry: Entry) -> Figure:
        """Rates in percent, by level and case."""
        return self._figure(entry, lambda one: one.percent())

    def _figure(self, entry: Entry, number: _Number) -> Figure:
        return entry.attempt(lambda: self._cases(entry, number), _NOTHING)

    def _cases(self, entry: Entry, number: _Number) -> Figure:
        if not entry.is_list:
            return (Case(ALWAYS, self._by_level(entry, number)),)
        cases: list[Case] = []
        for item in entry.items(_MOST):
            if cases and cases[-1].when == ALWAYS:
                raise item.wrong(
                    "前一项没有 when，轮不到这一项", "stands behind an item without `when`"
                )
            fields = item.mapping("value", "when")
            when = self.when(fields["when"]) if "when" in fields else ALWAYS
            cases.append(Case(when, self._by_level(fields["value"], number)))
        if cases[-1].when != ALWAYS:
            raise entry.wrong("最后一项不应有 when", "the last item must have no `when`")
        return tuple(cases)

    def _by_level(self, entry: Entry, number: _Number) -> tuple[int, int, int, int]:
        if not entry.is_mapping:
            one = number(entry)
            return (one, one, one, one)
        fields = entry.mapping(" ".join(LEVELS))
        a, b, c, d = (
            fields[level].attempt(lambda level=level: number(fields[level]), 0) for level in LEVELS
        )
        return (a, b, c, d)

    def bands(self, fields: dict[str, Entry], entry: Entry) -> tuple[Band, ...]:
        """`rate` (one band without end) or `bands` with ascending borders."""
        if ("rate" in fields) == ("bands" in fields):
            raise entry.wrong("rate 和 bands 写一个", "needs either rate or bands")
        if "rate" in fields:
            return (Band(None, self.rates(fields["rate"])),)
        found: list[Band] = []
        for item in fields["bands"].items(_MOST):
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
        """Changes of the rates, in the order of the file."""
        return tuple(
            item.attempt(lambda item=item: self._adjustment(item), Adjustment(ALWAYS))
            for item in (entry.items(_MOST) if entry else ())
        )

    def _adjustment(self, item: Entry) -> Adjustment:
        fields = item.mapping(optional="when points share factor")
        changes = [key for key in ("points", "share", "factor") if key in fields]
        if len(changes) != 1:
            raise item.wrong("points、share、factor 写一个", "needs one of points, share, factor")
        value = fields[changes[0]]
        when = self.when(fields["when"]) if "when" in fields else ALWAYS
        if changes[0] == "points":
            return Adjustment(when, points=value.percent(-WHOLE))
        if changes[0] == "share":
            return Adjustment(when, share=value.percent())
        return Adjustment(when, factor=value.percent())


def _ascending(before: Figure | None, after: Figure) -> bool:
    if before is None:
        return True
    highest = max(max(case.by_level) for case in before)
    return all(min(case.by_level) > highest for case in after)
