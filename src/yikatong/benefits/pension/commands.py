"""`yikatong pension`: estimate, show, apply, document, decide, stop, survivors, adjust."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.platform import Platform
from yikatong.money.bank.commands import OPERATOR, KeyOption, PersonArgument, key_of

pension_app = typer.Typer(help="养老金 · pensions.", no_args_is_help=True)

ApplicationArgument = Annotated[int, typer.Argument(help="申请编号 · the application.", min=1)]
GroupOption = Annotated[
    str | None,
    typer.Option(help="men；women_55 管理、技术岗 · women_50 其他岗位 · kind of post."),
]
InsuranceOption = Annotated[
    str | None, typer.Option(help="110 职工 employees · 150 居民 residents.")
]
MonthsOption = Annotated[
    int | None, typer.Option("--months", help="缴费月数 · months paid.", min=0, max=720)
]
IndexOption = Annotated[
    str | None, typer.Option(help="平均缴费指数，例如 1.2 · own wages to the average.")
]
WageOption = Annotated[str | None, typer.Option(help="缴费工资（元）· instead of the index.")]
AccountOption = Annotated[
    str | None, typer.Option(help="个人账户储存额（元） · balance of the own account.")
]
DeemedOption = Annotated[
    int | None, typer.Option("--deemed", help="视同缴费月数 · deemed months.", min=0, max=720)
]
EarlyOption = Annotated[
    int | None,
    typer.Option(
        "--before-accounts",
        help="其中建立个人账户前的缴费月数 · of the months paid, before accounts were kept.",
        min=0,
        max=720,
    ),
]
AverageOption = Annotated[
    str | None, typer.Option("--average-wage", help="计发基数（元），没有收录时填写 · in yuan.")
]
DiedOption = Annotated[str, typer.Option("--died-on", help="去世日期 · the day of death.")]


@pension_app.command("estimate")
def estimate(
    birth: Annotated[str | None, typer.Option(help="出生年月 1975-06 · month of birth.")] = None,
    region: Annotated[str | None, typer.Option(help="参保地代码 · insured region.")] = None,
    person: Annotated[
        int | None, typer.Option(help="从档案读取 · a person, by the file.", min=1)
    ] = None,
    insurance: InsuranceOption = None,
    group: GroupOption = None,
    months: MonthsOption = None,
    index: IndexOption = None,
    wage: WageOption = None,
    account: AccountOption = None,
    deemed: DeemedOption = None,
    before_accounts: EarlyOption = None,
    average_wage: AverageOption = None,
    stops: Annotated[
        bool, typer.Option("--stops", help="从现在起不再缴费 · pays no more.")
    ] = False,
    yearly: Annotated[
        str, typer.Option(help="居民每年记入账户（元）· residents: to the account a year.")
    ] = "0",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """测算 · When can I retire, with how much? Exit code 1 where no way is open."""
    from yikatong.benefits.pension import requests, shown, terms
    from yikatong.benefits.pension.estimating import estimate as estimated
    from yikatong.benefits.pension.model import GROUPS, INSURANCES, Group, Insurance
    from yikatong.benefits.pension.requests import Asked
    from yikatong.core.clock import SystemClock, today

    book, day = terms.load(), today(SystemClock())
    if person is not None:
        wanted = _application(
            insurance, group, None, months, index, wage, account, deemed, before_accounts,
            average_wage,
        )  # fmt: skip
        career = with_platform(data, lambda platform: _of_person(platform, person, wanted))
    else:
        if birth is None or region is None:
            raise InvalidInput(
                "--birth" if birth is None else "--region",
                zh="请填写出生年月和参保地，或用 --person",
                en="give --birth and --region, or --person",
            )
        kind: Insurance = one_of(insurance or "110", INSURANCES, "--insurance")
        who: Group = one_of(group or "men", GROUPS, "--group")
        if months is None:
            raise InvalidInput("--months", zh="请填写缴费月数", en="give the months paid")
        asked = Asked(
            birth=birth, group=who, insurance=kind, region=region, months_paid=months, index=index,
            wage=wage, account=account or "0", deemed_months=deemed or 0,
            early_months=before_accounts or 0, average_wage=average_wage,
        )  # fmt: skip
        career = requests.career_of(asked, day, book)
    found = estimated(
        career, day, book, pays_on=not stops, yearly=requests.parse_sum(yearly, "--yearly")
    )
    body = shown.estimate(found, book)
    if as_json:
        print_json(body)
    else:
        _tell(body)
    if not any(one.possible for one in found.options if one.kind != "paid_up"):
        raise typer.Exit(1)


def _tell(body: dict[str, Any]) -> None:
    names = {
        "early": "提前 early",
        "statutory": "法定 statutory",
        "late": "延迟 late",
        "paid_up": "缴满 paid up",
    }
    for step in body["retirement"]["steps"]:
        typer.echo(f"{step['result']['zh']} · {step['result']['en']}")
    for one in body["options"]:
        found = one["pension"]
        text = f"{found['monthly']} 元/月 yuan a month" if found else one["why_not"]["zh"]
        typer.echo(f"{names[one['kind']]}  {one['month']}  {one['age']['text']['zh']}  {text}")
        if not found:
            typer.echo(f"    {one['why_not']['en']}")
            continue
        for step in found["steps"]:
            working = f"{step['working']} = " if step["working"] else ""
            typer.echo(
                f"    {step['name']['zh']} · {step['name']['en']}: {working}{step['result']['zh']}"
            )
        for note in found["notes"]:
            typer.echo(f"    注 {note['zh']} · {note['en']}")
    for note in body["notes"]:
        typer.echo(f"注 {note['zh']} · {note['en']}")


async def _of_person(platform: Platform, person: int, wanted: Any) -> Any:
    from yikatong.benefits.pension import service

    return await service.career_of_person(platform, person, OPERATOR, wanted)


def _application(
    insurance: str | None,
    group: str | None,
    retires: str | None,
    months: int | None,
    index: str | None,
    wage: str | None,
    account: str | None,
    deemed: int | None,
    before_accounts: int | None,
    average_wage: str | None,
    channel: str = "counter",
) -> Any:
    from yikatong.benefits.pension.model import (
        CHANNELS,
        GROUPS,
        INSURANCES,
        Channel,
        Group,
        Insurance,
    )
    from yikatong.benefits.pension.service import NewApplication

    kind: Insurance | None = None
    who: Group | None = None
    if insurance is not None:
        named: Insurance = one_of(insurance, INSURANCES, "--insurance")
        kind = named
    if group is not None:
        post: Group = one_of(group, GROUPS, "--group")
        who = post
    way: Channel = one_of(channel, CHANNELS, "--channel")
    return NewApplication(
        insurance=kind, group=who, retires=retires, channel=way, months_paid=months, index=index,
        wage=wage, account=account or "0", deemed_months=deemed or 0,
        early_months=before_accounts or 0, average_wage=average_wage,
    )  # fmt: skip


@pension_app.command("apply")
def apply(
    person: PersonArgument,
    retires: Annotated[str | None, typer.Option(help="退休年月 · month of retirement.")] = None,
    insurance: InsuranceOption = None,
    group: GroupOption = None,
    months: MonthsOption = None,
    index: IndexOption = None,
    wage: WageOption = None,
    account: AccountOption = None,
    deemed: DeemedOption = None,
    before_accounts: EarlyOption = None,
    average_wage: AverageOption = None,
    channel: Annotated[str, typer.Option(help="渠道 · online, counter.")] = "counter",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """申领 · Apply; prints what speaks against it."""
    from yikatong.benefits.pension import service

    wanted = _application(
        insurance, group, retires, months, index, wage, account, deemed, before_accounts,
        average_wage, channel,
    )  # fmt: skip
    done = with_platform(
        data, lambda platform: service.apply(platform, person, wanted, OPERATOR, key_of(key))
    )
    _show_application(done, as_json)


@pension_app.command("document")
def document(
    person: PersonArgument,
    application: ApplicationArgument,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    kind: Annotated[str, typer.Option(help="work_record, employer_letter, id_document, …")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """上传材料 · Add a PDF, JPEG, PNG or WebP to an open application."""
    from yikatong.benefits.pension import papers
    from yikatong.trust.documents import service as documents
    from yikatong.trust.documents import shown
    from yikatong.trust.documents.model import Document, Matter

    async def run(platform: Platform) -> Document:
        async with platform.database.transaction() as connection:
            await papers.takes_documents(connection, person, application)
            return await documents.add(
                platform, connection, person, Matter(papers.MATTER, application), kind,
                file.read_bytes(), file.name, OPERATOR, field="FILE",
            )  # fmt: skip

    body = shown.body(with_platform(data, run))
    if as_json:
        print_json(body)
        return
    name = body["kind_name"]
    typer.echo(f"✓ {body['document_id']}  {name['zh']} · {name['en']}  {body['size']} B")


@pension_app.command("decide")
def decide(
    person: PersonArgument,
    application: ApplicationArgument,
    months: MonthsOption = None,
    index: IndexOption = None,
    account: AccountOption = None,
    deemed: DeemedOption = None,
    before_accounts: EarlyOption = None,
    average_wage: AverageOption = None,
    refuse: Annotated[str | None, typer.Option(help="不予核定的理由 · why it is refused.")] = None,
    actor: Annotated[
        str | None,
        typer.Option(help="核定人工号，不能是受理人 · who decides, not who took it."),
    ] = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核定 · Decide by what was verified; exit code 1 where it is refused."""
    from yikatong.benefits.pension import service
    from yikatong.benefits.pension.service import Verified

    verified = Verified(
        months_paid=months, index=index, account=account, deemed_months=deemed,
        early_months=before_accounts, average_wage=average_wage,
    )  # fmt: skip
    who = msgspec.structs.replace(OPERATOR, name=actor or OPERATOR.name)
    done = with_platform(
        data,
        lambda platform: service.decide(
            platform, person, application, verified, who, key_of(key), refuse=refuse
        ),
    )
    _show_application(done, as_json)
    if done["state"] == "refused":
        raise typer.Exit(1)


