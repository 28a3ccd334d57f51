"""`yikatong up`: everything set up, then the platform served until Ctrl-C."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
import uvicorn
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from yikatong.app import serve
from yikatong.benefits import due as benefits_due
from yikatong.benefits.runs import service as runs
from yikatong.benefits.unemployment import due as unemployment_due
from yikatong.cards.counters import service as card_counters
from yikatong.cards.office import due as cards_due
from yikatong.core import due_work, embedded, logging, pulse, running, seats, sending
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, Unavailable, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.regions import short_name
from yikatong.core.settings import PUBLIC_URL, Settings
from yikatong.identity import handing
from yikatong.identity.ecards import service as ecards
from yikatong.identity.openid import ending as openid_ending
from yikatong.identity.openid import sandbox as openid_sandbox
from yikatong.identity.signing_in import service as signing_in
from yikatong.identity.staff import demo as demo_staff
from yikatong.identity.staff import signing_in as staff_signing_in
from yikatong.medical import reference
from yikatong.medical.filings import reminders as filing_reminders
from yikatong.medical.provider_desk import service as provider_desk
from yikatong.medical.sandbox import service as sandbox
from yikatong.medical.sandbox.model import SandboxProvider
from yikatong.money import due
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import days
from yikatong.money.outside.connectors import connectors
from yikatong.people.notices import reminders as notice_reminders
from yikatong.people.notices import service as notices
from yikatong.population import sandbox_pin
from yikatong.population import service as population
from yikatong.population.service import DemoPerson
from yikatong.portability import service as portability
from yikatong.portability.plans import service as plans
from yikatong.portals import exceptions
from yikatong.portals.counter import finding
from yikatong.trust import seals
from yikatong.trust.access import NATION
from yikatong.trust.documents import service as documents
from yikatong.workers import BACKLOG, Workers, bind, configuration, end_when_told, settle

SEED = 20260301
"""The same first population on every machine."""

_WATCH_SECONDS = 2
_DUE_SECONDS = 10
_TIDY_SECONDS = 600
_RUNS_SECONDS = 2
_SHOWN = 8
_TESTERS_SHOWN = 4
_log = structlog.stdlib.get_logger("yikatong.serving")


def up(settings: Settings, *, host: str, port: int, people: int, workers: int = 1) -> None:
    """Start the database, load what is missing, serve; returns after Ctrl-C or SIGTERM.

    Raises InvalidInput where the port is taken, and what opening a platform raises.
    """
    begun = time.perf_counter()
    end_when_told()
    logging.configure(settings.log_format)
    listener = _listen(host, port, shared=workers > 1)
    with (
        contextlib.suppress(KeyboardInterrupt),
        listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, listener, people, workers, begun))
    Console(highlight=False).print("已停止 · stopped")


def _listen(host: str, port: int, *, shared: bool) -> socket.socket:
    """Take the port first: nothing is started for nothing where somebody else has it."""
    try:
        if shared and port:
            # Shared with our own processes only: another platform there is found out first.
            bind(host, port, shared=False).close()
        listener = bind(host, port, shared=shared)
    except OSError as error:
        raise InvalidInput(
            "--port",
            zh=f"无法使用 {host}:{port}（{error.strerror}），请用 --port 换一个端口",
            en=f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port",
        ) from error
    listener.set_inheritable(True)
    return listener


async def _serve(
    settings: Settings, listener: socket.socket, people: int, workers: int, begun: float
) -> None:
    console = Console(highlight=False)
    console.print("[bold]一卡通 Yikatong[/bold] 正在启动 · starting …")
    settings = _with_address(settings, listener)
    async with running.platform(settings) as platform:
        await _load(platform, people, console)
        async with platform.database.transaction(readonly=True) as connection:
            demo = await population.demo_persons(connection)
            testers = await sandbox.providers(platform, connection) if settings.sandbox else []
            workplaces = await sandbox.workplaces(connection)
        server = uvicorn.Server(configuration(serve(platform)))
        places = seats.seats(workers)
        settle(platform, places[0])
        # From here on a connection waits instead of being refused, and the address may be told.
        listener.listen(BACKLOG)
        host, port = listener.getsockname()[:2]
        address = f"http://{host}:{port}"
        _greet(console, platform, address, demo, time.perf_counter() - begun)
        _show_sandbox(console, address, testers[:_TESTERS_SHOWN])
        _show_staff(console, address, demo_staff.members(platform, workplaces))
        more = Workers(settings, host, port, places[1:])
        watch = asyncio.create_task(_keep_database_up(platform))
        keep = asyncio.create_task(more.watch())
        due_work = asyncio.create_task(_do_due_work(platform))
        daily_work = asyncio.create_task(_do_daily_work(platform))
        payment_runs = asyncio.create_task(_go_on_with_runs(platform))
        try:
            await server.serve(sockets=[listener])
        finally:
            watch.cancel()
            due_work.cancel()
            daily_work.cancel()
            payment_runs.cancel()
            keep.cancel()
            await asyncio.to_thread(more.stop)


def _with_address(settings: Settings, listener: socket.socket) -> Settings:
    """Where no public address is set, it is where the platform listens."""
    if settings.public_url != PUBLIC_URL:
        return settings
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    return msgspec.structs.replace(settings, public_url=f"http://{shown}:{port}")


async def _load(platform: Platform, people: int, console: Console) -> None:
    """Reference data where it changed, and the first population where there is nobody."""
    await reference.load_reference(platform)
    await card_counters.prepare(platform)
    await sandbox.prepare(platform)
    async with platform.database.transaction(readonly=True) as connection:
        workplaces = await sandbox.workplaces(connection)
    await demo_staff.prepare(platform, workplaces)
    await openid_sandbox.prepare(platform)
    async with platform.database.transaction() as connection:
        await portability.load_reference(connection)
        nobody = not await connection.fetchval("select exists (select from persons)")
    if nobody:
        with Progress(
            TextColumn("生成虚拟人口 · making people"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        ) as progress:
            task = progress.add_task("", total=people)
            await population.make(
                platform, people, SEED, lambda done: progress.update(task, completed=done)
            )
    await sandbox_pin.prepare(platform)


async def _do_due_work(platform: Platform) -> None:
    """Standing orders, interest, arrears, loss reports and the like, when they are due; texts that were
    not sent yet; and now and then what is long over is deleted. What fails is told, noted for
    operations, and tried again the next turn."""
    teller = Teller(platform)
    banks = connectors(platform, platform.settings.outside_banks)
    tidy_at = 0.0

    async def money() -> None:
        done = await due.run(platform, teller, banks)
        if done.failed:
            parts = ", ".join(done.failed)
            raise Unavailable(zh=f"没有办成：{parts}", en=f"not done: {parts}")

    async def tidy() -> None:
        await signing_in.tidy(platform)
        await staff_signing_in.forget_old(platform)
        await handing.forget_old(platform)
        await openid_ending.forget_old(platform)
        await finding.forget_old(platform)
        await provider_desk.forget_old(platform)
        await notices.forget_old(platform)
        await documents.forget_old(platform)
        await pulse.forget_old(platform)
        await exceptions.forget_old(platform)

    while True:
        await asyncio.sleep(_DUE_SECONDS)
        await due_work.carry_out(platform, "money", money)
        await due_work.carry_out(platform, "cards", partial(cards_due.by_the_moment, platform))
        await due_work.carry_out(platform, "texts", partial(sending.deliver, platform))
        await due_work.carry_out(platform, "e_cards", partial(ecards.forget_old, platform))
        await due_work.carry_out(platform, "sums", partial(days.add_up, platform))
        await due_work.carry_out(platform, "seals", partial(seals.seal, platform))
        if time.monotonic() >= tidy_at:
            tidy_at = time.monotonic() + _TIDY_SECONDS
            await due_work.carry_out(platform, "tidy", tidy)


async def _do_daily_work(platform: Platform) -> None:
    """Cards, proofs of life, unemployment benefit, reminders: what is due by the day, once a day, also
    where the platform was started anew. What failed is tried again the next turn."""

    async def compare_runs() -> None:
        wrong = await runs.months_that_differ(platform)
        for one in wrong:
            _log.error(
                "sums of payment runs differ", month=f"{one.month:%Y-%m}", paid=one.paid,
                fund=one.fund, banks=one.banks,
            )  # fmt: skip
        if wrong:
            months = ", ".join(f"{one.month:%Y-%m}" for one in wrong)
            raise Unavailable(
                zh=f"发放批次与总账不符：{months}", en=f"runs and the ledger differ: {months}"
            )

    parts: dict[str, Callable[[], Awaitable[Any]]] = {
        "cards_daily": partial(cards_due.by_the_day, platform),
        "benefits": partial(benefits_due.run, platform),
        "unemployment": partial(unemployment_due.run, platform),
        "runs_compared": compare_runs,
        "filing_reminders": partial(filing_reminders.run, platform),
        "plans": partial(plans.remind, platform),
        seals.LATELY: partial(seals.prove_lately, platform),
        # Slow on purpose, so behind all others.
        "reminders": partial(notice_reminders.run, platform),
    }
    while True:
        await asyncio.sleep(_DUE_SECONDS)
        try:
            done = await due_work.succeeded_on(platform)
        except Exception:
            _log.exception("what was done today is not known yet")
            continue
        day = today(platform.clock)
        for name, part in parts.items():
            if done.get(name) != day:
                await due_work.carry_out(platform, name, part)


async def _go_on_with_runs(platform: Platform) -> None:
    """Payment runs that were begun here or elsewhere, and that nobody may be at any more."""
    while True:
        await asyncio.sleep(_RUNS_SECONDS)
        try:
            await runs.go_on_with_all(platform)
        except Exception:
            _log.exception("payment runs stopped")


async def _keep_database_up(platform: Platform) -> None:
    """Start the embedded database again when it was killed; requests meanwhile get 503."""
    if platform.settings.database_url:
        return
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            await platform.database.ping()
        except Unavailable:
            _log.warning("database does not answer; starting it again")
            try:
                await asyncio.to_thread(embedded.ensure, platform.settings.data_dir)
            except YikatongError as error:
                _log.error("database did not start", reason=error.text.en)


def _greet(
    console: Console, platform: Platform, address: str, demo: Sequence[DemoPerson], seconds: float
) -> None:
    console.print(f"[bold green]{address}[/bold green]  已就绪 · ready in {seconds:.1f} s")
    console.print(f"接口令牌 · API token: {platform.settings.operator_token_path}", soft_wrap=True)
    console.print("[bold]可以试试的人（均为虚拟） · who to try (nobody is real)[/bold]")
    for person in demo[:_SHOWN]:
        places = f"{short_name(person.insured_region)} → {short_name(person.try_region)}"
        console.print(f"  {person.person_id}  {person.name}  {places}", soft_wrap=True)
        console.print(f"           {person.title.zh} · {person.title.en}", soft_wrap=True)
    if (pin := sandbox_pin.of_sandbox(platform)) is not None:
        console.print(
            f"  登录 · sign in: {address}/sign-in  卡密码 · card PIN: {pin}"
            "  号码 · numbers: yikatong sandbox show",
            soft_wrap=True,
        )
    console.print(
        f"  还有 {max(0, len(demo) - _SHOWN)} 位，见首页；按 Ctrl-C 停止 · "
        "the others are on the home page; Ctrl-C stops",
        soft_wrap=True,
    )


def _show_sandbox(console: Console, address: str, testers: Sequence[SandboxProvider]) -> None:
    if not testers:
        return
    console.print(
        "[bold]医院接口的测试机构 · test providers of the hospital interface[/bold]"
        f"  {address}/sandbox",
        soft_wrap=True,
    )
    for one in testers:
        console.print(f"  {one.code}  {one.name}  {one.note.zh} · {one.note.en}", soft_wrap=True)
        console.print(
            f"      {one.scheme}  {one.access_key}  {one.secret}", soft_wrap=True, markup=False
        )
    console.print("  全部 · all of them: yikatong sandbox show", soft_wrap=True)


def _show_staff(console: Console, address: str, staff: Sequence[demo_staff.DemoMember]) -> None:
    if not staff:
        return
    console.print(f"[bold]演示工作人员 · demo staff[/bold]  {address}/staff", soft_wrap=True)
    console.print("  工号 number, 密码 password, 验证器密钥 second factor (TOTP)", soft_wrap=True)
    for one in staff:
        place = "" if one.region == NATION else f" {short_name(one.region)}"
        console.print(
            f"  {one.staff_number:<16} {one.password}  {one.totp_secret}  "
            f"{one.title.zh}{place} · {one.title.en}",
            soft_wrap=True,
            markup=False,
        )
