"""The parts of `yikatong cards` that do something: each command of the office by its name.

Who acts is written down as `--as` says, so that somebody else reviews than took an application in.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office.commands import cards_app, tell
from yikatong.cards.office.model import BY_NAMES, CHANNEL_NAMES, MATERIAL_NAMES, Doing, Remaining
from yikatong.cards.office.table import ApplicationEvent, CardEventName
from yikatong.core.commands import (
    DataOption,
    JsonOption,
    KeyOption,
    PersonArgument,
    key_of,
    print_json,
    with_platform,
)
from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.platform import Platform
from yikatong.trust.audit import Actor

ApplicationArgument = Annotated[int, typer.Argument(help="申请编号 · the application.", min=1)]
CardArgument = Annotated[int, typer.Argument(help="卡编号 · the card's id.", min=1)]
ChannelOption = Annotated[
    str, typer.Option(help="渠道 · counter, bank, online, phone, terminal, cross_province.")
]
ByOption = Annotated[str, typer.Option(help="办理人 · self, guardian, agent, kin.")]
ByIdOption = Annotated[
    int | None, typer.Option("--by-id", help="监护人或代办人的人员编号 · who acts, where known.")
]
MaterialOption = Annotated[
    list[str] | None,
    typer.Option("--material", help=f"出示的材料，可重复 · {', '.join(MATERIAL_NAMES)}."),
]
CounterOption = Annotated[
    str | None, typer.Option("--counter", help="网点代码 · the counter (yikatong cards counters).")
]
ReasonOption = Annotated[str, typer.Option(help="原因 · why.")]
AsOption = Annotated[str, typer.Option("--as", help="工号 · the staff number written down.")]
OnDayOption = Annotated[
    str | None, typer.Option("--died-on", help="死亡日期 · the day of death, by the certificate.")
]

Found = CardApplication | Card | tuple[Card, Remaining]
Work = Callable[[Platform, Doing, Actor, str], Awaitable[Found]]


class _Said(msgspec.Struct, frozen=True):
    """What stood on the command line."""

    channel: str
    by: str
    by_id: int | None
    material: list[str] | None
    counter: str | None
    reason: str
    name: str
    key: str | None
    data: Path | None
    as_json: bool

    def doing(self) -> Doing:
        return Doing(
            channel=one_of(self.channel, CHANNEL_NAMES, "--channel"),
            by=one_of(self.by, BY_NAMES, "--by"),
            by_id=self.by_id,
            materials=tuple(
                one_of(one, MATERIAL_NAMES, "--material") for one in self.material or ()
            ),
            reason=self.reason,
            counter=self.counter,
        )


def _carry_out(said: _Said, work: Work) -> None:
    from yikatong.cards.counters import service as counters

    doing, key = said.doing(), key_of(said.key)
    if not said.name.strip() or len(said.name) > 40 or not said.name.isprintable():
        raise InvalidInput("--as", zh="请填写工号", en="give a staff number")

    async def run(platform: Platform) -> None:
        await counters.prepare(platform)
        found = await work(platform, doing, Actor("staff", said.name, "command line"), key)
        await _tell(platform, found, as_json=said.as_json)

    with_platform(said.data, run)


async def _tell(platform: Platform, found: Found, *, as_json: bool) -> None:
    from yikatong.cards.counters import service as counters
    from yikatong.cards.office import shown
    from yikatong.core.clock import today
    from yikatong.core.errors import Text

    day = today(platform.clock)
    if isinstance(found, CardApplication):
        async with platform.database.transaction(readonly=True) as connection:
            at = await counters.find(connection, {found.pickup_place})
        made = shown.application(found, at)
        body, said = msgspec.to_builtins(made), made.said
        line = f"✓ {made.application_id}  {made.state.code}"
    else:
        card, rest = (found, None) if isinstance(found, Card) else found
        held = shown.card(card, day)
        body, said, line = (
            msgspec.to_builtins(held),
            held.said,
            f"✓ {held.card_id}  {held.state.code}",
        )
        if rest is not None:
            ended = shown.cancelled(card, rest, day)
            body = msgspec.to_builtins(ended)
            left = "  ".join(f"{one['kind']} {one['balance']}" for one in ended.remaining)
            line += f"  待结清 to settle: {left or '-'}"
    if as_json:
        print_json(body)
        return
    typer.echo(line)
    tell(Text(said.zh, said.en))


def _nothing() -> Sequence[str]:
    return ()


def _chosen_pin() -> Sequence[str]:
    """Typed twice without being shown, or the next line of what is piped in."""
    if sys.stdin.isatty():
        new: str = typer.prompt(
            "新密码（6 位数字） · new PIN", hide_input=True, confirmation_prompt=True
        )
        return (new,)
    return (sys.stdin.readline().strip(),)


def _old_and_new_pin() -> Sequence[str]:
    """The old PIN before the new one, typed unseen or piped in a line each."""
    if sys.stdin.isatty():
        old: str = typer.prompt("原密码 · the PIN so far", hide_input=True)
        return (old, *_chosen_pin())
    return (sys.stdin.readline().strip(), *_chosen_pin())


@cards_app.command("apply")
def apply(
    person: PersonArgument,
    kind: Annotated[str, typer.Option(help="first, replace, renew.")] = "first",
    why: Annotated[
        str | None,
        typer.Option(help="lost, damaged, expired, old_generation, data_changed."),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="发卡地代码，缺省参保地 · the issuing region.")
    ] = None,
    bank: Annotated[str | None, typer.Option(help="ICBC ABC BOC CCB BOCOM PSBC")] = None,
    pickup: Annotated[
        str | None, typer.Option(help="领卡网点 · the counter to collect it at.")
    ] = None,
    post_to: Annotated[
        str | None, typer.Option("--post-to", help="邮寄地址 · send it to this address.")
    ] = None,
    post_phone: Annotated[str | None, typer.Option("--post-phone", help="电话 · phone.")] = None,
    channel: ChannelOption = "counter",
    by: ByOption = "self",
    by_id: ByIdOption = None,
    material: MaterialOption = None,
    counter: CounterOption = None,
    name: AsOption = "operator",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """申领、补卡、换卡 · Apply for the first card, a replacement or a renewal."""
    from yikatong.cards.model import Kind, Why
    from yikatong.cards.office import applying
    from yikatong.cards.office.model import KIND_NAMES, WHY_NAMES, NewApplication

    chosen: Kind = one_of(kind, KIND_NAMES, "--kind")
    reason: Why | None = None if why is None else one_of(why, WHY_NAMES, "--why")
    wanted = NewApplication(
        kind=chosen,
        why=reason,
        region=region,
        bank=bank,
        delivery="pickup" if post_to is None else "post",
        pickup_place=pickup,
        post_to=post_to,
        post_phone=post_phone,
    )
    said = _Said(channel, by, by_id, material, counter, "", name, key, data, as_json)
    _carry_out(
        said,
        lambda platform, doing, who, once: applying.apply(
            platform, person, wanted, doing, who, once
        ),
    )


@cards_app.command("amend")
def amend(
    person: PersonArgument,
    application: ApplicationArgument,
    bank: Annotated[str | None, typer.Option(help="ICBC ABC BOC CCB BOCOM PSBC")] = None,
    pickup: Annotated[str | None, typer.Option(help="领卡网点 · another counter.")] = None,
    post_to: Annotated[
        str | None, typer.Option("--post-to", help="邮寄地址 · another address.")
    ] = None,
    channel: ChannelOption = "counter",
    by: ByOption = "self",
    by_id: ByIdOption = None,
    material: MaterialOption = None,
    counter: CounterOption = None,
    name: AsOption = "operator",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """补正 · Add what the office asked for."""
    from yikatong.cards.office import applying
    from yikatong.cards.office.model import Mended

    said = _Said(channel, by, by_id, material, counter, "", name, key, data, as_json)
    mended = Mended(said.doing().materials, bank, pickup, post_to)
    _carry_out(
        said,
        lambda platform, doing, who, once: applying.amend(
            platform, person, application, mended, doing, who, once
        ),
    )


@cards_app.command("pay")
def pay(
    person: PersonArgument,
    application: ApplicationArgument,
    account: Annotated[
        int | None, typer.Option(help="付款账户，缺省现金 · from an account; default: cash.", min=1)
    ] = None,
    channel: ChannelOption = "counter",
    name: AsOption = "operator",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """交工本费 · Pay the fee."""
    from yikatong.cards.office import applying

    said = _Said(channel, "self", None, None, None, "", name, key, data, as_json)
    _carry_out(
        said,
        lambda platform, doing, who, once: applying.pay_fee(
            platform, person, application, account, doing, who, once
        ),
    )


@cards_app.command("post")
def post(
    person: PersonArgument,
    application: ApplicationArgument,
    tracking: Annotated[str, typer.Argument(help="快递单号 · the number of the parcel.")],
    name: AsOption = "operator",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """寄出 · The card was given to the post."""
    from yikatong.cards.office import applying

    said = _Said("counter", "self", None, None, None, "", name, key, data, as_json)
    _carry_out(
        said,
        lambda platform, doing, who, once: applying.post(
            platform, person, application, tracking, doing, who, once
        ),
    )


@cards_app.command("activate-by-phone")
def activate_by_phone(
    person: PersonArgument,
    card: CardArgument,
    tail: Annotated[str, typer.Argument(help="来电人念的卡号后四位 · the last four they read.")],
    by: ByOption = "self",
    by_id: ByIdOption = None,
    name: AsOption = "operator",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """电话启用社保功能 · Activate on the phone; the holder chooses the PIN afterwards."""
    from yikatong.cards.office import living

    said = _Said("phone", by, by_id, None, None, "", name, key, data, as_json)
    _carry_out(
        said,
        lambda platform, doing, who, once: living.activate_by_phone(
            platform, person, card, tail, doing, who, once
        ),
    )


@cards_app.command("cancel")
def cancel(
    person: PersonArgument,
    card: CardArgument,
    died_on: OnDayOption = None,
    channel: ChannelOption = "counter",
    by: ByOption = "self",
    material: MaterialOption = None,
    counter: CounterOption = None,
    reason: ReasonOption = "",
    name: AsOption = "operator",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """注销 · Cancel a card for good; prints what remains to be settled."""
    from yikatong.cards.office import living
    from yikatong.policies.requests import parse_day

    day = parse_day(died_on, "--died-on") if died_on else None
    said = _Said(channel, by, None, material, counter, reason, name, key, data, as_json)
    _carry_out(
        said,
        lambda platform, doing, who, once: living.cancel(
            platform, person, card, day, doing, who, once
        ),
    )


def _application_command(command: str, about: str, event: ApplicationEvent) -> None:
    """A command on an application that asks for nothing of its own."""

    @cards_app.command(command, help=about)
    def act(
        person: PersonArgument,
        application: ApplicationArgument,
        channel: ChannelOption = "counter",
        by: ByOption = "self",
        by_id: ByIdOption = None,
        material: MaterialOption = None,
        counter: CounterOption = None,
        reason: ReasonOption = "",
        name: AsOption = "operator",
        key: KeyOption = None,
        data: DataOption = None,
        as_json: JsonOption = False,
    ) -> None:
        from yikatong.cards.office import applying

        async def work(platform: Platform, doing: Doing, who: Actor, once: str) -> Found:
            if event in ("print", "hand_over", "deliver"):
                return await applying.hand_over(
                    platform, person, application, doing, who, once, event=event
                )
            use_case = getattr(applying, event)
            return await use_case(platform, person, application, doing, who, once)

        said = _Said(channel, by, by_id, material, counter, reason, name, key, data, as_json)
        _carry_out(said, work)


def _card_command(
    command: str, about: str, event: CardEventName, asked: Callable[[], Sequence[str]] = _nothing
) -> None:
    """A command on a card that asks for nothing of its own, or for what is `asked` unseen."""

    @cards_app.command(command, help=about)
    def act(
        person: PersonArgument,
        card: CardArgument,
        channel: ChannelOption = "counter",
        by: ByOption = "self",
        by_id: ByIdOption = None,
        material: MaterialOption = None,
        counter: CounterOption = None,
        reason: ReasonOption = "",
        name: AsOption = "operator",
        key: KeyOption = None,
        data: DataOption = None,
        as_json: JsonOption = False,
    ) -> None:
        from yikatong.cards.office import living

        own = asked()

        async def work(platform: Platform, doing: Doing, who: Actor, once: str) -> Found:
            return await getattr(living, event)(platform, person, card, *own, doing, who, once)

        said = _Said(channel, by, by_id, material, counter, reason, name, key, data, as_json)
        _carry_out(said, work)


_application_command("ask", "要求补正，--reason 写明 · Ask the applicant to add something.", "ask")
_application_command("approve", "审核通过 · Approve; somebody else than took it in.", "approve")
_application_command("reject", "审核不通过，--reason 写明 · Refuse.", "reject")
_application_command("withdraw", "撤回 · Withdraw, until the card is at the maker's.", "withdraw")
_application_command("print", "窗口即时制卡并交付 · Make it at the counter, hand it over.", "print")
_application_command("hand-over", "领取 · Hand over a card that lies ready.", "hand_over")
_application_command("come-back", "退件 · The parcel came back.", "come_back")
_application_command("lose", "邮寄遗失 · The parcel was lost in the post (--reason).", "lose")
_application_command("deliver", "妥投 · The parcel was delivered.", "deliver")
_card_command("activate", "启用社保功能并设密码 · Activate, set the PIN.", "activate", _chosen_pin)
_card_command("activate-bank", "启用银行功能 · Activate the bank side.", "activate_bank")
_card_command(
    "reset-pin", "重置密码 · Set a new PIN without the old one.", "reset_pin", _chosen_pin
)
_card_command(
    "change-pin", "改密码，先输原密码 · Change the PIN with the old one.", "change_pin",
    _old_and_new_pin,
)  # fmt: skip
_card_command("unlock", "密码解锁 · Unlock.", "unlock")
_card_command(
    "report-loss-provisionally", "临时挂失 · Report a loss; it ends by itself.",
    "report_loss_provisionally",
)  # fmt: skip
_card_command("report-loss", "挂失 · Report a loss until it is found or replaced.", "report_loss")
_card_command("withdraw-loss", "解挂 · The card was found.", "withdraw_loss")
