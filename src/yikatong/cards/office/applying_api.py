"""JSON routes of applications: apply, mend, review, pay, hand over. Every command carries a key."""

from typing import Final

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.cards.counters import service as counters
from yikatong.cards.model import CardApplication
from yikatong.cards.office import admitting, applying, shown
from yikatong.cards.office.admitting import DECIDED, HANDED_OVER, OWN, Place
from yikatong.cards.office.api import APPLICATION, PERSON, PURPOSE, TAGS
from yikatong.cards.office.bodies import (
    PROBLEMS,
    AmendBody,
    ApplyBody,
    DoingBody,
    FeeBody,
    ParcelBody,
    ReasonBody,
)
from yikatong.cards.office.model import Doing
from yikatong.cards.office.shown import ApplicationBody, CardBody
from yikatong.cards.office.table import ApplicationEvent
from yikatong.core.bodies import Identifier
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.trust.access import Caller

_OFFICE: Final = Doing("counter")
"""What the office does by itself: review, post."""


async def _admit(
    platform: Platform,
    caller: Caller,
    permission: str,
    person_id: int,
    application_id: int | None,
    places: frozenset[Place],
    data: DoingBody | None = None,
) -> None:
    async with platform.database.transaction() as connection:
        await admitting.admit(
            platform, connection, caller, permission, person_id, application_id=application_id,
            places=places, counter=data.counter if data else None,
            in_hand=data.in_hand() if data else None,
        )  # fmt: skip


async def _body(platform: Platform, one: CardApplication) -> ApplicationBody:
    async with platform.database.transaction(readonly=True) as connection:
        at = await counters.find(connection, {one.pickup_place})
    return shown.application(one, at)


