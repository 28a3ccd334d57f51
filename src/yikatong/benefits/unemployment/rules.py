"""Whether, for how long and how much unemployment benefit is due. Pure."""

from datetime import date
from typing import Final, Literal

from yikatong.benefits.months import Change
from yikatong.benefits.pension.age import delay
from yikatong.benefits.pension.model import Group, Nation
from yikatong.benefits.unemployment.model import (
    Estimate,
    Post,
    Question,
    Standard,
    Step,
    Told,
)
from yikatong.benefits.unemployment.terms import NoStandardOnFile, Terms
from yikatong.core import regions
from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen, format_percent, format_yuan, round_micro
from yikatong.core.months import add_months, month_of, months_between, months_from, next_month

PAID_LEAST: Final = 12
"""Months paid that give a benefit (社会保险法 第四十五条)."""
MONTHS_MAX: Final = 24
"""With months kept from before (社会保险法 第四十六条)."""
_YEAR: Final = 12
_RISEN: Final = date(2040, 1, 1)
"""From then on the retirement age rises no more."""
_FIRST: Final = 12
"""Months at the first amount, where a region pays less later."""
_GROUPS: Final[dict[tuple[int, str], Group]] = {
    (1, "worker"): "men",
    (1, "cadre"): "men",
    (2, "worker"): "women_50",
    (2, "cadre"): "women_55",
}
_IDENTITY: Final = Text(
    "身份证或社保卡（不需要离职证明）", "id card or social-security card, nothing else"
)
_PROOF: Final = Text(
    "单位违法的证明（如仲裁书）", "proof that the employer broke the law, such as an award"
)
_MISSES: Final[dict[str, Told]] = {
    one.code: one
    for one in (
        Told(
            "months_short",
            Text("失业保险缴费不满一年", "less than a year of contributions"),
            Text(
                "重新就业后继续缴费，缴费年限累计计算；生活困难的可向社区申请救助",
                "contributions go on counting once you work again; in need, ask your community for help",
            ),
        ),
        Told(
            "own_will",
            Text("本人自愿辞职", "the work was ended by own will"),
            Text(
                "如因单位欠薪、未缴社保等离职，请带上证明按“单位违法”申领",
                "where the employer broke the law (wages or contributions owed), claim for that reason",
            ),
        ),
        Told(
            "not_registered",
            Text("还没有办理失业登记", "not yet registered as looking for work"),
            Text(
                "凭身份证或社保卡在线或到任一社区办理，当天有效，不收费",
                "register online or in any community with your card: at once and free",
            ),
        ),
        Told(
            "employed",
            Text("仍在就业，有单位正在缴费", "still at work: an employer pays contributions"),
            Text(
                "如已离职，请单位办理停保减员",
                "where you have left, ask the employer to report it",
            ),
        ),
        Told(
            "retired",
            Text("已办理退休或正在领取养老金", "retired, or a pension is drawn"),
            Text("请咨询养老待遇", "please ask about your pension"),
        ),
        Told(
            "too_old",
            Text("已达到法定退休年龄", "the retirement age is reached"),
            Text("请办理退休", "please apply for your pension"),
        ),
        Told(
            "dead",
            Text("已登记死亡", "recorded as dead"),
            Text(
                "如有误，请带身份证到经办机构更正；遗属可申领丧葬补助金和抚恤金",
                "where wrong, have it put right with your id card; survivors may claim a lump sum",
            ),
        ),
        Told(
            "drawing",
            Text("已在领取失业保险金", "the benefit is drawn already"),
            Text("要换地方领取请办理转移", "to collect it elsewhere, have it transferred"),
        ),
        Told(
            "same_loss",
            Text(
                "这次失业已经领过失业保险金", "the benefit was drawn for this loss of work before"
            ),
            Text(
                "重新就业后再次失业的可以再申领，没有领完的月数合并计算；最后工作日填错的请更正",
                "claim again after new work has ended, the months left are added; if the last day of"
                " work is wrong, put it right",
            ),
        ),
        Told(
            "not_insured",
            Text("没有参加失业保险", "not insured against unemployment"),
            Text(
                "灵活就业和居民参保不含失业保险",
                "flexible and residents' insurance do not include it",
            ),
        ),
    )
}


def retires_on(birth: date, sex: Literal[1, 2], post: Post, nation: Nation) -> date:
    """The first day of the month in which the statutory age is reached, by the rules of pensions."""
    group = _GROUPS[sex, post]
    age = nation.groups[group].old_age + delay(group, birth, nation)
    return add_months(month_of(birth), age)


def delayed(birth: date, sex: Literal[1, 2], post: Post, nation: Nation) -> int:
    """By how many months that age is raised."""
    return delay(_GROUPS[sex, post], birth, nation)


def extended(ends_on: date, retires: date, day: date) -> int:
    """The months to add to a benefit that is drawn, as less than a year is missing to the retirement age:
    it goes on until then (渐进式延迟法定退休年龄的办法)."""
    month = month_of(day)
    if not 0 < months_from(month, retires) < _YEAR:
        return 0
    return max(0, months_from(month_of(ends_on), add_months(retires, -1)))


def with_pension(month: date, retires: date, delayed: int) -> bool:
    """Whether the fund pays pension contributions, too, for a month: in the last year before a retirement
    age that is raised (同上; 人社部发〔2024〕76号)."""
    return delayed > 0 and month < _RISEN and 0 < months_from(month, retires) < _YEAR


def amount(standard: Standard, number: int) -> Fen:
    """What the month of this number (from 1) pays: share of the minimum wage, rounded to the fen."""
    first = round_micro(standard.minimum_wage * standard.share)
    return first if number <= _FIRST else round_micro(first * standard.later_share)


