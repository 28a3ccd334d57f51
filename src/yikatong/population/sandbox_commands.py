"""The room's part of the command line of the sandbox: `sandbox show|play|inbox|e-card`."""

from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform


def show(data: DataOption = None, as_json: JsonOption = False) -> None:
    """测试机构和人员 · Test providers with keys, catalog codes, and people for every situation."""
    from yikatong.core.platform import Platform
    from yikatong.identity.openid import sandbox as openid_sandbox
    from yikatong.identity.staff import demo
    from yikatong.medical.sandbox import service
    from yikatong.policies.shown import LEVEL_NAMES
    from yikatong.population import sandbox, sandbox_pin
    from yikatong.trust.audit import Actor

    async def run(platform: Platform) -> Any:
        service.require(platform)
        async with platform.database.transaction(readonly=True) as connection:
            providers = await service.providers(platform, connection)
            items = await service.items(platform, connection)
            workplaces = await service.workplaces(connection)
        actor = Actor("staff", "command line", "sandbox show")
        await demo.prepare(platform, workplaces)
        services = await openid_sandbox.relying_services(platform)
        persons = await sandbox.persons(platform, actor)
        pin = sandbox_pin.of_sandbox(platform)
        return providers, items, persons, pin, demo.members(platform, workplaces), services

    providers, items, persons, pin, staff, services = with_platform(data, run)
    if as_json:
        print_json(
            {
                "providers": [_fields(one, _PROVIDER) for one in providers],
                "catalog_codes": [one.code for one in items],
                "persons": [_fields(one, _PERSON) for one in persons],
                "pin": pin,
                "staff": [_fields(one, _STAFF) for one in staff],
                "relying_services": services,
            }
        )
        return
    typer.echo(
        "测试机构 · providers: 编码 code, 区划 region, 签名 scheme, 访问密钥 access key, 密钥 secret"
    )
    for one in providers:
        typer.echo(f"{one.code}  {one.region}  {one.scheme}  {one.access_key}  {one.secret}")
        typer.echo(f"    {one.name} · {LEVEL_NAMES[one.level].zh} · {one.note.zh} · {one.note.en}")
    typer.echo("目录 · catalog codes")
    for item in items:
        typer.echo(f"{item.code}  {item.item_class}  {item.name}")
    typer.echo(
        f"卡密码 · the card PIN of everybody: {pin}\n"
        "登录本平台的示例服务 · relying services: 编号 client id, 密钥 secret, 跳转 redirect"
    )
    for one in services:
        typer.echo(f"{one['client_id']}  {one['client_secret']}  {one['redirect_uris'][0]}")
        typer.echo(f"    {one['name']['zh']} · {one['name']['en']}")
    typer.echo(
        "测试人员 · people: 编号 person, 身份证号 id number, 卡号 card, 险种 insurance, 参保地 region"
    )
    for one in persons:
        card = one.card_number or "-" * 9
        insured = f"{one.insurance or '---'} {one.insured_region}"
        typer.echo(f"{one.person_id}  {one.id_number}  {card}  {insured}  {one.name}")
        typer.echo(f"    {one.situation}: {one.title.zh} · {one.title.en}")
    typer.echo("工作人员 · staff: 工号 number, 密码 password, 验证器密钥 second factor, 岗位 role")
    for one in staff:
        who = f"{one.staff_number:<16}  {one.password}  {one.totp_secret}"
        typer.echo(f"{who}  {one.role}@{one.region}{f'  {one.provider}' if one.provider else ''}")


_PROVIDER = (
    "code", "name", "region", "level", "scheme", "access_key", "secret",
)  # fmt: skip
_PERSON = (
    "situation", "person_id", "name", "id_number", "card_number", "card_identifier", "insurance",
    "insured_region",
)  # fmt: skip
_STAFF = ("staff_number", "role", "region", "provider", "password", "totp_secret")


def _fields(one: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names}


