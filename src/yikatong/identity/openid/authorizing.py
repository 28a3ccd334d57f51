"""Use cases of the authorization endpoint: a request comes, waits for its reader, is answered."""

import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal

import msgspec

from yikatong.cards import service as cards
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.model import Level
from yikatong.identity.openid import claims, clients, handles, redirects, requests, rules, store
from yikatong.identity.openid.claims import Facts
from yikatong.identity.openid.errors import OpenidError, RequestOver, Untrusted
from yikatong.identity.openid.model import (
    ACCESS_LASTS,
    CODE_LASTS,
    OFFLINE_LASTS,
    REQUEST_LASTS,
    AuthorizationRequest,
    Client,
    Grant,
    Pending,
    Scope,
)
from yikatong.identity.openid.requests import Form
from yikatong.identity.openid.rules import Reader, Step
from yikatong.identity.openid.signing import OpenidProvider
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.trust import audit, guessing
from yikatong.trust.guessing import Limit

_WAITING_OF_ADDRESS: Final = (Limit(600, timedelta(minutes=10)),)
"""Requests of one address that wait; a hospital's many people may share one."""


class Answer(msgspec.Struct, frozen=True):
    """Where the browser goes."""

    to: Literal["client", "sign_in", "consent"]
    location: str = ""
    """Of client: the whole address with code or error."""
    handle: str = ""
    """Of the others: the name of the waiting request."""
    level: Level = 1
    fresh: bool = False
    language: Literal["zh", "en"] | None = None


class Asked(msgspec.Struct, frozen=True):
    """A waiting request and where it stands for its present reader."""

    pending: Pending
    client: Client
    step: Step

    @property
    def request(self) -> AuthorizationRequest:
        return self.pending.request


async def begin(
    provider: OpenidProvider, query: bytes, session: Session | None, address: str
) -> Answer:
    """Take a request in; raises Untrusted where nobody may be sent anywhere, TooManyTries."""
    platform = provider.platform
    try:
        form = requests.read_form(query)
    except OpenidError as error:
        raise Untrusted(
            zh="登录请求无法读取，没有继续。请回到您要登录的服务，重新点登录。",
            en=f"the request to log in cannot be read, so we stopped ({error.description}). Please "
            "go back to the service and log in there again.",
        ) from None
    async with platform.database.transaction(readonly=True) as connection:
        client = await clients.find(platform, connection, form.values.get("client_id", ""))
    redirect_uri = requests.redirect_of(form, client)
    assert client is not None
    try:
        hinted = await _hinted(provider, form, client)
        request = requests.read(form, client, redirect_uri, hinted)
    except OpenidError as error:
        state = requests.state_of(form)
        return Answer("client", _refusal(provider, redirect_uri, state, error))
    async with platform.database.transaction() as connection:
        step = await _step(platform, connection, request, client, session, None)
        if step.what in ("grant", "refuse"):
            return await _answered(provider, connection, request, client, session, step)
    await guessing.count(platform, [(f"openid-waiting:{address}", _WAITING_OF_ADDRESS)])
    handle = handles.random_name()
    async with platform.database.transaction() as connection:
        await store.keep_request(connection, handles.digest(handle), request, platform.clock.now())
    where = "sign_in" if step.what == "sign_in" else "consent"
    return Answer(
        where, handle=handle, level=step.level, fresh=step.fresh, language=request.language
    )


async def resume(provider: OpenidProvider, handle: str, session: Session | None) -> Asked | Answer:
    """Where a waiting request stands, or its answer where nothing more is to be asked.

    Raises RequestOver.
    """
    platform = provider.platform
    async with platform.database.transaction() as connection:
        asked = await _asked(platform, connection, handle, session)
        if asked.step.what not in ("grant", "refuse"):
            return asked
        await _take(platform, connection, handle)
        return await _answered(
            provider, connection, asked.request, asked.client, session, asked.step
        )


