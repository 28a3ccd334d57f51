"""Worked examples: inputs and expected amounts as data a lawyer can read, run against the engine."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import Any, cast

import msgspec

from yikatong.core.errors import YikatongError
from yikatong.core.shipped import read_yaml
from yikatong.policies import service, shown
from yikatong.policies.model import Quote, QuoteRequest
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
        for case in cast("list[dict[str, Any]]", read_yaml(file)):
            visit = {**case["visit"], "date": str(case["visit"]["date"])}
            request = {
                key: case[key]
                for key in ("person", "bill", "year_to_date", "medical_account")
                if key in case
            }
            yield Example(case["id"], case["title"], {**request, "visit": visit}, case["expect"])


@cache
def _by_kind() -> dict[tuple[str, str], list[Example]]:
    found: dict[tuple[str, str], list[Example]] = {}
    for one in shipped():
        person = one.request["person"]
        found.setdefault((person["region"], person["insurance"]), []).append(one)
    return found


def of(region: str, insurance: str) -> list[Example]:
    """The examples of people insured there."""
    return _by_kind().get((region, insurance), [])


def run(example: Example, quote: Callable[[QuoteRequest], Quote] = service.quote) -> Outcome:
    """Quote the example and compare what it expects, to the fen."""
    try:
        answer = shown.quote_as_json(quote(parse_request(example.request, service.load().groups)))
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
