"""Worked examples: inputs and expected amounts as data a lawyer can read, run against the engine."""

from collections.abc import Iterator
from importlib import resources
from typing import Any, cast

import msgspec
import yaml

from yikatong.core.errors import YikatongError
from yikatong.policies import service, shown
from yikatong.policies.requests import parse_request


class Example(msgspec.Struct, frozen=True):
    """One case and what must come out."""

    id: str
    title: str
    request: dict[str, Any]
    expect: dict[str, str]


class Outcome(msgspec.Struct, frozen=True):
    """Whether an example came out as expected; `differences` says field, expected, computed."""

    example: Example
    differences: list[tuple[str, str, str]]


def shipped() -> Iterator[Example]:
    """All examples of the package."""
    folder = resources.files("yikatong.data") / "policies" / "examples"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if not file.name.endswith(".yaml"):
            continue
        for case in cast("list[dict[str, Any]]", yaml.safe_load(file.read_text(encoding="utf-8"))):
            visit = {**case["visit"], "date": str(case["visit"]["date"])}
            request = {
                key: case[key]
                for key in ("person", "bill", "year_to_date", "medical_account")
                if key in case
            }
            yield Example(case["id"], case["title"], {**request, "visit": visit}, case["expect"])


def run(example: Example) -> Outcome:
    """Quote the example and compare what it expects, to the fen."""
    try:
        answer = shown.quote_as_json(service.quote(parse_request(example.request)))
    except YikatongError as error:
        return Outcome(example, [("error", "", str(error))])
    return Outcome(
        example,
        [
            (name, amount, str(answer[name]))
            for name, amount in example.expect.items()
            if answer[name] != amount
        ],
    )
