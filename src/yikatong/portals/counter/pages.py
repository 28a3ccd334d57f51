"""The start page of the counter: the search field, what waits today; and the results of a search."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.benefits.pension import service as pensions
from yikatong.benefits.pension.age import month_text
from yikatong.benefits.pension.model import INSURANCE_NAMES
from yikatong.benefits.proof_of_life import service as proofs
from yikatong.cards.counters.model import Counter
from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying, terms
from yikatong.cards.office import rules as office_rules
from yikatong.cards.production import blanks, delivery
from yikatong.cards.production.stock_model import Movement
from yikatong.core.clock import today
from yikatong.core.errors import YikatongError
from yikatong.core.ids import time_of
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.approvals.service import Approvals
from yikatong.medical.claims.model import STATE_NAMES, State
from yikatong.medical.claims.service import ClaimOffice
from yikatong.people import service as people
from yikatong.people.changes import service as changes
from yikatong.people.changes.model import FIELD_NAMES
from yikatong.people.guard import those_at_home
from yikatong.portals.counter import finding, own_counter
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.errand import same
from yikatong.portals.counter.errands_application import application_name
from yikatong.portals.counter.words import words
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.trust.access import PERMISSIONS

DESK: Final = "/staff/desk"
_SHOWN: Final = 20


class Waiting(msgspec.Struct, frozen=True):
    """Something that waits."""

    what: str
    who: str
    since: date | datetime
    address: str


class Queue(msgspec.Struct, frozen=True):
    """What waits of one kind, the oldest first; its title is `queue_<name>`."""

    name: str
    waiting: Sequence[Waiting]
    more: bool


@get(DESK, include_in_schema=False)
async def start(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    approvals: NamedDependency[Approvals],
) -> Response[Any]:
    """Search, and the day's queue."""
    desk = await open_desk(request, platform, "person.search")
    typed = plain(await desk.kept(), "words")["words"]
    return await _start(desk, claims, approvals, typed=typed)


async def _start(
    desk: Desk, claims: ClaimOffice, approvals: Approvals, wrong: Wrong = FINE, typed: str = ""
) -> Response[Any]:
    desk.view.path, desk.view.query = DESK, []
    works, here, own = desk.caller.may(own_counter.PERMISSION), None, list[Queue]()
    stock: Sequence[Movement] = ()
    if works:
        here, own = await at_own_counter(desk)
        if here is not None:
            # A counter that never received any keeps no stock here.
            stock = await blanks.movements(desk.platform, here.code, 1)
    return desk.respond(
        "counter-desk.html", wrong, current="desk", typed=typed, works=works,
        here=here and here.text.in_language(desk.language),
        blanks=stock[0].balance if stock else None,
        queues=[*own, *await queues(desk, claims, approvals)],
    )  # fmt: skip


async def queues(desk: Desk, claims: ClaimOffice, approvals: Approvals) -> list[Queue]:
    """What waits for the member, of each kind they have to do with."""
    found: list[Queue] = []
    caller = desk.caller
    if caller.may("cards.review"):
        found.append(await _applications(desk))
    if caller.may("person.decide"):
        found.append(await _changes(desk))
    if caller.may("benefit.decide"):
        found += [await _pensions(desk), await _deaths(desk)]
    if caller.may("claim.review"):
        found.append(await _claims(desk, claims, "review", ("submitted", "under_review")))
    if caller.may("claim.submit"):
        found.append(await _claims(desk, claims, "returned", ("returned",)))
    if caller.may("claim.pay"):
        found.append(await _claims(desk, claims, "pay", ("approved",)))
    if caller.may("approval.decide"):
        waiting = await approvals.waiting(caller, _SHOWN + 1)
        found.append(
            Queue(
                "approvals",
                [
                    Waiting(
                        PERMISSIONS[one.permission].text.in_language(desk.language), one.asked_by,
                        one.asked_at, "/staff#approvals",
                    )
                    for one in waiting[:_SHOWN]
                ],
                len(waiting) > _SHOWN,
            )
        )  # fmt: skip
    return found


