"""JSON routes of a card in hand: activate, report lost, found, unlock, PIN, cancel. Every command
carries a key."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.cards.model import Card
from yikatong.cards.office import admitting, living, shown
from yikatong.cards.office.admitting import HOME
from yikatong.cards.office.api import PERSON, PURPOSE, TAGS
from yikatong.cards.office.bodies import (
    PROBLEMS,
    AtReaderBody,
    CancelBody,
    DoingBody,
    NewPinBody,
    PinBody,
    TailBody,
)
from yikatong.cards.office.model import Doing
from yikatong.cards.office.shown import CancelledBody, CardBody
from yikatong.core.bodies import Identifier
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor

_CARD: Final = PERSON + "/{card_id:int}"


async def _admit(
    platform: Platform,
    caller: Caller,
    permission: str,
    person_id: int,
    data: DoingBody | AtReaderBody,
) -> Doing:
    doing = data.doing(caller)
    async with platform.database.transaction() as connection:
        await admitting.admit(
            platform, connection, caller, permission, person_id, places=HOME,
            counter=data.counter, in_hand=data.in_hand(),
        )  # fmt: skip
    return doing


async def _do(
    platform: Platform,
    caller: Caller,
    permission: str,
    person_id: int,
    card_id: int,
    data: DoingBody | AtReaderBody,
    key: str,
    use_case: Callable[[Platform, int, int, Doing, Actor, str], Awaitable[Card]],
) -> CardBody:
    doing = await _admit(platform, caller, permission, person_id, data)
    who = caller.actor(PURPOSE)
    return shown.card(
        await use_case(platform, person_id, card_id, doing, who, key), today(platform.clock)
    )


@post(
    f"{_CARD}/activate",
    status_code=200,
    summary="Activate the social-security side and set the PIN",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def activate(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: PinBody,
    key: NamedDependency[str],
) -> CardBody:
    """The holder chooses the six digits."""
    doing = await _admit(platform, caller, "cards.issue", person_id, data)
    who = caller.actor(PURPOSE)
    card = await living.activate(platform, person_id, card_id, data.pin, doing, who, key)
    return shown.card(card, today(platform.clock))


@post(
    f"{_CARD}/activate-by-phone",
    status_code=200,
    summary="Activate the social-security side on the phone",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.activate_by_phone",
    asks_itself=True,
)
async def activate_by_phone(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: TailBody,
    key: NamedDependency[str],
) -> CardBody:
    """The caller reads the last four of the card's number; the PIN is chosen afterwards."""
    doing = await _admit(platform, caller, "cards.activate_by_phone", person_id, data)
    who = caller.actor(PURPOSE)
    card = await living.activate_by_phone(platform, person_id, card_id, data.tail, doing, who, key)
    return shown.card(card, today(platform.clock))


@post(
    f"{_CARD}/activate-bank",
    status_code=200,
    summary="Activate the bank side",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def activate_bank(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: DoingBody,
    key: NamedDependency[str],
) -> CardBody:
    """At the issuing bank; lifts the account's stop for a loss."""
    return await _do(
        platform, caller, "cards.issue", person_id, card_id, data, key, living.activate_bank
    )


@post(
    f"{_CARD}/report-loss-provisionally",
    status_code=200,
    summary="Report a loss provisionally",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.report_loss",
    asks_itself=True,
)
async def report_loss_provisionally(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: DoingBody,
    key: NamedDependency[str],
) -> CardBody:
    """Card and account stop at once; it ends by itself."""
    return await _do(
        platform, caller, "cards.report_loss", person_id, card_id, data, key,
        living.report_loss_provisionally,
    )  # fmt: skip


@post(
    f"{_CARD}/report-loss",
    status_code=200,
    summary="Report a loss",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.report_loss",
    asks_itself=True,
)
async def report_loss(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: DoingBody,
    key: NamedDependency[str],
) -> CardBody:
    """Until the card is found or replaced."""
    return await _do(
        platform, caller, "cards.report_loss", person_id, card_id, data, key, living.report_loss
    )


@post(
    f"{_CARD}/withdraw-loss",
    status_code=200,
    summary="Withdraw a loss report",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.withdraw_loss",
    asks_itself=True,
)
async def withdraw_loss(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: DoingBody,
    key: NamedDependency[str],
) -> CardBody:
    """The card was found: it is what it was before."""
    return await _do(
        platform, caller, "cards.withdraw_loss", person_id, card_id, data, key,
        living.withdraw_loss,
    )  # fmt: skip


@post(
    f"{_CARD}/unlock",
    status_code=200,
    summary="Unlock a card",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.unlock",
    asks_itself=True,
)
async def unlock(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: AtReaderBody,
    key: NamedDependency[str],
) -> CardBody:
    """The PIN stays; wrong tries are counted anew."""
    return await _do(platform, caller, "cards.unlock", person_id, card_id, data, key, living.unlock)


@post(
    f"{_CARD}/change-pin",
    status_code=200,
    summary="Change the PIN with the old one",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.unlock",
    asks_itself=True,
)
async def change_pin(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: NewPinBody,
    key: NamedDependency[str],
) -> CardBody:
    """With the card in a reader; three wrong PINs in a row lock it."""
    doing = await _admit(platform, caller, "cards.unlock", person_id, data)
    who = caller.actor(PURPOSE)
    card = await living.change_pin(
        platform, person_id, card_id, data.old, data.new, doing, who, key
    )
    return shown.card(card, today(platform.clock))


@post(
    f"{_CARD}/reset-pin",
    status_code=200,
    summary="Set a new PIN without the old one",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.unlock",
    asks_itself=True,
)
async def reset_pin(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: PinBody,
    key: NamedDependency[str],
) -> CardBody:
    """The holder chooses the six digits; a locked card is unlocked."""
    doing = await _admit(platform, caller, "cards.unlock", person_id, data)
    who = caller.actor(PURPOSE)
    card = await living.reset_pin(platform, person_id, card_id, data.pin, doing, who, key)
    return shown.card(card, today(platform.clock))


@post(
    f"{_CARD}/cancel",
    status_code=200,
    summary="Cancel a card",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.cancel",
    asks_itself=True,
)
async def cancel(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    card_id: FromPath[Identifier],
    data: CancelBody,
    key: NamedDependency[str],
) -> CancelledBody:
    """For good; on death by next of kin. Answers what remains to be settled."""
    doing = await _admit(platform, caller, "cards.cancel", person_id, data)
    who = caller.actor(PURPOSE)
    card, rest = await living.cancel(platform, person_id, card_id, data.died_on, doing, who, key)
    return shown.cancelled(card, rest, today(platform.clock))


routes: Final[list[Any]] = [
    activate, activate_by_phone, activate_bank, report_loss_provisionally, report_loss,
    withdraw_loss, unlock, change_pin, reset_pin, cancel,
]  # fmt: skip
