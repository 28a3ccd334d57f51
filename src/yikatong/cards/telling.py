"""What the holder is told about application, card and PIN: one notice for each thing that happened."""

from typing import Final

from yikatong.cards.model import Card, CardApplication
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import Facts

_COUNTER: Final = Text("受理窗口", "the counter where you applied")
_POST: Final = Text("邮政", "the post")


def reference(application_id: int) -> str:
    """The number of an application as people read it out: in groups of six digits."""
    text = str(application_id)
    return "-".join(text[at : at + 6] for at in range(0, len(text), 6))


async def of_application(
    platform: Platform, connection: Connection, one: CardApplication, event: str
) -> None:
    """Tell what an event means for the applicant; most events of the office mean nothing."""
    told = _application(one, event)
    if told is None:
        return
    kind, facts = told
    once = f"{event}-{one.application_id}-{one.version}"
    await notices.post(platform, connection, one.person_id, kind, facts, once=once)


def _application(one: CardApplication, event: str) -> tuple[str, Facts] | None:
    place = one.pickup_place or _COUNTER
    since = one.state_since.astimezone(SHANGHAI).date() if one.state_since else one.applied_on
    expected = one.expected_on or since
    # fmt: off
    words: dict[str, tuple[str, Facts]] = {
        "ask": ("application.asked", {"reason": one.asked_for or ""}),
        "approve": ("application.in_production", {"expected": expected}),
        "reject": ("application.refused", {"reason": one.reason or ""}),
        "post": ("application.sent", {"carrier": _POST, "parcel": _parcel(one)}),
        "chase": ("card.not_collected", {"since": since, "place": place}),
        "destroy": ("card.destroyed", {"since": since}),
    }
    # fmt: on
    if event.startswith("apply_"):
        facts: Facts = {"application": reference(one.application_id), "expected": expected}
        return ("application.received", facts)
    if event in ("make", "come_back"):
        return ("card.ready", {"place": place}) if one.delivery == "pickup" else None
    return words.get(event)


def _parcel(one: CardApplication) -> str:
    return "".join(letter for letter in one.tracking or "" if letter.isalnum())[:40] or "0"


async def of_card(platform: Platform, connection: Connection, card: Card, event: str) -> None:
    """Tell what happened to a card."""
    told = _card(card, event)
    if told is None:
        return
    kind, facts = told
    once = f"{event}-{card.card_id}-{card.version}"
    await notices.post(platform, connection, card.person_id, kind, facts, once=once)


def _card(card: Card, event: str) -> tuple[str, Facts] | None:
    tail: dict[str, str] = {"card": card.card_number[-4:]}
    if event == "activate":
        return "card.activated", {**tail, "part": "social_security"}
    if event == "activate_bank":
        return "card.activated", {**tail, "part": "bank"}
    if event == "report_loss_provisionally":
        assert card.provisional_until is not None
        return "loss.provisional", {**tail, "until": card.provisional_until}
    if event == "expire":
        return "card.expired", {**tail, "until": card.valid_until}
    kinds = {
        "provisional_report_ends": "loss.ended",
        "report_loss": "loss.reported",
        "withdraw_loss": "loss.withdrawn",
    }
    return None if event not in kinds else (kinds[event], tail)


async def of_replacement(platform: Platform, connection: Connection, old: Card, new: Card) -> None:
    """Tell that the new card took the old one's place."""
    facts: Facts = {"old": old.card_number[-4:], "card": new.card_number[-4:]}
    once = f"replaced-{new.card_id}"
    await notices.post(platform, connection, new.person_id, "card.replaced", facts, once=once)


async def of_pin(
    platform: Platform, connection: Connection, card: Card, what: str, once: str
) -> None:
    """Tell that a PIN was changed, reset or locked; that it was set comes with the activation."""
    if what in ("changed", "reset", "locked"):
        facts: Facts = {"card": card.card_number[-4:]}
        once = f"pin-{card.card_id}-{once}"
        await notices.post(platform, connection, card.person_id, f"pin.{what}", facts, once=once)
