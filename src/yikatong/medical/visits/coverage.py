"""Whether care is settled directly for this person, here, now, and why not. Pure.

The same decisions as the portability answer (domain.md, section 9) in the words of a hospital's
counter; a test holds both against each other for every situation.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final, Literal, cast

import msgspec

from yikatong.cards.model import LIVE_STATES, Card
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text
from yikatong.core.months import next_month
from yikatong.medical.filings import rules as filing_rules
from yikatong.medical.model import ChronicRegistration, Filing, Provider
from yikatong.medical.visits.orders import Refusal
from yikatong.people.model import MEDICAL, Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.model import Care, Policy
from yikatong.policies.model import Filing as FilingKind

Insurance = Literal["310", "390"]


class CareFile(msgspec.Struct):
    """What is known of a person where care is concerned."""

    person: Person
    enrolments: Sequence[Enrolment] = ()
    card: Card | None = None
    """The live card, else the newest."""
    filings: Sequence[Filing] = ()
    chronic: Sequence[ChronicRegistration] = ()
    selected_providers: Sequence[str] = ()
    groups: frozenset[str] = frozenset()


def enrolment_for(file: CareFile, insurance: str | None) -> Enrolment | None:
    """The current medical enrolment: the one named, else employees' before residents'."""
    current = [
        one
        for one in file.enrolments
        if one.insurance in MEDICAL and one.status != "ended" and insurance in (None, one.insurance)
    ]
    return min(current, key=lambda one: one.insurance, default=None)


def insurance_of(enrolment: Enrolment) -> Insurance:
    """The enrolment's insurance, one of the two medical ones."""
    assert enrolment.insurance in MEDICAL
    return cast("Insurance", enrolment.insurance)


def refusals(
    file: CareFile,
    enrolment: Enrolment | None,
    provider: Provider,
    care: Care,
    on: date,
    now: datetime,
    policy: Policy | None,
    filing: FilingKind,
    disease: str | None = None,
) -> Iterator[Refusal]:
    """Every reason why nothing is paid directly, the gravest first."""
    yield from of_person(file, on)
    yield from of_card(file, provider, on, now)
    yield from of_insurance(enrolment, on, care, policy)
    away = enrolment is None or filing_rules.is_away(enrolment.region, provider.region)
    yield from of_provider(file, provider, care, on, away=away, disease=disease)
    if enrolment is not None and policy is not None:
        yield from of_filing(enrolment, policy, provider.region, filing)


def of_filing(
    enrolment: Enrolment, policy: Policy, region: str, filing: FilingKind
) -> Iterator[Refusal]:
    """Where the insured region pays nothing directly without a filing."""
    if (
        policy.unfiled == "refused"
        and filing == "none"
        and not policies.counts_as_filed(policy, region)
    ):
        name = regions.short_name(enrolment.region)
        yield _refusal(
            "filing_refused",
            f"参保地{name}要求先办理异地就医备案；可在结算前补办（国家医保服务平台或参保地经办机构）",
            f"{regions.short_name(enrolment.region, 'en')} asks for a filing; it can still be made"
            " before the settlement",
        )


def of_person(file: CareFile, on: date) -> Iterator[Refusal]:
    """The person's record."""
    died_on = file.person.died_on
    if died_on is not None and died_on < on:
        yield _refusal(
            "recorded_dead",
            f"该人员已登记死亡（{died_on}）；如有误，请本人到参保地经办机构更正",
            f"the person is recorded dead since {died_on}; errors are corrected by the home agency",
        )
    if not file.person.identity_matched:
        yield _refusal(
            "identity_mismatch",
            "身份信息与公安登记不一致，请到参保地经办机构更正",
            "the identity data do not match the register; the home agency corrects them",
        )


CARD_TEXTS: Final = {
    "loss_reported": Text(
        "社保卡已挂失；找到后可解挂，否则补卡", "the card is reported lost; withdraw or replace it"
    ),
    "locked": Text(
        "社保卡密码已锁定，请到服务网点或线上解锁", "the card's PIN is locked; unlock it first"
    ),
    "expired": Text("社保卡已过期，请换卡", "the card has expired; renew it"),
    "replaced": Text("这张卡已被新卡替代，请用新卡", "this card was replaced; use the newer one"),
    "cancelled": Text("社保卡已注销，请重新申领", "the card is cancelled; apply for a new one"),
}


def of_card(file: CareFile, provider: Provider, on: date, now: datetime) -> Iterator[Refusal]:
    """The card and its social-security application."""
    card = file.card
    if card is None:
        yield _refusal(
            "card_none", "没有可用的社保卡，请先申领", "there is no card yet; apply for one"
        )
        return
    if card.state not in LIVE_STATES:
        text = CARD_TEXTS[card.state]
        yield Refusal(f"card_{card.state}", text)
        return
    until = card.provisional_until
    if card.state == "loss_reported":
        yield Refusal("card_loss_reported", CARD_TEXTS["loss_reported"])
    elif card.state == "loss_reported_provisionally" and (
        until is None or (until > now and until.astimezone(SHANGHAI).date() >= on)
    ):
        ends = until.astimezone(SHANGHAI).date() if until else None
        yield _refusal(
            "card_loss_reported_provisionally",
            f"社保卡已临时挂失（至 {ends or '—'}），可解挂后使用",
            f"the card is provisionally reported lost until {ends or '—'}; withdraw the report",
        )
    elif card.state == "locked":
        yield Refusal("pin_locked", CARD_TEXTS["locked"])
    if card.valid_until < on:
        yield Refusal("card_expired", CARD_TEXTS["expired"])
    if card.social_security_app == "inactive":
        yield _refusal(
            "social_security_app_inactive",
            "社保卡社保功能未启用，请先启用",
            "the card's social-security application is not activated; activate it first",
        )
    issued = regions.find(card.region)
    home = (issued.pooled_in or card.region) if issued else card.region
    if card.generation == 1 and not regions.is_within(provider.region, home):
        yield _refusal(
            "first_generation_unreadable",
            "第一代社保卡在外地无法读取，请换领第三代卡",
            "a first-generation card cannot be read elsewhere; renew it",
        )
    if card.name_on_card != file.person.name:
        yield _refusal(
            "card_data_outdated",
            "卡内姓名与登记信息不一致，请换卡",
            "the name on the card is outdated; renew it",
        )


