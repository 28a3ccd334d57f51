"""The face check (人脸核验): somebody else's service, asked where one is set; honest where none is."""

from typing import Final, Literal, Protocol

import httpx
import structlog

from yikatong.core.platform import Platform
from yikatong.people import service as people

Said = Literal["same", "different", "not_available"]
SECONDS_MAX: Final = 5.0
_log = structlog.stdlib.get_logger("yikatong.faces")


class FaceCheck(Protocol):
    """Compares a picture with a person."""

    available: bool
    """False: no picture is looked at, and no code is used up for it."""

    async def check(self, person_id: int, image: str) -> Said:
        """Whether the picture (JPEG, base64) shows the person."""
        ...


class NoFaceCheck:
    """The default: says that there is none."""

    available = False

    async def check(self, person_id: int, image: str) -> Said:
        return "not_available"


class HttpFaceCheck:
    """Asks a service: POST {"name", "id_number", "image"}, answered {"same": true | false}."""

    available = True

    def __init__(self, platform: Platform, url: str, seconds_max: float = SECONDS_MAX) -> None:
        self._platform = platform
        self._url = url
        self._seconds_max = seconds_max

    async def check(self, person_id: int, image: str) -> Said:
        """Anything but a clear answer in time is "not_available"."""
        async with self._platform.database.transaction(readonly=True) as connection:
            names = await people.names(connection, [person_id])
            numbers = await people.id_numbers(self._platform, connection, [person_id])
        if person_id not in names:
            return "not_available"
        asked = {"name": names[person_id], "id_number": numbers[person_id], "image": image}
        try:
            async with httpx.AsyncClient(timeout=self._seconds_max, trust_env=False) as client:
                answer = await client.post(self._url, json=asked)
            said: object = answer.json().get("same") if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            _log.warning("the face check did not answer", reason=type(error).__name__)
            return "not_available"
        if said is True:
            return "same"
        return "different" if said is False else "not_available"


class SandboxFaceCheck:
    """In the sandbox, where no service is set: compares nothing and takes every picture for the person,
    so that errands can be tried to their end. The pages say so."""

    available = True

    async def check(self, person_id: int, image: str) -> Said:
        return "same"


def for_errands(platform: Platform) -> FaceCheck:
    """The check behind errands on pages; in a sandbox without one, the one that compares nothing.

    Verifications for others never use it: there nobody would be told.
    """
    known = face_check(platform)
    return SandboxFaceCheck() if platform.settings.sandbox and not known.available else known


def face_check(platform: Platform) -> FaceCheck:
    """The one that the settings name."""
    url = platform.settings.face_url
    return NoFaceCheck() if url is None else HttpFaceCheck(platform, url)
