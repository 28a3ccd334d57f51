"""What the holder is told about application, card and PIN: one notice for each thing that happened."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from yikatong.cards.counters import service as counters
from yikatong.cards.model import Card, CardApplication
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import Facts, Posting

_COUNTER: Final = Text("受理窗口", "the counter where you applied")
_POST: Final = Text("邮政", "the post")
_ISSUER: Final = Text(
    "发卡地的社保服务窗口", "a social-security counter of the place that issued it"
)
"""Where a card lies that the post brought back."""
WITHOUT_PIN: Final = "activate_without_pin"
"""What an activation is told as where nobody chose a PIN."""


def reference(application_id: int) -> str:
    """The number of an application as people read it out: in groups of six digits."""
    text = str(application_id)
    return "-".join(text[at : at + 6] for at in range(0, len(text), 6))


async def of_application(
    platform: Platform, connection: Connection, one: CardApplication, event: str
) -> None:
    """Tell what an event means for the applicant; most events of the office mean nothing."""
    await of_many(platform, connection, [(one, event)])


async def of_many(
    platform: Platform,
    connection: Connection,
    happened: Sequence[tuple[CardApplication | Card, str]],
) -> None:
    """Tell what happened to many applications and cards, in one go."""
    names = await counters.names(
        connection,
        {one.pickup_place for one, _ in happened if isinstance(one, CardApplication)},
    )
    postings = [
        found for one, event in happened if (found := _posting(one, event, names)) is not None
    ]
    await notices.post_many(platform, connection, postings)


def _posting(one: CardApplication | Card, event: str, places: Mapping[str, Text]) -> Posting | None:
    if isinstance(one, Card):
        number, told = one.card_id, _card(one, event)
    else:
        number = one.application_id
        told = _application(one, event, places.get(one.pickup_place or "", _COUNTER))
    if told is None:
        return None
    return Posting(one.person_id, *told, once=f"{event}-{number}-{one.version}")


def _application(one: CardApplication, event: str, place: Text) -> tuple[str, Facts] | None:
    since = one.state_since.astimezone(SHANGHAI).date() if one.state_since else one.applied_on
    if one.delivery == "post":
        place = _ISSUER
    expected = one.expected_on or since
    # fmt: off
    words: dict[str, tuple[str, Facts]] = {
        "ask": (
            "application.asked_until",
            {"reason": one.asked_for or "", "until": one.asked_until or since},
        ),
        "lapse": ("application.lapsed", {"until": one.asked_until or since}),
        "approve": ("application.in_production", {"expected": expected}),
        # Made again: another day is promised.
        "spoil": ("application.in_production", {"expected": expected}),
        "reject": ("application.refused", {"reason": one.reason or ""}),
        "post": ("application.sent", {"carrier": _POST, "parcel": _parcel(one)}),
        "chase": ("card.not_collected", {"since": since, "place": place}),
        "destroy": ("card.destroyed", {"since": since}),
        "withdraw": ("application.withdrawn", {}),
        "come_back": ("card.came_back", {}),
        "lose": ("card.lost_on_the_way", {}),
    }
    # fmt: on
    if event.startswith("apply_"):
        facts: Facts = {"application": reference(one.application_id), "expected": expected}
        return ("application.received", facts)
    if event == "make" and one.delivery == "pickup":
        return "card.ready", {"place": place}
    if event in ("make", "chase") and one.delivery == "post" and one.fee_state == "due":
        return "application.fee_due", {"amount": one.fee}
    return words.get(event)


def _parcel(one: CardApplication) -> str:
    return "".join(letter for letter in one.tracking or "" if letter.isalnum())[:40] or "0"


async def of_card(platform: Platform, connection: Connection, card: Card, event: str) -> None:
    """Tell what happened to a card."""
    await of_many(platform, connection, [(card, event)])


def _card(card: Card, event: str) -> tuple[str, Facts] | None:
    tail: dict[str, str] = {"card": card.card_number[-4:]}
    if event == "activate":
        return "card.activated", {**tail, "part": "social_security"}
    if event == "activate_bank":
        return "card.activated", {**tail, "part": "bank"}
    until = {
        "report_loss_provisionally": ("loss.provisional", card.provisional_until),
        "remind_report": ("loss.ending", card.provisional_until),
        "remind_expiry": ("card.expiring", card.valid_until),
        "expire": ("card.expired", card.valid_until),
    }
    if event in until:
        kind, day = until[event]
        assert day is not None
        return kind, {**tail, "until": day}
    kinds = {
        WITHOUT_PIN: "card.activated_without_pin",
        "cancel": "card.cancelled",
        "unlock": "pin.unlocked",
        "provisional_report_ends": "loss.ended",
        "report_loss": "loss.reported",
        "withdraw_loss": "loss.withdrawn",
    }
    return None if event not in kinds else (kinds[event], tail)


async def of_collection(platform: Platform, connection: Connection, card: Card) -> None:
    """Tell the holder of a new card that somebody else collected it."""
    facts: Facts = {"card": card.card_number[-4:]}
    await notices.post(
        platform, connection, card.person_id, "card.collected_for", facts,
        once=f"collected-{card.card_id}",
    )  # fmt: skip


async def of_replacement(platform: Platform, connection: Connection, old: Card, new: Card) -> None:
    """Tell that the new card took the old one's place."""
    await of_replacements(platform, connection, [(old, new)])


async def of_replacements(
    platform: Platform, connection: Connection, replaced: Iterable[tuple[Card, Card]]
) -> None:
    """The same for many: old and new cards."""
    postings = [
        Posting(
            new.person_id,
            "card.replaced",
            {"old": old.card_number[-4:], "card": new.card_number[-4:]},
            once=f"replaced-{new.card_id}",
        )
        for old, new in replaced
    ]
    await notices.post_many(platform, connection, postings)


async def of_pin(
    platform: Platform, connection: Connection, card: Card, what: str, once: str
) -> None:
    """Tell that a PIN was changed, reset or locked; that it was set comes with the activation."""
    if what in ("changed", "reset", "locked"):
        facts: Facts = {"card": card.card_number[-4:]}
        once = f"pin-{card.card_id}-{once}"
        await notices.post(platform, connection, card.person_id, f"pin.{what}", facts, once=once)
