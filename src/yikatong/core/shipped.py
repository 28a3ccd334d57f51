"""Files of facts and texts that are shipped inside the package."""

from importlib.resources.abc import Traversable
from typing import Any, Final, cast

import yaml

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's reader, six times as quick, where PyYAML was built with it."""


def read_yaml(file: Traversable) -> Any:
    """What stands in one of our YAML files."""
    return cast("Any", yaml).load(file.read_text(encoding="utf-8"), Loader=_LOADER)
