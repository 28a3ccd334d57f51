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


_FINDINGS: Final[dict[str, tuple[bool, Text]]] = {
    "recorded_dead": (True, Text(
        "登记为已去世，请先到户籍地派出所或窗口更正", "recorded as dead; have that corrected first"
    )),
    "drawing_already": (True, Text(
        "已在领取养老金；职工和居民养老金只能领一份",
        "a pension is drawn already; only one of the two pensions can be drawn",
    )),
    "in_transfer": (True, Text(
        "养老保险关系正在转移，转移办结后再申领",
        "the insurance is being transferred; apply when that is done",
    )),
    "group_differs": (True, Text(
        "岗位类别与性别不符，请核对", "the kind of post does not fit the person's sex"
    )),
    "too_young": (True, Text(
        "还没有到可以退休的年月，最早{month}", "too early: not before {month}"
    )),
    "too_late": (True, Text(
        "弹性延迟退休最晚到{month}", "retirement can be put off until {month} at the latest"
    )),
    "months_missing": (True, Text(
        "缴费{paid}，最低{minimum}，还差{lacking}；可以继续缴费到满",
        "{paid} are paid, the minimum is {minimum}, {lacking} are missing; going on paying is possible",
    )),
    "in_future": (True, Text(
        "退休年月在三个月以后，请到前三个月再申领", "more than three months ahead; apply nearer to it"
    )),
    "months_differ": (False, Text(
        "申报的缴费月数比平台记录的多 {more} 个月，请核对缴费记录",
        "{more} months more than on record here; compare the contribution record",
    )),
    "arrears": (False, Text(
        "有欠费，补缴后年限会变", "contributions are owed; paying them adds to the years"
    )),
    "account_missing": (False, Text(
        "社保卡没有可用的银行账户，发放前请开立", "no bank account on the card; have one before payment"
    )),
    "employer_notice": (False, Text(
        "弹性提前退休须提前三个月书面告知单位", "retiring early: tell the employer three months ahead"
    )),
    "employer_agrees": (False, Text(
        "弹性延迟退休须单位同意并提前一个月书面约定",
        "retiring later: the employer agrees in writing a month ahead",
    )),
}  # fmt: skip
_AHEAD_MONTHS: Final = 3


def finding(code: str, **facts: Text) -> Finding:
    """A finding with its text, facts filled in."""
    blocks, text = _FINDINGS[code]
    return Finding(
        code,
        blocks,
        Text(
            text.zh.format_map({key: one.zh for key, one in facts.items()}),
            text.en.format_map({key: one.en for key, one in facts.items()}),
        ),
    )


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
