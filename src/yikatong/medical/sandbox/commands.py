"""The room's part of the command line: `sandbox fault|calls`."""

from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

sandbox_app = typer.Typer(help="开发者沙箱 · the developer's sandbox.", no_args_is_help=True)

_Provider = Annotated[str, typer.Argument(help="机构编码 · a test provider's code.")]


@sandbox_app.command("fault")
def fault(
    provider: _Provider,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="FAULT",
            help="slow, lost, refused, wrong_total, unavailable；省略则列出 · lists.",
        ),
    ] = None,
    transaction: Annotated[
        str | None, typer.Option(help="交易编号，如 2207，省略为全部 · only this transaction.")
    ] = None,
    times: Annotated[int, typer.Option(help="次数 · how many calls it meets.")] = 1,
    clear: Annotated[bool, typer.Option("--clear", help="关闭 · switch off.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """故障开关 · Make the next calls of a test provider go wrong; lists what is switched on."""
    import msgspec

    from yikatong.core.platform import Platform
    from yikatong.medical.hospital_api import faults
    from yikatong.medical.hospital_api.faults import Switch
    from yikatong.medical.sandbox import service

    async def run(platform: Platform) -> list[Switch]:
        async with platform.database.transaction() as connection:
            code = (await service.provider(platform, connection, provider.strip().upper())).code
            if clear:
                await faults.clear_faults(
                    connection, code, fault=name, transaction_code=transaction
                )
            elif name is not None:
                await faults.set_fault(
                    platform, connection, code, name,
                    transaction_code=transaction or "", times=times,
                )  # fmt: skip
            return await faults.list_faults(connection, code)

    found = with_platform(data, run)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    for one in found:
        typer.echo(f"{one.fault}  {one.transaction_code or '全部 · all'}  × {one.times}")
    if not found:
        typer.echo("没有打开的故障 · no fault is switched on")


@sandbox_app.command("calls")
def calls(
    provider: _Provider,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 10,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """最近的调用 · A test provider's last calls, the newest first, with what each means."""
    import msgspec

    from yikatong.core.clock import SHANGHAI
    from yikatong.core.platform import Platform
    from yikatong.medical.hospital_api import journal
    from yikatong.medical.hospital_api.journal import ProviderCall
    from yikatong.medical.sandbox import explaining, service

    async def run(platform: Platform) -> list[ProviderCall]:
        async with platform.database.transaction(readonly=True) as connection:
            code = (await service.provider(platform, connection, provider.strip().upper())).code
            return await journal.newest(connection, code, limit)

    found = [
        (
            one,
            explaining.explain(
                one.transaction_code, one.status, one.code, explaining.read(one.answer)
            ),
        )
        for one in with_platform(data, run)
    ]
    if as_json:
        print_json(
            [{**msgspec.to_builtins(one), "meaning": as_json_of(meaning)} for one, meaning in found]
        )
        return
    for one, meaning in found:
        mark = "✓" if meaning.good else "✗"
        typer.echo(
            f"{mark} {one.at.astimezone(SHANGHAI):%m-%d %H:%M:%S}  {one.transaction_code} {meaning.title.zh} ·"
            f" {meaning.title.en}  {one.milliseconds:.0f} ms"
        )
        print_meaning(meaning)
    if not found:
        typer.echo("还没有调用 · there are no calls yet")


def as_json_of(meaning: Any) -> dict[str, Any]:
    """A call's meaning for machines."""
    return {
        "title": meaning.title.as_dict(),
        "outcome": meaning.outcome.as_dict(),
        "advice": meaning.advice.as_dict() if meaning.advice else None,
        "good": meaning.good,
    }


def print_meaning(meaning: Any) -> None:
    """What came out, and what to do about it."""
    for text in (meaning.outcome, meaning.advice):
        if text is not None:
            for line in dict.fromkeys((text.zh, text.en)):
                typer.echo(f"    {line}")
