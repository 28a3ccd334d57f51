"""Types of a machine's credential."""

from datetime import datetime
from typing import Literal

import msgspec

from yikatong.core.errors import YikatongError
from yikatong.trust.access import Grant

Kind = Literal["service", "provider"]


class Machine(msgspec.Struct, frozen=True):
    """A machine (接口凭证) and what it may do; its secrets are kept as hashes only."""

    machine_id: str
    name: str
    kind: Kind
    grants: tuple[Grant, ...]
    made_at: datetime
    revoked_at: datetime | None
    secrets: tuple["Secret", ...]
    """Those that are live."""


class Secret(msgspec.Struct, frozen=True):
    """A live secret, without what it is."""

    secret_hash: bytes
    made_at: datetime
    ends_at: datetime
    used_at: datetime | None

    def __repr__(self) -> str:
        return f"Secret({self.ends_at!r})"


class MachineExists(YikatongError):
    """The id is taken, also by a revoked machine: the audit trail names machines by it."""

    code = "machine_exists"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="这个编号已被使用，请换一个", en="this id is taken; choose another", field="id"
        )
