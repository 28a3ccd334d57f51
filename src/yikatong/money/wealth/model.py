"""Types of wealth products: product, rating, holding; and what refuses a command."""

from datetime import date, datetime
from typing import Literal, get_args

import msgspec

from yikatong.core.errors import NotFound, Text
from yikatong.core.money import Fen, Ppm
from yikatong.money.errors import MoneyRefused

Risk = Literal["R1", "R2", "R3", "R4", "R5"]
"""风险等级 of a product, from very low to very high."""
RatingLevel = Literal["C1", "C2", "C3", "C4", "C5"]
"""风险承受能力 of a person; C2 may buy R1 and R2, and so on."""
RISKS: tuple[Risk, ...] = get_args(Risk)
RATINGS: tuple[RatingLevel, ...] = get_args(RatingLevel)

ProductKind = Literal["fixed_term", "open_ended"]
"""封闭式: paid back at maturity; 开放式: redeemed any day."""


class Product(msgspec.Struct, frozen=True):
    """A wealth product (理财产品) as a bank sells it."""

    code: str
    bank: str
    name: Text
    risk: Risk
    kind: ProductKind
    term_days: int | None
    rate: Ppm
    """A year, of 365 days."""
    minimum: Fen
    step: Fen
    cooling_off_hours: int
    """投资冷静期: as long as this a purchase can be taken back."""
    on_sale_from: date
    on_sale_until: date | None
    description: Text
    """The risk in plain words."""


class Question(msgspec.Struct, frozen=True):
    """A question of the risk questionnaire; the answers count from 1 to 5 in their order."""

    field: str
    text: Text
    answers: tuple[Text, ...]


class Buyers(msgspec.Struct, frozen=True):
    """Who may buy what, by age."""

    age_from: int
    senior_from: int
    senior_risk_max: Risk


class Rating(msgspec.Struct, frozen=True):
    """What a person's answers were rated (风险测评)."""

    person_id: int
    rating_id: int
    answers: list[int]
    score: int
    rating: RatingLevel
    rated_on: date
    valid_until: date


class Holding(msgspec.Struct, frozen=True):
    """A purchase of a product (持仓), on the terms of its day.

    `accrued` is always the interest of `principal` from `starts_on` until `accrued_through`,
    rounded once; the ledger has it in full.
    """

    person_id: int
    holding_id: int
    account_id: int
    bank: str
    product: str
    kind: ProductKind
    risk: Risk
    rate: Ppm
    bought: Fen
    principal: Fen
    """What has not been redeemed."""
    accrued: Fen
    interest_paid: Fen
    bought_at: datetime
    cooling_until: datetime
    starts_on: date
    matures_on: date | None
    accrued_through: date
    """Interest is in `accrued` for the days before this one (算头不算尾)."""
    state: Literal["open", "cancelled", "redeemed"]
    closed_at: datetime | None
    unpaid: str | None
    """Why it could not be paid out at maturity, such as account_closed."""
    version: int

    @property
    def key(self) -> tuple[int, int]:
        return (self.person_id, self.holding_id)

    @property
    def value(self) -> Fen:
        """Principal and interest that the ledger shows."""
        return self.principal + self.accrued


class NoSuchProduct(NotFound):
    """No bank sells or sold a product of this code."""

    code = "no_such_product"

    def __init__(self) -> None:
        super().__init__(zh="没有这个理财产品", en="there is no such product", field="product")


class NoSuchHolding(NotFound):
    """There is no such holding of this person."""

    code = "no_such_holding"

    def __init__(self) -> None:
        super().__init__(zh="没有这笔理财持仓", en="there is no such holding", field="holding_id")


class NotOnSale(MoneyRefused):
    """The product is not sold today, or not to holders of this account."""

    code = "not_on_sale"


class NotSuitable(MoneyRefused):
    """The product is not for this person: age, missing or too low rating."""

    code = "not_suitable"


class NotNow(MoneyRefused):
    """A cancellation behind the cooling-off period, a redemption before it may be."""

    code = "not_now"


class HoldingClosed(MoneyRefused):
    """The holding was cancelled or redeemed before."""

    code = "holding_closed"

    def __init__(self, state: str) -> None:
        super().__init__(
            zh="这笔理财已撤销" if state == "cancelled" else "这笔理财已赎回",
            en=f"this holding has been {state}",
            field="holding_id",
        )
