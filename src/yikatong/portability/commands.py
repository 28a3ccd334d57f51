"""The room's part of the command line: `check`."""

from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform


def check(
    region: Annotated[str, typer.Option(help="目的地代码 · the destination's code, 110000.")],
    service: Annotated[
        str, typer.Option(help="用途 · inpatient, outpatient, chronic, pharmacy, …")
    ],
    id_number: Annotated[str | None, typer.Option(help="身份证号 · the id number.")] = None,
    card: Annotated[str | None, typer.Option(help="社保卡卡号 · the card number.")] = None,
    provider: Annotated[str | None, typer.Option(help="机构编码 · a provider's code.")] = None,
    on: Annotated[str | None, typer.Option("--date", help="日期 · the day, 2026-03-01.")] = None,
    lang: Annotated[str, typer.Option(help="zh 或 en · zh or en.")] = "zh",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """卡在那里能用吗 · Can the card be used there, for this? Exit code 1: no."""
    from yikatong.core.errors import InvalidInput, one_of
    from yikatong.core.platform import Platform
    from yikatong.policies.requests import parse_day
    from yikatong.portability import service as portability
    from yikatong.portability import shown
    from yikatong.portability.model import SERVICES, Answer, CheckRequest, Service
    from yikatong.trust.audit import Actor

    wanted: Service = one_of(service, SERVICES, "service")
    if lang not in ("zh", "en"):
        raise InvalidInput("lang", zh="应为 zh 或 en", en="must be zh or en")
    portability.check_region(region)
    day = parse_day(on, "date") if on else None

    async def run(platform: Platform) -> Answer:
        person_id, card_id = await portability.find_person(platform, id_number=id_number, card=card)
        question = CheckRequest(
            person_id, region, wanted, day or portability.default_day(platform), provider, card_id
        )
        actor = Actor("staff", "command line", "portability check")
        return (await portability.check(platform, question, actor))[1]

    answer = with_platform(data, run)
    if as_json:
        print_json(shown.answer_as_json(answer))
    else:
        typer.echo(shown.ANSWERS[answer.answer].in_language(lang))
        for number, reason in enumerate(answer.reasons, 1):
            typer.echo(f"{number}. {reason.text.in_language(lang)}")
            typer.echo(f"   → {reason.remedy.in_language(lang)}")
            if reason.where:
                places = " / ".join(place.name.in_language(lang) for place in reason.where)
                typer.echo(f"     {places} ({reason.takes.in_language(lang)})")
    if answer.answer == "no":
        raise typer.Exit(1)
