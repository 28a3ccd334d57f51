import io
import json
import logging as stdlib_logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from yikatong.core import logging


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = stdlib_logging.getLogger()
    before = root.handlers[:], root.level
    logging.configure("json")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, stdlib_logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)


@pytest.mark.parametrize(
    "secret", ["11010519491231002X", "13812345678", "6222021234567890123", "622848001234567"]
)
def test_numbers_of_people_are_masked_wherever_they_stand(lines: io.StringIO, secret: str) -> None:
    log = structlog.stdlib.get_logger("yikatong.test")
    log.warning(f"person {secret} called", detail={"deep": [secret]}, note=secret, number=secret)
    stdlib_logging.getLogger("somebody.else").error("saw %s", secret)
    try:
        int(f"bad number {secret}")
    except ValueError:
        log.exception("failed")
    assert secret not in lines.getvalue()
    assert len(lines.getvalue().splitlines()) == 3


def test_values_under_telling_names_never_appear(lines: io.StringIO) -> None:
    log = structlog.stdlib.get_logger("yikatong.test")
    log.warning("x", pin="135790", password="hunter2", address="成都市锦江区", access_token="abc")
    line = json.loads(lines.getvalue())
    assert {line[key] for key in ("pin", "password", "address", "access_token")} == {"***"}


@given(st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True), st.text("ab c。，:=", max_size=5))
def test_no_id_number_survives_in_any_sentence(number: str, around: str) -> None:
    assert number not in logging.mask(f"{around}{number}{around}")


def test_ordinary_figures_stay_readable() -> None:
    text = "answered 200 in 12.5 ms, person 1000001, region 510100, 2026-03-01"
    assert logging.mask(text) == text
