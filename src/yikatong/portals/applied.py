"""What somebody applied for, told as steps: done, now, next. Pure: nothing is read here.

One function for each kind of affair makes an `Affair` of what its room knows of it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, Literal

import msgspec

from yikatong.benefits.pension.model import Application
from yikatong.benefits.unemployment.model import END_NAMES
from yikatong.benefits.unemployment.model import Claim as UnemploymentClaim
from yikatong.cards.model import OPEN_STATES, Card, CardApplication
from yikatong.cards.office.model import CardEvent
from yikatong.cards.office.rules import lapsed
from yikatong.core.clock import SHANGHAI
from yikatong.core.days import day_in_words
from yikatong.core.money import format_yuan_grouped
from yikatong.medical.claims.model import OPEN, Claim
from yikatong.medical.filings.model import KIND_NAMES
from yikatong.medical.filings.rules import span
from yikatong.medical.model import Filing
from yikatong.people.changes.model import FIELD_NAMES, Change
from yikatong.portals.view import View

_Moment = date | datetime | None
_Days = Mapping[str, _Moment]
Mark = Literal["done", "now", "next", "stopped"]
CARD: Final = "/card"
CLAIMS: Final = "/guide/hospital-bill"
FILINGS: Final = "/filings"
BENEFITS: Final = "/benefits"
DETAILS: Final = "/details"


class Step(msgspec.Struct, frozen=True):
    """One step of an affair."""

    text: str
    mark: Mark
    day: str = ""
    """When it was, or is expected to be, as people write it."""


class Affair(msgspec.Struct, frozen=True):
    """Something somebody applied for (办件)."""

    at: datetime
    title: str
    number: str
    open: bool
    """Whether it goes on."""
    steps: Sequence[Step]
    asked: str
    """What the person has to do; "" for nothing."""
    said: str
    """What else to know: why it was refused, until when it holds."""
    link: tuple[str, str]
    """Where it goes on: address and words."""


class _Teller:
    """Texts and days in the reader's language."""

    def __init__(self, view: View) -> None:
        self.view = view

    def t(self, key: str, **facts: str) -> str:
        return self.view.text(f"applied_{key}", **facts)

    def day(self, at: _Moment) -> str:
        if at is None:
            return ""
        day = at.astimezone(SHANGHAI).date() if isinstance(at, datetime) else at
        return day_in_words(day, self.view.language)

    def step(self, key: str, mark: Mark, at: _Moment = None) -> Step:
        return Step(self.t(key), mark, self.day(at))

    def by(self, at: date | None) -> str:
        """A day something is expected by."""
        return "" if at is None else self.t("by", day=self.day(at))

    def line(self, keys: Sequence[str], now: int, days: _Days) -> list[Step]:
        """Steps of which those before `now` are done; behind the last: all of them."""
        return [
            self.step(key, "done" if at < now else "now" if at == now else "next", days.get(key))
            for at, key in enumerate(keys)
        ]


