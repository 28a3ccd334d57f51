"""Payment runs as JSON: amounts in yuan, identifiers as texts."""

from typing import Any

import msgspec

from yikatong.benefits.model import Due
from yikatong.benefits.runs.model import (
    FINDINGS,
    FUND_NAMES,
    GROUP_NAMES,
    LINE_STATE_NAMES,
    RETURNED_TO_DO,
    STATE_NAMES,
    BankFile,
    Finding,
    Line,
    Returned,
    Run,
    Summary,
)
from yikatong.benefits.runs.paydays import payday
from yikatong.core import regions
from yikatong.core.days import month_in_words
from yikatong.core.money import format_yuan


class TextBody(msgspec.Struct):
    """A text in both languages."""

    zh: str
    en: str


class RunBody(msgspec.Struct):
    """A payment run."""

    run_id: str
    benefit: str
    insurance: str
    region: str
    region_name: TextBody
    month: str
    payday: str
    """The day on which the region pays the month."""
    corrects: str | None
    state: str
    state_name: TextBody
    lines: int
    prepared_by: str
    prepared_at: str
    checked_by: str | None
    checked_at: str | None
    approved_by: str | None
    approved_at: str | None
    approved_lines: int | None
    approved_amount: str | None
    started_by: str | None
    started_at: str | None
    paid_at: str | None
    cancelled_by: str | None
    cancelled_at: str | None


class ProgressBody(msgspec.Struct):
    """How far it is."""

    lines: int
    checked: int
    payable: int
    payable_amount: str
    paid: int
    paid_amount: str


class GroupBody(msgspec.Struct):
    """Lines that differ from last month for one reason."""

    group: str
    name: TextBody
    lines: int
    before: str
    amount: str
    difference: str


class StateBody(msgspec.Struct):
    """Lines in one state."""

    state: str
    name: TextBody
    lines: int
    amount: str


class FindingCountBody(msgspec.Struct):
    """A finding and how many lines have it."""

    code: str
    text: TextBody
    remedy: TextBody
    blocks: bool
    lines: int


class FileBody(msgspec.Struct):
    """A file for an outside bank."""

    bank: str
    lines: int
    amount: str
    made_at: str
    made_by: str
    answered_at: str | None


class SummaryBody(msgspec.Struct):
    """A run with its sums; amount - before = the sum of the groups' differences."""

    run: RunBody
    progress: ProgressBody
    before: str
    amount: str
    groups: list[GroupBody]
    states: list[StateBody]
    findings: list[FindingCountBody]
    files: list[FileBody]


class LineBody(msgspec.Struct):
    """What one person gets: amount = monthly + arrears - recovery."""

    person_id: int
    line: int
    account_id: str | None
    monthly: str
    arrears: str
    recovery: str
    amount: str
    before: str
    change: str
    change_name: TextBody
    state: str
    state_name: TextBody
    transaction_id: str | None
    reason: str | None


class FindingBody(msgspec.Struct):
    """A finding at a line, with what to do."""

    line: LineBody
    code: str
    text: TextBody
    remedy: TextBody
    blocks: bool


def _text(one: Any) -> TextBody:
    return TextBody(one.zh, one.en)


def _moment(at: Any) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def run(one: Run) -> RunBody:
    amount = one.approved_amount
    return RunBody(
        run_id=str(one.run_id),
        benefit=one.benefit,
        insurance=one.insurance,
        region=one.region,
        region_name=TextBody(regions.full_name(one.region), regions.full_name(one.region, "en")),
        month=f"{one.month:%Y-%m}",
        payday=payday(one.region, one.month).isoformat(),
        corrects=None if one.corrects is None else str(one.corrects),
        state=one.state,
        state_name=_text(STATE_NAMES[one.state]),
        lines=one.lines,
        prepared_by=one.prepared_by,
        prepared_at=one.prepared_at.isoformat(timespec="seconds"),
        checked_by=one.checked_by,
        checked_at=_moment(one.checked_at),
        approved_by=one.approved_by,
        approved_at=_moment(one.approved_at),
        approved_lines=one.approved_lines,
        approved_amount=None if amount is None else format_yuan(amount),
        started_by=one.started_by,
        started_at=_moment(one.started_at),
        paid_at=_moment(one.paid_at),
        cancelled_by=one.cancelled_by,
        cancelled_at=_moment(one.cancelled_at),
    )


