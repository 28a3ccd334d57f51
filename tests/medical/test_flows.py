"""What regions owe each other and what went through the funds, against the ledger itself."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from tests import fillings
from tests.application import serve
from tests.conftest import Filling
from tests.identity import offices
from yikatong.core.clock import FixedClock, today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.medical import flows
from yikatong.medical.visits.settling import OWED_BY
from yikatong.money.bank.service import command
from yikatong.money.ledger import days
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Entry
from yikatong.trust.access import NATION
from yikatong.trust.audit import Actor

WHO = Actor("staff", "finance-1", "flows")
CHENGDU, LUZHOU, BEIJING, SHANGHAI_CITY = "510100", "510500", "110000", "310000"
DUE = ("agency", "owed to providers for others")


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


async def post(platform: Platform, number: int, treated: str, insured: str, amount: int) -> None:
    """What a settlement elsewhere posts between the regions, and its fund; negative: taken back."""
    names = [
        ("agency", treated, f"{OWED_BY}{insured}"),
        ("agency", treated, DUE[1]),
        ("fund", insured, "310"),
        ("provider", "H11010000001", "due"),
    ]
    shared = await ledger.shared(platform, *names)
    person = 1_000_001
    mine = command(person, f"flow-{number}", "medical_settlement", WHO, number, treated, amount)

    async def work(connection: Connection) -> None:
        book = await ledger.open_book(platform, connection, keys=[(person, f"flow-{number}")])
        signs = (1, -1, -1, 1)
        book.post(
            mine,
            [
                Entry(person, shared[name], sign * amount)
                for name, sign in zip(names, signs, strict=True)
            ],
            {"settlement_id": number, "provider": "H11010000001"},
        )
        await ledger.write(connection, book)

    await ledger.carry_out(platform, work)


POSTED = (
    (BEIJING, CHENGDU, 1000), (BEIJING, CHENGDU, 250), (BEIJING, LUZHOU, 77), (CHENGDU, BEIJING, 400),
    (LUZHOU, CHENGDU, 31), (SHANGHAI_CITY, BEIJING, 9), (BEIJING, CHENGDU, -250),
)  # fmt: skip


async def found(
    platform: Platform,
    areas: Sequence[str] = (NATION,),
    since: date | None = None,
    until: date | None = None,
) -> tuple[list[flows.Flow], list[flows.Fund]]:
    day = today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        return (
            await flows.flows(connection, areas, since or day, until or day),
            await flows.funds(connection, areas, since or day, until or day),
        )


async def assert_as_the_ledger_says(platform: Platform, since: date, until: date) -> None:
    """Every flow, fund and sum against all postings of these days, read one by one."""
    first, behind = ledger.id_range(since, until)
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select kind, owner, purpose,
                      coalesce(sum(amount) filter (where amount > 0 and transaction_id >= $1), 0)::bigint,
                      coalesce(-sum(amount) filter (where amount < 0 and transaction_id >= $1), 0)::bigint,
                      sum(amount)::bigint
                 from ledger_postings join shared_accounts using (account_id)
                where transaction_id < $2 group by 1, 2, 3""",
            first,
            behind,
        )
    plain = {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in rows}
    told, funds = await found(platform, since=since, until=until)
    owed = {
        (owner, purpose.removeprefix(OWED_BY)): sums[:2]
        for (kind, owner, purpose), sums in plain.items()
        if kind == "agency" and purpose.startswith(OWED_BY) and any(sums[:2])
    }
    assert {
        (one.treatment, one.insured): (one.sums.credits, one.sums.debits) for one in told
    } == owed
    assert {
        (one.region, one.purpose): (one.sums.credits, one.sums.debits, one.balance) for one in funds
    } == {key[1:]: sums for key, sums in plain.items() if key[0] == "fund" and any(sums)}
    matrix = flows.matrix(told)
    net = sum(credits - debits for credits, debits in owed.values())
    assert matrix.total == net == sum(matrix.cells.values())
    for row in matrix.rows:
        assert matrix.row_sums[row] == sum(
            credits - debits
            for (treated, _), (credits, debits) in owed.items()
            if flows.province_of(treated) == row
        )
    for column in matrix.columns:
        assert matrix.column_sums[column] == sum(
            credits - debits
            for (_, insured), (credits, debits) in owed.items()
            if flows.province_of(insured) == column
        )
    added = flows.by_purpose(funds)
    assert sum(one.balance for one in added) == sum(one.balance for one in funds)


async def test_every_sum_is_the_ledgers_before_and_after_it_is_added_up_by_day(
    platform: Platform, clock: FixedClock
) -> None:
    first = today(clock)
    for number, (treated, insured, amount) in enumerate(POSTED):
        await post(platform, number, treated, insured, amount)
        # Over several days, with a night in between.
        clock.advance(timedelta(hours=9))
        await assert_as_the_ledger_says(platform, first, today(clock))
        if number % 3 == 2:
            assert await days.add_up(platform) == 0
    for turn in range(2):
        await days.add_up(platform)
        for since, until in ((first, today(clock)), (first, first), (today(clock), today(clock))):
            await assert_as_the_ledger_says(platform, since, until)
        clock.advance(timedelta(hours=1 + turn))


