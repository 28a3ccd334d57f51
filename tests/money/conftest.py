"""A few people with accounts, and a clerk."""

import pytest

from tests import fillings
from tests.conftest import Filling
from yikatong.core.platform import Platform
from yikatong.money.bank import service as bank
from yikatong.money.bank.orders import Deposit
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger.model import Account
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk-1", "bank counter")


class Customer:
    """Somebody with an account of a known number."""

    def __init__(self, account: Account, number: str, name: str) -> None:
        self.account = account
        self.number = number
        self.name = name

    @property
    def person_id(self) -> int:
        return self.account.person_id

    @property
    def key(self) -> tuple[int, int]:
        return self.account.key


@pytest.fixture
def teller(platform: Platform) -> Teller:
    return Teller(platform)


@pytest.fixture
def filling() -> Filling:
    return fillings.three_hundred_people


@pytest.fixture
async def customers(platform: Platform, teller: Teller) -> list[Customer]:
    """Four people, each with a new account that holds 1 000 yuan."""
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select person_id, name from persons p where died_on is null and person_id not in
                 (select person_id from money_accounts)
                order by person_id limit 4"""
        )
    made: list[Customer] = []
    for number, row in enumerate(rows):
        account, text = await bank.open_account(platform, row[0], "ICBC", CLERK)
        await teller.carry_out(
            Deposit(key=f"first-{number}", actor=CLERK, account=text, amount=100_000)
        )
        made.append(Customer(account, text, row[1]))
    assert len(made) == 4
    return made
