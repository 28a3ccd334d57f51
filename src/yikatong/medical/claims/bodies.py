"""The JSON bodies of claims: what is sent in, and how claims are told."""

from datetime import date
from typing import Annotated, Any, Final

import msgspec

from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen, format_yuan, parse_yuan
from yikatong.medical.claims import sheet
from yikatong.medical.claims.deciding import Decision
from yikatong.medical.claims.model import STATE_NAMES, Claim, ClaimFile, PaidBill
from yikatong.medical.claims.service import REASON_MAX
from yikatong.medical.claims.sheet import RawLine
from yikatong.medical.model import Care, Level
from yikatong.medical.receipts_shown import split_body
from yikatong.money.bodies import Amount, Identifier, told
from yikatong.policies import shown as policies_shown

_Short = Annotated[str, msgspec.Meta(max_length=100)]
Version = Annotated[
    int, msgspec.Meta(ge=1, le=2**31 - 1, description="Of the claim as you looked at it.")
]
_ROW_OF_JSON: Final = 1


class ProviderBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who treated the person: a provider's code, or name, region and level of one without."""

    code: Annotated[str, msgspec.Meta(max_length=12)] | None = None
    name: _Short = ""
    region: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    abroad: bool = False
    level: Level = "secondary"


class LineBody(msgspec.Struct, forbid_unknown_fields=True):
    """A fee line; without `item` (the catalog's code) it is wholly self-paid."""

    quantity: _Short
    price: _Short
    total: _Short
    number: _Short = ""
    item: _Short = ""
    name: _Short = ""
    date: _Short = ""


class BillBody(msgspec.Struct, forbid_unknown_fields=True):
    """A bill paid in full; its lines as a list or as CSV text."""

    provider: ProviderBody
    care: Care
    begun_on: date
    total: Amount
    ended_on: date | None = None
    emergency: bool = False
    disease: _Short | None = None
    invoice: _Short = ""
    lines: Annotated[list[LineBody], msgspec.Meta(max_length=sheet.LINES_MAX)] = []
    lines_csv: Annotated[str, msgspec.Meta(max_length=sheet.CSV_CHARACTERS_MAX)] | None = None

    def read(self) -> tuple[PaidBill, list[RawLine], Fen]:
        """The bill, its lines as written, and its total; raises InvalidInput."""
        provider = self.provider
        if provider.code is None and (provider.region is None) != provider.abroad:
            raise InvalidInput(
                "provider.region",
                zh="没有机构编码时请填写机构所在地区代码，境外请填写 abroad",
                en="without a code give the provider's region, or abroad",
            )
        if bool(self.lines) == (self.lines_csv is not None):
            raise InvalidInput(
                "lines", zh="请填写 lines 或 lines_csv，二选一", en="give either lines or lines_csv"
            )
        bill = PaidBill(
            provider_code=provider.code,
            provider_name=provider.name.strip(),
            region=provider.region,
            level=provider.level,
            care=self.care,
            begun_on=self.begun_on,
            ended_on=self.ended_on or self.begun_on,
            emergency=self.emergency,
            disease=(self.disease or "").strip() or None,
            invoice=self.invoice.strip(),
        )
        if self.lines_csv is not None:
            rows = sheet.read_csv(self.lines_csv)
        else:
            rows = [
                RawLine(
                    at, one.number, one.item, one.name, one.quantity, one.price, one.total, one.date
                )
                for at, one in enumerate(self.lines, _ROW_OF_JSON)
            ]
        return bill, rows, parse_yuan(self.total, "total")


class SubmitBody(BillBody, forbid_unknown_fields=True, kw_only=True):
    """Whose bill; by person or id number."""

    person_id: Identifier | None = None
    id_number: Annotated[str, msgspec.Meta(max_length=18)] | None = None


class StepBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which version of the claim the step is about."""

    version: Version


class ResubmitBody(StepBody, forbid_unknown_fields=True):
    """The bill put right; without it the claim is submitted as it was."""

    bill: BillBody | None = None


class ReasonBody(StepBody, forbid_unknown_fields=True):
    """What is missing, or why."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)]


class CutBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is recognised of a line; quantity "0" cuts all of it."""

    number: _Short
    quantity: _Short
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


class ReviewBody(StepBody, forbid_unknown_fields=True):
    """Lines that are cut, and whether the care was urgent after all."""

    lines: Annotated[list[CutBody], msgspec.Meta(max_length=sheet.LINES_MAX)] = []
    emergency: bool | None = None

    def cuts(self) -> dict[str, tuple[str, str]]:
        """By line; raises InvalidInput where one stands twice or nothing is said."""
        found = {one.number: (one.quantity, one.reason) for one in self.lines}
        if len(found) != len(self.lines) or (not found and self.emergency is None):
            raise InvalidInput(
                "lines", zh="请填写要核减的明细，每条一次", en="name the lines to be cut, each once"
            )
        return found


def claim_body(one: Claim) -> dict[str, Any]:
    """A claim for JSON."""
    found = told(one, "total approved", "claim_id settlement_id payment_id")
    return {**found, "state_name": STATE_NAMES[one.state].as_dict()}


def file_body(file: ClaimFile) -> dict[str, Any]:
    """A claim with its lines, steps and documents for JSON."""
    return {
        **claim_body(file.claim),
        "lines": [told(one, "total") for one in file.lines],
        "steps": [told(one) for one in file.steps],
        "documents": [told(one) for one in file.documents],
    }


def decision_body(decision: Decision) -> dict[str, Any]:
    """What an approval would lead to, for JSON."""
    one = decision.settlement
    assert one.quote is not None
    quote = msgspec.to_builtins(policies_shown.quote_body(one.quote))
    return {
        **quote,
        "funds": format_yuan(one.funds),
        "lines": [split_body(part) for part in decision.lines],
        "suspects": list(decision.suspects),
    }