def play(
    scenario: Annotated[
        str, typer.Argument(help="演示名称，省略则列出 · a play; lists them.")
    ] = "",
    port: Annotated[int, typer.Option(help="平台端口 · the platform's port.")] = 8000,
    url: Annotated[
        str | None, typer.Option(help="平台地址 · its address, instead of --port.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """演示一次就诊 · Play a whole visit over the signed interface, and show every message.

    Needs a running `yikatong up` with the same --data. Exit code 1: it came out wrong.
    """
    from yikatong.core.platform import Platform
    from yikatong.medical.sandbox import plays
    from yikatong.population import playing

    if not scenario:
        for name, one in plays.PLAYS.items():
            typer.echo(f"{name:<20} {one.title.zh} · {one.title.en}")
        return
    chosen = plays.find(scenario)
    address = (url or f"http://127.0.0.1:{port}").rstrip("/")
    playing.check_address(address, "--url" if url else "--port")
    told = _Told(quiet=as_json)
    told.say(chosen.title)

    async def run(platform: Platform) -> str:
        return await playing.perform(platform, chosen, address, told.say, told.listen)

    wrong = with_platform(data, run)
    if as_json:
        print_json(
            {"scenario": scenario, "fine": not wrong, "wrong": wrong or None, "steps": told.steps}
        )
    else:
        typer.echo(f"\n✗ {wrong}" if wrong else "\n✓ 完成 · done")
    if wrong:
        raise typer.Exit(1)


def e_card(
    person: Annotated[int, typer.Argument(help="人员编号 · the person's number.", min=1)],
    port: Annotated[
        int, typer.Option(help="平台端口 · the port of the platform that shall read it.")
    ] = 8000,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """电子社保卡二维码 · A fresh e-card code of a synthetic person: lives a minute, works once."""
    import msgspec

    from yikatong.core.platform import Platform
    from yikatong.core.settings import PUBLIC_URL
    from yikatong.identity.ecards import service as ecards
    from yikatong.identity.ecards.codes import Codes
    from yikatong.identity.ecards.model import Code
    from yikatong.medical.sandbox import service
    from yikatong.trust.audit import Actor

    async def run(platform: Platform) -> tuple[Code, str]:
        service.require(platform)
        settings = platform.settings
        if settings.public_url == PUBLIC_URL:
            # As `up` does: without a public address, the platform is called by where it listens.
            address = f"http://127.0.0.1:{port}"
            settings = msgspec.structs.replace(settings, public_url=address)
            platform = msgspec.structs.replace(platform, settings=settings)
        actor = Actor("staff", "command line", "sandbox e-card")
        made = await ecards.code_for_sandbox(platform, Codes(platform), person, actor)
        return made, platform.settings.public_url

    made, issuer = with_platform(data, run)
    if as_json:
        print_json(
            {
                "person_id": person,
                "code": made.text,
                "issued_at": made.issued_at.isoformat(),
                "expires_at": made.expires_at.isoformat(),
                "issuer": issuer,
            }
        )
        return
    import segno

    segno.make(made.text, error="m", micro=False, boost_error=False).terminal(compact=True)
    typer.echo(made.text)
    typer.echo(f"有效至 · valid until {made.expires_at:%H:%M:%S}")
    # A platform that calls itself by another address refuses the code.
    typer.echo(f"签发平台 · issued by {issuer}  (--port, YIKATONG_PUBLIC_URL)")


class _Told:
    """A play as it is told: printed at once, or kept for one JSON document."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.steps: list[dict[str, Any]] = []

    def say(self, text: Any) -> None:
        self.steps.append({"say": text.as_dict()})
        if not self.quiet:
            typer.echo(f"\n# {text.zh}\n# {text.en}")

    def listen(self, one: Any) -> None:
        from yikatong.medical.sandbox.commands import as_json_of, print_meaning
        from yikatong.medical.sandbox.explaining import explain

        meaning = explain(one.infno, one.status, str(one.answer.get("infcode", "")), one.answer)
        self.steps.append(
            {
                "transaction": one.infno,
                "message_id": one.message_id,
                "request": one.request,
                "status": one.status,
                "answer": one.answer or None,
                "meaning": as_json_of(meaning),
            }
        )
        if self.quiet:
            return
        typer.echo(f"\n→ {one.infno} {meaning.title.zh} · {meaning.title.en}  {one.message_id}")
        print_json(one.request["input"])
        typer.echo(f"← {f'HTTP {one.status}' if one.status else one.trouble}")
        if one.answer.get("output"):
            print_json(one.answer["output"])
        print_meaning(meaning)


def inbox(data: DataOption = None, as_json: JsonOption = False) -> None:
    """测试收件箱 · The texts that would have gone to phones, the newest first."""
    from yikatong.core import sending
    from yikatong.core.clock import SHANGHAI
    from yikatong.core.platform import Platform
    from yikatong.medical.sandbox import service

    async def run(platform: Platform) -> Any:
        service.require(platform)
        return await sending.inbox(platform)

    found = with_platform(data, run)
    if as_json:
        print_json(
            [
                {
                    **{name: getattr(one, name) for name in ("text_id", "purpose", "to_masked")},
                    "at": one.at.astimezone(SHANGHAI).isoformat(),
                    "text": one.words.as_dict(),
                }
                for one in found
            ]
        )
        return
    for one in found:
        typer.echo(f"{one.at.astimezone(SHANGHAI):%m-%d %H:%M:%S}  {one.to_masked}")
        typer.echo(f"    {one.words.zh}\n    {one.words.en}")
    if not found:
        typer.echo("还没有短信 · there are no texts yet")
