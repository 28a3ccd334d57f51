"""What is asked of a filing before it is compared with others: channel, place, period, documents.
Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from yikatong.core import regions
from yikatong.core.days import day_in_words
from yikatong.core.errors import InvalidInput
from yikatong.core.months import same_day_in
from yikatong.medical.filings.errors import ChannelClosed, MaterialsMissing, NotEligible
from yikatong.medical.filings.model import (
    CHANNEL_NAMES,
    KIND_NAMES,
    MATERIAL_NAMES,
    Channel,
    KindRule,
    NewFiling,
    Stay,
)
from yikatong.medical.model import Subkind
from yikatong.people.model import Enrolment

_AHEAD_MONTHS: Final = 6
"""Nothing is filed further ahead."""


def check_channel(channel: Channel, kind: str, rule: KindRule) -> None:
    """Raise ChannelClosed where this kind is not filed in this way."""
    if channel in rule.channels:
        return
    name, open_to = KIND_NAMES[kind], [CHANNEL_NAMES[one] for one in rule.channels]
    raise ChannelClosed(
        f"“{name.zh}”备案的办理渠道是：{'、'.join(one.zh for one in open_to)}",
        f"a “{name.en}” filing is made {' or '.join(one.en for one in open_to)}",
        "channel",
    )


def destination_of(code: str) -> str:
    """A province or city; of a county its city. Raises InvalidInput."""
    region = regions.get(code, "destination")
    if region.pooled_in:
        return region.pooled_in
    if not any(one.pooled_in for one in regions.children(code)):
        raise InvalidInput(
            "destination",
            zh=f"{region.name}不在异地就医直接结算范围内",
            en=f"{region.english} takes no part in settling care elsewhere",
        )
    return code


def subkind_of(wanted: NewFiling, enrolment: Enrolment) -> Subkind | None:
    """The reason of a long-term filing; raises InvalidInput, NotEligible."""
    if (wanted.kind == "long_term") != (wanted.subkind is not None):
        raise InvalidInput(
            "subkind",
            zh="长期备案请选：异地安置退休、异地长期居住或常驻异地工作；其他备案不填",
            en="one of retired_settler, long_term_resident, posted_worker for long_term, else none",
        )
    check_eligible(wanted.subkind, enrolment)
    return wanted.subkind


def check_eligible(subkind: Subkind | None, enrolment: Enrolment) -> None:
    """Raise NotEligible where the person does not belong to those it is for."""
    if subkind == "retired_settler" and enrolment.category not in ("retired", "elderly"):
        raise NotEligible(
            "“异地安置退休”须已办理退休；未退休的请选异地长期居住或常驻异地工作",
            "this is for the retired; choose long_term_resident or posted_worker",
            "subkind",
        )
    if subkind == "posted_worker" and enrolment.category not in ("active", "flexible"):
        raise NotEligible(
            "“常驻异地工作”须是在职参保人员；其他人请选异地长期居住",
            "this is for people insured as working; choose long_term_resident",
            "subkind",
        )


def period_of(
    wanted: NewFiling, rule: KindRule, stay: Stay | None, today: date
) -> tuple[date, date | None]:
    """The first and the last day; back to the admission of a stay there. Raises InvalidInput."""
    earliest = min(today, stay.begun_on) if stay else today
    starts_on = earliest if wanted.starts_on is None else wanted.starts_on
    if starts_on < earliest:
        raise InvalidInput(
            "starts_on",
            zh=f"最早从{day_in_words(earliest, 'zh')}起；只有正在当地住院、还没有结算的，才能补办到入院那天",
            en=f"not before {day_in_words(earliest, 'en')}; only who is in hospital there, not settled"
            " yet, can file back to the admission",
        )
    if starts_on > (latest := same_day_in(today, _AHEAD_MONTHS)):
        raise InvalidInput(
            "starts_on",
            zh=f"最晚从{day_in_words(latest, 'zh')}起",
            en=f"not later than {day_in_words(latest, 'en')}",
        )
    return starts_on, end_of(wanted.ends_on, starts_on, rule, today)


def end_of(ends_on: date | None, starts_on: date, rule: KindRule, today: date) -> date | None:
    """The last day: as wanted, else as late as the region allows. Raises InvalidInput."""
    if rule.months is None:
        if ends_on is not None:
            raise InvalidInput(
                "ends_on",
                zh="长期备案一直有效，到取消为止，不填结束日期",
                en="a long-term filing holds until it is withdrawn; give no end",
            )
        return None
    longest = same_day_in(starts_on, rule.months) - timedelta(days=1)
    if ends_on is None:
        return longest
    soonest = max(starts_on, today)
    if not soonest <= ends_on <= longest:
        raise InvalidInput(
            "ends_on",
            zh=f"应在{day_in_words(soonest, 'zh')}至{day_in_words(longest, 'zh')}之间"
            f"（最长 {rule.months} 个月）",
            en=f"between {day_in_words(soonest, 'en')} and {day_in_words(longest, 'en')}"
            f" ({rule.months} months at most)",
        )
    return ends_on


def check_materials(
    shown: Sequence[str], declared: bool, subkind: Subkind | None, rule: KindRule
) -> None:
    """Raise where documents are missing that no declaration stands for."""
    if declared and not rule.declaration:
        raise InvalidInput(
            "declared",
            zh="这类备案不能用个人承诺书代替材料",
            en="no declaration stands for documents here",
        )
    lacking = [one for one in rule.needs.get(subkind or "", ()) if one not in shown]
    if declared:
        lacking = [one for one in lacking if one == "identity"]
    if lacking:
        may_declare = rule.declaration and lacking != ["identity"]
        raise MaterialsMissing([MATERIAL_NAMES[one] for one in lacking], may_declare)
