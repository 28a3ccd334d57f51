"""JSON routes of claims by hand."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.core.problems import PROBLEM_JSON, problem_of
from yikatong.medical.claims.bodies import (
    ReasonBody,
    ResubmitBody,
    ReviewBody,
    StepBody,
    SubmitBody,
    claim_body,
    decision_body,
    file_body,
)
from yikatong.medical.claims.errors import LinesWrong
from yikatong.medical.claims.model import STATES, State
from yikatong.medical.claims.service import ClaimOffice
from yikatong.money.bodies import PROBLEMS, Identifier, person_of
from yikatong.people.guard import hiding_who_exists, require_person
from yikatong.trust.access import Caller
from yikatong.trust.documents import shown
from yikatong.trust.documents.api import REQUEST_BYTES_MAX, read_sent

_BILL_BYTES_MAX: Final = 1024 * 1024
_PURPOSE: Final = "claim by hand"
_ONE: Final = "/api/v1/medical/claims/{person_id:int}/{claim_id:int}"
_TAGS: Final = ["claims"]


def _rows(error: LinesWrong) -> Response[Any]:
    body = {**msgspec.to_builtins(problem_of(error)), "rows": msgspec.to_builtins(error.rows)}
    return Response(body, status_code=422, media_type=PROBLEM_JSON)


@post(
    "/api/v1/medical/claims",
    status_code=201,
    summary="Submit a bill that was paid in full",
    description="`rows` of a 422 answer names every wrong fee line; nothing is taken then.",
    responses=PROBLEMS,
    request_max_body_size=_BILL_BYTES_MAX,
    tags=_TAGS,
    permission="claim.submit",
)
async def submit(
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    data: SubmitBody,
    key: NamedDependency[str],
) -> Response[Any]:
    """Taken whole or not at all."""
    who = caller.actor(_PURPOSE)
    bill, rows, total = data.read()
    async with platform.database.transaction(readonly=True) as connection:
        with hiding_who_exists(caller, "claim.submit"):
            person_id = await person_of(platform, connection, data.id_number, data.person_id)
        await require_person(connection, caller, "claim.submit", person_id)
    try:
        made = await claims.submit(person_id, bill, rows, total, who, key)
    except LinesWrong as error:
        return _rows(error)
    return Response(claim_body(made), status_code=201)


@get(
    "/api/v1/medical/claims",
    summary="Claims that wait, of everybody in the caller's regions",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.read",
)
async def waiting(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    wanted: Annotated[str, QueryParameter(name="state", max_length=20)] = "submitted",
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
) -> list[dict[str, Any]]:
    """In one state, the oldest first; `after` is the last claim_id of the page before."""
    state: State = one_of(wanted, STATES, "state")
    kept = await claims.waiting_at_home(caller, [state], after, limit)
    return [claim_body(one) for one in kept]


@get(
    "/api/v1/medical/claims/{person_id:int}",
    summary="The claims of a person",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.read",
)
async def of_person(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[dict[str, Any]]:
    """The newest first, at most 100."""
    who = caller.actor(_PURPOSE)
    return [claim_body(one) for one in await claims.claims_of(person_id, who)]


@get(
    _ONE,
    summary="A claim with lines, steps and documents",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.read",
)
async def show(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
) -> dict[str, Any]:
    """The look is recorded in the person's trail."""
    return file_body(await claims.file(person_id, claim_id, caller.actor(_PURPOSE)))


@get(
    f"{_ONE}/quote",
    summary="What an approval would pay now",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.read",
)
async def preview(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
) -> dict[str, Any]:
    """Every step with its clause; `suspects` share lines with this bill. Nothing is changed."""
    who = caller.actor(_PURPOSE)
    return decision_body(await claims.preview(person_id, claim_id, who))


