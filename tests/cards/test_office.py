"""The card office: applications and the life of cards, as the table says."""

import asyncio
from datetime import date, timedelta

import msgspec
import pytest

from tests.cards.citizens import (
    BANK,
    CENTRE,
    CLERK,
    COUNTER,
    COUNTERS,
    FIRST,
    HOME,
    IN_BEIJING,
    LOST,
    ONLINE,
    PHONE,
    PIN,
    REVIEWER,
    SELF,
    SHOWN,
    citizen,
    print_now,
    with_card,
)
from yikatong.cards import service as cards
from yikatong.cards.model import LIVE_STATES, Card, CardApplication
from yikatong.cards.office import applying, due, living
from yikatong.cards.office.errors import (
    CardRefused,
    ChannelClosed,
    FeeDue,
    HasCard,
    IdentityUnclear,
    MaterialsMissing,
    NoCard,
    NotNow,
    NotYours,
    PersonDead,
    SamePerson,
    UnderWay,
)
from yikatong.cards.office.model import Doing, Mended, NewApplication
from yikatong.cards.pins import service as pins
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.money.bank import service as bank
from yikatong.money.bank.orders import Deposit, Withdrawal
from yikatong.money.bank.teller import Teller
from yikatong.money.errors import AccountFrozen, KeyReused, StrongerCheckNeeded
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.verification import verify
from yikatong.people.notices import service as notices

ICBC_BRANCH = next(one.code for one in COUNTERS if one.bank == "ICBC")


async def held(platform: Platform, person_id: int) -> list[Card]:
    async with platform.database.transaction(readonly=True) as connection:
        return list(await cards.cards(connection, person_id))


async def asked(platform: Platform, person_id: int) -> list[CardApplication]:
    async with platform.database.transaction(readonly=True) as connection:
        return list(await cards.applications(connection, person_id))


async def frozen(platform: Platform, card: Card) -> tuple[str, ...]:
    assert card.account_id is not None
    async with platform.database.transaction(readonly=True) as connection:
        return (await ledger.account(connection, card.person_id, card.account_id)).frozen


async def test_who_stands_at_the_counter_at_home_gets_a_card_in_one_visit(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "k1")
    assert (made.state, made.region, made.fee) == ("in_production", HOME, 0)
    card = await print_now(platform, made)
    assert (card.state, card.social_security_app, card.bank_app) == (
        "issued",
        "inactive",
        "inactive",
    )
    assert len(card.card_identifier) == 32
    assert card.account_id is not None
    active = await living.activate(platform, person_id, card.card_id, PIN, COUNTER, CLERK, "k2")
    assert (active.state, active.social_security_app) == ("active", "active")
    assert await pins.verify(platform, person_id, card.card_id, PIN)
    assert [one.state for one in await asked(platform, person_id)] == ["issued"]


async def test_the_same_key_answers_what_is_there_and_another_content_is_refused(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    first, second = await asyncio.gather(
        *(applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "k") for _ in range(2))
    )
    assert first == second
    with pytest.raises(KeyReused):
        await applying.apply(platform, person_id, LOST, COUNTER, CLERK, "k")
    card = await print_now(platform, first)
    assert (await print_now(platform, first)).card_id == card.card_id
    assert len(await held(platform, person_id)) == 1


async def test_a_second_application_is_refused_with_the_number_of_the_first(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, ONLINE, SELF, "k1")
    assert made.state == "applied"
    with pytest.raises(UnderWay) as refused:
        await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "k2")
    assert str(made.application_id) in refused.value.text.zh


