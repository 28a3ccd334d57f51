"""Type of a counter."""

from datetime import date
from typing import Final, Literal, get_args

import msgspec

from yikatong.core.errors import InvalidInput, Text

CounterKind = Literal["agency", "bank"]
KINDS: Final[tuple[CounterKind, ...]] = get_args(CounterKind)
KIND_NAMES: Final[dict[CounterKind, Text]] = {
    "agency": Text("经办机构窗口", "a counter of the agency"),
    "bank": Text("合作银行网点", "a branch of a bank"),
}


class Counter(msgspec.Struct, frozen=True):
    """A counter of the agency (经办机构窗口) or a branch of an issuing bank (合作银行网点)."""

    code: str
    """Twelve characters: S or B, the county's code, a number."""
    name: str
    english: str
    kind: CounterKind
    region: str
    """The county or city where it stands."""
    pooling_region: str
    address: str
    hours: str
    hours_english: str
    prints_at_once: bool
    """Whether it makes cards while one waits (即时制卡)."""
    bank: str | None
    """Of a branch: its bank."""
    closed_on: date | None

    def open_on(self, day: date) -> bool:
        """Whether it is not closed for good."""
        return self.closed_on is None or day < self.closed_on

    @property
    def text(self) -> Text:
        """Its name."""
        return Text(self.name, self.english)


def no_such_counter(field: str) -> InvalidInput:
    """The error of a code that is no open counter."""
    return InvalidInput(
        field,
        zh="没有这个社保卡服务网点，或已停业；网点代码见 yikatong cards counters",
        en="there is no such counter, or it is closed; `yikatong cards counters` lists them",
    )