@post(
    f"{_ONE}/documents/{{kind:str}}",
    status_code=200,
    summary="Add a document",
    description=(
        "The body is the file itself (PDF, JPEG, PNG, WebP; 5 MB). `kind` is invoice, fee_list, record,"
        " proof or other."
    ),
    responses=PROBLEMS,
    request_max_body_size=REQUEST_BYTES_MAX,
    tags=_TAGS,
    permission="claim.submit",
)
async def add_document(
    request: Request[Any, Any, Any],
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    kind: FromPath[str],
    version: Annotated[int, QueryParameter(ge=1, le=2**31 - 1)],
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Sealed; who sees it later is recorded."""
    who = caller.actor(_PURPOSE)
    content, _ = await read_sent(request)
    return claim_body(
        await claims.add_document(person_id, claim_id, version, kind, content, who, key)
    )


@get(
    f"{_ONE}/documents/{{number:int}}",
    summary="A document",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.read",
)
async def document(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    number: FromPath[Annotated[int, msgspec.Meta(ge=1, le=1000)]],
) -> Response[bytes]:
    """As it was sent in."""
    who = caller.actor("claim by hand: a document")
    media_type, content = await claims.document(person_id, claim_id, number, who)
    return shown.file(content, media_type, f"document-{claim_id}-{number}")


@post(
    f"{_ONE}/take",
    status_code=200,
    summary="Begin the review",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.review",
)
async def take(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: StepBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Of a submitted claim."""
    who = caller.actor(_PURPOSE)
    return claim_body(await claims.take(person_id, claim_id, data.version, who, key))


@post(
    f"{_ONE}/cut",
    status_code=200,
    summary="Cut lines",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.review",
)
async def cut(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: ReviewBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Each with a reason; what is cut the person bears."""
    who = caller.actor(_PURPOSE)
    return claim_body(
        await claims.cut(
            person_id, claim_id, data.version, data.cuts(), who, key, emergency=data.emergency
        )
    )


@post(
    f"{_ONE}/return", status_code=200, summary="Return what is incomplete", responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.review",
)  # fmt: skip
async def send_back(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: ReasonBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """`reason` says what is missing."""
    who = caller.actor(_PURPOSE)
    return claim_body(
        await claims.send_back(person_id, claim_id, data.version, data.reason, who, key)
    )


@post(
    f"{_ONE}/refuse",
    status_code=200,
    summary="Refuse a claim",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.review",
)
async def refuse(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: ReasonBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """`reason` is what the person reads."""
    who = caller.actor(_PURPOSE)
    return claim_body(await claims.refuse(person_id, claim_id, data.version, data.reason, who, key))


@post(
    f"{_ONE}/resubmit", status_code=200, summary="Submit a returned claim again",
    responses=PROBLEMS, request_max_body_size=_BILL_BYTES_MAX, tags=_TAGS,
    permission="claim.submit",
)  # fmt: skip
async def resubmit(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: ResubmitBody,
    key: NamedDependency[str],
) -> Response[Any]:
    """As it was, or with the bill put right."""
    who = caller.actor(_PURPOSE)
    bill, rows, total = data.bill.read() if data.bill else (None, [], 0)
    try:
        done = await claims.resubmit(
            person_id, claim_id, data.version, who, key, bill=bill, rows=rows, total=total
        )
    except LinesWrong as error:
        return _rows(error)
    return Response(claim_body(done))


@post(
    f"{_ONE}/withdraw",
    status_code=200,
    summary="Take a claim back",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.submit",
)
async def withdraw(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: StepBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Before it is decided."""
    who = caller.actor(_PURPOSE)
    return claim_body(await claims.withdraw(person_id, claim_id, data.version, who, key))


@post(
    f"{_ONE}/approve",
    status_code=200,
    summary="Decide by the policy",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.decide",
)
async def approve(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: StepBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Settles the bill: the year counts it, the funds owe `approved` to the person."""
    who = caller.actor(_PURPOSE)
    return claim_body(await claims.approve(person_id, claim_id, data.version, who, key))


@post(
    f"{_ONE}/pay",
    status_code=200,
    summary="Pay to the card",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.pay",
)
async def pay(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: StepBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """To the bank account of the person's card; no limit and no freeze stops it."""
    who = caller.actor(_PURPOSE)
    return claim_body(await claims.pay(person_id, claim_id, data.version, who, key))


@post(
    f"{_ONE}/reverse",
    status_code=200,
    summary="Reverse a claim",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="claim.reverse",
)
async def reverse(
    claims: NamedDependency[ClaimOffice],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    claim_id: FromPath[Identifier],
    data: ReasonBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Approved or paid: settlement, year and money are taken back."""
    who = caller.actor(_PURPOSE)
    return claim_body(
        await claims.reverse(person_id, claim_id, data.version, data.reason, who, key)
    )


routes: Final = [
    submit, waiting, of_person, show, preview, add_document, document, take, cut, send_back, refuse,
    resubmit, withdraw, approve, pay, reverse,
]  # fmt: skip
