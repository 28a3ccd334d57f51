"""The transactions (交易) of a visit, by code: what each one's input asks for and its answer says."""

from typing import Final

from yikatong.medical.hospital_api.context import Transaction
from yikatong.medical.hospital_api.transactions import (
    filings,
    inpatient,
    looks,
    outpatient,
    pharmacy,
    reversal,
)
from yikatong.medical.hospital_api.transactions.shape import Shape

SHAPES: Final[dict[str, Shape]] = {
    one.transaction.code: one
    for module in (looks, pharmacy, outpatient, inpatient, filings, reversal)
    for one in module.SHAPES
}
"""Each transaction with its nodes and fields, in the order of the reference."""

TRANSACTIONS: Final[dict[str, Transaction]] = {
    code: one.transaction for code, one in SHAPES.items()
}