def title(one: Run, language: str = "zh") -> str:
    """A run as people name it."""
    benefit = FUND_NAMES[one.insurance].in_language(language)
    place = regions.short_name(one.region, language)
    month = month_in_words(one.month, language)
    if language == "en":
        return f"{place}, {benefit}, {month}{' (correction)' if one.corrects else ''}"
    return f"{place}{benefit} {month}{'（更正）' if one.corrects else ''}"


def file(one: BankFile) -> FileBody:
    return FileBody(
        one.bank, one.lines, format_yuan(one.amount), one.made_at.isoformat(timespec="seconds"),
        one.made_by, _moment(one.answered_at),
    )  # fmt: skip


def summary(one: Summary) -> SummaryBody:
    done = one.progress
    return SummaryBody(
        run=run(one.run),
        progress=ProgressBody(
            done.lines, done.checked, done.payable, format_yuan(done.payable_amount), done.paid,
            format_yuan(done.paid_amount),
        ),
        before=format_yuan(one.before),
        amount=format_yuan(one.amount),
        groups=[
            GroupBody(
                each.group, _text(GROUP_NAMES[each.group]), each.lines, format_yuan(each.before),
                format_yuan(each.amount), format_yuan(each.difference),
            )
            for each in sorted(one.groups, key=lambda each: list(GROUP_NAMES).index(each.group))
        ],
        states=[
            StateBody(name, _text(LINE_STATE_NAMES[name]), count, format_yuan(amount))
            for name, (count, amount) in one.states.items()
        ],
        findings=[
            FindingCountBody(
                code, _text(FINDINGS[code].text), _text(FINDINGS[code].remedy), blocks, count
            )
            for code, (count, blocks) in one.findings.items()
        ],
        files=[file(each) for each in one.files],
    )  # fmt: skip


def line(one: Line) -> LineBody:
    return LineBody(
        person_id=one.person_id,
        line=one.line,
        account_id=None if one.account_id is None else str(one.account_id),
        monthly=format_yuan(one.monthly),
        arrears=format_yuan(one.arrears),
        recovery=format_yuan(one.recovery),
        amount=format_yuan(one.amount),
        before=format_yuan(one.before),
        change=one.change,
        change_name=_text(GROUP_NAMES[one.change]),
        state=one.state,
        state_name=_text(LINE_STATE_NAMES[one.state]),
        transaction_id=None if one.transaction_id is None else str(one.transaction_id),
        reason=one.reason,
    )


def returned(one: Returned) -> dict[str, Any]:
    return {
        "person_id": one.person_id,
        "benefit": one.benefit,
        "insurance": one.insurance,
        "region": one.region,
        "held_on": None if one.held_on is None else one.held_on.isoformat(),
        "run_id": None if one.run_id is None else str(one.run_id),
        "month": None if one.month is None else f"{one.month:%Y-%m}",
        "amount": None if one.amount is None else format_yuan(one.amount),
        "bank": one.bank,
        "reason": reason_text(one.reason, "zh"),
        "what_to_do": RETURNED_TO_DO.as_dict(),
    }


def recovery(one: Due) -> dict[str, Any]:
    return {
        "person_id": one.person_id,
        "due_id": str(one.due_id),
        "benefit": one.benefit,
        "insurance": one.insurance,
        "region": one.region,
        "amount": format_yuan(one.amount),
        "reason": one.reason,
        "month_from": None if one.month_from is None else f"{one.month_from:%Y-%m}",
        "month_until": None if one.month_until is None else f"{one.month_until:%Y-%m}",
        "since": one.created_at.date().isoformat(),
    }


def reason_text(reason: str | None, language: str) -> str | None:
    """Why a line came back: in the bank's words, or what the platform found itself."""
    known = FINDINGS.get(reason or "")
    return known.text.in_language(language) if known else reason


def finding(one: tuple[Line, Finding]) -> FindingBody:
    of, found = one
    told = FINDINGS[found.code]
    return FindingBody(line(of), found.code, _text(told.text), _text(told.remedy), found.blocks)
