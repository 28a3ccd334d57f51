"""The part of the command line for staff: `staff add|grant|revoke|list|…`.

Who runs it has the key of the installation: it asks for no second person.
"""

from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

staff_app = typer.Typer(help="工作人员 · members of staff.", no_args_is_help=True)
_ROLES = "counter, hotline, reviewer, finance, auditor, operator, administrator, provider"
_Number = Annotated[str, typer.Argument(help="工号 · the staff number.")]
_Role = Annotated[
    str,
    typer.Option(help=f"岗位 · {_ROLES}."),
]
_Region = Annotated[
    str,
    typer.Option(
        help="地区代码 · the region's code, such as 510000 (yikatong regions); 000000: the nation."
    ),
]


def _actor() -> Any:
    from yikatong.trust.audit import Actor

    return Actor("staff", "command line", "staff")


def _show(member: Any, as_json: bool, password: str | None = None) -> None:
    from yikatong.identity.staff.api import body

    if as_json:
        print_json({**body(member), **({"password": password} if password else {})})
        return
    roles = "  ".join(f"{one.what}@{one.region}" for one in member.grants) or "-"
    if member.provider:
        roles += f"  {member.provider}"
    factor = "" if member.second_factor else "  未绑定验证器 · no second factor"
    left = {"left": "  已离岗 · left", "suspended": "  已停用 · suspended"}.get(member.state, "")
    typer.echo(f"{member.staff_number}  {member.name}  {roles}{factor}{left}")
    if password:
        typer.echo(f"首次密码 · first password (shown once): {password}")


@staff_app.command("add")
def add(
    number: _Number,
    name: Annotated[str, typer.Option(help="姓名 · the name.")],
    role: Annotated[
        list[str],
        typer.Option(help=f"岗位，可重复 · {_ROLES}; may be repeated."),
    ] = [],  # noqa: B006 - typer's way to say that it may be left out
    region: _Region = "000000",
    provider: Annotated[
        str | None,
        typer.Option(
            help="定点医药机构编码：该机构的工作人员，岗位即医药机构经办 · the code of the provider the"
            " member works for; the role is then its desk."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """添加工作人员 · Add a member with roles in a region; prints the first password."""
    from yikatong.core.errors import InvalidInput
    from yikatong.core.platform import Platform
    from yikatong.identity.staff import rules, service

    async def run(platform: Platform) -> Any:
        wanted, where = list(role), region
        if provider is not None:
            wanted, where = wanted or [rules.AT_PROVIDER], rules.check_provider(provider)
        if not wanted:
            raise InvalidInput("role", zh="请用 --role 写明岗位", en="name the role with --role")
        grants = [service.read_grant(one, where) for one in wanted]
        return await service.add(platform, number, name, where, grants, _actor(), provider)

    member, password = with_platform(data, run)
    _show(member, as_json, password)


@staff_app.command("grant")
def grant(
    number: _Number,
    role: _Role,
    region: _Region = "000000",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """授予岗位 · Give a role in a region."""
    from yikatong.core.platform import Platform
    from yikatong.identity.staff import service

    async def run(platform: Platform) -> Any:
        return await service.grant(platform, number, [service.read_grant(role, region)], _actor())

    _show(with_platform(data, run), as_json)


@staff_app.command("revoke")
def revoke(
    number: _Number,
    role: _Role,
    region: _Region = "000000",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """收回岗位 · Take a role back, at once."""
    from yikatong.core.platform import Platform
    from yikatong.identity.staff import service

    async def run(platform: Platform) -> Any:
        return await service.revoke(platform, number, service.read_grant(role, region), _actor())

    _show(with_platform(data, run), as_json)


@staff_app.command("list")
def list_staff(data: DataOption = None, as_json: JsonOption = False) -> None:
    """列出工作人员 · All members with their roles."""
    from yikatong.core.platform import Platform
    from yikatong.identity.staff import service
    from yikatong.identity.staff.api import body

    async def run(platform: Platform) -> Any:
        return await service.every(platform)

    found = with_platform(data, run)
    if as_json:
        print_json([body(one) for one in found])
        return
    for one in found:
        _show(one, as_json=False)


def _manage(name: str, zh: str, en: str) -> None:
    @staff_app.command(name, help=f"{zh} · {en}")
    def manage(number: _Number, data: DataOption = None, as_json: JsonOption = False) -> None:
        from yikatong.core.platform import Platform
        from yikatong.identity.staff import service
        from yikatong.identity.staff.api import ACTS

        acts = {**ACTS, "reset-second-factor": service.reset_second_factor}

        async def run(platform: Platform) -> Any:
            answer = await acts[name](platform, number, _actor())
            async with platform.database.transaction(readonly=True) as connection:
                return await service.get(connection, number), answer

        member, answer = with_platform(data, run)
        _show(member, as_json, answer if name == "reset-password" else None)

    assert manage


for _one in (
    ("end-sessions", "结束全部登录", "End all of a member's sessions."),
    ("reset-second-factor", "重置验证器", "Let a member enrol a new second factor."),
    ("reset-password", "重置密码", "Give a new first password; prints it."),
    ("unlock", "解除锁定", "Forget the wrong tries against a number."),
    ("suspend", "停用", "A member is away: no sign-in until resumed."),
    ("resume", "恢复", "A suspended member is back."),
    ("leave", "离岗", "A member left: no sign-in any more."),
):
    _manage(*_one)