@pytest.mark.parametrize(
    ("facts", "wanted", "doing", "refusal"),
    [
        ({"died_on": date(2026, 1, 1)}, FIRST, COUNTER, PersonDead),
        ({"matched": False}, FIRST, COUNTER, IdentityUnclear),
        ({}, LOST, COUNTER, NoCard),
        ({"card_from": date(2024, 1, 1)}, FIRST, COUNTER, HasCard),
        ({}, FIRST, Doing("counter", materials=("identity",)), MaterialsMissing),
        ({}, FIRST, Doing("phone", materials=("identity", "photo")), ChannelClosed),
        ({"born": date(2015, 1, 1)}, FIRST, COUNTER, NotYours),
        ({"guardianship": True}, FIRST, COUNTER, NotYours),
        ({}, FIRST, msgspec.structs.replace(COUNTER, by="kin"), NotYours),
        ({}, FIRST, msgspec.structs.replace(COUNTER, by="agent"), MaterialsMissing),
        ({}, NewApplication("first", region="110000"), COUNTER, MaterialsMissing),
        ({}, FIRST, Doing("cross_province", materials=SHOWN), InvalidInput),
        ({}, FIRST, msgspec.structs.replace(COUNTER, counter="S00000000000"), InvalidInput),
        ({}, NewApplication("first", pickup_place="锦江区"), COUNTER, InvalidInput),
        ({}, NewApplication("first", bank="ABC", pickup_place=ICBC_BRANCH), COUNTER, InvalidInput),
        ({}, NewApplication("first", delivery="post"), COUNTER, InvalidInput),
        ({}, NewApplication("first", bank="XXXX"), COUNTER, InvalidInput),
        ({}, NewApplication("first", "lost"), COUNTER, InvalidInput),
        (
            {"card_from": date(2024, 1, 1)},
            NewApplication("renew", "expired"),
            COUNTER,
            InvalidInput,
        ),
        (
            {"card_from": date(2024, 1, 1)},
            NewApplication("renew", "old_generation"),
            COUNTER,
            InvalidInput,
        ),
    ],
)
async def test_what_does_not_fit_is_refused_and_leaves_nothing(
    platform: Platform,
    facts: dict[str, object],
    wanted: NewApplication,
    doing: Doing,
    refusal: type[Exception],
) -> None:
    person_id = await citizen(platform, **facts)  # type: ignore[arg-type]
    with pytest.raises(refusal):
        await applying.apply(platform, person_id, wanted, doing, CLERK, "k")
    assert await asked(platform, person_id) == []


async def test_who_acts_is_another_person_who_is_known(platform: Platform) -> None:
    person_id = await citizen(platform)
    for other in (person_id, 1):
        agent = Doing("counter", "agent", other, materials=(*SHOWN, "agent_identity"))
        with pytest.raises(InvalidInput) as wrong:
            await applying.apply(platform, person_id, FIRST, agent, CLERK, f"k{other}")
        assert wrong.value.field == "by_id"


async def test_a_guardian_applies_for_a_child(platform: Platform) -> None:
    child = await citizen(platform, born=date(2018, 1, 1))
    doing = Doing(
        "counter", "guardian", materials=("identity", "photo", "agent_identity", "guardianship")
    )
    made = await applying.apply(platform, child, FIRST, doing, CLERK, "k")
    assert (made.state, made.applicant) == ("applied", "guardian")
    with pytest.raises(NotYours):
        await applying.apply(
            platform, child, FIRST, msgspec.structs.replace(doing, by_id=77), CLERK, "k2"
        )


