"""The parts of `yikatong money` that move money on bank accounts and medical accounts."""

from typing import Annotated, Any

import typer

from yikatong.core.commands import (
    DataOption,
    JsonOption,
    KeyOption,
    PersonArgument,
    key_of,
    print_json,
    with_platform,
)
from yikatong.core.errors import InvalidInput
from yikatong.core.money import parse_percent, parse_yuan
from yikatong.core.platform import Platform
from yikatong.money.ledger.model import FREEZES, Freeze, SharedKind, Transaction
from yikatong.trust.audit import Actor

OPERATOR = Actor("staff", "operator", "command line")
"""Whoever may run commands on the data directory."""

NumberArgument = Annotated[str, typer.Argument(help="账号 · the account number.")]
AmountArgument = Annotated[str, typer.Argument(help="金额（元） · amount in yuan.")]
LevelOption = Annotated[
    int, typer.Option("--assurance", help="核验等级 · assurance level 1-3.", min=1, max=3)
]


def show(done: Transaction, as_json: bool) -> None:
    """Tell what a command led to."""
    import msgspec

    from yikatong.money import shown

    body = shown.transaction(done)
    if as_json:
        print_json(msgspec.to_builtins(body))
    else:
        rest = f"  余额 balance {body.balance}" if body.balance else ""
        typer.echo(f"✓ {body.transaction_id}  {body.kind}  {body.amount}{rest}")


def open_account(
    person: PersonArgument,
    bank: Annotated[str, typer.Argument(help="ICBC ABC BOC CCB BOCOM PSBC")],
    account_class: Annotated[
        int, typer.Option("--class", help="账户类别 · I, II, III.", min=1, max=3)
    ] = 1,
    data: DataOption = None,
) -> None:
    """开户 · Open a bank account; prints its number."""
    from yikatong.money.bank import service

    _, number = with_platform(
        data,
        lambda platform: service.open_account(
            platform, person, bank, OPERATOR, account_class=account_class
        ),
    )
    typer.echo(number)