async def at_own_counter(desk: Desk) -> tuple[Counter | None, list[Queue]]:
    """The counter at which the member works, if one was chosen, and what waits there."""
    async with desk.platform.database.transaction(readonly=True) as connection:
        here = await own_counter.find(desk.platform, connection, desk.caller)
    return here, [] if here is None else await _at_counter(desk, here)


async def _at_counter(desk: Desk, here: Counter) -> list[Queue]:
    """What waits at the member's own counter: applications to mend, cards to hand out, sheets."""
    platform, language = desk.platform, desk.language
    async with platform.database.transaction(readonly=True) as connection:
        mend = await applying.to_mend(connection, here.code, _SHOWN + 1)
        collect, sheets = await delivery.waiting_at(platform, connection, here.code, _SHOWN + 1)
        persons = {one.person_id for one in (*mend, *collect)}
        mine = await those_at_home(connection, desk.caller, "person.read", list(persons))
    names = await _names(desk, persons)

    def queue(name: str, found: Sequence[CardApplication]) -> Queue:
        return Queue(
            name,
            [
                Waiting(
                    (same(one.asked_for) if one.asked_for else application_name(one)).in_language(
                        language
                    ),
                    names.get(one.person_id, ""), one.state_since or time_of(one.application_id),
                    # Of somebody from elsewhere nothing is open until they stand there.
                    f"/staff/people/{one.person_id}" if one.person_id in mine else "/staff/guests",
                )
                for one in found[:_SHOWN]
            ],
            len(found) > _SHOWN,
        )  # fmt: skip

    on_the_way = Queue(
        "on_the_way",
        [
            Waiting(
                words("queue_sheet", cards=f"{left}").in_language(language), f"{one.sheet_id}",
                one.sent_at, f"/staff/sheets/{one.sheet_id}",
            )
            for one, left in sheets[:_SHOWN]
        ],
        len(sheets) > _SHOWN,
    )  # fmt: skip
    return [queue("to_collect", collect), queue("to_mend", mend), on_the_way]


def _areas(desk: Desk, permission: str) -> tuple[str, ...] | None:
    """The member's regions as the work list of cards wants them; None: everywhere."""
    if desk.caller.everywhere(permission):
        return None
    areas = desk.caller.regions(permission)
    return tuple(area.removesuffix("00").removesuffix("00") for area in areas)


async def _names(desk: Desk, person_ids: set[int]) -> dict[int, str]:
    async with desk.platform.database.transaction(readonly=True) as connection:
        found = await people.names(connection, person_ids)
    return {person_id: mask_name(name) for person_id, name in found.items()}


async def _applications(desk: Desk) -> Queue:
    """Applications somebody else took in, and that nothing is missing of."""
    async with desk.platform.database.transaction(readonly=True) as connection:
        areas = _areas(desk, "cards.review")
        waiting = await applying.waiting(connection, ("applied",), areas, applying.WORK_MAX)
    mine = [
        one
        for one in waiting
        if not one.asked_for
        and one.accepted_by != desk.caller.name
        # Not what was only taken in, or is to be collected, in the member's regions.
        and desk.caller.may("cards.review", one.region)
    ]
    names = await _names(desk, {one.person_id for one in mine})
    day, book = today(desk.platform.clock), terms.load()

    def name(one: CardApplication) -> str:
        said = application_name(one).in_language(desk.language)
        due = office_rules.due_on(one, book.find(one.region, day))
        late = due is not None and due < day
        return desk.view.text("queue_late", what=said, day=f"{due}") if late else said

    return Queue(
        "applications",
        [
            Waiting(
                name(one), names.get(one.person_id, ""),
                one.state_since or time_of(one.application_id),
                f"/staff/people/{one.person_id}/applications/{one.application_id}",
            )
            for one in mine[:_SHOWN]
        ],
        len(mine) > _SHOWN,
    )  # fmt: skip


