"""Accounts opened for many at once, inside the caller's transaction (批量开户)."""

from collections.abc import Mapping
from typing import Final

from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.core.together import Change, change_together
from yikatong.money.bank.banks import bank as bank_of
from yikatong.money.bank.banks import new_number
from yikatong.money.bank.service import command, new_account
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger import store as ledger_store
from yikatong.money.ledger.book import Book
from yikatong.money.ledger.model import Account
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_CLASS: Final = 1


async def open_many(
    platform: Platform, connection: Connection, wanted: Mapping[int, str], actor: Actor
) -> dict[int, int]:
    """Of each person the open class I account at the bank named, opened where there is none.

    `wanted` has a bank's code by person; the caller has made sure that all of them live. Raises
    Conflict where somebody else opens one at this moment: the transaction is to be tried again.
    """
    found: dict[int, int] = {}
    alike = dict.fromkeys(wanted, 0)
    for one in await ledger_store.accounts_of(connection, list(wanted)):
        if (one.bank, one.account_class) != (wanted[one.person_id], _CLASS):
            continue
        alike[one.person_id] += 1
        if one.state == "open":
            found.setdefault(one.person_id, one.account_id)
    missing = [person_id for person_id in wanted if person_id not in found]
    if not missing:
        return found
    now, vault = platform.clock.now(), platform.vault
    book = Book((), draw_id=lambda: ids.new_id(now))
    opened: list[Account] = []
    sealed: list[bytes] = []
    hashed: list[bytes] = []
    for person_id in missing:
        code = wanted[person_id]
        number = new_number(bank_of(code))
        account = new_account(person_id, ids.new_id(now), "bank", bank=code, number=number)
        key = f"open:{code}:{_CLASS}:{alike[person_id]}"
        mine = command(person_id, key, "open", actor)
        # The account is new with it, and stands as this transaction leaves it.
        noted = book.note(mine, None, {"account_id": str(account.account_id)})
        account.last_transaction_id = noted.transaction_id
        opened.append(account)
        sealed.append(vault.seal("account", person_id, number))
        hashed.append(vault.hash("account", number))
        found[person_id] = account.account_id
    trail: list[tuple[int, str, dict[str, object]]] = [
        (one.person_id, "money.account_opened", {"account_id": one.account_id, "bank": one.bank})
        for one in opened
    ]
    changes: list[Change] = [
        *ledger_store.openings(opened, now, sealed, hashed),
        *ledger.changes(book),
    ]
    await change_together(connection, changes)
    await audit.copy_many(connection, actor, now, trail)
    return found