def deposit(
    account: NumberArgument,
    amount: AmountArgument,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """存款 · Cash onto an account."""
    from yikatong.money.bank.orders import Deposit
    from yikatong.money.bank.teller import Teller

    order = Deposit(
        key=key_of(key), actor=OPERATOR, account=account, amount=parse_yuan(amount, "AMOUNT")
    )
    show(with_platform(data, lambda platform: Teller(platform).carry_out(order)), as_json)


def withdraw(
    account: NumberArgument,
    amount: AmountArgument,
    assurance: LevelOption = 2,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """取款 · Cash from an account."""
    from yikatong.money.bank.orders import Withdrawal
    from yikatong.money.bank.teller import Teller

    order = Withdrawal(
        key=key_of(key), actor=OPERATOR, account=account, amount=parse_yuan(amount, "AMOUNT"),
        assurance=assurance,
    )  # fmt: skip
    show(with_platform(data, lambda platform: Teller(platform).carry_out(order)), as_json)


def transfer(
    payer: Annotated[str, typer.Argument(help="付款账号 · from.")],
    payee: Annotated[str, typer.Argument(help="收款账号 · to.")],
    name: Annotated[str, typer.Argument(help="收款人姓名 · the payee's name.")],
    amount: AmountArgument,
    memo: Annotated[str, typer.Option(help="附言 · memo.")] = "",
    assurance: LevelOption = 2,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """转账 · From an account to an account."""
    from yikatong.money.bank.orders import MEMO_MAX, Transfer
    from yikatong.money.bank.teller import Teller

    if len(memo) > MEMO_MAX:
        raise InvalidInput("--memo", zh=f"最多 {MEMO_MAX} 字", en=f"at most {MEMO_MAX} characters")
    order = Transfer(
        key=key_of(key), actor=OPERATOR, payer=payer, payee=payee, payee_name=name,
        amount=parse_yuan(amount, "AMOUNT"), assurance=assurance, memo=memo,
    )  # fmt: skip
    show(with_platform(data, lambda platform: Teller(platform).carry_out(order)), as_json)


def benefit(
    account: NumberArgument,
    region: Annotated[str, typer.Argument(help="统筹地代码 · the fund's region.")],
    insurance: Annotated[str, typer.Argument(help="110 150 210 310 390 410")],
    amount: AmountArgument,
    memo: Annotated[str, typer.Option(help="附言 · memo.")] = "",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """待遇发放 · Social money from a fund; no limit and no freeze blocks it."""
    from yikatong.money import social
    from yikatong.money.bank import service

    async def work(platform: Platform) -> Transaction:
        async with platform.database.transaction(readonly=True) as connection:
            found = await service.find_account(platform, connection, account, "ACCOUNT")
        fund = (region, insurance)
        return await social.pay(
            platform, found.key, fund, parse_yuan(amount, "AMOUNT"), memo, OPERATOR, key_of(key)
        )

    show(with_platform(data, work), as_json)


def freeze(
    account: NumberArgument,
    reason: Annotated[str, typer.Argument(help="loss_report | court | death")],
    document: Annotated[str, typer.Option(help="法院文书文号 · the court's document.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="解除 · lift it.")] = False,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """止付或解除 · Stop payments out of an account, or lift a stop."""
    from yikatong.money.bank import service

    known: Freeze | None = next((one for one in FREEZES if one == reason), None)
    if known is None:
        raise InvalidInput(
            "REASON",
            zh="应为 loss_report、court 或 death",
            en="must be loss_report, court or death",
        )

    async def work(platform: Platform) -> Transaction:
        async with platform.database.transaction(readonly=True) as connection:
            found = await service.find_account(platform, connection, account, "ACCOUNT")
        return await service.freeze(
            platform, *found.key, known, OPERATOR, key_of(key), document=document, lift=lift
        )

    show(with_platform(data, work), as_json)


def hold(
    account: NumberArgument,
    amount: AmountArgument,
    reason: Annotated[str, typer.Option(help="事由 · what for.")],
    assurance: LevelOption = 2,
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """预授权冻结 · Set a sum aside; prints the person and the hold."""
    from yikatong.money.bank import service
    from yikatong.money.ledger.model import Hold

    async def work(platform: Platform) -> Hold:
        async with platform.database.transaction(readonly=True) as connection:
            found = await service.find_account(platform, connection, account, "ACCOUNT")
        return await service.hold(
            platform, *found.key, parse_yuan(amount, "AMOUNT"), OPERATOR, key_of(key),
            reason=reason, assurance=assurance,
        )  # fmt: skip

    made = with_platform(data, work)
    typer.echo(f"{made.person_id} {made.hold_id}")


def capture(
    person: PersonArgument,
    hold_id: Annotated[int, typer.Argument(help="冻结编号 · the hold.")],
    amount: AmountArgument,
    account: Annotated[str | None, typer.Option(help="收款账号 · for this account.")] = None,
    provider: Annotated[str | None, typer.Option(help="医药机构代码 · for this provider.")] = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """冻结扣款 · Take a held sum, or less, for somebody; the rest is released."""
    from yikatong.money.bank import service
    from yikatong.money.bodies import provider_code

    if (account is None) == (provider is None):
        raise InvalidInput(
            "--account",
            zh="请填写 --account 或 --provider，二选一",
            en="give either --account or --provider",
        )

    async def work(platform: Platform) -> Transaction:
        payee: tuple[int, int] | tuple[SharedKind, str, str]
        if account is not None:
            async with platform.database.transaction(readonly=True) as connection:
                found = await service.find_account(platform, connection, account, "--account")
            payee = found.key
        else:
            payee = ("provider", provider_code(provider or ""), "due")
        return await service.capture(
            platform, person, hold_id, parse_yuan(amount, "AMOUNT"), payee, OPERATOR, key_of(key)
        )

    show(with_platform(data, work), as_json)


def release(
    person: PersonArgument,
    hold_id: Annotated[int, typer.Argument(help="冻结编号 · the hold.")],
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """解除冻结 · Give a held sum back."""
    from yikatong.money.bank import service

    done = with_platform(
        data, lambda platform: service.release(platform, person, hold_id, OPERATOR, key_of(key))
    )
    show(done, as_json)


def reverse(
    person: PersonArgument,
    transaction_id: Annotated[int, typer.Argument(help="流水号 · the transaction.")],
    reason: Annotated[str, typer.Option(help="原因 · why.")],
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """冲正 · Take a transaction back by a new one, once."""
    from yikatong.money.bank import service

    done = with_platform(
        data,
        lambda platform: service.reverse(
            platform, person, transaction_id, OPERATOR, key_of(key), reason=reason
        ),
    )
    show(done, as_json)


def family(
    owner: PersonArgument,
    member: Annotated[int | None, typer.Argument(help="家庭成员 · the member.", min=1)] = None,
    limit: Annotated[str | None, typer.Option(help="年度限额（元） · limit a year.")] = None,
    end: Annotated[bool, typer.Option("--end", help="取消授权 · take it back.")] = False,
    data: DataOption = None,
) -> None:
    """家庭共济 · Whom the medical account pays for: list, allow with --limit, or --end."""
    from yikatong.core.money import format_yuan
    from yikatong.money import medical

    async def work(platform: Platform) -> list[medical.FamilyLink]:
        if member is not None and end:
            await medical.end_family(platform, owner, member, OPERATOR)
        elif member is not None:
            amount = parse_yuan(limit or "", "--limit")
            await medical.allow_family(platform, owner, member, amount, OPERATOR)
        async with platform.database.transaction(readonly=True) as connection:
            return await medical.family_of(connection, owner)

    for one in with_platform(data, work):
        typer.echo(f"{one.member_id}  {format_yuan(one.yearly_limit)}  {one.since}")


def pay_care(
    patient: PersonArgument,
    provider: Annotated[str, typer.Argument(help="医药机构代码 · the provider.")],
    amount: AmountArgument,
    owner: Annotated[int | None, typer.Option(help="用谁的账户 · whose account pays.")] = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """个人账户支付 · Pay a provider from the medical account."""
    from yikatong.money import medical
    from yikatong.money.bodies import provider_code

    done = with_platform(
        data,
        lambda platform: medical.pay_care(
            platform, patient, provider_code(provider), parse_yuan(amount, "AMOUNT"), OPERATOR,
            key_of(key), owner_id=owner,
        ),
    )  # fmt: skip
    show(done, as_json)


def inherit(
    person: PersonArgument,
    heirs: Annotated[list[str], typer.Argument(help="账号=份额% · ACCOUNT=PERCENT, together 100.")],
    document: Annotated[str, typer.Option(help="公证书或法院文书 · the document.")],
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """个人账户继承 · Pay a dead person's medical account to the heirs."""
    from yikatong.money import medical

    wanted: list[tuple[str, int]] = []
    for one in heirs:
        number, _, percent = one.partition("=")
        wanted.append((number, parse_percent(percent, "HEIRS")))
    done: Any = with_platform(
        data,
        lambda platform: medical.inherit(platform, person, wanted, document, OPERATOR, key_of(key)),
    )
    show(done, as_json)


def move(
    person: PersonArgument,
    region: Annotated[str, typer.Argument(help="新参保地 · the new insured region.")],
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """个人账户转移 · Move the medical account to another insured region."""
    from yikatong.money import medical

    done = with_platform(
        data, lambda platform: medical.move(platform, person, region, OPERATOR, key_of(key))
    )
    show(done, as_json)


def add_to(app: typer.Typer) -> None:
    """Hang the commands into `yikatong money`."""
    for name, run in (
        ("open", open_account),
        ("deposit", deposit),
        ("withdraw", withdraw),
        ("transfer", transfer),
        ("benefit", benefit),
        ("freeze", freeze),
        ("hold", hold),
        ("capture", capture),
        ("release", release),
        ("reverse", reverse),
        ("family", family),
        ("pay-care", pay_care),
        ("inherit", inherit),
        ("move", move),
    ):
        app.command(name)(run)
