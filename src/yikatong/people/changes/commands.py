"""`yikatong people change`: confirm or change contact data; take, review, carry out the rest."""

from pathlib import Path
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
from yikatong.core.platform import Platform

change_app = typer.Typer(help="个人信息变更 · changes of a person's data.", no_args_is_help=True)

ChangeArgument = Annotated[int, typer.Argument(help="变更编号 · the change's number.", min=1)]
ActorOption = Annotated[str, typer.Option("--actor", help="经办人工号 · your staff number.")]
ReasonOption = Annotated[str, typer.Option(help="原因，本人会看到 · why; the person reads it.")]
VersionOption = Annotated[
    int | None,
    typer.Option(help="看到的资料版本，默认为现在的 · of the data you saw; default: now's.", min=1),
]


def _actor(name: str) -> Any:
    from yikatong.trust.audit import Actor

    return Actor("staff", name, "command line")


async def _version(platform: Platform, person: int, version: int | None) -> int:
    from yikatong.people import service as people

    if version is not None:
        return version
    async with platform.database.transaction(readonly=True) as connection:
        return (await people.get(connection, person)).version


@change_app.command("contact")
def contact(
    person: PersonArgument,
    actor: ActorOption,
    phone: Annotated[str | None, typer.Option(help="手机号 · a mobile phone.")] = None,
    address: Annotated[str | None, typer.Option(help="联系地址 · an address.")] = None,
    region: Annotated[str | None, typer.Option(help="常住地代码 · where they live.")] = None,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """改手机号、地址；都不填表示确认无误 · Phone, address; with neither, both are confirmed."""
    from yikatong.people.changes import service
    from yikatong.people.changes.model import Change, ContactChange

    async def run(platform: Platform) -> Change:
        return await service.change_contact(
            platform, person, ContactChange(phone, address, region),
            await _version(platform, person, version), "counter", _actor(actor), key_of(key),
        )  # fmt: skip

    _show(with_platform(data, run), as_json)


@change_app.command("identity")
def identity(
    person: PersonArgument,
    actor: ActorOption,
    name: Annotated[str | None, typer.Option(help="姓名 · the name.")] = None,
    id_number: Annotated[str | None, typer.Option(help="身份证号 · the id number.")] = None,
    ethnic_group: Annotated[str | None, typer.Option(help="民族代码 · GB/T 3304.")] = None,
    version: VersionOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """受理姓名、身份证号、民族变更 · Take a change that another person reviews."""
    from yikatong.people.changes import service
    from yikatong.people.changes.model import Change, IdentityChange

    async def run(platform: Platform) -> Change:
        return await service.take(
            platform, person, IdentityChange(name, id_number, ethnic_group),
            await _version(platform, person, version), _actor(actor), key_of(key),
        )  # fmt: skip

    _show(with_platform(data, run), as_json)


@change_app.command("document")
def document(
    person: PersonArgument,
    change: ChangeArgument,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    actor: ActorOption,
    kind: Annotated[
        str, typer.Option(help="id_document, household_register, change_certificate, …")
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """上传材料 · Add a PDF, JPEG, PNG or WebP to a change."""
    from yikatong.people.changes import service
    from yikatong.people.changes.model import MATTER
    from yikatong.trust.documents import service as documents
    from yikatong.trust.documents import shown
    from yikatong.trust.documents.model import Document, Matter

    async def run(platform: Platform) -> Document:
        async with platform.database.transaction() as connection:
            await service.takes_documents(connection, person, change)
            return await documents.add(
                platform, connection, person, Matter(MATTER, change), kind, file.read_bytes(),
                file.name, _actor(actor), field="FILE",
            )  # fmt: skip

    body = shown.body(with_platform(data, run))
    if as_json:
        print_json(body)
        return
    kind_name = body["kind_name"]
    typer.echo(f"✓ {body['document_id']}  {kind_name['zh']} · {kind_name['en']}  {body['size']} B")


@change_app.command("approve")
def approve(
    person: PersonArgument,
    change: ChangeArgument,
    actor: ActorOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """审核通过 · Carry a change out; by another than who took it."""
    from yikatong.people.changes import service

    _show(
        with_platform(data, lambda it: service.approve(it, person, change, _actor(actor))), as_json
    )


@change_app.command("refuse")
def refuse(
    person: PersonArgument,
    change: ChangeArgument,
    actor: ActorOption,
    reason: ReasonOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """不予通过 · Refuse a change."""
    from yikatong.people.changes import service

    _show(
        with_platform(data, lambda it: service.refuse(it, person, change, reason, _actor(actor))),
        as_json,
    )


@change_app.command("withdraw")
def withdraw(
    person: PersonArgument,
    change: ChangeArgument,
    actor: ActorOption,
    reason: ReasonOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """撤回 · Take a change back before it is decided."""
    from yikatong.people.changes import service

    _show(
        with_platform(data, lambda it: service.withdraw(it, person, change, reason, _actor(actor))),
        as_json,
    )


@change_app.command("list")
def show(
    person: PersonArgument,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看登记的资料和变更记录 · What is on file, masked, and what was changed; recorded."""
    from yikatong.core.clock import SystemClock, today
    from yikatong.people.changes import service, shown

    found = with_platform(data, lambda it: service.on_file(it, person, _actor("command line")))
    body = shown.on_file(found, today(SystemClock()))
    if as_json:
        print_json(body)
        return
    for name in ("name", "id_number", "phone", "address", "residence_region", "version"):
        typer.echo(f"{name}: {body[name]}")
    mark = "" if body["contact_fresh"] else "  请再确认 · to be confirmed again"
    typer.echo(f"contact_confirmed_on: {body['contact_confirmed_on']}{mark}")
    for one in found.changes:
        _tell(one)


@change_app.command("waiting")
def waiting(
    after: Annotated[int, typer.Option(help="从此变更编号之后 · behind this change.", min=0)] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """待审核的变更 · Changes to be reviewed, the oldest first."""
    from yikatong.people.changes import service, shown

    found = with_platform(data, lambda it: service.waiting(it, after, limit))
    if as_json:
        print_json([shown.change(one) for one in found])
        return
    for one in found:
        _tell(one)
    if not found:
        typer.echo("没有待审核的变更 · nothing is to be reviewed")


def _show(change: Any, as_json: bool) -> None:
    from yikatong.people.changes import shown

    if as_json:
        print_json(shown.change(change))
    else:
        _tell(change)


def _tell(change: Any) -> None:
    from yikatong.people.changes import shown

    body = shown.change(change)
    state = body["state_name"]
    typer.echo(
        f"{body['change_id']}  {body['person_id']}  {body['taken_at'][:16]}  "
        f"{state['zh']} · {state['en']}  {body['taken_by']}"
    )
    for one in body["fields"]:
        name = one["name"]
        typer.echo(f"    {name['zh']} · {name['en']}: {one['before']['zh']} → {one['after']['zh']}")
    if not body["fields"]:
        typer.echo("    确认无误 · confirmed as right")
    if body["reason"]:
        typer.echo(f"    {body['reason']}")
