"""The command line of claims: `yikatong claims …`."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.medical.claims.model import STATES, Claim, State
from yikatong.money.bank.commands import OPERATOR, KeyOption, PersonArgument, key_of

claims_app = typer.Typer(help="手工报销 · claims by hand.", no_args_is_help=True)

ClaimArgument = Annotated[int, typer.Argument(help="申请编号 · the claim.", min=1)]
ReasonOption = Annotated[str, typer.Option(help="原因 · why, or what is missing.")]
VersionOption = Annotated[
    int | None,
    typer.Option(help="看到的版本 · the version looked at (default: the newest).", min=1),
]
FileArgument = Annotated[Path, typer.Argument(help="文件 · the file.", exists=True, dir_okay=False)]


def _tell(one: Claim, as_json: bool) -> None:
    from yikatong.core.money import format_yuan
    from yikatong.medical.claims.bodies import claim_body
    from yikatong.medical.claims.model import STATE_NAMES

    if as_json:
        print_json(claim_body(one))
        return
    name = STATE_NAMES[one.state]
    approved = "" if one.approved is None else f"  报销 paid {format_yuan(one.approved)}"
    reason = f"  {one.reason}" if one.reason else ""
    typer.echo(
        f"{one.person_id} {one.claim_id}  {name.zh} {name.en}  v{one.version}  "
        f"{one.bill.provider_name}  {one.bill.begun_on}  {format_yuan(one.total)}{approved}{reason}"
    )


def _step(
    data: Path | None,
    person: int,
    claim: int,
    version: int | None,
    as_json: bool,
    step: Callable[[Any, int], Awaitable[Claim]],
) -> None:
    from yikatong.medical.claims.service import ClaimOffice

    async def work(platform: Platform) -> Claim:
        office = ClaimOffice(platform)
        known = version or (await office.file(person, claim, OPERATOR)).claim.version
        return await step(office, known)

    _tell(with_platform(data, work), as_json)


@claims_app.command("list")
def list_claims(
    person: Annotated[int | None, typer.Option(help="人员编号 · of one person.", min=1)] = None,
    state: Annotated[str, typer.Option(help="状态 · submitted, under_review, …")] = "submitted",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出申请 · Claims in one state, or all of a person."""
    from yikatong.medical.claims.bodies import claim_body
    from yikatong.medical.claims.service import ClaimOffice

    wanted: State = one_of(state, STATES, "--state")

    async def work(platform: Platform) -> list[Claim]:
        office = ClaimOffice(platform)
        if person is not None:
            return await office.claims_of(person, OPERATOR, limit)
        return await office.waiting([wanted], 0, limit)

    found = with_platform(data, work)
    if as_json:
        print_json([claim_body(one) for one in found])
        return
    for one in found:
        _tell(one, as_json=False)


@claims_app.command("show")
def show(
    person: PersonArgument,
    claim: ClaimArgument,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看申请 · A claim with lines, steps and documents."""
    from yikatong.core.money import format_yuan
    from yikatong.medical.claims.bodies import file_body
    from yikatong.medical.claims.service import ClaimOffice

    file = with_platform(data, lambda platform: ClaimOffice(platform).file(person, claim, OPERATOR))
    if as_json:
        print_json(file_body(file))
        return
    _tell(file.claim, as_json=False)
    for line in file.lines:
        cut = (
            ""
            if line.recognised is None
            else f"  认可 recognised {line.recognised}: {line.cut_reason}"
        )
        typer.echo(
            f"  {line.number}  {line.item or '-'}  {line.name}  {line.quantity} × {line.price} = "
            f"{format_yuan(line.total)}{cut}"
        )
    for step in file.steps:
        typer.echo(f"  {step.at:%Y-%m-%d %H:%M}  {step.action}  {step.state}  {step.actor}")
    for one in file.documents:
        typer.echo(f"  材料 document {one.number}  {one.kind}  {one.media_type}  {one.size}")


@claims_app.command("submit")
def submit(
    file: FileArgument,
    lines: Annotated[
        Path | None,
        typer.Option(help="费用明细 CSV · the fee lines.", exists=True, dir_okay=False),
    ] = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """提交申请 · Submit a bill (JSON as for the API); exit code 1 and every wrong row where lines are
    wrong."""
    from yikatong.core import problems
    from yikatong.core.errors import InvalidInput, Malformed
    from yikatong.medical.claims.bodies import SubmitBody
    from yikatong.medical.claims.errors import LinesWrong
    from yikatong.medical.claims.service import ClaimOffice
    from yikatong.money.bodies import person_of

    try:
        body = msgspec.json.decode(file.read_bytes(), type=SubmitBody)
        if lines is not None:
            body.lines_csv = lines.read_text(encoding="utf-8-sig")
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        raise problems.invalid(message, where.rstrip("`")) from error
    except msgspec.DecodeError as error:
        raise Malformed(zh="文件不是 JSON", en="the file is not JSON") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("--lines", zh="应为 UTF-8 文本", en="must be UTF-8 text") from error
    bill, rows, total = body.read()

    async def work(platform: Platform) -> Claim:
        async with platform.database.transaction(readonly=True) as connection:
            person = await person_of(platform, connection, body.id_number, body.person_id)
        return await ClaimOffice(platform).submit(person, bill, rows, total, OPERATOR, key_of(key))

    try:
        made = with_platform(data, work)
    except LinesWrong as error:
        if as_json:
            print_json(msgspec.to_builtins(error.rows))
        else:
            for row in error.rows:
                typer.echo(f"第 {row.row} 行 row {row.row}, {row.field}: {row.zh} · {row.en}")
            typer.echo("没有收下任何一行 · no row was taken")
        raise typer.Exit(1) from None
    _tell(made, as_json)


@claims_app.command("document")
def add_document(
    person: PersonArgument,
    claim: ClaimArgument,
    file: FileArgument,
    kind: Annotated[str, typer.Option(help="invoice, fee_list, record, proof, other.")] = "invoice",
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """补充材料 · Add a PDF, JPEG, PNG or WebP."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.add_document(
            person, claim, known, kind, file.read_bytes(), OPERATOR, key_of(key)
        ),
    )  # fmt: skip


