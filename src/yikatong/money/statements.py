"""Statements (对账单) as data, text, CSV and PDF; the trial balance (试算平衡)."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

import msgspec

from yikatong.core import ids
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import Fen, format_yuan, format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.money import shown
from yikatong.money.bank.banks import banks
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Account, Statement, StatementLine
from yikatong.trust import audit
from yikatong.trust.audit import Actor

KIND_NAMES: Final[dict[str, Text]] = {
    "opening": Text("开账余额", "brought in"),
    "deposit": Text("存款", "deposit"),
    "withdrawal": Text("取款", "withdrawal"),
    "transfer": Text("转账", "transfer"),
    "capture": Text("冻结扣款", "held sum taken"),
    "reversal": Text("冲正", "reversal"),
    "benefit": Text("待遇发放", "social benefit"),
    "benefit_file": Text("待遇发放（交银行）", "social benefit, by the bank's file"),
    "benefit_file_done": Text("银行已入账（待遇）", "social benefit credited by the bank"),
    "benefit_returned": Text("待遇退回", "social benefit returned"),
    "contribution": Text("社保缴费", "contribution"),
    "contribution_refund": Text("缴费退款", "contribution refund"),
    "medical_credit": Text("个人账户划入", "credit to the medical account"),
    "medical_payment": Text("就医购药", "care and medicine"),
    "medical_settlement": Text("医保结算", "medical settlement"),
    "medical_reversal": Text("医保结算撤销", "medical settlement reversed"),
    "medical_card_payment": Text("就医现金部分（刷卡）", "cash part of care, by card"),
    "medical_card_refund": Text("就医现金部分退回", "cash part of care, paid back"),
    "medical_claim_payment": Text("手工报销到账", "claim by hand paid"),
    "medical_claim_recovery": Text("手工报销收回", "claim by hand taken back"),
    "medical_transfer": Text("个人账户转移", "medical account moved"),
    "inheritance": Text("继承", "inheritance"),
    "payment_out": Text("转出到其他银行", "to another bank"),
    "payment_out_done": Text("其他银行已入账", "credited by the other bank"),
    "payment_out_returned": Text("转出退回", "returned by the other bank"),
    "collection": Text("从其他银行转入", "from another bank"),
    "wealth_buy": Text("购买理财", "wealth product bought"),
    "wealth_cancel": Text("撤销理财", "wealth product cancelled"),
    "wealth_redeem": Text("赎回理财", "wealth product redeemed"),
}
"""What people read for a kind of transaction; a kind not named here is shown as it is."""


_FIRST_DAY: Final = date(2000, 1, 1)
_LAST_DAY: Final = date(2100, 1, 1)


def kind_name(kind: str) -> Text:
    return KIND_NAMES.get(kind) or Text(kind, kind)


def period(platform: Platform, since: date | None, until: date | None) -> tuple[date, date]:
    """The days of a statement, 30 by default; raises InvalidInput where they make no sense."""
    last = until or today(platform.clock)
    first = since or date.fromordinal(max(1, last.toordinal() - 30))
    if first > last:
        raise InvalidInput(
            "since", zh="开始日期应不晚于结束日期", en="the first day is not behind the last day"
        )
    if not _FIRST_DAY <= first <= last <= _LAST_DAY:
        raise InvalidInput(
            "since", zh="日期应在 2000 年至 2100 年之间", en="days lie between 2000 and 2100"
        )
    return first, last


async def record_look(
    platform: Platform, connection: Connection, actor: Actor, told: Statement
) -> None:
    """Record in the person's trail that the statement was read."""
    await audit.record(
        connection,
        actor,
        platform.clock.now(),
        told.account.person_id,
        "money.statement_read",
        {"account_id": str(told.account.account_id)},
    )


def body(told: Statement) -> shown.StatementBody:
    """The statement for JSON."""
    return shown.StatementBody(
        account=shown.account(told.account),
        since=told.since.isoformat(),
        until=told.until.isoformat(),
        opening=format_yuan(told.opening),
        closing=format_yuan(told.closing),
        lines=[shown.line(one) for one in told.lines],
        more=told.more,
    )


def account_title(account: Account, language: str = "zh") -> str:
    """The account as people name it: bank and last four digits, or medical account."""
    if account.kind == "medical":
        return "医保个人账户" if language == "zh" else "medical account"
    bank = banks().get(account.bank or "")
    name = bank.name.in_language(language) if bank else account.bank or ""
    return (
        f"{name}（尾号 {account.number_tail}）"
        if language == "zh"
        else f"{name} …{account.number_tail}"
    )


def note_of(line: StatementLine) -> str:
    """What stands beside a line: memo, other side's last digits, period."""
    detail = line.detail
    parts = [str(detail[name]) for name in ("memo", "reason", "period") if detail.get(name)]
    tail = detail.get("to_tail") if line.amount < 0 else detail.get("from_tail")
    if tail:
        parts.append(f"…{tail}")
    return " ".join(parts)


