"""Reviews (审核): an application for a card, or a change of name or id number, decided by somebody else
than who took it in."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards import service as cards
from yikatong.cards.model import CardApplication
from yikatong.cards.office import admitting, applying, looking
from yikatong.cards.office.errors import STATE_NAMES, NoSuchApplication
from yikatong.cards.office.model import (
    BY_NAMES,
    CHANNEL_NAMES,
    KIND_NAMES,
    MATERIAL_NAMES,
    MATTER,
    WHY_NAMES,
    Doing,
)
from yikatong.core import regions
from yikatong.core.errors import Text, YikatongError, one_of
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.people import service as people
from yikatong.people.changes import service as changes
from yikatong.people.changes.model import FIELD_NAMES
from yikatong.people.changes.model import STATE_NAMES as CHANGE_STATES
from yikatong.people.changes.rules import whole
from yikatong.people.guard import require_person
from yikatong.portals.counter import form as forms
from yikatong.portals.counter.card_errand import SHOWN_BY, joined
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.errand import same
from yikatong.portals.counter.words import place, words
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.portals.view import View
from yikatong.trust import audit
from yikatong.trust.documents import service as documents
from yikatong.trust.documents import shown as documents_shown
from yikatong.trust.documents.api import Matters, read_one
from yikatong.trust.documents.model import KINDS, Document, Matter

_PERSON: Final = "/staff/people/{person_id:int}"
_APPLICATION: Final = f"{_PERSON}/applications/{{number:int}}"
_CHANGE: Final = f"{_PERSON}/changes/{{number:int}}"
What = Literal["applications", "changes"]
_PERMISSIONS: Final[dict[What, str]] = {"applications": "cards.review", "changes": "person.decide"}


class Review(msgspec.Struct, frozen=True):
    """What is before the reviewer."""

    title: Text
    state: Text
    facts: Sequence[tuple[Text, Text]]
    papers: Sequence[Document]
    can: Sequence[str]
    """approve, ask, refuse."""
    taken_by: str
    notes: Sequence[Text] = ()
    unseen: Text | None = None
    """What was shown at the counter, and no scan of it was handed in."""


async def _open(
    request: Request[Any, Any, Any], platform: Platform, what: What, person_id: int, number: int
) -> Desk:
    permission = _PERMISSIONS[what]
    desk = await open_desk(request, platform, permission)
    async with platform.database.transaction(readonly=True) as connection:
        if what == "applications":
            # Where the card is issued, which may be neither where the person lives nor is insured.
            await admitting.admit(
                platform, connection, desk.caller, permission, person_id, application_id=number,
                places=admitting.DECIDED,
            )  # fmt: skip
        else:
            await require_person(connection, desk.caller, permission, person_id)
    return desk


async def _application(desk: Desk, person_id: int, number: int) -> Review:
    platform = desk.platform
    async with platform.database.transaction() as connection:
        found = [
            one
            for one in await cards.applications(connection, person_id)
            if one.application_id == number
        ]
        if not found:
            raise NoSuchApplication
        papers = await documents.list_of(platform, connection, person_id, Matter(MATTER, number))
        person = await people.get(connection, person_id)
        word = await looking.word(platform, connection, person_id, number)
        detail: dict[str, object] = {"application_id": str(number)}
        await audit.record(
            connection, desk.actor("card review"), platform.clock.now(), person_id, "card.reviewed",
            detail,
        )  # fmt: skip
    one = found[0]
    can: tuple[str, ...] = ()
    if one.state == "applied":
        can = ("refuse",) if one.asked_for else ("approve", "ask", "refuse")
    notes = [] if person.identity_matched else [words("alarm_mismatch")]
    if one.asked_for:
        notes.append(words("review_asked", what=one.asked_for))
    facts = _application_facts(one)
    if word:
        facts.append((words("review_word"), Text(word, word)))
    return Review(
        KIND_NAMES[one.kind], STATE_NAMES[one.state], facts, papers, can,
        one.accepted_by, notes, _unseen(one, papers),
    )  # fmt: skip


def _unseen(one: CardApplication, papers: Sequence[Document]) -> Text | None:
    scanned = {SHOWN_BY.get(paper.kind) for paper in papers}
    found = [
        text for name, text in MATERIAL_NAMES.items()
        if name in one.materials and name not in scanned
    ]  # fmt: skip
    return joined(found) if found and one.channel != "online" else None


def _application_facts(one: CardApplication) -> list[tuple[Text, Text]]:
    shown = [MATERIAL_NAMES[each] for each in MATERIAL_NAMES if each in one.materials]
    facts = [
        (words("told_number"), Text(str(one.application_id), str(one.application_id))),
        (words("review_day"), Text(f"{one.applied_on}", f"{one.applied_on}")),
        (words("review_channel"), CHANNEL_NAMES[one.channel]),
        (words("review_by"), BY_NAMES[one.applicant]),
        (words("told_card_region"), place(one.region)),
        (words("review_shown"), joined(shown)),
    ]
    if one.why is not None:
        facts.insert(1, (words("review_why"), WHY_NAMES[one.why]))
    if one.accepted_in and one.accepted_in != one.region:
        where = Text(*(regions.full_name(one.accepted_in, each) for each in ("zh", "en")))
        facts.append((words("review_accepted_in"), where))
    return facts


async def _change(desk: Desk, person_id: int, number: int) -> Review:
    one, papers = await changes.one(desk.platform, person_id, number, desk.actor("data review"))
    facts = [
        (
            FIELD_NAMES[name],
            words(
                "review_from_to",
                before=Text(*(whole(name, one.values[name].before, each) for each in ("zh", "en"))),
                after=Text(*(whole(name, one.values[name].after, each) for each in ("zh", "en"))),
            ),
        )
        for name in one.fields
    ]
    facts.append((words("review_day"), same(one.taken_at)))
    can = ("approve", "refuse") if one.state == "taken" else ()
    return Review(
        words("review_change"), CHANGE_STATES[one.state], facts, papers, can, one.taken_by
    )


async def _read(desk: Desk, what: What, person_id: int, number: int) -> Review:
    read = _application if what == "applications" else _change
    return await read(desk, person_id, number)


async def _show(
    desk: Desk, what: What, person_id: int, number: int, wrong: Wrong = FINE, reason: str = ""
) -> Response[Any]:
    review = await _read(desk, what, person_id, number)
    async with desk.platform.database.transaction(readonly=True) as connection:
        name = (await people.names(connection, [person_id])).get(person_id, "")
    language = desk.language
    desk.view.path, desk.view.query = f"/staff/people/{person_id}/{what}/{number}", []
    mine = review.taken_by == desk.caller.name
    return desk.respond(
        "counter-review.html", wrong,
        here=desk.view.path, person_id=person_id, name=mask_name(name), mine=mine,
        title=review.title.in_language(language), state=review.state.in_language(language),
        facts=[
            (label.in_language(language), value.in_language(language))
            for label, value in review.facts
        ],
        notes=[one.in_language(language) for one in review.notes],
        papers=papers_by_kind(person_id, review.papers, desk.view),
        unseen=review.unseen.in_language(language) if review.unseen else "",
        can=() if mine else review.can, reason=reason, key=new_id(desk.platform.clock.now()),
    )  # fmt: skip


def papers_by_kind(
    person_id: int, papers: Sequence[Document], view: View
) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """The documents of a matter by kind, each with its address, its bytes and when it came."""
    return [
        (kind.in_language(view.language), [
            (f"/staff/people/{person_id}/documents/{one.document_id}", one.size,
             view.day(one.added_at))
            for one in papers if one.kind == name
        ])
        for name, kind in KINDS.items()
        if any(one.kind == name for one in papers)
    ]  # fmt: skip


async def _decide(desk: Desk, what: What, person_id: int, number: int) -> Response[Any]:
    sent = await forms.read(desk.request)
    reason = forms.plain(sent.form.get("reason")).strip()[:200]
    platform = desk.platform
    try:
        action = one_of(forms.plain(sent.form.get("go")), ("approve", "ask", "refuse"), "reason")
        actor = desk.actor("review")
        if what == "applications":
            key = f"review-{forms.key_of(sent.form, platform)}"
            doing = Doing("counter", materials=("identity",), reason=reason)
            do = {
                "approve": applying.approve, "ask": applying.ask, "refuse": applying.reject,
            }[action]  # fmt: skip
            await do(platform, person_id, number, doing, actor, key)
        elif action == "approve":
            await changes.approve(platform, person_id, number, actor)
        else:
            await changes.refuse(platform, person_id, number, reason, actor)
    except YikatongError as error:
        if error.status in (404,) or error.status >= 500:
            raise
        errors, status, headers = answer_wrong(desk.view, error, "reason")
        wrong: Wrong = ({"reason": next(iter(errors.values()))}, status, headers)
        return await _show(desk, what, person_id, number, wrong, reason)
    return Redirect("/staff/desk", status_code=303)


async def _sent(
    request: Request[Any, Any, Any], platform: Platform, what: What, person_id: int, number: int
) -> Response[Any]:
    same_site(request)
    desk = await _open(request, platform, what, person_id, number)
    return await _decide(desk, what, person_id, number)


async def _shown(
    request: Request[Any, Any, Any], platform: Platform, what: What, person_id: int, number: int
) -> Response[Any]:
    desk = await _open(request, platform, what, person_id, number)
    kept = await desk.kept()
    reason = forms.plain((kept or {}).get("reason"))
    return await _show(desk, what, person_id, number, reason=reason)


@get(_APPLICATION, include_in_schema=False)
async def application(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    number: FromPath[int],
) -> Response[Any]:
    """An application for a card."""
    return await _shown(request, platform, "applications", person_id, number)


@post(_APPLICATION, include_in_schema=False)
async def decide_application(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    number: FromPath[int],
) -> Response[Any]:
    """Approve it, ask for something, or refuse it."""
    return await _sent(request, platform, "applications", person_id, number)


@get(_CHANGE, include_in_schema=False)
async def change(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    number: FromPath[int],
) -> Response[Any]:
    """A change of data with its values, whole, to be compared with the documents."""
    return await _shown(request, platform, "changes", person_id, number)


@post(_CHANGE, include_in_schema=False)
async def decide_change(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    number: FromPath[int],
) -> Response[Any]:
    """Carry it out, or refuse it."""
    return await _sent(request, platform, "changes", person_id, number)


@get(f"{_PERSON}/documents/{{document_id:int}}", include_in_schema=False)
async def document(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    matters: NamedDependency[Matters],
    person_id: FromPath[int],
    document_id: FromPath[int],
) -> Response[bytes]:
    """A document as it was handed in; who saw it is recorded."""
    desk = await open_desk(request, platform, "document.read")
    async with platform.database.transaction() as connection:
        opened = await read_one(platform, connection, matters, desk.caller, person_id, document_id)
    return documents_shown.answer(opened, inline=True)


routes: Final = [application, decide_application, change, decide_change, document]
