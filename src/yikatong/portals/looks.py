"""Who looked at my data, and what was done (谁看过我的信息): the person's own audit trail."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any, Final, cast

from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.core.shipped import read_yaml
from yikatong.identity.machines import service as machines
from yikatong.identity.openid import clients
from yikatong.identity.sessions.model import Session
from yikatong.identity.verification.model import PURPOSES
from yikatong.medical import service as medical
from yikatong.portals.signed_in import require_session
from yikatong.portals.view import View
from yikatong.trust import audit
from yikatong.trust.audit import Actor, AuditEvent

_SHOWN: Final = 200
_UNNAMED: Final = frozenset(("self", "person", "system", "visitor", "office"))


@cache
def action_texts() -> dict[str, dict[str, str]]:
    """What an action is called, by its name or the part before the dot."""
    file = resources.files("yikatong.portals") / "texts" / "actions.yaml"
    return cast("dict[str, dict[str, str]]", read_yaml(file))


def action_text(action: str) -> dict[str, str] | None:
    """The words for an action; None where there are none."""
    return action_texts().get(action) or action_texts().get(action.partition(".")[0])


@get("/looks", include_in_schema=False)
async def looks(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The newest events, by day; `others=1` leaves out what the person did."""
    session = await require_session(request, platform)
    view = View.of(request)
    others = request.query_params.get("others") == "1"
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, session.person_id, _SHOWN)
        names = await _names(connection, view, events)
    rows = [
        _row(view, one, session, names) for one in events if not (others and _own(one, session))
    ]
    days = [(day, list(found)) for day, found in groupby(rows, key=lambda row: row["day"])]
    return view.respond(request, "looks.html", days=days, others=others, more=len(events) == _SHOWN)


async def _names(
    connection: Connection, view: View, events: Sequence[AuditEvent]
) -> dict[str, str]:
    """What providers and services are called, by the number that stands in the trail."""
    found: dict[str, set[str]] = {"provider": set(), "service": set(), "client": set()}
    for one in events:
        kind = one.actor.kind
        if kind == "service" and one.action.startswith("openid."):
            kind = "client"
        found.get(kind, set()).add(one.actor.name)
    named = await medical.provider_names(connection, sorted(found["provider"]))
    if found["service"]:
        named |= await machines.names(connection, sorted(found["service"]))
    for client_id in sorted(found["client"]):
        if client := await clients.named(connection, client_id):
            named[client_id] = client.name.in_language(view.language)
    return named


def _own(event: AuditEvent, session: Session) -> bool:
    return event.actor.kind == "person" and event.actor.name == str(session.person_id)


def _by_who_runs_it(actor: Actor) -> bool:
    """At the command line, or with the installation's token: nobody whose number says anything."""
    if actor.kind == "service":
        return actor.name == "operator"
    return actor.kind == "staff" and "command line" in (actor.name, actor.purpose)


def _row(view: View, event: AuditEvent, session: Session, names: dict[str, str]) -> dict[str, str]:
    at = event.at.astimezone(SHANGHAI)
    text = action_text(event.action)
    own = _own(event, session)
    kind = "self" if own else event.actor.kind
    if _by_who_runs_it(event.actor):
        kind = "office"
    name = "" if kind in _UNNAMED else event.actor.name
    purpose = PURPOSES.get(str(event.detail.get("purpose")))
    refused = event.detail.get("refused") or event.detail.get("outcome") == "no_match"
    return {
        "day": f"{at:%Y-%m-%d}",
        "time": f"{at:%H:%M}",
        "what": text[view.language] if text else event.action,
        "who": view.text(f"looks_by_{kind}", name=names.get(name, name)),
        "purpose": purpose.in_language(view.language) if purpose else "",
        "note": view.text("looks_refused") if refused else "",
    }
