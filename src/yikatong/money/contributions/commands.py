"""The parts of `yikatong money` about contributions and medical accounts."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import InvalidInput
from yikatong.core.months import parse_month
from yikatong.core.platform import Platform
from yikatong.money.bank.commands import OPERATOR, KeyOption, PersonArgument, key_of
from yikatong.money.contributions.model import BilledInsurance
from yikatong.money.ledger.model import Transaction

_SECONDS_MAX = 3600


def terms(
    region: Annotated[str, typer.Argument(help="统筹地代码 · pooling region.")],
    on: Annotated[str | None, typer.Option("--date", help="日期 · on a day.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """缴费标准 · Rates and bases of a region on a day."""
    from yikatong.core import regions
    from yikatong.core.clock import SystemClock, today
    from yikatong.money.contributions.api import terms_body
    from yikatong.money.contributions.model import INSURANCE_NAMES
    from yikatong.policies.requests import parse_day

    del data
    day = parse_day(on, "--date") if on else today(SystemClock())
    told = terms_body(regions.pooling_region(region, "REGION").code, day)
    if as_json:
        print_json(told)
        return
    own = "" if told["own_file"] else "（无本地文件，用全国标准 · nationwide terms）"
    typer.echo(f"{regions.full_name(told['region'])} {told['date']} {own}")
    for insurance, one in told["employees"].items():
        name = INSURANCE_NAMES[insurance]
        typer.echo(
            f"  {insurance} {name.zh} {name.en}: 单位 employer {one['employer_percent']} % · "
            f"个人 person {one['personal_percent']} % · 基数 base {one['floor']} – {one['ceiling']}"
        )
    typer.echo(f"  退休划入 retired, a month: {told['retired_monthly']}")


def employer(
    code: Annotated[str, typer.Argument(help="统一社会信用代码 · unified social credit code.")],
    name: Annotated[str, typer.Argument(help="名称 · name.")],
    region: Annotated[str, typer.Argument(help="统筹地代码 · pooling region.")],
    trade: Annotated[int, typer.Option(help="行业风险类别 · trade class 1-8.", min=1, max=8)] = 1,
    data: DataOption = None,
) -> None:
    """登记单位 · Register an employer or change it."""
    from yikatong.money.contributions import lists

    made = with_platform(data, lambda platform: lists.register(platform, code, name, region, trade))
    typer.echo(f"✓ {made.employer_code}  {made.name}  {made.region}")


def take_list(
    file: Annotated[
        Path, typer.Argument(help="CSV 或 XLSX 文件 · the file.", exists=True, dir_okay=False)
    ],
    code: Annotated[str, typer.Option("--employer", help="统一社会信用代码 · whose list.")],
    period: Annotated[str, typer.Option(help="所属月份 · month, such as 2026-03.")],
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """申报清单 · Take an employer's list; exit code 1 and every wrong row where it is not right."""
    from yikatong.money.contributions import lists, records
    from yikatong.money.contributions.lists import ListNotTaken

    async def work(platform: Platform) -> dict[str, Any]:
        month = parse_month(period, "--period")
        taken = await lists.take(platform, code, month, file.read_bytes(), OPERATOR, key_of(key))
        return records.list_body(*await lists.due(platform, taken.list_id))

    try:
        told = with_platform(data, work)
    except ListNotTaken as error:
        if as_json:
            print_json(msgspec.to_builtins(error.rows))
        else:
            for row in error.rows:
                typer.echo(f"第 {row.row} 行 row {row.row}, {row.field}: {row.zh} · {row.en}")
            typer.echo("没有收下任何一行 · no row was taken")
        raise typer.Exit(1) from None
    if as_json:
        print_json(told)
    else:
        typer.echo(
            f"✓ 清单 list {told['list_id']}: {told['people']} 人 people, {told['bills']} 张缴费单 bills, "
            f"应缴 due {told['due']} 元 yuan"
        )


def pay_list(
    list_id: Annotated[int, typer.Argument(help="清单编号 · the list.", min=1)],
    bank: Annotated[str, typer.Option(help="收款银行 · the bank that received the money.")],
    reference: Annotated[str, typer.Option(help="银行流水号 · the bank's number.")],
    amount: Annotated[str, typer.Option(help="到账金额 · the sum received, in yuan.")],
    data: DataOption = None,
) -> None:
    """清单缴费到账 · An employer's list is paid by money received."""
    from yikatong.core.money import parse_yuan
    from yikatong.money.contributions import lists
    from yikatong.money.contributions.service import Notice

    notice = Notice(bank, reference, parse_yuan(amount, "--amount"))
    done = with_platform(data, lambda platform: lists.pay(platform, list_id, notice, OPERATOR))
    typer.echo(f"✓ {done.transaction_id}")


