"""Adding what the office asked for (补正) online, and withdrawing an application."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.model import OPEN_STATES, CardApplication
from yikatong.cards.office import applying
from yikatong.cards.office.living import history
from yikatong.cards.office.model import MATTER, CardEvent, Material, Mended
from yikatong.cards.telling import reference
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.days import day_in_words
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.portals import kept
from yikatong.portals.card_holder import (
    BODY_BYTES_MAX,
    CARD,
    TEXT_MAX,
    Holder,
    content_of,
    holder_of,
    key_of,
    new_key,
)
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import kept_form, same_site
from yikatong.portals.view import View
from yikatong.trust import audit
from yikatong.trust.documents import rules as document_rules
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import KINDS, Document, DocumentKind, Matter

AMEND: Final = f"{CARD}/amend"
WITHDRAW: Final = f"{CARD}/withdraw"
_EVENTS_READ: Final = 50
_FIELDS: Final = ("kind", "word", "pickup_place", "post_to", "application", "key")
MATERIALS: Final[dict[DocumentKind, Material | None]] = {
    "id_document": "identity",
    "photo": "photo",
    "household_register": "household_register",
    "residence_permit": "residence_permit",
    "labour_contract": "labour_contract",
    "study_certificate": "study_certificate",
    "guardianship_proof": "guardianship",
    "agent_id": "agent_identity",
    "old_card": "old_card",
    "change_certificate": None,
    "letter_of_authority": None,
    "other": None,
}
"""What an applicant may add, and as what the office counts it."""


class _Asked(msgspec.Struct):
    """An application to which something is to be added."""

    application: CardApplication
    papers: Sequence[Document]
    """What was handed in so far."""
    new: int
    """How many of them since it was asked for."""
    counters: Sequence[tuple[str, str]]


async def _under_way(connection: Connection, person_id: int) -> CardApplication | None:
    asked = await cards.applications(connection, person_id)
    return next((one for one in asked if one.state in OPEN_STATES), None)


async def _asked(view: View, platform: Platform, holder: Holder) -> _Asked | None:
    """None where nothing is asked for; the look is recorded."""
    async with platform.database.transaction() as connection:
        one = await _under_way(connection, holder.person_id)
        if one is None or one.asked_for is None:
            return None
        matter = Matter(MATTER, one.application_id)
        papers = await documents.list_of(platform, connection, holder.person_id, matter)
        told = await history(connection, holder.person_id, _EVENTS_READ)
        found = []
        if one.delivery == "pickup":
            lives_in = (await people.get(connection, holder.person_id)).residence_region
            found = await counters.of_region(platform, connection, lives_in, "agency")
        now = platform.clock.now()
        await audit.record(
            connection, holder.session.actor("my card"), now, holder.person_id, "document.list_read",
            {"matter": matter.kind, "matter_id": str(matter.matter_id)},
        )  # fmt: skip
    return _Asked(
        one, papers, _since(told, one, papers),
        [(each.code, each.text.in_language(view.language)) for each in found],
    )  # fmt: skip


def _since(told: Sequence[CardEvent], one: CardApplication, papers: Sequence[Document]) -> int:
    """How many papers were added since they were asked for."""
    asked_at = next(
        (
            event.at
            for event in told
            if event.event == "ask" and event.application_id == one.application_id
        ),
        None,
    )
    return sum(1 for paper in papers if asked_at is not None and paper.added_at >= asked_at)


@get(AMEND, include_in_schema=False)
async def amend_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What is asked for and until when, what was handed in, and the form."""
    holder = await holder_of(request, platform)
    typed = await kept_form(request, platform, holder.session)
    if typed and typed.get("go") == "add":
        # Kept over the reload behind a document, not over a session.
        request.state.kept = False
    return await _page(request, platform, holder, kept.plain(typed, *_FIELDS))


