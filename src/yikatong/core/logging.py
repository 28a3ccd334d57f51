"""Structured logs (日志): for people or machines, with personal data masked wherever it stands."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, cast

import structlog

_ID_NUMBER = re.compile(r"(?<![0-9])([1-9][0-9]{5})[0-9]{8}([0-9]{3}[0-9Xx])(?![0-9])")
_LONG_NUMBER = re.compile(r"(?<![0-9])([0-9]{4})[0-9]{5,11}([0-9]{4})(?![0-9])")
_PHONE = re.compile(r"(?<![0-9])(1[3-9][0-9])[0-9]{4}([0-9]{4})(?![0-9])")
_SECRET_KEYS: Final = re.compile(
    r"id_?number|certno|phone|address|account|card_?number|\bpin\b|password|secret|token|"
    r"authorization|cookie|\bkey\b|name_on_card|person_name",
    re.IGNORECASE,
)
_MASKED: Final = "***"


def mask(text: str) -> str:
    """Mask id numbers, bank account and card numbers (13-19 digits) and mobile phones in a text."""
    text = _ID_NUMBER.sub(r"\1********\2", text)
    text = _LONG_NUMBER.sub(r"\1****\2", text)
    return _PHONE.sub(r"\1****\2", text)


def _masked(key: str, value: object) -> object:
    if _SECRET_KEYS.search(key) and isinstance(value, str | bytes | int):
        return _MASKED
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {str(inner): _masked(str(inner), item) for inner, item in pairs.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(key, item) for item in cast("list[object]", value)]
    if isinstance(value, int) and abs(value) < 10**10:
        return value
    return mask(value.decode(errors="replace") if isinstance(value, bytes) else str(value))


def mask_event(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The processor that every line passes, ours and other libraries'."""
    for key, value in list(event.items()):
        if key not in ("exc_info", "timestamp", "level", "_record", "_from_structlog"):
            event[key] = _masked(key, value)
    return event


def configure(form: str) -> None:
    """Set up logging of the process: "text" for people, "json" for machines; to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("yikatong").setLevel(logging.INFO if form == "json" else logging.WARNING)
