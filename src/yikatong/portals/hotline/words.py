"""What is read out on the phone (播报): how things stand, in both languages, and nothing beside it."""

from yikatong.benefits.model import Entitlement
from yikatong.cards.office import words as card_words
from yikatong.core.errors import Text
from yikatong.portals.counter import words
from yikatong.portals.counter.facts import Facts
from yikatong.portals.view import dated

Said = tuple[str, Text]
"""What it is about (the text `call_about_<name>`), and what is said."""


def spoken(facts: Facts) -> list[Said]:
    """How things stand: card, application, insurance, filings, benefits, contributions."""
    said: list[Said] = []
    if facts.person.died_on is not None:
        return [("person", words.words("refused_dead", day=f"{facts.person.died_on}"))]
    under_way = facts.open_applications
    card = facts.card or next(iter(facts.cards), None)
    if card is not None:
        said.append(("card", card_words.of_card(card, facts.day)))
        if card.account_frozen_by is not None:
            said.append(("bank", words.words(f"state_bank_stopped_{card.account_frozen_by}")))
    elif not under_way:
        said.append(("card", card_words.NO_CARD))
    said += [
        ("application", card_words.of_application(one, facts.place_of(one))) for one in under_way
    ]
    said += [
        ("insured", words.enrolment(one, facts.day))
        for one in facts.enrolments
        if one.status != "ended"
    ]
    filings = facts.open_filings
    said += [("filing", words.filing(one, facts.day)) for one in filings]
    if not filings:
        said.append(("filing", words.words("panel_filings_none")))
    for one in facts.entitlements:
        if one.status == "ended":
            continue
        said.append(("benefit", _benefit(one)))
        due = words.proof(one, facts.day)
        if due is not None:
            said.append(("proof", due))
    still = [one for one in facts.bills if one.state == "open" and one.payer == "self"]
    if still:
        first = min(one.due_on for one in still)
        said.append(
            ("contribution", words.words("call_open_bills", count=str(len(still)), day=f"{first}"))
        )
    return said


def with_days(said: Text) -> Text:
    """A sentence with its days as people say them."""
    return Text(dated(said.zh, "zh"), dated(said.en, "en"))


def _benefit(one: Entitlement) -> Text:
    """A benefit without its amount."""
    name = words.words(f"state_benefit_{one.benefit}")
    if one.status == "held":
        why = words.words(f"state_held_{one.held_reason}")
        return words.words("call_benefit_held", benefit=name, why=why)
    return words.words("call_benefit_drawing", benefit=name)
