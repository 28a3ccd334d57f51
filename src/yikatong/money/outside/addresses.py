"""The file that says where outside banks are, which keep their customers' accounts themselves."""

from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from yikatong.core.errors import InvalidInput
from yikatong.money.outside.wire import Secret


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the file."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{2,12}\Z")]
    url: str
    secret_file: str


def secrets(file: Path | None) -> dict[str, Secret]:
    """The secret shared with each outside bank, by code; raises InvalidInput."""
    return {one.code: secret for one, secret in read(file)}


def read(file: Path | None) -> list[tuple[Address, Secret]]:
    """Each bank and its secret; raises InvalidInput naming what is wrong with the file."""
    if file is None:
        return []
    try:
        addresses = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), list[Address])
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
    # A relative path is taken from the folder of this file.
    return [(one, Secret.from_file(file.parent / one.secret_file)) for one in addresses]