def of_card(
    view: View,
    one: CardApplication,
    told: Sequence[CardEvent],
    cards: Sequence[Card],
    places: Mapping[str, str],
) -> Affair:
    """An application for a card; `told`: the history, the newest first."""
    tell = _Teller(view)
    happened = {
        event.event: event.at
        for event in reversed(told)
        if event.application_id == one.application_id
    }
    days: dict[str, _Moment] = {
        "sent_in": one.applied_on,
        "reviewed": happened.get("approve") or happened.get("approve_at_once"),
        "made": happened.get("make"),
        "posted": happened.get("post"),
        "handed_over": next(
            (happened[name] for name in ("hand_over", "deliver", "print") if name in happened), None
        ),
    }
    keys = ["sent_in", "reviewed", "made", "posted" if one.delivery == "post" else "handed_over"]
    reached = {"applied": 1, "in_production": 2, "ready": 3, "sent": 3, "issued": 4}
    card = next((each for each in cards if each.card_id == one.card_id), None)
    if one.state in reached:
        now = reached[one.state]
        if one.state == "issued":
            keys.append("activated")
            now = 4 if card is not None and card.state == "issued" else 5
        steps = tell.line(keys, now, days)
        if one.state in ("applied", "in_production") and one.expected_on:
            steps[2] = msgspec.structs.replace(steps[2], day=tell.by(one.expected_on))
    else:
        why = "lapsed" if lapsed(one) else one.state
        steps = [tell.step("sent_in", "done", one.applied_on)]
        if days["reviewed"]:
            steps.append(tell.step("reviewed", "done", days["reviewed"]))
        steps.append(tell.step(why, "stopped", one.state_since))
    place = places.get(one.pickup_place or "", "")
    said = {
        "rejected": tell.t("why", reason=one.reason or ""),
        "ready": tell.t("collect", place=place) if one.delivery == "pickup" and place else "",
        "sent": tell.t("parcel", number=one.tracking or ""),
    }.get(one.state, "")
    asked = ""
    if one.state == "applied" and one.asked_for:
        until = tell.day(one.asked_until)
        asked = tell.t("card_asked", what=one.asked_for, until=until) if until else one.asked_for
    elif one.fee_state == "due" and one.state in OPEN_STATES:
        asked = tell.t("card_fee", fee=format_yuan_grouped(one.fee))
    link = (
        (f"{CARD}/amend", tell.t("to_amend"))
        if one.asked_for and asked
        else (CARD, tell.t("to_card"))
    )
    return Affair(
        at=happened.get(f"apply_{one.kind}") or _at(one.applied_on),
        title=view.text(f"card_kind_{one.kind}"),
        number=str(one.application_id),
        open=one.state in OPEN_STATES or (card is not None and card.state == "issued"),
        steps=steps,
        asked=asked,
        said=said,
        link=link,
    )  # fmt: skip


def of_filing(view: View, one: Filing, day: date) -> Affair:
    """A filing for care elsewhere."""
    tell = _Teller(view)
    holds = span(one)
    steps = [tell.step("filed", "done", one.filed_at)]
    if holds is None or (one.ended_on is not None and one.ended_on <= day):
        steps.append(tell.step(f"filing_{one.ended_by or 'withdrawal'}", "stopped", one.ended_on))
    else:
        first, last = holds
        begun, over = first <= day, last < day
        steps.append(tell.step("holds_from", "done" if begun else "next", first))
        if last == date.max:
            steps.append(tell.step("holds_on", "now" if begun else "next"))
        else:
            steps.append(
                tell.step("holds_until", "done" if over else "now" if begun else "next", last)
            )
    going = holds is not None and holds[1] >= day and one.ended_on is None
    return Affair(
        at=one.filed_at,
        title=tell.t(
            "filing",
            kind=KIND_NAMES[one.kind].in_language(view.language),
            place=view.place(one.destination, short=True),
        ),
        number=str(one.filing_id),
        open=going,
        steps=steps,
        asked=tell.t("filing_papers") if going and one.declared else "",
        said="",
        link=(FILINGS, tell.t("to_filing")),
    )


def of_claim(view: View, one: Claim) -> Affair:
    """A claim by hand."""
    tell = _Teller(view)
    reached = {"submitted": 1, "under_review": 1, "returned": 1, "approved": 2, "paid": 3}
    days: dict[str, _Moment] = {"sent_in": one.submitted_at}
    if one.state == "paid":
        days["paid"] = one.changed_at
    elif one.state == "approved":
        days["claim_reviewed"] = one.changed_at
    if one.state in reached:
        steps = tell.line(("sent_in", "claim_reviewed", "paid"), reached[one.state], days)
    else:
        steps = [
            tell.step("sent_in", "done", one.submitted_at),
            tell.step(f"claim_{one.state}", "stopped", one.changed_at),
        ]
    said = ""
    if one.approved is not None and one.state in ("approved", "paid"):
        said = tell.t("claim_pays", amount=format_yuan_grouped(one.approved))
    elif one.state in ("refused", "reversed"):
        said = tell.t("why", reason=one.reason)
    paid = one.state == "paid"
    return Affair(
        at=one.submitted_at,
        title=tell.t("claim", total=format_yuan_grouped(one.total)),
        number=str(one.claim_id),
        open=one.state in OPEN,
        steps=steps,
        asked=tell.t("claim_asked", what=one.reason) if one.state == "returned" else "",
        said=said,
        link=("/account", tell.t("to_account")) if paid else (CLAIMS, tell.t("to_claims")),
    )


