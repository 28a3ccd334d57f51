"""The bodies that the routes of the API read."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from litestar.exceptions import ClientException, HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from tests.application import create_app

from yikatong.core.errors import TooLarge
from yikatong.core.platform import Platform
from yikatong.core.problems import of_a_file


def fields_of(body: Any, seen: set[Any]) -> Iterator[str]:
    """Names of all fields in a body, also of what is inside."""
    for inner in get_args(body):
        yield from fields_of(inner, seen)
    if isinstance(body, type) and issubclass(body, msgspec.Struct) and body not in seen:
        seen.add(body)
        for one in msgspec.structs.fields(body):
            yield one.encode_name
            yield from fields_of(one.type, seen)


async def test_no_field_of_a_body_is_called_like_a_dependency(platform: Platform) -> None:
    """The framework takes a wrong value there for a fault of the dependency, and answers with 500."""
    wrong: list[str] = []
    read = 0
    for route in create_app(platform).routes:
        for handler in getattr(route, "route_handlers", ()):
            data = handler.parsed_data_field
            if data is not None:
                names = set(fields_of(data.annotation, set()))
                given = names & set(handler.resolve_dependencies())
                read += bool(names)
                wrong += [f"{route.path}: {name}" for name in sorted(given)]
    assert read > 40
    assert wrong == []


async def test_a_file_that_is_too_large_is_named_and_a_broken_one_is_not_called_large() -> None:
    async def reading(error: HTTPException) -> bytes:
        raise error

    with pytest.raises(TooLarge) as caught:
        await of_a_file(reading(RequestEntityTooLarge()))
    assert caught.value.field == "file"
    with pytest.raises(ClientException):
        await of_a_file(reading(ClientException("no end of the part")))
