"""What does not go as it should (异常): found where it lies, each with since when, why and what to do.

There is no table of exceptions that could disagree with the facts; what was mended is gone by itself.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from yikatong.benefits.runs import returned
from yikatong.benefits.runs import service as runs
from yikatong.benefits.runs import shown as runs_shown
from yikatong.benefits.runs.model import STATE_NAMES
from yikatong.benefits.runs.paydays import payday
from yikatong.cards.office import applying, terms
from yikatong.cards.office.rules import due_on, working_days_after
from yikatong.cards.production import service as production
from yikatong.core import due_work, pulse, regions, sending
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.days import moment_in_words
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.exchange import service as exchange
from yikatong.identity.approvals.service import Approvals
from yikatong.money import verification
from yikatong.money.outside import reconciliation
from yikatong.portals import exceptions_store as store
from yikatong.trust import seals
from yikatong.trust.access import NATION, PERMISSIONS, Caller

_DAILY: Final = frozenset(
    (
        "cards_daily",
        "benefits",
        "unemployment",
        "runs_compared",
        "filing_reminders",
        "reminders",
        seals.LATELY,
    )
)
_LATE: Final = timedelta(minutes=10)
_LATE_DAILY: Final = timedelta(hours=26)
_TEXT_LATE: Final = timedelta(minutes=10)
_ORDER_LATE: Final = timedelta(hours=1)
_RUN_WAITS: Final = timedelta(days=1)
_A_DAY: Final = timedelta(days=1)
_TIDY: Final = timedelta(minutes=30)
_RUNS_READ: Final = 200
_WORK: Final[dict[str, Text]] = {
    "money": Text("资金到期业务", "due work with money"),
    "cards": Text("社保卡到期业务", "due work with cards"),
    "texts": Text("发送短信", "sending texts"),
    "e_cards": Text("清理电子社保卡记录", "clearing away of e-card records"),
    "sums": Text("往来日汇总", "sums by day"),
    "tidy": Text("清理过期数据", "clearing away of what is over"),
    "cards_daily": Text("社保卡每日业务", "daily work with cards"),
    "benefits": Text("待遇每日业务", "daily work with benefits"),
    "unemployment": Text("失业待遇每日业务", "daily work with unemployment benefit"),
    "runs_compared": Text("发放批次与总账核对", "payment runs against the ledger"),
    "filing_reminders": Text("备案到期提醒", "reminders of filings"),
    "reminders": Text("到期提醒", "reminders"),
    "seals": Text("封存操作记录", "sealing of the audit trail"),
    seals.LATELY: Text("核验近日操作记录", "proving the last days of the audit trail"),
}
"""What `serving` does when due, by its name in `core.due_work`."""
_ASKED_FOR: Final = {
    verification.CHECK: Text("核验总账", "proving the ledger"),
    seals.WHOLE: Text("核验操作记录", "proving the audit trail"),
}
"""What somebody does when they wish to."""


class Found(msgspec.Struct, frozen=True):
    """One exception."""

    kind: str
    subject: str
    """Which one of its kind: a name, a number, a region."""
    since: datetime
    what: Text
    why: Text
    to_do: Text
    region: str = NATION
    link: str = ""
    """Where it is mended; "" where that is not done on a page."""
    again: tuple[str, str] | None = None
    """Bank and day to be compared again, where that is what helps."""
    taken_by: str = ""
    taken_at: datetime | None = None

    @property
    def key(self) -> store.Key:
        return self.kind, self.subject, self.since


async def find(
    platform: Platform, connection: Connection, caller: Caller, approvals: Approvals
) -> Sequence[Found]:
    """All that the caller may see, the oldest first."""
    now = platform.clock.now()
    found: list[Found] = []
    if caller.everywhere("operations.read"):
        found += await _platform(connection, now)
        found += await _banks(connection, now)
    found += await _outages(connection, now, caller)
    if caller.may("benefit.read"):
        found += await _returned(connection, caller)
    if areas := caller.regions("cards.read") | caller.regions("cards.produce"):
        found += await _batches(platform, areas, now)
        found += await _late_applications(platform, connection, areas)
    if caller.may("run.read"):
        found += await _runs(platform, caller, now)
    found += await _approvals(approvals, caller)
    taken = await store.taken(connection)
    known = [
        msgspec.structs.replace(one, taken_by=taken[one.key][0], taken_at=taken[one.key][1])
        if one.key in taken
        else one
        for one in found
    ]
    return sorted(known, key=lambda one: (one.since, one.kind, one.subject))


async def _platform(connection: Connection, now: datetime) -> list[Found]:
    found: list[Found] = []
    for one in await due_work.every(connection):
        name = (_WORK | _ASKED_FOR).get(one.name, Text(one.name, one.name))
        if one.failed_since is not None:
            found.append(
                Found(
                    "due_work", one.name, one.failed_since,
                    Text(f"没有办成：{name.zh}", f"not done: {name.en}"),
                    Text(
                        f"{one.reason.zh}（连续 {one.failures} 次）",
                        f"{one.reason.en} ({one.failures} times running)",
                    ),
                    Text(
                        "系统会自动重试。超过 10 分钟未恢复，请查看服务日志中的 due work",
                        "it is tried again by itself; after 10 minutes look for “due work” in the log",
                    ),
                )
            )  # fmt: skip
        elif one.name in _WORK and one.last_at < now - _allowed(one.name):
            found.append(
                Found(
                    "due_work_stopped", one.name, one.last_at,
                    Text(f"没有再办：{name.zh}", f"not tried any more: {name.en}"),
                    Text("上次办理后没有再运行", "it has not run since then"),
                    Text(
                        "请确认 yikatong up 的主进程在运行，必要时重新启动",
                        "see whether the first process of `yikatong up` runs; start it again if not",
                    ),
                )
            )  # fmt: skip
    found += [
        Found(
            "process", one.name, one.seen_at,
            Text(f"服务进程没有回应：{one.name}", f"a process gives no sign of life: {one.name}"),
            Text("进程被终止或卡住了", "it was killed, or it hangs"),
            Text(
                "主进程会重新启动它，一天后此条消失；如果没有新进程出现，请重新启动服务",
                "the first process starts another, and this one is forgotten after a day; if no new one"
                " appears, start the platform again",
            ),
            link="/operations#processes",
        )
        for one in await pulse.processes(connection)
        if one.seen_at < now - pulse.QUIET_AFTER
    ]  # fmt: skip
    failed, first, waiting, oldest = await sending.not_sent(
        connection, now - _A_DAY, now - _TEXT_LATE
    )
    if failed and first is not None:
        found.append(
            Found(
                "texts_failed", "", first,
                Text(f"{failed} 条短信没有发出", f"{failed} texts were not sent"),
                Text("短信网关拒绝，或超过了有效时间", "the gateway refused them, or it was too late"),
                Text(
                    "请查看日志中的 a text was not sent，联系短信服务商；通知本身在本人的消息里",
                    "look for “a text was not sent” in the log and ask the gateway's operator; the"
                    " notices themselves are in people's inboxes",
                ),
            )
        )  # fmt: skip
    if waiting and oldest is not None:
        found.append(
            Found(
                "texts_waiting", "", oldest,
                Text(f"{waiting} 条短信还没有发出", f"{waiting} texts still wait"),
                Text("排队超过 10 分钟", "for more than 10 minutes"),
                Text(
                    "请检查 YIKATONG_SENDER_URL 的短信网关是否可用",
                    "see whether the gateway of YIKATONG_SENDER_URL answers",
                ),
            )
        )  # fmt: skip
    return found


def _allowed(name: str) -> timedelta:
    return _LATE_DAILY if name in _DAILY else _TIDY if name == "tidy" else _LATE


async def _banks(connection: Connection, now: datetime) -> list[Found]:
    found = [
        Found(
            "bank_difference", f"{bank} {day}", since,
            Text(f"与 {bank} {day} 的账不符", f"{bank} and we differ on {day}"),
            Text(f"{count} 笔不一致", f"{count} orders do not agree"),
            Text(
                "先再对一次账；仍不一致的，按 yikatong money reconcile 列出的逐笔与银行核实",
                "compare once more; ask the bank about what `yikatong money reconcile` still lists",
            ),
            again=(bank, f"{day}"),
        )
        for bank, day, count, since in await reconciliation.open_differences(connection)
    ]  # fmt: skip
    found += [
        Found(
            "bank_orders", bank, oldest,
            Text(f"{count} 笔付款 {bank} 没有结果", f"{count} orders to {bank} have no outcome"),
            Text("有的不再重发，只能对账确认", "some are tried no more: only its statement tells")
            if given_up
            else Text("银行没有回应，正在重试", "the bank does not answer; they are tried again"),
            Text(
                "请确认银行接口可用；第二天用 yikatong money reconcile 对账",
                "see whether the bank answers, and compare with its statement the next day: `yikatong"
                " money reconcile`",
            ),
        )
        for bank, count, oldest, given_up in await reconciliation.without_outcome(
            connection, now - _ORDER_LATE
        )
    ]  # fmt: skip
    return found


async def _outages(connection: Connection, now: datetime, caller: Caller) -> list[Found]:
    return [
        Found(
            "outage", region, since,
            Text(
                f"{regions.short_name(region)}的系统没有回应",
                f"the systems of {regions.short_name(region, 'en')} do not answer",
            ),
            Text(
                "该地的参保信息读不到，异地业务会被拒绝",
                "what is known of insurance there cannot be read; care elsewhere is refused",
            ),
            Text("请联系该地运行值班", "call the operators there"),
            region,
        )
        for region, since in await exchange.outages(connection, now)
        if caller.may("operations.read", region)
    ]  # fmt: skip


async def _returned(connection: Connection, caller: Caller) -> list[Found]:
    return [
        Found(
            "returned", region, datetime.combine(day, time(), SHANGHAI),
            Text(
                f"{regions.short_name(region)}：{count} 人的待遇被银行退回",
                f"{regions.short_name(region, 'en')}: benefits came back from the bank, people: {count}",
            ),
            Text("账户不存在、已销户或户名不符", "no such account, closed, or another name"),
            Text(
                "请联系本人更正账户，再确认账户无误，下一批次补发",
                "have the account put right and say so; the next run pays again",
            ),
            region,
            "/operations/by-hand",
        )
        for region, count, day in await returned.counted(
            connection, sorted(caller.regions("benefit.read"))
        )
        if day is not None
    ]  # fmt: skip


async def _batches(platform: Platform, areas: frozenset[str], now: datetime) -> list[Found]:
    prefixes = None if NATION in areas else [_prefix(one) for one in sorted(areas)]
    rules = terms.load()
    found: list[Found] = []
    for one in await production.batches(platform, prefixes, open_only=True):
        begun = one.ordered_at or one.made_at
        day = begun.astimezone(SHANGHAI).date()
        due = working_days_after(day, rules.find(one.region, day).production_days)
        late_from = datetime.combine(due, time(), SHANGHAI) + _A_DAY
        if late_from <= now:
            found.append(
                Found(
                    "card_batch", str(one.batch_id), late_from,
                    Text(
                        f"{regions.short_name(one.region)}制卡批次 {one.batch_id} 逾期",
                        f"the batch of cards {one.batch_id} of"
                        f" {regions.short_name(one.region, 'en')} is late",
                    ),
                    Text(
                        f"{one.maker}，{one.cards} 张，应在 {due} 前制好",
                        f"{one.maker}, {one.cards} cards, due by {due}",
                    ),
                    Text(
                        "请向制卡厂商催办，用 yikatong cards batches 登记结果",
                        "ask the maker, and enter what came of it: `yikatong cards batches`",
                    ),
                    one.region,
                )
            )  # fmt: skip
    return found


async def _late_applications(
    platform: Platform, connection: Connection, areas: frozenset[str]
) -> list[Found]:
    """Applications for a card that the office has not seen to in its time, by the region that decides."""
    prefixes = None if NATION in areas else [_prefix(one) for one in sorted(areas)]
    day, rules = today(platform.clock), terms.load()
    late: dict[str, list[date]] = {}
    for one in await applying.waiting(
        connection, ("applied", "in_production"), prefixes, applying.WORK_MAX
    ):
        due = due_on(one, rules.find(one.region, day))
        # Not what was only taken in, or is to be collected, there.
        decided_there = prefixes is None or one.region.startswith(tuple(prefixes))
        if decided_there and due is not None and due < day:
            late.setdefault(one.region, []).append(due)
    return [
        Found(
            "card_applications", region, datetime.combine(min(days), time(), SHANGHAI) + _A_DAY,
            Text(
                f"{regions.short_name(region)}有 {len(days)} 笔办卡申请超过办理时限",
                f"{len(days)} applications for a card in {regions.short_name(region, 'en')} are late",
            ),
            Text(
                f"最早的应在 {min(days)} 前审核或制卡", f"the first was due by {min(days)}"
            ),
            Text(
                "请审核人员在工作台处理；已通过的，用 yikatong cards batch make 组批制卡",
                "reviewers decide them at the desk; approved ones go into a batch: `yikatong cards batch"
                " make`",
            ),
            region,
        )
        for region, days in late.items()
    ]  # fmt: skip


def _prefix(area: str) -> str:
    return area.removesuffix("00").removesuffix("00")


_RUN_SINCE: Final[dict[str, Callable[[runs.Run], datetime | None]]] = {
    "prepared": lambda one: one.prepared_at,
    "checked": lambda one: one.checked_at,
    "approved": lambda one: one.approved_at,
}


async def _runs(platform: Platform, caller: Caller, now: datetime) -> list[Found]:
    found: list[Found] = []
    areas = caller.regions("run.read")
    for one in await runs.runs(platform, areas=areas, limit=_RUNS_READ):
        since = _RUN_SINCE[one.state](one) if one.state in _RUN_SINCE else None
        day = payday(one.region, one.month)
        late = one.corrects is None and day < now.astimezone(SHANGHAI).date()
        if since is None or (since > now - _RUN_WAITS and not late):
            continue
        why = Text("超过一天没有下一步", "nobody has taken the next step for a day")
        if late:
            why = Text(f"发放日 {day} 已过", f"the payday, {day}, is over")
        state = STATE_NAMES[one.state]
        found.append(
            Found(
                "run", str(one.run_id), since,
                Text(
                    f"发放批次停在“{state.zh}”：{runs_shown.title(one)}",
                    f"a payment run waits ({state.en}): {runs_shown.title(one, 'en')}",
                ),
                why,
                Text("打开批次，办理下一步", "open the run and take the next step"),
                one.region,
                f"/operations/runs/{one.run_id}",
            )
        )  # fmt: skip
    return found


async def _approvals(approvals: Approvals, caller: Caller) -> list[Found]:
    return [
        Found(
            "approval", str(one.approval_id), one.asked_at,
            Text(
                f"等待复核：{PERMISSIONS[one.permission].text.zh}",
                f"waits for a second person: {PERMISSIONS[one.permission].text.en}",
            ),
            Text(
                f"{one.asked_by} 提出，{moment_in_words(one.until, 'zh')}前有效",
                f"{one.asked_by} asks; until {moment_in_words(one.until, 'en')}",
            ),
            Text("在“我的工作台”同意或拒绝", "approve or refuse it under “My work”"),
            one.regions[0] if one.regions else NATION,
            "/staff#approvals",
        )
        for one in await approvals.waiting(caller, 100)
    ]  # fmt: skip
