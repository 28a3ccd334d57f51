"""What the OpenAPI document says of a quote's body; `requests` reads it, so that errors name fields."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from yikatong.policies.model import (
    CARES,
    FILINGS,
    GRADES,
    HOME_FILINGS,
    INSURANCES,
    LEVELS,
    YearToDate,
)

EXAMPLE: Final[dict[str, Any]] = {
    "person": {"insurance": "310", "region": "510100", "retired": False, "age": 40, "groups": []},
    "visit": {
        "care": "inpatient",
        "region": "110000",
        "level": "tertiary",
        "date": "2026-03-01",
        "filing": "none",
    },
    "bill": {"total": "30000.00", "first_pay": "0.00"},
}


def _object(properties: dict[str, Schema], required: Iterable[str] = ()) -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT,
        properties=dict(properties),
        required=list(required) or None,
        additional_properties=False,
    )


def _amount(what: str | None = None) -> Schema:
    return Schema(
        type=OpenAPIType.STRING,
        pattern=r"^(0|[1-9][0-9]{0,13})(\.[0-9]{1,2})?$",
        description=what or "In yuan, at most two decimals; absent: 0.",
        examples=["30000.00"],
    )


def _whole(high: int) -> Schema:
    return Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=high)


def _code() -> Schema:
    return Schema(type=OpenAPIType.STRING, description="GB/T 2260 code.", examples=["510100"])


def _words(words: Iterable[str]) -> Schema:
    return Schema(type=OpenAPIType.STRING, enum=list(words))


_FLAG = Schema(type=OpenAPIType.BOOLEAN)
_YEAR = {name: _amount() for name in YearToDate.__struct_fields__ if name != "admissions"}

QUOTE: Final = _object(
    {
        "person": _object(
            {
                "insurance": _words(INSURANCES),
                "region": _code(),
                "retired": _FLAG,
                "age": _whole(150),
                "groups": Schema(
                    type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING), max_items=20
                ),
                "insured_years": _whole(100),
            },
            ("insurance", "region"),
        ),
        "visit": _object(
            {
                "care": _words(CARES),
                "region": _code(),
                "level": _words(LEVELS),
                "date": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE),
                "filing": _words(FILINGS),
                "days": _whole(3660),
                "grade": _words(GRADES),
                "home_filing": _words(HOME_FILINGS),
            },
            ("care", "region", "date"),
        ),
        "bill": _object(
            {
                "total": _amount("In yuan, at most two decimals."),
                "self_paid": _amount(),
                "over_limit": _amount(),
                "first_pay": _amount(),
            },
            ("total",),
        ),
        "year_to_date": _object({"admissions": _whole(366), **_YEAR}),
        "medical_account": _object({"balance": _amount(), "use": _FLAG, "family": _amount()}),
    },
    ("person", "visit", "bill"),
)


@dataclass
class QuoteOperation(Operation):
    """An operation whose body is a quote's input."""

    def __post_init__(self) -> None:
        content = {"application/json": OpenAPIMediaType(schema=QUOTE, example=EXAMPLE)}
        self.request_body = RequestBody(content=content, required=True)
