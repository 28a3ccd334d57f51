"""Plays and worked examples over HTTP, signed, against the desk and a real database."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest
import uvicorn

from tests.application import serve
from yikatong.core.clock import SystemClock
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.medical import reference
from yikatong.medical.hospital_api import faults, journal
from yikatong.medical.sandbox import explaining, plays, service
from yikatong.medical.sandbox.client import Account, Exchange, Hospital, Refused
from yikatong.medical.sandbox.model import SandboxPerson
from yikatong.medical.sandbox.visit import Item, Shown, Visit
from yikatong.money.verification import verify
from yikatong.policies import examples
from yikatong.population import playing
from yikatong.population import sandbox as population_sandbox
from yikatong.population import service as population
from yikatong.trust.audit import Actor

TESTER = Actor("system", "tests", "test")


@contextlib.asynccontextmanager
async def served(platform: Platform) -> AsyncIterator[str]:
    """The address of a platform with test providers and people."""
    await reference.load_reference(platform)
    await service.prepare(platform)
    await population.make(platform, 100, 1, lambda _: None)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(serve(platform), http="httptools", lifespan="off", log_config=None)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def test_every_play_comes_out_as_it_must_also_a_second_time(platform: Platform) -> None:
    now = msgspec.structs.replace(platform, clock=SystemClock())
    said: list[Text] = []
    heard: list[Exchange] = []
    async with served(now) as url:
        for turn in (1, 2):
            for name, play in plays.PLAYS.items():
                wrong = await playing.perform(now, play, url, said.append, heard.append)
                assert wrong == "", (name, turn)
        async with now.database.transaction(readonly=True) as connection:
            assert await faults.list_faults(connection) == []
            open_stays = await connection.fetchval(
                "select count(*) from visits where state in ('admitted', 'discharged')"
            )
        assert open_stays == 0
        await asyncio.sleep(1.5)
        async with now.database.transaction(readonly=True) as connection:
            found = await journal.newest(connection, heard[0].request["fixmedins_code"])
    assert (await verify(now)).proved
    # The journal tells of the same calls, and explains each.
    assert {one.message_id for one in found} <= {one.message_id for one in heard}
    assert any(one.status == 0 for one in found)
    for one in found:
        meaning = explaining.explain(
            one.transaction_code, one.status, one.code, explaining.read(one.answer)
        )
        assert meaning.outcome.zh != "办理成功" or one.transaction_code in ("2203", "2402"), one
    assert {one.infno for one in heard} >= {"1101", "2001", "2102", "2207", "2208", "2304", "2601"}


async def test_a_play_that_goes_wrong_leaves_no_stay_and_no_fault_behind(
    platform: Platform,
) -> None:
    now = msgspec.structs.replace(platform, clock=SystemClock())

    def broken(stage: plays.Stage) -> None:
        hospital = stage.hospital("510100", "tertiary")
        visit = stage.visit(hospital, "home", days=5)
        visit.identify()
        visit.admit()
        stage.open_stays.append(visit)
        visit.charge(stage.items(4, 1), days_ago=3)
        visit.settle_stay(interim=True)
        visit.charge(stage.items(4, 1), days_ago=1)
        stage.switch(hospital.account.provider_code, "refused", "2402")
        visit.discharge()

    play = plays.Play(Text("坏", "broken"), broken)
    async with served(now) as url:
        wrong = await playing.perform(now, play, url, lambda _: None, lambda _: None)
        assert "故障开关" in wrong
        async with now.database.transaction(readonly=True) as connection:
            states = await connection.fetch("select state from visits")
            added = await connection.fetchval("select sum(total) from settlements")
            assert await faults.list_faults(connection) == []
    assert [row[0] for row in states] == ["cancelled"]
    assert added == 0


# Which person, region and level a worked example needs; those of `beijing_active` follow each other.
CASES = {
    "WE-01": ("beijing_active", "110000", "tertiary"),
    "WE-02": ("beijing_active", "110000", "tertiary"),
    "WE-03": ("beijing_retired", "110000", "tertiary"),
    "WE-04": ("beijing_second_admission", "110000", "secondary"),
    "WE-05": ("xianyang_resident", "610400", "secondary"),
    "WE-06": ("xianyang_resident", "610400", "tertiary"),
    "WE-07": ("chongqing_active", "500000", "secondary"),
    "WE-08": ("chongqing_retired", "500000", "tertiary"),
    "WE-09": ("chengdu_aged_63", "510100", "tertiary"),
    "WE-10": ("filing_none", "110000", "tertiary"),
    "WE-10b": ("all_in_order", "110000", "tertiary"),
    "WE-11": ("guangzhou_retired", "440100", "tertiary"),
    "WE-12": ("resident_home", "510100", "tertiary"),
}
FIELDS = {
    "in_scope": "inscp_scp_amt", "deductible": "act_pay_dedc", "pooled": "hifp_pay",
    "large_amount": "hifob_pay", "serious_illness": "hifmi_pay", "person": "psn_part_amt",
}  # fmt: skip


async def test_every_worked_example_can_be_run_through_the_interface(platform: Platform) -> None:
    async with served(platform) as url:
        async with platform.database.transaction(readonly=True) as connection:
            providers = await service.providers(platform, connection)
            tenth = await connection.fetchval(
                """select code from catalog_terms t where region = '000000' and first_pay = 100000
                      and price_limit is null and not exists
                       (select from catalog_terms o where o.code = t.code and o.region = '110000')
                    order by code limit 1"""
            )
            items = await service.items(platform, connection)
        persons = {one.situation: one for one in await population_sandbox.persons(platform, TESTER)}
        codes = {one.item_class: one.code for one in reversed(items)} | {"B": tenth}
        known = {one.id: one for one in examples.shipped()}
        moment = platform.clock.now().timestamp()

        def play(example: examples.Example, second: int) -> list[str]:
            situation, region, level = CASES[example.id]
            provider = next(
                one for one in providers if (one.pooling_region, one.level) == (region, level)
            )
            account = Account(
                provider.code, provider.name, provider.region, provider.scheme,
                provider.access_key, provider.secret,
            )  # fmt: skip
            # A second of its own each, so that no two draw the same message number by chance.
            hospital = Hospital(url, account, clock=lambda: moment + second)
            with contextlib.closing(hospital):
                return run(example, hospital, persons[situation], codes)

        for second, number in enumerate(CASES):
            assert await asyncio.to_thread(play, known[number], second) == [], number
    assert (await verify(platform)).proved


def run(
    example: examples.Example, hospital: Hospital, person: SandboxPerson, codes: dict[str, str]
) -> list[str]:
    """What differs from the example; settled, compared, and taken back again."""
    shown = Shown(person.name, person.id_number, person.card_number, person.card_identifier)
    visit = Visit(hospital, shown, days=4)
    bill = {name: Decimal(amount) for name, amount in example.request["bill"].items()}
    alone, tenth = bill.get("self_paid", Decimal(0)), bill.get("first_pay", Decimal(0)) * 10
    parts = {"A": bill["total"] - alone - tenth, "B": tenth, "C": alone}
    items = [Item(codes[one], price) for one, price in parts.items() if price]
    visit.identify()
    if example.request["visit"]["care"] == "outpatient":
        visit.register()
        visit.see()
        visit.upload(items)
        settled = visit.settle()["setlinfo"]
        visit.reverse(settled["setl_id"])
    else:
        visit.admit()
        visit.charge(items, days_ago=1)
        visit.discharge()
        settled = visit.settle_stay()["setlinfo"]
        visit.take_back_stay()
        with pytest.raises(Refused):
            visit.settle_stay()
    return [
        f"{name}: {settled[FIELDS[name]]} instead of {amount}"
        for name, amount in example.expect.items()
        if settled[FIELDS[name]] != Decimal(amount)
    ]
