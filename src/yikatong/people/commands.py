"""The room's part of the command line: `people list|show`."""

from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

people_app = typer.Typer(help="人员 · people.", no_args_is_help=True)


@people_app.command("list")
def list_people(
    region: Annotated[str | None, typer.Option(help="居住地 · lives in (any code).")] = None,
    insured_region: Annotated[str | None, typer.Option(help="参保地 · insured in.")] = None,
    insurance: Annotated[str | None, typer.Option(help="险种 · 310, 390, 110, 150, 210.")] = None,
    category: Annotated[str | None, typer.Option(help="人员类别 · active, retired, …")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    after: Annotated[int, typer.Option(help="从此编号之后 · behind this person id.", min=0)] = 0,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出人员 · List people; nothing personal beyond the name."""
    from yikatong.core import regions
    from yikatong.core.platform import Platform
    from yikatong.core.sealing import mask_name
    from yikatong.people import service
    from yikatong.people.model import INSURANCE_NAMES, Person

    for name, code in (("region", region), ("insured_region", insured_region)):
        if code is not None:
            regions.get(code, name)
    service.check_choice("insurance", insurance, tuple(INSURANCE_NAMES))

    async def run(platform: Platform) -> list[Person]:
        wanted = service.PersonFilter(region, insured_region, insurance, category)
        async with platform.database.transaction(readonly=True) as connection:
            return list(await service.list_persons(connection, wanted, limit, after))

    found = with_platform(data, run)
    if as_json:
        print_json([person_as_json(one) for one in found])
        return
    for one in found:
        home = regions.full_name(one.residence_region)
        typer.echo(f"{one.person_id}  {mask_name(one.name)}  {one.birth_date.year}  {home}")


def person_as_json(person: Any) -> dict[str, Any]:
    """A person for lists: no id number, phone or address."""
    return {
        "person_id": person.person_id,
        "name": person.name,
        "sex": person.sex,
        "birth_date": person.birth_date.isoformat(),
        "residence_region": person.residence_region,
        "died_on": person.died_on.isoformat() if person.died_on else None,
        "synthetic": person.synthetic,
    }


@people_app.command("show")
def show(
    person_id: Annotated[int | None, typer.Argument(help="人员编号 · the person id.")] = None,
    id_number: Annotated[str | None, typer.Option(help="身份证号 · by id number.")] = None,
    reveal: Annotated[
        bool, typer.Option(help="显示完整号码（留下记录）· whole numbers; recorded.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看一个人的档案 · One person's file; every look is recorded for the person to see."""
    from yikatong.core.errors import InvalidInput
    from yikatong.core.platform import Platform
    from yikatong.people import service
    from yikatong.trust.audit import Actor

    if (person_id is None) == (id_number is None):
        raise InvalidInput(
            "PERSON_ID",
            zh="请给出人员编号或 --id-number，二选一",
            en="give either a person id or --id-number",
        )

    async def run(platform: Platform) -> dict[str, Any]:
        actor = Actor("staff", "command line", "people show")
        return await service.file_of(
            platform, actor, person_id=person_id, id_number=id_number, reveal=reveal
        )

    found = with_platform(data, run)
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        if isinstance(value, list):
            for entry in value:  # pyright: ignore[reportUnknownVariableType]
                typer.echo(f"{key}: {entry}")
        else:
            typer.echo(f"{key}: {value}")