@pension_app.command("withdraw")
def withdraw(
    person: PersonArgument,
    application: ApplicationArgument,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """撤回申请 · Take an open application back."""
    from yikatong.benefits.pension import service

    done = with_platform(
        data,
        lambda platform: service.withdraw(platform, person, application, OPERATOR, key_of(key)),
    )
    _show_application(done, as_json)


def _show_application(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    monthly = f"  {done['monthly']} 元/月 yuan a month" if done["monthly"] else ""
    starts = f"  自 from {done['starts_on']}" if done["starts_on"] else ""
    typer.echo(f"{done['application_id']}  {done['state']}  {done['retires_on']}{monthly}{starts}")
    for one in done["findings"]:
        mark = "✗" if one["blocks"] else "·"
        typer.echo(f"  {mark} {one['text']['zh']} · {one['text']['en']}")


@pension_app.command("show")
def show(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看 · Pensions, applications, dues, adjustments; the look is recorded."""
    from yikatong.benefits.pension import service

    found = with_platform(data, lambda platform: service.of_person(platform, person, OPERATOR))
    if as_json:
        print_json(found)
        return
    for one in found["pensions"]:
        held = f"  {one['held_reason']}" if one["held_reason"] else ""
        typer.echo(
            f"{one['status']}{held}  {one['monthly']} 元/月 yuan a month  {one['region']}"
            f"  {one['starts_on']} – {one['ends_on'] or ''}  认证 proof {one['proof_due_on']}"
        )
    for one in found["applications"]:
        _show_application(one, as_json=False)
    for one in found["dues"]:
        span = f"  {one['month_from']} – {one['month_until']}" if one["month_from"] else ""
        typer.echo(f"{one['kind']} ({one['reason']})  {one['amount']}  {one['state']}{span}")
    for one in found["adjustments"]:
        typer.echo(f"{one['rule']}  {one['effective']}  {one['before']} → {one['after']}")


@pension_app.command("stop")
def stop(
    person: PersonArgument,
    died_on: DiedOption,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """停发 · End on a death: paid through that month, what was paid behind it is owed back."""
    from yikatong.benefits.pension import ending

    day = _day(died_on, "--died-on")
    done = with_platform(
        data, lambda platform: ending.stop(platform, person, day, OPERATOR, key_of(key))
    )
    if as_json:
        print_json(done)
        return
    typer.echo(
        f"✓ {done['ends_on']}  应追回 owed back {done['owed_back']}"
        f"  应补发 still due {done['still_due']}"
    )


@pension_app.command("survivors")
def survivors(
    person: PersonArgument,
    heir: Annotated[int, typer.Option(help="遗属的人员编号 · the heir's id.", min=1)],
    died_on: DiedOption,
    kinship: Annotated[str, typer.Option(help="亲属关系证明 · proof of kinship.")] = "",
    urban_income: Annotated[
        str | None,
        typer.Option(help="上年城镇居民人均可支配收入（元/年）· urban income per head, a year."),
    ] = None,
    months: MonthsOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """遗属待遇 · Grant funeral and survivors' sums to an heir, once."""
    from yikatong.benefits.pension import ending
    from yikatong.benefits.pension.ending import Survivor

    claim = Survivor(
        heir_id=heir, died_on=_day(died_on, "--died-on"), kinship=kinship,
        urban_income=urban_income, months_paid=months,
    )  # fmt: skip
    done = with_platform(
        data, lambda platform: ending.survivors(platform, person, claim, OPERATOR, key_of(key))
    )
    if as_json:
        print_json(done)
        return
    for step in done["steps"]:
        typer.echo(
            f"{step['name']['zh']} · {step['name']['en']}: {step['working']} = {step['result']['zh']}"
        )
    for note in done["notes"]:
        typer.echo(f"注 {note['zh']} · {note['en']}")


@pension_app.command("adjust")
def adjust(
    rule: Annotated[
        str | None, typer.Argument(help="调整办法 · the rule; without one, list them.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="最多人数 · at most so many.", min=1)] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """年度调整 · Raise the pensions of a region by a rule, each once; go on after a stop."""
    from yikatong.benefits.pension import adjust as adjusting
    from yikatong.benefits.pension import shown, terms
    from yikatong.core.money import format_yuan

    book = terms.load()
    if rule is None:
        rules = [shown.adjustment(one, book) for one in book.adjustments]
        if as_json:
            print_json(rules)
            return
        for one in rules:
            mark = "  （待核对 · to be checked）" if one["origin"] != "published" else ""
            typer.echo(
                f"{one['rule']}  {one['effective']}  {one['fixed']} + {one['a_year']}/年 year"
                f" + {one['percent']}%{mark}"
            )
        return
    book.adjustment(rule)

    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("调整 · adjusting {task.completed}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None)
        total = with_platform(
            data,
            lambda platform: adjusting.adjust(
                platform, rule, OPERATOR, limit=limit,
                progress=lambda count: bar.update(task, completed=count),
            ),
        )  # fmt: skip
    body = {
        "rule": rule,
        "adjusted": total.adjusted,
        "added": format_yuan(total.added),
        "arrears": format_yuan(total.arrears),
        "more": total.more,
    }
    if as_json:
        print_json(body)
    else:
        typer.echo(
            f"✓ {total.adjusted} 人 people  +{body['added']} 元/月 yuan a month"
            f"  补发 arrears {body['arrears']}{'  …' if total.more else ''}"
        )


def _day(text: str, field: str) -> date:
    from yikatong.policies.requests import parse_day

    return parse_day(text, field)