@claims_app.command("take")
def take(
    person: PersonArgument,
    claim: ClaimArgument,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """受理 · Begin the review."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.take(person, claim, known, OPERATOR, key_of(key)),
    )  # fmt: skip


@claims_app.command("cut")
def cut(
    person: PersonArgument,
    claim: ClaimArgument,
    line: Annotated[str, typer.Argument(help="明细序号 · the line.")],
    quantity: Annotated[str, typer.Argument(help="认可数量 · what is recognised; 0: nothing.")],
    reason: ReasonOption = "",
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核减 · Recognise less of a line."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.cut(
            person, claim, known, {line: (quantity, reason)}, OPERATOR, key_of(key)
        ),
    )  # fmt: skip


@claims_app.command("quote")
def quote(
    person: PersonArgument,
    claim: ClaimArgument,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """试算 · What an approval would pay now; nothing is changed."""
    from yikatong.medical.claims.bodies import decision_body
    from yikatong.medical.claims.service import ClaimOffice
    from yikatong.policies import shown

    found = with_platform(
        data, lambda platform: ClaimOffice(platform).preview(person, claim, OPERATOR)
    )
    if as_json:
        print_json(decision_body(found))
        return
    assert found.settlement.quote is not None
    for step in found.settlement.quote.steps:
        text = shown.step_text(step)
        typer.echo(f"{text.zh} · {text.en}  {step.clause}")
    for one in found.suspects:
        typer.echo(f"! 有相同明细 shares lines with {one}")


@claims_app.command("return")
def send_back(
    person: PersonArgument,
    claim: ClaimArgument,
    reason: ReasonOption,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """退回补正 · Return it, saying what is missing."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.send_back(
            person, claim, known, reason, OPERATOR, key_of(key)
        ),
    )  # fmt: skip


@claims_app.command("resubmit")
def resubmit(
    person: PersonArgument,
    claim: ClaimArgument,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """重新提交 · Submit a returned claim again as it is."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.resubmit(person, claim, known, OPERATOR, key_of(key)),
    )  # fmt: skip


@claims_app.command("refuse")
def refuse(
    person: PersonArgument,
    claim: ClaimArgument,
    reason: ReasonOption,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """不予报销 · Refuse it, saying why."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.refuse(person, claim, known, reason, OPERATOR, key_of(key)),
    )  # fmt: skip


@claims_app.command("approve")
def approve(
    person: PersonArgument,
    claim: ClaimArgument,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """审核通过 · Decide by the policy."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.approve(person, claim, known, OPERATOR, key_of(key)),
    )  # fmt: skip


@claims_app.command("pay")
def pay(
    person: PersonArgument,
    claim: ClaimArgument,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """拨付 · Pay to the bank account of the card."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.pay(person, claim, known, OPERATOR, key_of(key)),
    )  # fmt: skip


@claims_app.command("withdraw")
def withdraw(
    person: PersonArgument,
    claim: ClaimArgument,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """撤回 · Take it back before it is decided."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.withdraw(person, claim, known, OPERATOR, key_of(key)),
    )  # fmt: skip


@claims_app.command("reverse")
def reverse(
    person: PersonArgument,
    claim: ClaimArgument,
    reason: ReasonOption,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """撤销 · Take an approved or paid claim back, with the money."""
    _step(
        data, person, claim, version, as_json,
        lambda office, known: office.reverse(person, claim, known, reason, OPERATOR, key_of(key)),
    )  # fmt: skip
