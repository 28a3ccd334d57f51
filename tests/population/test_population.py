import asyncio
from collections import Counter
from datetime import date
from typing import Any

import pytest
from stdnum.cn import ric

from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.medical import reference
from yikatong.money import medical as medical_accounts
from yikatong.money.medical import FamilyLink
from yikatong.money.verification import verify
from yikatong.people import rules
from yikatong.people import service as people
from yikatong.policies import service as policies
from yikatong.policies.model import YearToDate
from yikatong.population import chunk, demo, service, shares
from yikatong.portability import service as portability
from yikatong.portability.model import CheckRequest
from yikatong.trust.audit import Actor

TESTER = Actor("system", "tests", "test")


async def everything(platform: Platform, query: str, *args: object) -> list[Any]:
    async with platform.database.transaction(readonly=True) as connection:
        return [dict(row) for row in await connection.fetch(query, *args)]


async def test_every_demo_person_gets_the_answer_the_situation_is_about(platform: Platform) -> None:
    await service.make(platform, 70, 1, lambda _: None)
    async with platform.database.transaction() as connection:
        await portability.load_reference(connection)
        demos = await service.demo_persons(connection)
    assert [one.situation for one in demos] == [one.situation for one in demo.DEMOS]
    wrong: list[str] = []
    for one in demos:
        request = CheckRequest(one.person_id, one.try_region, one.try_service, date(2026, 3, 1))
        _, answer = await portability.check(platform, request, TESTER)
        if answer.answer != one.expects:
            codes = [reason.code for reason in answer.reasons]
            wrong.append(f"{one.situation}: {answer.answer} instead of {one.expects}: {codes}")
    assert wrong == []


