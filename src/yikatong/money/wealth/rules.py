"""What decides about wealth products: rating, suitability, interest. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from yikatong.core.errors import InvalidInput
from yikatong.core.money import WHOLE, Fen, Ppm, format_yuan_grouped
from yikatong.money.bank import rules as bank_rules
from yikatong.money.bank.banks import limits_of
from yikatong.money.errors import AccountClosed, NoSuchAccount, StrongerCheckNeeded, positive
from yikatong.money.ledger.model import Account
from yikatong.money.wealth.model import (
    RATINGS,
    RISKS,
    Buyers,
    Holding,
    HoldingClosed,
    NotNow,
    NotOnSale,
    NotSuitable,
    Product,
    Question,
    Rating,
    RatingLevel,
)
from yikatong.people.model import Person

YEAR_DAYS: Final = 365
"""Days of a year of interest, in leap years too."""
BORDERS: Final = (9, 13, 18, 22)
"""Sums of answers from which on C2, C3, C4, C5 begin; 5 is the least and 25 the most."""
_CAUTIOUS: Final = "loss"
"""Who can bear no loss at all is C1, whatever the other answers are."""


def rate_answers(answers: Sequence[int], questions: Sequence[Question]) -> tuple[int, RatingLevel]:
    """Score and rating (C1-C5) of one answer per question, each 1 to 5; raises InvalidInput."""
    if len(answers) != len(questions):
        number = len(questions)
        raise InvalidInput(
            "answers", zh=f"应回答 {number} 个问题", en=f"there are {number} answers"
        )
    for question, answer in zip(questions, answers, strict=True):
        if not 1 <= answer <= len(question.answers):
            raise InvalidInput(
                f"answers.{question.field}", zh="请选择一个选项（1 至 5）", en="choose from 1 to 5"
            )
        if question.field == _CAUTIOUS and answer == 1:
            return sum(answers), "C1"
    score = sum(answers)
    return score, RATINGS[sum(score >= border for border in BORDERS)]


def valid_until(rated_on: date) -> date:
    """The last day of a rating: one year."""
    if (rated_on.month, rated_on.day) == (2, 29):
        return rated_on.replace(year=rated_on.year + 1, day=28)
    return rated_on.replace(year=rated_on.year + 1) - timedelta(days=1)


def check_suitable(
    product: Product, buyers: Buyers, rating: Rating | None, person: Person, day: date
) -> None:
    """Raise NotSuitable unless the person's age and rating allow the product."""
    if person.died_on is not None or person.under_guardianship:
        raise NotSuitable(
            zh="已登记死亡或处于监护之下的人不能购买理财产品",
            en="nothing is sold to somebody under guardianship or whose death is recorded",
            field="person_id",
        )
    age = person.age_on(day)
    if age < buyers.age_from:
        raise NotSuitable(
            zh=f"未满 {buyers.age_from} 周岁不能购买理财产品",
            en=f"wealth products are sold from the age of {buyers.age_from}",
            field="person_id",
        )
    if rating is None or not rating.rated_on <= day <= rating.valid_until:
        raise NotSuitable(
            zh="没有有效的风险测评（有效期一年），请先完成测评",
            en="there is no valid risk rating (it lasts a year); please answer the questions first",
            field="rating",
        )
    senior = age >= buyers.senior_from
    if senior and RISKS.index(product.risk) > RISKS.index(buyers.senior_risk_max):
        raise NotSuitable(
            zh=f"{buyers.senior_from} 周岁及以上不能购买风险高于 {buyers.senior_risk_max} 的产品",
            en=f"from the age of {buyers.senior_from} nothing above {buyers.senior_risk_max} is sold",
            field="product",
        )
    if RISKS.index(product.risk) > RATINGS.index(rating.rating):
        raise NotSuitable(
            zh=f"产品风险为 {product.risk}，高于您的风险承受能力 {rating.rating}",
            en=f"the product's risk is {product.risk}, above your rating of {rating.rating}",
            field="product",
        )


