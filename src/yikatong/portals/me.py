"""The start page of whoever is signed in (我的): what needs doing now, then everything by subject with
how it stands. For somebody they act for: as far as the authority goes."""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.cards.model import LIVE_STATES
from yikatong.cards.office.errors import STATE_NAMES
from yikatong.core.money import format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.authority.model import Service
from yikatong.portals import affairs
from yikatong.portals.affairs import Affairs
from yikatong.portals.sign_in import HOME
from yikatong.portals.signed_in import require_session
from yikatong.portals.view import WAY_BACK, View

Group = Literal["card", "care", "money", "family", "own"]
_SHOWN: Final = 8


class Tile(msgspec.Struct, frozen=True):
    """A page of the cardholder's, as the start page leads to it."""

    name: str
    """Its texts are me_tile_… and me_about_…."""
    address: str
    group: Group
    needs: tuple[Service, ...] | None
    """What somebody who acts for another must be let act in to see it; None: it is the reader's own."""


TILES: Final = (
    Tile("card", "/card", "card", ("card",)),
    Tile("lost", "/card/do/report_loss_provisionally", "card", ("card",)),
    Tile("e_card", "/e-card", "card", None),
    Tile("check", "/", "card", ("card",)),
    Tile("plan", "/plan", "care", ("card", "filing")),
    Tile("filings", "/filings", "care", ("filing",)),
    Tile("settlements", "/settlements", "care", ("settlements",)),
    Tile("local", "/guide/regions", "care", ()),
    Tile("account", "/account", "money", ("account",)),
    Tile("contributions", "/contributions", "money", ("contributions",)),
    Tile("benefits", "/benefits", "money", ("benefits",)),
    Tile("family", "/family", "family", None),
    Tile("acting", "/acting", "family", None),
    Tile("applications", "/applications", "own", None),
    Tile("inbox", "/inbox", "own", None),
    Tile("looks", "/looks?others=1", "own", None),
    Tile("details", "/details", "own", ("details",)),
    Tile("settings", "/settings", "own", None),
    Tile("security", "/security", "own", None),
    Tile("guide", "/guide", "own", ()),
)
"""The pages, by subject. A new page is one line here and its texts me_tile_… and me_about_…; how it
stands is a line of `_STATES`, where the file is read that it needs."""


def _at(name: str, otherwise: str) -> str:
    """Where a page stands, as long as it is there."""
    return next((one.address for one in TILES if one.name == name), otherwise)


@get(HOME, include_in_schema=False)
async def me(request: Request[Any, Any, Any], platform: NamedDependency[Platform]) -> Response[Any]:
    """What needs doing, and where everything is."""
    session = await require_session(request, platform)
    view = View.of(request)
    async with platform.database.transaction() as connection:
        facts = await affairs.read(platform, connection, session)
    found = affairs.todos(facts, _at("contributions", "/account"))
    groups = [
        (view.text(f"me_group_{group}"), [_tile(view, one, facts) for one in tiles])
        for group in ("card", "care", "money", "family", "own")
        if (tiles := [one for one in TILES if one.group == group and _covered(one, facts)])
    ]
    response = view.respond(
        request, "me.html", current="me", groups=groups, way_back="",
        name=mask_name(facts.person.name), own=facts.own,
        todos=[_todo(view, one) for one in found[:_SHOWN]], more=len(found) > _SHOWN,
    )  # fmt: skip
    # Whoever is here again has left the plan they came from.
    response.delete_cookie(WAY_BACK, path="/")
    return response


def _covered(one: Tile, facts: Affairs) -> bool:
    if one.name == "lost" and (facts.card is None or facts.card.state != "active"):
        return False
    return facts.own if one.needs is None else set(one.needs) <= facts.services


def _todo(view: View, one: affairs.Todo) -> dict[str, Any]:
    told = {
        "day": view.day(one.day),
        "amount": format_yuan_grouped(one.amount or 0),
        "words": one.words.in_language(view.language) if one.words else "",
    }
    return {
        "title": view.text(f"me_do_{one.code}", **told),
        "why": view.text(f"me_why_{one.code}", **told),
        "button": view.text(f"me_button_{one.code}", **told),
        "address": one.address,
        "urgent": one.urgent,
    }


def _tile(view: View, one: Tile, facts: Affairs) -> dict[str, str]:
    stands = _STATES[one.name](view, facts) if one.name in _STATES else ""
    return {
        "name": one.name,
        "title": view.text(f"me_tile_{one.name}"),
        "about": stands or view.text(f"me_about_{one.name}"),
        "address": one.address,
    }


def _card(view: View, facts: Affairs) -> str:
    card, under_way = facts.card, facts.under_way
    if card is None or card.state not in LIVE_STATES:
        return view.text("me_card_coming") if under_way else view.text("me_card_none")
    state = STATE_NAMES[card.state].in_language(view.language)
    return view.text("me_card", tail=card.card_number[-4:], state=state)


def _e_card(view: View, facts: Affairs) -> str:
    return view.text("me_e_card", count=str(facts.e_cards)) if facts.e_cards else ""


def _plan(view: View, facts: Affairs) -> str:
    if not facts.plans:
        return ""
    one = facts.plans[0]
    return view.text(
        "me_plan", place=view.place(one.region, short=True), day=view.day(one.leaves_on)
    )


def _filings(view: View, facts: Affairs) -> str:
    found = facts.open_filings
    if not found:
        return view.text("me_filings_none")
    places = [view.place(one.destination, short=True) for one in found]
    return view.text("me_filings", places=view.text("me_comma").join(dict.fromkeys(places[:3])))


def _account(view: View, facts: Affairs) -> str:
    count = sum(one.state == "open" for one in facts.accounts)
    return view.text("me_accounts", count=str(count)) if count else view.text("me_accounts_none")


def _benefits(view: View, facts: Affairs) -> str:
    if not facts.drawn:
        return view.text("me_benefits_none")
    one = facts.drawn[0]
    key = "me_benefit_held" if one.status == "held" else f"me_benefit_{one.benefit}"
    return view.text(key, amount=format_yuan_grouped(one.monthly))


def _contributions(view: View, facts: Affairs) -> str:
    owed = sum(one.total for one in facts.open_bills)
    if not owed:
        return view.text("me_contributions_none")
    return view.text("me_contributions", amount=format_yuan_grouped(owed))


def _acting(view: View, facts: Affairs) -> str:
    return view.text("me_acting", count=str(facts.acts_for)) if facts.acts_for else ""


def _inbox(view: View, facts: Affairs) -> str:
    if not facts.unread:
        return view.text("me_inbox_none")
    return view.text("notices_unread_count", count=str(facts.unread))


_STATES: Final[dict[str, Callable[[View, Affairs], str]]] = {
    "card": _card,
    "e_card": _e_card,
    "plan": _plan,
    "filings": _filings,
    "account": _account,
    "benefits": _benefits,
    "contributions": _contributions,
    "acting": _acting,
    "inbox": _inbox,
}
"""How things stand, in a few words; where there are none, the tile says what it is for."""


routes: Final = [me]