async def test_a_large_population_is_looked_over_once_it_is_loaded(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_MANY", 100)
    looked_over = "select last_vacuum is not null from pg_stat_user_tables where relname = $1"
    for count, wanted in ((90, False), (120, True)):
        await service.make(platform, count, 1, lambda _: None)
        async with platform.database.connection() as connection:
            for table in ("persons", "cards", "ledger_postings"):
                assert await connection.fetchval(looked_over, table) is wanted, (count, table)
            # As before for whoever uses the connection next.
            assert await connection.fetchval("show statement_timeout") != "0"


async def test_what_a_year_holds_was_carried_over_for_everybody(platform: Platform) -> None:
    await service.make(platform, 1500, 1, lambda _: None)
    names = YearToDate.__struct_fields__
    carried = ", ".join(f"coalesce((c.amounts->>'{name}')::bigint, 0) as {name}" for name in names)
    rows = await everything(
        platform,
        f"""select a.person_id, {", ".join(f"a.{name} as a_{name}" for name in names)}, {carried}
              from accumulators a
              full join accumulators_carried_over c using (person_id, insurance, year_starts_on)""",
    )
    assert len(rows) > 300
    assert all(row[f"a_{name}"] == row[name] for row in rows for name in names)
    assert any(row["pooled"] and row["inpatient_in_scope"] for row in rows)


async def test_a_few_of_the_insured_belong_to_a_special_group(platform: Platform) -> None:
    await service.make(platform, 6000, 5, lambda _: None)
    rows = await everything(
        platform,
        f"""select g.group_name, bool_and(e.insurance is not null) as insured, count(*)
              from special_groups g left join enrolments e
                on e.person_id = g.person_id and e.insurance in ('310', '390')
             where g.person_id > {1_000_000 + len(demo.DEMOS)} group by 1""",
    )
    assert {row["group_name"] for row in rows} == {
        group for groups in shares.GROUPS.values() for group in groups
    }
    assert all(row["insured"] for row in rows)
    assert 0.02 < sum(row["count"] for row in rows) / 6000 < 0.06
    assert {row["group_name"] for row in rows} <= policies.load().groups


async def test_the_demo_persons_of_care_are_what_their_situation_says(platform: Platform) -> None:
    await service.make(platform, 100, 1, lambda _: None)
    rows = await everything(
        platform,
        """select d.situation, d.person_id, m.balance,
                  array(select group_name from special_groups g where g.person_id = d.person_id
                         order by 1) as groups,
                  (select sum(yearly_limit) from medical_family f
                     join medical_family_payers p
                       on p.person_id = f.member_id and p.owner_id = f.person_id
                    where f.member_id = d.person_id) as relatives_pay
             from demo_persons d left join money_accounts m
               on m.person_id = d.person_id and m.kind = 'medical'""",
    )
    found = {row["situation"]: row for row in rows}
    assert found["retired_with_account"]["balance"] == 500_000
    assert found["account_empty"]["balance"] == 0
    assert found["flexible"]["balance"] is None
    assert found["family_account"]["balance"] is None
    assert found["family_account"]["relatives_pay"] == 500_000
    assert found["family_payer"]["balance"] == 800_000
    assert found["destitute_and_disabled"]["groups"] == ["destitute", "disabled"]
    assert (await verify(platform)).proved
    links = await people_links(platform, found["family_account"]["person_id"])
    assert [link.person_id for link in links] == [found["family_payer"]["person_id"]]


async def people_links(platform: Platform, member_id: int) -> list[FamilyLink]:
    async with platform.database.transaction(readonly=True) as connection:
        payers = await medical_accounts.payers_of(connection, [member_id], date(2026, 3, 1))
    return payers[member_id]


async def test_made_people_have_valid_and_different_id_numbers_that_agree(
    platform: Platform,
) -> None:
    await service.make(platform, 3000, 1, lambda _: None)
    rows = await everything(
        platform, "select person_id, sex, birth_date, id_number_sealed from persons"
    )
    assert len(rows) == 3000
    numbers: set[str] = set()
    for row in rows:
        text = platform.vault.open("id_number", row["person_id"], row["id_number_sealed"])
        found = rules.parse_id_number(text, "id_number", today=date(2026, 3, 1))
        rules.check_id_number_agrees(found, birth_date=row["birth_date"], sex=row["sex"])
        assert ric.is_valid(text), text
        numbers.add(text)
    assert len(numbers) == 3000


async def test_a_made_person_is_found_by_id_number_and_opened(platform: Platform) -> None:
    await service.make(platform, 100, 1, lambda _: None)
    async with platform.database.transaction(readonly=True) as connection:
        contact = await people.contact(platform, connection, 1_000_001)
        assert await people.find_by_id_number(platform, connection, contact.id_number) == 1_000_001
        assert contact.phone == "19900000000"


async def test_the_population_is_believable(platform: Platform) -> None:
    await service.make(platform, 6000, 5, lambda _: None)
    rows = await everything(
        platform,
        "select e.region, e.category, e.insurance from enrolments e where e.insurance in ('310','390')",
    )
    share = Counter(row["insurance"] for row in rows)
    assert 0.25 < share["310"] / len(rows) < 0.6
    known = set(policies.load().regions())
    off_file = sum(row["region"] not in known for row in rows) / len(rows)
    assert 0 < off_file < 0.06
    states = {
        row["state"] for row in await everything(platform, "select distinct state from cards")
    }
    assert states >= {"active", "issued", "locked", "loss_reported", "replaced", "expired"}
    filings = await everything(platform, "select kind, count(*) from filings group by kind")
    assert {row["kind"] for row in filings} >= {"long_term", "temporary", "transfer"}
    ages = await everything(
        platform,
        "select count(*) filter (where birth_date > '2008-03-01') as young, count(*) from persons",
    )
    assert 0.1 < ages[0]["young"] / ages[0]["count"] < 0.3


async def test_the_same_seed_makes_the_same_people_however_they_are_made(
    platform: Platform,
) -> None:
    shared = await service.shared_accounts(platform)

    def plain(numbers: list[tuple[int, int, int]]) -> list[Any]:
        people_made: list[Any] = []
        for number, low, high in numbers:
            rows = chunk.make(platform.vault, shared, 9, number, low, high, platform.clock.now())
            people_made += [
                (row[0], row[2], row[3], row[4], row[5]) for row in rows.tables["persons"]
            ]
        return people_made

    assert plain([(0, 1_000_100, 1_000_300)]) == plain([(0, 1_000_100, 1_000_300)])
    assert plain([(0, 1_000_100, 1_000_300)]) != plain([(1, 1_000_100, 1_000_300)])


async def test_making_again_adds_people_and_keeps_the_demo_persons_once(platform: Platform) -> None:
    await service.make(platform, 200, 1, lambda _: None)
    await service.make(platform, 150, 1, lambda _: None)
    counts = await everything(
        platform, "select count(*), count(distinct id_number_hash) as d from person_id_numbers"
    )
    assert counts[0] == {"count": 350, "d": 350}


async def test_two_makings_at_once_do_not_take_the_same_ids(platform: Platform) -> None:
    await service.make(platform, 100, 1, lambda _: None)
    await asyncio.gather(
        *(service.make(platform, 50, seed, lambda _: None) for seed in (2, 3)),
        return_exceptions=True,
    )
    rows = await everything(
        platform, "select count(*), count(distinct person_id) as d from persons"
    )
    assert rows[0]["count"] == rows[0]["d"]
    assert rows[0]["count"] % 50 == 0


async def test_worker_processes_make_the_same_number_of_people(platform: Platform) -> None:
    heard: list[int] = []
    await service.make(platform, 21_000, 1, heard.append, processes=2)
    rows = await everything(platform, "select count(*) from persons")
    assert rows[0]["count"] == 21_000
    assert heard[-1] == 21_000


@pytest.mark.parametrize("count", [0, -5, 4_900_001])
async def test_an_impossible_number_of_people_is_refused(platform: Platform, count: int) -> None:
    with pytest.raises(InvalidInput):
        await service.make(platform, count, 1, lambda _: None)


async def test_reference_data_loads_once_and_providers_stand_everywhere(platform: Platform) -> None:
    await reference.load_reference(platform)
    await reference.load_reference(platform)
    rows = await everything(
        platform,
        "select count(*), count(distinct pooling_region) as regions, count(distinct level) as levels from providers",
    )
    assert rows[0] == {"count": 3400, "regions": 340, "levels": 4}
    rows = await everything(platform, "select count(*) from catalog_items")
    assert rows[0]["count"] >= 300
