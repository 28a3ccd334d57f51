"""The room's part of the command line: `providers credentials add|list|rotate|revoke|sm2`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

credentials_app = typer.Typer(
    help="接口凭证 · credentials of the hospital interface.", no_args_is_help=True
)
_Key = Annotated[str, typer.Argument(metavar="ACCESS_KEY", help="访问密钥 · the access key.")]


def _carry_out(
    data: Any,
    action: str,
    work: Callable[[Any, Any], Awaitable[Any]],
    access_key: str | None = None,
    **detail: object,
) -> Any:
    """Do it, and note it in the trail of the office, in one transaction; of a new credential the key
    is what was made."""
    from yikatong.core.platform import Platform
    from yikatong.identity import office
    from yikatong.trust.audit import Actor

    async def run(platform: Platform) -> Any:
        async with platform.database.transaction() as connection:
            done = await work(platform, connection)
            await office.record(
                connection, Actor("staff", "command line", "credentials"), platform.clock.now(),
                f"credential.{action}", access_key or done.access_key, detail,
            )  # fmt: skip
            return done

    return with_platform(data, run)


def _show(made: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "code": made.provider_code,
                "scheme": made.scheme,
                "access_key": made.access_key,
                "secret": made.secret,
                "sandbox": made.sandbox,
            }
        )
        return
    typer.echo(
        f"{made.provider_code}  {made.scheme}  {made.access_key}\n"
        f"密钥 · secret (shown once): {made.secret}"
    )


@credentials_app.command("add")
def add(
    provider: Annotated[str, typer.Argument(help="机构编码 · the provider's code.")],
    scheme: Annotated[str, typer.Option(help="签名方式 · how it signs: A, B.")] = "A",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """发放接口凭证 · A new credential, for real people; prints its secret this once."""
    from yikatong.medical.hospital_api import credentials

    code, how = provider.strip().upper(), scheme.strip().upper()

    async def work(platform: Any, connection: Any) -> Any:
        return await credentials.create(platform, connection, code, how, sandbox=False)

    made = _carry_out(data, "added", work, provider=code, scheme=how)
    _show(made, as_json=as_json)


@credentials_app.command("list")
def list_credentials(
    provider: Annotated[
        str | None, typer.Argument(help="机构编码，省略为全部 · of one provider.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出接口凭证 · Credentials, revoked ones too, without their secrets."""
    from yikatong.core.platform import Platform
    from yikatong.medical.hospital_api import credentials

    code = None if provider is None else provider.strip().upper()

    async def run(platform: Platform) -> Any:
        async with platform.database.transaction(readonly=True) as connection:
            return await credentials.every(connection, code)

    found = with_platform(data, run)
    if as_json:
        print_json(found)
        return
    for one in found:
        marks = [
            name
            for name, so in (
                ("沙箱 sandbox", one["sandbox"]),
                ("SM2", one["sm2_public_key"]),
                (f"停用于 revoked {one['revoked_at']}", one["revoked_at"]),
            )
            if so
        ]
        typer.echo(f"{one['code']}  {one['scheme']}  {one['access_key']}  {'  '.join(marks)}")
    if not found:
        typer.echo("没有接口凭证 · there are no credentials")


@credentials_app.command("rotate")
def rotate(access_key: _Key, data: DataOption = None, as_json: JsonOption = False) -> None:
    """更换密钥 · A new credential like this one; the old one works for 24 hours more."""
    from yikatong.medical.hospital_api import credentials

    async def work(platform: Any, connection: Any) -> Any:
        return await credentials.rotate(platform, connection, access_key)

    _show(_carry_out(data, "rotated", work, access_key=access_key), as_json=as_json)


@credentials_app.command("revoke")
def revoke(access_key: _Key, data: DataOption = None, as_json: JsonOption = False) -> None:
    """停用 · Calls signed with it are refused, within seconds."""
    from yikatong.medical.hospital_api import credentials

    async def work(platform: Any, connection: Any) -> None:
        await credentials.revoke(platform, connection, access_key)

    _carry_out(data, "revoked", work, access_key=access_key)
    if as_json:
        print_json({"access_key": access_key, "revoked": True})
    else:
        typer.echo(f"{access_key}  已停用 · revoked")


@credentials_app.command("sm2")
def sm2(
    access_key: _Key,
    public_key: Annotated[
        str | None, typer.Argument(help="SM2 公钥，128 位十六进制 · 128 hexadecimal digits.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="取消 · ask for it no more.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """登记国密公钥 · From then on, within seconds, each call must carry an SM2 signature."""
    from yikatong.core.errors import InvalidInput
    from yikatong.medical.hospital_api import credentials

    if remove == (public_key is not None):
        raise InvalidInput(
            "sm2_public_key",
            zh="请填写公钥，或用 --remove 取消，二选一",
            en="give a public key, or --remove",
        )

    async def work(platform: Any, connection: Any) -> None:
        await credentials.register_sm2(platform, connection, access_key, public_key)

    _carry_out(data, "sm2", work, access_key=access_key, registered=not remove)
    if as_json:
        print_json({"access_key": access_key, "sm2": not remove})
    else:
        what = "不再要求国密签名 · no SM2 signature" if remove else "须带国密签名 · SM2 signature"
        typer.echo(f"{access_key}  {what}")
