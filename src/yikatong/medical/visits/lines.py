"""Splitting fee lines by the catalog of the treatment region (就医地目录). Pure.

Class A is wholly in scope, class B after the item's first-pay share, class C never; what lies above
a price limit never is.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from yikatong.core.errors import Text
from yikatong.core.money import Fen, format_yuan, round_micro
from yikatong.medical.catalog_book import CatalogBook, Terms
from yikatong.medical.visits.errors import LineRefused
from yikatong.medical.visits.model import FeeLine, SplitLine

TOLERANCE: Final[Fen] = 5
"""A line's total may differ from quantity × price by what a hospital's own rounding explains."""

_SELF_PAID: Final = Terms("C", None, None)
_WHOLE_FEN: Final = Decimal(1)


def split(
    lines: Sequence[FeeLine],
    catalog: CatalogBook,
    region: str,
    earlier: Callable[[FeeLine], SplitLine | None],
) -> tuple[SplitLine, ...]:
    """Each line with its split; `earlier` finds what a negative line may still give back.

    Raises LineRefused naming the line and what is wrong.
    """
    return tuple(one(at, line, catalog, region, earlier) for at, line in enumerate(lines))


def one(
    at: int,
    line: FeeLine,
    catalog: CatalogBook,
    region: str,
    earlier: Callable[[FeeLine], SplitLine | None],
) -> SplitLine:
    """One line with its split; `at` is its place, for the message."""
    item = catalog.item(line.item)
    if item is None:
        raise _refused(
            at, line, f"目录中没有编码 {line.item}", f"the catalog has no code {line.item}"
        )
    quantity, price = Decimal(line.quantity), Decimal(line.price)
    expected = (quantity * price * 100).quantize(_WHOLE_FEN, ROUND_HALF_UP)
    if abs(expected - line.total) > TOLERANCE:
        raise _refused(
            at,
            line,
            f"金额 {format_yuan(line.total)} 与数量×单价 {format_yuan(int(expected))} 不符",
            f"total {format_yuan(line.total)} is not quantity × price {format_yuan(int(expected))}",
        )
    if line.total < 0:
        terms, self_pay = _given_back(at, line, earlier)
    else:
        found = item.terms(region, line.at.date())
        if found is None:
            day: date = line.at.date()
            raise _refused(
                at,
                line,
                f"{item.name} 在 {day} 尚未列入就医地目录",
                f"{line.item} has no terms in the catalog of the treatment region on {day}",
            )
        terms, self_pay = found, line.self_pay
    self_paid, over_limit, first_pay = amounts(
        line.total, quantity, price, _SELF_PAID if self_pay else terms
    )
    return SplitLine(
        number=line.number,
        item=line.item,
        total=line.total,
        quantity=line.quantity,
        price=line.price,
        at=line.at.strftime("%Y-%m-%d %H:%M:%S"),
        self_paid=self_paid,
        over_limit=over_limit,
        first_pay=first_pay,
        item_class=terms.item_class,
        first_pay_share=terms.first_pay,
        price_limit=terms.price_limit,
        self_pay=self_pay,
        gives_back=line.gives_back,
        name=item.name,
        details=line.details,
    )


def amounts(total: Fen, quantity: Decimal, price: Decimal, terms: Terms) -> tuple[Fen, Fen, Fen]:
    """What of a line is self-paid, above the limit, and first paid; the rest is in scope. A negative
    line is split as the positive one, negated."""
    if total < 0:
        self_paid, over_limit, first_pay = amounts(-total, -quantity, price, terms)
        return -self_paid, -over_limit, -first_pay
    if terms.item_class == "C":
        return total, 0, 0
    over_limit = 0
    if terms.price_limit is not None and price * 100 > terms.price_limit:
        above = (price * 100 - terms.price_limit) * quantity
        over_limit = min(total, int(above.quantize(_WHOLE_FEN, ROUND_HALF_UP)))
    first_pay = round_micro((total - over_limit) * (terms.first_pay or 0))
    assert 0 <= over_limit + first_pay <= total
    return 0, over_limit, first_pay


def again(line: SplitLine) -> tuple[Fen, Fen, Fen]:
    """The split computed again from what was stored with the line."""
    terms = Terms(line.item_class, line.first_pay_share, line.price_limit)
    return amounts(
        line.total,
        Decimal(line.quantity),
        Decimal(line.price),
        _SELF_PAID if line.self_pay else terms,
    )


def sums(lines: Iterable[SplitLine]) -> tuple[Fen, Fen, Fen, Fen]:
    """Total, self-paid, over the limit and first pay of lines."""
    total = self_paid = over_limit = first_pay = 0
    for line in lines:
        total += line.total
        self_paid += line.self_paid
        over_limit += line.over_limit
        first_pay += line.first_pay
    return total, self_paid, over_limit, first_pay


def _given_back(
    at: int, line: FeeLine, earlier: Callable[[FeeLine], SplitLine | None]
) -> tuple[Terms, bool]:
    """A line that gives back is split by the terms of the line it gives back."""
    first = None if line.gives_back is None else earlier(line)
    if first is None or first.item != line.item or first.total <= 0:
        raise _refused(
            at,
            line,
            "退费明细要指明本次就诊未结算的原明细（同一目录编码）",
            "a negative line names the unsettled line of the same item that it gives back",
        )
    if first.price != line.price or Decimal(first.quantity) + Decimal(line.quantity) < 0:
        raise _refused(
            at, line, "退费不能超过原明细的数量，单价须相同",
            "no more than the first line's quantity may be given back, at the same price",
        )  # fmt: skip
    return Terms(first.item_class, first.first_pay_share, first.price_limit), first.self_pay


def _refused(at: int, line: FeeLine, zh: str, en: str) -> LineRefused:
    text = Text(
        f"第 {at + 1} 条明细（{line.number}）：{zh}", f"line {at + 1} ({line.number}): {en}"
    )
    return LineRefused(f"lines[{at}]", text.zh, text.en)
