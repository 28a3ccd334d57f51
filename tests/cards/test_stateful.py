"""The card office under random events, beside the plainest office there is.

Never two live cards, a dead card never works, fee and account move once, the history explains each
state, and the ledger proves itself.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.cards.citizens import (
    BANK,
    CLERK,
    COUNTER,
    FIRST,
    LOST,
    ONLINE,
    PHONE,
    REVIEWER,
    SELF,
    citizen,
)
from yikatong.cards import service as cards
from yikatong.cards.model import LIVE_STATES, OPEN_STATES, Card, CardApplication
from yikatong.cards.office import applying, due, living
from yikatong.cards.office import desk as office
from yikatong.cards.office.model import Doing, NewApplication
from yikatong.cards.office.table import ApplicationEvent
from yikatong.cards.pins import service as pins
from yikatong.core.clock import FixedClock, today
from yikatong.core.database import Database
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.core.settings import Settings
from yikatong.identity.ecards import service as ecards
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.verification import verify
from yikatong.population.rows import id_number
from yikatong.portability import service as portability
from yikatong.portability.model import CheckRequest
from yikatong.trust import verifiers
from yikatong.trust.audit import Actor

PIN, WRONG = "384957", "000001"
FEE: Final = 1600
THE_END: Final = 2060
"""No example goes on for longer."""
PROVISIONAL, CHASED, KEPT = timedelta(days=7), timedelta(days=30), timedelta(days=365)
NOT_LOST = ("issued", "active", "locked")
LOST_STATES = ("loss_reported_provisionally", "loss_reported")
ENDED = ("expired", "replaced", "cancelled")
KIN = Doing("counter", "kin", materials=("agent_identity", "kinship", "death_certificate"))
DAMAGED = NewApplication("renew", "damaged")
OUT_OF_TURN = (
    "apply_for_a_damaged_one", "approve", "reject", "withdraw", "order", "make", "lose_it_on_its_way", "pay_fee",
    "hand_over", "print_at_the_counter", "activate", "activate_bank", "report_loss_provisionally",
    "report_loss", "find_it_again", "unlock", "reset_pin",
)  # fmt: skip


class World:
    """One database for all examples; each has a person and a time of its own."""

    def __init__(self, runner: asyncio.Runner, platform: Platform) -> None:
        self.runner = runner
        self.platform = platform
        self.persons = itertools.count(1)
        self.cash = 0
        """Fees in the cash box, over all examples."""

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return self.runner.run(awaited())


class Held:
    """A card of the plain office."""

    def __init__(self, card: Card) -> None:
        self.card_id = card.card_id
        self.state = "issued"
        self.before = ""
        self.pin = False
        self.wrong = 0
        self.bank_active = False
        self.valid_until = card.valid_until
        self.report_ends: Any = None


class Office(RuleBasedStateMachine):
    """Commands as they come, and what must come of them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.clock = FixedClock(world.platform.clock.now())
        self.platform = msgspec.structs.replace(world.platform, clock=self.clock)
        number = next(world.persons)
        self.person_id = 1_000_000 + number
        self.id_number = id_number("510104", date(1985, 3, 5), self.person_id % 1000)
        self.keys = itertools.count()
        self.cards: list[Held] = []
        self.application: int | None = None
        self.stage = ""
        self.since: Any = None
        self.fee = "none"
        self.batch = False
        self.frozen = False
        self.dead = False
        self.account_id: int | None = None
        self.again: Callable[[], Awaitable[Any]] | None = None
        world.run(self._begin())

    async def _begin(self) -> None:
        async with self.platform.database.transaction() as connection:
            # What earlier persons left undone is not this one's.
            await connection.execute("delete from cards")
            await connection.execute("delete from card_applications")
        await citizen(self.platform, self.person_id)

    # ---- doing, and comparing with what must come of it ----

    @property
    def card(self) -> Held | None:
        """The one that is not dead, else the newest that ran out."""
        live = next((one for one in self.cards if one.state not in ENDED), None)
        newest = self.cards[0] if self.cards else None
        return live or (newest if newest is not None and newest.state == "expired" else None)

    @property
    def day(self) -> date:
        return today(self.clock)

    def do(self, allowed: bool, work: Callable[[str], Awaitable[Any]]) -> Any:
        """Carry out a command; it must be refused exactly where the plain office refuses it."""
        key = f"k{next(self.keys)}"
        refusal, done = None, None
        try:
            done = self.world.run(work(key))
        except YikatongError as error:
            refusal = error
        assert (refusal is None) == allowed, (refusal, done)
        if refusal is not None:
            assert refusal.status < 500
            return None
        self.again = lambda: work(key)
        return done

    def of_application(
        self, allowed: bool, use_case: Callable[..., Awaitable[Any]], doing: Doing, who: Actor
    ) -> Any:
        number = self.application or 1
        return self.do(
            allowed and self.application is not None,
            lambda key: use_case(self.platform, self.person_id, number, doing, who, key),
        )

    def of_card(
        self, allowed: bool, use_case: Callable[..., Awaitable[Any]], doing: Doing, *own: Any
    ) -> Any:
        number = self.card.card_id if self.card else 1
        return self.do(
            allowed,
            lambda key: use_case(self.platform, self.person_id, number, *own, doing, CLERK, key),
        )

    async def move(
        self, number: int, event: ApplicationEvent, key: str, **changes: Any
    ) -> CardApplication:
        """What the maker's batches do."""
        mine = office.command(self.person_id, event, number, COUNTER, CLERK, key)

        async def work(desk: office.Desk) -> CardApplication:
            return await desk.move_application(desk.application(number), event, **changes)

        return await office.carry_out(self.platform, mine, work, office.application_again)

    def in_state(self, *states: str) -> bool:
        return self.card is not None and self.card.state in states and not self.dead

    def open_stage(self, *stages: str) -> bool:
        return self.application is not None and self.stage in stages and not self.dead

    def end_application(self) -> None:
        self.application, self.stage, self.fee, self.batch = None, "", "none", False

    def give_back(self) -> None:
        if self.fee == "paid":
            self.world.cash -= FEE

    @initialize(at=st.sampled_from(("nothing", "handed over", "in use")))
    def begin(self, at: str) -> None:
        """Most of life happens to people who have a card."""
        if at != "nothing":
            self.apply_first(at_counter=True)
            self.print_at_the_counter()
        if at == "in use":
            self.activate()
            self.activate_bank()

    # ---- applications ----

    def _apply(self, wanted: NewApplication, doing: Doing, who: Actor, allowed: bool) -> None:
        made = self.do(
            allowed and self.application is None and not self.dead,
            lambda key: applying.apply(self.platform, self.person_id, wanted, doing, who, key),
        )
        if made is None:
            return
        self.application, self.since = made.application_id, self.clock.now()
        self.stage = "in_production" if doing.channel == "counter" else "applied"
        self.fee = "none" if wanted.kind == "first" else "due"
        card = self.card
        if wanted.kind == "replace" and card is not None and card.state in (
            *NOT_LOST, "loss_reported_provisionally",
        ):  # fmt: skip
            self._lost(card, "loss_reported")

    @precondition(lambda self: self.application is None and self.card is None and not self.dead)
    @rule(at_counter=st.booleans())
    def apply_first(self, at_counter: bool) -> None:
        doing, who = (COUNTER, CLERK) if at_counter else (ONLINE, SELF)
        self._apply(FIRST, doing, who, self.card is None)

    @precondition(lambda self: self.application is None and self.card is not None and not self.dead)
    @rule(at_counter=st.booleans())
    def apply_for_a_lost_one(self, at_counter: bool) -> None:
        doing, who = (COUNTER, CLERK) if at_counter else (ONLINE, SELF)
        self._apply(LOST, doing, who, self.card is not None)

    @precondition(lambda self: self.application is None and self.in_state(*LOST_STATES))
    @rule(at_counter=st.booleans())
    def replace_what_was_reported_lost(self, at_counter: bool) -> None:
        self.apply_for_a_lost_one(at_counter=at_counter)

    @precondition(lambda self: self.application is None and self.card is not None and not self.dead)
    @rule()
    def apply_for_a_damaged_one(self) -> None:
        self._apply(DAMAGED, COUNTER, CLERK, self.card is not None)

    @precondition(lambda self: self.open_stage("applied"))
    @rule()
    def approve(self) -> None:
        if self.of_application(self.open_stage("applied"), applying.approve, COUNTER, REVIEWER):
            self.stage = "in_production"

    @precondition(lambda self: self.open_stage("applied"))
    @rule()
    def reject(self) -> None:
        doing = Doing("counter", reason="照片不清楚")
        if self.of_application(self.open_stage("applied"), applying.reject, doing, REVIEWER):
            self.give_back()
            self.end_application()

    def withdraw(self) -> None:
        allowed = self.open_stage("applied", "in_production") and not self.batch
        if self.of_application(allowed, applying.withdraw, ONLINE, SELF):
            self.give_back()
            self.end_application()

    @precondition(lambda self: self.open_stage("in_production") and not self.batch)
    @rule()
    def order(self) -> None:
        allowed = self.open_stage("in_production") and not self.batch
        number = self.application or 1
        if self.do(allowed, lambda key: self.move(number, "order", key, batch_id=7)):
            self.batch = True

    @precondition(lambda self: self.open_stage("in_production") and self.batch)
    @rule()
    def make(self) -> None:
        allowed = self.open_stage("in_production") and self.batch
        number = self.application or 1
        if self.do(allowed, lambda key: self.move(number, "make", key)):
            self.stage, self.since = "ready", self.clock.now()

    @precondition(lambda self: self.open_stage("ready"))
    @rule()
    def lose_it_on_its_way(self) -> None:
        """The counter never got it: its number is dead and it is made again."""
        allowed = self.open_stage("ready")
        number = self.application or 1
        if self.do(allowed, lambda key: self.move(number, "lose", key)):
            self.stage, self.since, self.batch = "in_production", self.clock.now(), False

    @precondition(lambda self: self.fee == "due")
    @rule()
    def pay_fee(self) -> None:
        number = self.application or 1
        allowed = self.open_stage("applied", "in_production", "ready") and self.fee == "due"
        paid = self.do(
            allowed,
            lambda key: applying.pay_fee(
                self.platform, self.person_id, number, None, COUNTER, CLERK, key
            ),
        )
        if paid is not None:
            self.fee = "paid"
            self.world.cash += FEE

    def _handed_over(self, made: Card | None) -> None:
        if made is None:
            return
        old = self.card
        if old is not None:
            old.state = "replaced"
        self.cards.insert(0, Held(made))
        # The account is opened once and goes from card to card.
        self.account_id = self.account_id or made.account_id
        assert made.account_id == self.account_id
        self.end_application()

    @precondition(lambda self: self.open_stage("ready") and self.fee != "due")
    @rule()
    def hand_over(self) -> None:
        allowed = self.open_stage("ready") and self.fee != "due"
        self._handed_over(self.of_application(allowed, applying.hand_over, COUNTER, CLERK))

    @precondition(
        lambda self: self.open_stage("in_production") and not self.batch and self.fee != "due"
    )
    @rule()
    def print_at_the_counter(self) -> None:
        number = self.application or 1
        allowed = self.open_stage("in_production") and not self.batch and self.fee != "due"
        made = self.do(
            allowed,
            lambda key: applying.hand_over(
                self.platform, self.person_id, number, COUNTER, CLERK, key, event="print"
            ),
        )
        self._handed_over(made)

    @precondition(lambda self: self.open_stage("applied"))
    @rule()
    def two_clerks_decide_at_once(self) -> None:
        """One withdraws while another approves: the office ends in one of the two, and says which."""
        number, key = self.application or 1, next(self.keys)

        async def both() -> Any:
            mine = (self.platform, self.person_id, number)
            return await asyncio.gather(
                applying.approve(*mine, COUNTER, REVIEWER, f"a{key}"),
                applying.withdraw(*mine, ONLINE, SELF, f"w{key}"),
                return_exceptions=True,
            )

        approved, withdrawn = self.world.run(both())
        # Approved first, withdrawn then: both are right. Withdrawn first: the other is refused.
        assert not isinstance(withdrawn, Exception), withdrawn
        assert isinstance(approved, (CardApplication, YikatongError)), approved
        self.give_back()
        self.end_application()

    # ---- the card in hand ----

    @precondition(lambda self: self.in_state("issued"))
    @rule()
    def activate(self) -> None:
        allowed = self.in_state("issued")
        if self.of_card(allowed, living.activate, COUNTER, PIN):
            assert self.card is not None
            self.card.state, self.card.pin = "active", True

    @precondition(lambda self: self.in_state(*NOT_LOST))
    @rule()
    def activate_bank(self) -> None:
        allowed = self.in_state(*NOT_LOST) and self.card is not None and not self.card.bank_active
        if self.of_card(allowed, living.activate_bank, BANK):
            assert self.card is not None
            self.card.bank_active, self.frozen = True, False

    def _lost(self, card: Held, state: str) -> None:
        if card.state in NOT_LOST:
            card.before = card.state
        card.state, card.report_ends, self.frozen = state, None, True

    @precondition(lambda self: self.in_state(*NOT_LOST))
    @rule()
    def report_loss_provisionally(self) -> None:
        allowed = self.in_state(*NOT_LOST)
        if self.of_card(allowed, living.report_loss_provisionally, PHONE):
            assert self.card is not None
            self._lost(self.card, "loss_reported_provisionally")
            self.card.report_ends = self.clock.now() + PROVISIONAL

    @precondition(lambda self: self.in_state(*NOT_LOST, "loss_reported_provisionally"))
    @rule()
    def report_loss(self) -> None:
        allowed = self.in_state(*NOT_LOST, "loss_reported_provisionally")
        if self.of_card(allowed, living.report_loss, COUNTER):
            assert self.card is not None
            self._lost(self.card, "loss_reported")

    @precondition(lambda self: self.in_state(*LOST_STATES))
    @rule()
    def find_it_again(self) -> None:
        if self.of_card(self.in_state(*LOST_STATES), living.withdraw_loss, COUNTER):
            self._restored()

    def _restored(self) -> None:
        assert self.card is not None
        self.card.state, self.card.report_ends, self.frozen = self.card.before, None, False

    @precondition(lambda self: self.in_state("active", "locked"))
    @rule(tries=st.sampled_from(((True,), (False,), (False, True), (False, False, False))))
    def type_pins_in_a_reader(self, tries: tuple[bool, ...]) -> None:
        for right in tries:
            self._type_a_pin(right)

    def _type_a_pin(self, right: bool) -> None:
        card = self.card
        assert card is not None
        came = None
        with contextlib.suppress(YikatongError):
            came = self.world.run(
                pins.verify_present(
                    self.platform, self.person_id, card.card_id, PIN if right else WRONG, CLERK
                )
            )
        assert (came is not None) == (card.state == "active")
        if came is None:
            return
        assert came.right == right
        card.wrong = 0 if right else card.wrong + 1
        if card.wrong == pins.IN_ROW_MAX:
            card.state = "locked"

    @precondition(lambda self: self.in_state("locked"))
    @rule()
    def unlock(self) -> None:
        if self.of_card(self.in_state("locked"), living.unlock, COUNTER):
            assert self.card is not None
            self.card.state, self.card.wrong = "active", 0

    @precondition(lambda self: self.in_state("active", "locked"))
    @rule()
    def reset_pin(self) -> None:
        if self.of_card(self.in_state("active", "locked"), living.reset_pin, COUNTER, PIN):
            assert self.card is not None
            self.card.state, self.card.wrong = "active", 0

    @precondition(lambda self: self.card is not None and not self.dead)
    @rule(dies=st.integers(0, 3))
    def cancel(self, dies: int) -> None:
        doing, died_on = (KIN, self.day) if dies == 0 else (COUNTER, None)
        if self.of_card(
            self.card is not None and not self.dead, living.cancel, doing, died_on
        ):  # fmt: skip
            next(
                one for one in self.cards if one.state not in ("replaced", "cancelled")
            ).state = "cancelled"
            if dies == 0:
                self.dead = True
                if self.application is not None:
                    self.give_back()
                    self.end_application()

    # ---- out of turn, time, and what is sent twice ----

    @rule(what=st.sampled_from(OUT_OF_TURN))
    def try_what_may_not_be_its_turn(self, what: str) -> None:
        getattr(self, what)()

    @precondition(lambda self: self.day.year < THE_END and not self.dead)
    @rule(days=st.sampled_from((1, 6, 8, 31, 366, 3700)))
    def time_goes_by(self, days: int) -> None:
        self.clock.advance(timedelta(days=days))
        first = self.world.run(due.run(self.platform))
        assert first.failed == 0
        second = self.world.run(due.run(self.platform))
        # A second run at once has at most the next reminder to collect the card.
        assert (second.reports_ended, second.expired, second.destroyed) == (0, 0, 0)
        assert (second.told_of_expiry, second.told_of_report) == (0, 0)
        now = self.clock.now()
        card = self.card
        if card is not None and card.report_ends is not None and card.report_ends <= now:
            self._restored()
        over = card is not None and card.valid_until < self.day
        # A provisional report ends before the card does.
        if card is not None and over and card.state not in (*ENDED, "loss_reported_provisionally"):
            card.state, card.report_ends = "expired", None
        if self.stage == "ready" and now - self.since >= KEPT:
            self.give_back()
            self.end_application()

    @precondition(lambda self: self.again is not None)
    @rule()
    def send_the_last_command_again(self) -> None:
        assert self.again is not None
        before = self.world.run(self._lines())
        self.world.run(self.again())
        assert self.world.run(self._lines()) == before

    # ---- what always holds ----

    async def _lines(self) -> list[tuple[str, str]]:
        async with self.platform.database.transaction(readonly=True) as connection:
            found = await living.history(connection, self.person_id, 500)
        return [(one.event, one.after) for one in found]

    @invariant()
    def it_stands_as_the_plain_office_says(self) -> None:
        self.world.run(self._compare())

    async def _compare(self) -> None:
        async with self.platform.database.transaction(readonly=True) as connection:
            held = await cards.cards(connection, self.person_id)
            asked = await cards.applications(connection, self.person_id)
            told = await living.history(connection, self.person_id, 500)
            frozen = False
            if self.account_id is not None:
                account = await ledger.account(connection, self.person_id, self.account_id)
                frozen = "loss_report" in account.frozen
        assert {one.card_id: one.state for one in held} == {
            one.card_id: one.state for one in self.cards
        }
        assert sum(one.state in LIVE_STATES for one in held) <= 1
        open_ones = [one for one in asked if one.state in OPEN_STATES]
        assert [(one.application_id, one.state, one.fee_state) for one in open_ones] == (
            [(self.application, self.stage, self.fee)] if self.application is not None else []
        )
        assert frozen == self.frozen
        for card in held:
            latest = next(one for one in told if one.card_id == card.card_id)
            assert latest.after == card.state, (latest, card)
        for one in asked:
            latest = next(line for line in told if line.application_id == one.application_id)
            assert latest.after == one.state, (latest, one)

    def teardown(self) -> None:
        self.world.run(self._end())

    async def _end(self) -> None:
        """A dead card works nowhere: no PIN, no e-card, no yes of the portability answer."""
        card = self.card
        works = card is not None and card.state == "active" and not self.dead
        for one in self.cards:
            if one.state != "active":
                with pytest.raises(YikatongError):
                    await pins.verify_present(
                        self.platform, self.person_id, one.card_id, PIN, CLERK
                    )
        async with self.platform.database.transaction(readonly=True) as connection:
            try:
                await ecards.holder(connection, self.person_id, self.clock.now())
                holds = True
            except YikatongError:
                holds = False
        assert holds == works
        request = CheckRequest(
            person_id=self.person_id, region="110000", service="identity", on=self.day
        )
        _, answer = await portability.check(self.platform, request, CLERK)
        assert (answer.answer == "no") == (not works), answer
        assert (await verify(self.platform)).proved
        async with self.platform.database.transaction(readonly=True) as connection:
            boxes = {
                account.purpose: balance
                for account, balance, _ in await ledger.shared_balances(connection)
                if account.kind == "agency"
            }
        assert boxes.get("card_fees", 0) == self.world.cash
        assert boxes.get("cash", 0) == -self.world.cash


async def _connected(url: str) -> Database:
    return await Database.connect(url, connections_max=4)


def test_random_events_never_make_two_live_cards_or_a_dead_one_that_works(
    database_url: str,
    vault: Vault,
    clock: FixedClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The hash of a PIN is slow on purpose; here it is not what is looked at.
    quick = verifiers._Scheme(passes=1, memory_kib=8, lanes=1)  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(verifiers, "_SCHEMES", {1: quick})
    with asyncio.Runner() as runner:
        database = runner.run(_connected(database_url))
        try:
            platform = Platform(database, clock, vault, Settings(data_dir=tmp_path))
            world = World(runner, platform)
            run_state_machine_as_test(
                cast("Any", lambda: Office(world)),
                settings=settings(
                    max_examples=25,
                    stateful_step_count=50,
                    deadline=None,
                    # A failing walk is short enough to read, and shrinking it takes minutes.
                    phases=(Phase.explicit, Phase.reuse, Phase.generate),
                    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
                ),
            )
        finally:
            runner.run(database.close())