async def allow(
    provider: OpenidProvider, handle: str, session: Session | None, shown: str
) -> Asked | Answer:
    """The person agrees; `shown` is the form's token, which only this session's page carries.

    Answers Asked where it is not the form of this session, or the person must sign in (more
    strongly) first. Raises RequestOver.
    """
    platform = provider.platform
    async with platform.database.transaction() as connection:
        asked = await _asked(platform, connection, handle, session)
        if session is None or asked.step.what == "sign_in":
            return asked
        # A form of another session, or no form of ours: nothing is done, the page is shown again.
        if not hmac.compare_digest(shown.encode(), form_token(platform, handle, session).encode()):
            return asked
        await _take(platform, connection, handle)
        step = asked.step
        if step.what == "consent":
            now = platform.clock.now()
            request = asked.request
            await store.add_consent(
                connection, session.person_id, request.client_id, request.scopes, now
            )
            await audit.record(
                connection, session.actor("consent page"), now, session.person_id,
                "openid.consent_given", _told(asked.client, request.scopes),
            )  # fmt: skip
            step = Step("grant")
        return await _answered(provider, connection, asked.request, asked.client, session, step)


async def refuse(provider: OpenidProvider, handle: str, session: Session | None) -> Answer:
    """The person does not agree, or does not sign in; raises RequestOver."""
    platform = provider.platform
    async with platform.database.transaction() as connection:
        asked = await _asked(platform, connection, handle, session)
        await _take(platform, connection, handle)
    if asked.step.what != "sign_in":
        error = OpenidError("access_denied", "the person refused")
    elif session is None or asked.step.fresh:
        error = OpenidError("login_required", "the person did not sign in")
    else:
        error = OpenidError(
            "unmet_authentication_requirements", "the person did not sign in so strongly"
        )
    request = asked.request
    return Answer("client", _refusal(provider, request.redirect_uri, request.state, error))


def form_token(platform: Platform, handle: str, session: Session) -> str:
    """What the consent form carries: good for one request, which is answered once, and for the
    session that it was shown in."""
    subject = f"{handle}:{session.person_id}:{session.session_id}"
    return platform.vault.hash("openid_form", subject).hex()


async def facts_for(
    platform: Platform,
    connection: Connection,
    person_id: int,
    scopes: Sequence[Scope],
) -> Facts:
    """What the scopes need of a person; the caller records the look."""
    person = await people.get(connection, person_id)
    card = None
    if "card" in scopes:
        card = (await cards.current_cards(connection, [person_id])).get(person_id)
    enrolments = ()
    if "enrolment" in scopes:
        enrolments = (await people.current_enrolments(connection, [person_id])).get(person_id, ())
    phone = None
    if "phone" in scopes:
        phone = (await people.contact(platform, connection, person_id)).phone
    return Facts(person, card, tuple(enrolments), phone)


async def preview(platform: Platform, session: Session, asked: Asked) -> Facts:
    """What the service would see, for the consent page; the look is recorded."""
    async with platform.database.transaction() as connection:
        await audit.record(
            connection, session.actor("consent page"), platform.clock.now(), session.person_id,
            "openid.consent_asked", _told(asked.client, asked.request.scopes),
        )  # fmt: skip
        return await facts_for(platform, connection, session.person_id, asked.request.scopes)


async def welcome(connection: Connection, person_id: int) -> bool:
    """Whether a person may log in to services; see rules.is_welcome."""
    found = await people.persons(connection, [person_id])
    held = await cards.current_cards(connection, [person_id])
    return rules.is_welcome(found.get(person_id), held.get(person_id))


async def _hinted(provider: OpenidProvider, form: Form, client: Client) -> str | None:
    hint = form.get("id_token_hint")
    if hint is None:
        return None
    told = await provider.open_hint(hint)
    if told is None or told.get("aud") != client.client_id:
        raise OpenidError("invalid_request", "id_token_hint is not an ID token of this client")
    return str(told["sub"])


