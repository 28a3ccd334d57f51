"""What becomes of filings when somebody files, changes, withdraws or comes home. Pure.

Each decision answers whole filings: the new one, and those it changes.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, cast

import msgspec

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.days import day_in_words
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.months import same_day_in
from yikatong.core.regions import short_name
from yikatong.medical.filings import rules
from yikatong.medical.filings.checks import (
    check_channel,
    check_eligible,
    check_materials,
    destination_of,
    end_of,
    period_of,
    subkind_of,
)
from yikatong.medical.filings.errors import (
    AlreadyFiled,
    FilingEnded,
    FilingInUse,
    FilingNotNeeded,
    FilingRefused,
    MayNotRefer,
    NotChangeable,
    NotEligible,
    TooEarly,
)
from yikatong.medical.filings.model import (
    REASON_MAX,
    FilingChange,
    KindRule,
    NewFiling,
    RegionRules,
    Stay,
    Use,
)
from yikatong.medical.model import Filing, Provider
from yikatong.people.model import Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.model import Insurance, Policy

_OPEN_MAX: Final = 20
"""Filings of one person that hold or will hold."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decision depends on."""

    person: Person
    enrolment: Enrolment | None
    """The medical insurance the filing is of; None: it has ended."""
    filings: Sequence[Filing]
    rules: RegionRules
    policy: Policy | None
    stay: Stay | None
    uses: Sequence[Use]
    now: datetime
    new_id: int
    """The number of the next filing."""

    @property
    def today(self) -> date:
        return self.now.astimezone(SHANGHAI).date()


class Outcome(msgspec.Struct, frozen=True):
    """The filings as they are from now on."""

    filing: Filing
    new: bool = False
    changed: tuple[Filing, ...] = ()
    """Other filings that changed with it."""


# ---- filing ----


def new(
    wanted: NewFiling,
    facts: Facts,
    *,
    by: Provider | None = None,
    to: Provider | None = None,
    instead_of: Filing | None = None,
) -> Outcome:
    """File. Of a transfer `by` is the hospital that refers and `to` the one that was named;
    `instead_of` is the filing whose destination is changed."""
    enrolment = _insured(facts)
    rule = facts.rules.kinds[wanted.kind]
    check_channel(wanted.channel, wanted.kind, rule)
    if len(wanted.reason) > REASON_MAX:
        raise InvalidInput(
            "reason", zh=f"最多 {REASON_MAX} 个字", en=f"at most {REASON_MAX} characters"
        )
    destination = destination_of(wanted.destination)
    _check_needed(destination, facts, enrolment)
    subkind = subkind_of(wanted, enrolment)
    stay = facts.stay
    there = stay if stay and regions.is_within(stay.region, destination) else None
    if wanted.kind == "emergency" and there is None:
        raise FilingNotNeeded(
            Text(
                "急诊抢救视同已备案，不必办理；请告诉医院按急诊登记",
                "emergencies count as filed; tell the hospital to register an emergency",
            ),
            "kind",
        )
    starts_on, ends_on = period_of(wanted, rule, there, facts.today)
    check_materials(wanted.materials, wanted.declared, subkind, rule)
    if by is not None:
        _check_referrer(by, facts, enrolment, rule)
    if to is not None and not regions.is_within(to.region, destination):
        raise InvalidInput(
            "to_provider",
            zh=f"{to.name}不在{short_name(destination)}",
            en=f"{to.english} is not in {short_name(destination, 'en')}",
        )
    filing = Filing(
        filing_id=facts.new_id,
        kind=wanted.kind,
        insurance=cast("Insurance", enrolment.insurance),
        region=enrolment.region,
        destination=destination,
        starts_on=starts_on,
        ends_on=ends_on,
        ended_by=None,
        ended_on=None,
        channel=wanted.channel,
        filed_at=facts.now,
        subkind=subkind,
        declared=wanted.declared
        and not set(rule.needs.get(subkind or "", ())) <= set(wanted.materials),
        materials=tuple(dict.fromkeys(wanted.materials)),
        provider_code=None if by is None else by.provider_code,
        to_provider=None if to is None else to.provider_code,
        visit_id=there.visit_id if there and wanted.kind == "emergency" else None,
        reason=wanted.reason,
        details=wanted.details,
    )
    others = [one for one in facts.filings if instead_of is None or one != instead_of]
    if sum(current(one, facts) for one in others) >= _OPEN_MAX:
        raise FilingRefused(
            f"有效备案已有 {_OPEN_MAX} 项，请先取消不用的",
            f"{_OPEN_MAX} filings are open already; withdraw those no longer used",
            "destination",
        )
    _check_better(filing, others)
    replaced = [one for one in others if rules.contradict(filing, one)]
    if instead_of is not None:
        replaced.append(instead_of)
    for old in replaced:
        _check_replaces(filing, old, rule, facts, changing=old is instead_of)
    if filing.kind == "long_term":
        _check_withdrawn(filing, facts.filings, rule)
    return Outcome(
        msgspec.structs.replace(filing, replaces=tuple(one.filing_id for one in replaced)),
        new=True,
        changed=tuple(
            msgspec.structs.replace(old, ended_by="change", ended_on=starts_on) for old in replaced
        ),
    )


