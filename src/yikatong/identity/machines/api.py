"""JSON routes of machines: list, add, rotate, revoke."""

from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.clock import to_the_second
from yikatong.core.platform import Platform
from yikatong.identity import handing
from yikatong.identity.machines import service
from yikatong.identity.machines.model import Machine
from yikatong.money.bodies import PROBLEMS
from yikatong.trust.access import Caller

_PATH: Final = "/api/v1/machines"
_Days = Annotated[int, msgspec.Meta(ge=1, le=730, description="Days until the secret ends.")]


class AddBody(msgspec.Struct, forbid_unknown_fields=True):
    """A machine and what it may do where."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    kind: str
    """`service` or `provider`."""
    grants: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100)]
    """`permission@region`; without region: the nation."""
    days: _Days = 365


class RotateBody(msgspec.Struct, forbid_unknown_fields=True):
    """How long the new secret lasts."""

    days: _Days = 365


def body(one: Machine) -> dict[str, Any]:
    """A machine for JSON, without its secrets."""
    return {
        "id": one.machine_id,
        "name": one.name,
        "kind": one.kind,
        "grants": [{"permission": grant.what, "region": grant.region} for grant in one.grants],
        "revoked_at": to_the_second(one.revoked_at),
        "secrets": [
            {
                "made_at": to_the_second(secret.made_at),
                "ends_at": to_the_second(secret.ends_at),
                "used_at": to_the_second(secret.used_at),
            }
            for secret in one.secrets
        ],
    }


@get(
    _PATH,
    summary="Machines and what they may do",
    responses=PROBLEMS,
    tags=["machines"],
    permission="machine.manage",
)
async def every(platform: NamedDependency[Platform]) -> list[dict[str, Any]]:
    """Also revoked ones; never a secret."""
    return [body(one) for one in await service.every(platform)]


@post(
    _PATH,
    summary="Add a machine",
    description="`token` is shown to the caller for a quarter of an hour, and null afterwards.",
    responses=PROBLEMS,
    tags=["machines"],
    permission="machine.manage",
)
async def add(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: AddBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """With its token."""
    made, _ = await service.add(
        platform, data.id, data.name, data.kind, service.read_grants(data.grants, "grants"),
        caller.actor("machines"), lasts=timedelta(days=data.days), key=key,
    )  # fmt: skip
    return {**body(made), "token": await handing.still_shown(platform, caller.actor(""), key)}


@post(
    _PATH + "/{machine_id:str}/rotate",
    status_code=200,
    summary="A new secret of a machine",
    description="The one in use works on for 24 hours. `token` as when adding.",
    responses=PROBLEMS,
    tags=["machines"],
    permission="machine.manage",
)
async def rotate(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    machine_id: FromPath[str],
    data: RotateBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """With the new token."""
    lasts = timedelta(days=data.days)
    await service.rotate(platform, machine_id, caller.actor("machines"), lasts=lasts, key=key)
    return {"id": machine_id, "token": await handing.still_shown(platform, caller.actor(""), key)}


@post(
    _PATH + "/{machine_id:str}/revoke",
    status_code=200,
    summary="Let a machine in no more",
    responses=PROBLEMS,
    tags=["machines"],
    permission="machine.manage",
)
async def revoke(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    machine_id: FromPath[str],
) -> dict[str, Any]:
    """Within 20 seconds, for good."""
    await service.revoke(platform, machine_id, caller.actor("machines"))
    return {"id": machine_id, "revoked": True}


routes: Final = [every, add, rotate, revoke]