def of_insurance(
    enrolment: Enrolment | None, on: date, care: Care, policy: Policy | None
) -> Iterator[Refusal]:
    """Enrolment, arrears, waiting period, transfer."""
    if enrolment is None:
        yield _refusal(
            "not_insured",
            "没有有效的基本医疗保险参保信息，请到参保地参保",
            "there is no current basic medical insurance; the home agency enrols",
        )
        return
    if enrolment.ends_on is not None and enrolment.ends_on < on:
        yield _refusal(
            "benefits_ended",
            f"参保关系已于 {enrolment.ends_on} 终止，请到参保地重新参保",
            f"the insurance ended on {enrolment.ends_on}; the home agency renews it",
        )
        return
    if enrolment.status == "in_transfer":
        yield _refusal(
            "insurance_in_transfer",
            "医保关系正在转移，办结后恢复；先自费，之后可手工报销",
            "the insurance is being transferred; pay first and claim by hand afterwards",
        )
    if enrolment.status == "suspended":
        yield _refusal(
            "insurance_suspended",
            f"参保已暂停（{enrolment.suspended_on or '—'} 起），请到参保地恢复",
            f"the insurance is suspended since {enrolment.suspended_on or '—'}; the home agency"
            " resumes it",
        )
    arrears = enrolment.arrears_since
    if arrears is not None and on >= next_month(arrears):
        yield _refusal(
            "arrears",
            f"欠缴医疗保险费（{arrears} 起），补缴后恢复待遇",
            f"contributions are owed since {arrears}; benefits come back once they are paid",
        )
    if enrolment.benefits_from > on:
        yield _refusal(
            "in_waiting_period",
            f"在待遇等待期内，{enrolment.benefits_from} 起享受待遇",
            f"in the waiting period; benefits begin on {enrolment.benefits_from}",
        )
    if enrolment.retired and not enrolment.retirement_confirmed:
        yield _refusal(
            "retirement_unconfirmed",
            "退休人员医保待遇尚未核定，请到参保地办理",
            "the retired person's benefits are not confirmed yet; the home agency does that",
        )
    if policy is not None and care in policy.care and policy.care[care] is None:
        yield _refusal(
            "wrong_insurance_for_service",
            "该险种统筹基金不支付此类费用",
            "this insurance does not pay for this kind of care",
        )


def of_provider(
    file: CareFile,
    provider: Provider,
    care: Care,
    on: date,
    *,
    away: bool,
    disease: str | None,
) -> Iterator[Refusal]:
    """What the provider is designated for, and the person's diseases and choices."""
    if provider.suspended_on is not None and provider.suspended_on <= on:
        yield _refusal(
            "provider_suspended",
            f"本机构自 {provider.suspended_on} 起暂停医保结算",
            f"this provider is suspended since {provider.suspended_on}",
        )
    if care not in provider.cares:
        yield _refusal(
            "provider_not_designated",
            "本机构未定点开展此类医疗服务",
            "this provider is not designated for this kind of care",
        )
    elif away and care not in provider.cross_region_cares:
        yield _refusal(
            "provider_not_cross_region",
            "本机构未开通此类费用的异地直接结算",
            "this provider does not settle this kind of care for other regions",
        )
    if care == "chronic":
        yield from of_disease(file, provider, on, disease)
    chosen = file.selected_providers
    if care == "outpatient" and not away and chosen and provider.provider_code not in chosen:
        yield _refusal(
            "provider_not_selected",
            "不是参保人选定的定点机构，请先变更定点（2505）",
            "the person chose another provider; change the choice first (2505)",
        )


def of_disease(
    file: CareFile, provider: Provider, on: date, disease: str | None
) -> Iterator[Refusal]:
    """Whether the chronic disease is registered, and the provider designated for it."""
    valid = [
        one.disease
        for one in file.chronic
        if one.starts_on <= on and (one.ends_on is None or on <= one.ends_on)
    ]
    mine = [one for one in valid if disease is None or one in disease or disease in one]
    if not mine:
        known = "、".join(valid) or "无"
        yield _refusal(
            "chronic_not_registered",
            f"该病种未办理门诊慢特病登记（已登记：{known}）",
            f"the disease is not registered as chronic (registered: {', '.join(valid) or 'none'})",
        )
    elif not set(mine) & set(provider.chronic_diseases):
        yield _refusal(
            "provider_not_for_disease",
            f"本机构不是{mine[0]}的门诊慢特病定点机构",
            f"this provider is not designated for {mine[0]}",
        )


def _refusal(code: str, zh: str, en: str) -> Refusal:
    return Refusal(code, Text(zh, en))
