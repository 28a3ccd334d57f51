"""Reasons that lie in the card (domain: the card's life and its two applications)."""

from collections.abc import Iterator

from yikatong.cards.model import LIVE_STATES, Card
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text
from yikatong.portability.model import (
    BENEFIT_SERVICES,
    CARE_SERVICES,
    CheckRequest,
    Found,
    Situation,
    fact,
)

_STATES = {
    "applied": Text("已受理，审核中", "accepted, under review"),
    "in_production": Text("制卡中", "being made"),
}


def reasons(situation: Situation, request: CheckRequest) -> Iterator[Found]:
    """What about the card stands in the way."""
    live = next((card for card in situation.cards if card.state in LIVE_STATES), None)
    shown = next((card for card in situation.cards if card.card_id == request.card_id), live)
    if shown is not None and shown.state == "replaced":
        newer = next((card for card in situation.cards if card.card_id == shown.replaced_by), live)
        yield Found("card_replaced", {"tail": fact(newer.card_number[-4:] if newer else "—")})
        return
    card = shown or live
    if card is None or card.state in ("expired", "cancelled"):
        yield from _without(situation, card)
        return
    yield from _states(card, situation, request)
    yield from _applications(card, request)
    yield from _readable(card, situation, request)


def _without(situation: Situation, card: Card | None) -> Iterator[Found]:
    """No live card: an application under way says more than the dead card does."""
    for application in situation.applications:
        if application.state in ("applied", "in_production"):
            expected = application.expected_on
            yield Found(
                "card_application_under_way",
                {
                    "date": fact(application.applied_on),
                    "state": _STATES[application.state],
                    "expected": fact(expected) if expected else Text("待定", "a date to be set"),
                },
            )
            return
        if application.state == "ready":
            yield Found("card_not_collected", {"place": situation.pickup or fact("—")})
            return
    last = card or next(iter(situation.cards), None)
    if last is None:
        yield Found("card_none")
    elif last.state == "expired":
        yield Found("card_expired", {"date": fact(last.valid_until)})
    elif last.state == "replaced":
        yield Found("card_none")
    else:
        yield Found("card_cancelled")


def _states(card: Card, situation: Situation, request: CheckRequest) -> Iterator[Found]:
    if card.valid_until < request.on:
        yield Found("card_expired", {"date": fact(card.valid_until)})
    lost = card.state == "loss_reported"
    until = card.provisional_until
    # A provisional report ends by itself; asked about a day behind its end, it is no reason.
    provisional = card.state == "loss_reported_provisionally" and (
        until is None or (until > situation.now and until.astimezone(SHANGHAI).date() >= request.on)
    )
    if not (lost or provisional):
        if card.state == "locked" and request.service not in BENEFIT_SERVICES:
            yield Found("pin_locked")
    elif request.service in BENEFIT_SERVICES:
        # Social money arriving is never blocked by a loss report.
        yield Found("loss_report_but_payments_arrive", {"benefit": BENEFIT_NAMES[request.service]})
    elif lost:
        yield Found("card_loss_reported")
    else:
        ends = until.astimezone(SHANGHAI).date() if until else None
        yield Found("card_loss_reported_provisionally", {"until": fact(ends or "—")})


BENEFIT_NAMES = {
    "pension": Text("养老金", "pension"),
    "unemployment": Text("失业金", "unemployment benefit"),
}


def _applications(card: Card, request: CheckRequest) -> Iterator[Found]:
    """The two applications of the card are activated, and frozen, each on its own."""
    uses_bank = request.service in BENEFIT_SERVICES or request.service == "cash"
    if uses_bank:
        if card.account_id is None:
            yield Found("payment_account_missing")
        elif card.bank_app == "inactive":
            yield Found("bank_app_inactive")
        # A loss report is a reason of its own.
        if card.account_frozen_by in ("court", "death"):
            by = Text("法院", "a court") if card.account_frozen_by == "court" else _DEATH
            yield Found("account_frozen", {"by": by})
    elif card.social_security_app == "inactive":
        yield Found("social_security_app_inactive")


_DEATH = Text("银行（身故登记）", "the bank (recorded death)")


def _readable(card: Card, situation: Situation, request: CheckRequest) -> Iterator[Found]:
    elsewhere = not regions.is_within(request.region, _city(card.region))
    reads_chip = request.service in CARE_SERVICES or request.service in ("identity", "culture")
    if card.generation == 1 and elsewhere and reads_chip:
        yield Found("first_generation_unreadable")
    if request.service == "transit" and card.generation < 3:
        yield Found("card_not_contactless", {"generation": fact(card.generation)})
    changed_on = situation.identity_changed_on
    older = changed_on is not None and card.issued_on < changed_on
    if reads_chip and (older or card.name_on_card != situation.person.name):
        yield Found("card_data_outdated")


def _city(code: str) -> str:
    region = regions.find(code)
    return region.pooled_in or code if region else code
