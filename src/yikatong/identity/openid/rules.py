"""What happens next with an authorization request (Core 1.0, 3.1.2.3 and 3.1.2.4). Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from yikatong.cards.model import Card
from yikatong.identity.model import Level
from yikatong.identity.openid import redirects, requests
from yikatong.identity.openid.model import AuthorizationRequest, Client
from yikatong.identity.sessions.model import Session
from yikatong.people.model import Person


class Step(msgspec.Struct, frozen=True):
    """What to do: let the person in, ask for consent, have them sign in, or refuse."""

    what: Literal["grant", "consent", "sign_in", "refuse"]
    level: Level = 1
    """Of sign_in: the level that is needed."""
    fresh: bool = False
    """Of sign_in: whether a new proof is needed though somebody is signed in."""
    error: str = ""
    """Of refuse."""
    reason: str = ""


class Reader(msgspec.Struct, frozen=True):
    """Who is in front of the browser."""

    session: Session
    subject: str
    """How the asking client knows them."""
    consented: frozenset[str]
    """Scopes they let this client see before."""
    welcome: bool
    """Whether they are alive and their card was not cancelled."""


def next_step(
    request: AuthorizationRequest,
    client: Client,
    reader: Reader | None,
    asked_at: datetime | None,
    now: datetime,
) -> Step:
    """What to do with a request; `asked_at` is when it came, where the reader was sent away since."""
    if reader is not None:
        if request.hinted_subject not in (None, reader.subject):
            return Step("refuse", error="login_required", reason="another person is signed in")
        if not reader.welcome:
            return Step("refuse", error="access_denied", reason="this person cannot log in")
    wanted = _proof_wanted(request, reader, asked_at, now)
    if wanted is None:
        assert reader is not None
        wanted = Step("consent" if needs_consent(request, client, reader.consented) else "grant")
    if "none" not in request.prompts or wanted.what == "grant":
        return wanted
    if wanted.what == "consent":
        return Step("refuse", error="consent_required", reason="the person must be asked")
    return Step("refuse", error="login_required", reason="the person must sign in")


def _proof_wanted(
    request: AuthorizationRequest,
    reader: Reader | None,
    asked_at: datetime | None,
    now: datetime,
) -> Step | None:
    if reader is None:
        return Step("sign_in", request.level)
    session = reader.session
    # A proof given after the request came answers every wish for a new one.
    proved_since = asked_at is not None and session.proved_at >= asked_at
    if not proved_since and (requests.asks_anew(request) or _too_old(request, session, now)):
        return Step("sign_in", request.level, fresh=True)
    if session.level_at(now) < request.level:
        return Step("sign_in", request.level)
    return None


def needs_consent(request: AuthorizationRequest, client: Client, consented: Iterable[str]) -> bool:
    """Whether the person is asked: for anything new, when the client wants it, and always by an app
    that cannot prove who it is (RFC 8252, 8.6)."""
    return (
        "consent" in request.prompts
        or not set(request.scopes) <= set(consented)
        or (client.public and not redirects.proves_the_app(request.redirect_uri))
    )


def is_welcome(person: Person | None, card: Card | None) -> bool:
    """Whether somebody may log in to services: alive, and the last card not cancelled (注销)."""
    return (
        person is not None
        and person.died_on is None
        and (card is None or card.state != "cancelled")
    )


def _too_old(request: AuthorizationRequest, session: Session, now: datetime) -> bool:
    return request.max_age is not None and now - session.proved_at > timedelta(
        seconds=request.max_age
    )
