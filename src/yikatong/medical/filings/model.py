"""Types of filings: what is wanted, what a region's rules say, names for people."""

from datetime import date
from typing import Any, Final, Literal, get_args

import msgspec

from yikatong.core.errors import Text
from yikatong.medical.model import FilingKind, Level, Subkind

Channel = Literal["online", "phone", "counter", "provider"]
"""Where a filing is made: 线上, 电话, 窗口, 医疗机构."""
Material = Literal["identity", "household_register", "residence_proof", "work_proof", "referral"]
"""What is shown: 身份凭证, 户口簿, 居住证明, 异地工作证明, 转诊转院证明."""
AtHome = Literal["home_rates", "transfer_rates", "after_materials"]
"""What a long-term filer gets back home: the rates of home, those of a transfer, or nothing directly
until the documents promised are handed in."""

KINDS: Final[tuple[FilingKind, ...]] = get_args(FilingKind)
SUBKINDS: Final[tuple[Subkind, ...]] = get_args(Subkind)
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
MATERIALS: Final[tuple[Material, ...]] = get_args(Material)
AT_HOME: Final[tuple[AtHome, ...]] = get_args(AtHome)
REASON_MAX: Final = 500

KIND_NAMES: Final[dict[str, Text]] = {
    "long_term": Text("长期居住", "long-term residence"),
    "transfer": Text("转诊转院", "transfer"),
    "emergency": Text("急诊抢救", "emergency"),
    "temporary": Text("临时外出", "temporary stay"),
}
SUBKIND_NAMES: Final[dict[str, Text]] = {
    "retired_settler": Text("异地安置退休", "settled elsewhere in retirement"),
    "long_term_resident": Text("异地长期居住", "living elsewhere"),
    "posted_worker": Text("常驻异地工作", "working elsewhere"),
}
CHANNEL_NAMES: Final[dict[str, Text]] = {
    "online": Text("线上", "online"),
    "phone": Text("电话", "by phone"),
    "counter": Text("窗口", "at a counter"),
    "provider": Text("医疗机构", "by the hospital"),
}
MATERIAL_NAMES: Final[dict[str, Text]] = {
    "identity": Text("身份证、社保卡或医保码", "id card, social-security card or insurance code"),
    "household_register": Text("就医地户口簿", "household register of the place of treatment"),
    "residence_proof": Text("居住证明", "proof of residence"),
    "work_proof": Text(
        "派出证明、单位证明或劳动合同", "posting letter, employer's letter or contract"
    ),
    "referral": Text("转诊转院证明", "referral of a designated hospital"),
}


class NewFiling(msgspec.Struct, frozen=True, kw_only=True):
    """A filing somebody wants."""

    kind: FilingKind
    destination: str
    """A province or a city; of a county its city is meant."""
    channel: Channel
    subkind: Subkind | None = None
    insurance: str | None = None
    """None: the medical insurance that pays, employees' before residents'."""
    starts_on: date | None = None
    """None: today, or the admission where the person is in hospital there."""
    ends_on: date | None = None
    """None: as long as the region allows."""
    declared: bool = False
    """Whether the person's word shall stand for documents not at hand (承诺制)."""
    materials: tuple[str, ...] = ()
    """What is shown, each a Material."""
    reason: str = ""
    details: dict[str, Any] = {}


class FilingChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; None: as it is."""

    channel: Channel
    destination: str | None = None
    subkind: Subkind | None = None
    starts_on: date | None = None
    """The first day for another destination."""
    ends_on: date | None = None
    declared: bool = False
    materials: tuple[str, ...] = ()
    """Handed in now; for another destination, all of them anew."""


class Stay(msgspec.Struct, frozen=True):
    """A stay in hospital that is not settled yet."""

    visit_id: int
    region: str
    begun_on: date


class Use(msgspec.Struct, frozen=True):
    """A settlement, or a visit not settled yet, that a filing may have been counted for."""

    region: str
    on: date
    kind: str | None
    """The kind of filing it was settled with; None: not settled yet."""


class KindRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a region says of one kind of filing."""

    channels: tuple[Channel, ...]
    needs: dict[str, tuple[Material, ...]]
    """What is to be shown, by subkind; "" for kinds without one."""
    declaration: bool = False
    """Whether the person's word may stand for documents, identity aside (承诺制)."""
    months: int | None = None
    """How long it holds at most; None: until withdrawn."""
    change_after_months: int = 0
    """The earliest other destination after its first day (变更时限)."""
    withdraw_after_months: int = 0
    ends_by_return: bool = False
    """Whether it ends when the person comes back (返回参保地即终止)."""
    at_home: AtHome = "home_rates"
    declared_at_home: AtHome = "home_rates"
    """The same while documents are owed."""
    levels: tuple[Level, ...] = ()
    """Of a transfer: hospitals of which levels may refer."""
    sources: tuple[str, ...] = ()
    recalled: bool = False
    """Figures are from memory and need checking first."""
    notes: tuple[str, ...] = ()


class RegionRules(msgspec.Struct, frozen=True):
    """The filing rules of an insured region on a day."""

    region: str
    kinds: dict[FilingKind, KindRule]
    providers_max: int
    """How many providers a person may choose (定点选择)."""
