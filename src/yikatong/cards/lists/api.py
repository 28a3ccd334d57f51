"""JSON routes of lists: taken in, reviewed, handed over, activated.

Every step does what is still to be done; sent twice it does the rest.
"""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from yikatong.cards.lists import service, sheets, shown
from yikatong.cards.lists.model import ROW_STATE_NAMES, Done, NewList
from yikatong.cards.lists.shown import DoneBody, ListBody, ProgressBody, RowBody
from yikatong.cards.production.api import areas
from yikatong.core.bodies import Identifier, attachment
from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem, of_a_file
from yikatong.core.sheets import FILE_BYTES_MAX
from yikatong.money.contributions import lists as employers
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    403: ResponseSpec(Problem, description="The caller may not do this, or not in that region."),
    404: ResponseSpec(Problem, description="No such list or employer."),
    409: ResponseSpec(
        Problem, description="Understood and refused, without any change: key_reused."
    ),
    422: ResponseSpec(Problem, description="A field or the file is wrong; `field` names it."),
    503: ResponseSpec(Problem, description="Try again with the same key: it goes on where it was."),
}
_TAGS: Final = ["card lists"]
_PATH: Final = "/api/v1/cards/lists"
_ONE: Final = _PATH + "/{card_list_id:int}"
_TAKE: Final = "cards.list"
_LANGUAGES: Final = ("zh", "en")


class RefusedBody(msgspec.Struct, forbid_unknown_fields=True):
    """A row that is refused, and why; the person will read it."""

    row: Annotated[int, msgspec.Meta(ge=1, le=10**6)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ReviewBody(msgspec.Struct, forbid_unknown_fields=True):
    """All others are approved."""

    refuse: Annotated[list[RefusedBody], msgspec.Meta(max_length=1000)] = []


class HandOverBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who of the employer collects the cards."""

    contact: Annotated[str, msgspec.Meta(min_length=1, max_length=service.TEXT_MAX)]


async def _at_home(platform: Platform, caller: Caller, permission: str, list_id: int) -> Actor:
    """Who asks, where they may do this in the list's region; raises NotAllowed, NoSuchList."""
    one = await service.find(platform, list_id)
    caller.require(permission, one.region)
    return caller.actor("list of an employer or school")


async def _told(platform: Platform, list_id: int, done: Done) -> DoneBody:
    return shown.done(done, await service.progress(platform, list_id))


@get(_PATH + "/template", summary="An empty list", responses=PROBLEMS, tags=_TAGS)
async def template(
    language: Annotated[str, QueryParameter(name="language", max_length=2)] = "zh",
) -> Response[bytes]:
    """CSV with its headings; public."""
    content = sheets.template(one_of(language, _LANGUAGES, "language"))
    return Response(
        content, media_type="text/csv; charset=utf-8", headers=attachment("cards-template.csv")
    )


@get(_PATH, summary="Lists", responses=PROBLEMS, tags=_TAGS, permission=_TAKE)
async def every(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    employer: Annotated[str | None, QueryParameter(name="employer", max_length=18)] = None,
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=service.ROWS_MAX)] = 100,
) -> list[ListBody]:
    """Of the caller's regions, the newest first."""
    found = await service.lists(platform, areas(caller, _TAKE), employer, limit)
    return [shown.card_list(one) for one in found]


@post(
    _PATH + "/employers/{employer:str}",
    summary="Apply by a list",
    description=(
        "The body is the CSV or XLSX file itself, with the headings name (姓名), id_number (身份证号),"
        " phone (手机号), photo (照片编号). Good rows are applied for; each refused one says why."
    ),
    responses=PROBLEMS,
    request_max_body_size=FILE_BYTES_MAX + 64 * 1024,
    tags=_TAGS,
    permission=_TAKE,
)
async def take(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    employer: FromPath[str],
    key: NamedDependency[str],
    pickup_place: Annotated[str, QueryParameter(name="pickup_place", max_length=100)] = "",
    bank: Annotated[str, QueryParameter(name="bank", max_length=10)] = "ICBC",
    school: Annotated[bool, QueryParameter(name="school")] = False,
) -> ProgressBody:
    """The employer or school is registered already (`/api/v1/money/employers`)."""
    async with platform.database.transaction(readonly=True) as connection:
        known = await employers.employer_of(connection, employer)
    caller.require(_TAKE, known.region)
    content = await of_a_file(request.body())
    wanted = NewList(bank, pickup_place, school)
    who = caller.actor("list of an employer or school")
    made = await service.take(platform, employer, content, wanted, who, key)
    return shown.progress(await service.progress(platform, made.list_id))