def changes(region: str, starts_on: date, until: date, terms: Terms) -> list[Change]:
    """What the months of a benefit come to, through `until`, each by the standard that holds on its
    first day."""
    found: list[Change] = []
    months = months_between(month_of(starts_on), month_of(until))
    for number, month in enumerate(months, 1):
        try:
            sum_then = amount(terms.standard(region, max(month, starts_on)), number)
        except NoStandardOnFile:
            return []
        found.append(Change(next_month(month), sum_then))
    return found


def misses(asked: Question, nation: Nation) -> list[Told]:
    """What is not fulfilled (社会保险法 第四十五条, 第五十一条)."""
    found: list[str] = []
    if asked.died:
        found.append("dead")
    if asked.drawing:
        found.append("drawing")
    elif asked.same_loss:
        found.append("same_loss")
    elif asked.months_paid < PAID_LEAST and not asked.months_carried:
        found.append("months_short")
    if asked.reason == "resigned":
        found.append("own_will")
    if asked.employed:
        found.append("employed")
    if asked.retired:
        found.append("retired")
    elif (
        asked.birth is not None
        and asked.sex is not None
        and asked.on >= retires_on(asked.birth, asked.sex, asked.post, nation)
    ):
        found.append("too_old")
    if not asked.registered:
        found.append("not_registered")
    return [_MISSES[code] for code in found]


def miss(code: str) -> Told:
    """The text of a reason why not."""
    return _MISSES[code]


def estimate(asked: Question, terms: Terms) -> Estimate:
    """Whether, how long, how much, with every step; raises NoStandardOnFile."""
    not_fulfilled = misses(asked, terms.nation)
    region = asked.collect_in or asked.region
    own, source, recalled = terms.months_of(asked.region, asked.months_paid, asked.on)
    months = min(own + asked.months_carried, MONTHS_MAX)
    first_month = asked.on.replace(day=1)
    steps = [
        Step(
            Text("累计缴费对应的最长期限", "months that the contributions give at most"),
            source,
            Text(
                f"缴费 {asked.months_paid} 个月 → {own} 个月",
                f"{asked.months_paid} months paid → {own} months",
            ),
        )
    ]
    if asked.months_carried:
        steps.append(
            Step(
                Text(
                    "加上前次应领未领的期限，最长 24 个月",
                    "with months kept from before, 24 at most",
                ),
                "社会保险法 第四十六条",
                Text(
                    f"{own} + {asked.months_carried} → {months} 个月",
                    f"{own} + {asked.months_carried} → {months} months",
                ),
            )
        )
    if asked.birth is not None and asked.sex is not None:
        until = retires_on(asked.birth, asked.sex, asked.post, terms.nation)
        left = (until.year - first_month.year) * 12 + until.month - first_month.month
        if 0 <= left < months:
            months = left
            steps.append(
                Step(
                    Text("只发到退休年龄为止", "paid until the retirement age"),
                    "社会保险法 第五十一条",
                    Text(
                        f"{until:%Y-%m} 退休 → {left} 个月",
                        f"retires {until:%Y-%m} → {left} months",
                    ),
                )
            )
        if 0 < left - months < _YEAR and left > 0:
            steps.append(
                Step(
                    Text(
                        "领满时距退休不足一年的，续发到退休年龄（不计入期限）",
                        "where less than a year is missing then, it goes on until the retirement age"
                        " (not counted here)",
                    ),
                    "国务院关于渐进式延迟法定退休年龄的办法",
                    Text(f"{until:%Y-%m} 退休", f"retires {until:%Y-%m}"),
                )
            )
    standard = terms.standard(region, asked.on)
    monthly, later = amount(standard, 1), amount(standard, _FIRST + 1)
    where = Text(regions.short_name(region), regions.short_name(region, "en"))
    steps.append(
        Step(
            Text(
                f"{where.zh}的标准：最低工资 × 比例",
                f"standard of {where.en}: minimum wage × share",
            ),
            "；".join(standard.sources),
            Text(
                f"{format_yuan(standard.minimum_wage)} × {format_percent(standard.share)}% = "
                f"{format_yuan(monthly)} 元/月",
                f"{format_yuan(standard.minimum_wage)} × {format_percent(standard.share)} % = "
                f"{format_yuan(monthly)} yuan a month",
            ),
        )
    )
    if standard.later_share != WHOLE and months > _FIRST:
        steps.append(
            Step(
                Text("第 13 个月起", "from the thirteenth month on"),
                standard.sources[1],
                Text(
                    f"{format_yuan(monthly)} × {format_percent(standard.later_share)}% = "
                    f"{format_yuan(later)} 元/月",
                    f"{format_yuan(monthly)} × {format_percent(standard.later_share)} % = "
                    f"{format_yuan(later)} yuan a month",
                ),
            )
        )
    total = sum(amount(standard, number) for number in range(1, months + 1))
    steps.append(
        Step(
            Text("合计（标准不变时）", "in all (while the standard stays)"),
            "",
            Text(
                f"{months} 个月 → {format_yuan(total)} 元",
                f"{months} months → {format_yuan(total)} yuan",
            ),
        )
    )
    return Estimate(
        entitled=not not_fulfilled and months > 0,
        misses=not_fulfilled,
        months=months,
        first_month=first_month,
        last_month=add_months(first_month, months - 1) if months else None,
        monthly=monthly,
        later_monthly=later,
        total=total,
        region=region,
        steps=steps,
        documents=[_IDENTITY, *([_PROOF] if asked.reason == "resigned_for_cause" else [])],
        recalled=recalled or standard.recalled,
    )
