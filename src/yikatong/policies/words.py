"""A policy in plain words, line by line, and what changed between two of them.

Each line has a key that stays the same from version to version, so that two policies are compared
line by line.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen, Ppm, format_percent, format_yuan_grouped
from yikatong.core.regions import short_name
from yikatong.policies.figures import ALWAYS
from yikatong.policies.model import (
    CARES,
    FILINGS,
    Adjustment,
    Band,
    CareRule,
    Figure,
    LayerRule,
    Policy,
    When,
)
from yikatong.policies.shown import FILING_NAMES, LAYER_NAMES, LEVEL_NAMES
from yikatong.policies.terms import CARE_NAMES

GROUP_NAMES: Final = {
    "student": Text("在校学生", "students"),
    "minor": Text("未成年人", "minors"),
    "low_income": Text("低保、低收入", "people of low income"),
    "destitute": Text("特困人员", "the destitute"),
    "orphan": Text("孤儿", "orphans"),
    "disabled": Text("重度残疾", "the severely disabled"),
    "veteran": Text("优抚对象", "veterans and their families"),
    "civil_servant": Text("公务员", "civil servants"),
    "enterprise_supplement": Text("有企业补充保险", "people with an enterprise supplement"),
    "tier_one": Text("一档缴费", "contribution tier one"),
    "tier_two": Text("二档缴费", "contribution tier two"),
    "first_year": Text("参保第一年", "first year of insurance"),
    "named_disease": Text("指定大病病种", "named serious diseases"),
}
_PLACES: Final = {
    "home": Text("统筹区内", "at home"),
    "province": Text("省内异地", "elsewhere in the province"),
    "elsewhere": Text("跨省", "in other provinces"),
}
_GRADES: Final = {
    "district": Text("区属", "district hospitals"),
    "grade_a": Text("甲等", "grade A"),
    "grade_b": Text("乙等", "grade B"),
}
_PER: Final = {
    "admission": Text("每次住院", "each admission"),
    "year": Text("每年", "a year"),
    "visit": Text("每次", "each visit"),
}
_LAYERS: Final = ("large_amount", "serious_illness", "civil_servant", "assistance")


class Line(msgspec.Struct, frozen=True):
    """One thing a policy says: one value, or one for each level of provider."""

    group: str
    """"general", a kind of care, a layer, "elsewhere"."""
    key: str
    label: Text
    values: tuple[Text, ...]


class Change(msgspec.Struct, frozen=True):
    """One value that is another in the later policy; None: one of them does not say it."""

    group: str
    label: Text
    level: Text | None
    """Of which level of provider; None: of all."""
    before: Text | None
    after: Text | None


def group_name(group: str) -> Text:
    """The heading over the lines of a group."""
    if group in CARE_NAMES:
        return CARE_NAMES[group]
    if group in LAYER_NAMES:
        return LAYER_NAMES[group]
    return {
        "general": Text("总则", "In general"),
        "elsewhere": Text("异地就医", "Care elsewhere"),
        "documents": Text("依据文件", "Documents"),
    }[group]


def describe(policy: Policy) -> list[Line]:
    """All a policy says, in the order in which it is applied."""
    lines = list(_general(policy))
    for care in CARES:
        lines += _care(policy, care)
    for name in _LAYERS:
        rule: LayerRule | None = getattr(policy, name)
        if rule is not None:
            lines += _layer(name, rule)
    return [*lines, *_elsewhere(policy)]


def difference(before: Policy, after: Policy) -> list[Change]:
    """What changed between two policies of a region and insurance, in the order of the lines."""
    old, new = ({(one.group, one.key): one for one in _told(each)} for each in (before, after))
    keys = list(dict.fromkeys((*new, *old)))
    groups = list(dict.fromkeys(group for group, _ in keys))
    found: list[Change] = []
    for key in sorted(keys, key=lambda one: groups.index(one[0])):
        found += _changes(old.get(key), new.get(key))
    return found


def _told(policy: Policy) -> list[Line]:
    documents = [
        Line("documents", one.number, Text(one.number, one.number), (Text(one.title, one.title),))
        for one in policy.documents
    ]
    return [*describe(policy), *documents]


def _changes(old: Line | None, new: Line | None) -> Iterator[Change]:
    known = new or old
    assert known is not None
    before, after = (() if one is None else one.values for one in (old, new))
    if before == after:
        return
    if len(before) <= 1 and len(after) <= 1:
        yield Change(
            known.group, known.label, None,
            before[0] if before else None, after[0] if after else None,
        )  # fmt: skip
        return
    for at, level in enumerate(LEVEL_NAMES.values()):
        one, other = (
            None if not values else values[at if len(values) > 1 else 0]
            for values in (before, after)
        )
        if one != other:
            yield Change(known.group, known.label, level, one, other)


def _general(policy: Policy) -> Iterator[Line]:
    month, day = policy.year_starts
    yield _line("general", "year", Text("医保年度", "Medical year"), Text(
        f"从 {month} 月 {day} 日起", f"from {month:02d}-{day:02d}"
    ))  # fmt: skip
    yield _line("general", "account_pays", Text("个人账户", "Medical account"), {
        "in_scope": Text("不付丙类和超限价部分", "does not pay class C or what is over price limits"),
        "person": Text("可以付全部个人负担", "may pay all of the person's part"),
    }[policy.account_pays])  # fmt: skip


def _care(policy: Policy, care: str) -> Iterator[Line]:
    whether = Text("统筹基金", "Pooled fund")
    if care not in policy.care:
        yield _line(care, "covered", whether, Text(
            "文件没有写明，不能估算", "the file does not say, so nothing is computed"
        ))  # fmt: skip
        return
    rule = policy.care[care]
    if rule is None:
        yield _line(care, "covered", whether, Text("不支付", "pays nothing"))
        return
    like = next((one for one in CARES if policy.care.get(one) is rule), care)
    if like != care:
        name = CARE_NAMES[like]
        yield _line(care, "covered", whether, Text(
            f"同{name.zh}，共用起付线和封顶线", f"as {name.en}, with the same deductible and cap"
        ))  # fmt: skip
        return
    yield from _deductible(care, rule)
    yield from _bands(care, rule.bands, paid=rule.over == "paid", above="")
    yield from _adjustments(care, rule.adjust)
    for cap in rule.caps:
        counted = (
            Text("按范围内费用", "of the in-scope amount")
            if cap.counts == "scope"
            else Text("按基金支付", "of what the fund pays")
        )
        then = (
            Text("，超过的由大额基金继续支付", "; the large-amount fund goes on")
            if cap.then
            else Text("", "")
        )
        label = Text(f"年度封顶线（{counted.zh}）", f"Cap of the year ({counted.en})")
        yield from _figure(care, f"cap.{cap.name}", label, cap.amount, then)


def _deductible(care: str, rule: CareRule) -> Iterator[Line]:
    one = rule.deductible
    if one is None:
        yield _line(care, "deductible", Text("起付线", "Deductible"), Text("无", "none"))
        return
    per = _PER[one.per]
    label = Text(f"起付线（{per.zh}）", f"Deductible ({per.en})")
    yield from _figure(care, "deductible", label, one.amount)
    later = Text("同年再次住院的起付线", "Deductible of later admissions")
    if one.later_factor is not None:
        share = format_percent(one.later_factor)
        yield _line(care, "later", later, Text(f"按 {share}%", f"{share} %"))
    elif one.later_minus:
        minus, floor = _plain(one.later_minus), _plain(one.later_floor)
        yield _line(care, "later", later, Text(
            f"每次减 {minus} 元，不低于 {floor} 元",
            f"each {minus} yuan less, not below {floor} yuan",
        ))  # fmt: skip
    if one.again_after_days is not None:
        days = one.again_after_days
        yield _line(care, "again", Text("长期住院", "Long stays"), Text(
            f"每满 {days} 天再付一次起付线", f"the deductible again after each {days} days"
        ))  # fmt: skip


def _bands(group: str, bands: Sequence[Band], *, paid: bool, above: str) -> Iterator[Line]:
    before: Figure | None = None
    for number, band in enumerate(bands):
        label = Text("报销比例", "Rate")
        if len(bands) > 1:
            told = _border(before, band.upto, paid=paid, above=above)
            label = Text(f"报销比例：{told.zh}", f"Rate: {told.en}")
        yield from _rates(group, f"rate.{number}", label, band.rate)
        before = band.upto


def _border(before: Figure | None, upto: Figure | None, *, paid: bool, above: str) -> Text:
    low = "" if before is None else _range(before)
    high = "" if upto is None else _range(upto)
    if not low:
        told = Text(f"{high} 元以内", f"up to {high} yuan")
    elif not high:
        told = Text(f"{low} 元以上", f"above {low} yuan")
    else:
        told = Text(f"{low} 至 {high} 元", f"{low} to {high} yuan")
    if paid:
        return Text(f"基金本年已付 {told.zh}", f"the fund paid {told.en} this year")
    if above == "deductible":
        return Text(f"起付线以上 {told.zh}", f"{told.en} above the deductible")
    return told


def _range(figure: Figure) -> str:
    amounts = [amount for case in figure for amount in case.by_level]
    low, high = _plain(min(amounts)), _plain(max(amounts))
    return low if low == high else f"{low}–{high}"


def _adjustments(group: str, found: Sequence[Adjustment]) -> Iterator[Line]:
    for one in found:
        who = _when(one.when) if one.when != ALWAYS else Text("所有人", "everybody")
        label = Text(f"比例调整：{who.zh}", f"Change of the rate: {who.en}")
        if one.share is not None:
            share = format_percent(one.share)
            value = Text(f"个人负担变为 {share}%", f"the person's share becomes {share} % of it")
        elif one.factor is not None:
            factor = format_percent(one.factor)
            value = Text(f"比例乘 {factor}%", f"the rate times {factor} %")
        else:
            points = format_percent(abs(one.points))
            more = one.points >= 0
            value = Text(
                f"{'加' if more else '减'} {points} 个百分点",
                f"{'+' if more else '−'}{points} points",
            )
        yield _line(group, f"adjust.{who.en}", label, value)


def _layer(name: str, rule: LayerRule) -> Iterator[Line]:
    if rule.when != ALWAYS:
        yield _line(name, "when", Text("适用", "For whom"), _when(rule.when))
    if len(rule.care) < len(CARES):
        cares = [CARE_NAMES[one] for one in CARES if one in rule.care]
        yield _line(name, "care", Text("适用的就医", "For which care"), _joined(cares))
    if rule.deductible is not None:
        label = Text("起付线（每年）", "Deductible (a year)")
        yield from _figure(name, "deductible", label, rule.deductible)
    yield from _bands(name, rule.bands, paid=False, above=rule.bands_from)
    yield from _adjustments(name, rule.adjust)
    if rule.cap is not None:
        yield from _figure(name, "cap", Text("年度封顶线", "Cap of the year"), rule.cap)


def _elsewhere(policy: Policy) -> Iterator[Line]:
    away = policy.elsewhere
    inside = (away.province_factor, away.province_points)
    same = inside == (away.factor, away.points)
    places = [("elsewhere", away.factor, away.points)]
    if not same:
        places.append(("province", *inside))
    for place, factors, points in places:
        where = Text("异地", "elsewhere") if same else _PLACES[place]
        for filing in FILINGS:
            name = FILING_NAMES[filing]
            label = Text(f"{where.zh}，{name.zh}", f"{name.en}, {where.en}")
            yield _line(
                "elsewhere", f"{place}.{filing}", label, _cut(factors[filing], points[filing])
            )
    if policy.unfiled == "refused":
        yield _line("elsewhere", "unfiled", Text("没有备案", "Without a filing"), Text(
            "不能直接结算", "no direct settlement"
        ))  # fmt: skip
    if policy.counts_as_filed:
        names = [Text(short_name(code), short_name(code, "en")) for code in policy.counts_as_filed]
        yield _line("elsewhere", "counts", Text("视同已备案", "Counts as filed"), _joined(names))


def _cut(factor: Ppm, points: Ppm) -> Text:
    if points:
        less = format_percent(-points)
        return Text(f"比例减 {less} 个百分点", f"the rate less {less} points")
    if factor == WHOLE:
        return Text("比例不变", "the same rate")
    share = format_percent(factor)
    return Text(f"比例的 {share}%", f"{share} % of the rate")


def _figure(
    group: str,
    key: str,
    label: Text,
    figure: Figure,
    then: Text = Text("", ""),  # noqa: B008 - frozen
) -> Iterator[Line]:
    for case_label, key_of_case, by_level in _cases(label, key, figure):
        yield Line(
            group, key_of_case, case_label, _by_level([_yuan(one, then) for one in by_level])
        )


def _rates(group: str, key: str, label: Text, figure: Figure) -> Iterator[Line]:
    for case_label, key_of_case, by_level in _cases(label, key, figure):
        yield Line(group, key_of_case, case_label, _by_level([_rate(one) for one in by_level]))


def _cases(
    label: Text, key: str, figure: Figure
) -> Iterator[tuple[Text, str, tuple[int, int, int, int]]]:
    for case in figure:
        if len(figure) == 1:
            yield label, key, case.by_level
        elif case.when == ALWAYS:
            yield Text(f"{label.zh}，其他人", f"{label.en}, others"), key, case.by_level
        else:
            who = _when(case.when)
            yield (
                Text(f"{label.zh}，{who.zh}", f"{label.en}, {who.en}"),
                f"{key}.{who.en}",
                case.by_level,
            )


def _by_level(values: Sequence[Text]) -> tuple[Text, ...]:
    return (values[0],) if len({(one.zh, one.en) for one in values}) == 1 else tuple(values)


def _yuan(amount: Fen, then: Text) -> Text:
    shown = _plain(amount)
    return Text(f"{shown} 元{then.zh}", f"{shown} yuan{then.en}")


def _rate(rate: Ppm) -> Text:
    shown = format_percent(rate)
    return Text(f"{shown}%", f"{shown} %")


def _when(when: When) -> Text:
    """A predicate in words; all that is said holds."""
    said: list[Text] = []
    if when.retired is not None:
        said.append(Text("退休", "retired") if when.retired else Text("在职", "working"))
    if when.age_from is not None and when.age_under is not None:
        until = when.age_under - 1
        said.append(Text(f"{when.age_from} 至 {until} 岁", f"aged {when.age_from} to {until}"))
    elif when.age_from is not None:
        said.append(Text(f"{when.age_from} 岁以上（含）", f"aged {when.age_from} and over"))
    elif when.age_under is not None:
        said.append(Text(f"不满 {when.age_under} 岁", f"under {when.age_under}"))
    if when.groups:
        said.append(_joined([GROUP_NAMES.get(one, Text(one, one)) for one in sorted(when.groups)]))
    if when.insured_years_from is not None:
        years = when.insured_years_from
        said.append(Text(f"连续参保满 {years} 年", f"insured for {years} years"))
    said += [_PLACES[one] for one in _PLACES if one in when.place]
    said += [FILING_NAMES[one] for one in FILINGS if one in when.filing]
    if when.admission_from is not None:
        count = when.admission_from
        said.append(Text(f"本年第 {count} 次住院起", f"from admission {count} of the year on"))
    said += [_GRADES[one] for one in _GRADES if one in when.grade]
    return Text(" ".join(one.zh for one in said), ", ".join(one.en for one in said))


def _plain(amount: Fen) -> str:
    """ "1,300" and "1,300.50"."""
    return format_yuan_grouped(amount).removesuffix(".00")


def _joined(found: Sequence[Text]) -> Text:
    return Text("、".join(one.zh for one in found), ", ".join(one.en for one in found))


def _line(group: str, key: str, label: Text, value: Text) -> Line:
    return Line(group, key, label, (value,))
