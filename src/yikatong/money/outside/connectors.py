"""Which bank is asked how: outside banks from a file, the other issuing banks in our own ledger."""

from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.money.bank.banks import banks
from yikatong.money.outside.embedded import EmbeddedBank
from yikatong.money.outside.http import HttpBank
from yikatong.money.outside.interface import BankConnector
from yikatong.money.outside.wire import Secret


class _Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the file."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{2,12}\Z")]
    url: str
    secret_file: str


def connectors(platform: Platform, file: Path | None) -> dict[str, BankConnector]:
    """A connector to each bank by code; raises InvalidInput naming what is wrong with the file.

    An issuing bank that stands in the file keeps its accounts itself. The caller closes those that
    have `aclose`.
    """
    found: dict[str, BankConnector] = {code: EmbeddedBank(platform, code) for code in banks()}
    if file is None:
        return found
    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
        addresses = msgspec.convert(read, list[_Address])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(
            "outside_banks",
            zh=f"外部银行配置文件 {file} 无法读取：{error}",
            en=f"the file of outside banks {file} cannot be read: {error}",
        ) from error
    if len({one.code for one in addresses}) < len(addresses):
        raise InvalidInput(
            "outside_banks", zh="银行代码重复", en="a bank's code stands there twice"
        )
    for one in addresses:
        # A relative path is taken from the folder of this file.
        secret = Secret.from_file(file.parent / one.secret_file)
        found[one.code] = HttpBank(one.code, one.url, secret, platform.clock)
    return found
