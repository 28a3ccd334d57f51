"""The fee of a card (工本费): paid in cash at the counter or from the bank account, and given back.

Cash goes through the agency's cash box, which is an account of the ledger like any other. The account of
the lost card pays for the new one, though it is stopped for the loss: nothing else goes out of it.
"""

from typing import Final

import msgspec

from yikatong.cards.model import CardApplication
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.money.bank import rules as bank_rules
from yikatong.money.bank.service import command
from yikatong.money.errors import NoSuchAccount
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Entry
from yikatong.trust.audit import Actor

INCOME: Final = "card_fees"
CASH: Final = "cash"


async def _accounts(platform: Platform, region: str) -> tuple[int, int]:
    income, cash = ("agency", region, INCOME), ("agency", region, CASH)
    found = await ledger.shared(platform, income, cash)
    return found[income], found[cash]


async def take(
    platform: Platform,
    connection: Connection,
    one: CardApplication,
    actor: Actor,
    account: tuple[int, int] | None,
    level: int,
) -> None:
    """Take the fee, from an account (person_id, account_id) or in cash.

    Raises NoSuchAccount, and what refuses a payment out of the account.
    """
    income, cash = await _accounts(platform, one.region)
    mine = command(
        one.person_id, f"card-fee:{one.application_id}", "card_fee", actor, one.fee, account
    )
    book = await ledger.open_book(
        platform,
        connection,
        accounts=[account] if account else (),
        keys=[(mine.person_id, mine.key)],
    )
    if book.done_before(mine) is not None:
        return
    detail = {"application_id": str(one.application_id)}
    paid_in = Entry(one.person_id, income, one.fee)
    if account is None:
        book.post(mine, [paid_in, Entry(one.person_id, cash, -one.fee)], detail)
    else:
        if not book.has(account) or book.account(account).kind != "bank":
            raise NoSuchAccount("account")
        # The stop for a loss keeps out who found the card; its holder, proved anew, pays for the new one.
        open_to_holder = [one for one in book.account(account).frozen if one != "loss_report"]
        payer = msgspec.structs.replace(book.account(account), frozen=tuple(open_to_holder))
        bank_rules.check_outgoing(payer, one.fee, today(platform.clock), level, "account")
        book.post(mine, [Entry(*account, -one.fee), paid_in], detail, spent=one.fee)
    await ledger.write(connection, book)


async def give_back(
    platform: Platform, connection: Connection, one: CardApplication, actor: Actor
) -> None:
    """Give a fee back the way it came."""
    mine = command(
        one.person_id, f"card-fee-back:{one.application_id}", "card_fee_back", actor, one.fee
    )
    paid_key = (one.person_id, f"card-fee:{one.application_id}")
    (paid,) = await ledger.transactions_by_key(connection, [paid_key])
    income, cash = await _accounts(platform, one.region)
    payer = next(entry for entry in paid.entries() if entry.account_id != income)
    key = (payer.person_id, payer.account_id)
    book = await ledger.open_book(
        platform,
        connection,
        accounts=[key] if one.fee_paid_by == "account" else (),
        keys=[(mine.person_id, mine.key)],
    )
    if book.done_before(mine) is not None:
        return
    if book.has(key) and book.account(key).state == "closed":
        # The account is gone: the counter pays it out.
        payer = Entry(one.person_id, cash, payer.amount)
    entries = [
        Entry(one.person_id, income, -one.fee),
        Entry(payer.person_id, payer.account_id, one.fee),
    ]
    book.post(mine, entries, {"application_id": str(one.application_id)})
    await ledger.write(connection, book)
