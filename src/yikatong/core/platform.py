"""What a running platform has at hand, passed to every use case."""

import msgspec

from yikatong.core.clock import Clock
from yikatong.core.database import Database
from yikatong.core.sealing import Vault
from yikatong.core.settings import Settings


class Platform(msgspec.Struct, frozen=True):
    """The database, the clock, the vault and the settings of this process."""

    database: Database
    clock: Clock
    vault: Vault
    settings: Settings
