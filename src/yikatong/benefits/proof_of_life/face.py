"""The face check (人脸认证), pluggable: an installation connects its own, or none."""

from typing import Protocol

import msgspec

from yikatong.core.platform import Platform


class Match(msgspec.Struct, frozen=True):
    """What a check found."""

    same: bool
    """Whether it is the person, and living (活体)."""
    reference: str
    """The check's own number of this comparison; it names the proof."""


class FaceCheck(Protocol):
    """Compares a picture just taken with the person's on file."""

    async def compare(self, platform: Platform, person_id: int, image: bytes) -> Match:
        """Whether the picture shows the person; raises Unavailable where it does not answer."""
        ...