async def test_elsewhere_a_residence_permit_lets_the_region_issue_the_card(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    doing = Doing("counter", materials=("identity", "photo", "residence_permit"))
    wanted = NewApplication("first", region="110105", accepted_in="110105")
    made = await applying.apply(platform, person_id, wanted, doing, CLERK, "k")
    assert (made.state, made.region) == ("applied", "110000")


async def test_a_cross_province_counter_takes_in_what_the_insured_place_decides(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    doing = Doing("cross_province", materials=("identity", "photo"), counter=IN_BEIJING.code)
    made = await applying.apply(platform, person_id, FIRST, doing, CLERK, "k")
    assert (made.state, made.region) == ("applied", HOME)
    assert (made.accepted_in, made.pickup_place) == (IN_BEIJING.region, IN_BEIJING.code)
    with pytest.raises(SamePerson):
        await applying.approve(platform, person_id, made.application_id, COUNTER, CLERK, "k2")
    made = await applying.approve(platform, person_id, made.application_id, COUNTER, REVIEWER, "k3")
    assert made.state == "in_production"
    with pytest.raises(CardRefused) as refused:
        await applying.hand_over(
            platform, person_id, made.application_id, doing, CLERK, "k4", event="print"
        )
    assert refused.value.field == "counter"


async def test_the_office_asks_and_the_applicant_adds(platform: Platform) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, ONLINE, SELF, "k1")
    number = made.application_id
    with pytest.raises(InvalidInput):
        await applying.ask(platform, person_id, number, COUNTER, REVIEWER, "k2")
    blurred = Doing("counter", reason="照片不清楚，请重新上传")
    made = await applying.ask(platform, person_id, number, blurred, REVIEWER, "k3")
    assert made.asked_for == blurred.reason
    with pytest.raises(CardRefused):
        await applying.approve(platform, person_id, number, COUNTER, REVIEWER, "k4")
    mended = Mended(("photo",), bank="ABC")
    made = await applying.amend(platform, person_id, number, mended, ONLINE, SELF, "k5")
    assert (made.asked_for, made.bank) == (None, "ABC")
    reason = Doing("counter", reason="照片不是本人")
    made = await applying.reject(platform, person_id, number, reason, REVIEWER, "k6")
    assert (made.state, made.reason) == ("rejected", "照片不是本人")
    with pytest.raises(NotNow):
        await applying.approve(platform, person_id, number, COUNTER, REVIEWER, "k7")


async def test_with_another_bank_the_card_is_not_collected_at_a_branch_of_the_first(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    wanted = NewApplication("first", bank="ICBC", pickup_place=ICBC_BRANCH)
    made = await applying.apply(platform, person_id, wanted, ONLINE, SELF, "k1")
    number, reason = made.application_id, Doing("counter", reason="请换一家银行")
    await applying.ask(platform, person_id, number, reason, REVIEWER, "k2")
    with pytest.raises(InvalidInput) as wrong:
        await applying.amend(platform, person_id, number, Mended(bank="ABC"), ONLINE, SELF, "k3")
    assert wrong.value.field == "pickup_place"
    both = Mended(bank="ABC", pickup_place=CENTRE)
    made = await applying.amend(platform, person_id, number, both, ONLINE, SELF, "k4")
    assert (made.bank, made.pickup_place) == ("ABC", CENTRE)


async def test_a_replacement_costs_its_fee_and_kills_the_old_card(platform: Platform) -> None:
    old = await with_card(platform)
    person_id = old.person_id
    made = await applying.apply(platform, person_id, LOST, COUNTER, CLERK, "r1")
    assert (made.state, made.fee, made.fee_state) == ("in_production", 1600, "due")
    with pytest.raises(FeeDue):
        await print_now(platform, made, "r2")
    assert (await held(platform, person_id))[0].state == "loss_reported"
    for key in ("r3", "r3"):
        made = await applying.pay_fee(
            platform, person_id, made.application_id, None, COUNTER, CLERK, key
        )
    assert made.fee_state == "paid"
    new = await print_now(platform, made, "r4")
    first, second = await held(platform, person_id)
    assert (first.card_id, first.account_id) == (new.card_id, old.account_id)
    assert (second.state, second.replaced_by) == ("replaced", new.card_id)
    assert not await pins.verify(platform, person_id, old.card_id, PIN)
    async with platform.database.transaction(readonly=True) as connection:
        fees = {
            account.purpose: balance
            for account, balance, _ in await ledger.shared_balances(connection)
            if account.kind == "agency"
        }
    assert fees == {"card_fees": 1600, "cash": -1600}
    assert (await verify(platform)).proved


async def test_the_account_of_the_lost_card_pays_for_the_new_one_and_for_nothing_else(
    platform: Platform,
) -> None:
    old = await with_card(platform)
    person_id, account_id = old.person_id, old.account_id
    assert account_id is not None
    teller = Teller(platform)
    async with platform.database.transaction(readonly=True) as connection:
        account = await ledger.account(connection, person_id, account_id)
        number = await bank.account_number(platform, connection, account)
    await teller.carry_out(Deposit(key="d", actor=CLERK, account=number, amount=5000))
    made = await applying.apply(platform, person_id, LOST, ONLINE, SELF, "r1")
    assert await frozen(platform, old) == ("loss_report",)
    with pytest.raises(AccountFrozen):
        await teller.carry_out(
            Withdrawal(key="w", actor=CLERK, account=number, amount=100, assurance=3)
        )
    with pytest.raises(StrongerCheckNeeded):
        await applying.pay_fee(
            platform, person_id, made.application_id, account_id, ONLINE, SELF, "r2", level=1
        )
    paid = await applying.pay_fee(
        platform, person_id, made.application_id, account_id, ONLINE, SELF, "r3", level=2
    )
    assert (paid.fee_state, paid.fee_paid_by) == ("paid", "account")
    assert await frozen(platform, old) == ("loss_report",)
    back = await applying.withdraw(platform, person_id, made.application_id, ONLINE, SELF, "r4")
    assert back.fee_state == "given_back"
    assert (await verify(platform)).proved


async def test_a_withdrawn_replacement_gives_the_fee_back(platform: Platform) -> None:
    old = await with_card(platform)
    made = await applying.apply(platform, old.person_id, LOST, COUNTER, CLERK, "r1")
    number = made.application_id
    await applying.pay_fee(platform, old.person_id, number, None, COUNTER, CLERK, "r2")
    made = await applying.withdraw(platform, old.person_id, number, COUNTER, CLERK, "r3")
    assert (made.state, made.fee_state) == ("withdrawn", "given_back")
    async with platform.database.transaction(readonly=True) as connection:
        balances = [
            balance
            for account, balance, _ in await ledger.shared_balances(connection)
            if account.kind == "agency"
        ]
    assert balances == [0, 0]


async def test_a_provisional_report_stops_everything_and_ends_by_itself(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    lost = await living.report_loss_provisionally(
        platform, card.person_id, card.card_id, PHONE, CLERK, "l1"
    )
    assert (lost.state, lost.social_security_app, lost.bank_app) == (
        "loss_reported_provisionally", "frozen", "frozen",
    )  # fmt: skip
    assert await frozen(platform, card) == ("loss_report",)
    assert not await pins.verify(platform, card.person_id, card.card_id, PIN)
    clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert (await due.run(platform)).reports_ended == 0
    clock.advance(timedelta(seconds=1))
    assert (await due.run(platform)).reports_ended == 1
    assert (await due.run(platform)).reports_ended == 0
    again = (await held(platform, card.person_id))[0]
    assert (again.state, again.social_security_app, again.bank_app) == (
        "active", "active", "active",
    )  # fmt: skip
    assert await frozen(platform, card) == ()


async def test_a_report_for_good_stays_until_the_card_is_found(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    person_id, card_id = card.person_id, card.card_id
    await living.report_loss_provisionally(platform, person_id, card_id, PHONE, CLERK, "l1")
    lost = await living.report_loss(platform, person_id, card_id, COUNTER, CLERK, "l2")
    assert (lost.state, lost.provisional_until) == ("loss_reported", None)
    clock.advance(timedelta(days=400))
    await due.run(platform)
    with pytest.raises(MaterialsMissing):
        await living.withdraw_loss(
            platform, person_id, card_id, Doing("counter", materials=("identity",)), CLERK, "l3"
        )
    found = await living.withdraw_loss(platform, person_id, card_id, COUNTER, CLERK, "l4")
    assert (found.state, found.bank_app) == ("active", "active")
    assert await frozen(platform, card) == ()


async def test_a_locked_card_that_is_lost_and_found_is_locked_again(platform: Platform) -> None:
    card = await with_card(platform)
    for _ in range(3):
        await pins.verify_present(platform, card.person_id, card.card_id, "000001", CLERK)
    assert (await held(platform, card.person_id))[0].state == "locked"
    await living.report_loss(platform, card.person_id, card.card_id, COUNTER, CLERK, "l1")
    found = await living.withdraw_loss(platform, card.person_id, card.card_id, COUNTER, CLERK, "l2")
    assert found.state == "locked"
    open_again = await living.unlock(platform, card.person_id, card.card_id, COUNTER, CLERK, "l3")
    assert open_again.state == "active"
    assert await pins.verify(platform, card.person_id, card.card_id, PIN)


async def test_a_replacement_after_a_loss_frees_the_account_with_the_new_bank_side(
    platform: Platform,
) -> None:
    old = await with_card(platform)
    person_id = old.person_id
    await living.report_loss(platform, person_id, old.card_id, COUNTER, CLERK, "l1")
    made = await applying.apply(platform, person_id, LOST, COUNTER, CLERK, "l2")
    await applying.pay_fee(platform, person_id, made.application_id, None, COUNTER, CLERK, "l3")
    new = await print_now(platform, made, "l4")
    assert await frozen(platform, old) == ("loss_report",)
    with pytest.raises(ChannelClosed):
        await living.activate_bank(platform, person_id, new.card_id, COUNTER, CLERK, "l5")
    await living.activate_bank(platform, person_id, new.card_id, BANK, CLERK, "l6")
    assert await frozen(platform, old) == ()
    with pytest.raises(NotNow):
        await living.withdraw_loss(platform, person_id, old.card_id, COUNTER, CLERK, "l7")


async def test_next_of_kin_cancel_on_death_and_learn_what_remains(platform: Platform) -> None:
    card = await with_card(platform)
    person_id = card.person_id
    other, _ = await bank.open_account(platform, person_id, "ABC", CLERK)
    open_one = await applying.apply(platform, person_id, LOST, ONLINE, SELF, "k0")
    kin = Doing("counter", "kin", materials=("agent_identity", "kinship", "death_certificate"))
    with pytest.raises(InvalidInput):
        await living.cancel(platform, person_id, card.card_id, None, kin, CLERK, "k1")
    with pytest.raises(InvalidInput):
        await living.cancel(platform, person_id, card.card_id, date(2026, 3, 2), kin, CLERK, "k2")
    died = date(2026, 2, 20)
    ended, remaining = await living.cancel(
        platform, person_id, card.card_id, died, kin, CLERK, "k3"
    )
    assert ended.state == "cancelled"
    assert remaining.accounts == ()
    assert "death" in await frozen(platform, card)
    async with platform.database.transaction(readonly=True) as connection:
        stopped = await ledger.account(connection, person_id, other.account_id)
    assert stopped.frozen == ("death",)
    (application,) = [
        one for one in await asked(platform, person_id)
        if one.application_id == open_one.application_id
    ]  # fmt: skip
    assert application.state == "withdrawn"
    with pytest.raises(PersonDead):
        await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "k4")


async def test_cards_expire_on_the_day_behind_their_last(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    clock.advance(timedelta(days=(card.valid_until - date(2026, 3, 1)).days))
    assert (await due.run(platform)).expired == 0
    clock.advance(timedelta(days=1))
    assert (await due.run(platform)).expired == 1
    assert (await held(platform, card.person_id))[0].state == "expired"
    renewal = NewApplication("renew", "expired")
    made = await applying.apply(platform, card.person_id, renewal, COUNTER, CLERK, "e1")
    assert made.fee == 0
    new = await print_now(platform, made, "e2")
    assert (new.account_id, new.state) == (card.account_id, "issued")


async def test_only_a_counter_that_makes_cards_at_once_makes_one(platform: Platform) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "k1")
    slow = next(one for one in COUNTERS if not one.prints_at_once and one.open_on(made.applied_on))
    for counter, error in ((None, InvalidInput), (slow.code, CardRefused)):
        doing = msgspec.structs.replace(COUNTER, counter=counter)
        with pytest.raises(error) as refused:
            await applying.hand_over(
                platform, person_id, made.application_id, doing, CLERK, "k2", event="print"
            )
        assert refused.value.field == "counter"


async def test_the_bank_side_is_activated_at_the_issuing_bank(platform: Platform) -> None:
    person_id = await citizen(platform)
    wanted = NewApplication("first", bank="PSBC")
    made = await applying.apply(platform, person_id, wanted, COUNTER, CLERK, "k1")
    card = await print_now(platform, made)
    elsewhere = msgspec.structs.replace(BANK, counter=ICBC_BRANCH)
    with pytest.raises(CardRefused) as refused:
        await living.activate_bank(platform, person_id, card.card_id, elsewhere, CLERK, "k2")
    assert "邮储" in refused.value.text.zh or "Postal" in refused.value.text.en


async def test_two_clerks_at_once_never_make_two_live_cards(platform: Platform) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "k1")
    answers = await asyncio.gather(
        *(print_now(platform, made, f"p{number}") for number in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, Card) for one in answers) == 1
    assert sum(isinstance(one, NotNow) for one in answers) == 3
    live = [one for one in await held(platform, person_id) if one.state in LIVE_STATES]
    assert len(live) == 1


async def happened(platform: Platform, person_id: int) -> list[str]:
    """The history's events, the oldest first."""
    async with platform.database.transaction(readonly=True) as connection:
        return [one.event for one in await living.history(connection, person_id)][::-1]


async def test_a_hand_over_sent_again_answers_the_new_card(platform: Platform) -> None:
    old = await with_card(platform)
    made = await applying.apply(platform, old.person_id, LOST, COUNTER, CLERK, "r1")
    await applying.pay_fee(platform, old.person_id, made.application_id, None, COUNTER, CLERK, "r2")
    new = await print_now(platform, made, "r3")
    assert await print_now(platform, made, "r3") == new != old


async def test_a_cancellation_sent_again_answers_the_cancelled_card(platform: Platform) -> None:
    card = await with_card(platform)
    await applying.apply(platform, card.person_id, LOST, ONLINE, SELF, "k0")
    kin = Doing("counter", "kin", materials=("agent_identity", "kinship", "death_certificate"))
    died = date(2026, 2, 20)
    answers = [
        await living.cancel(platform, card.person_id, card.card_id, died, kin, CLERK, "k1")
        for _ in range(2)
    ]
    assert [one.state for one, _ in answers] == ["cancelled", "cancelled"]


async def test_of_the_dead_next_of_kin_cancel_and_nobody_else(platform: Platform) -> None:
    person_id = await citizen(platform, card_from=date(2024, 1, 1), died_on=date(2026, 1, 1))
    (card,) = await held(platform, person_id)
    with pytest.raises(NotYours):
        await living.cancel(platform, person_id, card.card_id, None, COUNTER, CLERK, "k1")


async def test_a_replacement_makes_a_provisional_report_one_for_good(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    await living.report_loss_provisionally(
        platform, card.person_id, card.card_id, PHONE, CLERK, "l1"
    )
    await applying.apply(platform, card.person_id, LOST, COUNTER, CLERK, "l2")
    clock.advance(timedelta(days=40))
    assert (await due.run(platform)).reports_ended == 0
    assert (await held(platform, card.person_id))[0].state == "loss_reported"


async def test_a_refused_hand_over_opens_no_account(platform: Platform) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, ONLINE, SELF, "k1")
    with pytest.raises(NotNow):
        await print_now(platform, made)
    async with platform.database.transaction(readonly=True) as connection:
        assert await ledger.accounts_of(connection, person_id) == []


async def test_a_new_card_at_another_bank_frees_the_account_of_the_lost_one(
    platform: Platform,
) -> None:
    old = await with_card(platform)
    person_id = old.person_id
    other_bank = NewApplication("replace", "lost", bank="ABC")
    made = await applying.apply(platform, person_id, other_bank, COUNTER, CLERK, "l1")
    await applying.pay_fee(platform, person_id, made.application_id, None, COUNTER, CLERK, "l2")
    new = await print_now(platform, made, "l3")
    assert (new.bank, new.account_id != old.account_id) == ("ABC", True)
    assert await frozen(platform, old) == ("loss_report",)
    await living.activate_bank(platform, person_id, new.card_id, BANK, CLERK, "l4")
    assert await frozen(platform, old) == ()


async def test_the_history_tells_of_locked_and_changed_pins(platform: Platform) -> None:
    card = await with_card(platform)
    await pins.change(platform, card.person_id, PIN, "730951", SELF, asker=None)
    for _ in range(3):
        await pins.verify_present(platform, card.person_id, card.card_id, "000001", CLERK)
    assert (await happened(platform, card.person_id))[-2:] == ["change_pin", "lock"]


async def test_the_holder_is_told_each_thing_once(platform: Platform, clock: FixedClock) -> None:
    card = await with_card(platform)
    await living.report_loss_provisionally(
        platform, card.person_id, card.card_id, PHONE, CLERK, "l1"
    )
    clock.advance(timedelta(days=15))
    for _ in range(2):
        await due.run(platform)
    async with platform.database.transaction(readonly=True) as connection:
        told = await notices.of_person(connection, card.person_id)
    assert sorted(one.kind for one in told) == [
        "application.received", "card.activated", "card.activated", "loss.ended",
        "loss.provisional",
    ]  # fmt: skip


async def test_on_the_phone_a_card_is_activated_by_its_number_and_the_pin_comes_later(
    platform: Platform,
) -> None:
    card = await with_card(platform, active=False)
    person_id, tail = card.person_id, card.card_number[-4:]

    async def say(words: str, key: str, doing: Doing = PHONE) -> Card:
        return await living.activate_by_phone(
            platform, person_id, card.card_id, words, doing, CLERK, key
        )

    with pytest.raises(InvalidInput) as wrong:
        await living.activate(platform, person_id, card.card_id, PIN, PHONE, CLERK, "k0")
    assert wrong.value.field == "pin"
    with pytest.raises(InvalidInput) as wrong:
        await say(tail, "k1", COUNTER)
    assert wrong.value.field == "channel"
    for number in range(4):
        with pytest.raises(InvalidInput) as wrong:
            await say("0000", f"w{number}")
        assert wrong.value.field == "tail"
    for _ in range(6):
        assert (await say(tail.lower(), "k2")).social_security_app == "active"
    async with platform.database.transaction(readonly=True) as connection:
        assert not await pins.chosen(connection, person_id, card.card_id)
        (told, *_) = await notices.of_person(connection, person_id)
    assert told.kind == "card.activated_without_pin"
    await living.reset_pin(platform, person_id, card.card_id, PIN, ONLINE, SELF, "k3")
    assert await pins.verify(platform, person_id, card.card_id, PIN)


async def test_wrong_card_numbers_said_on_the_phone_run_out(platform: Platform) -> None:
    card = await with_card(platform, active=False)
    refused: list[str] = []
    for number in range(6):
        with pytest.raises(YikatongError) as wrong:
            await living.activate_by_phone(
                platform, card.person_id, card.card_id, "0000", PHONE, CLERK, f"w{number}"
            )
        refused.append(wrong.value.code)
    assert refused == ["invalid_input"] * 5 + ["too_many_tries"]


async def test_a_pin_is_changed_with_the_old_one_and_the_card_in_a_reader(
    platform: Platform,
) -> None:
    card = await with_card(platform)
    at_terminal = Doing("terminal")

    async def change(old: str, new: str, key: str, doing: Doing = at_terminal) -> Card:
        return await living.change_pin(
            platform, card.person_id, card.card_id, old, new, doing, CLERK, key
        )

    with pytest.raises(InvalidInput) as weak:
        await change(PIN, "123456", "k0")
    assert weak.value.field == "new"
    with pytest.raises(ChannelClosed):
        await change(PIN, "730951", "k1", PHONE)
    with pytest.raises(pins.PinNotAccepted) as wrong:
        await change("000001", "730951", "k2")
    assert wrong.value.field == "old"
    # Sent again it is carried out once, and the old PIN, wrong now, counts for nothing.
    for _ in range(4):
        assert (await change(PIN, "730951", "k3")).state == "active"
    assert await pins.verify(platform, card.person_id, card.card_id, "730951")
    assert (await happened(platform, card.person_id))[-1] == "change_pin"
    for number, refusal in enumerate((pins.PinNotAccepted, pins.PinNotAccepted, pins.PinLocked)):
        with pytest.raises(refusal):
            await change("000001", "384958", f"l{number}")
    with pytest.raises(NotNow):
        await change("730951", "384958", "l4")
    with pytest.raises(MaterialsMissing):
        await living.unlock(platform, card.person_id, card.card_id, at_terminal, CLERK, "u")
    async with platform.database.transaction(readonly=True) as connection:
        told = [one.kind for one in await notices.of_person(connection, card.person_id)]
    assert (told.count("pin.changed"), told.count("pin.locked")) == (1, 1)


async def test_a_lost_card_is_cancelled_without_being_shown(platform: Platform) -> None:
    card = await with_card(platform)
    person_id, id_alone = card.person_id, Doing("counter", materials=("identity",))
    with pytest.raises(MaterialsMissing):
        await living.cancel(platform, person_id, card.card_id, None, id_alone, CLERK, "k1")
    await living.report_loss(platform, person_id, card.card_id, id_alone, CLERK, "k2")
    gone, _ = await living.cancel(platform, person_id, card.card_id, None, id_alone, CLERK, "k3")
    assert gone.state == "cancelled"
    async with platform.database.transaction(readonly=True) as connection:
        (told, *_) = await notices.of_person(connection, person_id)
    assert told.kind == "card.cancelled"


async def test_the_holder_is_told_when_an_agent_collects_and_when_a_pin_is_unlocked(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "k1")
    agent = Doing("counter", "agent", materials=(*SHOWN, "agent_identity"), counter=CENTRE)
    card = await applying.hand_over(
        platform, person_id, made.application_id, agent, CLERK, "k2", event="print"
    )
    await living.activate(platform, person_id, card.card_id, PIN, COUNTER, CLERK, "k3")
    for _ in range(3):
        await pins.verify_present(platform, person_id, card.card_id, "000001", CLERK)
    await living.unlock(platform, person_id, card.card_id, COUNTER, CLERK, "k4")
    async with platform.database.transaction(readonly=True) as connection:
        told = [one.kind for one in await notices.of_person(connection, person_id)]
    assert sorted(told) == [
        "application.received", "card.activated", "card.collected_for", "pin.locked",
        "pin.unlocked",
    ]  # fmt: skip