async def _page(
    request: Request[Any, Any, Any],
    platform: Platform,
    holder: Holder,
    form: dict[str, str],
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[Any]:
    view = View.of(request)
    view.path, view.query = AMEND, []
    found = await _asked(view, platform, holder)
    errors, status, headers = wrong
    if found is None:
        # A notice of weeks ago still leads here.
        response = view.respond(
            request, "card-amend-none.html", status=status, current="card", errors=errors
        )
        response.headers.update(headers)
        return response
    one, language = found.application, view.language
    response = view.respond(
        request, "card-amend.html", status=status, current="card", errors=errors,
        asked_for=one.asked_for,
        until=day_in_words(one.asked_until, language) if one.asked_until else "",
        number=reference(one.application_id), application=str(one.application_id),
        papers=[
            (KINDS[paper.kind].in_language(language), f"{(paper.size + 1023) // 1024} KB",
             day_in_words(paper.added_at.astimezone(SHANGHAI).date(), language))
            for paper in found.papers
        ],
        room=max(0, document_rules.PER_MATTER_MAX - len(found.papers)),
        most=str(document_rules.PER_MATTER_MAX), size=str(document_rules.BYTES_MAX // 2**20),
        kinds=[(kind, KINDS[kind].in_language(language)) for kind in MATERIALS],
        counters=[("", view.text("asked_place_stays")), *found.counters],
        delivery=one.delivery, text_max=applying.TEXT_MAX,
        form=form | {"key": form.get("key") or new_key(platform)},
        added=request.query_params.get("done") == "added",
    )  # fmt: skip
    response.headers.update(headers)
    return response


@post(AMEND, include_in_schema=False, request_max_body_size=BODY_BYTES_MAX)
async def amend(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Add a document, and send it all back to the review where that was asked for; sent twice, once."""
    same_site(request)
    holder = await holder_of(request, platform, AMEND)
    sent = await request.form()
    texts = kept.texts(sent)
    form = {name: text.strip() for name, text in kept.plain(texts, *_FIELDS).items()}
    form["word"] = form["word"].replace("\r\n", "\n")
    adds = texts.get("go") == "add"
    try:
        number = _number(form["application"])
        content = await content_of(sent.get("document"))
        if adds and not content:
            raise InvalidInput(
                "document", zh="请选择要上传的照片或文件", en="choose the photo or file to add"
            )
        if content:
            await _add(platform, holder, number, form["kind"], content)
        if adds:
            left = {**form, "kind": "", "go": "add"}
            await kept.put(platform, kept.by_person(holder.session), AMEND, left)
            return Redirect(f"{AMEND}?done=added", status_code=303)
        await _send(platform, holder, number, form)
    except YikatongError as error:
        view = View.of(request)
        return await _page(request, platform, holder, form, answer_wrong(view, error, "word"))
    return Redirect(f"{CARD}?done=amended", status_code=303)


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    raise InvalidInput(
        "word",
        zh="页面已过期，请回到“我的卡”再办一次",
        en="the page is out of date; please go back to “My card” and try again",
    )


async def _add(platform: Platform, holder: Holder, number: int, kind: str, content: bytes) -> None:
    if kind not in MATERIALS:
        raise InvalidInput("kind", zh="请选择这是什么材料", en="choose what this document is")
    async with platform.database.transaction() as connection:
        await applying.takes_documents(connection, holder.person_id, number)
        await documents.add(
            platform, connection, holder.person_id, Matter(MATTER, number), kind, content,
            "", holder.session.actor("my card"),
        )  # fmt: skip


async def _send(platform: Platform, holder: Holder, number: int, form: dict[str, str]) -> None:
    person_id, key = holder.person_id, key_of(form["key"])
    async with platform.database.transaction(readonly=True) as connection:
        matter = Matter(MATTER, number)
        kinds = await documents.kinds_of(connection, person_id, matter)
        one = await _under_way(connection, person_id)
        told = await history(connection, person_id, _EVENTS_READ)
        papers = await documents.list_of(platform, connection, person_id, matter)
    changed = form["word"] or form["pickup_place"] or form["post_to"]
    if not changed and one is not None and one.asked_for and not _since(told, one, papers):
        raise InvalidInput(
            "document",
            zh="还没有补充任何内容，请上传材料，或写几句说明",
            en="nothing has been added yet; add a document, or write a few words",
        )
    materials: list[Material] = [
        material for kind, material in MATERIALS.items() if material is not None and kind in kinds
    ]
    mended = Mended(
        tuple(materials),
        pickup_place=form["pickup_place"][:TEXT_MAX] or None,
        post_to=form["post_to"] or None,
        word=form["word"],
    )
    actor = holder.session.actor("my card")
    await applying.amend(platform, person_id, number, mended, holder.doing(), actor, key)


@get(WITHDRAW, include_in_schema=False)
async def withdraw_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What withdrawing means, before it is done."""
    holder = await holder_of(request, platform)
    view = View.of(request)
    async with platform.database.transaction() as connection:
        one = await _under_way(connection, holder.person_id)
        await audit.record(
            connection, holder.session.actor("my card"), platform.clock.now(), holder.person_id,
            "cards.read",
        )  # fmt: skip
    if one is None or not may_withdraw(one):
        return Redirect(CARD, status_code=303)
    return view.respond(
        request, "card-withdraw.html", current="card", key=new_key(platform),
        application=str(one.application_id), number=reference(one.application_id),
        what=view.text(f"card_kind_{one.kind}"), lost=one.kind == "replace",
        paid=one.fee if one.fee_state == "paid" else 0,
    )  # fmt: skip


def may_withdraw(one: CardApplication) -> bool:
    """Whether the applicant can still withdraw: until the card is at the maker's."""
    return one.state == "applied" or (one.state == "in_production" and one.batch_id is None)


routes: Final = [amend_form, amend, withdraw_form]