async def _changes(desk: Desk) -> Queue:
    waiting = await changes.waiting_at_home(desk.platform, desk.caller, limit=_SHOWN + 1)
    names = await _names(desk, {one.person_id for one in waiting})
    return Queue(
        "changes",
        [
            Waiting(
                desk.view.text("staff_comma").join(
                    FIELD_NAMES[name].in_language(desk.language) for name in one.fields
                ),
                names.get(one.person_id, ""), one.taken_at,
                f"/staff/people/{one.person_id}/changes/{one.change_id}",
            )
            for one in waiting[:_SHOWN]
        ],
        len(waiting) > _SHOWN,
    )  # fmt: skip


async def _pensions(desk: Desk) -> Queue:
    """Applications for a pension that somebody else took in."""
    areas = sorted(desk.caller.regions("benefit.decide"))
    waiting = await pensions.waiting(desk.platform, areas, _SHOWN * 2)
    mine = [one for one in waiting if one[1].taken_by != desk.caller.name]
    names = await _names(desk, {person_id for person_id, _ in mine})
    return Queue(
        "pensions",
        [
            Waiting(
                words(
                    "queue_pension", insurance=INSURANCE_NAMES[one.insurance],
                    month=month_text(one.retires_on),
                ).in_language(desk.language),
                names.get(person_id, ""), one.applied_at,
                f"/staff/people/{person_id}/pension/{one.application_id}",
            )
            for person_id, one in mine[:_SHOWN]
        ],
        len(mine) > _SHOWN,
    )  # fmt: skip


async def _deaths(desk: Desk) -> Queue:
    """Deaths recorded elsewhere that hold a pension until they are confirmed or corrected."""
    areas = sorted(desk.caller.regions("benefit.decide"))
    waiting = await proofs.deaths_to_confirm(desk.platform, areas, _SHOWN + 1)
    names = await _names(desk, {person_id for person_id, _ in waiting})
    return Queue(
        "deaths",
        [
            Waiting(
                desk.view.text("queue_death"), names.get(person_id, ""),
                held_on,
                f"/staff/people/{person_id}/errands/pension_death",
            )
            for person_id, held_on in waiting[:_SHOWN]
        ],
        len(waiting) > _SHOWN,
    )  # fmt: skip


async def _claims(desk: Desk, claims: ClaimOffice, name: str, states: Sequence[State]) -> Queue:
    waiting = await claims.waiting_at_home(desk.caller, states, limit=_SHOWN + 1)
    names = await _names(desk, {one.person_id for one in waiting})
    return Queue(
        name,
        [
            Waiting(
                words(
                    "queue_claim", provider=one.bill.provider_name, state=STATE_NAMES[one.state]
                ).in_language(desk.language),
                names.get(one.person_id, ""), one.submitted_at,
                f"/staff/people/{one.person_id}/claims/{one.claim_id}",
            )
            for one in waiting[:_SHOWN]
        ],
        len(waiting) > _SHOWN,
    )  # fmt: skip


@post("/staff/search", include_in_schema=False)
async def search(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    approvals: NamedDependency[Approvals],
) -> Response[Any]:
    """To the one who was found, or to the list; nothing personal stands in an address."""
    same_site(request)
    desk = await open_desk(request, platform, "person.search", form_at=DESK)
    typed = (await read_form(request, "words"))["words"].strip()
    try:
        found = await finding.search(platform, desk.caller, typed)
    except YikatongError as error:
        wrong = answer_wrong(desk.view, error, "words")
        return await _start(desk, claims, approvals, wrong, typed)
    if len(found.matches) == 1:
        one = found.matches[0]
        return Redirect(f"/staff/people/{one.person_id}", status_code=303)
    return Redirect(f"/staff/search/{found.search_id}", status_code=303)


@get("/staff/search/{search_id:int}", include_in_schema=False)
async def results(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    search_id: FromPath[int],
) -> Response[Any]:
    """The results of one's own search."""
    desk = await open_desk(request, platform, "person.search")
    found = await finding.again(platform, desk.caller, search_id)
    serves = desk.caller.may(own_counter.PERMISSION)
    return desk.respond("counter-results.html", current="results", found=found, serves=serves)


routes: Final = [start, search, results]
