"""The `money` part of the command line: accounts, statements, proof of the ledger."""

from datetime import date
from typing import Annotated, Any

import msgspec
import typer

from yikatong.core.commands import DataOption, JsonOption, parse_moment, print_json, with_platform
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.money.ledger.model import Account
from yikatong.trust.audit import Actor

money_app = typer.Typer(help="资金 · accounts, the ledger, contributions.", no_args_is_help=True)

PersonOption = Annotated[
    int | None, typer.Option("--person", help="人员编号 · the person's id (people list).", min=1)
]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="账号 · an account number; alone it is enough.")
]
DayOption = Annotated[str | None, typer.Option(help="日期 · a day, such as 2026-03-01.")]
VERIFY_SECONDS_MAX = 3600


@money_app.command("verify")
def verify(data: DataOption = None, as_json: JsonOption = False) -> None:
    """核验总账 · Recompute every balance and prove the ledger; exit code 1 where it does not agree."""
    from rich.console import Console
    from rich.progress import Progress

    from yikatong.money import verification
    from yikatong.money.ledger.verification import Verification

    async def work(platform: Platform) -> Verification:
        with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
            task = progress.add_task("核验总账 · verifying")
            return await verification.verify(
                platform, lambda done, of: progress.update(task, completed=done, total=of)
            )

    found = with_platform(data, work, statement_seconds_max=VERIFY_SECONDS_MAX)
    if as_json:
        print_json({**msgspec.to_builtins(found), "proved": found.proved})
    else:
        typer.echo(
            f"交易 transactions {found.transactions:,} · 分录 postings {found.postings:,} · "
            f"账户 accounts {found.accounts:,} · 冻结 holds {found.holds:,}"
        )
        typer.echo(
            f"个人账户余额 persons' balances   {format_yuan_grouped(found.persons_balance):>22}"
        )
        typer.echo(
            f"共同账户余额 shared balances    {format_yuan_grouped(found.shared_balance):>22}"
        )
        for one in found.differences:
            typer.echo(f"✗ {one.check}: {one.where}: {one.expected} ≠ {one.found}")
        typer.echo(
            "✓ 总账相符 · the ledger is proved"
            if found.proved
            else f"✗ {found.differences_count} 处不符 · differences"
        )
    if not found.proved:
        raise typer.Exit(1)


