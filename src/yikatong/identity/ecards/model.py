"""Types of the e-card: the device it is bound to, and what a code says."""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from yikatong.core.errors import Text

DeviceKind = Literal["key", "session", "sandbox"]
"""What binds it: a key that does not leave the device; the session of a browser without one; nothing,
for synthetic persons of the sandbox."""
Because = Literal["person", "card", "replaced"]
"""Who or what ended a device: the person, a change of the card, a newer binding."""

LIVES: Final = timedelta(seconds=60)
"""A code is valid for so long (r)."""
SKEW: Final = timedelta(seconds=30)
"""Two clocks may differ by so much."""
DEVICES_MAX: Final = 5
REDEEMED_KEPT: Final = timedelta(days=1)
"""A lost answer can be asked again for so long."""
LISTED_FOR: Final = timedelta(days=2)
"""A revoked e-card stays on the list for so long: no new code is signed for it, and its last one is
over after a minute and a half, also by the clock of a terminal that is a day wrong."""
LISTED_BYTES: Final = 5
"""What the list takes of each: of a million entries one in a million others is met by chance."""


class Device(msgspec.Struct, frozen=True):
    """A device that may show the person's e-card."""

    person_id: int
    device_id: int
    card_id: int
    kind: DeviceKind
    key_hash: bytes
    public_key: bytes | None
    listed_hash: bytes
    name: str
    bound_at: datetime
    ends_at: datetime | None
    asked_at: datetime
    revoked_at: datetime | None
    revoked_because: Because | None

    def live_at(self, at: datetime) -> bool:
        """Whether it may show codes, as far as the device is concerned."""
        return self.revoked_at is None and (self.ends_at is None or at < self.ends_at)


class Code(msgspec.Struct, frozen=True):
    """A code as it is shown."""

    text: str
    """What the QR code says: base45, at most `TEXT_MAX` characters."""
    issued_at: datetime
    expires_at: datetime


class OpenedCode(msgspec.Struct, frozen=True):
    """A code of ours whose signature is right; whether it is valid now is asked separately."""

    person_id: int
    device_id: int
    code: bytes
    issued_at: datetime
    expires_at: datetime


Told = Literal["invalid", "expired", "used", "not_usable"]
"""What a service learns of a refused code. Which of the holder's affairs stands behind "not_usable"
(a device or card revoked, lost, a death) only the holder's own trail says."""

TOLD_TEXTS: Final[dict[Told, Text]] = {
    "invalid": Text(
        "这个二维码不对，请持卡人重新打开电子社保卡",
        "this is no valid code of this platform; ask for a fresh one",
    ),
    "expired": Text(
        "二维码已过期，请持卡人刷新后重新出示", "the code has expired; ask for a fresh one"
    ),
    "used": Text(
        "二维码已使用过，请持卡人刷新后重新出示",
        "the code has been used; ask for a fresh one",
    ),
    "not_usable": Text(
        "这张电子社保卡现在不能用，请持卡人打开电子社保卡页面看原因",
        "this e-card cannot be used at present; its holder finds out why on the e-card page",
    ),
}
