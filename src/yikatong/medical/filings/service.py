"""Use cases of filings: file, change, withdraw, come home; transfers and choices by providers."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from yikatong.core import ids
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Unavailable
from yikatong.core.platform import Platform
from yikatong.core.together import ask
from yikatong.medical import service as medical
from yikatong.medical.filings import decisions, endings, store, terms
from yikatong.medical.filings.decisions import Facts, Outcome
from yikatong.medical.filings.errors import ChannelClosed, NoSuchFiling
from yikatong.medical.filings.model import FilingChange, NewFiling, RegionRules
from yikatong.medical.model import Filing, Provider
from yikatong.medical.visits.orders import FileTransfer, WithdrawFiling
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.model import MEDICAL, Enrolment
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import Policy
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_PURPOSE: Final = "filing for care elsewhere"


@lru_cache(maxsize=4096)
def rules_of(region: str, on: date) -> RegionRules:
    """The filing rules of an insured region on a day; raises NoFilingRules."""
    return terms.load().find(region, on)


async def of_person(platform: Platform, person_id: int, actor: Actor) -> list[Filing]:
    """All filings of a person, the newest first; the look is recorded. Raises NotFound."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        found = (await ask(connection, store.of_persons([person_id]))).get(person_id, [])
        await audit.record(connection, actor, platform.clock.now(), person_id, "filings.read")
    return found


async def file(
    platform: Platform, person_id: int, wanted: NewFiling, actor: Actor, key: str
) -> Filing:
    """File for care elsewhere; asked again with the same key it answers the filing that is there.

    Raises FilingNotNeeded, AlreadyFiled, TooEarly, MaterialsMissing, ChannelClosed, NotEligible,
    FilingInUse, and InvalidInput naming the field.
    """
    if wanted.channel == "provider":
        raise ChannelClosed(
            "医疗机构通过医院接口（2501）办理转诊备案",
            "hospitals file transfers through the hospital interface (2501)",
            "channel",
        )

    async def work(connection: Connection) -> Outcome:
        facts = await _facts(platform, connection, person_id, wanted.insurance)
        return decisions.new(wanted, facts)

    return await _command(platform, person_id, "filing.made", wanted, actor, key, work)


async def change(
    platform: Platform,
    person_id: int,
    filing_id: int,
    wanted: FilingChange,
    actor: Actor,
    key: str,
) -> Filing:
    """Change a filing; another destination makes a new one, which is answered.

    Raises NoSuchFiling, FilingEnded, NotChangeable, and as `file`.
    """

    async def work(connection: Connection) -> Outcome:
        filing, facts = await _of(platform, connection, person_id, filing_id)
        return decisions.change(filing, wanted, facts)

    content = (filing_id, wanted)
    return await _command(platform, person_id, "filing.changed", content, actor, key, work)


async def withdraw(
    platform: Platform, person_id: int, filing_id: int, actor: Actor, key: str
) -> Filing:
    """End a filing from today. Raises NoSuchFiling, FilingEnded, TooEarly, FilingInUse,
    NotChangeable."""

    async def work(connection: Connection) -> Outcome:
        filing, facts = await _of(platform, connection, person_id, filing_id)
        return endings.withdraw(filing, facts)

    return await _command(platform, person_id, "filing.withdrawn", filing_id, actor, key, work)


async def mark_return(platform: Platform, person_id: int, actor: Actor, key: str) -> list[Filing]:
    """The person came back: what ends with it by the region's rules; often nothing does."""
    content = ledger.digest("filing.returned")
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        if (done := await _done_before(connection, person_id, key, content)) is not None:
            return done
        facts = await _facts(platform, connection, person_id, None)
        ended = endings.come_home(facts)
        for filing in ended:
            await _update(connection, person_id, filing)
            await _record(platform, connection, actor, person_id, "filing.returned", filing)
        numbers = [one.filing_id for one in ended]
        await store.insert_command(
            connection, person_id, key, "filing.returned", content, numbers, facts.now
        )
        return await _read(connection, person_id, numbers)


# ---- by providers, inside the caller's transaction ----


async def file_transfer(
    platform: Platform, connection: Connection, provider: Provider, order: FileTransfer
) -> Filing:
    """A transfer filed by the hospital that refers (转院备案).

    Nothing is written where it raises. Holds the person's filings until the transaction ends;
    who carries out several in one transaction takes them in the order of their person ids.
    """
    await store.lock(connection, order.person_id)
    facts = await _facts(platform, connection, order.person_id, order.insurance)
    to = None
    if order.to_provider is not None:
        to = await medical.provider(connection, order.to_provider, "to_provider")
    wanted = NewFiling(
        kind="transfer",
        destination=order.destination,
        channel="provider",
        insurance=order.insurance,
        starts_on=order.starts_on,
        ends_on=order.ends_on,
        # The hospital saw who it is, and its order is the referral.
        materials=("identity", "referral"),
        reason=order.reason,
        details=order.details,
    )
    outcome = decisions.new(wanted, facts, by=provider, to=to)
    await _write(connection, order.person_id, outcome)
    actor = Actor("provider", provider.provider_code, _PURPOSE)
    await _record(platform, connection, actor, order.person_id, "filing.made", outcome.filing)
    return outcome.filing