def check_purchase(product: Product, account: Account, amount: Fen, day: date, level: int) -> None:
    """Raise where this much of the product may not be paid from the account today.

    The money stays the person's, so it does not count towards the limits of the account
    (银发〔2015〕392号: class II accounts buy wealth products without limit, class III none).
    """
    positive(amount)
    if account.state == "closed":
        raise AccountClosed("account")
    bank_rules.check_frozen(account, "account")
    if account.kind != "bank" or account.account_class is None:
        raise NoSuchAccount("account")
    if day < product.on_sale_from or day > (product.on_sale_until or date.max):
        raise NotOnSale(zh="产品现在不在售", en="the product is not on sale today", field="product")
    if account.bank != product.bank or account.account_class not in (1, 2):
        raise NotOnSale(
            zh="请使用该产品所属银行的 I 类或 II 类账户购买",
            en="it is bought from a class I or II account at the product's own bank",
            field="account",
        )
    if amount < product.minimum or amount % product.step:
        least, step = format_yuan_grouped(product.minimum), format_yuan_grouped(product.step)
        raise InvalidInput(
            "amount",
            zh=f"起购金额 {least} 元，以 {step} 元递增",
            en=f"from {least} yuan, in steps of {step} yuan",
        )
    stronger = amount > limits_of(account.account_class).stronger_check_above_a_day
    if level < (bank_rules.STRONG if stronger else bank_rules.PRESENT):
        raise StrongerCheckNeeded(
            zh="购买需要出示社保卡并输入密码，大额购买需要刷脸核验或到柜台办理",
            en="buying asks for the card and its PIN, a large sum for a face check or the counter",
            field="assurance",
        )


def interest(principal: Fen, rate: Ppm, days: int) -> Fen:
    """Interest of whole days, rounded once, half up (四舍五入)."""
    assert principal >= 0
    assert rate >= 0
    assert days >= 0
    year = WHOLE * YEAR_DAYS
    return (2 * principal * rate * days + year) // (2 * year)


def accrued_at(holding: Holding, day: date) -> tuple[Fen, date]:
    """What is accrued once the days before `day` are counted, and until when that is.

    Computed from the start each time, so that roundings never add up; never back in time, never
    beyond maturity.
    """
    through = max(holding.accrued_through, min(day, holding.matures_on or day))
    days = (through - holding.starts_on).days
    return interest(holding.principal, holding.rate, days), through


def interest_of_part(holding: Holding, part: Fen) -> Fen:
    """The interest that goes out with a part of the principal.

    The rest keeps exactly the interest of its own principal, so whatever is redeemed when, all
    parts together are the whole and the last one takes what is left.
    """
    assert 0 < part <= holding.principal
    days = (holding.accrued_through - holding.starts_on).days
    return holding.accrued - interest(holding.principal - part, holding.rate, days)


def check_open(holding: Holding) -> None:
    """Raise HoldingClosed for one that was cancelled or redeemed."""
    if holding.state != "open":
        raise HoldingClosed(holding.state)


def check_cancellation(holding: Holding, now: datetime) -> None:
    """Raise NotNow once the cooling-off period (投资冷静期) is over."""
    check_open(holding)
    if now >= holding.cooling_until:
        raise NotNow(
            zh="投资冷静期已过，不能撤销",
            en="the cooling-off period is over; it can no longer be cancelled",
            field="holding_id",
        )


def check_redemption(holding: Holding, part: Fen, now: datetime, day: date) -> None:
    """Raise where this part may not be redeemed now."""
    check_open(holding)
    positive(part)
    if part > holding.principal:
        most = format_yuan_grouped(holding.principal)
        raise InvalidInput(
            "amount",
            zh=f"最多可赎回本金 {most} 元",
            en=f"at most the principal of {most} yuan",
        )
    if holding.matures_on is not None and day < holding.matures_on:
        raise NotNow(
            zh=f"封闭期内不能赎回，{holding.matures_on} 到期自动到账",
            en=f"locked until {holding.matures_on}, when it is paid out by itself",
            field="holding_id",
        )
    if holding.matures_on is not None and part != holding.principal:
        raise InvalidInput(
            "amount", zh="封闭式产品到期一次赎回全部", en="at maturity the whole is paid out"
        )
    if now < holding.cooling_until:
        raise NotNow(
            zh="投资冷静期内请直接撤销，资金全额退回",
            en="during the cooling-off period cancel instead: everything is given back",
            field="holding_id",
        )
