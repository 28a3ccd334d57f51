"""JSON routes of documents: add one to a matter, list them, get one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from yikatong.core.bodies import Identifier
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.trust import audit
from yikatong.trust.access import Caller
from yikatong.trust.documents import rules, service, shown
from yikatong.trust.documents.model import Matter, NoSuchDocument, NoSuchMatter, Opened

Takes = Callable[[Connection, int, int], Awaitable[None]]
"""Given person_id and matter_id: raises where there is no such matter of this person, or where it
takes no documents any more."""
Admits = Callable[[Connection, Caller, str, int, int], Awaitable[None]]
"""Given caller, permission, person_id and matter_id: raises NotAllowed where the caller may not do this
with the documents of this matter."""
AdmitsAtHome = Callable[[Connection, Caller, str, int], Awaitable[None]]
"""The same by the person alone: where they live or are insured."""


class Handled(msgspec.Struct, frozen=True):
    """What a room says of documents of its matters."""

    takes: Takes
    admits: Admits


class Matters(msgspec.Struct, frozen=True):
    """What documents are added to, by kind of matter; each room says who may do what with its own."""

    known: Mapping[str, Handled]
    at_home: AdmitsAtHome

    async def admit(
        self,
        connection: Connection,
        caller: Caller,
        permission: str,
        person_id: int,
        matter: str,
        matter_id: int,
    ) -> None:
        """Raise NotAllowed; NoSuchMatter to who may do this with the person."""
        handled = self.known.get(matter)
        if handled is None:
            await self.at_home(connection, caller, permission, person_id)
            raise NoSuchMatter
        await handled.admits(connection, caller, permission, person_id, matter_id)


PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    403: ResponseSpec(Problem, description="The caller may not do this, or not in that region."),
    404: ResponseSpec(Problem, description="No such person, matter or document."),
    409: ResponseSpec(Problem, description="The matter takes no (more) documents."),
    413: ResponseSpec(Problem, description="The file is too large."),
    422: ResponseSpec(Problem, description="The file is none of the known types, or not whole."),
}
REQUEST_BYTES_MAX: Final = rules.BYTES_MAX + 1024 * 1024
"""A file that is somewhat too large is read and told what it may be at most."""
_PATH: Final = "/api/v1/people/{person_id:int}/documents"
_TAGS: Final = ["documents"]
_Word = Annotated[str, msgspec.Meta(max_length=40)]


async def read_sent(request: Request[Any, Any, Any], field: str = "document") -> tuple[bytes, str]:
    """Content and name of a file that was sent: as the body itself, or in a form under `field`."""
    if request.content_type[0] != "multipart/form-data":
        return await request.body(), ""
    sent = (await request.form()).get(field)
    if not isinstance(sent, UploadFile):
        raise InvalidInput(field, zh="请选择文件", en="choose a file")
    return await sent.read(), sent.filename


@post(
    f"{_PATH}/{{matter:str}}/{{matter_id:int}}/{{kind:str}}",
    summary="Add a document to a matter",
    description=(
        "The body is the file itself, or a form with the file as `document`: PDF, JPEG, PNG or WebP by"
        " its content, 5 MB, ten a matter. Sent twice it is kept once."
    ),
    responses=PROBLEMS,
    request_max_body_size=REQUEST_BYTES_MAX,
    tags=_TAGS,
    permission="document.add",
    asks_itself=True,
)
async def add(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    matters: NamedDependency[Matters],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    matter: FromPath[_Word],
    matter_id: FromPath[Identifier],
    kind: FromPath[_Word],
    filename: Annotated[str, QueryParameter(max_length=255)] = "",
) -> dict[str, Any]:
    """Sealed; who sees it later is recorded."""
    content, name = await read_sent(request)
    async with platform.database.transaction() as connection:
        await matters.admit(connection, caller, "document.add", person_id, matter, matter_id)
        await matters.known[matter].takes(connection, person_id, matter_id)
        made = await service.add(
            platform, connection, person_id, Matter(matter, matter_id), kind, content,
            filename or name,
            caller.actor("documents"),
        )  # fmt: skip
    return shown.body(made)


@get(
    f"{_PATH}/{{matter:str}}/{{matter_id:int}}",
    summary="The documents of a matter",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="document.read",
    asks_itself=True,
)
async def of_matter(
    platform: NamedDependency[Platform],
    matters: NamedDependency[Matters],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    matter: FromPath[_Word],
    matter_id: FromPath[Identifier],
) -> list[dict[str, Any]]:
    """Without their contents, the oldest first; the look is recorded."""
    async with platform.database.transaction() as connection:
        await matters.admit(connection, caller, "document.read", person_id, matter, matter_id)
        found = await service.list_of(platform, connection, person_id, Matter(matter, matter_id))
        await audit.record(
            connection, caller.actor("documents"), platform.clock.now(), person_id,
            "document.list_read", {"matter": matter, "matter_id": str(matter_id)},
        )  # fmt: skip
    return [shown.body(one) for one in found]


@get(
    f"{_PATH}/{{document_id:int}}",
    summary="A document",
    description="`inline=true`: a picture may be shown in place; a PDF is a download all the same.",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="document.read",
    asks_itself=True,
)
async def content(
    platform: NamedDependency[Platform],
    matters: NamedDependency[Matters],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    document_id: FromPath[Identifier],
    inline: Annotated[bool, QueryParameter()] = False,
) -> Response[bytes]:
    """As it was sent in."""
    async with platform.database.transaction() as connection:
        opened = await read_one(platform, connection, matters, caller, person_id, document_id)
    return shown.answer(opened, inline=inline)


async def read_one(
    platform: Platform,
    connection: Connection,
    matters: Matters,
    caller: Caller,
    person_id: int,
    document_id: int,
) -> Opened:
    """A document that the caller may see, by its matter; who saw it is recorded. Raises NotAllowed,
    and NoSuchDocument to who may see the person's."""
    try:
        opened = await service.open_one(
            platform, connection, person_id, document_id, caller.actor("documents")
        )
    except NoSuchDocument:
        await matters.at_home(connection, caller, "document.read", person_id)
        raise
    matter = opened.document.matter
    await matters.admit(
        connection, caller, "document.read", person_id, matter.kind, matter.matter_id
    )
    return opened


routes: Final = [add, of_matter, content]
