"""Who looked at my data, and what was done (谁看过我的信息): the person's own audit trail."""

from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any, Final, cast

import yaml
from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core.clock import SHANGHAI
from yikatong.core.platform import Platform
from yikatong.identity.sessions.model import Session
from yikatong.medical import service as medical
from yikatong.portals.signed_in import require_session
from yikatong.portals.view import View
from yikatong.trust import audit
from yikatong.trust.audit import AuditEvent

_SHOWN: Final = 200


@cache
def action_texts() -> dict[str, dict[str, str]]:
    """What an action is called, by its name or the part before the dot."""
    file = resources.files("yikatong.portals") / "texts" / "actions.yaml"
    return cast("dict[str, dict[str, str]]", yaml.safe_load(file.read_text(encoding="utf-8")))


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
        codes = {one.actor.name for one in events if one.actor.kind == "provider"}
        names = await medical.provider_names(connection, sorted(codes))
    rows = [
        _row(view, one, session, names) for one in events if not (others and _own(one, session))
    ]
    days = [(day, list(found)) for day, found in groupby(rows, key=lambda row: row["day"])]
    return view.respond(request, "looks.html", days=days, others=others, more=len(events) == _SHOWN)


def _own(event: AuditEvent, session: Session) -> bool:
    return event.actor.kind == "person" and event.actor.name == str(session.person_id)


def _row(view: View, event: AuditEvent, session: Session, names: dict[str, str]) -> dict[str, str]:
    at = event.at.astimezone(SHANGHAI)
    text = action_text(event.action)
    own = _own(event, session)
    kind = "self" if own else event.actor.kind
    name = "" if kind in ("self", "person", "system", "visitor") else event.actor.name
    refused = event.detail.get("refused") or event.detail.get("outcome") == "no_match"
    return {
        "day": f"{at:%Y-%m-%d}",
        "time": f"{at:%H:%M}",
        "what": text[view.language] if text else event.action,
        "who": view.text(f"looks_by_{kind}", name=names.get(name, name)),
        "note": view.text("looks_refused") if refused else "",
    }
