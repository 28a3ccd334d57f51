"""The products as data: data/wealth_products.yaml."""

from functools import cache
from importlib import resources
from typing import Any

import msgspec
import yaml

from yikatong.core.errors import Text
from yikatong.core.money import format_percent, format_yuan, parse_percent, parse_yuan
from yikatong.money.bank.banks import bank
from yikatong.money.wealth.model import (
    RISKS,
    Buyers,
    NoSuchProduct,
    Product,
    Question,
    Risk,
)

QUESTIONS: int = 5


class Catalogue(msgspec.Struct, frozen=True):
    """Everything the file says."""

    buyers: Buyers
    questions: tuple[Question, ...]
    risks: dict[Risk, Text]
    products: dict[str, Product]


@cache
def catalogue() -> Catalogue:
    """The shipped file."""
    file = resources.files("yikatong.data") / "wealth_products.yaml"
    return read(file.read_text(encoding="utf-8"))


def read(text: str) -> Catalogue:
    """Read a file of products; raises ValueError or InvalidInput naming product and field."""
    facts: dict[str, Any] = yaml.safe_load(text)
    buyers = facts["buyers"]
    products: dict[str, Product] = {}
    for one in facts["products"]:
        product = _product(one)
        _ensure(product.code not in products, product.code, "stands there twice")
        products[product.code] = product
    questions = tuple(
        Question(one["field"], _text(one["text"]), tuple(_text(each) for each in one["answers"]))
        for one in facts["questions"]
    )
    _ensure(len(questions) == QUESTIONS, "questions", f"there are {QUESTIONS}")
    for question in questions:
        _ensure(len(question.answers) == 5, question.field, "has five answers")
    risks: dict[Risk, Text] = {risk: _text(facts["risks"][risk]) for risk in RISKS}
    senior = buyers["senior"]
    _ensure(senior["risk_max"] in RISKS, "buyers.senior.risk_max", "is one of R1 to R5")
    return Catalogue(
        buyers=Buyers(buyers["age_from"], senior["age_from"], senior["risk_max"]),
        questions=questions,
        risks=risks,
        products=products,
    )


def _product(one: dict[str, Any]) -> Product:
    code = one["code"]
    product = Product(
        code=code,
        bank=bank(one["bank"], f"{code}.bank").code,
        name=_text(one["name"]),
        risk=one["risk"],
        kind=one["kind"],
        term_days=one.get("term_days"),
        rate=parse_percent(one["annual_rate"], f"{code}.annual_rate"),
        minimum=parse_yuan(one["minimum"], f"{code}.minimum"),
        step=parse_yuan(one["step"], f"{code}.step"),
        cooling_off_hours=one["cooling_off_hours"],
        on_sale_from=one["on_sale_from"],
        on_sale_until=one.get("on_sale_until"),
        description=_text(one["description"]),
    )
    _ensure(product.risk in RISKS, code, "risk is one of R1 to R5")
    _ensure(product.kind in ("fixed_term", "open_ended"), code, "kind is fixed_term or open_ended")
    fixed = product.kind == "fixed_term"
    _ensure((product.term_days or 0) > 0 if fixed else product.term_days is None, code, "term_days")
    _ensure(product.rate >= 0, code, "annual_rate is not negative")
    _ensure(product.step > 0, code, "step is above zero")
    _ensure(product.minimum >= product.step, code, "minimum is at least a step")
    _ensure(product.minimum % product.step == 0, code, "minimum is a multiple of step")
    _ensure(product.cooling_off_hours >= 0, code, "cooling_off_hours is not negative")
    return product


def _text(both: dict[str, str]) -> Text:
    return Text(both["zh"], both["en"])


def _ensure(true: bool, where: str, what: str) -> None:
    if not true:
        raise ValueError(f"wealth_products.yaml: {where}: {what}")


def told(one: Product) -> dict[str, Any]:
    """A product for JSON: amounts in yuan, the rate in percent."""
    return {
        "code": one.code,
        "bank": one.bank,
        "name": one.name.as_dict(),
        "risk": one.risk,
        "kind": one.kind,
        "term_days": one.term_days,
        "annual_percent": format_percent(one.rate),
        "minimum": format_yuan(one.minimum),
        "step": format_yuan(one.step),
        "cooling_off_hours": one.cooling_off_hours,
        "on_sale_from": one.on_sale_from.isoformat(),
        "on_sale_until": one.on_sale_until.isoformat() if one.on_sale_until else None,
        "description": one.description.as_dict(),
    }


def product(code: str) -> Product:
    """The product of a code, also one that is no longer sold; raises NoSuchProduct."""
    found = catalogue().products.get(code)
    if found is None:
        raise NoSuchProduct
    return found
