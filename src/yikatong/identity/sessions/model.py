"""Types of a session."""

from datetime import datetime

import msgspec

from yikatong.identity.model import Level, Mode
from yikatong.trust.audit import Actor


class Session(msgspec.Struct, frozen=True):
    """A person's session (登录会话)."""

    person_id: int
    session_id: int
    level: Level
    """The level while no stronger proof holds."""
    begun_with: tuple[Mode, ...]
    """The proofs it began with; they count as long as it lasts."""
    modes: tuple[Mode, ...]
    """These and the stronger ones since; see `modes_at`."""
    proved_at: datetime
    raised_level: Level | None
    raised_until: datetime | None
    acting_for: int | None
    """The person for whom this one acts now, by recorded authority (代办)."""
    device: str
    begun_at: datetime
    seen_at: datetime
    ends_at: datetime

    def level_at(self, at: datetime) -> Level:
        """The level that holds at a moment."""
        if self.raised_level and self.raised_until and at < self.raised_until:
            return max(self.level, self.raised_level)
        return self.level

    def modes_at(self, at: datetime) -> tuple[Mode, ...]:
        """The proofs that hold at a moment: those given since the beginning for minutes only."""
        raised = self.raised_until is not None and at < self.raised_until
        return self.modes if raised else self.begun_with

    @property
    def subject_id(self) -> int:
        """Whose affairs the session is about: the person, or the one acted for."""
        return self.acting_for or self.person_id

    def actor(self, purpose: str) -> Actor:
        """The signed-in person, for the audit trail."""
        return Actor("person", str(self.person_id), purpose)
