"""What the room's JSON routes share: headers, amounts, how structs are told."""

import re
from typing import Annotated, Any, Final

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

from yikatong.core import bodies
from yikatong.core.bodies import ID_MAX, check_key
from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_yuan
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.money.bank.orders import MEMO_MAX
from yikatong.people import service as people

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    403: ResponseSpec(
        Problem,
        description="The caller may not do this, or not in that region; or a stronger proof of who"
        " the person is is needed.",
    ),
    404: ResponseSpec(Problem, description="No such person, account, hold or transaction."),
    409: ResponseSpec(
        Problem, description="Understood and refused; `code` and `detail` say why. No change."
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(
        Problem, description="Try again with the same key: it is carried out once at most."
    ),
}

# The pattern is only told to others: `parse_yuan` names what is wrong better.
_AMOUNT: Final = {"pattern": r"^(0|[1-9][0-9]{0,13})(\.[0-9]{1,2})?$", "examples": ["100.00"]}
Amount = Annotated[
    str, msgspec.Meta(max_length=20, description="In yuan.", extra_json_schema=_AMOUNT)
]
Identifier = bodies.Identifier
Number = Annotated[str, msgspec.Meta(min_length=16, max_length=30)]
Memo = Annotated[str, msgspec.Meta(max_length=MEMO_MAX)]
Level = Annotated[int, msgspec.Meta(ge=1, le=3, description="Assurance level shown: 1, 2 or 3.")]


_PROVIDER: Final = re.compile(r"[0-9A-Z]{12}")


def idempotency_key(
    raw: Annotated[
        str,
        HeaderParameter(
            name="Idempotency-Key",
            description="The same key and content gets the same answer and happens once.",
        ),
    ],
) -> str:
    """The header every command carries."""
    return check_key(raw)


async def person_of(
    platform: Platform, connection: Any, id_number: str | None, person_id: int | None
) -> int:
    """The person named one way or the other."""
    if (id_number is None) == (person_id is None):
        raise InvalidInput(
            "id_number",
            zh="请填写 id_number 或 person_id，二选一",
            en="give either id_number or person_id",
        )
    if id_number is not None:
        return await people.find_by_id_number(platform, connection, id_number)
    assert person_id is not None
    return (await people.get(connection, person_id)).person_id


def provider_code(code: str) -> str:
    """A provider's code (医药机构代码) as it is written; raises InvalidInput."""
    if not _PROVIDER.fullmatch(code):
        raise InvalidInput(
            "provider",
            zh="医药机构代码为 12 位数字或大写字母",
            en="a provider's code has 12 digits or capital letters",
        )
    return code


def identifier(text: str, field: str) -> int:
    """An id written as a text; raises InvalidInput naming the field."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= ID_MAX):
        raise InvalidInput(
            field, zh="编号有误，请核对", en="this is no such number; please compare it"
        )
    return int(text)


def told(one: msgspec.Struct, amounts: str = "", identifiers: str = "") -> dict[str, Any]:
    """A struct for JSON: the fields named in `amounts` in yuan, those in `identifiers` as texts
    (a 63-bit number would lose digits in some languages)."""
    found: dict[str, Any] = msgspec.to_builtins(one)
    for name in amounts.split():
        if found[name] is not None:
            found[name] = format_yuan(found[name])
    for name in identifiers.split():
        if found[name] is not None:
            found[name] = str(found[name])
    return found
