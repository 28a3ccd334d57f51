"""JSON routes of production: makers, batches, the files both ways.

Collecting and results are harmless when sent twice: what is done is done once.
"""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final, get_args

import msgspec
from litestar import Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from yikatong.cards.production import files, service, shown, wire
from yikatong.cards.production.model import LineState
from yikatong.cards.production.shown import (
    BatchBody,
    LineBody,
    MakerBody,
    SummaryBody,
    TakenBody,
)
from yikatong.core.bodies import Identifier, attachment
from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem, of_a_file
from yikatong.trust.access import NATION, Caller
from yikatong.trust.audit import Actor

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    403: ResponseSpec(Problem, description="The caller may not do this, or not in that region."),
    404: ResponseSpec(Problem, description="No such batch or maker."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change: card_batch_state, key_reused.",
    ),
    422: ResponseSpec(Problem, description="A field or the file is wrong; `field` names it."),
    503: ResponseSpec(Problem, description="Try again: nothing is done twice."),
}
TAGS: Final = ["card production"]
PERMISSION: Final = "cards.produce"
_PATH: Final = "/api/v1/cards/batches"
_ONE: Final = _PATH + "/{batch_id:int}"
_STATES: Final[tuple[LineState, ...]] = get_args(LineState)
_BODY_BYTES_MAX: Final = wire.RESULT_BYTES_MAX + 64 * 1024
PublicKey = (
    Annotated[str, msgspec.Meta(max_length=44, description="32 bytes, base64url; null: none.")]
    | None
)


class MakerWantedBody(msgspec.Struct, forbid_unknown_fields=True):
    """A maker; what is left out is taken away."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    result_key: PublicKey = None
    encryption_key: PublicKey = None


class BeginBody(msgspec.Struct, forbid_unknown_fields=True):
    """A batch of a region's cards of one bank."""

    region: Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$", description="GB/T 2260.")]
    bank: Annotated[str, msgspec.Meta(max_length=10)]
    maker: Annotated[str, msgspec.Meta(max_length=20)]
    cards_max: Annotated[int, msgspec.Meta(ge=1, le=service.BATCH_MAX)] = service.BATCH_MAX


class KeyBody(msgspec.Struct):
    """The platform's public key for order files."""

    alg: str
    key: str


def areas(caller: Caller, permission: str) -> list[str] | None:
    """Prefixes of the codes of a caller's regions; None: everywhere."""
    held = caller.regions(permission)
    if NATION in held:
        return None
    return [one.removesuffix("00").removesuffix("00") for one in held]


async def _at_home(platform: Platform, caller: Caller, batch_id: int) -> Actor:
    """Who asks, where they may do this in the batch's region; raises NotAllowed, NoSuchBatch."""
    one = await service.find(platform, batch_id)
    caller.require(PERMISSION, one.region)
    return caller.actor("card production")


@get("/api/v1/cards/makers", summary="Makers of cards", responses=PROBLEMS, tags=TAGS,
     permission="keys.rotate")  # fmt: skip
async def makers(platform: NamedDependency[Platform]) -> list[MakerBody]:
    """With the public keys they gave."""
    return [shown.maker(one) for one in await service.makers(platform)]


@put("/api/v1/cards/makers/{maker:str}", summary="Register a maker of cards", responses=PROBLEMS,
     tags=TAGS, permission="keys.rotate")  # fmt: skip
async def put_maker(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    maker: FromPath[str],
    data: MakerWantedBody,
) -> MakerBody:
    """Whose files are trusted, and who gets personal data: for the whole nation, by whoever keeps keys."""
    caller.require("keys.rotate", NATION)
    who = caller.actor("card production")
    return shown.maker(
        await service.put_maker(
            platform, maker, data.name, data.result_key, data.encryption_key, who
        )
    )


@get("/api/v1/cards/makers/key", summary="The key that signs order files", tags=TAGS)
async def signing_key(platform: NamedDependency[Platform]) -> KeyBody:
    """For makers to check the files with; public."""
    return KeyBody("Ed25519", wire.told(wire.public_bytes(wire.signing_key(platform.vault))))


