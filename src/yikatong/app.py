"""The web application: the routes of all rooms in one place, and what holds for each of them."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Iterable
from itertools import accumulate
from typing import Any, Final, cast

import structlog
from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

import yikatong
from yikatong import subscriptions
from yikatong.benefits.pension import api as pension_api
from yikatong.benefits.pension import papers as pension_papers
from yikatong.benefits.proof_of_life import api as proof_api
from yikatong.benefits.runs import api as runs_api
from yikatong.benefits.runs import by_hand_api
from yikatong.benefits.unemployment import api as unemployment_api
from yikatong.cards.consistency import api as consistency_api
from yikatong.cards.lists import api as card_lists_api
from yikatong.cards.office import admitting as cards_admitting
from yikatong.cards.office import api as cards_api
from yikatong.cards.office import applying as cards_applying
from yikatong.cards.office import applying_api as cards_applying_api
from yikatong.cards.office import living_api as cards_living_api
from yikatong.cards.office.model import MATTER as CARD_MATTER
from yikatong.cards.production import api as card_production_api
from yikatong.cards.production import stock_api as card_stock_api
from yikatong.core import events, problems, pulse
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.lean import lean
from yikatong.core.platform import Platform
from yikatong.core.tally import BOUNDS, Tally
from yikatong.identity.approvals import api as approvals_api
from yikatong.identity.approvals.service import Approvals
from yikatong.identity.authority import api as authority_api
from yikatong.identity.ecards import api as ecards_api
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.machines import api as machines_api
from yikatong.identity.machines.service import Machines
from yikatong.identity.openid import api as openid_api
from yikatong.identity.openid import clients_api
from yikatong.identity.openid.signing import OpenidProvider
from yikatong.identity.staff import api as staff_api
from yikatong.identity.staff import service as staff
from yikatong.identity.staff import signing_in as staff_signing_in
from yikatong.identity.staff import workplaces
from yikatong.identity.trail import api as trail_api
from yikatong.identity.verification import api as verification_api
from yikatong.identity.verification.desk import VerificationDesk
from yikatong.identity.verification.faces import face_check
from yikatong.medical import flows_api, receipts_api
from yikatong.medical.claims import api as claims_api
from yikatong.medical.claims.service import ClaimOffice
from yikatong.medical.filings import api as filings_api
from yikatong.medical.hospital_api import wire
from yikatong.medical.hospital_api.handler import hospital
from yikatong.medical.hospital_api.transactions import TRANSACTIONS, reconciliation
from yikatong.medical.visits import messages
from yikatong.medical.visits.desk import CareDesk
from yikatong.money import api as money_api
from yikatong.money import medical_api, social_api
from yikatong.money.api import Desk
from yikatong.money.bank import standing_api
from yikatong.money.bank.teller import Teller
from yikatong.money.bodies import idempotency_key
from yikatong.money.contributions import api as contributions_api
from yikatong.money.outside import api as outside_api
from yikatong.money.outside.connectors import connectors
from yikatong.money.wealth import api as wealth_api
from yikatong.people.changes import api as changes_api
from yikatong.people.changes import model as changes
from yikatong.people.changes import service as changes_service
from yikatong.people.guard import caller_of, require_person, signed_in
from yikatong.people.notices import api as notices_api
from yikatong.policies import api as policies_api
from yikatong.policies import service as policies
from yikatong.portability import api as portability_api
from yikatong.portals import exceptions, overview
from yikatong.portals import routes as portals
from yikatong.portals.signed_in import SignInNeeded, to_sign_in
from yikatong.portals.staff_sign_in import StaffSignInNeeded, to_staff_sign_in
from yikatong.trust.access import ApprovalAsked, Caller, Gate
from yikatong.trust.documents import api as documents_api
from yikatong.trust.operator import Operator, token

BODY_BYTES_MAX = 256 * 1024
"""No route of today takes more; the ones that take files will say so themselves."""

_log = structlog.stdlib.get_logger("yikatong.http")
_tally = Tally()


class _Collected:
    """The counts as Prometheus reads them."""

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "yikatong_http_requests",
            "Requests answered, by route and status.",
            labels=("method", "route", "status"),
        )
        refused = CounterMetricFamily(
            "yikatong_refused",
            "Requests answered with status 200 and a refusal inside.",
            labels=("method", "route"),
        )
        seconds = HistogramMetricFamily(
            "yikatong_http_request_seconds",
            "Time to the first byte of the answer, by route.",
            labels=("method", "route"),
        )
        for (method, route), one in list(_tally.routes.items()):
            for status, count in one.statuses.items():
                requests.add_metric((method, route, str(status)), count)
            if one.refused:
                refused.add_metric((method, route), one.refused)
            bounds = [*map(str, BOUNDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(one.buckets), strict=True))
            seconds.add_metric((method, route), buckets, one.seconds)
        return requests, refused, seconds


_registry = CollectorRegistry()
_registry.register(_Collected())


class Observe:
    """Counts, times and logs each request, by route and never by what stood in the query."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = secrets.token_hex(8)
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                headers.append((b"x-request-id", request_id.encode()))
                message["headers"] = headers
                self._note(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")

    @staticmethod
    def _note(scope: Scope, status: int, seconds: float) -> None:
        facts = cast("dict[str, Any]", scope)
        route, method = str(facts.get("path_template") or "unknown"), str(facts.get("method"))
        _tally.note(method, route, status, seconds)
        log = _log.warning if status >= 500 else _log.info
        log("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


@get("/health/live", include_in_schema=False)
async def live() -> dict[str, str]:
    """The process runs."""
    return {"status": "live"}


@get("/health/ready", include_in_schema=False)
async def ready(platform: NamedDependency[Platform]) -> dict[str, str]:
    """The database answers; 503 while it does not."""
    await platform.database.ping()
    return {"status": "ready"}


@get("/metrics", include_in_schema=False, media_type="text/plain; version=0.0.4; charset=utf-8")
async def metrics() -> bytes:
    """What Prometheus reads."""
    return generate_latest(_registry)


def _answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    if isinstance(error, ApprovalAsked):
        asked = {"approval_id": str(error.approval_id), "until": error.until.isoformat()}
        return Response({**asked, "detail": error.text.as_dict()}, status_code=202)
    known = problems.typed(error)
    if known.status >= 500 and known is not error:
        _log.error("unexpected", path=request.url.path, exc_info=error)
    if problems.is_api(request):
        return problems.respond(known)
    if isinstance(known, SignInNeeded):
        return to_sign_in(request, known.level, known.form_at)
    if isinstance(known, StaffSignInNeeded):
        return to_staff_sign_in(request, known.form_at)
    return portals.error_page(request, known)


def head_as_get(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET; the server leaves the body out (RFC 9110, 9.3.2)."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # A copy: the server keeps its own to know that no body goes out.
            scope = cast("Scope", {**scope, "method": "GET"})
        await app(scope, receive, send)

    return wrapped


def serve(platform: Platform) -> ASGIApp:
    """The whole of what is served: the application, and before it the lean routes."""
    app = create_app(platform)
    return hospital(
        head_as_get(
            lean(
                app,
                {
                    **money_api.lean_routes(app.state["desk"]),
                    **verification_api.lean_routes(app.state["verification"]),
                },
                _note_lean,
                sizes={verification_api.VERIFICATIONS: verification_api.BODY_BYTES_MAX},
            )
        ),
        app.state["care_desk"],
        platform,
        _note_lean,
        once=messages.once,
        transactions=TRANSACTIONS,
        errands=reconciliation.errands(platform),
    )


def _note_lean(path: str, status: int, seconds: float, *, refused: bool = False) -> None:
    _tally.note("POST", path, status, seconds, refused=refused)


_SETTLEMENTS: Final = frozenset(f"{wire.PREFIX}{code}" for code in ("2102", "2207", "2304"))
_ASIDE: Final = ("/static/", "/health/", "/metrics")


def _kind_of(method: str, path: str) -> str:
    """What a request counts as in the overview of operations."""
    if path.startswith(wire.PREFIX):
        return "settlement" if path in _SETTLEMENTS else "hospital"
    if path == verification_api.VERIFICATIONS:
        return "verification"
    if path.startswith("/api/"):
        return "payment" if method == "POST" and path.startswith("/api/v1/money/") else "api"
    return "" if path.startswith(_ASIDE) else "page"


@contextlib.asynccontextmanager
async def _counting(app: Litestar) -> AsyncGenerator[None]:
    """Add what this process answers to what the platform did, while it serves."""
    task = asyncio.create_task(pulse.keep(app.state["platform"], _tally, _kind_of))
    yield
    task.cancel()
    await asyncio.wait([task])


def offices(platform: Platform) -> dict[str, Any]:
    """What the routes of all rooms are given over an open platform, by the name they ask for it."""
    events.follow(subscriptions.listeners)
    workplaces.follow(subscriptions.known_provider)
    care = CareDesk(platform)
    machines = Machines(platform)

    async def known(shown: str) -> Caller | None:
        return await machines.find(shown) or await staff_signing_in.caller(platform, shown)

    gate = Gate(Operator(token(platform.settings)), known)
    teller = Teller(platform)
    approvals = Approvals(
        platform,
        {
            "freeze.court": money_api.carry_out_freeze,
            "fund.transfer": social_api.carry_out_payment,
            "medical_account.inherit": medical_api.carry_out_inheritance,
            "staff.grant": staff.carry_out_grant,
            "staff.second_factor": staff.carry_out_second_factor_reset,
        },
    )
    codes = Codes(platform)
    faces = face_check(platform)
    verifier = VerificationDesk(platform, codes, faces)
    _tally.queues |= {
        "payment": teller.waiting, "verification": verifier.waiting, "settlement": care.waiting,
    }  # fmt: skip

    async def at_home(
        connection: Connection, caller: Caller, permission: str, person_id: int, _matter: int = 0
    ) -> None:
        await require_person(connection, caller, permission, person_id)

    async def of_application(
        connection: Connection, caller: Caller, permission: str, person_id: int, number: int
    ) -> None:
        # Also the counter that took it in, and the region that decides it.
        await cards_admitting.admit(
            platform, connection, caller, permission, person_id, application_id=number
        )

    # What documents are added to, who may, and whether it takes any.
    matters = documents_api.Matters(
        {
            changes.MATTER: documents_api.Handled(changes_service.takes_documents, at_home),
            CARD_MATTER: documents_api.Handled(cards_applying.takes_documents, of_application),
            pension_papers.MATTER: documents_api.Handled(pension_papers.takes_documents, at_home),
        },
        at_home,
    )
    return {
        "platform": platform,
        "gate": gate,
        "desk": Desk(teller, gate),
        "approvals": approvals,
        "four_eyes": approvals,
        "care_desk": care,
        "openid": OpenidProvider(platform),
        "claims": ClaimOffice(platform),
        "connectors": connectors(platform, platform.settings.outside_banks),
        "matters": matters,
        "published": ecards_api.Published(platform, codes),
        "verification": verification_api.Counter(gate, verifier),
        "face_check": faces,
    }


def _office(given: dict[str, Any], name: str) -> Provide:
    def office() -> Any:
        return given[name]

    return Provide(office, sync_to_thread=False)


def create_app(platform: Platform) -> Litestar:
    """The application over an open platform; policies are read and compiled before it answers."""
    policies.load()
    portals.load()
    given = offices(platform)
    return Litestar(
        route_handlers=[
            live,
            ready,
            metrics,
            *policies_api.routes,
            *portability_api.routes,
            *contributions_api.public,
            *wealth_api.public,
            *filings_api.public,
            *staff_api.public,
            *openid_api.routes,
            *ecards_api.routes,
            *card_production_api.public,
            *card_lists_api.public,
            *cards_api.public,
            *pension_api.public,
            *unemployment_api.public,
            Router(
                path="/",
                guards=[signed_in],
                route_handlers=[
                    *machines_api.routes,
                    *clients_api.routes,
                    *money_api.routes,
                    *contributions_api.routes,
                    *medical_api.routes,
                    *social_api.routes,
                    *standing_api.routes,
                    *wealth_api.routes,
                    *outside_api.routes,
                    *card_production_api.routes,
                    *card_stock_api.routes,
                    *card_lists_api.routes,
                    *cards_api.routes,
                    *cards_applying_api.routes,
                    *cards_living_api.routes,
                    *filings_api.routes,
                    *claims_api.routes,
                    *receipts_api.routes,
                    *flows_api.routes,
                    *verification_api.routes,
                    *staff_api.routes,
                    *approvals_api.routes,
                    *trail_api.routes,
                    *authority_api.routes,
                    *notices_api.routes,
                    *pension_api.routes,
                    *proof_api.routes,
                    *runs_api.routes,
                    *by_hand_api.routes,
                    *unemployment_api.routes,
                    *documents_api.routes,
                    *changes_api.routes,
                    *consistency_api.routes,
                    *overview.api_routes,
                    *exceptions.api_routes,
                ],
            ),
            *portals.routes,
        ],
        dependencies={
            **{name: _office(given, name) for name in given},
            "caller": Provide(caller_of, sync_to_thread=False),
            "key": Provide(idempotency_key, sync_to_thread=False),
        },
        exception_handlers={YikatongError: _answer_error, Exception: _answer_error},
        middleware=[Observe],
        lifespan=[_counting],
        state=State(given),
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OpenAPIConfig(
            title="Yikatong 一卡通",
            version=yikatong.__version__,
            description=(
                "卡在那里能用吗？要付多少钱？ Does the card work there, and what will a bill cost?"
            ),
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            # The whole address, so that nothing else under /api is answered for by it.
            path="/api/openapi.json",
            create_examples=False,
            render_plugins=[JsonRenderPlugin(path="/")],
        ),
        logging_config=None,
    )
