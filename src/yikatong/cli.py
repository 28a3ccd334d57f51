"""The command line: `yikatong …`. Exit code 0 fine, 1 the answer is no or a check failed, 2 bad
input (one line on stderr that names the field)."""

import sys
from typing import Annotated

import typer

from yikatong import __version__, subscriptions
from yikatong.benefits.pension.commands import pension_app
from yikatong.benefits.proof_of_life.commands import proof_app
from yikatong.benefits.runs.commands import runs_app
from yikatong.benefits.unemployment.commands import unemployment_app
from yikatong.cards.consistency import commands as consistency_commands
from yikatong.cards.lists.commands import lists_app
from yikatong.cards.office.acting_commands import cards_app
from yikatong.cards.production.commands import batch_app
from yikatong.cards.production.stock_commands import stock_app
from yikatong.core import events
from yikatong.core.commands import DataOption, JsonOption, database_app, list_regions
from yikatong.core.errors import YikatongError
from yikatong.identity.machines.commands import machines_app
from yikatong.identity.openid.commands import openid_app
from yikatong.identity.staff import workplaces
from yikatong.identity.staff.commands import staff_app
from yikatong.identity.verification.commands import verifications_app
from yikatong.medical.claims.commands import claims_app
from yikatong.medical.commands import catalog_app, providers_app
from yikatong.medical.filings.commands import filings_app
from yikatong.medical.sandbox.commands import sandbox_app
from yikatong.medical.visits.commands import recompute
from yikatong.money.bank import commands as bank_commands
from yikatong.money.bank.standing_commands import standing_app
from yikatong.money.commands import money_app
from yikatong.money.contributions import commands as contribution_commands
from yikatong.money.outside import commands as outside_commands
from yikatong.money.wealth.commands import wealth_app
from yikatong.people.changes.commands import change_app
from yikatong.people.commands import people_app
from yikatong.people.notices.commands import notices_app
from yikatong.policies.commands import policies_app, quote
from yikatong.population import sandbox_commands
from yikatong.population.commands import make
from yikatong.portability.commands import check
from yikatong.trust.commands import audit_app

app = typer.Typer(
    name="yikatong",
    help="一卡通 · the social-security card that works everywhere.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
events.follow(subscriptions.listeners)
workplaces.follow(subscriptions.known_provider)
app.add_typer(database_app, name="db")
app.add_typer(policies_app, name="policies")
app.add_typer(people_app, name="people")
app.add_typer(notices_app, name="notices")
app.add_typer(providers_app, name="providers")
app.add_typer(catalog_app, name="catalog")
app.add_typer(cards_app, name="cards")
cards_app.add_typer(batch_app, name="batch")
cards_app.add_typer(lists_app, name="lists")
cards_app.add_typer(stock_app, name="stock")
app.add_typer(claims_app, name="claims")
app.add_typer(filings_app, name="filings")
app.add_typer(pension_app, name="pension")
app.add_typer(proof_app, name="proof-of-life")
app.add_typer(money_app, name="money")
app.add_typer(runs_app, name="runs")
app.add_typer(unemployment_app, name="unemployment")
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(staff_app, name="staff")
app.add_typer(machines_app, name="machines")
app.add_typer(openid_app, name="openid")
app.add_typer(verifications_app, name="verifications")
app.add_typer(audit_app, name="audit")
bank_commands.add_to(money_app)
contribution_commands.add_to(money_app)
outside_commands.add_to(money_app)
money_app.add_typer(standing_app, name="standing")
money_app.add_typer(wealth_app, name="wealth")
app.command("regions")(list_regions)
app.command("quote")(quote)
app.command("check")(check)
app.command("recompute")(recompute)
people_app.command("make")(make)
people_app.command("check")(consistency_commands.check)
people_app.add_typer(change_app, name="change")
sandbox_app.command("show")(sandbox_commands.show)
sandbox_app.command("play")(sandbox_commands.play)
sandbox_app.command("inbox")(sandbox_commands.inbox)
sandbox_app.command("e-card")(sandbox_commands.e_card)


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command("bench")
def bench(
    name: Annotated[
        str,
        typer.Argument(
            help="settlement | transfer | verify | pay | cards | quote | check | people"
        ),
    ],
    seconds: Annotated[
        int | None, typer.Option(help="测量秒数 · seconds to measure.", min=2, max=3600)
    ] = None,
    people: Annotated[int | None, typer.Option(help="人数 · people.", min=1000)] = None,
    as_json: JsonOption = False,
) -> None:
    """测速 · Run a benchmark of the checkout and print its figures."""
    import subprocess
    from pathlib import Path

    names = {
        "settlement": "settlement",
        "transfer": "transfers",
        "verify": "verify",
        "quote": "quotes",
        "check": "checks",
        "people": "people",
        "pay": "pay",
        "cards": "cards",
    }
    root = Path(__file__).parents[2]
    if name not in names or not (root / "benchmarks").is_dir():
        from yikatong.core.errors import InvalidInput

        raise InvalidInput(
            "NAME",
            zh=f"应为 {'、'.join(names)} 之一，且需要源代码目录",
            en=f"must be one of {', '.join(names)}, in a checkout of the source",
        )
    words = [sys.executable, "-m", f"benchmarks.{names[name]}"]
    words += ["--seconds", str(seconds)] if seconds is not None else []
    words += ["--people", str(people)] if people is not None else []
    words += ["--json"] if as_json else []
    done = subprocess.run(words, cwd=root, check=False)
    raise typer.Exit(done.returncode)


@app.command("up")
def up(
    data: DataOption = None,
    port: Annotated[
        int, typer.Option(help="端口，0 表示任选 · the port; 0: any free one.", min=0, max=65535)
    ] = 8000,
    host: Annotated[str, typer.Option(help="地址 · the address to listen on.")] = "127.0.0.1",
    people: Annotated[
        int,
        typer.Option(help="首次启动时生成的人数 · people to make at the first start.", min=1),
    ] = 2000,
    workers: Annotated[
        int,
        typer.Option(
            help="服务进程数，宜与处理器数相同 · processes that serve, best as many as processors.",
            min=1,
            max=64,
        ),
    ] = 1,
) -> None:
    """启动平台 · Set everything up and serve the platform; Ctrl-C stops it."""
    from yikatong import serving
    from yikatong.core import settings

    serving.up(settings.load(data), host=host, port=port, people=people, workers=workers)


def main() -> None:
    """Run the command line; what is wrong or refused is one line on stderr and exit code 2 or 1."""
    try:
        # Not standalone: a missing or unknown option is one line too, not a page of usage.
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except YikatongError as error:
        where = f"{error.field}: " if error.field else ""
        sys.stderr.write(f"{where}{error.text.zh} · {error.text.en}\n")
        # Understood and refused (403, 409): the answer is no. All else is wrong input, or a fault.
        sys.exit(1 if error.status in (403, 409) else 2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except typer.TyperException as error:
        describe = getattr(error, "format_message", None)
        said = describe() if describe else str(error)
        sys.stderr.write(f"{' '.join(str(said).split())} (yikatong --help)\n")
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
