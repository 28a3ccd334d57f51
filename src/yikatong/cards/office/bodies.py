"""What commands of the card office are asked with over HTTP."""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from litestar.openapi.datastructures import ResponseSpec

from yikatong.cards.model import Channel, Delivery, Kind, Why
from yikatong.cards.office.admitting import InHand, StatedChannel, check_channel
from yikatong.cards.office.applying import TEXT_MAX
from yikatong.cards.office.model import Doing, Material, Mended, NewApplication
from yikatong.core.bodies import ID_MAX
from yikatong.core.errors import InvalidInput
from yikatong.core.problems import Problem
from yikatong.trust.access import Caller

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    403: ResponseSpec(
        Problem,
        description="`code` says why: not_allowed (not the caller's permission, or region),"
        " card_channel_not_yours, card_applicant_not_allowed, card_reviewer_is_acceptor,"
        " pin_not_accepted, pin_locked.",
    ),
    404: ResponseSpec(Problem, description="No such person, card or application."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why:"
        " card_not_in_state, card_application_under_way, card_exists, card_missing,"
        " card_person_dead, card_identity_mismatch, card_channel_closed, card_fee_due,"
        " card_refused, pin_already_set, key_reused.",
    ),
    422: ResponseSpec(
        Problem, description="A field is wrong or documents are missing; `field` names it."
    ),
    429: ResponseSpec(Problem, description="Tried too often; `Retry-After` says how long to wait."),
    503: ResponseSpec(
        Problem, description="Try again with the same key: it is carried out once at most."
    ),
}
_Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
_Id = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$", description="An identifier, as a text.")]
_Code = Annotated[str, msgspec.Meta(max_length=12, description="A counter's code.")]
_Materials = Annotated[
    list[Material], msgspec.Meta(max_length=12, description="What was shown or uploaded.")
]
By = Literal["self", "guardian", "agent", "kin"]


class DocumentBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the id document says that a cross-province counter has in hand."""

    id_number: Annotated[str, msgspec.Meta(max_length=30)]
    name: Annotated[str, msgspec.Meta(max_length=100)]
    card_number: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    """Of the card that lies beside it, where there is one."""

    def in_hand(self) -> InHand:
        return InHand(self.id_number, self.name, self.card_number)


class _Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who asks for the holder, and what was shown."""

    by: By = "self"
    by_id: _Id | None = None
    """The guardian or agent, where that person is known here."""
    materials: _Materials = []
    reason: _Text = ""
    counter: _Code | None = None
    document: DocumentBody | None = None

    def stated(self, caller: Caller, channel: Channel) -> Doing:
        """Raises ChannelNotYours for a channel the caller does not stand for."""
        check_channel(caller, channel)
        return Doing(
            channel=channel,
            by=self.by,
            by_id=None if self.by_id is None else identifier(self.by_id, "by_id"),
            materials=tuple(dict.fromkeys(self.materials)),
            reason=self.reason.strip(),
            counter=self.counter,
        )

    def shown(self, channel: Channel) -> InHand | None:
        """The document, where this is a cross-province counter."""
        if self.document is None or channel != "cross_province":
            return None
        return self.document.in_hand()


class DoingBody(_Asked, kw_only=True):
    """On which channel it comes, who asks for the holder, and what was shown.

    `document`: at a cross-province counter, of whom who is not at home there.
    """

    channel: StatedChannel

    def doing(self, caller: Caller) -> Doing:
        return self.stated(caller, self.channel)

    def in_hand(self) -> InHand | None:
        return self.shown(self.channel)


class AtReaderBody(_Asked, kw_only=True):
    """The same of an errand that terminals (自助机) offer, too."""

    channel: StatedChannel | Literal["terminal"]

    def doing(self, caller: Caller) -> Doing:
        return self.stated(caller, self.channel)

    def in_hand(self) -> InHand | None:
        return self.shown(self.channel)


class ApplyBody(DoingBody, kw_only=True):
    """What is applied for."""

    kind: Kind
    why: Why | None = None
    region: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    """The region that is to issue the card; left out: the insured place."""
    bank: Annotated[str, msgspec.Meta(max_length=10)] | None = None
    delivery: Delivery = "pickup"
    pickup_place: _Code | None = None
    post_to: _Text | None = None
    post_phone: _Text | None = None

    def wanted(self) -> NewApplication:
        return NewApplication(
            kind=self.kind,
            why=self.why,
            region=self.region,
            bank=self.bank,
            delivery=self.delivery,
            pickup_place=self.pickup_place,
            post_to=self.post_to,
            post_phone=self.post_phone,
        )


class AmendBody(DoingBody, kw_only=True):
    """What is mended or added; `materials` are the ones that are new."""

    bank: Annotated[str, msgspec.Meta(max_length=10)] | None = None
    pickup_place: _Code | None = None
    post_to: _Text | None = None

    def mended(self) -> Mended:
        return Mended(tuple(self.materials), self.bank, self.pickup_place, self.post_to)


class FeeBody(DoingBody, kw_only=True):
    """From which account of the person the fee is paid; left out: in cash."""

    account_id: _Id | None = None

    def account(self) -> int | None:
        return None if self.account_id is None else identifier(self.account_id, "account_id")


class ReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why; the applicant reads it."""

    reason: _Text


class ParcelBody(msgspec.Struct, forbid_unknown_fields=True):
    """The number of the parcel."""

    tracking: _Text


class PinBody(AtReaderBody, kw_only=True):
    """The six digits the holder chose; nothing of them is kept but their verifier."""

    pin: Annotated[str, msgspec.Meta(max_length=20)]


class TailBody(DoingBody, kw_only=True):
    """What the caller reads from the card in their hand: the last four of its number."""

    tail: Annotated[str, msgspec.Meta(max_length=20)]


class NewPinBody(AtReaderBody, kw_only=True):
    """The PIN so far, typed with the card in a reader, and the six digits the holder chose."""

    old: Annotated[str, msgspec.Meta(max_length=20)]
    new: Annotated[str, msgspec.Meta(max_length=20)]


class CancelBody(DoingBody, kw_only=True):
    """On death its day, as it stands on the certificate."""

    died_on: date | None = None


class FactsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Three facts a caller says on the phone: the name, an id or card number, and one more."""

    name: Annotated[str, msgspec.Meta(max_length=50)]
    number: Annotated[str, msgspec.Meta(max_length=30)]
    third: Literal["phone", "card", "birth_date", "residence"]
    value: Annotated[str, msgspec.Meta(max_length=50)]


def identifier(text: str, field: str) -> int:
    """An identifier that came as a text; raises InvalidInput."""
    if int(text) > ID_MAX:
        raise InvalidInput(
            field, zh="编号有误，请核对", en="this is no such number; please compare it"
        )
    return int(text)
