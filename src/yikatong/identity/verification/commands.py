"""The room's part of the command line: `verifications permit|list`."""

from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

verifications_app = typer.Typer(help="身份核验 · verifications by services.", no_args_is_help=True)


@verifications_app.command("permit")
def permit(
    name: Annotated[
        str,
        typer.Argument(
            help="接口凭证编号、机构编码或工号 · id of the machine, code of the provider, or staff number."
        ),
    ],
    purpose: Annotated[
        list[str],
        typer.Option(
            help="用途，可重复；见 verifications list --purposes · a purpose; may be repeated."
        ),
    ],
    kind: Annotated[
        str, typer.Option(help="谁来核验 · who verifies: service, provider, staff.")
    ] = "service",
    per_minute: Annotated[int, typer.Option(help="每分钟上限 · checks a minute.")] = 600,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核验用途许可 · Let a service verify for these purposes and no others."""
    from typing import Literal, cast

    import msgspec

    from yikatong.core.platform import Platform
    from yikatong.identity.verification import service
    from yikatong.identity.verification.model import Permit
    from yikatong.identity.verification.permits import SEEN_WITHIN_SECONDS
    from yikatong.people.service import check_choice

    check_choice("--kind", kind, ("service", "provider", "staff"))
    chosen = cast("Literal['staff', 'provider', 'service']", kind)

    async def run(platform: Platform) -> Permit:
        return await service.permit(platform, chosen, name, purpose, per_minute)

    made = with_platform(data, run)
    if as_json:
        print_json(msgspec.to_builtins(made))
        return
    typer.echo(f"{made.kind} {made.name}: {', '.join(made.purposes)}, {made.per_minute}/min")
    typer.echo(f"{SEEN_WITHIN_SECONDS:.0f} 秒内生效 · in force within {SEEN_WITHIN_SECONDS:.0f} s")


@verifications_app.command("list")
def list_permits(
    purposes: Annotated[
        bool, typer.Option("--purposes", help="列出全部用途 · all purposes there are.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """许可一览 · Which services may verify, for what, and how often."""
    import msgspec

    from yikatong.identity.verification import service
    from yikatong.identity.verification.model import PURPOSES

    if purposes:
        if as_json:
            print_json({name: text.as_dict() for name, text in PURPOSES.items()})
            return
        for name, text in PURPOSES.items():
            typer.echo(f"{name:<12} {text.zh} · {text.en}")
        return
    found = with_platform(data, service.permits)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    for one in found:
        typer.echo(f"{one.kind} {one.name}: {', '.join(one.purposes)}, {one.per_minute}/min")
    if not found:
        typer.echo("还没有许可 · no service is permitted yet")
