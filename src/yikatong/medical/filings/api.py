"""JSON routes of filings. Every command carries an Idempotency-Key."""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.medical.filings import service, shown, terms
from yikatong.medical.filings.model import REASON_MAX, FilingChange, Material, NewFiling
from yikatong.medical.filings.shown import FilingBody, RulesBody
from yikatong.medical.model import Filing, FilingKind, Subkind
from yikatong.money.bodies import Identifier
from yikatong.trust.access import Caller

Region = Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$", description="GB/T 2260.")]
Materials = Annotated[list[Material], msgspec.Meta(max_length=10)]
PersonalChannel = Literal["online", "phone", "counter"]

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    404: ResponseSpec(Problem, description="No such person, filing or rules."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why:"
        " filing_not_needed, already_filed, filing_change_too_early, materials_missing,"
        " filing_channel_closed, filing_not_eligible, filing_ended, filing_in_use,"
        " filing_not_changeable, filing_rejected, key_reused.",
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(
        Problem, description="Try again with the same key: it is carried out once at most."
    ),
}


class FileBody(msgspec.Struct, forbid_unknown_fields=True):
    """A filing; `declared`: the person's word stands for documents not at hand."""

    kind: FilingKind
    destination: Region
    channel: PersonalChannel
    subkind: Subkind | None = None
    insurance: Literal["310", "390"] | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    declared: bool = False
    materials: Materials = []
    reason: Annotated[str, msgspec.Meta(max_length=REASON_MAX)] = ""


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What changes; for another destination all documents are shown anew."""

    channel: PersonalChannel
    destination: Region | None = None
    subkind: Subkind | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    declared: bool = False
    materials: Materials = []


_PATH: Final = "/api/v1/medical/filings/{person_id:int}"


def _body(platform: Platform, one: Filing) -> FilingBody:
    day = today(platform.clock)
    return shown.filing(one, service.rules_of(one.region, day).kinds[one.kind], day)


@get(
    _PATH,
    summary="A person's filings",
    responses=PROBLEMS,
    tags=["filings"],
    permission="filing.read",
)
async def of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[FilingBody]:
    """Ended ones too, the newest first."""
    who = caller.actor("filings")
    return [_body(platform, one) for one in await service.of_person(platform, person_id, who)]


@post(
    _PATH,
    summary="File for care elsewhere",
    responses=PROBLEMS,
    tags=["filings"],
    permission="filing.make",
)
async def file(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: FileBody,
    key: NamedDependency[str],
) -> FilingBody:
    """Counts at once; while in hospital there, back to the admission."""
    who = caller.actor("filing")
    wanted = NewFiling(
        kind=data.kind,
        destination=data.destination,
        channel=data.channel,
        subkind=data.subkind,
        insurance=data.insurance,
        starts_on=data.starts_on,
        ends_on=data.ends_on,
        declared=data.declared,
        materials=tuple(data.materials),
        reason=data.reason,
    )
    return _body(platform, await service.file(platform, person_id, wanted, who, key))


@post(
    _PATH + "/{filing_id:int}/change",
    status_code=200,
    summary="Change a filing",
    responses=PROBLEMS,
    tags=["filings"],
    permission="filing.make",
)
async def change(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    filing_id: FromPath[Identifier],
    data: ChangeBody,
    key: NamedDependency[str],
) -> FilingBody:
    """Another destination makes a new filing, which is answered."""
    who = caller.actor("filing")
    wanted = FilingChange(
        channel=data.channel,
        destination=data.destination,
        subkind=data.subkind,
        starts_on=data.starts_on,
        ends_on=data.ends_on,
        declared=data.declared,
        materials=tuple(data.materials),
    )
    return _body(platform, await service.change(platform, person_id, filing_id, wanted, who, key))


@post(
    _PATH + "/{filing_id:int}/withdraw",
    status_code=200,
    summary="Withdraw a filing",
    responses=PROBLEMS,
    tags=["filings"],
    permission="filing.make",
)
async def withdraw(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    filing_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> FilingBody:
    """From today; what was settled before stays settled."""
    who = caller.actor("filing")
    return _body(platform, await service.withdraw(platform, person_id, filing_id, who, key))


@post(
    _PATH + "/return",
    status_code=200,
    summary="The person came home",
    responses=PROBLEMS,
    tags=["filings"],
    permission="filing.make",
)
async def mark_return(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> list[FilingBody]:
    """The filings that end with it; none where the insured region lets them go on."""
    who = caller.actor("return home")
    ended = await service.mark_return(platform, person_id, who, key)
    return [_body(platform, one) for one in ended]


@get(
    "/api/v1/medical/filing-rules/{region:str}",
    summary="The filing rules of an insured region",
    responses={404: PROBLEMS[404], 422: PROBLEMS[422]},
    tags=["filings"],
)
async def region_rules(
    platform: NamedDependency[Platform],
    region: FromPath[str],
    on: Annotated[date | None, QueryParameter(name="date", description="Default: today.")] = None,
) -> RulesBody:
    """Kinds, channels, documents, how long each holds, and where the figures come from."""
    found = regions.pooling_region(region)
    return shown.region_rules(terms.load(), found.code, on or today(platform.clock))


public: Final = [region_rules]
routes: Final = [of_person, file, change, withdraw, mark_return]
