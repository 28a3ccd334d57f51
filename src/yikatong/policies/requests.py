"""Reading a quote's input: strict, exact, and naming the wrong field by its path."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Final, NoReturn, TypeVar, cast

from yikatong.core import regions
from yikatong.core.errors import InvalidInput, Malformed, TooLarge
from yikatong.core.money import Fen, parse_yuan
from yikatong.policies.model import (
    CARES,
    FILINGS,
    GRADES,
    HOME_FILINGS,
    INSURANCES,
    KNOWN_GROUPS,
    LEVELS,
    Bill,
    Care,
    Grade,
    Level,
    MedicalAccount,
    PersonFacts,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)

BYTES_MAX: Final = 64 * 1024
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_Choice = TypeVar("_Choice", bound=str)


class _Number(str):
    """A JSON number as it was written, so that no amount passes through binary floating point."""

    __slots__ = ()


def _shown(key: str) -> str:
    """A key of the input as an error may repeat it: short, and never half a character."""
    return key[:40].encode("utf-8", "replace").decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once; of two amounts neither may win silently."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInput(_shown(key), zh="重复", en="stands twice")
        found[key] = value
    return found


def parse_json(data: bytes | str) -> Mapping[str, Any]:
    """A JSON object with its numbers as written; raises Malformed, TooLarge, InvalidInput."""
    if len(data) > BYTES_MAX:
        raise TooLarge(zh="内容超过 64 KB", en="the input is larger than 64 KB")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        value = json.loads(
            text,
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_Number,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError):
        raise Malformed(
            zh="内容不是 JSON，请检查引号、逗号和编码（UTF-8）",
            en="the input is not JSON; check quotes, commas and encoding (UTF-8)",
        ) from None
    if not isinstance(value, dict):
        raise Malformed(zh="内容应为一个 JSON 对象", en="the input must be one JSON object")
    return cast("dict[str, Any]", value)


def parse_day(text: str, field: str) -> date:
    """A day such as 2026-03-01; raises InvalidInput naming `field`."""
    if not text.strip():
        raise InvalidInput(field, zh="请填写日期", en="give the date")
    if _DAY.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise InvalidInput(
        field, zh="应为存在的日期，例如 2026-03-01", en="must be a date like 2026-03-01"
    )


class Fields:
    """One JSON object of the input and its path."""

    def __init__(self, value: object, path: str, known: str) -> None:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise InvalidInput(path, zh="应为 JSON 对象", en="must be an object")
        self._values = cast("dict[str, Any]", value)
        self._path = path
        for key in self._values:
            if key not in known.split():
                raise InvalidInput(
                    self.path(_shown(key)),
                    zh=f"没有这个字段，可用：{known}",
                    en=f"there is no such field; known: {known}",
                )

    def path(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Whether the field is given and not empty."""
        return self.raw(key) is not None

    def raw(self, key: str) -> Any:
        value = self._values.get(key)
        return None if value == "" else value

    def _wrong(self, key: str, zh: str, en: str) -> NoReturn:
        raise InvalidInput(self.path(key), zh=zh, en=en)

    def amount(self, key: str, *, required: bool = False) -> Fen:
        value = self.raw(key)
        if value is None:
            if required:
                self._wrong(key, "请填写金额", "an amount is required")
            return 0
        if not isinstance(value, str):
            self._wrong(key, '金额应为文字，例如 "30000.00"', 'an amount is a text like "30000.00"')
        return parse_yuan(
            value.strip() if not isinstance(value, _Number) else value, self.path(key)
        )

    def whole(self, key: str, high: int) -> int | None:
        value = self.raw(key)
        if value is None:
            return None
        text = str(value)
        if (
            isinstance(value, bool)
            or not text.isascii()
            or not text.isdigit()
            or len(text) > 9
            or int(text) > high
        ):
            self._wrong(key, f"应为 0-{high} 的整数", f"must be a whole number from 0 to {high}")
        return int(text)

    def flag(self, key: str) -> bool:
        value = self.raw(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            self._wrong(key, "应为 true 或 false", "must be true or false")
        return value

    def text(self, key: str) -> str:
        value = self.raw(key)
        if value is None:
            self._wrong(key, "必填", "is required")
        if not isinstance(value, str) or len(value) > 100:
            self._wrong(key, "应为文字", "must be a text")
        return value.strip()

    def choice(
        self, key: str, allowed: tuple[_Choice, ...], default: _Choice | None = None
    ) -> _Choice:
        if self.raw(key) is None and default is not None:
            return default
        text = self.text(key)
        for word in allowed:
            if word == text:
                return word
        self._wrong(key, f"应为 {'、'.join(allowed)} 之一", f"must be one of {', '.join(allowed)}")

    def day(self, key: str) -> date:
        return parse_day(self.text(key), self.path(key))

    def words(self, key: str, allowed: frozenset[str]) -> list[str]:
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(cast("list[Any]", value)) > 20:
            self._wrong(key, "应为列表，最多 20 项", "must be a list of at most 20")
        words = cast("list[Any]", value)
        for number, word in enumerate(words):
            if not isinstance(word, str) or word not in allowed:
                known = sorted(allowed)
                self._wrong(
                    f"{key}[{number}]",
                    f"没有这个人员类别，可用：{'、'.join(known)}",
                    f"there is no such group; known: {', '.join(known)}",
                )
        return cast("list[str]", words)


def parse_request(body: Mapping[str, Any], groups: frozenset[str] = KNOWN_GROUPS) -> QuoteRequest:
    """Check a quote's input field by field; raises InvalidInput naming the path.

    `groups` are the known groups of persons; a misspelt one would change money silently.
    """
    top = Fields(dict(body), "", "person visit bill year_to_date medical_account")
    return QuoteRequest(
        person=_person(
            Fields(
                top.raw("person"), "person", "insurance region retired age groups insured_years"
            ),
            groups,
        ),
        visit=_visit(
            Fields(
                top.raw("visit"), "visit", "care region level date filing days grade home_filing"
            )
        ),
        bill=_bill(Fields(top.raw("bill"), "bill", "total self_paid over_limit first_pay")),
        year_to_date=_year_to_date(top.raw("year_to_date")),
        medical_account=_account(
            Fields(top.raw("medical_account"), "medical_account", "balance use family")
        ),
    )


def _person(fields: Fields, groups: frozenset[str]) -> PersonFacts:
    return PersonFacts(
        insurance=fields.choice("insurance", INSURANCES),
        region=regions.pooling_region(fields.text("region"), fields.path("region")).code,
        retired=fields.flag("retired"),
        age=fields.whole("age", 150),
        groups=frozenset(fields.words("groups", groups)),
        insured_years=fields.whole("insured_years", 100) or 0,
    )


def _visit(fields: Fields) -> VisitFacts:
    care: Care = fields.choice("care", CARES)
    # A pharmacy has no level; its bill then counts as of the lowest.
    lowest: Level | None = "community" if care == "pharmacy" else None
    return VisitFacts(
        care=care,
        region=regions.get(fields.text("region"), fields.path("region")).code,
        level=fields.choice("level", LEVELS, lowest),
        on=fields.day("date"),
        filing=fields.choice("filing", FILINGS, "none"),
        days=fields.whole("days", 3660) or 0,
        grade=_grade(fields),
        home_filing=fields.choice("home_filing", HOME_FILINGS, "long_term"),
    )


def _grade(fields: Fields) -> Grade | None:
    if not fields.has("grade"):
        return None
    grade: Grade = fields.choice("grade", GRADES)
    return grade


def _bill(fields: Fields) -> Bill:
    bill = Bill(
        total=fields.amount("total", required=True),
        self_paid=fields.amount("self_paid"),
        over_limit=fields.amount("over_limit"),
        first_pay=fields.amount("first_pay"),
    )
    left = bill.total
    for key, part in (
        ("self_paid", bill.self_paid),
        ("over_limit", bill.over_limit),
        ("first_pay", bill.first_pay),
    ):
        left -= part
        if left < 0:
            raise InvalidInput(
                fields.path(key),
                zh="自费、超限价、先行自付之和超过了账单总额",
                en="self-paid, over-limit and first-pay parts are more than the total",
            )
    return bill


def _year_to_date(value: object) -> YearToDate:
    amounts = [name for name in YearToDate.__struct_fields__ if name != "admissions"]
    fields = Fields(value, "year_to_date", " ".join(("admissions", *amounts)))
    return YearToDate(
        fields.whole("admissions", 366) or 0, *(fields.amount(name) for name in amounts)
    )


def _account(fields: Fields) -> MedicalAccount:
    return MedicalAccount(
        balance=fields.amount("balance"),
        use=fields.flag("use"),
        family=fields.amount("family"),
    )
