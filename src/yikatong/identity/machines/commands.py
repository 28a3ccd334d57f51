"""The part of the command line for machines: `machines add|rotate|revoke|list`."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from yikatong.core.clock import to_the_second
from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

machines_app = typer.Typer(help="接口凭证 · credentials of machines.", no_args_is_help=True)
_Id = Annotated[str, typer.Argument(help="编号 · the id, such as pharmacy-51.")]
_Days = Annotated[int, typer.Option(help="有效天数 · days until it ends.", min=1, max=730)]


def _actor() -> Any:
    from yikatong.trust.audit import Actor

    return Actor("staff", "command line", "machines")


def _show_token(machine_id: str, token: str, as_json: bool, more: dict[str, Any]) -> None:
    if as_json:
        print_json({**more, "token": token})
        return
    typer.echo(f"{machine_id}\n令牌 · token (shown once): {token}")


@machines_app.command("add")
def add(
    machine_id: _Id,
    name: Annotated[str, typer.Option(help="名称 · whose it is.")],
    grant: Annotated[
        list[str],
        typer.Option(help="权限@地区 · permission@region, such as money.read@510100; several."),
    ],
    kind: Annotated[
        str, typer.Option(help="谁的凭证 · whose it is: service, provider.")
    ] = "service",
    days: _Days = 365,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """添加接口凭证 · Add a machine; prints its token."""
    from yikatong.core.platform import Platform
    from yikatong.identity.machines import service
    from yikatong.identity.machines.api import body

    async def run(platform: Platform) -> Any:
        return await service.add(
            platform, machine_id, name, kind, service.read_grants(grant), _actor(),
            lasts=timedelta(days=days),
        )  # fmt: skip

    made, token = with_platform(data, run)
    _show_token(machine_id, token, as_json, body(made))


@machines_app.command("rotate")
def rotate(
    machine_id: _Id,
    days: _Days = 365,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """更换密钥 · A new token; the old one works for 24 hours more."""
    from yikatong.core.platform import Platform
    from yikatong.identity.machines import service

    async def run(platform: Platform) -> Any:
        return await service.rotate(platform, machine_id, _actor(), lasts=timedelta(days=days))

    _show_token(machine_id, with_platform(data, run), as_json, {"id": machine_id})


@machines_app.command("revoke")
def revoke(machine_id: _Id, data: DataOption = None, as_json: JsonOption = False) -> None:
    """停用 · The machine gets in no more, within 20 seconds."""
    from yikatong.core.platform import Platform
    from yikatong.identity.machines import service

    async def run(platform: Platform) -> None:
        await service.revoke(platform, machine_id, _actor())

    with_platform(data, run)
    if as_json:
        print_json({"id": machine_id, "revoked": True})
    else:
        typer.echo(f"{machine_id}  已停用 · revoked")


@machines_app.command("list")
def list_machines(data: DataOption = None, as_json: JsonOption = False) -> None:
    """列出接口凭证 · All machines, what they may do, when they were last used."""
    from yikatong.core.platform import Platform
    from yikatong.identity.machines import service
    from yikatong.identity.machines.api import body

    async def run(platform: Platform) -> Any:
        return await service.every(platform)

    found = with_platform(data, run)
    if as_json:
        print_json([body(one) for one in found])
        return
    for one in found:
        used = max((secret.used_at for secret in one.secrets if secret.used_at), default=None)
        state = "已停用 · revoked" if one.revoked_at else f"{len(one.secrets)} 个密钥 · secrets"
        last = to_the_second(used) or "-"
        typer.echo(
            f"{one.machine_id}  {one.name}  {one.kind}  {state}  最近使用 · last used {last}"
        )
        typer.echo("    " + "  ".join(f"{grant.what}@{grant.region}" for grant in one.grants))
