"""The form of a transaction's input: which nodes (节点) and fields there are, and reading them.

One decoder per form takes the JSON apart; a value is looked at only where it is given.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec

from yikatong.core.errors import InvalidInput, Malformed
from yikatong.medical.hospital_api.codes import Codes
from yikatong.medical.hospital_api.dictionary import FIELDS, Field, plain
from yikatong.medical.hospital_api.fields import MISSING, Reader, Wrong

Values = dict[str, Any]
"""What a node holds, by field name; absent fields are not in it."""

_ABSENT: Final = ("", "null")


class Node(msgspec.Struct, frozen=True):
    """A node of the input: an object, or a list of objects."""

    name: str
    fields: tuple[Field, ...]
    required: frozenset[str]
    needed: bool
    """Whether the node itself must be there."""
    rows_max: int
    """Of a list; 0: one object."""
    kept: tuple[tuple[str, str], ...]
    """Fields the order has no place for, kept as details of the visit or line, with their words."""

    def details(self, values: Values) -> dict[str, Any]:
        """What is kept beside the order, in the project's words."""
        return {word: plain(values[name]) for name, word in self.kept if name in values}


def node(
    name: str,
    fields: str,
    *,
    rows_max: int = 0,
    needed: bool = True,
    codes: dict[str, Codes] | None = None,
    kept: str = "",
) -> Node:
    """A node from its field names, those that are required marked "!"."""
    names = [one.rstrip("!") for one in fields.split()]
    only = codes or {}
    assert set(only) | set(kept.split()) <= set(names), name
    return Node(
        name=name,
        fields=tuple(FIELDS[one].only(only[one]) if one in only else FIELDS[one] for one in names),
        required=frozenset(one.rstrip("!") for one in fields.split() if one.endswith("!")),
        needed=needed,
        rows_max=rows_max,
        kept=tuple((one, FIELDS[one].word) for one in kept.split()),
    )


_Plan = tuple[tuple[str, Reader, bool], ...]
_Row = tuple[tuple[Any, ...], Values]
_NO_ROW: Final[_Row] = ((), {})


class Form:
    """The nodes of one transaction's input."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = nodes
        self._plans: dict[str, _Plan] = {
            one.name: tuple((f.name, f.read, f.name in one.required) for f in one.fields)
            for one in nodes
        }
        members: list[tuple[str, Any, Any]] = []
        for one in nodes:
            row = msgspec.defstruct(one.name, [(f.name, Any, None) for f in one.fields])
            # A list may come as its only object, and an absent node as "" or "null".
            members.append((one.name, row | list[row] | str | None, None))
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct("input", members), float_hook=str
        )

    def read(self, raw: bytes) -> dict[str, Any]:
        """Each node's values, of a list node one for each row.

        Raises InvalidInput naming the field as the standard does ("data.psn_no", "feedetail[0].cnt"),
        and Malformed for what is no JSON.
        """
        given = self._decode(raw)
        found: dict[str, Any] = {}
        for one in self.nodes:
            value: Any = getattr(given, one.name)
            if isinstance(value, str):
                if value.strip() not in _ABSENT:
                    raise _structure(one.name)
                value = None
            if value is None or value == []:
                if one.needed:
                    raise InvalidInput(one.name, *MISSING)
                found[one.name] = [] if one.rows_max else {}
            elif one.rows_max:
                rows = cast("list[Any]", value if isinstance(value, list) else [value])
                found[one.name] = self._rows(one, rows)
            elif isinstance(value, list):
                raise InvalidInput(
                    one.name, zh="应为一个对象，而不是列表", en="must be one object, not a list"
                )
            else:
                found[one.name] = _values(self._plans[one.name], value, one.name)[1]
        return found

    def _decode(self, raw: bytes) -> Any:
        if not raw:
            raise InvalidInput("input", *MISSING)
        if rb"\u0000" in raw:
            raise InvalidInput(
                "input",
                zh="不能含有空字符（\\u0000）",
                en="must not hold the null character (\\u0000)",
            )
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            field = path.removesuffix("`").lstrip(".") or "input"
            if "out of range" in message:
                raise InvalidInput(field, zh="数字太长", en="is too long a number") from None
            # Values are read later, so it is the structure that is wrong.
            raise _structure(field) from None
        except (ValueError, RecursionError):
            raise Malformed(zh="input 不是 JSON", en="input is not JSON") from None

    def _rows(self, one: Node, rows: Iterable[Any]) -> list[Values]:
        plan, found, before = self._plans[one.name], list[Values](), _NO_ROW
        for row in rows:
            if len(found) == one.rows_max:
                raise InvalidInput(
                    one.name,
                    zh=f"一次最多 {one.rows_max} 条，请分次上传",
                    en=f"at most {one.rows_max} at a time; send them in several uploads",
                )
            before = _values(plan, row, f"{one.name}[{len(found)}]", before)
            found.append(before[1])
        return found


def _structure(field: str) -> InvalidInput:
    return InvalidInput(
        field,
        zh="结构不对，应为一个对象或对象的列表",
        en="has the wrong structure: it must be an object or a list of objects",
    )


def _values(plan: _Plan, row: Any, where: str, before: _Row = _NO_ROW) -> _Row:
    """What a row says, and the values that are given; null, "null" and "" are absent.

    Rows of one upload repeat each other: a text that stood in the row before is not read again.
    """
    said: tuple[Any, ...] = msgspec.structs.astuple(row)
    said_before, known = before
    found: Values = {}
    for (name, read, required), value, last in zip(plan, said, said_before or said, strict=True):
        if type(value) is str:
            if known and value == last:
                if name in known:
                    found[name] = known[name]
                continue
            given: Any = value.strip()  # fields of fixed length come padded
        else:
            given = value
        if given is None or given in _ABSENT:
            if required:
                raise InvalidInput(f"{where}.{name}", *MISSING)
            continue
        try:
            found[name] = read(given)
        except Wrong as wrong:
            raise InvalidInput(f"{where}.{name}", wrong.zh, wrong.en) from None
    return said, found
