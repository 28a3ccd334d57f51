"""Which bank is asked how: outside banks from a file, the other issuing banks in our own ledger."""

from pathlib import Path

from yikatong.core.platform import Platform
from yikatong.money.bank.banks import banks
from yikatong.money.outside import addresses
from yikatong.money.outside.embedded import EmbeddedBank
from yikatong.money.outside.http import HttpBank
from yikatong.money.outside.interface import BankConnector


def connectors(platform: Platform, file: Path | None) -> dict[str, BankConnector]:
    """A connector to each bank by code; raises InvalidInput naming what is wrong with the file.

    An issuing bank that stands in the file keeps its accounts itself. The caller closes those that
    have `aclose`.
    """
    found: dict[str, BankConnector] = {code: EmbeddedBank(platform, code) for code in banks()}
    for one, secret in addresses.read(file):
        found[one.code] = HttpBank(one.code, one.url, secret, platform.clock)
    return found
