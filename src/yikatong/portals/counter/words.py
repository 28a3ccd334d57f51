"""How things stand, in plain words and both languages: for the file, and to be read out on the phone."""

from datetime import date

from yikatong.benefits.model import Entitlement
from yikatong.cards.model import Card
from yikatong.core import regions
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan_grouped
from yikatong.medical.filings.model import KIND_NAMES
from yikatong.medical.filings.rules import span
from yikatong.medical.model import Filing
from yikatong.people.model import INSURANCE_NAMES as ENROLLED_IN
from yikatong.people.model import Enrolment
from yikatong.portals.view import texts


def words(key: str, **facts: str | Text) -> Text:
    """A text of the pages in both languages."""
    pair = texts()[key]
    return Text(
        *(
            pair[language].format_map(
                {
                    name: value.in_language(language) if isinstance(value, Text) else value
                    for name, value in facts.items()
                }
            )
            for language in ("zh", "en")
        )
    )


def place(code: str) -> Text:
    """A place's name."""
    return Text(regions.short_name(code), regions.short_name(code, "en"))


def bank_side(one: Card) -> Text:
    """How the bank application of a card stands."""
    if one.account_frozen_by is not None:
        return words(f"state_bank_stopped_{one.account_frozen_by}")
    return words(f"state_bank_{one.bank_app}")


def until_words(day: date | None) -> Text:
    """The last day of something, or that it has none."""
    return words("state_until", day=f"{day}") if day else words("state_no_end")


def filing(one: Filing, day: date) -> Text:
    """What a filing is and whether it holds."""
    found = span(one)
    facts = {
        "kind": KIND_NAMES[one.kind], "place": place(one.destination), "since": f"{one.starts_on}",
    }  # fmt: skip
    if found is None or found[1] < day:
        return words("state_filing_ended", **facts)
    until = until_words(one.ends_on)
    if found[0] > day:
        return words("state_filing_to_come", **facts, until=until)
    return words("state_filing_in_force", **facts, until=until)


def enrolment(one: Enrolment, day: date) -> Text:
    """An enrolment and whether it pays."""
    facts = {"insurance": Text(*ENROLLED_IN[one.insurance]), "place": place(one.region)}
    if one.status != "insured":
        return words(f"state_enrolment_{one.status}", **facts)
    if one.benefits_from > day:
        return words("state_enrolment_waiting", **facts, day=f"{one.benefits_from}")
    if one.arrears_since is not None and one.arrears_since <= day:
        return words("state_enrolment_arrears", **facts, day=f"{one.arrears_since}")
    return words("state_enrolment_insured", **facts)


def entitlement(one: Entitlement) -> Text:
    """A benefit, and why it is held where it is."""
    facts = {
        "benefit": words(f"state_benefit_{one.benefit}"),
        "amount": format_yuan_grouped(one.monthly),
    }
    if one.status == "held":
        return words("state_benefit_held", **facts, why=words(f"state_held_{one.held_reason}"))
    return words(f"state_benefit_{one.status}", **facts)


def proof(one: Entitlement, day: date) -> Text | None:
    """When the next proof of life is due; None where none is asked."""
    if one.proof_due_on is None or one.status == "ended":
        return None
    key = "state_proof_overdue" if one.proof_due_on < day else "state_proof_due"
    return words(key, day=f"{one.proof_due_on}")
