"""A claim by hand before the member (手工报销): what was handed in, what an approval would pay, and the
next step for whom it waits."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.errors import InvalidInput, YikatongError, one_of
from yikatong.core.ids import new_id
from yikatong.core.money import format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.medical.claims import rules
from yikatong.medical.claims.deciding import Decision
from yikatong.medical.claims.model import DOCUMENT_KINDS, STATE_NAMES, Claim
from yikatong.medical.claims.service import REASON_MAX, ClaimOffice
from yikatong.medical.receipts_shown import CARE_NAMES, who_pays
from yikatong.people import service as people
from yikatong.people.guard import require_person
from yikatong.policies import shown as policies_shown
from yikatong.portals.counter import form as forms
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.words import words
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.portals.view import SECURITY_HEADERS

_CLAIM: Final = "/staff/people/{person_id:int}/claims/{claim_id:int}"
_PURPOSE: Final = "claim by hand"
_STEPS: Final = {
    "take": "claim.review",
    "approve": "claim.decide",
    "return": "claim.review",
    "refuse": "claim.review",
    "pay": "claim.pay",
    "document": "claim.submit",
    "resubmit": "claim.submit",
    "withdraw": "claim.submit",
}
"""The steps of this page, with the permission each asks for."""


async def _open(
    request: Request[Any, Any, Any], platform: Platform, permission: str, person_id: int
) -> Desk:
    desk = await open_desk(request, platform, permission)
    async with platform.database.transaction(readonly=True) as connection:
        await require_person(connection, desk.caller, permission, person_id)
    return desk


def _possible(claim: Claim, desk: Desk) -> list[str]:
    """The steps the member may take now; an approval takes the claim for review by itself."""
    table = rules.TABLE[claim.state]
    if claim.state == "submitted":
        table = {**table, **rules.TABLE["under_review"]}
    return [
        one for one, permission in _STEPS.items() if one in table and desk.caller.may(permission)
    ]


@get(_CLAIM, include_in_schema=False)
async def show(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    claim_id: FromPath[int],
) -> Response[Any]:
    """The claim, and what may be done with it."""
    desk = await _open(request, platform, "claim.read", person_id)
    reason = forms.plain((await desk.kept() or {}).get("reason"))
    return await _show(desk, claims, person_id, claim_id, reason=reason)


async def _show(
    desk: Desk,
    claims: ClaimOffice,
    person_id: int,
    claim_id: int,
    wrong: Wrong = FINE,
    reason: str = "",
) -> Response[Any]:
    actor, language = desk.actor(_PURPOSE), desk.language
    file = await claims.file(person_id, claim_id, actor)
    claim = file.claim
    can = _possible(claim, desk)
    decision: Decision | None = None
    why_not = ""
    if "approve" in can:
        try:
            decision = await claims.preview(person_id, claim_id, actor)
        except YikatongError as error:
            if error.status >= 500:
                raise
            why_not = error.text.in_language(language)
            can.remove("approve")
    async with desk.platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, person_id)
    desk.view.path, desk.view.query = f"/staff/people/{person_id}/claims/{claim_id}", []
    quote = decision.settlement.quote if decision else None
    return desk.respond(
        "counter-claim.html", wrong,
        claim=claim, file=file, can=can, reason=reason, reason_max=REASON_MAX, why_not=why_not,
        name=mask_name(person.name), key=new_id(desk.platform.clock.now()),
        state=STATE_NAMES[claim.state].in_language(language),
        care=CARE_NAMES[claim.bill.care].in_language(language),
        pays=[
            (name.in_language(language), format_yuan_grouped(amount))
            for name, amount in (who_pays(decision.settlement) if decision else ())
        ],
        funds=format_yuan_grouped(decision.settlement.funds) if decision else "",
        suspects=decision.suspects if decision else (),
        steps=[
            (policies_shown.step_text(step).in_language(language), step.clause)
            for step in (quote.steps if quote else ())
        ],
        history=[
            (
                desk.view.day(one.at),
                words(f"claim_did_{one.action}").in_language(language),
                one.actor if one.actor_kind == "staff" else "",
            )
            for one in file.steps
        ],
    )  # fmt: skip


@post(_CLAIM, include_in_schema=False, request_max_body_size=forms.BODY_BYTES_MAX)
async def step(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    claim_id: FromPath[int],
) -> Response[Any]:
    """One step, once per form."""
    same_site(request)
    desk = await _open(request, platform, "claim.read", person_id)
    sent = await forms.read(request)
    wanted = forms.plain(sent.form.get("go"))
    reason = forms.plain(sent.form.get("reason")).strip()
    try:
        action = one_of(wanted, tuple(_STEPS), "go")
        async with platform.database.transaction(readonly=True) as connection:
            await require_person(connection, desk.caller, _STEPS[action], person_id)
        await _do(desk, claims, person_id, claim_id, action, reason, sent)
    except YikatongError as error:
        if error.status in (403, 404) or error.status >= 500:
            raise
        field = "file" if wanted == "document" else "reason"
        errors, status, headers = answer_wrong(desk.view, error, field)
        text = next(iter(errors.values()))
        named = error.field if error.field in ("reason", "file") else field
        wrong: Wrong = ({named: text}, status, headers)
        return await _show(desk, claims, person_id, claim_id, wrong, reason)
    return Redirect(f"/staff/people/{person_id}/claims/{claim_id}", status_code=303)


async def _do(
    desk: Desk,
    claims: ClaimOffice,
    person_id: int,
    claim_id: int,
    action: str,
    reason: str,
    sent: forms.Sent,
) -> None:
    actor = desk.actor(_PURPOSE)
    key = f"desk-{forms.key_of(sent.form, desk.platform)}"
    text = forms.plain(sent.form.get("version"))
    version = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    of = (person_id, claim_id)
    if action in ("approve", "return", "refuse") and forms.plain(sent.form.get("take")) == "1":
        version = (await claims.take(*of, version, actor, f"{key}-take")).version
    match action:
        case "take":
            await claims.take(*of, version, actor, key)
        case "approve":
            await claims.approve(*of, version, actor, key)
        case "return":
            await claims.send_back(*of, version, reason, actor, key)
        case "refuse":
            await claims.refuse(*of, version, reason, actor, key)
        case "pay":
            await claims.pay(*of, version, actor, key)
        case "resubmit":
            await claims.resubmit(*of, version, actor, key)
        case "withdraw":
            await claims.withdraw(*of, version, actor, key)
        case _:
            found = sent.uploads.get("file", [])
            if not found:
                raise InvalidInput("file", zh="请选一个文件", en="choose a file")
            kind = one_of(forms.plain(sent.form.get("kind")), DOCUMENT_KINDS, "file")
            for at, one in enumerate(found):
                made = await claims.add_document(
                    *of, version, kind, one.content, actor, f"{key}-{at}"
                )
                version = made.version


@get(f"{_CLAIM}/documents/{{number:int}}", include_in_schema=False)
async def document(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    claim_id: FromPath[int],
    number: FromPath[int],
) -> Response[bytes]:
    """A document as it was handed in; who saw it is recorded."""
    desk = await _open(request, platform, "claim.read", person_id)
    media_type, content = await claims.document(
        person_id, claim_id, number, desk.actor("claim by hand: a document")
    )
    ending = media_type.rpartition("/")[2]
    headers = {
        **SECURITY_HEADERS,
        "Content-Disposition": f'attachment; filename="document-{claim_id}-{number}.{ending}"',
    }
    return Response(content, media_type=media_type, headers=headers)


routes: Final = [show, step, document]