@get(_PATH, summary="Batches", responses=PROBLEMS, tags=TAGS, permission=PERMISSION)
async def every(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    open_only: Annotated[bool, QueryParameter(name="open")] = False,
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=service.LINES_MAX)] = 100,
) -> list[BatchBody]:
    """Of the caller's regions, the newest first."""
    mine = areas(caller, PERMISSION)
    found = await service.batches(platform, mine, open_only=open_only, limit=limit)
    return [shown.batch(one) for one in found]


@post(_PATH, summary="Collect a batch", responses=PROBLEMS, tags=TAGS, permission=PERMISSION)
async def begin(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: BeginBody,
    key: NamedDependency[str],
) -> SummaryBody:
    """The cards that wait, the longest waiting first; broken off, the same request goes on."""
    caller.require(PERMISSION, data.region)
    who = caller.actor("card production")
    begun = await service.begin(
        platform, data.region, data.bank, data.maker, data.cards_max, who, key
    )
    await service.collect(platform, begun.batch_id, who)
    return shown.summary(await service.summary(platform, begun.batch_id))


@get(_ONE, summary="How a batch stands", responses=PROBLEMS, tags=TAGS, permission=PERMISSION)
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> SummaryBody:
    """What was ordered, what came back, what is outstanding, and who took the file."""
    await _at_home(platform, caller, batch_id)
    return shown.summary(await service.summary(platform, batch_id))


@get(_ONE + "/cards", summary="Cards of a batch", responses=PROBLEMS, tags=TAGS,
     permission=PERMISSION)  # fmt: skip
async def lines(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
    states: Annotated[list[str] | None, QueryParameter(name="state", max_items=5)] = None,
    after: Annotated[int, QueryParameter(name="after", ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=service.LINES_MAX)] = 100,
) -> list[LineBody]:
    """In the order of the file, behind `after`; the look is recorded with each person."""
    who = await _at_home(platform, caller, batch_id)
    wanted = None if states is None else [one_of(one, _STATES, "state") for one in states]
    found = await service.lines(platform, batch_id, who, states=wanted, after=after, limit=limit)
    return [shown.line(one) for one in found]


@post(_ONE + "/collect", status_code=200, summary="Go on collecting a batch", responses=PROBLEMS,
      tags=TAGS, permission=PERMISSION)  # fmt: skip
async def collect(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> SummaryBody:
    """Where it broke off; of a batch that is collected nothing happens."""
    who = await _at_home(platform, caller, batch_id)
    await service.collect(platform, batch_id, who)
    return shown.summary(await service.summary(platform, batch_id))


@post(_ONE + "/order", status_code=200, summary="The file for the maker", responses=PROBLEMS,
      tags=TAGS, permission=PERMISSION)  # fmt: skip
async def order(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> Stream:
    """Signed; sealed for the maker where it gave a key. Each time is recorded, with every person."""
    who = await _at_home(platform, caller, batch_id)
    return await _streamed(files.export(platform, batch_id, who), f"cards-{batch_id}")


@post(_ONE + "/photos", status_code=200, summary="The photos for the maker", responses=PROBLEMS,
      tags=TAGS, permission=PERMISSION)  # fmt: skip
async def photos(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> Stream:
    """Those that were handed in, signed and sealed as the order is, and recorded as often."""
    who = await _at_home(platform, caller, batch_id)
    return await _streamed(files.photos(platform, batch_id, who), f"photos-{batch_id}")


async def _streamed(content: AsyncGenerator[bytes], name: str) -> Stream:
    # The first piece shows whether there is a file at all, before anything is answered.
    head = await anext(content)

    async def whole() -> AsyncGenerator[bytes]:
        yield head
        async for part in content:
            yield part

    headers = attachment(f"{name}.ndjson")
    return Stream(whole(), media_type="application/x-ndjson", headers=headers)


@post(_ONE + "/results", status_code=200, summary="Take in the maker's results",
      responses=PROBLEMS, request_max_body_size=_BODY_BYTES_MAX, tags=TAGS,
      permission=PERMISSION)  # fmt: skip
async def results(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> Response[TakenBody]:
    """The signed file as the body. Good lines count, wrong ones are explained; 207 where there are any."""
    who = await _at_home(platform, caller, batch_id)
    content = await of_a_file(request.body())
    taken = await files.take_results(platform, batch_id, content, who)
    return Response(shown.taken(taken), status_code=207 if taken.faults else 200)


public: Final = [signing_key]
routes: Final = [makers, put_maker, every, begin, show, lines, collect, order, photos, results]
