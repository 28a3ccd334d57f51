"""The pages of errands: one form for all of them, step by step, and the receipt."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards.counters.model import Counter
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.core.sealing import mask_id_number, mask_name
from yikatong.medical.claims.errors import LinesWrong
from yikatong.medical.claims.service import ClaimOffice
from yikatong.people.guard import require_person
from yikatong.portals.counter import facts as counter_facts
from yikatong.portals.counter import form as forms
from yikatong.portals.counter import paper, receipts, table
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.errand import Case, Channel, Errand, Field
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import words
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.portals.view import SECURITY_HEADERS
from yikatong.trust import audit
from yikatong.trust.access import not_there

_PERSON: Final = "/staff/people/{person_id:int}"
_ROWS_SHOWN: Final = 50
_SEES: Final[dict[Channel, str]] = {
    "counter": "person.read", "phone": "call.answer", "cross_province": "cards.apply",
}  # fmt: skip
"""What lets a member see a receipt."""
_PRINTS: Final = "person.reveal"
"""What lets a member of the person's own regions print it."""


class Way(msgspec.Struct, frozen=True):
    """Where errands of this channel stand, and where they lead back to."""

    channel: Channel
    base: str
    """The address of the person's page; errands lie below it."""
    present: str | None = None
    """Who is there, where that is not asked: on the phone, the caller that was compared."""
    here: Counter | None = None
    """Of somebody from elsewhere: the counter at which they stand."""

    def errand(self, name: str) -> str:
        return f"{self.base}/errands/{name}"

    def receipt(self, number: int) -> str:
        return f"{self.base}/receipts/{number}"


def counter_way(person_id: int) -> Way:
    return Way("counter", f"/staff/people/{person_id}")


async def read_facts(
    desk: Desk,
    connection: Connection,
    permission: str,
    claims: ClaimOffice,
    person_id: int,
    way: Way,
) -> tuple[Facts, Sequence[str]]:
    """The person's affairs as far as they are seen this way, and the regions in which the member needs
    a permission for what is done: the person's, or that of the counter. Raises NotAllowed, NotFound."""
    platform = desk.platform
    if way.here is not None:
        desk.caller.require(permission, way.here.region)
        facts = await counter_facts.read_elsewhere(platform, connection, person_id, way.here)
        return facts, (way.here.region,)
    facts = await counter_facts.read(
        platform, connection, desk.caller, permission, claims, person_id
    )
    return facts, await counter_facts.home(connection, person_id)


async def open_case(
    desk: Desk, errand: Errand, claims: ClaimOffice, person_id: int, way: Way
) -> Case:
    """The person's affairs for this errand; raises NotAllowed, NotFound."""
    async with desk.platform.database.transaction(readonly=True) as connection:
        facts, _ = await read_facts(desk, connection, errand.permission, claims, person_id, way)
    if way.channel == "counter" and "person.read" not in facts.sees:
        # Who may do it on the phone only has to compare three facts before.
        raise not_there("person.read")
    return Case(
        platform=desk.platform, caller=desk.caller, claims=claims, facts=facts, form={},
        channel=way.channel,
    )  # fmt: skip


async def show_first(desk: Desk, case: Case, errand: Errand, way: Way) -> Response[Any]:
    """The first step, with what was kept of a form that came too late."""
    kept = await desk.kept()
    await _note_look(desk, case, errand, way)
    case.key = forms.key_of(kept or {}, desk.platform)
    case.form = kept or {}
    step = _step(case, errand) if kept else 0
    return _show(desk, case, errand, way, step, kept=kept is not None)


async def _note_look(desk: Desk, case: Case, errand: Errand, way: Way) -> None:
    """Record that the person's affairs are shown with the form; on the phone the call stands for it."""
    if way.channel == "phone":
        return
    action = "person.read" if way.here is None else "card.read"
    actor, now = desk.actor(_purpose(errand, way)), desk.platform.clock.now()
    async with desk.platform.database.transaction() as connection:
        await audit.record(
            connection, actor, now, case.facts.person_id, action, {"errand": errand.name}
        )


def _purpose(errand: Errand, way: Way) -> str:
    return f"{errand.name.replace('_', ' ')} at the {way.channel.replace('_', ' ')}"


