"""The room's part of the command line: `providers list`, `catalog list|load`."""

from pathlib import Path
from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.medical.hospital_api.commands import credentials_app

providers_app = typer.Typer(help="定点医药机构 · providers.", no_args_is_help=True)
providers_app.add_typer(credentials_app, name="credentials")
catalog_app = typer.Typer(help="医保目录 · the medical catalog.", no_args_is_help=True)


@providers_app.command("list")
def list_providers(
    region: Annotated[
        str | None, typer.Option(help="省、市或区县代码 · any region's code.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="hospital 或 pharmacy · or.")] = None,
    level: Annotated[
        str | None, typer.Option(help="community, primary, secondary, tertiary.")
    ] = None,
    care: Annotated[str | None, typer.Option(help="开展的服务 · inpatient, outpatient, …")] = None,
    cross_region: Annotated[
        bool | None, typer.Option(help="能否跨省结算 · settles across regions.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="名称的一部分 · part of the name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出定点医药机构 · Providers, the highest level first (demo data)."""
    import msgspec

    from yikatong.core import regions
    from yikatong.core.platform import Platform
    from yikatong.medical import service
    from yikatong.medical.model import Provider
    from yikatong.people.service import check_choice
    from yikatong.policies.model import CARES, LEVELS

    if region is not None:
        regions.get(region)
    check_choice("kind", kind, ("hospital", "pharmacy"))
    check_choice("level", level, LEVELS)
    check_choice("care", care, CARES)

    async def run(platform: Platform) -> list[Provider]:
        async with platform.database.transaction(readonly=True) as connection:
            return list(
                await service.providers(
                    connection,
                    region=region,
                    kind=kind,
                    level=level,
                    care=care,
                    cross_region=cross_region,
                    name=name,
                    limit=limit,
                )
            )

    found = with_platform(data, run)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    for one in found:
        across = "跨省 · across" if one.cross_region_cares else "本地 · local only"
        typer.echo(f"{one.provider_code}  {one.level:<9}  {one.name} · {one.english}  {across}")


@catalog_app.command("list")
def list_items(
    text: Annotated[str | None, typer.Argument(help="名称或代码的一部分 · part of a name.")] = None,
    region: Annotated[str, typer.Option(help="就医地 · the treatment region.")] = "110000",
    kind: Annotated[str | None, typer.Option(help="drug, service, consumable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """查目录 · Items with class, first-pay share and price limit in a region."""
    import msgspec

    from yikatong.core import regions
    from yikatong.core.clock import today
    from yikatong.core.money import format_percent, format_yuan
    from yikatong.core.platform import Platform
    from yikatong.medical import catalog
    from yikatong.medical.model import CatalogItem
    from yikatong.people.service import check_choice

    regions.get(region)
    check_choice("kind", kind, ("drug", "service", "consumable"))

    async def run(platform: Platform) -> list[CatalogItem]:
        async with platform.database.transaction(readonly=True) as connection:
            day = today(platform.clock)
            return list(
                await catalog.search(connection, region, day, text=text, kind=kind, limit=limit)
            )

    found = with_platform(data, run)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    for one in found:
        share = f"{format_percent(one.first_pay)}%" if one.first_pay else "-"
        top = format_yuan(one.price_limit) if one.price_limit is not None else "-"
        typer.echo(
            f"{one.code}  {one.item_class}  {share:>5}  ≤{top:>10}  {one.name} · {one.english}"
        )


@catalog_app.command("load")
def load(
    items: Annotated[Path, typer.Argument(help="items.csv")],
    terms: Annotated[Path, typer.Option(help="terms.csv")],
    data: DataOption = None,
) -> None:
    """用 CSV 文件整体替换目录 · Replace the whole catalog; nothing changes where a row is wrong."""
    from yikatong.core.errors import InvalidInput
    from yikatong.core.platform import Platform
    from yikatong.medical import reference

    def text_of(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                "FILE", zh=f"无法读取 {path}（应为 UTF-8）", en=f"cannot read {path} as UTF-8"
            ) from error

    first, second = text_of(items), text_of(terms)

    async def run(platform: Platform) -> tuple[int, int]:
        return await reference.load_catalog(platform, items.name, first, terms.name, second)

    count, conditions = with_platform(data, run)
    typer.echo(f"{count} 个项目，{conditions} 条规则 · {count} items, {conditions} terms")