@money_app.command("accounts")
def accounts(
    person: PersonOption = None,
    account: AccountOption = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="显示完整账号 · the full number.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看一个人的账户 · A person's accounts; the look is recorded."""
    from yikatong.money import shown
    from yikatong.money.bank import service as bank
    from yikatong.money.ledger import service as ledger
    from yikatong.people import service as people
    from yikatong.trust import audit

    async def work(platform: Platform) -> list[dict[str, Any]]:
        async with platform.database.transaction() as connection:
            if (person is None) == (account is None):
                raise _one_of()
            if account is not None:
                found = [await bank.find_account(platform, connection, account, "--account")]
            else:
                assert person is not None
                await people.get(connection, person, "--person")
                found = await ledger.accounts_of(connection, person)
            told: list[dict[str, Any]] = []
            for one in found:
                entry: dict[str, Any] = msgspec.to_builtins(shown.account(one))
                if reveal and one.kind == "bank":
                    entry["number"] = await bank.account_number(platform, connection, one)
                told.append(entry)
            if found:
                act = "money.accounts_revealed" if reveal else "money.accounts_read"
                at = platform.clock.now()
                await audit.record(connection, _operator(), at, found[0].person_id, act)
        return told

    found = with_platform(data, work)
    if as_json:
        print_json(found)
        return
    for one in found:
        name = f"{one.get('bank') or one.get('region')} {one.get('number') or one.get('number_tail') or ''}"
        marks = " ".join([one["state"], *one["frozen"]])
        typer.echo(f"{one['account_id']}  {one['kind']:8} {name:26} {one['balance']:>16}  {marks}")


@money_app.command("statement")
def statement(
    person: PersonOption = None,
    account: AccountOption = None,
    kind: Annotated[str, typer.Option(help="bank | medical, with --person.")] = "bank",
    since: DayOption = None,
    until: DayOption = None,
    form: Annotated[str, typer.Option("--format", help="text | csv | pdf")] = "text",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """对账单 · The statement of an account; CSV and PDF go to stdout."""
    import sys

    from yikatong.money import statements
    from yikatong.money.ledger import service as ledger
    from yikatong.money.ledger.model import Statement

    if form not in ("text", "csv", "pdf"):
        raise InvalidInput("--format", zh="应为 text、csv 或 pdf", en="must be text, csv or pdf")

    async def work(platform: Platform) -> tuple[Statement, bytes]:
        async with platform.database.transaction() as connection:
            found = await _account(platform, connection, person, account, kind)
            first, last = statements.period(
                platform, _day(since, "--since"), _day(until, "--until")
            )
            told = await ledger.statement(connection, *found.key, first, last)
            await statements.record_look(platform, connection, _operator(), told)
        if form == "csv":
            return told, statements.as_csv(told)
        if form == "pdf":
            return told, statements.as_pdf(told, platform.clock.now())
        return told, b""

    told, file = with_platform(data, work)
    if as_json:
        print_json(msgspec.to_builtins(statements.body(told)))
    elif file:
        sys.stdout.buffer.write(file)
    else:
        for line in statements.text_lines(told):
            typer.echo(line)


@money_app.command("trial-balance")
def trial_balance(
    at: Annotated[
        str | None, typer.Option("--at", help="时刻 · a moment, such as 2026-03-01T12:00:00+08:00.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """试算平衡 · Debit and credit of all accounts at a moment; exit code 1 where they differ."""
    from yikatong.money import statements

    moment = None if at is None else parse_moment(at, "--at")
    told = with_platform(
        data,
        lambda platform: statements.trial_balance(platform, moment),
        statement_seconds_max=VERIFY_SECONDS_MAX,
    )
    if as_json:
        print_json(msgspec.to_builtins(told))
    else:
        typer.echo(f"{'':44}{'借 debit':>20}{'贷 credit':>22}")
        for row in told.rows:
            debit = "" if row.balance > 0 else format_yuan_grouped(-row.balance)
            credit = "" if row.balance <= 0 else format_yuan_grouped(row.balance)
            typer.echo(f"{row.name:44}{debit:>22}{credit:>22}")
        typer.echo(
            f"{'':44}{format_yuan_grouped(told.debit):>22}{format_yuan_grouped(told.credit):>22}"
        )
    if told.debit != told.credit:
        raise typer.Exit(1)


@money_app.command("snapshot")
def snapshot(data: DataOption = None) -> None:
    """余额快照 · Snapshots of the shared accounts, so that reading their balances stays fast."""
    from yikatong.money.ledger import service as ledger

    taken = with_platform(data, ledger.take_snapshots, statement_seconds_max=VERIFY_SECONDS_MAX)
    typer.echo(f"{taken} 个快照 · snapshots")


def _operator() -> Actor:
    return Actor("staff", "operator", "command line")


def _one_of() -> InvalidInput:
    return InvalidInput(
        "--person",
        zh="请填写 --person 或 --account，二选一",
        en="give either --person or --account",
    )


def _day(text: str | None, field: str) -> date | None:
    from yikatong.policies.requests import parse_day

    return None if text is None else parse_day(text, field)


async def _account(
    platform: Platform, connection: Connection, person: int | None, account: str | None, kind: str
) -> Account:
    from yikatong.money.bank import service as bank
    from yikatong.money.errors import NoSuchAccount
    from yikatong.money.ledger import service as ledger

    if (person is None) == (account is None):
        raise _one_of()
    if account is not None:
        return await bank.find_account(platform, connection, account, "--account")
    assert person is not None
    if kind not in ("bank", "medical"):
        raise InvalidInput("--kind", zh="应为 bank 或 medical", en="must be bank or medical")
    for one in await ledger.accounts_of(connection, person):
        if one.kind == kind:
            return one
    raise NoSuchAccount("--person")
