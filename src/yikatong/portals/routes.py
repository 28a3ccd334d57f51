"""The routes of the public pages."""

from typing import Annotated, Any, Final

from litestar import Request, Response, Router, get
from litestar.params import FromPath, QueryParameter

from yikatong.core import regions
from yikatong.core.errors import YikatongError
from yikatong.portals import (
    acting,
    applications,
    bank_files,
    by_hand,
    card,
    card_amend,
    card_apply,
    consent,
    contributions,
    details,
    exceptions,
    family,
    filing_new,
    filings,
    flows,
    inbox,
    local,
    looks,
    me,
    operations,
    overview,
    pension_apply,
    plan,
    policy_pages,
    policy_try,
    receipts,
    sandbox_inbox,
    security,
    settings,
    sign_in,
    sign_in_scan,
    staff_home,
    staff_sign_in,
    trail,
)
from yikatong.portals import benefits as own_benefits
from yikatong.portals import guide as guides
from yikatong.portals.account import account
from yikatong.portals.administration import clients, handed, machines, member_errands, members
from yikatong.portals.calculator import calculator
from yikatong.portals.check import check
from yikatong.portals.clinic import days as clinic_days
from yikatong.portals.clinic import pages as clinic
from yikatong.portals.clinic import settlements as clinic_settlements
from yikatong.portals.counter import (
    checking,
    claims,
    errand_pages,
    file,
    guest_pages,
    here_pages,
    pages,
    pensions,
    reviews,
)
from yikatong.portals.ecard import routes as e_card_routes
from yikatong.portals.hotline import pages as hotline
from yikatong.portals.pension import pension
from yikatong.portals.sandbox import routes as sandbox_routes
from yikatong.portals.signed_in import know_reader
from yikatong.portals.unemployment import unemployment
from yikatong.portals.view import TEMPLATES, View, environment, static_response, texts
from yikatong.trust.guessing import TooManyTries

__all__ = ["error_page", "load", "routes"]


@get("/guide", include_in_schema=False)
async def guide(request: Request[Any, Any, Any]) -> Response[str]:
    """All topics, or those that a search finds."""
    view = View.of(request)
    words = request.query_params.get("q", "").strip()[:60]
    topics, questions = guides.search(words, view.language)
    return view.respond(
        request, "guide.html", current="guide", words=words, topics=topics, questions=questions
    )


@get("/guide/{slug:str}", include_in_schema=False)
async def topic(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """One topic with its questions."""
    view = View.of(request)
    found = guides.topic(slug, view.language)
    related = [one for one in guides.questions() if one.topic == slug]
    return view.respond(request, "topic.html", current="guide", topic=found, questions=related)


@get("/questions", include_in_schema=False)
async def questions(request: Request[Any, Any, Any]) -> Response[str]:
    """The questions people ask, by topic."""
    view = View.of(request)
    groups = [
        (one, [asked for asked in guides.questions() if asked.topic == one.slug])
        for one in guides.topics(view.language)
    ]
    shown = [(one, asked) for one, asked in groups if asked]
    return view.respond(request, "questions.html", current="questions", groups=shown)


@get("/static/{name:str}", include_in_schema=False)
async def static(name: FromPath[str]) -> Response[bytes]:
    """Style, script and logo."""
    return static_response(name)


@get("/api/v1/regions", summary="Find regions by name, pinyin or code", tags=["regions"])
async def find_regions(
    words: Annotated[str, QueryParameter(name="q", max_length=100)],
    language: Annotated[str, QueryParameter(name="lang", max_length=10)] = "zh",
) -> list[dict[str, str]]:
    """At most ten, the best first; `name` is the full name in the language asked for."""
    shown = "en" if language == "en" else "zh"
    return [
        {"code": one.code, "name": regions.full_name(one.code, shown), "pooled_in": one.pooled_in}
        for one in regions.search(words, 10)
    ]


def load() -> None:
    """Read texts, templates and guide before the first page is asked for: it is as quick as the
    next, and a fault shows at start."""
    texts()
    for one in TEMPLATES.iterdir():
        environment().get_template(one.name)
    guides.questions()
    for language in ("zh", "en"):
        guides.topics(language)


_STAFF_PAGES: Final = (("/staff", "/staff"), ("/clinic", "/clinic"), ("/operations", "/staff"))
"""How the addresses of staff begin, and where an error there leads back to."""


def error_page(request: Request[Any, Any, Any], error: YikatongError) -> Response[str]:
    """A page for an error that no field of a form can show."""
    view = View.of(request)
    missing = error.status == 404
    refused = 400 <= error.status < 500
    title = view.text(
        "not_found_title" if missing else "refused_title" if refused else "error_page_title"
    )
    text = error.text.in_language(view.language)
    # Who signed in with which role is not read again: what failed may be the database.
    of_staff = next(
        (back for start, back in _STAFF_PAGES if request.url.path.startswith(start)), ""
    )
    response = view.respond(
        request, "error.html", status=error.status, title=title, text=text, back=of_staff or "/",
        base="staff-base.html" if of_staff else "base.html", member=None, frame=None,
    )  # fmt: skip
    if error.status == 503:
        response.headers["Retry-After"] = "2"
    elif isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


routes = [
    static,
    find_regions,
    Router(
        path="/",
        before_request=know_reader,
        route_handlers=[
            check,
            *me.routes,
            *local.routes,
            *family.routes,
            *filings.routes,
            *filing_new.routes,
            *plan.routes,
            calculator,
            account,
            *card.routes,
            *card_apply.routes,
            *card_amend.routes,
            *applications.routes,
            *receipts.routes,
            *own_benefits.routes,
            *contributions.routes,
            pension,
            *pension_apply.routes,
            unemployment,
            *e_card_routes,
            guide,
            topic,
            questions,
            *policy_pages.routes,
            *policy_try.routes,
            *sandbox_routes,
            *sign_in.routes,
            *sign_in_scan.routes,
            *security.routes,
            *sandbox_inbox.routes,
            *acting.routes,
            *details.routes,
            *consent.routes,
            looks.looks,
            *inbox.routes,
            *settings.routes,
        ],
    ),
    *staff_home.routes,
    *staff_sign_in.routes,
    *overview.routes,
    *flows.routes,
    *exceptions.routes,
    *trail.routes,
    *operations.routes,
    *bank_files.routes,
    *by_hand.routes,
    *pages.routes,
    *file.routes,
    *errand_pages.routes,
    *checking.routes,
    *claims.routes,
    *reviews.routes,
    *guest_pages.routes,
    *here_pages.routes,
    *pensions.routes,
    *hotline.routes,
    *clinic.routes,
    *clinic_settlements.routes,
    *clinic_days.routes,
    *members.routes,
    *member_errands.routes,
    *handed.routes,
    *machines.routes,
    *clients.routes,
]
