"""What ends a filing: withdrawal, and the way home. Pure."""

from collections.abc import Sequence

import msgspec

from yikatong.core import regions
from yikatong.core.months import same_day_in
from yikatong.medical.filings import rules
from yikatong.medical.filings.decisions import Facts, Outcome, check_current, check_no_stay
from yikatong.medical.filings.errors import FilingInUse, NotChangeable, TooEarly
from yikatong.medical.filings.model import Use
from yikatong.medical.model import Filing, Provider


def withdraw(filing: Filing, facts: Facts, *, by: Provider | None = None) -> Outcome:
    """End a filing from today. What a hospital made, that hospital alone takes back, before any use."""
    check_current(filing, facts)
    if filing.provider_code is not None and (
        by is None or by.provider_code != filing.provider_code
    ):
        raise NotChangeable(
            f"这项备案由医疗机构（{filing.provider_code}）办理，请由该机构撤销",
            f"the hospital that made this filing ({filing.provider_code}) withdraws it",
            "filing_id",
        )
    if by is not None and filing.provider_code is None:
        raise NotChangeable(
            "这项备案不是医疗机构办理的，请本人线上或到参保地窗口取消",
            "no hospital made this filing; the person withdraws it",
            "filing_id",
        )
    if by is not None and _used(filing, facts.uses):
        raise FilingInUse(
            "已按这项备案就医或结算，不能撤销；请先撤销结算和就诊登记",
            "care was given or settled with this filing; reverse that first",
            "filing_id",
        )
    check_no_stay(filing, facts, facts.today, None)
    rule = facts.rules.kinds[filing.kind]
    earliest = same_day_in(filing.starts_on, rule.withdraw_after_months)
    if filing.starts_on < facts.today < earliest:
        raise TooEarly(earliest, "filing_id")
    ended = msgspec.structs.replace(filing, ended_by="withdrawal", ended_on=facts.today)
    revived = _revived(ended, facts) if facts.today < filing.starts_on else ()
    return Outcome(ended, changed=revived)


def _revived(ended: Filing, facts: Facts) -> tuple[Filing, ...]:
    """What a filing replaced that never came to hold goes on, unless something else holds there."""
    others = [
        one
        for one in facts.filings
        if one.filing_id != ended.filing_id and one.filing_id not in ended.replaces
    ]
    found: list[Filing] = []
    # The newest first: what took an older one's place before goes on doing so.
    for old in sorted(facts.filings, key=lambda one: -one.filing_id):
        if (
            old.filing_id not in ended.replaces
            or old.ended_by != "change"
            or old.ended_on != ended.starts_on
        ):
            continue
        again = msgspec.structs.replace(old, ended_by=None, ended_on=None)
        for successor in found:
            if old.filing_id in successor.replaces:
                again = msgspec.structs.replace(
                    old, ended_by="change", ended_on=successor.starts_on
                )
        if not any(rules.contradict(again, one) for one in (*others, *found)):
            found.append(again)
    return tuple(found)


def _used(filing: Filing, uses: Sequence[Use]) -> bool:
    return any(
        regions.is_within(use.region, filing.destination)
        and rules.holds(filing, use.on)
        and use.kind in (None, filing.kind)
        for use in uses
    )


def come_home(facts: Facts) -> tuple[Filing, ...]:
    """The filings that end today because the person came back, where the region says so."""
    ended: list[Filing] = []
    for filing in facts.filings:
        if (
            filing.region == facts.rules.region
            and filing.ended_by is None
            and rules.holds(filing, facts.today)
            and facts.rules.kinds[filing.kind].ends_by_return
        ):
            check_no_stay(filing, facts, facts.today, None)
            ended.append(msgspec.structs.replace(filing, ended_by="return", ended_on=facts.today))
    return tuple(ended)