def text_lines(told: Statement) -> Iterator[str]:
    """The statement for a terminal."""
    yield f"{account_title(told.account)} · {account_title(told.account, 'en')}  {told.since} – {told.until}"
    yield f"{'期初 opening':>40}{format_yuan_grouped(told.opening):>20}"
    for one in told.lines:
        name = kind_name(one.kind)
        yield (
            f"{one.at:%Y-%m-%d %H:%M}  {name.zh} {name.en}  {note_of(one)}  "
            f"{format_yuan_grouped(one.amount)}  → {format_yuan_grouped(one.balance_after or 0)}"
        )
    yield f"{'期末 closing':>40}{format_yuan_grouped(told.closing):>20}"


_COLUMNS: Final = (
    "日期 date", "时间 time", "类型 type", "摘要 note", "收入 in", "支出 out", "余额 balance",
    "流水号 transaction",
)  # fmt: skip


def as_csv(told: Statement) -> bytes:
    """The statement as CSV (UTF-8 with a mark, so that office programs read the Chinese)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    writer.writerow([told.since, "", "期初余额 opening", "", "", "", format_yuan(told.opening), ""])
    for one in told.lines:
        name = kind_name(one.kind)
        writer.writerow(
            [
                f"{one.at:%Y-%m-%d}",
                f"{one.at:%H:%M:%S}",
                f"{name.zh} {name.en}",
                _plain(note_of(one)),
                format_yuan(one.amount) if one.amount > 0 else "",
                format_yuan(-one.amount) if one.amount < 0 else "",
                shown.yuan(one.balance_after),
                one.transaction_id,
            ]
        )
    writer.writerow([told.until, "", "期末余额 closing", "", "", "", format_yuan(told.closing), ""])
    return out.getvalue().encode("utf-8-sig")


def _plain(note: str) -> str:
    """A note that an office program does not take for a formula."""
    return f"'{note}" if note.startswith(("=", "+", "-", "@", "\t", "\r")) else note


def as_pdf(told: Statement, made_at: datetime) -> bytes:
    """The statement as PDF, Chinese and English."""
    from yikatong.core import pdf  # noqa: PLC0415 - the typesetter is heavy; few need it

    rows = [
        [
            f"{one.at:%Y-%m-%d %H:%M}",
            f"{kind_name(one.kind).zh} {kind_name(one.kind).en}",
            note_of(one),
            format_yuan_grouped(one.amount) if one.amount > 0 else "",
            format_yuan_grouped(-one.amount) if one.amount < 0 else "",
            format_yuan_grouped(one.balance_after or 0),
        ]
        for one in told.lines
    ]
    return pdf.document(
        title=Text("账户对账单", "Account statement"),
        facts=[
            (
                Text("账户", "Account"),
                f"{account_title(told.account)} {account_title(told.account, 'en')}",
            ),
            (Text("期间", "Period"), f"{told.since} – {told.until}"),
            (Text("期初余额", "Opening balance"), f"{format_yuan_grouped(told.opening)} 元 yuan"),
            (Text("期末余额", "Closing balance"), f"{format_yuan_grouped(told.closing)} 元 yuan"),
        ],
        header=["时间 Time", "类型 Type", "摘要 Note", "收入 In", "支出 Out", "余额 Balance"],
        rows=rows,
        right=(3, 4, 5),
        made_at=made_at,
        note=Text(
            "本对账单由系统生成。期初余额加全部收支等于期末余额。",
            "Made by the system. Opening balance and all amounts add up to the closing balance.",
        ),
    )


class BalanceRow(msgspec.Struct, frozen=True):
    """One line of the trial balance: an account or a sum of accounts; + is credit (贷)."""

    name: str
    balance: Fen
    postings: int


class TrialBalance(msgspec.Struct, frozen=True):
    """Debit and credit are equal at every moment."""

    at: datetime
    rows: list[BalanceRow]
    debit: Fen
    credit: Fen


async def trial_balance(platform: Platform, at: datetime | None = None) -> TrialBalance:
    """All accounts at a moment (default: now): persons' as one sum per kind, shared ones each."""
    now = platform.clock.now()
    if at is not None and not _FIRST_DAY.year <= at.year < _LAST_DAY.year:
        raise InvalidInput(
            "at", zh="时刻应在 2000 年至 2100 年之间", en="a moment lies between 2000 and 2100"
        )
    before = ids.first_of(at) + 1 if at is not None else None
    async with platform.database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        rows = [
            BalanceRow(f"persons:{kind}", balance, postings)
            for kind, balance, postings in await ledger.persons_balances(connection, before)
        ]
        for one, balance, postings in await ledger.shared_balances(connection, before):
            if postings:
                rows.append(BalanceRow(f"{one.kind}:{one.owner}:{one.purpose}", balance, postings))
    return TrialBalance(
        at=at or now,
        rows=rows,
        debit=-sum(row.balance for row in rows if row.balance < 0),
        credit=sum(row.balance for row in rows if row.balance > 0),
    )
