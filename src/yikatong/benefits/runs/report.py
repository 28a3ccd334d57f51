"""The report of a run (发放报告): CSV of every line, and one page as PDF."""

import csv
import io
from collections.abc import AsyncGenerator
from datetime import datetime

from yikatong.benefits.runs import service, shown
from yikatong.benefits.runs.model import Summary
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan, format_yuan_grouped
from yikatong.core.pdf import Section, document
from yikatong.core.platform import Platform
from yikatong.trust.audit import Actor

_COLUMNS = (
    "line", "person_id", "monthly", "arrears", "recovery", "amount", "before", "difference", "change",
    "state", "reason", "transaction_id",
)  # fmt: skip


async def as_csv(platform: Platform, run_id: int, actor: Actor) -> AsyncGenerator[bytes]:
    """Every line with its difference to last month, piece by piece; the look is recorded."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    after = -1
    while True:
        found = await service.lines(platform, run_id, actor, after=after, limit=service.LINES_MAX)
        for one in found:
            writer.writerow(
                (
                    one.line, one.person_id, format_yuan(one.monthly), format_yuan(one.arrears),
                    format_yuan(one.recovery), format_yuan(one.amount), format_yuan(one.before),
                    format_yuan(one.amount - one.before), one.change, one.state, one.reason or "",
                    one.transaction_id or "",
                )
            )  # fmt: skip
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
        if len(found) < service.LINES_MAX:
            return
        after = found[-1].person_id


def as_pdf(found: Summary, made_at: datetime) -> bytes:
    """One page: sums, differences by group, findings, who prepared and approved."""
    body = shown.summary(found)
    one = body.run

    def moment(at: str | None) -> str:
        return "-" if at is None else at[:16].replace("T", " ")

    facts = [
        (Text("批次", "Run"), one.run_id),
        (Text("地区", "Region"), f"{one.region_name.zh} {one.region_name.en}"),
        (Text("待遇与月份", "Benefit and month"), shown.title(found.run)),
        (Text("状态", "State"), f"{one.state_name.zh} {one.state_name.en}"),
        (Text("生成", "Prepared by"), f"{one.prepared_by} {moment(one.prepared_at)}"),
        (Text("核对", "Checked by"), f"{one.checked_by or '-'} {moment(one.checked_at)}"),
        (Text("批准", "Approved by"), f"{one.approved_by or '-'} {moment(one.approved_at)}"),
        (Text("发放", "Paid by"), f"{one.started_by or '-'} {moment(one.paid_at)}"),
        (Text("上月（元）", "Last month (yuan)"), format_yuan_grouped(found.before)),
        (Text("本月（元）", "This month (yuan)"), format_yuan_grouped(found.amount)),
    ]
    groups = Section(
        Text("与上月的差异", "Differences to last month"),
        ("分组 Group", "人数 Lines", "上月 Before", "本月 Now", "差额 Difference"),
        [
            (f"{each.name.zh} {each.name.en}", f"{each.lines:,}", each.before, each.amount,
             each.difference)
            for each in body.groups
        ],
        right=(1, 2, 3, 4),
    )  # fmt: skip
    states = Section(
        Text("发放结果", "What became of the lines"),
        ("结果 State", "人数 Lines", "金额 Amount"),
        [
            (f"{each.name.zh} {each.name.en}", f"{each.lines:,}", each.amount)
            for each in body.states
        ],
        right=(1, 2),
    )
    findings = Section(
        Text("核对问题", "Findings"),
        ("问题 Finding", "人数 Lines", "处理 What to do"),
        [
            (
                f"{each.text.zh} {each.text.en}",
                f"{each.lines:,}",
                f"{each.remedy.zh} {each.remedy.en}",
            )
            for each in body.findings
        ],
        right=(1,),
        widths=("2fr", "1fr", "3fr"),
    )
    return document(
        title=Text("待遇发放报告", "Report of a payment run"),
        facts=facts,
        made_at=made_at,
        note=Text(
            "生成人与批准人不是同一人；每笔款项只发放一次。",
            "Prepared and approved by two persons; each payment is made once.",
        ),
        sections=[groups, states, *([findings] if body.findings else [])],
    )
