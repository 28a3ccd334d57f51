"""Filings over the real tables: they change the portability answer, happen once, and are recorded."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests import fillings
from tests.conftest import Filling
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.medical.filings import choice, errors, rules, service, store
from yikatong.medical.filings.model import FilingChange, NewFiling
from yikatong.medical.model import Filing, Provider
from yikatong.medical.visits.orders import (
    ChooseProvider,
    DropProvider,
    FileTransfer,
    WithdrawFiling,
)
from yikatong.money.errors import KeyReused
from yikatong.portability import service as portability
from yikatong.portability.model import Answer, CheckRequest
from yikatong.trust import audit
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk-1", "filing")
TODAY = date(2026, 3, 1)
TEMPORARY = NewFiling(
    kind="temporary", destination="110000", channel="online", materials=("identity",)
)
LONG_TERM = NewFiling(
    kind="long_term",
    destination="110000",
    channel="counter",
    subkind="posted_worker",
    materials=("identity", "work_proof"),
)


class Now:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)

    def now(self) -> datetime:
        return self.at


class Scene:
    """A platform in time, and somebody from 成都 without a filing."""

    def __init__(self, platform: Platform, clock: Now, people: dict[str, int]) -> None:
        self.platform = platform
        self.clock = clock
        self.people = people
        self.person_id = people["filing_none"]

    async def file(self, wanted: NewFiling, key: str = "f-1", **facts: Any) -> Filing:
        wanted = msgspec.structs.replace(wanted, **facts)
        return await service.file(self.platform, self.person_id, wanted, CLERK, key)

    async def filings(self) -> list[Filing]:
        async with self.platform.database.transaction(readonly=True) as connection:
            return list(await medical.filings(connection, self.person_id))

    async def ask(
        self, region: str = "110000", care: Any = "inpatient", on: date = TODAY
    ) -> Answer:
        request = CheckRequest(self.person_id, region, care, on)
        return (await portability.check(self.platform, request, CLERK))[1]

    async def rate(self, region: str = "110000", on: date = TODAY) -> int:
        expects = (await self.ask(region, on=on)).expects
        assert expects is not None
        return expects.now.rates[0].rate

    async def actions(self) -> list[str]:
        async with self.platform.database.transaction(readonly=True) as connection:
            return [one.action for one in await audit.of_person(connection, self.person_id)]

    async def admit(self, provider: Provider, days_ago: int, state: str = "admitted") -> int:
        """A stay, as the care desk would have written it."""
        async with self.platform.database.transaction() as connection:
            await connection.execute(
                """insert into visits (person_id, visit_id, provider_code, setting, care_code, state,
                                       insurance, insured_region, treatment_region, number, begun_at)
                   values ($1, 77, $2, 'inpatient', '21', $3, '310', '510100', $4, 'Z1', $5)""",
                self.person_id,
                provider.provider_code,
                state,
                provider.region,
                self.clock.at - timedelta(days=days_ago),
            )
        return 77

    async def set_visit(self, state: str, ended_at: datetime | None = None) -> None:
        async with self.platform.database.transaction() as connection:
            await connection.execute(
                "update visits set state = $2, ended_at = $3 where person_id = $1",
                self.person_id,
                state,
                ended_at,
            )

    async def provider(self, region: str, level: str = "tertiary") -> Provider:
        async with self.platform.database.transaction(readonly=True) as connection:
            found = await medical.providers(
                connection, region=region, level=level, kind="hospital", limit=20
            )
        return next(one for one in found if one.suspended_on is None)

    async def transfer(self, provider: Provider, **facts: Any) -> Filing:
        order = FileTransfer(
            **{
                "person_id": self.person_id,
                "destination": "110000",
                "starts_on": TODAY,
                "ends_on": None,
                "to_provider": None,
                **facts,
            }
        )
        async with self.platform.database.transaction() as connection:
            return await service.file_transfer(self.platform, connection, provider, order)

    async def withdraw_transfer(self, provider: Provider, filing_id: int) -> Filing:
        order = WithdrawFiling(person_id=self.person_id, filing_id=filing_id)
        async with self.platform.database.transaction() as connection:
            return await service.withdraw_transfer(self.platform, connection, provider, order)


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


@pytest.fixture
async def scene(platform: Platform) -> Scene:
    clock = Now()
    platform = msgspec.structs.replace(platform, clock=clock)
    async with platform.database.transaction() as connection:
        await portability.load_reference(connection)
        rows = await connection.fetch("select situation, person_id from demo_persons")
    return Scene(platform, clock, {row[0]: row[1] for row in rows})


def codes(answer: Answer) -> set[str]:
    return {reason.code for reason in answer.reasons}


async def test_a_new_filing_changes_the_answer_and_the_rates_at_once(scene: Scene) -> None:
    before = await scene.ask()
    assert (before.answer, "filing_none" in codes(before)) == ("yes_but", True)
    assert await scene.rate() == 595_000
    await scene.file(LONG_TERM)
    after = await scene.ask()
    assert (after.answer, "filing_valid" in codes(after)) == ("yes", True)
    assert await scene.rate() == 850_000
    assert "filing_other_destination" in codes(await scene.ask("310000"))
    # At home nothing changes.
    assert (await scene.ask("510104")).answer == "yes"
    assert await scene.rate("510104") == 850_000


async def test_each_kind_has_its_own_rate_and_a_withdrawal_takes_it_back(scene: Scene) -> None:
    hospital = await scene.provider("510100")
    transfer = await scene.transfer(hospital)
    assert await scene.rate() == 765_000
    long_term = await scene.file(LONG_TERM)
    assert await scene.rate() == 850_000
    await service.withdraw(scene.platform, scene.person_id, long_term.filing_id, CLERK, "w")
    assert await scene.rate() == 765_000
    await scene.withdraw_transfer(hospital, transfer.filing_id)
    assert await scene.rate() == 595_000
    assert "filing_ended" in codes(await scene.ask())


async def test_a_declared_filing_asks_for_its_documents_at_home(scene: Scene) -> None:
    filed = await scene.file(LONG_TERM, declared=True, materials=("identity",))
    assert (await scene.ask()).answer == "yes"
    assert "filing_home_after_materials" in codes(await scene.ask("510104"))
    wanted = FilingChange(channel="online", materials=("work_proof",))
    changed = await service.change(
        scene.platform, scene.person_id, filed.filing_id, wanted, CLERK, "c"
    )
    assert not changed.declared
    assert (await scene.ask("510104")).answer == "yes"


async def test_the_same_key_happens_once_and_other_content_is_refused(scene: Scene) -> None:
    first, again = await asyncio.gather(scene.file(TEMPORARY), scene.file(TEMPORARY))
    assert first == again
    assert await scene.filings() == [first]
    with pytest.raises(KeyReused):
        await scene.file(TEMPORARY, destination="310000")
    with pytest.raises(KeyReused):
        await service.withdraw(scene.platform, scene.person_id, first.filing_id, CLERK, "f-1")
    gone = await service.withdraw(scene.platform, scene.person_id, first.filing_id, CLERK, "w")
    assert (
        await service.withdraw(scene.platform, scene.person_id, first.filing_id, CLERK, "w") == gone
    )
    # The key of the first command tells how that filing stands now.
    assert (await scene.file(TEMPORARY)).ended_by == "withdrawal"
    assert (await scene.actions())[:2] == ["filing.withdrawn", "filing.made"]
    # Keys are each person's own.
    scene.person_id = scene.people["filing_ended"]
    assert (await scene.file(TEMPORARY)).filing_id != first.filing_id


async def test_of_two_filings_of_one_moment_one_is_refused(scene: Scene) -> None:
    outcomes = await asyncio.gather(
        *(scene.file(TEMPORARY, f"k-{number}") for number in range(6)), return_exceptions=True
    )
    assert sum(isinstance(one, Filing) for one in outcomes) == 1
    assert sum(isinstance(one, errors.AlreadyFiled) for one in outcomes) == 5
    assert len(await scene.filings()) == 1


async def test_what_is_refused_changes_nothing_and_may_be_tried_again(scene: Scene) -> None:
    with pytest.raises(errors.MaterialsMissing):
        await scene.file(TEMPORARY, materials=())
    with pytest.raises(errors.FilingNotNeeded):
        await scene.file(TEMPORARY, destination="500000")
    with pytest.raises(errors.ChannelClosed):
        await scene.file(TEMPORARY, channel="provider")
    with pytest.raises(InvalidInput) as caught:
        await scene.file(TEMPORARY, insurance="110")
    assert caught.value.field == "insurance"
    with pytest.raises(errors.NotEligible):
        await scene.file(TEMPORARY, insurance="390")
    assert await scene.filings() == []
    assert "filing.made" not in await scene.actions()
    assert await scene.file(TEMPORARY)


async def test_who_may_not_file_is_told_why(scene: Scene) -> None:
    scene.person_id = scene.people["recorded_dead"]
    with pytest.raises(errors.NotEligible):
        await scene.file(TEMPORARY)
    scene.person_id = 9_999_999_999
    with pytest.raises(NotFound):
        await scene.file(TEMPORARY)
    with pytest.raises(NotFound):
        await service.of_person(scene.platform, scene.person_id, CLERK)


async def test_filings_of_others_are_not_there(scene: Scene) -> None:
    filed = await scene.file(TEMPORARY)
    other = scene.people["filing_ended"]
    for call in (
        service.withdraw(scene.platform, other, filed.filing_id, CLERK, "w"),
        service.change(
            scene.platform,
            other,
            filed.filing_id,
            FilingChange(channel="online", ends_on=date(2026, 5, 1)),
            CLERK,
            "c",
        ),
    ):
        with pytest.raises(errors.NoSuchFiling):
            await call
    assert await scene.filings() == [filed]


async def test_moving_on_replaces_the_old_filing_after_six_months(scene: Scene) -> None:
    first = await scene.file(LONG_TERM)
    scene.clock.at += timedelta(days=10)
    moved = FilingChange(
        channel="counter", destination="310000", materials=("identity", "work_proof")
    )

    async def move(key: str) -> Filing:
        return await service.change(
            scene.platform, scene.person_id, first.filing_id, moved, CLERK, key
        )

    with pytest.raises(errors.TooEarly):
        await move("c-1")
    with pytest.raises(errors.TooEarly):
        await scene.file(LONG_TERM, "f-2", destination="310000")
    scene.clock.at = datetime(2026, 9, 1, 9, tzinfo=SHANGHAI)
    second = await move("c-1")
    assert await move("c-1") == second
    assert (second.destination, second.replaces) == ("310000", (first.filing_id,))
    newest, oldest = await scene.filings()
    assert newest == second
    assert (oldest.ended_by, oldest.ended_on) == ("change", date(2026, 9, 1))
    # What was on a day is still so.
    assert "filing_valid" in codes(await scene.ask("110000", on=date(2026, 8, 31)))
    assert "filing_valid" in codes(await scene.ask("310000", on=date(2026, 9, 1)))
    with pytest.raises(errors.FilingEnded):
        await service.withdraw(scene.platform, scene.person_id, first.filing_id, CLERK, "w")


async def test_coming_home_ends_what_the_region_says(scene: Scene) -> None:
    await scene.file(LONG_TERM)
    temporary = await scene.file(TEMPORARY, "f-2", destination="310000")
    ended = await service.mark_return(scene.platform, scene.person_id, CLERK, "r")
    assert [one.kind for one in ended] == ["long_term"]
    assert await service.mark_return(scene.platform, scene.person_id, CLERK, "r") == ended
    assert await service.mark_return(scene.platform, scene.person_id, CLERK, "r-2") == []
    assert await scene.rate() == 595_000
    assert temporary in await scene.filings()
    await service.withdraw(scene.platform, scene.person_id, temporary.filing_id, CLERK, "w")
    assert "filing_ended_by_return" in codes(await scene.ask())
    assert (await scene.actions()).count("filing.returned") == 1


async def test_filing_in_hospital_goes_back_to_the_admission_until_the_settlement(
    scene: Scene,
) -> None:
    there = await scene.provider("110000")
    await scene.admit(there, days_ago=9)
    filed = await scene.file(TEMPORARY)
    assert filed.starts_on == TODAY - timedelta(days=9)
    counted = rules.kind_that_counts([filed], "310", there.region, "inpatient", filed.starts_on)
    assert counted == "temporary"
    with pytest.raises(errors.FilingInUse):
        await service.withdraw(scene.platform, scene.person_id, filed.filing_id, CLERK, "w")
    await scene.set_visit("discharged", scene.clock.at)
    with pytest.raises(errors.FilingInUse):
        await service.withdraw(scene.platform, scene.person_id, filed.filing_id, CLERK, "w")
    await scene.set_visit("settled", scene.clock.at)
    assert await service.withdraw(scene.platform, scene.person_id, filed.filing_id, CLERK, "w")
    with pytest.raises(InvalidInput):
        await scene.file(TEMPORARY, "f-2", starts_on=filed.starts_on)


async def test_an_emergency_holds_for_the_stay(scene: Scene) -> None:
    with pytest.raises(errors.FilingNotNeeded):
        await scene.file(TEMPORARY, kind="emergency")
    there = await scene.provider("110000")
    visit_id = await scene.admit(there, days_ago=3)
    filed = await scene.file(TEMPORARY, kind="emergency")
    assert (filed.visit_id, filed.starts_on) == (visit_id, date(2026, 2, 26))
    assert "filing_valid" in codes(await scene.ask(on=date(2026, 3, 20)))
    await scene.set_visit("settled", scene.clock.at + timedelta(days=4))
    assert (await scene.filings())[0].ends_on == date(2026, 3, 5)
    assert "filing_ended" in codes(await scene.ask(on=date(2026, 3, 20)))
    # The settlement is reversed: the stay is open again.
    await scene.set_visit("discharged", scene.clock.at)
    assert "filing_valid" in codes(await scene.ask(on=date(2026, 3, 20)))
    await scene.set_visit("cancelled")
    assert rules.span((await scene.filings())[0]) is None


async def test_a_hospital_refers_and_takes_it_back_before_it_is_used(scene: Scene) -> None:
    hospital, there = await scene.provider("510100"), await scene.provider("110000")
    filed = await scene.transfer(
        hospital,
        to_provider=there.provider_code,
        reason="疑难病例",
        details={"diag_code": "I10.x00"},
    )
    assert (filed.kind, filed.channel, filed.ends_on) == (
        "transfer",
        "provider",
        date(2027, 2, 28),
    )
    assert filed.details == {"diag_code": "I10.x00"}
    assert await scene.filings() == [filed]
    with pytest.raises(errors.AlreadyFiled):
        await scene.transfer(hospital)
    other = await scene.provider("510100", "secondary")
    for provider in (other, there):
        with pytest.raises(errors.NotChangeable):
            await scene.withdraw_transfer(provider, filed.filing_id)
    with pytest.raises(errors.NotChangeable):
        await service.withdraw(scene.platform, scene.person_id, filed.filing_id, CLERK, "w")
    await scene.admit(there, days_ago=0)
    with pytest.raises(errors.FilingInUse):
        await scene.withdraw_transfer(hospital, filed.filing_id)
    await scene.set_visit("cancelled")
    gone = await scene.withdraw_transfer(hospital, filed.filing_id)
    assert (gone.ended_by, gone.ended_on) == ("withdrawal", TODAY)
    with pytest.raises(errors.FilingEnded):
        await scene.withdraw_transfer(hospital, filed.filing_id)
    assert (await scene.actions())[:2] == ["filing.withdrawn", "filing.made"]


async def test_a_refused_order_leaves_the_callers_transaction_as_it_was(scene: Scene) -> None:
    hospital = await scene.provider("510100")
    there = await scene.provider("110000")
    async with scene.platform.database.transaction() as connection:
        for provider, facts, error in (
            (there, {}, errors.MayNotRefer),
            (hospital, {"destination": "510100"}, errors.FilingNotNeeded),
            (hospital, {"destination": "000001"}, InvalidInput),
            (hospital, {"ends_on": date(2028, 1, 1)}, InvalidInput),
            (hospital, {"starts_on": date(2026, 2, 1)}, InvalidInput),
            (hospital, {"to_provider": "H00000000000"}, NotFound),
            (hospital, {"to_provider": hospital.provider_code}, InvalidInput),
            (hospital, {"reason": "原" * 501}, InvalidInput),
            (hospital, {"person_id": 1}, NotFound),
        ):
            order = FileTransfer(
                **{
                    "person_id": scene.person_id,
                    "destination": "110000",
                    "starts_on": TODAY,
                    "ends_on": None,
                    "to_provider": None,
                    **facts,
                }
            )
            with pytest.raises(error):
                await service.file_transfer(scene.platform, connection, provider, order)
        withdrawal = WithdrawFiling(person_id=scene.person_id, filing_id=1)
        with pytest.raises(errors.NoSuchFiling):
            await service.withdraw_transfer(scene.platform, connection, hospital, withdrawal)
    assert await scene.filings() == []
    assert "filing.made" not in await scene.actions()


async def test_a_settlement_with_the_filing_is_a_use_until_it_is_reversed(scene: Scene) -> None:
    there = await scene.provider("110000")
    async with scene.platform.database.transaction() as connection:
        for number, reverses, kind in (
            (1, None, "transfer"),
            (2, None, "none"),
            (3, 1, "transfer"),
        ):
            uses = await store.uses(connection, scene.person_id, TODAY)
            assert (
                sorted(str(one.kind) for one in uses)
                == [[], ["transfer"], ["none", "transfer"]][number - 1]
            )
            await connection.execute(
                """insert into settlements
                     (person_id, settlement_id, visit_id, provider_code, message_id, reverses,
                      channel, setting, care_code, insurance, insured_region, treatment_region,
                      settled_at, total, self_paid, over_limit, first_pay, deductible, pooled,
                      large_amount, serious_illness, civil_servant, assistance, medical_account,
                      family_account, cash, balance_after, policy_from, year_starts_on, inputs,
                      added, batches)
                   values ($1, $2, 9, $3, 'm', $4, 'direct', 'outpatient', '11', '310', '510100',
                           $5, $6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, $7, $7, $8, '{}', '{}')""",
                scene.person_id,
                number,
                there.provider_code,
                reverses,
                there.region,
                scene.clock.at,
                date(2026, 1, 1),
                msgspec.json.encode({"visit": {"filing": kind}}).decode(),
            )
        uses = await store.uses(connection, scene.person_id, TODAY)
    assert [(one.region, one.on, one.kind) for one in uses] == [(there.region, TODAY, "none")]


async def test_a_provider_notes_that_it_was_chosen(scene: Scene) -> None:
    home, there = await scene.provider("510100"), await scene.provider("110000")

    async def choose(provider: Provider, code: str = "", day: date = TODAY) -> str:
        order = ChooseProvider(
            person_id=scene.person_id, provider_code=code or provider.provider_code, starts_on=day
        )
        async with scene.platform.database.transaction() as connection:
            done = await choice.choose_provider(scene.platform, connection, provider, order)
        return done.number

    async def drop(provider: Provider) -> str:
        order = DropProvider(person_id=scene.person_id, provider_code=provider.provider_code)
        async with scene.platform.database.transaction() as connection:
            done = await choice.drop_provider(scene.platform, connection, provider, order)
        return done.number

    async def chosen() -> list[str]:
        async with scene.platform.database.transaction(readonly=True) as connection:
            return list(await medical.selected_providers(connection, scene.person_id))

    number = await choose(home)
    assert number.isdigit()
    assert await choose(home) == number
    assert await chosen() == [home.provider_code]
    with pytest.raises(errors.ChoiceRefused):
        await choose(there)
    with pytest.raises(errors.ChoiceRefused):
        await choose(home, there.provider_code)
    other = await scene.provider("510100", "secondary")
    with pytest.raises(InvalidInput):
        await choose(other, day=date(2026, 4, 1))
    with pytest.raises(errors.ChoiceRefused):
        await choose(msgspec.structs.replace(other, suspended_on=TODAY))
    async with scene.platform.database.transaction() as connection:
        await connection.execute(
            """insert into selected_providers (person_id, provider_code, since)
               select $1, 'H5101009900' || n, $2 from generate_series(1, 4) n""",
            scene.person_id,
            TODAY,
        )
    with pytest.raises(errors.ChoiceRefused) as full:
        await choose(other)
    assert "5" in full.value.text.zh
    assert await drop(home) == number
    with pytest.raises(errors.NoSuchChoice):
        await drop(home)
    assert await choose(other)
    assert (await scene.actions())[:3] == ["provider.chosen", "provider.dropped", "provider.chosen"]


async def test_what_was_made_before_these_columns_reads_as_a_filing(scene: Scene) -> None:
    scene.person_id = scene.people["filing_transfer"]
    (filing,) = await scene.filings()
    assert (filing.kind, filing.channel, filing.subkind, filing.materials) == (
        "transfer",
        "online",
        None,
        (),
    )
    assert (await scene.ask()).answer == "yes"