async def test_adding_up_twice_or_at_once_adds_each_posting_once(
    platform: Platform, clock: FixedClock
) -> None:
    import asyncio

    day = today(clock)
    await post(platform, 1, BEIJING, CHENGDU, 500)
    clock.advance(timedelta(minutes=30))
    await asyncio.gather(*(days.add_up(platform) for _ in range(3)))
    await days.add_up(platform)
    await assert_as_the_ledger_says(platform, day, day)
    # What is newer than ten minutes is read from the postings.
    await post(platform, 2, BEIJING, CHENGDU, 500)
    await days.add_up(platform)
    told, _ = await found(platform)
    assert [one.sums.net for one in told] == [1000]


async def test_a_province_sees_what_it_owes_and_is_owed_and_nothing_else(
    platform: Platform,
) -> None:
    for number, (treated, insured, amount) in enumerate(POSTED):
        await post(platform, number, treated, insured, amount)
    told, funds = await found(platform, ("510000",))
    assert {(one.treatment, one.insured) for one in told} == {
        (BEIJING, CHENGDU), (BEIJING, LUZHOU), (CHENGDU, BEIJING), (LUZHOU, CHENGDU),
    }  # fmt: skip
    assert {one.region[:2] for one in funds} == {"51"}
    matrix = flows.matrix(told)
    assert matrix.cells["510000", "510000"] == 31
    assert matrix.cells[BEIJING, "510000"] == 1077


async def test_postings_of_two_regions_are_paged_and_each_look_is_recorded(
    platform: Platform,
) -> None:
    for number in range(flows.PAGE + 3):
        await post(platform, number, BEIJING, CHENGDU, 100 + number)
    day = today(platform.clock)
    pair = (BEIJING, CHENGDU)
    first = await flows.postings(platform, pair, day, day, WHO)
    rest = await flows.postings(platform, pair, day, day, WHO, first[-1].line.transaction_id)
    assert (len(first), len(rest)) == (flows.PAGE, 3)
    told, _ = await found(platform)
    assert sum(one.line.amount for one in (*first, *rest)) == told[0].sums.net
    async with platform.database.transaction(readonly=True) as connection:
        looks = await connection.fetchval(
            "select count(*) from audit_events where action = 'flow.read' and person_id = 1000001"
        )
    assert looks == 2
    with pytest.raises(flows.NoSuchFlow):
        await flows.postings(platform, (CHENGDU, "440100"), day, day, WHO)


@pytest.mark.parametrize(
    ("month", "since", "until", "field"),
    [
        ("2026-13", "", "", "month"),
        ("", "2026-03-32", "", "since"),
        ("", "9999-12-31", "", "since"),
        ("", "", "0001-01-01", "since"),
        ("", "2026-03-02", "2026-03-01", "until"),
        ("", "2024-01-01", "2026-03-01", "until"),
    ],
)
def test_a_span_that_cannot_be_names_its_field(
    month: str, since: str, until: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        flows.span_of(month, since, until, date(2026, 3, 5))
    assert error.value.field == field


def test_without_words_a_span_is_this_month() -> None:
    assert flows.span_of("", "", "", date(2026, 2, 5)) == (date(2026, 2, 1), date(2026, 2, 28))
    assert flows.span_of("2026-02", "2026-03-04", "", date(2026, 2, 5)) == (
        date(2026, 3, 4),
        date(2026, 3, 4),
    )


async def test_the_api_tells_the_same_to_who_may_see_it(platform: Platform) -> None:
    for number, (treated, insured, amount) in enumerate(POSTED):
        await post(platform, number, treated, insured, amount)
    nation = await offices.signed_in(platform, "nation", ("finance", NATION))
    own = await offices.signed_in(platform, "sichuan", ("finance", "510000"))
    app = httpx.ASGITransport(app=serve(platform))
    async with httpx.AsyncClient(transport=app, base_url="http://test") as client:

        async def get(path: str, token: str = nation) -> tuple[int, Any]:
            answer = await client.get(f"/api/v1/money/{path}", headers=offices.bearer(token))
            return answer.status_code, answer.json()

        status, all_of_it = await get("flows")
        assert status == 200
        assert all_of_it["total"] == "15.17"
        assert len((await get("flows", own))[1]["flows"]) == 4
        assert (await get(f"flows/{SHANGHAI_CITY}/{BEIJING}", own))[0] == 403
        status, lines = await get(f"flows/{BEIJING}/{CHENGDU}", own)
        assert [one["amount"] for one in lines] == ["-2.50", "2.50", "10.00"]
        status, funds = await get("funds", own)
        assert {one["region"] for one in funds} <= {CHENGDU, LUZHOU}
        assert (await get("flows?month=2026"))[0] == 422
