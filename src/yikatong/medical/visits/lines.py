"""Splitting fee lines by the catalog of the treatment region (就医地目录). Pure.

Class A is wholly in scope, class B after the item's first-pay share, class C never; what lies above
a price limit never is. What is given back is split by the terms of the line it was charged with, and
no part of it is more than is left of that line: so no part of a bill becomes negative by rounding.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from yikatong.core.errors import Text
from yikatong.core.money import Fen, format_yuan, round_micro
from yikatong.medical.catalog_book import CatalogBook, Terms
from yikatong.medical.visits.errors import LineRefused
from yikatong.medical.visits.model import FeeBatch, FeeLine, Left, SplitLine

TOLERANCE: Final[Fen] = 5
"""A line's total may differ from quantity × price by what a hospital's own rounding explains."""

_SELF_PAID: Final = Terms("C", None, None)
_WHOLE_FEN: Final = Decimal(1)

Earlier = Callable[[str], tuple[SplitLine, Left] | None]
"""Finds the line of a number that may be given back, and what is left of it."""


def split(
    lines: Sequence[FeeLine],
    catalog: CatalogBook,
    region: str,
    earlier: Earlier,
) -> tuple[SplitLine, ...]:
    """Each line with its split; `earlier` finds what a negative line may still give back.

    Raises LineRefused naming the line and what is wrong.
    """
    lefts: dict[str, Left] = {}
    return tuple(one(at, line, catalog, region, earlier, lefts) for at, line in enumerate(lines))


def one(
    at: int,
    line: FeeLine,
    catalog: CatalogBook,
    region: str,
    earlier: Earlier,
    lefts: dict[str, Left],
) -> SplitLine:
    """One line with its split; `at` is its place, for the message."""
    item = catalog.item(line.item)
    if item is None:
        raise _refused(
            at,
            line,
            "item",
            f"目录中没有编码 {line.item}，请核对医保目录编码",
            f"the catalog has no code {line.item}; compare it with the catalog",
        )
    quantity, price = Decimal(line.quantity), Decimal(line.price)
    expected = (quantity * price * 100).quantize(_WHOLE_FEN, ROUND_HALF_UP)
    if abs(expected - line.total) > TOLERANCE:
        raise _refused(
            at,
            line,
            "total",
            f"金额 {format_yuan(line.total)} 与数量×单价 {format_yuan(int(expected))} 不符",
            f"total {format_yuan(line.total)} is not quantity × price {format_yuan(int(expected))}",
        )
    left: Left | None = None
    if quantity < 0:
        first, left = _given_back(at, line, quantity, earlier, lefts)
        terms = Terms(first.item_class, first.first_pay_share, first.price_limit)
        self_pay = first.self_pay
    elif price < 0 or line.total < 0:
        raise _refused(
            at,
            line,
            "total",
            "单价和金额不能为负；退费用负数量表示",
            "price and total are not negative; a negative quantity gives back",
        )
    else:
        found = item.terms(region, line.at.date())
        if found is None:
            day: date = line.at.date()
            raise _refused(
                at,
                line,
                "item",
                f"{item.name} 在 {day} 尚未列入就医地目录",
                f"{line.item} has no terms in the catalog of the treatment region on {day}",
            )
        terms, self_pay = found, line.self_pay
    self_paid, over_limit, first_pay = parts = _parts(
        line.total, quantity, price, _SELF_PAID if self_pay else terms, left
    )
    if left is not None and line.gives_back:
        lefts[line.gives_back] = less(left, quantity, line.total, *parts)
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
        left=left,
        marks=item.marks,
    )


def amounts(total: Fen, quantity: Decimal, price: Decimal, terms: Terms) -> tuple[Fen, Fen, Fen]:
    """What of a line is self-paid, above the limit, and first paid; the rest is in scope."""
    if terms.item_class == "C":
        return total, 0, 0
    over_limit = 0
    if terms.price_limit is not None and price * 100 > terms.price_limit:
        above = (price * 100 - terms.price_limit) * quantity
        over_limit = min(total, int(above.quantize(_WHOLE_FEN, ROUND_HALF_UP)))
    first_pay = round_micro((total - over_limit) * (terms.first_pay or 0))
    assert 0 <= over_limit + first_pay <= total
    return 0, over_limit, first_pay


def _parts(
    total: Fen, quantity: Decimal, price: Decimal, terms: Terms, left: Left | None
) -> tuple[Fen, Fen, Fen]:
    if left is None:
        return amounts(total, quantity, price, terms)
    back = -total
    if back == left.total:
        # All that is left goes back, whatever was rounded on the way.
        return -left.self_paid, -left.over_limit, -left.first_pay
    self_paid, over_limit, first_pay = amounts(back, -quantity, price, terms)
    over_limit, first_pay = min(over_limit, left.over_limit), min(first_pay, left.first_pay)
    beyond = max(0, back - self_paid - over_limit - first_pay - left.in_scope)
    more = min(beyond, left.first_pay - first_pay)
    return -self_paid, -(over_limit + beyond - more), -(first_pay + more)


def again(line: SplitLine) -> tuple[Fen, Fen, Fen]:
    """The split computed again from what was stored with the line."""
    terms = Terms(line.item_class, line.first_pay_share, line.price_limit)
    return _parts(
        line.total,
        Decimal(line.quantity),
        Decimal(line.price),
        _SELF_PAID if line.self_pay else terms,
        line.left,
    )


def left_of(line: SplitLine, given_back: Iterable[SplitLine]) -> Left:
    """What is left of a line after others gave part of it back."""
    left = Left(line.quantity, line.total, line.self_paid, line.over_limit, line.first_pay)
    for one in given_back:
        left = less(
            left, Decimal(one.quantity), one.total, one.self_paid, one.over_limit, one.first_pay
        )
    return left


def less(
    left: Left, quantity: Decimal, total: Fen, self_paid: Fen, over_limit: Fen, first_pay: Fen
) -> Left:
    """What is left after so much, all negative, was given back."""
    return Left(
        str(Decimal(left.quantity) + quantity),
        left.total + total,
        left.self_paid + self_paid,
        left.over_limit + over_limit,
        left.first_pay + first_pay,
    )


def sums(lines: Iterable[SplitLine | FeeBatch]) -> tuple[Fen, Fen, Fen, Fen]:
    """Total, self-paid, over the limit and first pay of lines, or of whole batches."""
    total = self_paid = over_limit = first_pay = 0
    for line in lines:
        total += line.total
        self_paid += line.self_paid
        over_limit += line.over_limit
        first_pay += line.first_pay
    return total, self_paid, over_limit, first_pay


def _given_back(
    at: int, line: FeeLine, quantity: Decimal, earlier: Earlier, lefts: dict[str, Left]
) -> tuple[SplitLine, Left]:
    """The line a negative one gives back, and what is left of it."""
    number = line.gives_back
    found = None if number is None else earlier(number)
    if number is None or found is None or found[0].item != line.item:
        raise _refused(
            at,
            line,
            "gives_back",
            "退费明细要指明本次就诊未结算的原明细（同一目录编码）",
            "a negative line names the unsettled line of the same item that it gives back",
        )
    first, left = found
    left = lefts.get(number, left)
    rest = Decimal(left.quantity) + quantity
    if Decimal(first.price) != Decimal(line.price) or rest < 0:
        raise _refused(
            at, line, "quantity", "退费不能超过原明细的数量，单价须相同",
            "no more than the first line's quantity may be given back, at the same price",
        )  # fmt: skip
    kept = left.total + line.total
    if line.total > 0 or kept < 0 or (rest == 0 and kept != 0):
        raise _refused(
            at,
            line,
            "total",
            f"原明细尚余 {format_yuan(left.total)} 元：退费金额不能超出，全部退还时须相等",
            f"{format_yuan(left.total)} is left of the first line: no more may be given back, and"
            " exactly this with the last of its quantity",
        )
    return first, left


def _refused(at: int, line: FeeLine, column: str, zh: str, en: str) -> LineRefused:
    text = Text(
        f"第 {at + 1} 条明细（{line.number}）：{zh}", f"line {at + 1} ({line.number}): {en}"
    )
    return LineRefused(f"lines[{at}].{column}", text.zh, text.en)