async def _step(
    platform: Platform,
    connection: Connection,
    request: AuthorizationRequest,
    client: Client,
    session: Session | None,
    pending: Pending | None,
) -> Step:
    reader = None
    if session is not None:
        known = await store.consent(connection, session.person_id, client.client_id)
        reader = Reader(
            session,
            claims.subject(platform.vault, client, session.person_id),
            frozenset(known.scopes if known else ()),
            await welcome(connection, session.person_id),
        )
    asked_at = None if pending is None else pending.asked_at
    return rules.next_step(request, client, reader, asked_at, platform.clock.now())


async def _asked(
    platform: Platform, connection: Connection, handle: str, session: Session | None
) -> Asked:
    after = platform.clock.now() - REQUEST_LASTS
    pending = await store.request(connection, handles.digest(handle), after)
    if pending is None:
        raise RequestOver
    client = await clients.find(platform, connection, pending.request.client_id)
    # What was switched off or changed its addresses since is not sent to.
    if client is None or not redirects.matches(
        client.redirect_uris, pending.request.redirect_uri, native=client.native
    ):
        raise RequestOver
    step = await _step(platform, connection, pending.request, client, session, pending)
    return Asked(pending, client, step)


async def _take(platform: Platform, connection: Connection, handle: str) -> None:
    after = platform.clock.now() - REQUEST_LASTS
    if await store.take_request(connection, handles.digest(handle), after) is None:
        raise RequestOver


async def _answered(
    provider: OpenidProvider,
    connection: Connection,
    request: AuthorizationRequest,
    client: Client,
    session: Session | None,
    step: Step,
) -> Answer:
    if step.what == "refuse":
        error = OpenidError(step.error, step.reason)
        return Answer("client", _refusal(provider, request.redirect_uri, request.state, error))
    assert session is not None
    code = await _grant(provider.platform, connection, request, client, session)
    told = {"code": code, "state": request.state, "iss": provider.issuer}
    return Answer("client", redirects.with_answer(request.redirect_uri, told))


async def _grant(
    platform: Platform,
    connection: Connection,
    request: AuthorizationRequest,
    client: Client,
    session: Session,
) -> str:
    """Record the login and answer its code."""
    now = platform.clock.now()
    offline = "offline_access" in request.scopes
    grant = Grant(
        person_id=session.person_id,
        grant_id=new_id(now),
        client_id=client.client_id,
        session_id=session.session_id,
        scopes=request.scopes,
        level=session.level_at(now),
        modes=session.modes_at(now),
        proved_at=session.proved_at,
        nonce=request.nonce,
        redirect_uri=request.redirect_uri,
        challenge=request.challenge,
        code_expires_at=now + CODE_LASTS,
        code_used_at=None,
        begun_at=now,
        ends_at=now + (OFFLINE_LASTS if offline else CODE_LASTS + ACCESS_LASTS),
        ended_at=None,
    )
    code, code_hash = handles.make(platform.vault, "code", grant.person_id, grant.grant_id)
    await store.insert_grant(connection, grant, code_hash)
    await audit.record(
        connection, session.actor("log in to a service"), now, session.person_id, "openid.login",
        {**_told(client, request.scopes), "level": grant.level},
    )  # fmt: skip
    return code


def _refusal(
    provider: OpenidProvider, redirect_uri: str, state: str | None, error: OpenidError
) -> str:
    told = {
        "error": error.error,
        "error_description": error.description,
        "state": state,
        "iss": provider.issuer,
    }
    return redirects.with_answer(redirect_uri, told)


def _told(client: Client, scopes: Sequence[Scope]) -> dict[str, object]:
    """A client and its scopes for the audit trail, as the person knows them."""
    return {
        "client": client.client_id,
        "name": client.name.as_dict(),
        "scopes": list(scopes),
    }