async def go_on(
    desk: Desk, case: Case, errand: Errand, way: Way, sent: forms.Sent
) -> Response[Any]:
    """A step was sent: the next one, the one before, or what is done."""
    answer = await _go_on(desk, case, errand, way, sent)
    if not isinstance(answer, Redirect):
        await _note_look(desk, case, errand, way)
    return answer


async def _go_on(
    desk: Desk, case: Case, errand: Errand, way: Way, sent: forms.Sent
) -> Response[Any]:
    case.form, case.uploads = sent.form, sent.uploads
    case.key = forms.key_of(sent.form, desk.platform)
    at = _step(case, errand)
    back = forms.plain(sent.form.get("go")) == "back"
    if not back:
        # First of all: what was done by this form may be what makes it impossible now.
        known = await receipts.before(case)
        if known is not None and known.content_hash == receipts.content_hash(case):
            return Redirect(way.receipt(known.receipt_id), status_code=303)
        if known is not None:
            # Another wish with a form that was used: it gets a number of its own.
            case.key = forms.key_of({}, desk.platform)
    if (why := errand.refused(case.facts)) is not None:
        return _show(desk, case, errand, way, at, why=why)
    if back:
        return _show(desk, case, errand, way, max(0, at - 1))
    return await _forward(desk, case, errand, way, at)


async def _forward(desk: Desk, case: Case, errand: Errand, way: Way, at: int) -> Response[Any]:
    """The next step, or what is done, where all of this one is right."""
    fields = errand.steps[at](case)
    errors: dict[str, str] = {}
    candidates = forms.resolve_places(desk.view, fields, case.form, errors)
    if errors:
        return _show(desk, case, errand, way, at, (errors, 422, {}), candidates)
    try:
        forms.check_lengths(fields, case.form)
        if at == 0:
            _present(case, errand, way)
        if at + 1 < len(errand.steps) and errand.steps[at + 1](case):
            case.form["step"] = str(at + 1)
            return _show(desk, case, errand, way, at + 1)
        return await _carry_out(desk, case, errand, way)
    except YikatongError as error:
        return _wrong(desk, case, errand, way, at, error)


async def _carry_out(desk: Desk, case: Case, errand: Errand, way: Way) -> Response[Any]:
    present = _present(case, errand, way)
    actor = desk.actor(_purpose(errand, way))
    done = await errand.carry_out(case, actor)
    number = await receipts.keep(case, errand, done, actor, present)
    return Redirect(way.receipt(number), status_code=303)


def _wrong(
    desk: Desk, case: Case, errand: Errand, way: Way, at: int, error: YikatongError
) -> Response[Any]:
    """The step that holds the field an error names, with the error beside it."""
    errors, status, headers = answer_wrong(desk.view, error, "errand")
    field, text = next(iter(errors.items()))
    field = errand.fields_of.get(field, field)
    if field == "present" and _presents(case, errand, way):
        return _show(desk, case, errand, way, 0, ({field: text}, status, headers))
    for number in range(at, -1, -1):
        if any(_holds(one, field) for one in errand.steps[number](case)):
            at = number
            break
    else:
        field = "errand"
    rows: Sequence[Any] = error.rows[:_ROWS_SHOWN] if isinstance(error, LinesWrong) else ()
    return _show(desk, case, errand, way, at, ({field: text}, status, headers), rows=rows)


def _holds(one: Field, field: str) -> bool:
    """Whether a field of the form is what an error names; of files, one of its kinds."""
    return one.name == field or (one.kind == "files" and field.startswith(f"{one.name}_"))


def _step(case: Case, errand: Errand) -> int:
    text = forms.plain(case.form.get("step"))
    return min(int(text), len(errand.steps) - 1) if text in ("0", "1", "2", "3") else 0


def _presents(case: Case, errand: Errand, way: Way) -> list[tuple[str, str]]:
    """Who may be there: the person, who may act for the person in this, and who can prove it."""
    if errand.anyone or way.present is not None:
        return []
    facts = case.facts
    found = [("self", "")]
    if errand.service is not None:
        found += [
            (str(one.person_id), mask_name(facts.names.get(one.person_id, "")))
            for one in facts.agents
            if errand.service in one.services
        ]
    return found + [(one, "") for one in errand.who if one != "guardian" or facts.guarded]


