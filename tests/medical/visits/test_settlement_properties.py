"""Whatever is ordered in whatever sequence: the sums hold, the year is the settlements, the ledger
proves itself, and a recomputation finds nothing."""

import asyncio
import random
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.medical.visits.conftest import NOW, Hospital, line, provider_of
from tests.medical.visits.test_settling import settle
from tests.medical.visits.town import (
    FIRST,
    KINDS,
    PAYER,
    WHAT,
    Items,
    Player,
    Step,
    Town,
    all_layers,
    check_sums,
    shared_names,
    stored,
)
from yikatong.core.platform import Platform
from yikatong.core.together import ask
from yikatong.medical import reference
from yikatong.medical import service as medical
from yikatong.medical.catalog_book import CatalogBook, Item, Terms
from yikatong.medical.visits import lines, orders, recomputing, store
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.errors import LineRefused
from yikatong.medical.visits.model import FeeLine, Left, SplitLine
from yikatong.medical.visits.settling import FUNDS
from yikatong.money import verification
from yikatong.policies import service as policies
from yikatong.policies.model import YearToDate

STEP = st.tuples(st.sampled_from(WHAT), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))


@pytest.fixture
async def town(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Town:
    book = all_layers()
    monkeypatch.setattr(policies, "load", lambda: book)
    await reference.load_reference(platform)
    desk = CareDesk(platform)
    async with platform.database.transaction(readonly=True) as connection:
        codes = {
            row[0]: row[1]
            for row in await connection.fetch(
                """select distinct on (class) class, code from catalog_terms t
                    where region = '000000' and price_limit is null
                      and not exists (select from catalog_terms o
                                       where o.code = t.code and o.price_limit is not null)
                    order by class, code"""
            )
        }
        limited = await connection.fetchval(
            """select code from catalog_terms where price_limit > 0 and class = 'B'
                order by region, code limit 1"""
        )
        pharmacies = [
            one
            for region in ("110000", "510100")
            for one in await medical.providers(connection, region=region, kind="pharmacy")
            if one.suspended_on is None and "pharmacy" in one.cross_region_cares
        ]
    hospitals = [
        Hospital(desk, await provider_of(platform, region, level))
        for region, level in (
            ("110000", "tertiary"), ("510100", "tertiary"), ("310000", "secondary"),
            ("130000", "tertiary"),
        )
    ]  # fmt: skip
    shops = [pharmacies[0], next(one for one in pharmacies if one.pooling_region == "510100")]
    return Town(
        platform,
        [*hospitals, *(Hospital(desk, one) for one in shops)],
        Items(codes["A"], codes["B"], codes["C"], limited),
        await shared_names(platform),
    )


async def prove(platform: Platform, players: list[Player]) -> None:
    """Everything that must hold at the end."""
    told = await recomputing.recompute(platform)
    assert told.differences == []
    proof = await verification.verify(platform)
    assert proof.differences == []
    assert proof.proved
    for player in players:
        settled = await stored(platform, player.person_id)
        for one in settled:
            check_sums(one)
        answered = {one.settlement_id for one, _ in player.settled}
        # A reversal by message answers without the settlement it makes.
        assert answered <= {one.settlement_id for one in settled}
        assert all(one.reverses for one in settled if one.settlement_id not in answered)
        per_message = Counter((one.provider_code, one.message_id) for one in settled)
        assert set(per_message.values()) <= {1}, "a message has one outcome"
        await _check_year(platform, player)
    async with platform.database.transaction(readonly=True) as connection:
        spent = await connection.fetchval(
            "select coalesce(sum(spent), 0)::bigint from medical_family"
        )
        taken = await connection.fetchval(
            "select coalesce(sum(family_account), 0)::bigint from settlements"
        )
        below = await connection.fetchval(
            "select count(*) from money_accounts where kind = 'medical' and balance < 0"
        )
        over = await connection.fetchval(
            "select count(*) from medical_family where spent > yearly_limit"
        )
    assert spent == taken
    assert (below, over) == (0, 0)


async def _check_year(platform: Platform, player: Player) -> None:
    """The accumulators are what the settlements that stand added, added up here by another way."""
    settled = await stored(platform, player.person_id)
    gone = {one.reverses for one in settled}
    expected: dict[object, Counter[str]] = {}
    for one in settled:
        year = expected.setdefault((one.insurance, one.year_starts_on), Counter())
        if one.reverses is None and one.settlement_id not in gone:
            year.update(one.added)
    async with platform.database.transaction(readonly=True) as connection:
        found, _ = await ask(
            connection, store.accumulators([player.person_id], NOW.date().replace(2020))
        )
    for key, year in expected.items():
        sums = YearToDate(**year)
        assert found[player.person_id, *key][0] == sums  # type: ignore[misc]
        assert min(msgspec.structs.astuple(sums)) >= 0
    assert len(found) == len(expected)


@given(
    who=st.lists(st.integers(0, len(KINDS) - 1), min_size=2, max_size=2, unique=True),
    steps=st.lists(st.tuples(st.integers(0, 1), STEP), min_size=10, max_size=45),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_sequence_of_orders_keeps_every_sum(
    town: Town, who: list[int], steps: list[tuple[int, Step]]
) -> None:
    players = await town.begin()
    mine = [players[at] for at in who]
    # Everybody has something to settle before chance takes over.
    for player in mine:
        for step in (("outpatient", 0, 0, 0), ("lines", 0, 3, 0), ("settle", 0, 2, 0)):
            await player.step(step)
    for which, step in steps:
        await mine[which].step(step)
    await prove(town.platform, mine)


async def test_long_lives_of_everybody_side_by_side_on_two_desks(town: Town) -> None:
    """Relatives' accounts pay for several at once; two processes' desks get in each other's way."""
    chance = random.Random(11)
    players = await town.begin()
    other = CareDesk(town.platform)
    plans = [
        [
            (chance.choice(WHAT), chance.randrange(99), chance.randrange(99), chance.randrange(99))
            for _ in range(70)
        ]
        for _ in players
    ]

    async def live(at: int, player: Player) -> None:
        player.alone = False
        if at % 2:
            town_of_mine = Town(
                town.platform,
                [Hospital(other, one.provider) for one in town.hospitals],
                town.items,
                None,
            )
            player.town = town_of_mine
        for step in plans[at]:
            await player.step(step)

    await asyncio.gather(*(live(at, player) for at, player in enumerate(players)))
    await prove(town.platform, players)
    done = Counter(what for player in players for what in player.done)
    assert set(done) == set(WHAT), "every step succeeded at some time"
    settled = [one for player in players for one, _ in player.settled if one.reverses is None]
    for name in (*FUNDS, "medical_account", "family_account", "cash", "over_limit", "first_pay"):
        assert any(getattr(one, name) for one in settled), name


async def test_every_layer_pays_in_one_stay(town: Town) -> None:
    players = await town.begin()
    person = next(
        player.person_id
        for player, kind in zip(players, KINDS, strict=True)
        if kind.region == "130700"
    )
    hospital = town.hospitals[0]
    visit = await hospital.stay(person, line(town.items.a, 30_000_000))
    done = await hospital.do(settle(person, visit, "inpatient", 30_000_000, use_account=True))
    one = done.settlement
    check_sums(one)
    paid = {name: getattr(one, name) for name in (*FUNDS, "medical_account", "family_account")}
    assert min(paid.values()) > 0, paid
    await prove(town.platform, [])


async def test_a_dead_relatives_account_pays_no_more(town: Town) -> None:
    players = await town.begin()
    person = players[3].person_id
    hospital = town.hospitals[0]
    order = orders.Sell(
        person_id=person, total=1_000, begun_at=NOW, lines=(line(town.items.a, 1_000),),
        commit=False, use_account=True,
    )  # fmt: skip
    visit = await hospital.outpatient(person, line(town.items.a, 90_000))
    order = settle(person, visit, "outpatient", 90_000, use_account=True, commit=False)
    assert (await hospital.do(order)).settlement.family_account > 0
    async with town.platform.database.transaction() as connection:
        await connection.execute(
            "update persons set died_on = $1 where person_id = $2", NOW.date(), PAYER
        )
    assert (await hospital.do(order)).settlement.family_account == 0


async def test_a_stay_whose_lines_interim_settlements_took_is_closed_with_nothing(
    town: Town,
) -> None:
    await town.begin()
    hospital = town.hospitals[0]
    visit = await hospital.stay(FIRST, line(town.items.a, 900_000), discharged=False)
    await hospital.do(settle(FIRST, visit, "inpatient", 900_000, interim=True))
    await hospital.do(orders.Discharge(person_id=FIRST, visit_id=visit, ended_at=NOW, way="1"))
    closing = await hospital.do(settle(FIRST, visit, "inpatient", 0))
    assert (closing.settlement.total, closing.settlement.transaction_id) == (0, None)
    assert closing.settlement.added == {}
    await hospital.stay(FIRST, line(town.items.a, 100))


async def test_a_stay_is_not_opened_again_while_the_person_is_in_hospital_elsewhere(
    town: Town,
) -> None:
    await town.begin()
    hospital = town.hospitals[0]
    visit = await hospital.stay(FIRST, line(town.items.a, 900_000))
    done = await hospital.do(settle(FIRST, visit, "inpatient", 900_000))
    back = orders.Reverse(
        person_id=FIRST, settlement_id=done.settlement.settlement_id, visit_id=visit
    )
    later = await town.hospitals[1].stay(FIRST, line(town.items.a, 100), discharged=False)
    refused = await hospital.ask(back)
    assert refused.code == "out_of_order"  # type: ignore[union-attr]
    await town.hospitals[1].do(orders.WithdrawLines(person_id=FIRST, visit_id=later))
    await town.hospitals[1].do(orders.CancelVisit(person_id=FIRST, visit_id=later))
    await hospital.do(back)


async def test_what_gives_back_a_line_of_another_batch_is_settled_with_it(town: Town) -> None:
    await town.begin()
    hospital = town.hospitals[1]
    visit = await hospital.outpatient(FIRST, line(town.items.a, 20_000, number="a"), batch="B1")
    back = msgspec.structs.replace(
        line(town.items.a, 20_000, gives_back="a"), quantity="-1", total=-20_000
    )
    await hospital.do(
        orders.AddLines(
            person_id=FIRST, visit_id=visit, setting="outpatient", batch="B2",
            lines=(line(town.items.c, 30_000), back),
        )
    )  # fmt: skip
    refused = await hospital.ask(settle(FIRST, visit, "outpatient", 10_000, batch="B2"))
    assert refused.code == "care_refused"  # type: ignore[union-attr]
    done = await hospital.do(settle(FIRST, visit, "outpatient", 30_000))
    assert (done.settlement.self_paid, done.settlement.in_scope) == (30_000, 0)


async def test_a_reversal_by_message_that_names_itself_is_refused(town: Town) -> None:
    await town.begin()
    order = orders.Undo(person_id=FIRST, message_id="self", transaction_code="2601")
    result = await town.hospitals[0].ask(order, "self", "2601")
    assert result.code == "care_refused"  # type: ignore[union-attr]


# ---- giving back, without a database ----

PARTS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(-5, 5), st.booleans()), min_size=1, max_size=12
)


