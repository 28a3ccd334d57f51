"""Reading YAML with the line of every value, so that an error names file, line and field."""

from collections.abc import Iterator
from datetime import date
from typing import Any, TypeVar, cast

import yaml

from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen, Ppm, parse_percent, parse_yuan
from yikatong.policies.errors import PolicyFileError

_Choice = TypeVar("_Choice", bound=str)


class Entry:
    """A value of a YAML file that knows where it stands."""

    __slots__ = ("_node", "field", "file")

    def __init__(self, file: str, node: yaml.Node, field: str) -> None:
        self.file = file
        self.field = field
        self._node = node

    @property
    def line(self) -> int:
        return self._node.start_mark.line + 1

    def wrong(self, zh: str, en: str) -> PolicyFileError:
        """An error at this place."""
        return PolicyFileError(self.file, self.line, self.field or "-", zh, en)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    def mapping(self, required: str = "", optional: str = "") -> dict[str, "Entry"]:
        """The entries by key; `required` and `optional` name the keys allowed ("*": any)."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.wrong("应为键值", "must be a mapping")
        found: dict[str, Entry] = {}
        allowed = {*required.split(), *optional.split()}
        for key_node, value_node in self._node.value:
            key = str(key_node.value)
            entry = Entry(self.file, value_node, f"{self.field}.{key}" if self.field else key)
            if key in found:
                raise entry.wrong("重复", "stands twice")
            if key not in allowed and "*" not in allowed:
                known = ", ".join(sorted(allowed))
                raise entry.wrong(
                    f"没有这个字段，可用：{known}", f"is no field here; known: {known}"
                )
            found[key] = entry
        for key in required.split():
            if key not in found:
                raise self.wrong(f"缺少 {key}", f"lacks {key}")
        return found

    def items(self) -> Iterator["Entry"]:
        """The entries of a list, at least one."""
        if not isinstance(self._node, yaml.SequenceNode) or not self._node.value:
            raise self.wrong("应为非空列表", "must be a list that is not empty")
        for number, node in enumerate(self._node.value):
            yield Entry(self.file, node, f"{self.field}[{number}]")

    def text(self) -> str:
        """A text that is not empty."""
        if not isinstance(self._node, yaml.ScalarNode) or not str(self._node.value).strip():
            raise self.wrong("应为文字", "must be a text")
        return str(self._node.value).strip()

    def choice(self, allowed: tuple[_Choice, ...]) -> _Choice:
        """One of the allowed words."""
        text = self.text()
        for word in allowed:
            if word == text:
                return word
        raise self.wrong(f"应为 {'、'.join(allowed)} 之一", f"must be one of {', '.join(allowed)}")

    def words(self) -> list["Entry"]:
        """A list of texts, or one text."""
        return list(self.items()) if self.is_list else [self]

    def amount(self) -> Fen:
        """An amount in yuan with at most two decimals."""
        try:
            return parse_yuan(self.text(), self.field)
        except InvalidInput as error:
            raise self.wrong(error.text.zh, error.text.en) from None

    def percent(self, low: Ppm = 0, high: Ppm = 1_000_000) -> Ppm:
        """A percentage within bounds (parts per million)."""
        try:
            value = parse_percent(self.text(), self.field)
        except InvalidInput as error:
            raise self.wrong(error.text.zh, error.text.en) from None
        if not low <= value <= high:
            raise self.wrong("比例超出范围", "the rate is out of range")
        return value

    def whole(self, low: int, high: int) -> int:
        """A whole number within bounds."""
        text = self.text()
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise self.wrong(f"应为 {low}-{high} 的整数", f"must be a whole number {low}-{high}")
        return int(text)

    def flag(self) -> bool:
        """true or false."""
        return self.choice(("true", "false")) == "true"

    def day(self) -> date:
        """A date such as 2026-01-01."""
        try:
            return date.fromisoformat(self.text())
        except ValueError:
            raise self.wrong(
                "应为日期，例如 2026-01-01", "must be a date like 2026-01-01"
            ) from None


def read(file: str, text: str) -> Entry:
    """The root entry of a YAML text; raises PolicyFileError where it is not YAML."""
    try:
        # Composing only builds nodes with their places; it makes no objects of any kind.
        node = cast("yaml.Node | None", cast("Any", yaml).compose(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise PolicyFileError(
            file, line, "-", f"YAML 格式错误：{error.problem}", f"not YAML: {error.problem}"
        ) from None
    if node is None:
        raise PolicyFileError(file, 1, "-", "文件是空的", "the file is empty")
    return Entry(file, node, "")
