"""A transaction with the form of its input and the nodes of its output, as the reference shows it."""

from collections.abc import Callable
from typing import Any

import msgspec

from yikatong.core.errors import Text
from yikatong.medical.hospital_api.context import Context, Transaction
from yikatong.medical.hospital_api.forms import Form
from yikatong.medical.visits.orders import Order, Result

Given = dict[str, Any]
"""The values of each node of the input."""


class Output(msgspec.Struct, frozen=True):
    """A node of the output and the struct it is built as."""

    name: str
    body: type[msgspec.Struct]
    many: bool = False


class Shape(msgspec.Struct, frozen=True):
    """A transaction and its nodes."""

    transaction: Transaction
    form: Form
    outputs: tuple[Output, ...]


def shape(
    code: str,
    zh: str,
    en: str,
    form: Form,
    order: Callable[[Given, Context], Order],
    show: Callable[[Result, Context], Any],
    *outputs: Output,
) -> Shape:
    """A transaction whose input has this form and becomes this order."""

    def read(raw: bytes, context: Context) -> Order:
        return order(form.read(raw), context)

    return Shape(Transaction(code, Text(zh, en), read, show), form, outputs)


def show_nothing(_: Result, __: Context) -> dict[str, Any]:
    """The output of a transaction that answers with nothing but its success."""
    return {}
