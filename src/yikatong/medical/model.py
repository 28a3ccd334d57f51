"""Types of the room: provider, filing, accumulators, catalog."""

from datetime import date, datetime
from typing import Any, Literal

import msgspec

from yikatong.core.money import Fen, Ppm
from yikatong.policies.model import Care, Level

__all__ = [
    "Care",
    "CatalogItem",
    "ChronicRegistration",
    "Filing",
    "FilingKind",
    "Level",
    "Provider",
    "Subkind",
]

FilingKind = Literal["long_term", "transfer", "emergency", "temporary"]
Subkind = Literal["retired_settler", "long_term_resident", "posted_worker"]
"""Why somebody lives elsewhere: 异地安置退休, 异地长期居住, 常驻异地工作; of long-term filings."""


class Provider(msgspec.Struct, frozen=True):
    """A designated hospital, clinic or pharmacy (定点医药机构)."""

    provider_code: str
    """国家医保机构编码, 12 characters."""
    name: str
    english: str
    kind: Literal["hospital", "pharmacy"]
    level: Level
    region: str
    pooling_region: str
    cares: list[Care]
    cross_region_cares: list[Care]
    """The kinds of care it settles directly for people of other pooling regions."""
    chronic_diseases: list[str]
    suspended_on: date | None
    address: str


class Filing(msgspec.Struct, frozen=True):
    """A filing for care elsewhere (异地就医备案)."""

    filing_id: int
    kind: FilingKind
    insurance: Literal["310", "390"]
    region: str
    """The insured region that decides."""
    destination: str
    """A province or a city; care anywhere inside it is covered."""
    starts_on: date
    ends_on: date | None
    """The last day; None: until withdrawn."""
    ended_by: Literal["withdrawal", "return", "change"] | None
    """change: another filing took its place."""
    ended_on: date | None
    """The first day on which it holds no longer."""
    channel: str
    filed_at: datetime
    subkind: Subkind | None = None
    declared: bool = False
    """Whether the person's word stands for documents not handed in yet (承诺制)."""
    materials: tuple[str, ...] = ()
    """What was shown, by the words of `filings.model.Material`."""
    provider_code: str | None = None
    """The hospital that made it."""
    to_provider: str | None = None
    """The hospital a transfer leads to, where one was named."""
    visit_id: int | None = None
    """The stay it is bound to: of an emergency."""
    replaces: tuple[int, ...] = ()
    """The filings whose place it took."""
    reason: str = ""
    details: dict[str, Any] = {}
    """What else the hospital said of a transfer: diagnosis, opinion."""
    version: int = 1


class ChronicRegistration(msgspec.Struct, frozen=True):
    """A registered chronic or special disease (慢特病认定)."""

    disease: str
    starts_on: date
    ends_on: date | None


class CatalogItem(msgspec.Struct, frozen=True):
    """An item of the catalog (目录) with the terms that hold in one region on one day."""

    code: str
    name: str
    english: str
    kind: Literal["drug", "service", "consumable"]
    subkind: str
    specification: str
    unit: str
    usual_price: Fen
    item_class: Literal["A", "B", "C"]
    """甲, 乙, 丙: wholly in scope, after a first-pay share, never."""
    first_pay: Ppm | None
    """先行自付比例; None for class C."""
    price_limit: Fen | None
    source: str
