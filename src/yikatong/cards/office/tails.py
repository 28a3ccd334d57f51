"""The last four of a card's number, read from the card itself: whoever says them has it in hand (卡在手)."""

from datetime import timedelta
from typing import Final

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.trust import guessing
from yikatong.trust.guessing import Limit

_WRONG_ONES: Final = (Limit(5, timedelta(hours=1)),)


async def count(platform: Platform, subject: int) -> None:
    """Count a try at a card, or at the card of an application, before it is looked at; raises
    TooManyTries."""
    await guessing.count(platform, _tried(subject))


async def compare(
    platform: Platform, connection: Connection, subject: int, card_number: str, said: str
) -> None:
    """Take the try back where they are this card's; else raise InvalidInput."""
    if card_number[-4:] != "".join(said.split()).upper():
        raise InvalidInput(
            "tail",
            zh="与卡面上卡号的后四位不符，请再核对；还是不符，请带卡和身份证到窗口办理",
            en="these are not the last four characters of the card number; please compare them. If they "
            "still differ, come to a counter with the card and your id document",
        )
    await guessing.take_back(connection, platform, _tried(subject))


def _tried(subject: int) -> list[tuple[str, tuple[Limit, ...]]]:
    return [(f"card in hand:{subject}", _WRONG_ONES)]
