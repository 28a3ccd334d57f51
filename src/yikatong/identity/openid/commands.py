"""`yikatong openid`: register, list, rotate, switch off clients; rotate the signing key."""

from pathlib import Path
from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import InvalidInput, one_of

openid_app = typer.Typer(help="统一登录 · the OpenID provider.", no_args_is_help=True)
clients_app = typer.Typer(
    help="接入登录的服务 · services that log people in.", no_args_is_help=True
)
openid_app.add_typer(clients_app, name="clients")

_ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="应用编号 · client id.")]
_OPTIONS = {
    "client_id": "CLIENT",
    "name_zh": "--name-zh",
    "name_en": "--name-en",
    "redirect_uris": "--redirect",
    "post_logout_uris": "--post-logout",
    "scopes": "--scope",
    "authentication": "--authentication",
    "key_set": "--keys",
    "sector": "--sector",
}
_AUTHENTICATIONS = ("secret", "private_key_jwt", "none")


@clients_app.command("add")
def add(
    client: _ClientArgument,
    name_zh: Annotated[str, typer.Option("--name-zh", help="中文名称 · name in Chinese.")],
    name_en: Annotated[str, typer.Option("--name-en", help="英文名称 · name in English.")],
    redirect: Annotated[
        list[str],
        typer.Option(
            "--redirect", help="登录后回到的地址，可重复 · where to after a login; may be repeated."
        ),
    ],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="可申请的范围，可重复 · profile, card, enrolment, address, phone, offline_access.",
        ),
    ] = None,
    authentication: Annotated[
        str,
        typer.Option(
            "--authentication",
            help="怎样证明是它 · how it proves itself: secret, private_key_jwt, none.",
        ),
    ] = "secret",
    native: Annotated[
        bool, typer.Option("--native", help="装在用户设备上的应用 · an app on people's devices.")
    ] = False,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="公钥文件（JWK 集） · file with a JWK set.")
    ] = None,
    post_logout: Annotated[
        list[str] | None,
        typer.Option("--post-logout", help="退出后的地址，可重复 · where to after logging out."),
    ] = None,
    level: Annotated[
        int, typer.Option("--level", help="最低认证等级 · lowest level.", min=1, max=3)
    ] = 1,
    sector: Annotated[
        str | None,
        typer.Option("--sector", help="以哪个域名区分用户编号 · domain that tells numbers apart."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """登记应用 · Register a client; its secret is shown this once. Exit code 1: there already."""
    from typing import cast

    from yikatong.identity.model import Level
    from yikatong.identity.openid import clients
    from yikatong.identity.openid.clients_api import body

    known: clients.Authentication = one_of(authentication, _AUTHENTICATIONS, "--authentication")
    new = clients.NewClient(
        client_id=client,
        name_zh=name_zh,
        name_en=name_en,
        redirect_uris=tuple(redirect),
        scopes=tuple(scope or ()),
        authentication=known,
        native=native,
        post_logout_uris=tuple(post_logout or ()),
        required_level=cast("Level", level),
        sector=sector,
        key_set=None if keys is None else _read(keys),
    )
    try:
        made, secret = with_platform(data, lambda platform: clients.add(platform, new))
    except InvalidInput as error:
        where = _OPTIONS.get(error.field or "", error.field or "")
        raise InvalidInput(where, zh=error.text.zh, en=error.text.en) from error
    if as_json:
        print_json({**body(made), "client_secret": secret})
        return
    typer.echo(f"{made.client_id}  已登记 · registered")
    if secret is not None:
        _print_secret(secret)


@clients_app.command("list")
def show(data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看应用 · All clients."""
    from yikatong.identity.openid import clients
    from yikatong.identity.openid.clients_api import body

    found = with_platform(data, clients.every)
    if as_json:
        print_json([body(one) for one in found])
        return
    for one in found:
        off = "  已停用 · off" if one.disabled_at else ""
        typer.echo(f"{one.client_id}  {one.name_zh} · {one.name_en}  {one.authentication}{off}")
        typer.echo(f"    {' '.join(one.scopes)}")
        for address in one.redirect_uris:
            typer.echo(f"    {address}")
    if not found:
        typer.echo("还没有应用 · no clients yet")


@clients_app.command("rotate-secret")
def rotate_secret(
    client: _ClientArgument,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="旧密钥立即失效 · the old one ends at once.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """换密钥 · A new secret; the old one works for a week more."""
    from yikatong.identity.openid import clients

    secret = with_platform(
        data, lambda platform: clients.rotate_secret(platform, client, at_once=at_once)
    )
    if as_json:
        print_json({"client_id": client, "client_secret": secret})
        return
    _print_secret(secret)


@clients_app.command("disable")
def disable(client: _ClientArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """停用 · Switch a client off; its tokens stop at once."""
    _switch(client, data, as_json, disabled=True)


@clients_app.command("enable")
def enable(client: _ClientArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """启用 · Switch a client on again."""
    _switch(client, data, as_json, disabled=False)


@openid_app.command("rotate-keys")
def rotate_keys(data: DataOption = None, as_json: JsonOption = False) -> None:
    """换签名密钥 · A new signing key: published now, signing after a quarter of an hour."""
    from yikatong.core.platform import Platform
    from yikatong.identity.keys.model import SigningKey
    from yikatong.identity.openid.signing import OpenidProvider

    async def run(platform: Platform) -> SigningKey:
        ring = OpenidProvider(platform).ring
        # Where there is none yet, the first key comes before its successor.
        await ring.published()
        return await ring.rotate()

    made = with_platform(data, run)
    if as_json:
        print_json({"key_id": made.key_id, "signs_from": made.signs_from.isoformat()})
        return
    typer.echo(f"{made.key_id}  {made.signs_from:%Y-%m-%d %H:%M:%S} 起签名 · signs from then")


def _switch(client: str, data: Path | None, as_json: bool, *, disabled: bool) -> None:
    from yikatong.identity.openid import clients

    with_platform(data, lambda platform: clients.set_disabled(platform, client, disabled=disabled))
    if as_json:
        print_json({"client_id": client, "disabled": disabled})
        return
    typer.echo(f"{client}  {'已停用 · off' if disabled else '已启用 · on'}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("--keys", zh=f"无法读取 {path}", en=f"cannot read {path}") from error


def _print_secret(secret: str) -> None:
    typer.echo(f"{secret}\n密钥只显示这一次，请妥善保存 · shown this once; keep it safe")
