"""The cash part of a settlement, paid from the bank side of the card: once, and back with a reversal."""

from datetime import date, timedelta

from yikatong.cards import service as cards
from yikatong.cards.model import LIVE_STATES
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.core.together import ask, change_together
from yikatong.medical.visits import pricing
from yikatong.medical.visits import store as visits_store
from yikatong.medical.visits.errors import CareRefused, NoSuchSettlement
from yikatong.medical.visits.model import Settlement, card_payment_key
from yikatong.money.bank import rules as bank_rules
from yikatong.money.bank.service import command
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Entry, Transaction
from yikatong.policies.model import YearToDate
from yikatong.trust.audit import Actor


class CashPaid(CareRefused):
    """The cash part was paid from the card before."""

    code = "cash_part_paid"


class CardCannotPay(CareRefused):
    """The card has no bank account that could pay."""

    code = "card_cannot_pay"


async def pay(
    platform: Platform,
    person_id: int,
    settlement_id: int,
    actor: Actor,
    key: str,
    assurance: int,
) -> Transaction:
    """Pay the cash part to the provider; the same key gets the same answer.

    Raises NoSuchSettlement, CashPaid, CardCannotPay, and what refuses a payment from the account.
    """
    bank_rules.check_level(assurance)
    wanted = (person_id, settlement_id)
    async with platform.database.transaction(readonly=True) as connection:
        known = (await visits_store.settlements(connection, [wanted])).get(wanted)
    if known is None:
        raise NoSuchSettlement
    due = ("provider", known.provider_code, "due")
    shared = await ledger.shared(platform, due)
    # One transaction per settlement, whatever key asks for it; the caller's key is its content.
    mine = command(person_id, card_payment_key(settlement_id), "medical_card_payment", actor, key)

    async def work(connection: Connection) -> Transaction:
        year = await _year(connection, known)
        book = await ledger.open_book(platform, connection, keys=[(person_id, mine.key)])
        try:
            done = book.done_before(mine)
        except KeyReused:
            raise CashPaid(
                "这笔结算的现金部分已由社保卡支付过，不用再付",
                "the cash part of this settlement was paid from the card already",
                "settlement",
            ) from None
        if done is not None:
            return done
        await _check_standing(connection, known)
        own = await _account(connection, person_id)
        book = await ledger.open_book(platform, connection, accounts=[own])
        account = book.account(own)
        bank_rules.check_outgoing(account, known.cash, today(platform.clock), assurance, "account")
        done = book.post(
            mine,
            [Entry(*own, -known.cash), Entry(person_id, shared[due], known.cash)],
            {"settlement_id": str(settlement_id), "provider": known.provider_code},
            spent=known.cash,
        )
        await ledger.write(connection, book)
        # A reversal writes the year too: whichever of both comes second sees the other.
        await change_together(connection, [visits_store.write_years([year])])
        return done

    return await ledger.carry_out(platform, work)


async def _year(connection: Connection, one: Settlement) -> tuple[int, str, date, int, YearToDate]:
    day = one.year_starts_on
    found, _ = await ask(
        connection, visits_store.accumulators([one.person_id], day - timedelta(days=1))
    )
    year, version = found.get((one.person_id, one.insurance, day), (YearToDate(), 0))
    return one.person_id, one.insurance, day, version, year


async def _check_standing(connection: Connection, one: Settlement) -> None:
    if one.channel == "claim":
        raise CareRefused(
            "手工报销的费用已由本人付给医院，无需再付",
            "a bill claimed by hand was paid to the provider by the person",
            "settlement",
        )
    key = (one.person_id, one.visit_id)
    found = (await visits_store.settlements_of_visits(connection, [key]))[key]
    if all(each.settlement_id != one.settlement_id for each in pricing.alive(found)):
        raise CareRefused(
            "这笔结算已撤销，无需支付", "this settlement was reversed: nothing is due", "settlement"
        )
    if one.cash <= 0:
        raise CareRefused(
            "这笔结算没有现金部分，无需支付", "nothing of this bill is due in cash", "settlement"
        )


async def _account(connection: Connection, person_id: int) -> tuple[int, int]:
    card = (await cards.current_cards(connection, [person_id])).get(person_id)
    if card is None or card.account_id is None or card.state not in LIVE_STATES:
        raise CardCannotPay(
            "没有可用的社保卡银行账户，请用其他方式支付",
            "there is no bank account on a valid card; pay in another way",
            "account",
        )
    if card.bank_app == "inactive":
        raise CardCannotPay(
            "社保卡的银行功能未激活，请到发卡银行激活，或用其他方式支付",
            "the bank side of the card is not activated; the issuing bank does that, or pay in"
            " another way",
            "account",
        )
    return person_id, card.account_id