def _insured(facts: Facts) -> Enrolment:
    if facts.person.died_on is not None:
        raise NotEligible(
            f"已登记身故（{day_in_words(facts.person.died_on, 'zh')}），不能备案；登记有误请到参保地更正",
            f"recorded dead since {day_in_words(facts.person.died_on, 'en')}; the home agency corrects errors",
            "person_id",
        )
    if facts.enrolment is None:
        raise NotEligible(
            "没有有效的医保参保登记，请先参保",
            "there is no medical insurance in force; enrol first",
            "insurance",
        )
    return facts.enrolment


def _check_needed(destination: str, facts: Facts, enrolment: Enrolment) -> None:
    zh, en = short_name(destination), short_name(destination, "en")
    if destination == enrolment.region:
        raise FilingNotNeeded(
            Text(f"{zh}就是参保地，看病不必备案", f"{en} is the insured place; no filing is needed")
        )
    if facts.policy is not None and policies.counts_as_filed(facts.policy, destination):
        raise FilingNotNeeded(
            Text(
                f"到{zh}就医视同已备案，不必办理，直接持卡就医",
                f"care in {en} counts as filed; nothing is to be done, just show the card",
            )
        )


def _check_referrer(by: Provider, facts: Facts, enrolment: Enrolment, rule: KindRule) -> None:
    """A hospital at home refers, or one where the person may be treated already."""
    if by.kind != "hospital" or by.level not in rule.levels:
        raise MayNotRefer("本机构等级不能办理转诊", "a provider of this level does not refer")
    if by.suspended_on is not None and by.suspended_on <= facts.today:
        raise MayNotRefer("本机构已暂停医保服务", "the provider is suspended")
    exempt = facts.policy is not None and policies.counts_as_filed(facts.policy, by.region)
    covered = rules.covering(
        facts.filings, enrolment.insurance, by.region, "inpatient", facts.today,
        insured_region=enrolment.region,
    )  # fmt: skip
    if rules.is_away(enrolment.region, by.region) and not exempt and covered is None:
        home = enrolment.region
        raise MayNotRefer(
            f"转诊须由参保地（{short_name(home)}）的医院办理，或由已备案就医地的医院再次转出",
            f"a hospital of the insured place ({short_name(home, 'en')}) refers, or one where a"
            " filing covers the person",
        )


def _check_better(filing: Filing, others: Sequence[Filing]) -> None:
    """A short filing where a long-term one covers all of it changes nothing."""
    if filing.kind == "long_term":
        return
    for one in others:
        found = rules.span(one)
        if (
            one.kind == "long_term"
            and (one.insurance, one.region) == (filing.insurance, filing.region)
            and regions.is_within(filing.destination, one.destination)
            and found is not None
            and found[0] <= filing.starts_on
            and (filing.ends_on or date.max) <= found[1]
        ):
            place = one.destination
            raise FilingNotNeeded(
                Text(
                    f"{short_name(place)}已有长期备案，待遇更好，不必另办",
                    f"a long-term filing for {short_name(place, 'en')} covers this at better rates",
                ),
                "kind",
            )


def _check_replaces(
    filing: Filing, old: Filing, rule: KindRule, facts: Facts, *, changing: bool
) -> None:
    """Whether the new filing may take the old one's place."""
    if old.region != filing.region:
        return  # of an insurance the person has left
    if filing.kind == "long_term":
        if old.destination == filing.destination:
            if old.starts_on <= filing.starts_on:
                raise AlreadyFiled(old)
            return
        earliest = same_day_in(old.starts_on, rule.change_after_months)
        # Until the day it begins, what was filed by mistake can be put right.
        if facts.today > old.starts_on and filing.starts_on < earliest:
            raise TooEarly(earliest, "destination")
    elif not changing:
        narrower = (
            regions.is_within(filing.destination, old.destination)
            and old.destination != filing.destination
        )
        same = old.destination == filing.destination
        ends, old_ends = filing.ends_on or date.max, old.ends_on or date.max
        if (
            narrower
            or ends < old_ends
            or (same and old.starts_on <= filing.starts_on and ends <= old_ends)
        ):
            raise AlreadyFiled(old)
    check_no_stay(old, facts, filing.starts_on, filing)