def of_pension(view: View, one: Application) -> Affair:
    """An application for a pension."""
    tell = _Teller(view)
    if one.state in ("applied", "granted"):
        days: dict[str, _Moment] = {
            "sent_in": one.applied_at, "pension_decided": one.decided_at, "first_paid": one.starts_on,
        }  # fmt: skip
        keys = ("sent_in", "pension_decided", "first_paid")
        steps = tell.line(keys, 1 if one.state == "applied" else 3, days)
    else:
        steps = [
            tell.step("sent_in", "done", one.applied_at),
            tell.step("rejected" if one.state == "refused" else "withdrawn", "stopped", one.decided_at),
        ]  # fmt: skip
    said = tell.t("why", reason=one.reason) if one.state == "refused" else ""
    if one.state == "granted" and one.monthly is not None:
        said = tell.t("pension_monthly", amount=format_yuan_grouped(one.monthly))
    return Affair(
        at=one.applied_at,
        title=tell.t("pension"),
        number=str(one.application_id),
        open=one.state == "applied",
        steps=steps,
        asked="",
        said=said,
        link=(BENEFITS, tell.t("to_benefits")),
    )


def of_unemployment(view: View, one: UnemploymentClaim, day: date) -> Affair:
    """A claim for unemployment benefit: granted when it was made."""
    tell = _Teller(view)
    steps = [tell.step("sent_in", "done", one.made_at), tell.step("granted", "done", one.made_at)]
    ended = one.state == "ended"
    if ended:
        steps.append(tell.step("drawn", "stopped", one.ended_on))
    else:
        begun = one.starts_on <= day
        steps.append(tell.step("drawn_from", "done" if begun else "next", one.starts_on))
        steps.append(tell.step("drawn_until", "now" if begun else "next", one.ends_on))
    said = END_NAMES[one.ended_by].in_language(view.language) if one.ended_by else ""
    return Affair(
        at=one.made_at,
        title=tell.t("unemployment"),
        number=str(one.claim_id),
        open=not ended,
        steps=steps,
        asked=tell.t("unemployment_held") if one.state == "held" else "",
        said=tell.t("ended_why", reason=said) if said else "",
        link=(BENEFITS, tell.t("to_benefits")),
    )


def of_change(view: View, one: Change) -> Affair:
    """A change of data on file."""
    tell = _Teller(view)
    between = "、" if view.language == "zh" else ", "
    fields = between.join(FIELD_NAMES[name].in_language(view.language) for name in one.fields)
    steps = [tell.step("sent_in", "done", one.taken_at)]
    if one.state in ("taken", "done"):
        done = one.state == "done"
        steps.append(tell.step("changed", "done" if done else "now", one.decided_at))
    else:
        word = "rejected" if one.state == "refused" else "withdrawn"
        steps.append(tell.step(word, "stopped", one.decided_at))
    return Affair(
        at=one.taken_at,
        title=tell.t("change", fields=fields),
        number=str(one.change_id),
        open=one.state == "taken",
        steps=steps,
        asked="",
        said=tell.t("why", reason=one.reason) if one.state == "refused" else "",
        link=(DETAILS, tell.t("to_details")),
    )


def _at(day: date) -> datetime:
    """The start of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