def _present(case: Case, errand: Errand, way: Way) -> str:
    """Who is there, noted in the case; raises InvalidInput for somebody who may not act."""
    if way.present is not None:
        return way.present
    known = _presents(case, errand, way)
    if not known:
        return "anyone"
    chosen = case.typed("present") or "self"
    if chosen not in {one for one, _ in known}:
        raise InvalidInput(
            "present", zh="这个人不能代办这项业务", en="this person may not act in this"
        )
    for one in ("self", *errand.who):
        if chosen == one:
            case.by = one
    if chosen.isdigit():
        case.by_id = int(chosen)
        kinds = {one.person_id: one.kind for one in case.facts.agents}
        case.by = "guardian" if kinds.get(case.by_id) == "guardian" else "agent"
    return chosen


def _show(
    desk: Desk,
    case: Case,
    errand: Errand,
    way: Way,
    at: int,
    wrong: Wrong = FINE,
    candidates: Mapping[str, Sequence[Region]] | None = None,
    *,
    why: Text | None = None,
    kept: bool = False,
    rows: Sequence[Any] = (),
) -> Response[Any]:
    why = why or errand.refused(case.facts)
    fields: Sequence[Field] = () if why else errand.steps[at](case)
    by_phone = way.channel == "phone"
    documents = (words("doc_phone"),) if by_phone else errand.documents(case.facts)
    view = desk.view
    # After a form that was sent, language and type size are switched on the form's own page.
    view.path, view.query = way.errand(errand.name), []
    return desk.respond(
        "counter-errand.html", wrong,
        errand=errand, way=way, step=at, steps=len(errand.steps), key=case.key,
        fields=forms.shown(fields, case.form, candidates or {}),
        carried=forms.carried(case.form, [*fields, Field(name="present")] if at == 0 else fields),
        presents=_presents(case, errand, way) if at == 0 and not why else [],
        present=case.typed("present") or "self",
        documents=[one.in_language(view.language) for one in documents],
        why=why.in_language(view.language) if why else "",
        who=whose(case.facts, way), kept=kept, rows=rows, last=at + 1 == len(errand.steps),
        files=any(one.kind in ("file", "files") for one in fields),
    )  # fmt: skip


def whose(facts: Facts, way: Way) -> dict[str, str]:
    """The person at the head of each page, masked; on the phone no number is seen."""
    number = "" if way.channel == "phone" else mask_id_number(facts.contact.id_number)
    return {
        "id": str(facts.person_id),
        "name": mask_name(facts.person.name),
        "number": number,
        "year": str(facts.person.birth_date.year),
    }


def errand_routes(
    base: str, channel: Channel, find: Callable[[Desk, Mapping[str, int]], Awaitable[Way]]
) -> list[Any]:
    """The form of each errand of a channel and its steps, below the address of the person's page. `find`
    leads from the numbers in that address to the way, and raises where it is not open."""
    address = f"{base}/errands/{{name:str}}"

    async def opened(
        request: Request[Any, Any, Any], platform: Platform, claims: ClaimOffice, name: str
    ) -> tuple[Desk, Case, Errand, Way]:
        errand, numbers = table.errand(name, channel), request.path_params
        desk = await open_desk(request, platform, errand.permission)
        way = await find(desk, numbers)
        case = await open_case(desk, errand, claims, numbers["person_id"], way)
        return desk, case, errand, way

    @get(address, include_in_schema=False)
    async def form(
        request: Request[Any, Any, Any],
        platform: NamedDependency[Platform],
        claims: NamedDependency[ClaimOffice],
        name: FromPath[str],
    ) -> Response[Any]:
        """The form of an errand for a person."""
        return await show_first(*await opened(request, platform, claims, name))

    @post(address, include_in_schema=False, request_max_body_size=forms.BODY_BYTES_MAX)
    async def send(
        request: Request[Any, Any, Any],
        platform: NamedDependency[Platform],
        claims: NamedDependency[ClaimOffice],
        name: FromPath[str],
    ) -> Response[Any]:
        """One step of the form was sent."""
        same_site(request)
        open_one = await opened(request, platform, claims, name)
        return await go_on(*open_one, await forms.read(request))

    return [form, send]


# ---- at the counter ----


async def _counter_way(_: Desk, numbers: Mapping[str, int]) -> Way:
    return counter_way(numbers["person_id"])


