"""What the JSON routes and commands of all rooms share: identifiers, idempotency keys, names of files."""

import re
from typing import Annotated, Final

import msgspec

from yikatong.core.errors import InvalidInput

ID_MAX: Final = 2**63 - 1
Identifier = Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]

_KEY: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


def check_key(key: str, field: str = "Idempotency-Key") -> str:
    """A caller's idempotency key; colons are kept for the platform's own commands."""
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            field,
            zh="幂等键应为 1 至 100 个字母、数字、点、横线或下划线，例如 UUID",
            en="1 to 100 letters, digits, dots, hyphens or underscores, such as a UUID",
        )
    return key


def attachment(name: str) -> dict[str, str]:
    """The header by which an answer is kept as a file of this name."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}
