"""Social money onto a bank account (待遇发放): pension, benefits, care reimbursed by hand."""

from yikatong.core import regions
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.money.bank import rules
from yikatong.money.bank.orders import MEMO_MAX
from yikatong.money.bank.service import command
from yikatong.money.contributions.model import INSURANCES
from yikatong.money.errors import NoSuchAccount, printable
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Entry, Transaction
from yikatong.trust.audit import Actor


async def pay(
    platform: Platform,
    account: tuple[int, int],
    fund: tuple[str, str],
    amount: Fen,
    memo: str,
    actor: Actor,
    key: str,
) -> Transaction:
    """Pay from a fund (region, insurance) to a person's bank account (person_id, account_id).

    No limit and no freeze blocks it: of an open account it is refused never. Raises NoSuchAccount,
    AccountClosed, InvalidInput.
    """
    region = regions.pooling_region(fund[0], "region").code
    one_of(fund[1], INSURANCES, "insurance")
    printable(memo, "memo")
    if len(memo) > MEMO_MAX:
        raise InvalidInput(
            "memo", zh=f"附言最多 {MEMO_MAX} 字", en=f"{MEMO_MAX} characters at most"
        )
    payer = ("fund", region, fund[1])
    shared = await ledger.shared(platform, payer)
    mine = command(account[0], key, "benefit", actor, account, payer, amount, memo)

    async def work(connection: Connection) -> Transaction:
        book = await ledger.open_book(
            platform, connection, accounts=[account], keys=[(account[0], key)]
        )
        if (done := book.done_before(mine)) is not None:
            return done
        if not book.has(account) or book.account(account).kind != "bank":
            raise NoSuchAccount("account")
        rules.check_incoming(book.account(account), amount, social=True, field="account")
        done = book.post(
            mine,
            [Entry(*account, amount), Entry(account[0], shared[payer], -amount)],
            {"memo": memo} if memo else None,
        )
        await ledger.write(connection, book)
        return done

    return await ledger.carry_out(platform, work)
