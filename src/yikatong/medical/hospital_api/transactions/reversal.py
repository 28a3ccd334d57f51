"""Reversal by message (冲正): 2601, for a provider that got no answer and does not know."""

from typing import Final

import msgspec

from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.forms import Form, Values, node
from yikatong.medical.hospital_api.transactions.shape import Given, Output, shape
from yikatong.medical.visits.orders import Result, Undo, Undone

_UNDO: Final = Form(node("data", "psn_no! omsgid! oinfno!"))


class _Undone(msgspec.Struct, frozen=True):
    rvs_flag: str
    memo: str


def _undo(given: Given, _: Context) -> Undo:
    data: Values = given["data"]
    return Undo(
        person_id=data["psn_no"], message_id=data["omsgid"], transaction_code=data["oinfno"]
    )


def _show_undone(result: Result, _: Context) -> dict[str, _Undone]:
    assert isinstance(result, Undone)
    return {"result": _Undone("1" if result.found else "0", result.text.zh)}


SHAPES: Final = (
    shape(
        "2601", "冲正", "reversal of an uncertain transaction", _UNDO, _undo, _show_undone,
        Output("result", _Undone),
    ),
)  # fmt: skip