def _check_withdrawn(filing: Filing, filings: Sequence[Filing], rule: KindRule) -> None:
    """A filing withdrawn early does not make way for another place any sooner than a change."""
    for old in filings:
        if (
            old.kind == "long_term"
            and old.ended_by == "withdrawal"
            and (old.insurance, old.region) == (filing.insurance, filing.region)
            and old.destination != filing.destination
            and rules.span(old) is not None
        ):
            earliest = same_day_in(old.starts_on, rule.change_after_months)
            if filing.starts_on < earliest:
                raise TooEarly(earliest, "destination")


# ---- changing ----


def change(filing: Filing, wanted: FilingChange, facts: Facts) -> Outcome:
    """Another destination makes a new filing in the old one's place; all else changes in place."""
    check_current(filing, facts)
    if filing.provider_code is not None:
        raise NotChangeable(
            f"这项备案由医疗机构（{filing.provider_code}）办理，请由该机构撤销后重新办理",
            f"the hospital that made this filing ({filing.provider_code}) withdraws it and files anew",
            "filing_id",
        )
    rule = facts.rules.kinds[filing.kind]
    check_channel(wanted.channel, filing.kind, rule)
    subkind = wanted.subkind or filing.subkind
    if wanted.destination is not None and destination_of(wanted.destination) != filing.destination:
        if filing.kind in ("transfer", "emergency"):
            raise NotChangeable(
                "转诊和急诊备案不能改就医地，请由医院撤销后重新办理",
                "a transfer or an emergency keeps its destination; withdraw it and file anew",
                "destination",
            )
        check_no_stay(filing, facts, facts.today, None)
        return new(
            NewFiling(
                kind=filing.kind,
                destination=wanted.destination,
                channel=wanted.channel,
                subkind=subkind or ("long_term_resident" if filing.kind == "long_term" else None),
                starts_on=wanted.starts_on or max(facts.today, filing.starts_on),
                ends_on=wanted.ends_on or filing.ends_on,
                declared=wanted.declared,
                materials=wanted.materials,
                reason=filing.reason,
            ),
            facts,
            instead_of=filing,
        )
    if wanted.starts_on is not None:
        raise InvalidInput(
            "starts_on",
            zh="开始日期只能随就医地一起变更；要提前，请重新备案",
            en="the first day changes with the destination only; to begin earlier, file anew",
        )
    materials = tuple(dict.fromkeys([*filing.materials, *wanted.materials]))
    changed = msgspec.structs.replace(
        filing,
        subkind=subkind,
        materials=materials,
        declared=filing.declared or wanted.declared,
    )
    if wanted.subkind is not None:
        if filing.kind != "long_term":
            raise InvalidInput(
                "subkind", zh="只有长期备案分人员类别", en="only long-term filings have one"
            )
        check_eligible(wanted.subkind, _insured(facts))
        check_materials(materials, changed.declared, wanted.subkind, rule)
    if wanted.ends_on is not None:
        if filing.kind == "emergency":
            raise NotChangeable(
                "急诊备案到这次住院结算为止", "an emergency filing ends with the stay", "ends_on"
            )
        ends_on = end_of(wanted.ends_on, filing.starts_on, rule, facts.today)
        changed = msgspec.structs.replace(changed, ends_on=ends_on)
        for other in facts.filings:
            if other.filing_id != filing.filing_id and rules.contradict(changed, other):
                raise AlreadyFiled(other, "ends_on")
    if not rules.missing(changed, rule):
        changed = msgspec.structs.replace(changed, declared=False)
    if changed == filing:
        raise InvalidInput(
            "destination", zh="没有要变更的内容", en="nothing would change; say what shall"
        )
    return Outcome(changed)


def current(filing: Filing, facts: Facts) -> bool:
    """Whether it holds or will hold, and nothing took its place."""
    return filing.ended_by is None and (filing.ends_on is None or facts.today <= filing.ends_on)


def check_current(filing: Filing, facts: Facts) -> None:
    if not current(filing, facts):
        raise FilingEnded(filing)


def check_no_stay(filing: Filing, facts: Facts, ends_on: date, successor: Filing | None) -> None:
    """A stay under way keeps the filing it began under."""
    stay = facts.stay
    if (
        stay is not None
        and regions.is_within(stay.region, filing.destination)
        and rules.holds(filing, max(ends_on, stay.begun_on), stay.begun_on)
        and not (successor and regions.is_within(stay.region, successor.destination))
    ):
        raise FilingInUse(
            "正在当地住院或尚未结算，请出院结算后再办理",
            "a stay there is not settled yet; do this after discharge and settlement",
            "filing_id",
        )
