"""Decisions of the provider's desk, without I/O: what was shown and typed, what may be done now."""

import re
import unicodedata
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.money import AMOUNT_MAX, Fen
from yikatong.medical.hospital_api.fields import Wrong, check_diagnosis
from yikatong.medical.model import Care, Provider
from yikatong.medical.visits.errors import CareRefused
from yikatong.medical.visits.model import Diagnosis
from yikatong.medical.visits.orders import Certificate

SHOWN_MAX: Final = 700
"""The text of an e-card's code."""
LINES_MAX: Final = 60
"""Lines of one visit at the desk."""
REASON_MAX: Final = 100
E_CARD_PROVES: Final = timedelta(hours=4)
"""For so long the e-card that was scanned stands for its holder: nobody pays from the account later with
a code of long ago."""
_CARD: Final = re.compile(r"[0-9A-Z]{9}")
_ID_NUMBER: Final = re.compile(r"[0-9]{17}[0-9X]")
_IDENTIFIER: Final = re.compile(r"[0-9A-F]{32}")
_E_CARD_MIN: Final = 60
_QUANTITY: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,2})?")
_PRICE: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,4})?")
_WITH_QUANTITY: Final = re.compile(r"(.+?)\s*[*x×＊]\s*([0-9]{1,5}(?:\.[0-9]{1,2})?)")


def read_shown(shown: str, second: str) -> tuple[Certificate, str | None]:
    """What the person showed, told by its form, and the id number to compare with it where one was
    given: the code of an e-card, an id number, or a card's number with the id number or the card's
    identifier. Raises InvalidInput naming `shown` or `second`."""
    code = shown.strip()
    text = "".join(unicodedata.normalize("NFKC", shown).split()).upper()
    other = "".join(unicodedata.normalize("NFKC", second).split()).upper()
    if not text:
        raise InvalidInput(
            "shown", zh="请扫码或输入证件号码", en="scan the code, or type the number shown"
        )
    if _ID_NUMBER.fullmatch(text):
        return Certificate("id_number", text), None
    if _CARD.fullmatch(text):
        if _IDENTIFIER.fullmatch(other):
            return Certificate("card", text, other), None
        if _ID_NUMBER.fullmatch(other):
            return Certificate("card", text), other
        raise InvalidInput(
            "second",
            zh="用卡号时，还要输入身份证号（18 位）或读出的卡识别码（32 位）",
            en="with a card's number also give the id number (18) or the card's identifier (32)",
        )
    if len(code) >= _E_CARD_MIN:
        return Certificate("e_card", code), None
    raise InvalidInput(
        "shown",
        zh="请扫电子社保卡，或输入身份证号（18 位）、卡号（9 位）",
        en="scan an e-card, or type an id number (18 characters) or a card's number (9)",
    )


def same_shown(before: Certificate, shown: str) -> bool:
    """Whether this is what was shown before."""
    code = shown.strip()
    return before.number in (code, "".join(unicodedata.normalize("NFKC", code).split()).upper())


def needs_pin(shown: Certificate, begun_at: datetime, now: datetime) -> bool:
    """Whether the holder types the card's PIN to pay from the account; who opened an e-card for this
    visit proved who they are."""
    return shown.kind != "e_card" or now - begun_at > E_CARD_PROVES


def card_present(shown: Certificate) -> bool:
    """Whether the card was in the reader: its identifier stands nowhere but in the chip."""
    return shown.kind == "card" and shown.card_identifier is not None


def first_care(provider: Provider) -> Care:
    """The kind of care that is asked about first."""
    return offered(provider)[0]


def offered(provider: Provider) -> list[Care]:
    """The kinds of care the provider is designated for."""
    found: list[Care] = [one for one in CARES if one in provider.cares]
    return found or ["outpatient"]


CARES: Final[tuple[Care, ...]] = ("pharmacy", "outpatient", "emergency", "chronic", "inpatient")
"""In the order in which they are offered."""


def typed_item(text: str, quantity: str) -> tuple[str, str]:
    """What to look for and how much of it: "ylst*2" says both."""
    text = unicodedata.normalize("NFKC", text).strip()
    both = _WITH_QUANTITY.fullmatch(text)
    if both is not None:
        return both[1].strip(), both[2]
    return text, quantity.strip() or "1"


def read_quantity(text: str) -> str:
    """A quantity; raises InvalidInput naming `quantity`."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not _QUANTITY.fullmatch(text) or Decimal(text) == 0:
        raise InvalidInput(
            "quantity", zh="数量应大于 0，例如 2 或 0.5", en="a quantity above 0, such as 2 or 0.5"
        )
    return text


def read_price(text: str) -> str:
    """A price in yuan; raises InvalidInput naming `price`."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not _PRICE.fullmatch(text):
        raise InvalidInput("price", zh="单价应为金额，例如 15.60", en="a price, such as 15.60")
    return text


def total_of(quantity: str, price: str) -> Fen:
    """A line's total in fen, half a fen up; raises InvalidInput naming `quantity`."""
    exact = (Decimal(quantity) * Decimal(price) * 100).quantize(Decimal(1), ROUND_HALF_UP)
    if exact > AMOUNT_MAX:
        raise InvalidInput("quantity", zh="金额过大", en="the amount is too large")
    return int(exact)


def read_diagnosis(code: str, name: str) -> Diagnosis:
    """A main diagnosis, its code checked for form (ICD-10 or Chinese medicine); raises InvalidInput
    naming `diagnosis`."""
    code = code.strip()
    for kind in ("1", "2"):
        try:
            check_diagnosis(kind, code)
        except Wrong as wrong:
            if kind == "2":
                raise InvalidInput(
                    "diagnosis",
                    zh="没有找到这个诊断。请换个词，或填 ICD-10 编码和名称，例如 J06.900 上呼吸道感染",
                    en="no such diagnosis; try another word, or an ICD-10 code and a name, such as"
                    " J06.900 common cold",
                ) from wrong
        else:
            return Diagnosis(kind=kind, code=code, name=name.strip()[:100] or code, main=True)
    raise AssertionError("one of both kinds decides")


def check_reversible(settled_at: datetime, now: datetime, reason: str) -> str:
    """The reason of a reversal; raises where the day of the settlement is over or none is given."""
    if settled_at.astimezone(SHANGHAI).date() != now.astimezone(SHANGHAI).date():
        raise CareRefused(
            "只能撤销当天的结算；以前的请联系本地医保经办机构",
            "only settlements of today can be reversed here; the agency helps with earlier ones",
            "reason",
        )
    reason = " ".join(reason.split())
    if not 2 <= len(reason) <= REASON_MAX or not reason.isprintable():
        raise InvalidInput(
            "reason",
            zh=f"请写明撤销原因（2 至 {REASON_MAX} 字）",
            en=f"say why it is reversed (2 to {REASON_MAX} characters)",
        )
    return reason


def check_days(since: date, until: date, today: date, days_max: int) -> None:
    """Raise InvalidInput naming `until` where a period is upside down, too long or not here yet."""
    if until < since:
        raise InvalidInput(
            "until", zh="结束日期早于开始日期", en="the period ends before it begins"
        )
    if (until - since).days >= days_max:
        raise InvalidInput("until", zh=f"一次最多 {days_max} 天", en=f"at most {days_max} days")
    if since > today:
        raise InvalidInput("since", zh="这一天还没到", en="this day is still to come")
