"""Exceptions are found where they lie, told to who may see them, and gone when they are mended."""

from datetime import timedelta

import pytest

from tests import fillings
from tests.conftest import Filling
from yikatong.app import create_app
from yikatong.core import due_work
from yikatong.core.clock import FixedClock
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.core.pulse import Pulse
from yikatong.core.tally import Tally
from yikatong.portals import exceptions_found, exceptions_store
from yikatong.portals.exceptions_found import Found
from yikatong.trust.access import NATION, Caller, Grant, Role

FAILED = Text("没有回应", "no answer")


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


def member(role: Role, region: str = NATION) -> Caller:
    return Caller("staff", f"{role}-1", (Grant(role, region),))


async def every(platform: Platform, caller: Caller) -> list[Found]:
    approvals = create_app(platform).state["approvals"]
    async with platform.database.transaction(readonly=True) as connection:
        return list(await exceptions_found.find(platform, connection, caller, approvals))


async def find(platform: Platform, caller: Caller) -> list[Found]:
    """But for the demo person whose pension came back from the bank."""
    return [one for one in await every(platform, caller) if one.kind != "returned"]


async def execute(platform: Platform, statement: str, *values: object) -> None:
    async with platform.database.transaction() as connection:
        await connection.execute(statement, *values)


async def test_where_nothing_is_wrong_nothing_is_found(platform: Platform) -> None:
    for role in ("operator", "finance", "auditor", "administrator"):
        assert await find(platform, member(role)) == []


async def test_benefits_that_came_back_are_told_by_region_to_who_sees_benefits(
    platform: Platform,
) -> None:
    (one,) = await every(platform, member("finance"))
    assert (one.kind, one.subject, one.link) == ("returned", "510100", "/operations/by-hand")
    assert await every(platform, member("finance", "110000")) == []
    assert await every(platform, member("operator")) == []


async def test_each_kind_is_found_with_since_when_the_oldest_first(
    platform: Platform, clock: FixedClock
) -> None:
    now = clock.now()
    await due_work.note(platform, "texts", FAILED)
    await Pulse(platform, Tally(), lambda _m, _p: "").turn()
    clock.advance(timedelta(minutes=30))
    await execute(
        platform,
        """insert into outgoing_texts (text_id, purpose, to_masked, at, valid_until, state)
           values (1, 'notice', '138****0000', $1, $1, 'failed'), (2, 'notice', '', $1, $1, 'waiting')""",
        now,
    )
    await execute(
        platform,
        """insert into bank_differences values
             ('ICBC', '2026-02-28', '1-2', 'amount_differs', '1', '2', $1, null),
             ('ICBC', '2026-02-27', '1-3', 'unknown_resolved_done', '1', '1', $1, null),
             ('ABC', '2026-02-27', '1-4', 'ours_only', '1', '', $1, $1)""",
        now,
    )
    await execute(platform, "insert into region_outages (region, since) values ('510000', $1)", now)
    await execute(
        platform,
        """insert into card_batches (batch_id, region, bank, maker, state, cards_max, cards, made_at,
                                     made_by, key, content, ordered_at)
           values (7, '510100', 'ICBC', 'M-1', 'at_maker', 10, 10, $1::timestamptz - interval '90 days',
                   'x', 'k', 'c', $1::timestamptz - interval '90 days'),
                  (8, '510100', 'ICBC', 'M-1', 'at_maker', 10, 10, $1, 'x', 'k2', 'c', $1)""",
        now,
    )
    await execute(
        platform,
        """insert into card_applications (person_id, application_id, kind, state, region, applied_on,
                                          expected_on, asked_for, state_since)
           values (1, 1, 'first', 'applied', '510100', '2026-01-05', '2026-02-20', null, $1),
                  (2, 2, 'first', 'applied', '510100', '2026-01-05', '2026-02-20', '照片', $2),
                  (3, 3, 'first', 'in_production', '510100', '2026-01-05', '2026-02-20', null, $2)""",
        now, now - timedelta(days=60),
    )  # fmt: skip
    found = await find(platform, member("operator"))
    assert {one.kind for one in found} == {
        "due_work", "process", "texts_failed", "texts_waiting", "bank_difference", "outage",
        "card_batch", "card_applications",
    }  # fmt: skip
    assert [one.since for one in found] == sorted(one.since for one in found)
    (batch,) = [one for one in found if one.kind == "card_batch"]
    assert (batch.subject, batch.region) == ("7", "510100")
    (late,) = [one for one in found if one.kind == "card_applications"]
    assert ("1 笔" in late.what.zh, "2026-02-20" in late.why.zh) == (True, True)
    (difference,) = [one for one in found if one.kind == "bank_difference"]
    assert (difference.again, difference.since) == (("ICBC", "2026-02-28"), now)


async def test_work_that_is_not_tried_any_more_is_missed_by_its_own_measure(
    platform: Platform, clock: FixedClock
) -> None:
    for name in ("money", "benefits", "ledger.verified"):
        await due_work.note(platform, name, None)
    clock.advance(timedelta(hours=1))
    found = await find(platform, member("operator"))
    assert [(one.kind, one.subject) for one in found] == [("due_work_stopped", "money")]
    clock.advance(timedelta(days=2))
    # Who proves the ledger does so when they wish to.
    assert {one.subject for one in await find(platform, member("operator"))} == {
        "money",
        "benefits",
    }


async def test_a_member_of_a_province_sees_that_province(
    platform: Platform, clock: FixedClock
) -> None:
    await due_work.note(platform, "texts", FAILED)
    await execute(
        platform,
        """insert into region_outages (region, since, until) values
             ('510000', $1, null), ('510100', $1, null), ('110000', $1, null),
             ('310000', $1::timestamptz - interval '2 days', $1)""",
        clock.now(),
    )
    found = await find(platform, member("finance", "510000"))
    assert [(one.kind, one.region) for one in found] == [
        ("outage", "510000"),
        ("outage", "510100"),
    ]
    assert len(await find(platform, member("finance"))) == 4


async def test_who_takes_one_on_first_has_it_and_the_next_occurrence_is_a_new_one(
    platform: Platform, clock: FixedClock
) -> None:
    await due_work.note(platform, "texts", FAILED)
    (one,) = await find(platform, member("operator"))
    async with platform.database.transaction() as connection:
        assert await exceptions_store.take(connection, one.key, "first", clock.now())
        assert not await exceptions_store.take(connection, one.key, "second", clock.now())
    (one,) = await find(platform, member("operator"))
    assert one.taken_by == "first"
    await due_work.note(platform, "texts", None)
    assert await find(platform, member("operator")) == []
    clock.advance(timedelta(minutes=1))
    await due_work.note(platform, "texts", FAILED)
    (again,) = await find(platform, member("operator"))
    assert again.taken_by == ""
