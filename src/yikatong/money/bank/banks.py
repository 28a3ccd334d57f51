"""Banks and limits as data: which banks issue cards, what an account of each class may do."""

import secrets
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec
from stdnum import luhn

from yikatong.core.errors import InvalidInput, Text, one_of
from yikatong.core.money import Fen, parse_yuan
from yikatong.core.shipped import read_yaml

NUMBER_DIGITS: Final = 19


class Bank(msgspec.Struct, frozen=True):
    """A bank (发卡银行)."""

    code: str
    prefix: str
    """The first six digits of its account numbers (发卡行标识)."""
    name: Text


class Limits(msgspec.Struct, frozen=True):
    """What may go out of an account of a class (限额), in fen; None: no limit."""

    per_transaction: Fen
    a_day: Fen | None
    a_year: Fen | None
    balance: Fen | None
    """What the account may hold; social money arriving is not bound by it."""
    stronger_check_above_a_day: Fen


@cache
def _file() -> tuple[dict[str, Bank], dict[int, Limits]]:
    read: dict[str, Any] = read_yaml(resources.files("yikatong.data") / "banks.yaml")
    banks = {
        one["code"]: Bank(one["code"], one["prefix"], Text(one["name"]["zh"], one["name"]["en"]))
        for one in read["banks"]
    }
    limits = {
        int(number): Limits(
            per_transaction=parse_yuan(terms["per_transaction"], "per_transaction"),
            a_day=_optional(terms, "a_day"),
            a_year=_optional(terms, "a_year"),
            balance=_optional(terms, "balance"),
            stronger_check_above_a_day=parse_yuan(
                terms["stronger_check_above_a_day"], "stronger_check_above_a_day"
            ),
        )
        for number, terms in read["classes"].items()
    }
    return banks, limits


def _optional(terms: dict[str, str], name: str) -> Fen | None:
    return parse_yuan(terms[name], name) if name in terms else None


def banks() -> dict[str, Bank]:
    """All issuing banks by code."""
    return _file()[0]


def limits_of(account_class: int) -> Limits:
    """The limits of a class of account (I, II, III 类户)."""
    return _file()[1][account_class]


def bank(code: str, field: str = "bank") -> Bank:
    """The bank; raises InvalidInput naming the banks there are."""
    return banks()[one_of(code, banks(), field)]


def new_number(bank: Bank) -> str:
    """An account number that nobody can guess: prefix, twelve drawn digits, Luhn digit."""
    return with_check_digit(f"{bank.prefix}{secrets.randbelow(10**12):012d}")


def with_check_digit(body: str) -> str:
    """An account number: its body and the Luhn digit (ISO/IEC 7812-1)."""
    return body + luhn.calc_check_digit(body)


def parse_number(text: str, field: str) -> str:
    """An account number without spaces; raises InvalidInput where a digit must be wrong."""
    number = text.replace(" ", "").replace("-", "")
    if not (number.isascii() and number.isdigit() and 16 <= len(number) <= NUMBER_DIGITS):
        raise InvalidInput(
            field,
            zh="账号应为 16 至 19 位数字，印在卡的正面",
            en="an account number has 16 to 19 digits, printed on the front of the card",
        )
    if not luhn.is_valid(number):
        raise InvalidInput(
            field,
            zh="账号有误，请逐位核对",
            en="a digit of the account number is wrong; please compare it",
        )
    return number