@get(f"{_PERSON}/receipts/{{receipt_id:int}}", include_in_schema=False)
async def receipt(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    receipt_id: FromPath[int],
) -> Response[Any]:
    """What was done, to be read, printed, and gone on from."""
    desk = await open_desk(request, platform, "person.read")
    async with platform.database.transaction(readonly=True) as connection:
        await require_person(connection, desk.caller, "person.read", person_id)
    return await show_receipt(desk, claims, person_id, receipt_id, counter_way(person_id))


async def show_receipt(
    desk: Desk, claims: ClaimOffice, person_id: int, receipt_id: int, way: Way
) -> Response[Any]:
    """The receipt as page, or as PDF."""
    platform, language = desk.platform, desk.language
    made = desk.request.query_params.get("format")
    if way.channel != "phone" and made in ("pdf", "form"):
        return await _printed(desk, person_id, receipt_id, way, made)
    permission = _SEES[way.channel]
    async with platform.database.transaction() as connection:
        found = await receipts.find(platform, connection, person_id, receipt_id)
        facts, home = await read_facts(desk, connection, permission, claims, person_id, way)
        if way.channel != "phone":
            await audit.record(
                connection, desk.actor("receipt shown"), platform.clock.now(), person_id,
                "counter.receipt_read", {"receipt": str(receipt_id)},
            )  # fmt: skip
    prints = way.channel == "cross_province" or (
        way.channel == "counter" and any(desk.caller.may(_PRINTS, one) for one in home)
    )
    return desk.respond(
        "counter-receipt.html",
        way=way, receipt=found, who=whose(facts, way),
        title=found.title.in_language(language),
        told=[(one.in_language(language), value.in_language(language)) for one, value in found.told],
        note=found.note.in_language(language) if found.note else "",
        prints=prints, form=prints and paper.of_errand(found.errand) is not None,
        again=offers(desk, facts, home, way),
    )  # fmt: skip


async def _printed(
    desk: Desk, person_id: int, receipt_id: int, way: Way, kind: str
) -> Response[Any]:
    """The receipt, or the form that goes with the errand, to be signed. Names and numbers stand there
    whole, so that who sees masked files alone does not print them."""
    platform = desk.platform
    if way.here is None:
        async with platform.database.transaction(readonly=True) as connection:
            await require_person(connection, desk.caller, _PRINTS, person_id)
    if kind == "pdf":
        shown, of, number = await receipts.printable(
            platform, person_id, receipt_id, desk.actor("receipt printed")
        )
        made = await asyncio.to_thread(receipts.as_pdf, shown, of, number, platform.clock.now())
        return pdf_answer(made, f"receipt-{receipt_id}")
    found, who = await paper.filled(
        platform, person_id, receipt_id, desk.actor("form printed"), elsewhere=way.here is not None
    )
    name = paper.of_errand(found.errand)
    assert name is not None
    made = await asyncio.to_thread(paper.as_pdf, name, platform.clock.now(), found, who)
    return pdf_answer(made, f"form-{receipt_id}")


def pdf_answer(made: bytes, name: str) -> Response[bytes]:
    """A PDF to look at and print."""
    headers = {**SECURITY_HEADERS, "Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(made, media_type="application/pdf", headers=headers)


@get("/staff/forms/{name:str}", include_in_schema=False)
async def blank_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], name: FromPath[str]
) -> Response[Any]:
    """A blank form, to be filled in by hand."""
    await open_desk(request, platform, "cards.apply")
    wanted: paper.Name | None = next((one for one in paper.NAMES if one == name), None)
    if wanted is None:
        raise paper.no_such_form()
    made = await asyncio.to_thread(paper.as_pdf, wanted, platform.clock.now())
    return pdf_answer(made, f"form-{wanted}")


class Offer(msgspec.Struct, frozen=True):
    """An errand as the file offers it."""

    name: str
    group: str
    text: str
    address: str
    why: str
    """Why it is not possible now; "": it is."""


def offers(desk: Desk, facts: Facts, home: Sequence[str], way: Way) -> list[Offer]:
    """What can be done for the person, by state and permission."""
    found: list[Offer] = []
    for one in table.offered(facts, desk.caller, home, way.channel):
        why = one.refused(facts)
        found.append(
            Offer(
                one.name, one.group, one.text.in_language(desk.language), way.errand(one.name),
                why.in_language(desk.language) if why else "",
            )
        )  # fmt: skip
    return found


routes: Final = [*errand_routes(_PERSON, "counter", _counter_way), receipt, blank_form]
