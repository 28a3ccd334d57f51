"""What errands about one's card share: whose it is, who asks, and the proof that it is them."""

from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile

from yikatong.cards.model import By
from yikatong.cards.office.model import Doing, Material
from yikatong.core.errors import InvalidInput
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.sessions.model import Session
from yikatong.identity.verification import faces
from yikatong.portals.faces import read_face
from yikatong.portals.signed_in import require_session

CARD: Final = "/card"
STRONG: Final = 2
"""The level at which no face is asked for."""
TEXT_MAX: Final = 200
BODY_BYTES_MAX: Final = 12 * 1024 * 1024
"""Two pictures and a little text."""


class Holder(msgspec.Struct, frozen=True):
    """Whose card, and who asks."""

    session: Session
    person_id: int
    by: By
    level: int

    def doing(self, *more: Material) -> Doing:
        """How the errand reaches the office: signed in, and known by what was proved."""
        known: tuple[Material, ...] = ("identity", "old_card", *more)
        if self.by != "self":
            known = (*known, "agent_identity", "guardianship")
        by_id = None if self.by == "self" else self.session.person_id
        return Doing("online", self.by, by_id, known)


async def holder_of(request: Request[Any, Any, Any], platform: Platform) -> Holder:
    session = await require_session(request, platform)
    by: By = "self"
    async with platform.database.transaction(readonly=True) as connection:
        person_id = await authority.subject(platform, connection, session, "card")
        if session.acting_for is not None:
            held = await authority.mandates(platform, connection, session.person_id)
            guards = any(one.person_id == person_id and one.kind == "guardian" for one in held)
            by = "guardian" if guards else "agent"
    return Holder(session, person_id, by, session.level_at(platform.clock.now()))


def new_key(platform: Platform) -> str:
    """A key for a form, so that sending it twice does it once; `key_of` reads it back."""
    return f"web-{new_id(platform.clock.now())}"


def key_of(text: str) -> str:
    if text.startswith("web-") and text[4:].isascii() and text[4:].isdigit():
        return text
    raise InvalidInput(
        "key",
        zh="页面已过期，请回到“我的卡”再办一次",
        en="the page is out of date; please go back to “My card” and try again",
    )


async def check_face(platform: Platform, holder: Holder, upload: Any) -> None:
    """Raise InvalidInput unless the picture shows who is signed in."""
    image = await read_face(upload, "face")
    said = await faces.for_errands(platform).check(holder.session.person_id, image)
    if said == "different":
        raise InvalidInput(
            "face",
            zh="照片与登记的本人不一致，请正对镜头、光线充足时再拍；仍不行请到窗口办理",
            en="the photo does not show the person on record; face the camera in good light and try "
            "again, or go to a counter",
        )
    if said == "not_available":
        raise InvalidInput(
            "face",
            zh="人脸核验暂时不能用，请稍后再试，或到窗口办理",
            en="the face check is not available now; try later, or go to a counter",
        )


async def content_of(upload: Any) -> bytes:
    if not isinstance(upload, UploadFile):
        return b""
    return await upload.read()
