"""What speaks for and against an application for a pension. Pure."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.benefits.model import Entitlement
from yikatong.benefits.pension.age import (
    minimum_for,
    month_text,
    retirement,
    years_text,
)
from yikatong.benefits.pension.model import Career, Finding
from yikatong.benefits.pension.terms import Book
from yikatong.core.errors import Text
from yikatong.people.model import Enrolment, Person


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an application depends on."""

    person: Person
    enrolments: Sequence[Enrolment]
    entitlements: Sequence[Entitlement]
    has_account: bool
    """Whether a bank account for the pension is there."""
    today: date


_FINDINGS: Final[dict[str, tuple[bool, Text, Text]]] = {
    "recorded_dead": (True, Text("登记为已去世", "recorded as dead"), Text(
        "请先到户籍地派出所或社保窗口更正", "have that corrected first, at the police or a counter"
    )),
    "drawing_already": (True, Text("已在领取养老金", "a pension is drawn already"), Text(
        "职工和居民养老金只能领一份，不用再申领", "only one of the two pensions can be drawn"
    )),
    "in_transfer": (True, Text("养老保险关系正在转移", "the insurance is being transferred"), Text(
        "转移办结后再申领", "apply when that is done"
    )),
    "group_differs": (True, Text(
        "岗位类别与性别不符", "the kind of post does not fit the person's sex"
    ), Text("请核对岗位类别", "compare the kind of post")),
    "too_young": (True, Text(
        "还没有到可以退休的年月，最早{month}", "too early: not before {month}"
    ), Text("请从{month}起选退休年月", "choose {month} or later")),
    "too_late": (True, Text(
        "弹性延迟退休最晚到{month}", "retirement can be put off until {month} at the latest"
    ), Text("请选{month}或更早的年月", "choose {month} or earlier")),
    "months_missing": (True, Text(
        "缴费{paid}，最低{minimum}，还差{lacking}",
        "{paid} are paid, the minimum is {minimum}, {lacking} are missing",
    ), Text(
        "可以继续缴费，缴满后再申领；缴过没有计入的，请带凭证到窗口核对",
        "go on paying and apply when it is reached; if paid months are missing, bring the receipts "
        "to a counter",
    )),
    "in_future": (True, Text(
        "退休年月在三个月以后", "more than three months ahead"
    ), Text("请到前三个月再申领", "apply nearer to it")),
    "months_differ": (False, Text(
        "申报的缴费月数比平台记录的多 {more} 个月", "{more} months more than on record here"
    ), Text(
        "请上传缴费凭证，或带到窗口核对", "add the receipts to the application, or bring them to a counter"
    )),
    "arrears": (False, Text("有欠费", "contributions are owed"), Text(
        "补缴后年限会增加", "paying them adds to the years"
    )),
    "account_missing": (False, Text(
        "社保卡没有可用的银行账户", "no usable bank account on the card"
    ), Text("发放前请到发卡银行开立或启用", "have one opened at the card's bank before payment")),
    "employer_notice": (False, Text("这是弹性提前退休", "this is earlier than the statutory age"), Text(
        "须提前三个月书面告知单位", "tell the employer in writing three months ahead"
    )),
    "employer_agrees": (False, Text("这是弹性延迟退休", "this is later than the statutory age"), Text(
        "须单位同意，并提前一个月书面约定", "the employer agrees to it in writing a month ahead"
    )),
}  # fmt: skip
"""Whether it blocks, what it is, and what to do about it."""
_AHEAD_MONTHS: Final = 3


def finding(code: str, **facts: Text) -> Finding:
    """A finding with its text, facts filled in."""
    blocks, *texts = _FINDINGS[code]
    text, remedy = (
        Text(
            one.zh.format_map({key: fact.zh for key, fact in facts.items()}),
            one.en.format_map({key: fact.en for key, fact in facts.items()}),
        )
        for one in texts
    )
    return Finding(code, blocks, text, remedy)


def findings(career: Career, month: date, facts: Facts, book: Book) -> list[Finding]:
    """What speaks against retiring in a month, and what should be known; blocking ones first."""
    person = facts.person
    found: list[Finding] = []
    if person.died_on is not None:
        found.append(finding("recorded_dead"))
    if any(one.benefit == "pension" and one.status != "ended" for one in facts.entitlements):
        found.append(finding("drawing_already"))
    if career.insurance == "110" and (career.group == "men") != (person.sex == 1):
        found.append(finding("group_differs"))
    found += _insured(career, facts)
    found += _time(career, month, facts, book)
    return sorted(found, key=lambda one: not one.blocks)


def _insured(career: Career, facts: Facts) -> list[Finding]:
    mine = [one for one in facts.enrolments if one.insurance == career.insurance]
    found: list[Finding] = []
    if any(one.status == "in_transfer" for one in mine):
        found.append(finding("in_transfer"))
    recorded = sum(one.months_paid for one in mine)
    if career.months_paid > recorded:
        more = str(career.months_paid - recorded)
        found.append(finding("months_differ", more=Text(more, more)))
    if any(one.arrears_since is not None for one in mine):
        found.append(finding("arrears"))
    if not facts.has_account:
        found.append(finding("account_missing"))
    return found


def _time(career: Career, month: date, facts: Facts, book: Book) -> list[Finding]:
    when = retirement(career, book)
    found: list[Finding] = []
    minimum = minimum_for(career, when, month, book.nation)
    lacking = minimum - career.months
    if month < when.earliest:
        found.append(finding("too_young", month=month_text(when.earliest)))
    elif career.insurance == "110" and month > when.latest and career.months > minimum:
        # Who pays on to reach the minimum may retire later than the latest (社会保险法 第十六条).
        found.append(finding("too_late", month=month_text(when.latest)))
    if lacking > 0:
        found.append(
            finding(
                "months_missing",
                paid=years_text(career.months),
                minimum=years_text(minimum),
                lacking=years_text(lacking),
            )
        )
    ahead = (month.year - facts.today.year) * 12 + month.month - facts.today.month
    if ahead > _AHEAD_MONTHS:
        found.append(finding("in_future"))
    if career.insurance == "110" and when.earliest <= month < when.month:
        found.append(finding("employer_notice"))
    if career.insurance == "110" and when.month < month <= when.latest:
        found.append(finding("employer_agrees"))
    return found