def bills(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """缴费单 · A person's bills; the look is recorded."""
    from yikatong.core.money import format_yuan_grouped
    from yikatong.money.contributions import records, service
    from yikatong.money.contributions.model import INSURANCE_NAMES

    found = with_platform(data, lambda platform: service.bills_of(platform, person, OPERATOR))
    if as_json:
        print_json([records.bill_body(one) for one in found])
        return
    for one in found:
        name = INSURANCE_NAMES[one.insurance]
        typer.echo(
            f"{one.bill_id}  {one.period_from:%Y-%m}  {name.zh} {name.en}  "
            f"{format_yuan_grouped(one.total)}  {one.state}"
        )


def bill(
    person: PersonArgument,
    insurance: Annotated[str, typer.Argument(help="110 310 210 150 390")],
    since: Annotated[str | None, typer.Option(help="起始月份 · first month.")] = None,
    until: Annotated[str | None, typer.Option(help="截止月份 · last month.")] = None,
    year: Annotated[int | None, typer.Option(help="年度（居民） · year (residents).")] = None,
    base: Annotated[str | None, typer.Option(help="缴费基数 · base, in yuan.")] = None,
    grade: Annotated[str | None, typer.Option(help="缴费档次 · grade, in yuan.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核定 · Bill months (110, 310, 210) or a resident's year (390, 150)."""
    from yikatong.core.money import parse_yuan
    from yikatong.money.contributions import records, service
    from yikatong.money.contributions.model import INSURANCES

    known: BilledInsurance | None = next((one for one in INSURANCES if one == insurance), None)
    if known is None:
        raise InvalidInput("INSURANCE", zh="没有这个险种", en="there is no such insurance")

    async def work(platform: Platform) -> list[dict[str, Any]]:
        if year is not None:
            amount = parse_yuan(grade, "--grade") if grade else None
            made = await service.issue_year(platform, person, known, year, OPERATOR, grade=amount)
            return [records.bill_body(made)]
        if since is None:
            raise InvalidInput(
                "--since", zh="请填写 --since 或 --year", en="give --since or --year"
            )
        first = parse_month(since, "--since")
        last = parse_month(until, "--until") if until else first
        amount = parse_yuan(base, "--base") if base else None
        made_months = await service.issue_months(
            platform, person, known, first, last, OPERATOR, base=amount
        )
        return [records.bill_body(one) for one in made_months]

    told = with_platform(data, work)
    if as_json:
        print_json(told)
        return
    for one in told:
        typer.echo(f"{one['bill_id']}  {one['period_from'][:7]}  {one['total']}  {one['due_on']}")


def pay(
    person: PersonArgument,
    bill_ids: Annotated[
        list[int] | None, typer.Argument(help="缴费单编号 · bills; default: all open.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="付款账号 · from this account.")] = None,
    bank: Annotated[
        str | None, typer.Option(help="收款银行（外部缴款） · received by this bank.")
    ] = None,
    reference: Annotated[str, typer.Option(help="银行流水号 · the bank's number.")] = "",
    amount: Annotated[str | None, typer.Option(help="到账金额 · the sum received.")] = None,
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """缴费 · Pay bills from an account or by money a bank received."""
    from yikatong.core.money import parse_yuan
    from yikatong.money.contributions import service
    from yikatong.money.contributions.service import Notice

    if (account is None) == (bank is None):
        raise InvalidInput(
            "--account",
            zh="请填写 --account 或 --bank，二选一",
            en="give either --account or --bank",
        )

    async def work(platform: Platform) -> Transaction | None:
        chosen = bill_ids or [
            one.bill_id
            for one in await service.bills_of(platform, person, OPERATOR, ("open",))
            if one.payer == "self"
        ]
        if not chosen:
            return None
        source = account or Notice(bank or "", reference, parse_yuan(amount or "", "--amount"))
        return await service.pay(platform, person, chosen, source, OPERATOR, key_of(key))

    done = with_platform(data, work)
    typer.echo(f"✓ {done.transaction_id}" if done else "没有待缴的缴费单 · no bill is open")


def refund(
    person: PersonArgument,
    bill_id: Annotated[int, typer.Argument(help="缴费单编号 · the bill.")],
    reason: Annotated[str, typer.Option(help="原因 · why.")],
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """退费 · Give a contribution back to where it came from."""
    from yikatong.money.contributions import service

    done = with_platform(
        data,
        lambda platform: service.refund(
            platform, person, bill_id, OPERATOR, key_of(key), reason=reason
        ),
    )
    typer.echo(f"✓ {done.transaction_id}")


def certificate(
    person: PersonArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="PDF 文件 · where to.")],
    since: Annotated[str | None, typer.Option(help="起始月份 · first month.")] = None,
    until: Annotated[str | None, typer.Option(help="截止月份 · last month.")] = None,
    data: DataOption = None,
) -> None:
    """缴费证明 · The certificate of paid contributions as PDF."""
    from yikatong.core.clock import today
    from yikatong.money.contributions import records

    async def work(platform: Platform) -> bytes:
        last = parse_month(until, "--until") if until else today(platform.clock)
        first = parse_month(since, "--since") if since else date(last.year - 1, last.month, 1)
        return records.as_pdf(await records.prepare(platform, person, first, last, OPERATOR))

    output.write_bytes(with_platform(data, work))
    typer.echo(f"✓ {output}")


def medical_credit(
    region: Annotated[str, typer.Argument(help="统筹地代码 · pooling region.")],
    month: Annotated[str, typer.Argument(help="月份 · month, such as 2026-03.")],
    data: DataOption = None,
) -> None:
    """退休人员个人账户月度划入 · The month's sum to the retired of a region, once each."""
    from yikatong.core import regions
    from yikatong.core.money import format_yuan_grouped
    from yikatong.money import medical

    async def work(platform: Platform) -> tuple[int, int]:
        code = regions.pooling_region(region, "REGION").code
        return await medical.credit_retired(platform, code, parse_month(month, "MONTH"), OPERATOR)

    people, amount = with_platform(data, work, statement_seconds_max=_SECONDS_MAX)
    typer.echo(f"✓ {people} 人 people, {format_yuan_grouped(amount)} 元 yuan")


def run_due(data: DataOption = None, as_json: JsonOption = False) -> None:
    """办理到期业务 · Do what is due: standing orders, interest, expired holds, arrears, snapshots."""
    from yikatong.money import due
    from yikatong.money.bank.teller import Teller
    from yikatong.money.outside.connectors import connectors

    async def work(platform: Platform) -> due.Done:
        banks = connectors(platform, platform.settings.outside_banks)
        return await due.run(platform, Teller(platform), banks)

    done = with_platform(data, work, statement_seconds_max=_SECONDS_MAX)
    told = msgspec.to_builtins(done)
    if as_json:
        print_json(told)
    else:
        for name, value in told.items():
            typer.echo(f"{name:20} {value}")
    if done.failed:
        raise typer.Exit(1)


def reconcile(
    bank: Annotated[str, typer.Argument(help="银行代码 · the bank's code.")],
    day: Annotated[str, typer.Argument(help="日期 · the day, such as 2026-03-01.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """与银行对账 · Compare a day with a bank; exit code 1 where differences stand or orders wait."""
    from yikatong.money.bank.banks import banks
    from yikatong.money.outside import reconciliation
    from yikatong.money.outside.connectors import connectors
    from yikatong.money.outside.reconciliation import Reconciliation
    from yikatong.policies.requests import parse_day

    on = parse_day(day, "DAY")

    async def work(platform: Platform) -> Reconciliation:
        known = connectors(platform, platform.settings.outside_banks)
        if bank not in known:
            codes = sorted({*known, *banks()})
            raise InvalidInput(
                "BANK", zh=f"应为 {'、'.join(codes)} 之一", en=f"must be one of {', '.join(codes)}"
            )
        return await reconciliation.reconcile(platform, known[bank], on)

    found = with_platform(data, work, statement_seconds_max=_SECONDS_MAX)
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        typer.echo(
            f"{found.bank} {found.day}: 银行 bank {found.bank_rows} · 相符 matched {found.matched} · "
            f"待定 waiting {found.waiting} · {'已日终 closed' if found.closed else '未日终 open'}"
        )
        for one in found.differences:
            typer.echo(f"  {msgspec.to_builtins(one)}")
    standing = [one for one in found.differences if not one.kind.startswith("unknown_resolved")]
    if standing or found.waiting:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Hang the commands into `yikatong money`."""
    for name, run in (
        ("terms", terms),
        ("employer", employer),
        ("list", take_list),
        ("pay-list", pay_list),
        ("bills", bills),
        ("bill", bill),
        ("pay", pay),
        ("refund", refund),
        ("certificate", certificate),
        ("medical-credit", medical_credit),
        ("run-due", run_due),
        ("reconcile", reconcile),
    ):
        app.command(name)(run)