@get(_ONE, summary="How a list stands", responses=PROBLEMS, tags=_TAGS, permission=_TAKE)
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    card_list_id: FromPath[Identifier],
) -> ProgressBody:
    """Its rows by state."""
    await _at_home(platform, caller, _TAKE, card_list_id)
    return shown.progress(await service.progress(platform, card_list_id))


@get(_ONE + "/rows", summary="Rows of a list", responses=PROBLEMS, tags=_TAGS, permission=_TAKE)
async def rows(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    card_list_id: FromPath[Identifier],
    states: Annotated[list[str] | None, QueryParameter(name="state", max_items=20)] = None,
    after: Annotated[int, QueryParameter(name="after", ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=service.ROWS_MAX)] = 100,
) -> list[RowBody]:
    """In their order behind `after`, masked; the look is recorded with each person."""
    who = await _at_home(platform, caller, _TAKE, card_list_id)
    wanted = None if states is None else [one_of(one, ROW_STATE_NAMES, "state") for one in states]
    found = await service.rows(platform, card_list_id, who, states=wanted, after=after, limit=limit)
    return [shown.row(one) for one in found]


@get(_ONE + "/rows/csv", summary="Rows of a list as CSV", responses=PROBLEMS, tags=_TAGS,
     permission=_TAKE)  # fmt: skip
async def rows_csv(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    card_list_id: FromPath[Identifier],
) -> Stream:
    """For the employer: where each row stands, why one was refused and what to do."""
    who = await _at_home(platform, caller, _TAKE, card_list_id)

    async def whole() -> AsyncGenerator[bytes]:
        after = 0
        while True:
            found = await service.rows(
                platform, card_list_id, who, after=after, limit=service.ROWS_MAX
            )
            yield shown.as_csv(found, head=not after)
            if len(found) < service.ROWS_MAX:
                return
            after = found[-1].row.row

    return Stream(
        whole(),
        media_type="text/csv; charset=utf-8",
        headers=attachment(f"cards-{card_list_id}.csv"),
    )


@post(_ONE + "/review", status_code=200, summary="Review a list in one go", responses=PROBLEMS,
      tags=_TAGS, permission="cards.review")  # fmt: skip
async def review(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    card_list_id: FromPath[Identifier],
    data: ReviewBody,
) -> DoneBody:
    """By another person than who took it in."""
    who = await _at_home(platform, caller, "cards.review", card_list_id)
    refuse = {one.row: one.reason for one in data.refuse}
    return await _told(
        platform, card_list_id, await service.approve(platform, card_list_id, who, refuse)
    )


@post(_ONE + "/hand-over", status_code=200, summary="Hand a list's cards to the employer's contact",
      responses=PROBLEMS, tags=_TAGS, permission="cards.issue")  # fmt: skip
async def hand_over(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    card_list_id: FromPath[Identifier],
    data: HandOverBody,
) -> DoneBody:
    """Those that are ready; each card is recorded, with an account at its bank."""
    who = await _at_home(platform, caller, "cards.issue", card_list_id)
    return await _told(
        platform, card_list_id, await service.hand_over(platform, card_list_id, data.contact, who)
    )


@post(_ONE + "/activate", status_code=200, summary="Activate a list's cards", responses=PROBLEMS,
      tags=_TAGS, permission="cards.issue")  # fmt: skip
async def activate(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    card_list_id: FromPath[Identifier],
) -> DoneBody:
    """The social-security side, without a PIN: the holder chooses it at first use."""
    who = await _at_home(platform, caller, "cards.issue", card_list_id)
    return await _told(platform, card_list_id, await service.activate(platform, card_list_id, who))


public: Final = [template]
routes: Final = [every, take, show, rows, rows_csv, review, hand_over, activate]
