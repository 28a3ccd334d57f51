"""Decisions about e-cards. Pure: no I/O, no clock."""

from datetime import date, datetime

from yikatong.cards.model import Card
from yikatong.core.clock import SHANGHAI
from yikatong.identity.ecards.errors import (
    CardNotUsable,
    CodeRefused,
    DeviceRevoked,
    Expired,
    HolderDead,
    NoCard,
    NotYetValid,
)
from yikatong.identity.ecards.model import SKEW, Device, OpenedCode
from yikatong.people.model import Person


def card_fault(card: Card | None, at: datetime) -> str | None:
    """Why a card carries no e-card; None where it does.

    It does where it is in use: activated, its social-security application active, not expired, not
    reported lost. A provisional loss report (口头挂失) ends by itself.
    """
    if card is None:
        return "none"
    day: date = at.astimezone(SHANGHAI).date()
    state = card.state
    ended = card.provisional_until is not None and at >= card.provisional_until
    if state == "loss_reported_provisionally" and ended:
        state = "active"
    if state != "active":
        return state
    if card.social_security_app != "active":
        return f"app_{card.social_security_app}"
    return "expired" if card.valid_until < day else None


def no_card(fault: str) -> NoCard:
    """Why the holder gets no e-card, and what to do, for the holder's eyes."""
    zh, en = _ADVICE[fault]
    return NoCard(fault, zh, en)


_LOST = (
    "社保卡已挂失。找到了请先取消挂失，找不到请补办新卡，然后再开通电子社保卡",
    "your card is reported lost; withdraw the report or get a new card, then set the e-card up",
)
_ADVICE = {
    "none": (
        "您还没有社保卡，请先申领",
        "you have no social-security card yet; please apply for one",
    ),
    "issued": (
        "社保卡还没有启用，请先到社保卡服务网点启用",
        "your card has not been activated yet; please activate it first",
    ),
    "app_inactive": (
        "社保卡还不能办社保的事，请先到社保卡服务网点启用",
        "the card's social-security function is not active yet; please activate it first",
    ),
    "app_frozen": (
        "社保卡办社保的功能已停用，请到社保卡服务网点办理",
        "the card's social-security function is stopped; a card office helps",
    ),
    "loss_reported": _LOST,
    "loss_reported_provisionally": _LOST,
    "locked": (
        "社保卡已锁定，请到社保卡服务网点解锁",
        "your card is locked; a card office unlocks it",
    ),
    "expired": ("社保卡已过期，请换领新卡", "your card has expired; please get a new one"),
    "replaced": (
        "您换过新卡，请先启用新卡，再开通电子社保卡",
        "your card was replaced; activate the new one, then set the e-card up",
    ),
    "cancelled": (
        "社保卡已注销，请重新申领",
        "your card was cancelled; please apply for a new one",
    ),
}


def timing(code: OpenedCode, at: datetime) -> CodeRefused | None:
    """Whether a code is valid at a moment, clocks being wrong by the skew."""
    if code.issued_at > at + SKEW:
        return NotYetValid()
    return Expired() if at >= code.expires_at + SKEW else None


def standing(
    device: Device | None, card: Card | None, person: Person | None, at: datetime
) -> CodeRefused | None:
    """Whether what stands behind a code still holds: the person, the card, the device."""
    if person is None or person.died_on is not None:
        return HolderDead()
    if device is None or not device.live_at(at):
        return DeviceRevoked()
    if card is None or card.card_id != device.card_id or card_fault(card, at) is not None:
        return CardNotUsable()
    return None


def proved(device: Device, face: bool | None, wanted: int) -> tuple[int, str | None]:
    """The level that a code and perhaps a face prove, and why it is not enough, where it is not.

    A face lifts to level 3 only what a key binds: without one the e-card hangs on a browser's session.
    """
    if face is False:
        return 0, "face_differs"
    level = 3 if face and device.kind == "key" else 2
    return level, None if level >= wanted else "level_not_reached"