async def withdraw_transfer(
    platform: Platform, connection: Connection, provider: Provider, order: WithdrawFiling
) -> Filing:
    """The hospital takes its own transfer back, before it was used (转院备案撤销); as above."""
    await store.lock(connection, order.person_id)
    filing, facts = await _of(platform, connection, order.person_id, order.filing_id)
    outcome = endings.withdraw(filing, facts, by=provider)
    await _write(connection, order.person_id, outcome)
    actor = Actor("provider", provider.provider_code, _PURPOSE)
    await _record(platform, connection, actor, order.person_id, "filing.withdrawn", outcome.filing)
    return outcome.filing


# ---- what they share ----


async def _command(
    platform: Platform,
    person_id: int,
    name: str,
    content: object,
    actor: Actor,
    key: str,
    work: Callable[[Connection], Awaitable[Outcome]],
) -> Filing:
    digest = ledger.digest([name, content])
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        if (done := await _done_before(connection, person_id, key, digest)) is not None:
            return done[0]
        outcome = await work(connection)
        await _write(connection, person_id, outcome)
        number, now = outcome.filing.filing_id, platform.clock.now()
        await store.insert_command(connection, person_id, key, name, digest, [number], now)
        await _record(platform, connection, actor, person_id, name, outcome.filing)
        return (await _read(connection, person_id, [number]))[0]


async def _done_before(
    connection: Connection, person_id: int, key: str, content: bytes
) -> list[Filing] | None:
    """The filings an earlier command of this key made or changed, as they are now."""
    known = await store.command(connection, person_id, key)
    if known is None:
        return None
    if known[0] != content:
        raise KeyReused
    return await _read(connection, person_id, known[1])


async def _read(connection: Connection, person_id: int, numbers: Sequence[int]) -> list[Filing]:
    found = (await ask(connection, store.of_persons([person_id]))).get(person_id, [])
    by_number = {one.filing_id: one for one in found}
    return [by_number[number] for number in numbers]


async def _write(connection: Connection, person_id: int, outcome: Outcome) -> None:
    for changed in outcome.changed:
        await _update(connection, person_id, changed)
    if outcome.new:
        await store.insert(connection, person_id, outcome.filing)
    else:
        await _update(connection, person_id, outcome.filing)


async def _update(connection: Connection, person_id: int, filing: Filing) -> None:
    if not await store.update(connection, person_id, filing):
        # Everybody here holds the lock, so somebody wrote beside this room.
        raise Unavailable(
            zh="备案刚被修改，没有任何改动，请重试",
            en="the filing was just changed by somebody else; nothing was changed, try again",
        )


async def _record(
    platform: Platform,
    connection: Connection,
    actor: Actor,
    person_id: int,
    name: str,
    filing: Filing,
) -> None:
    await audit.record(
        connection,
        actor,
        platform.clock.now(),
        person_id,
        name,
        {
            "filing_id": str(filing.filing_id),
            "kind": filing.kind,
            "destination": filing.destination,
            "channel": filing.channel,
        },
    )


async def _of(
    platform: Platform, connection: Connection, person_id: int, filing_id: int
) -> tuple[Filing, Facts]:
    """A filing and what decides about it, by the rules of its own region."""
    found = (await ask(connection, store.of_persons([person_id]))).get(person_id, [])
    filing = next((one for one in found if one.filing_id == filing_id), None)
    if filing is None:
        raise NoSuchFiling
    facts = await _facts(
        platform, connection, person_id, filing.insurance, filing=filing, filings=found
    )
    return filing, facts


async def _facts(
    platform: Platform,
    connection: Connection,
    person_id: int,
    insurance: str | None,
    *,
    filing: Filing | None = None,
    filings: Sequence[Filing] | None = None,
) -> Facts:
    person = await people.get(connection, person_id)
    enrolment = enrolment_for(await people.enrolments(connection, person_id), insurance)
    if filings is None:
        filings = (await ask(connection, store.of_persons([person_id]))).get(person_id, [])
    region = filing.region if filing else enrolment.region if enrolment else terms.NATION
    since = min((one.starts_on for one in filings), default=today(platform.clock))
    now, day = platform.clock.now(), today(platform.clock)
    return Facts(
        person=person,
        enrolment=enrolment,
        filings=filings,
        rules=rules_of(region, day),
        policy=_policy(enrolment, day),
        stay=await store.open_stay(connection, person_id),
        uses=await store.uses(connection, person_id, since),
        now=now,
        new_id=ids.new_id(now),
    )


def enrolment_for(enrolments: Sequence[Enrolment], insurance: str | None) -> Enrolment | None:
    """The medical insurance in force: the one named, else employees' before residents'."""
    if insurance is not None and insurance not in MEDICAL:
        raise InvalidInput(
            "insurance",
            zh="应为 310（职工医保）或 390（居民医保）",
            en="310 (employees') or 390 (residents' medical insurance)",
        )
    current = [
        one
        for one in enrolments
        if one.insurance in MEDICAL and one.status != "ended" and insurance in (None, one.insurance)
    ]
    return min(current, key=lambda one: one.insurance, default=None)


def _policy(enrolment: Enrolment | None, on: date) -> Policy | None:
    if enrolment is None:
        return None
    try:
        return policies.load().find(enrolment.region, enrolment.insurance, on)
    except NoPolicyOnFile:
        return None