@post(
    f"{PERSON}/applications",
    summary="Apply for a card",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.apply",
    asks_itself=True,
)
async def apply(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: ApplyBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """The first, a replacement or a renewal. A counter at home decides at once, a cross-province
    counter takes in what the insured place decides."""
    doing = data.doing(caller)
    await _admit(platform, caller, "cards.apply", person_id, None, OWN, data)
    who = caller.actor(PURPOSE)
    made = await applying.apply(platform, person_id, data.wanted(), doing, who, key)
    return await _body(platform, made)


@post(
    f"{APPLICATION}/amend",
    status_code=200,
    summary="Add what was asked for",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.apply",
    asks_itself=True,
)
async def amend(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: AmendBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """Documents, bank, counter or address; then it is reviewed again."""
    doing = data.doing(caller)
    await _admit(platform, caller, "cards.apply", person_id, application_id, OWN, data)
    who = caller.actor(PURPOSE)
    mended = data.mended()
    return await _body(
        platform,
        await applying.amend(platform, person_id, application_id, mended, doing, who, key),
    )


@post(
    f"{APPLICATION}/ask",
    status_code=200,
    summary="Ask the applicant to add something",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.review",
    asks_itself=True,
)
async def ask(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: ReasonBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """It waits until that is done."""
    await _admit(platform, caller, "cards.review", person_id, application_id, DECIDED)
    doing = Doing("counter", reason=data.reason.strip())
    who = caller.actor(PURPOSE)
    return await _body(
        platform, await applying.ask(platform, person_id, application_id, doing, who, key)
    )


@post(
    f"{APPLICATION}/approve",
    status_code=200,
    summary="Approve",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.review",
    asks_itself=True,
)
async def approve(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> ApplicationBody:
    """By the region that decides, and by somebody else than who took it in."""
    await _admit(platform, caller, "cards.review", person_id, application_id, DECIDED)
    who = caller.actor(PURPOSE)
    return await _body(
        platform, await applying.approve(platform, person_id, application_id, _OFFICE, who, key)
    )


@post(
    f"{APPLICATION}/reject",
    status_code=200,
    summary="Refuse",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.review",
    asks_itself=True,
)
async def reject(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: ReasonBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """With the reason; a paid fee is given back."""
    await _admit(platform, caller, "cards.review", person_id, application_id, DECIDED)
    doing = Doing("counter", reason=data.reason.strip())
    who = caller.actor(PURPOSE)
    return await _body(
        platform, await applying.reject(platform, person_id, application_id, doing, who, key)
    )


@post(
    f"{APPLICATION}/withdraw",
    status_code=200,
    summary="Withdraw",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.apply",
    asks_itself=True,
)
async def withdraw(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: DoingBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """Until the card is at the maker's; a paid fee is given back."""
    doing = data.doing(caller)
    await _admit(platform, caller, "cards.apply", person_id, application_id, OWN, data)
    who = caller.actor(PURPOSE)
    return await _body(
        platform, await applying.withdraw(platform, person_id, application_id, doing, who, key)
    )


@post(
    f"{APPLICATION}/fee",
    status_code=200,
    summary="Pay the fee",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.apply",
    asks_itself=True,
)
async def pay_fee(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: FeeBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """In cash, or from a bank account of the person."""
    doing = data.doing(caller)
    await _admit(platform, caller, "cards.apply", person_id, application_id, OWN, data)
    who, account = caller.actor(PURPOSE), data.account()
    return await _body(
        platform,
        await applying.pay_fee(platform, person_id, application_id, account, doing, who, key),
    )


async def _hand_over(
    platform: Platform,
    caller: Caller,
    person_id: int,
    application_id: int,
    data: DoingBody,
    places: frozenset[Place],
    key: str,
    event: ApplicationEvent,
) -> CardBody:
    doing = data.doing(caller)
    await _admit(platform, caller, "cards.issue", person_id, application_id, places, data)
    who = caller.actor(PURPOSE)
    made = await applying.hand_over(
        platform, person_id, application_id, doing, who, key, event=event
    )
    return shown.card(made, today(platform.clock))


@post(
    f"{APPLICATION}/print",
    status_code=200,
    summary="Make the card at the counter and hand it over",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def print_card(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: DoingBody,
    key: NamedDependency[str],
) -> CardBody:
    """Where there is a printer, in the issuing region; the old card ends."""
    return await _hand_over(
        platform, caller, person_id, application_id, data, DECIDED, key, "print"
    )


@post(
    f"{APPLICATION}/hand-over",
    status_code=200,
    summary="Hand the card over",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def hand_over(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: DoingBody,
    key: NamedDependency[str],
) -> CardBody:
    """Where it lies, also at a counter of another province; the old card ends."""
    return await _hand_over(
        platform, caller, person_id, application_id, data, HANDED_OVER, key, "hand_over"
    )


@post(
    f"{APPLICATION}/post",
    status_code=200,
    summary="Send the card by post",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def post_card(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: ParcelBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """With the number of the parcel."""
    await _admit(platform, caller, "cards.issue", person_id, application_id, DECIDED)
    who = caller.actor(PURPOSE)
    return await _body(
        platform,
        await applying.post(platform, person_id, application_id, data.tracking, _OFFICE, who, key),
    )


@post(
    f"{APPLICATION}/come-back",
    status_code=200,
    summary="The parcel came back",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def come_back(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> ApplicationBody:
    """It waits to be sent again."""
    await _admit(platform, caller, "cards.issue", person_id, application_id, DECIDED)
    who = caller.actor(PURPOSE)
    return await _body(
        platform, await applying.come_back(platform, person_id, application_id, _OFFICE, who, key)
    )


@post(
    f"{APPLICATION}/lose",
    status_code=200,
    summary="The parcel was lost in the post",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def lose(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: ReasonBody,
    key: NamedDependency[str],
) -> ApplicationBody:
    """With what the post said; another card is made, without a further fee."""
    await _admit(platform, caller, "cards.issue", person_id, application_id, DECIDED)
    doing = Doing("counter", reason=data.reason.strip())
    who = caller.actor(PURPOSE)
    return await _body(
        platform, await applying.lose(platform, person_id, application_id, doing, who, key)
    )


@post(
    f"{APPLICATION}/deliver",
    status_code=200,
    summary="The parcel was delivered",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def deliver(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> CardBody:
    """The card is the person's from now on, and the old one ends."""
    await _admit(platform, caller, "cards.issue", person_id, application_id, DECIDED)
    who = caller.actor(PURPOSE)
    made = await applying.hand_over(
        platform, person_id, application_id, _OFFICE, who, key, event="deliver"
    )
    return shown.card(made, today(platform.clock))


routes: Final = [
    apply, amend, ask, approve, reject, withdraw, pay_fee, print_card, hand_over, post_card,
    come_back, lose, deliver,
]  # fmt: skip
