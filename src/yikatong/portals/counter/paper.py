"""Forms to print and sign (申请表): filled in from the receipt of an errand, or blank.

The receipt says what was done; the form is what the person asks for and signs, and is handed in as the
application's form.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from yikatong.cards.office.model import BY_NAMES
from yikatong.core.errors import NotFound, Text
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.people.ethnic_groups import ETHNIC_GROUPS
from yikatong.portals.counter import receipts
from yikatong.portals.counter.errand import same
from yikatong.portals.counter.receipts import Receipt, both
from yikatong.portals.counter.words import words
from yikatong.trust import audit
from yikatong.trust.audit import Actor

Name = Literal["card", "loss", "change"]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
_OF_ERRAND: Final[dict[str, Name]] = {
    "card_first": "card", "card_replace": "card", "card_renew": "card", "loss": "loss",
    "loss_provisional": "loss", "identity_change": "change", "contact_change": "change",
}  # fmt: skip
_BLANK: Final = "＿" * 12
_ASKED: Final[dict[Name, tuple[str, ...]]] = {
    "card": ("kind", "why", "delivery", "pickup_place", "post_to", "bank"),
    "loss": ("card", "loss_where", "loss_kind"),
    "change": ("change_what", "change_before", "change_after"),
}
"""What a blank form asks for."""


class Applicant(msgspec.Struct, frozen=True):
    """Who asks, as it stands on the form."""

    name: str
    sex: str
    born: str
    ethnic_group: str
    id_number: str
    phone: str
    address: str


_NOBODY: Final = Applicant(*[_BLANK] * 7)


def of_errand(name: str) -> Name | None:
    """The form that goes with an errand."""
    return _OF_ERRAND.get(name)


async def filled(
    platform: Platform, person_id: int, receipt_id: int, actor: Actor, *, elsewhere: bool
) -> tuple[Receipt, Applicant]:
    """The receipt and who it is of, to be printed; recorded. Of somebody from elsewhere phone and
    address are left to be written: they are not seen there. Raises NotFound."""
    async with platform.database.transaction() as connection:
        one = await receipts.find(platform, connection, person_id, receipt_id)
        if of_errand(one.errand) is None:
            raise no_such_form()
        person = await people.get(connection, person_id)
        contact = await people.contact(platform, connection, person_id)
        detail: dict[str, object] = {"receipt": str(receipt_id)}
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "counter.form_printed", detail
        )
    group = ETHNIC_GROUPS.get(person.ethnic_group)
    return one, Applicant(
        person.name, both(words(f"file_sex_{person.sex}")), f"{person.birth_date}",
        both(group) if group else _BLANK, contact.id_number,
        _BLANK if elsewhere else contact.phone or _BLANK,
        _BLANK if elsewhere else contact.address or _BLANK,
    )  # fmt: skip


def no_such_form() -> NotFound:
    """The error of a form that is none."""
    return NotFound(zh="没有这种申请表", en="there is no such form")


def as_pdf(
    name: Name, made_at: datetime, receipt: Receipt | None = None, who: Applicant = _NOBODY
) -> bytes:
    """The form, Chinese with English: blank, or with what the receipt says."""
    from yikatong.core import pdf  # noqa: PLC0415 - the typesetter is heavy; few need it

    asked: Sequence[tuple[Text, str]] = [
        (words(f"paper_{label}"), _BLANK * 2) for label in _ASKED[name]
    ]
    by = _BLANK
    if receipt is not None:
        asked = [(label, both(value)) for label, value in receipt.told]
        by = both(BY_NAMES[receipt.by])
    facts = [
        ("name", who.name), ("sex", who.sex), ("born", who.born), ("ethnic_group", who.ethnic_group),
        ("id_number", who.id_number), ("phone", who.phone), ("address", who.address), ("by", by),
    ]  # fmt: skip
    taken = [
        (words("paper_number"), str(receipt.receipt_id) if receipt else _BLANK),
        (words("paper_at"), both(same(receipt.at)) if receipt else _BLANK),
        (words("paper_counter"), both(receipt.counter) if receipt and receipt.counter else _BLANK),
        (words("paper_clerk"), receipt.staff_number if receipt else _BLANK),
    ]
    return pdf.document(
        title=words(f"paper_title_{name}"),
        facts=[(words(f"paper_{label}"), value) for label, value in facts],
        header=[both(words("paper_asked")), ""],
        rows=[[both(label), value] for label, value in asked],
        sections=[
            pdf.Section(
                words("paper_office"), (), [[both(label), value] for label, value in taken],
                widths=("1fr", "2fr"),
            )
        ],
        made_at=made_at,
        by_hand=receipt is None,
        note=words(f"paper_promise_{name}"),
        signatures=[
            words("paper_sign"), words("paper_date"), words("paper_sign_agent"),
            words("paper_agent_number"),
        ],
    )  # fmt: skip
