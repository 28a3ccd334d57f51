"""`yikatong notices`: list, run-due, kinds."""

from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

notices_app = typer.Typer(help="通知 · notices.", no_args_is_help=True)


@notices_app.command("list")
def list_notices(
    person_id: Annotated[int | None, typer.Argument(help="人员编号 · the person id.")] = None,
    id_number: Annotated[str | None, typer.Option(help="身份证号 · by id number.")] = None,
    before: Annotated[
        int | None, typer.Option(help="早于此通知 · older than this notice.", min=0)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """发给一个人的通知 · What a person was told, the newest first; the look is recorded."""
    from yikatong.core.clock import SHANGHAI
    from yikatong.core.errors import InvalidInput
    from yikatong.core.platform import Platform
    from yikatong.people import service as people
    from yikatong.people.notices import rules, service, shown
    from yikatong.people.notices.kinds import KINDS
    from yikatong.people.notices.model import TEXT_STATES, Choices, Notice
    from yikatong.trust.audit import Actor

    if (person_id is None) == (id_number is None):
        raise InvalidInput(
            "PERSON_ID",
            zh="请给出人员编号或 --id-number，二选一",
            en="give either a person id or --id-number",
        )

    async def run(platform: Platform) -> tuple[int, list[Notice], Choices]:
        wanted = person_id
        if id_number is not None:
            async with platform.database.transaction(readonly=True) as connection:
                wanted = await people.find_by_id_number(
                    platform, connection, id_number, "--id-number"
                )
        assert wanted is not None
        actor = Actor("staff", "command line", "notices list")
        found, chosen = await service.looked_up(platform, wanted, actor, before=before, limit=limit)
        return wanted, found, chosen

    wanted, found, chosen = with_platform(data, run)
    if as_json:
        print_json(shown.page(wanted, found, chosen, limit))
        return
    if not found:
        typer.echo("没有通知 · no notices")
    for one in found:
        kind = KINDS[one.kind]
        mark = " " if one.read_at else "●"
        body = rules.body(kind, one.facts)
        typer.echo(f"{mark} {one.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}  {one.kind}")
        typer.echo(f"    {kind.title.zh}：{body.zh}")
        typer.echo(f"    {kind.title.en}: {body.en}")
        if one.text_state is not None:
            state = TEXT_STATES[one.text_state]
            typer.echo(f"    {state.zh} · {state.en}")


@notices_app.command("run-due")
def run_due(data: DataOption = None, as_json: JsonOption = False) -> None:
    """办理年度核对提醒 · Ask whose phone and address nobody confirmed for a year; harmless twice."""
    from yikatong.people.notices import reminders

    asked = with_platform(data, reminders.run)
    if as_json:
        print_json({"asked": asked})
        return
    typer.echo(f"提醒 asked: {asked}")


@notices_app.command("kinds")
def kinds(as_json: JsonOption = False) -> None:
    """通知种类 · The kinds of notices, and the facts each is filled with."""
    from yikatong.people.notices.kinds import KINDS

    def facts(kind: Any) -> dict[str, Any]:
        return {
            name: wanted if isinstance(wanted, str) else list(wanted)
            for name, wanted in kind.facts.items()
        }

    if as_json:
        print_json(
            [
                {
                    "kind": kind.name,
                    "subject": kind.subject,
                    "title": kind.title.as_dict(),
                    "body": kind.body.as_dict(),
                    "link": kind.link,
                    "facts": facts(kind),
                    "always_texted": kind.always_texted,
                }
                for kind in KINDS.values()
            ]
        )
        return
    for kind in KINDS.values():
        typer.echo(f"{kind.name:<26} {kind.title.zh} · {kind.title.en}")
