"""The settings of the signed-in person: language, large type, and what also comes by text message."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core import sending
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import codes
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import SUBJECTS, Choices
from yikatong.portals.kept import several, texts
from yikatong.portals.sign_in import HERE, answer_wrong, show
from yikatong.portals.signed_in import kept_form, require_session, same_site
from yikatong.portals.view import View

SETTINGS: Final = "/settings"
_FIELD_MAX: Final = 20


class _Form(msgspec.Struct):
    """What was chosen, kept whatever is wrong with it."""

    language: str
    type: str
    texts: list[str]


@get(SETTINGS, include_in_schema=False)
async def settings(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What the person chose; who chose nothing yet finds what this browser shows."""
    session = await require_session(request, platform)
    if (kept := await kept_form(request, platform, session)) is not None:
        return await _page(request, platform, session, _form(kept))
    view = View.of(request)
    async with platform.database.transaction(readonly=True) as connection:
        chosen = await notices.chosen(connection, session.person_id)
    if chosen is None:
        chosen = Choices(view.language, view.large, ())
    form = _Form(chosen.language, _type(large=chosen.large_type), list(chosen.texts))
    return await _page(request, platform, session, form)


async def _page(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: Session,
    form: _Form,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[Any]:
    view = View.of(request)
    return show(
        request, view, "settings.html", HERE, wrong,
        form=form,
        subjects=[(name, text.in_language(view.language)) for name, text in SUBJECTS.items()],
        phone=await codes.phone_of(platform, session.person_id),
        sends=sending.available(platform.settings),
        acts=session.acting_for is not None,
        done=request.query_params.get("done") == "saved",
    )  # fmt: skip


def _form(sent: dict[str, Any]) -> _Form:
    """What was sent, within limits."""
    return _Form(
        str(sent.get("language") or "")[:_FIELD_MAX],
        "large" if sent.get("type") == "large" else "normal",
        [str(one)[:_FIELD_MAX] for one in several(sent, "texts")][:20],
    )


@post(SETTINGS, include_in_schema=False)
async def save(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Keep it for the person, and language and type for this browser; sent twice, once."""
    same_site(request)
    session = await require_session(request, platform, form_at=SETTINGS)
    form = _form(texts(await request.form()))
    try:
        wanted = notices.choices_of(form.language, form.texts, large_type=form.type == "large")
        await notices.choose(platform, session.person_id, wanted, session.actor("settings"))
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "language")
        return await _page(request, platform, session, form, wrong)
    response = Redirect(f"{SETTINGS}?done=saved", status_code=303)
    for name, value in (("lang", wanted.language), ("type", _type(large=wanted.large_type))):
        response.set_cookie(name, value, max_age=31_536_000, httponly=True, samesite="lax")
    return response


def _type(*, large: bool) -> str:
    return "large" if large else "normal"


routes: Final = [settings, save]
