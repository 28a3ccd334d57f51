"""A replacement, and what named the old card: it follows to the new one, or ends with the old."""

from datetime import date

import pytest

from tests.cards.citizens import BANK, CLERK, COUNTER, LOST, PIN, citizen, print_now, with_card
from yikatong.cards.office import applying, living
from yikatong.cards.pins import service as pins
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.signing_in import service as signing_in
from yikatong.identity.signing_in.model import Visitor
from yikatong.identity.signing_in.service import NotRecognized
from yikatong.medical import service as medical
from yikatong.money.bank import service as bank
from yikatong.money.bank import standing
from yikatong.money.bank.standing import Arrangement
from yikatong.money.bank.standing_rules import Schedule

OTHER = 1_000_002


async def test_account_orders_filings_and_authority_follow_and_the_old_number_opens_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "REFUSED_AT_MULTIPLES_OF_SECONDS", 0)
    old = await with_card(platform)
    person_id = old.person_id
    await citizen(platform, OTHER)
    assert old.account_id is not None
    _, payee = await bank.open_account(platform, OTHER, "ICBC", CLERK)
    wanted = Arrangement(
        account_id=old.account_id, payee=payee, payee_name="张三丰", amount=30_000, assurance=2,
        schedule=Schedule(every="month", day=5, starts_on=date(2026, 3, 1)),
    )  # fmt: skip
    await standing.arrange(platform, person_id, wanted, CLERK, "s")
    await authority.record(
        platform, person_id, OTHER, ["card"], date(2026, 3, 1), date(2026, 12, 31), "委托书", CLERK,
        "m",
    )  # fmt: skip
    async with platform.database.transaction() as connection:
        await connection.execute(
            """insert into filings (person_id, filing_id, kind, insurance, region, destination,
                                    starts_on, ends_on, channel, filed_at)
               values ($1, 7, 'temporary', '310', '510100', '110000', '2026-03-01', '2026-09-01',
                       'online', now())""",
            person_id,
        )
    made = await applying.apply(platform, person_id, LOST, COUNTER, CLERK, "a")
    await applying.pay_fee(platform, person_id, made.application_id, None, COUNTER, CLERK, "f")
    new = await print_now(platform, made, "p")
    new = await living.activate(platform, person_id, new.card_id, "739204", COUNTER, CLERK, "b")
    new = await living.activate_bank(platform, person_id, new.card_id, BANK, CLERK, "c")
    async with platform.database.transaction(readonly=True) as connection:
        (order,) = await standing.orders_of(connection, person_id)
        (agent,) = await authority.agents(platform, connection, person_id)
        (filing,) = await medical.filings(connection, person_id)
    assert (order.state, order.account_id) == ("active", new.account_id)
    assert (agent.person_id, agent.services) == (OTHER, ("card",))
    assert filing.ended_on is None
    assert not await pins.verify(platform, person_id, old.card_id, PIN)
    assert await pins.verify(platform, person_id, new.card_id, "739204")
    visitor = Visitor("192.0.2.1", "Firefox")
    with pytest.raises(NotRecognized):
        await signing_in.by_secret(platform, visitor, old.card_number, PIN)
    assert await signing_in.by_secret(platform, visitor, new.card_number, "739204")
