"""The page of a secret that was just made: shown to its asker alone, printed, handed over, gone."""

import asyncio
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import NotFound, Text
from yikatong.core.platform import Platform
from yikatong.identity import handing
from yikatong.identity.handing import Handed
from yikatong.identity.staff import service
from yikatong.money.bodies import check_key
from yikatong.portals.administration.frame import respond
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import place_name
from yikatong.portals.staff_sign_in import STAFF, require_staff
from yikatong.portals.view import SECURITY_HEADERS, View, texts

HANDED: Final = f"{STAFF}/handed"
_KINDS: Final = {
    "staff.added": ("password", "members", "/staff/members/{}?done=handed"),
    "staff.password_reset": ("password", "members", "/staff/members/{}?done=handed"),
    "machine.added": ("token", "machines", "/operations/machines?done=handed"),
    "machine.rotated": ("token", "machines", "/operations/machines?done=handed"),
    "client.added": ("client", "machines", "/operations/clients?done=handed"),
    "client.rotated": ("client", "machines", "/operations/clients?done=handed"),
}
"""By what it came of: what kind of secret it is, where in the navigation, and where to afterwards."""


@get(f"{HANDED}/{{number:str}}", include_in_schema=False)
async def handed(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], number: FromPath[str]
) -> Response[Any]:
    """The secret, for a quarter of an hour; `?format=pdf` to print."""
    session, caller = await require_staff(request, platform)
    view = View.of(request)
    async with platform.database.transaction(readonly=True) as connection:
        one = await handing.find(connection, platform, caller.actor("handing"), check_key(number))
        facts = await _facts(platform, connection, view, one)
    kind, current, _ = _KINDS[one.action]
    if request.query_params.get("format") == "pdf":
        page = await asyncio.to_thread(_as_pdf, kind, one, facts)
        name = f'attachment; filename="{one.subject}.pdf"'
        headers = {**SECURITY_HEADERS, "Content-Disposition": name}
        return Response(page, media_type="application/pdf", headers=headers)
    return respond(
        request, view, "handed.html", session, current, key=number, which=kind, secret=one.secret,
        facts=[(name.in_language(view.language), value) for name, value in facts],
        until=f"{(one.at + handing.SHOWN_FOR).astimezone(SHANGHAI):%H:%M}",
    )  # fmt: skip


async def _facts(
    platform: Platform, connection: Any, view: View, one: Handed
) -> list[tuple[Text, str]]:
    site = platform.settings.public_url
    if not one.action.startswith("staff."):
        return [(_text("handed_id"), one.subject), (_text("handed_site"), site)]
    member = await service.get(connection, one.subject)
    return [
        (_text("staff_number"), member.staff_number),
        (_text("members_name"), member.name),
        (_text("members_office"), place_name(view, member.region)),
        (_text("handed_site"), f"{site}{STAFF}"),
    ]


def _text(key: str) -> Text:
    return Text(texts()[key]["zh"], texts()[key]["en"])


def _as_pdf(kind: str, one: Handed, facts: list[tuple[Text, str]]) -> bytes:
    from yikatong.core import pdf  # noqa: PLC0415 - the typesetter is heavy; few need it

    return pdf.document(
        title=_text(f"handed_title_{kind}"),
        facts=[*facts, (_text(f"handed_{kind}"), one.secret)],
        made_at=one.at.astimezone(SHANGHAI),
        note=_text(f"handed_note_{kind}"),
    )


@post(f"{HANDED}/{{number:str}}", include_in_schema=False)
async def done(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], number: FromPath[str]
) -> Response[Any]:
    """It was handed over: nobody sees it again."""
    same_site(request)
    _, caller = await require_staff(request, platform)
    actor = caller.actor("handing")
    async with platform.database.transaction() as connection:
        try:
            one = await handing.find(connection, platform, actor, check_key(number))
        except NotFound:
            return Redirect(STAFF, status_code=303)
        await handing.done(connection, actor, number)
    return Redirect(_KINDS[one.action][2].format(one.subject), status_code=303)


routes: Final = [handed, done]