@given(
    quantity=st.integers(1, 40),
    price=st.decimals("0.0001", "99", places=4),
    terms=st.sampled_from(
        [
            Terms("A", 0, None),
            Terms("B", 100_000, None),
            Terms("B", 333_333, 150),
            Terms("A", 0, 1),
            Terms("C", None, None),
        ]
    ),
    off=st.integers(-5, 5),
    parts=PARTS,
)
@settings(max_examples=300, deadline=None)
def test_giving_back_in_any_steps_leaves_no_part_negative(
    quantity: int, price: Decimal, terms: Terms, off: int, parts: list[tuple[int, int, bool]]
) -> None:
    """In any portions, some withdrawn again: what is left has no negative part, and once all of the
    quantity went back, nothing is left of any part."""
    catalog = CatalogBook()
    item = Item("X", "药", "", {"00": [(NOW.date(), terms)]})
    catalog._items = {"X": item}

    def fee(number: str, count: int, total: int, gives_back: str | None = None) -> FeeLine:
        return FeeLine(number, "X", total, str(count), str(price), NOW, False, gives_back)

    def product(count: int) -> int:
        return int((price * count * 100).quantize(Decimal(1), ROUND_HALF_UP))

    (first,) = lines.split(
        [fee("1", quantity, max(0, product(quantity) + off))], catalog, "110000", lambda _: None
    )

    def found(left: Left, _number: str) -> tuple[SplitLine, Left]:
        return first, left

    given_back: list[SplitLine] = []
    for number, (asked, tolerance, withdrawn) in enumerate(parts):
        left = lines.left_of(first, given_back)
        count = min(asked, int(left.quantity))
        if count == 0:
            break
        total = left.total if count == int(left.quantity) else product(count) + tolerance
        back = fee(f"b{number}", -count, -max(0, total), "1")
        try:
            (one,) = lines.split([back], catalog, "110000", partial(found, left))
        except LineRefused:
            continue
        assert lines.again(one) == (one.self_paid, one.over_limit, one.first_pay)
        assert max(one.total, one.self_paid, one.over_limit, one.first_pay, one.in_scope) <= 0
        given_back.append(one)
        rest = lines.left_of(first, given_back)
        kept = (rest.total, rest.self_paid, rest.over_limit, rest.first_pay, rest.in_scope)
        assert min(kept) >= 0
        if int(rest.quantity) == 0:
            assert kept == (0, 0, 0, 0, 0)
        if withdrawn:
            given_back.pop(number % len(given_back))
