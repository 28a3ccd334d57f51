"""Reading YAML with the line of every value, so that an error names file, line and field."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, TypeVar, cast

import yaml

from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen, Ppm, parse_percent, parse_yuan
from yikatong.policies.errors import PolicyFileError

_Choice = TypeVar("_Choice", bound=str)
_Value = TypeVar("_Value")


class Entry:
    """A value of a YAML file that knows where it stands.

    With `noted` what is wrong is noted there and reading goes on, so that a writer is told all of it at
    once; without, the first thing that is wrong is raised.
    """

    __slots__ = ("_lacks", "_node", "_noted", "field", "file")

    def __init__(
        self,
        file: str,
        node: yaml.Node,
        field: str,
        noted: list[PolicyFileError] | None = None,
        lacks: PolicyFileError | None = None,
    ) -> None:
        self.file = file
        self.field = field
        self._node = node
        self._noted = noted
        self._lacks = lacks

    @property
    def line(self) -> int:
        return self._node.start_mark.line + 1

    def wrong(self, zh: str, en: str) -> PolicyFileError:
        """An error at this place; of a field that is not there, that it lacks."""
        if self._lacks is not None:
            return self._lacks
        return PolicyFileError(self.file, self.line, self.field or "-", zh, en)

    def attempt(self, read: Callable[[], _Value], otherwise: _Value) -> _Value:
        """What `read` reads; where that is wrong and errors are noted, something else to go on with."""
        try:
            return read()
        except PolicyFileError as error:
            self.note(error)
            return otherwise

    @property
    def sound(self) -> bool:
        """Whether nothing wrong was noted so far."""
        return not self._noted

    def note(self, error: PolicyFileError) -> None:
        """Note what is wrong and go on; raise it where nothing is noted."""
        if self._noted is None:
            raise error
        if error not in self._noted:
            self._noted.append(error)

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
            entry = self._inside(value_node, f".{key}")
            if key in found:
                self.note(entry.wrong("重复", "stands twice"))
            elif key not in allowed and "*" not in allowed:
                known = ", ".join(sorted(allowed))
                self.note(
                    entry.wrong(f"没有这个字段，可用：{known}", f"is no field here; known: {known}")
                )
            else:
                found[key] = entry
        for key in required.split():
            if key not in found:
                lacks = self.wrong(f"缺少 {key}", f"lacks {key}")
                self.note(lacks)
                found[key] = self._inside(_NOTHING, f".{key}", lacks)
        return found

    def _inside(self, node: yaml.Node, path: str, lacks: PolicyFileError | None = None) -> "Entry":
        field = f"{self.field}{path}" if self.field else path.removeprefix(".")
        return Entry(self.file, node, field, self._noted, lacks)

    def items(self, most: int | None = None) -> Iterator["Entry"]:
        """The entries of a list, at least one."""
        if not isinstance(self._node, yaml.SequenceNode) or not self._node.value:
            raise self.wrong("应为非空列表", "must be a list that is not empty")
        if most is not None and len(self._node.value) > most:
            raise self.wrong(f"最多 {most} 项", f"at most {most} of them")
        for number, node in enumerate(self._node.value):
            yield self._inside(node, f"[{number}]")

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


_NOTHING = yaml.ScalarNode("tag:yaml.org,2002:null", "")


class _Loader(yaml.SafeLoader):
    """Composes without aliases: nothing is written twice, and a small file stays small."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        events = cast("Any", self)
        if events.check_event(yaml.AliasEvent):
            event = events.peek_event()
            raise yaml.MarkedYAMLError(
                problem="no aliases (*), please write it out", problem_mark=event.start_mark
            )
        return cast("Any", super()).compose_node(parent, index)


def read(file: str, text: str, noted: list[PolicyFileError] | None = None) -> Entry:
    """The root entry of a YAML text; raises PolicyFileError where it is not YAML."""
    try:
        # Composing only builds nodes with their places; it makes no objects of any kind.
        node = cast("yaml.Node | None", cast("Any", yaml).compose(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise PolicyFileError(
            file, line, "-", f"YAML 格式错误：{error.problem}", f"not YAML: {error.problem}"
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        # A character that YAML has no place for, or a thousand brackets.
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:100]
        raise PolicyFileError(file, 1, "-", f"YAML 格式错误：{told}", f"not YAML: {told}") from None
    if node is None:
        raise PolicyFileError(file, 1, "-", "文件是空的", "the file is empty")
    return Entry(file, node, "", noted)
