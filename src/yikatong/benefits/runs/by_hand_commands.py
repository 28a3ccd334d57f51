"""`yikatong runs`, what people see to: payments that came back, overpaid sums paid back."""

from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.money.bank.commands import OPERATOR, KeyOption, PersonArgument, key_of

by_hand_app = typer.Typer()

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=500)]
AfterOption = Annotated[
    int, typer.Option("--after", help="从此编号之后 · behind this number.", min=-1)
]
AreaOption = Annotated[str | None, typer.Option("--region", help="地区 · region.")]


@by_hand_app.command("returned")
def list_returned(
    region: AreaOption = None,
    after: AfterOption = -1,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """银行退回而暂停的待遇 · Benefits held over a payment that came back; the look is recorded."""
    from yikatong.benefits.runs import returned, shown

    areas = ("000000",) if region is None else (region,)
    found = with_platform(
        data,
        lambda platform: returned.listed(platform, OPERATOR, areas, after=after, limit=limit),
    )
    bodies = [shown.returned(one) for one in found]
    if as_json:
        print_json(bodies)
        return
    for one in bodies:
        # Of what was returned before there were runs here, person and region alone are known.
        told = [one[name] for name in ("person_id", "region", "month", "amount", "bank", "reason")]
        typer.echo("  ".join(str(each) for each in told if each is not None))


@by_hand_app.command("account-right")
def account_right(
    person: PersonArgument,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """账户已改正 · The account was put right at the bank: pay again; exit code 1 where nothing is held."""
    from yikatong.benefits.runs import returned

    done = with_platform(
        data,
        lambda platform: returned.account_is_right(platform, person, OPERATOR, key_of(key)),
    )
    if as_json:
        print_json(done)
        return
    typer.echo(f"✓ {person}  补发 arrears {done['arrears']}")


@by_hand_app.command("recoveries")
def recoveries(
    region: AreaOption = None,
    after: AfterOption = -1,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """应退回的款项 · What is to be paid back; the look is recorded."""
    from yikatong.benefits.runs import paid_back, shown

    areas = ("000000",) if region is None else (region,)
    found = with_platform(
        data,
        lambda platform: paid_back.open_recoveries(
            platform, OPERATOR, areas, after=after, limit=limit
        ),
    )
    bodies = [shown.recovery(one) for one in found]
    if as_json:
        print_json(bodies)
        return
    for one in bodies:
        typer.echo(
            f"{one['person_id']}  {one['due_id']}  {one['region']}  {one['amount']:>12}  "
            f"{one['reason']}  {one['month_from']}–{one['month_until']}"
        )


@by_hand_app.command("paid-back")
def take_back(
    person: PersonArgument,
    due: Annotated[int, typer.Argument(help="应退款编号 · its number.", min=1)],
    bank: Annotated[str, typer.Option("--bank", help="收款银行代码 · the bank's code.")],
    reference: Annotated[
        str, typer.Option("--reference", help="银行流水号，只用一次 · its number; counts once.")
    ],
    amount: Annotated[str, typer.Option("--amount", help="元 · yuan.")],
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """登记退回 · Record what a bank took in of it, all or a part; exit code 1 where it is refused."""
    from yikatong.benefits.runs import paid_back
    from yikatong.core.money import parse_yuan
    from yikatong.money.contributions.service import Notice

    notice = Notice(bank, reference, parse_yuan(amount, "--amount"))
    done = with_platform(
        data,
        lambda platform: paid_back.take(platform, person, due, notice, OPERATOR, key_of(key)),
    )
    if as_json:
        print_json(done)
        return
    typer.echo(f"✓ {done['transaction_id']}  {done['paid_back']}  剩余 left {done['left']}")
