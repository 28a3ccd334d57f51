"""Comparing what a provider says of its settlements with what the platform holds. Pure.

A reversal is a settlement of its own here: it counts as one, and its amounts are negative.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import Fen, format_yuan

TOTALS_DAYS_MAX: Final = 366
DETAILS_DAYS_MAX: Final = 31
DETAILS_MAX: Final = 200_000
"""Settlements of one comparison."""


class Totals(msgspec.Struct, frozen=True):
    """Sums over settlements, in fen."""

    total: Fen = 0
    funds: Fen = 0
    """What all funds pay together."""
    account: Fen = 0
    """From the persons' own medical accounts."""
    count: int = 0


class TotalsCompared(msgspec.Struct, frozen=True):
    """Whether the totals agree, and both sides' figures."""

    agrees: bool
    ours: Totals
    stated: Totals
    text: Text


class Detail(msgspec.Struct, frozen=True):
    """One settlement or reversal, as one side has it; ids as texts, "" where not said."""

    settlement: str
    visit: str
    person: str
    message: str
    total: Fen
    funds: Fen
    account: Fen
    refund: bool
    """Whether it is a reversal (退费结算)."""


class Difference(msgspec.Struct, frozen=True):
    """A settlement that only one side has, or that the sides have differently."""

    kind: Literal["ours_only", "theirs_only", "differs"]
    ours: Detail | None
    theirs: Detail | None
    text: Text


_AMOUNTS: Final = (
    ("total", Text("医疗费总额", "the total bill")),
    ("funds", Text("基金支付总额", "what the funds pay")),
    ("account", Text("个人账户支付", "from the medical account")),
)
_IDS: Final = (
    ("visit", Text("就诊编号", "the visit")),
    ("person", Text("人员编号", "the person")),
    ("message", Text("报文编号", "the message")),
)
_COUNT: Final = Text("结算笔数", "the count")


def check_period(since: date, until: date, days_max: int, field: str) -> None:
    """Raise InvalidInput naming `field` where a period is upside down or too long."""
    if until < since:
        raise InvalidInput(
            field,
            zh=f"结束日期 {until} 早于开始日期 {since}",
            en=f"the period ends ({until}) before it begins ({since})",
        )
    if until - since >= timedelta(days=days_max):
        raise InvalidInput(
            field,
            zh=f"一次最多对账 {days_max} 天，请分段",
            en=f"a period has at most {days_max} days; compare it in parts",
        )


def compare_totals(ours: Totals, stated: Totals) -> TotalsCompared:
    """Figure by figure; the text names what differs with both sides' figures."""
    found = [
        (name, format_yuan(getattr(stated, field)), format_yuan(getattr(ours, field)))
        for field, name in _AMOUNTS
        if getattr(stated, field) != getattr(ours, field)
    ]
    if stated.count != ours.count:
        found.append((_COUNT, str(stated.count), str(ours.count)))
    if not found:
        text = Text(
            f"一致：{ours.count} 笔，医疗费总额 {format_yuan(ours.total)}",
            f"agrees: {ours.count} settlements, {format_yuan(ours.total)} in all",
        )
        return TotalsCompared(True, ours, stated, text)
    text = Text(
        "不一致：" + "；".join(f"{name.zh} 机构 {a}、平台 {b}" for name, a, b in found),
        "differs: " + "; ".join(f"{name.en} {a} at yours, {b} here" for name, a, b in found),
    )
    return TotalsCompared(False, ours, stated, text)


def sums(details: Iterable[Detail]) -> Totals:
    """The sums of details."""
    total = funds = account = count = 0
    for one in details:
        total += one.total
        funds += one.funds
        account += one.account
        count += 1
    return Totals(total, funds, account, count)


def differences(ours: Sequence[Detail], theirs: Sequence[Detail]) -> list[Difference]:
    """What only one side has or the sides have differently, ours in their order, then theirs.

    A settlement the provider lists twice is theirs only the second time.
    """
    listed: dict[str, list[Detail]] = defaultdict(list)
    for one in theirs:
        listed[one.settlement].append(one)
    found: list[Difference] = []
    doubled: list[Difference] = []
    for mine in ours:
        rows = listed.pop(mine.settlement, [])
        if not rows:
            found.append(Difference("ours_only", mine, None, _OURS_ONLY))
            continue
        row = next((one for one in rows if not _differing(mine, one)), rows[0])
        if differing := _differing(mine, row):
            zh = "；".join(f"{name.zh} 机构 {a}、平台 {b}" for name, a, b in differing)
            en = "; ".join(f"{name.en} {a} at yours, {b} here" for name, a, b in differing)
            found.append(Difference("differs", mine, row, Text(zh, en)))
        rows.remove(row)
        doubled += [Difference("theirs_only", mine, one, _DOUBLED) for one in rows]
    theirs_only = [
        Difference("theirs_only", None, one, _THEIRS_ONLY)
        for rows in listed.values()
        for one in rows
    ]
    return [*found, *doubled, *theirs_only]


_OURS_ONLY: Final = Text("平台有，机构没有", "here, not at yours")
_THEIRS_ONLY: Final = Text(
    "机构有，平台本期没有这笔结算", "at yours; no such settlement here in this period"
)
_DOUBLED: Final = Text("机构重复列出同一笔结算", "listed more than once at yours")


def _differing(ours: Detail, theirs: Detail) -> list[tuple[Text, str, str]]:
    """What differs, with their figure and ours; an id the provider leaves out is not compared."""
    found = [
        (name, format_yuan(getattr(theirs, field)), format_yuan(getattr(ours, field)))
        for field, name in _AMOUNTS
        if getattr(theirs, field) != getattr(ours, field)
    ]
    found += [
        (name, getattr(theirs, field), getattr(ours, field))
        for field, name in _IDS
        if getattr(theirs, field) not in ("", getattr(ours, field))
    ]
    if theirs.refund != ours.refund:
        found.append((_REFUND, str(int(theirs.refund)), str(int(ours.refund))))
    return found


_REFUND: Final = Text("退费结算标志", "the refund flag")
