"""Use cases of the room: find the person, check, load what regions offer."""

import csv
from collections.abc import Sequence
from datetime import date
from importlib import resources

import msgspec

from yikatong.benefits import service as benefits
from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.model import CardApplication
from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, Text
from yikatong.core.platform import Platform
from yikatong.exchange import service as exchange
from yikatong.medical import service as medical
from yikatong.medical.filings import service as filings
from yikatong.people import service as people
from yikatong.people.changes import service as changes
from yikatong.people.model import Person
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import Policy, YearToDate
from yikatong.portability import rules, store
from yikatong.portability.model import CARE_SERVICES, Answer, CheckRequest, Service, Situation
from yikatong.portability.rules.insurance import medical_enrolment
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_OPEN_UNLESS_LISTED = frozenset(
    {
        "inpatient",
        "outpatient",
        "chronic",
        "pharmacy",
        "identity",
        "pension",
        "unemployment",
        "cash",
    }
)
"""Services a region offers unless region_services says otherwise; transit and culture are listed."""


def _unknown_to_visitors(field: str) -> NotFound:
    """What somebody who is not signed in hears of a real person and of nobody alike.

    Two different answers would tell whether an id number is registered.
    """
    return NotFound(
        zh="没有查到。未登录时只能查询虚拟人员；查本人的卡请先登录",
        en="not found; without signing in only synthetic people are answered for",
        field=field,
    )


async def find_person(
    platform: Platform,
    *,
    id_number: str | None = None,
    card: str | None = None,
    only_synthetic: bool = False,
) -> tuple[int, int | None]:
    """The person_id of an id number, or of a card number with the card_id.

    Raises InvalidInput unless exactly one is given and well formed, NotFound for nobody; with
    `only_synthetic` (nobody is signed in) a real person is answered like nobody.
    """
    if (id_number is None) == (card is None):
        raise InvalidInput(
            "id_number",
            zh="请填写身份证号或社保卡卡号，二选一",
            en="give either id_number or card",
        )
    async with platform.database.transaction(readonly=True) as connection:
        field = "card" if id_number is None else "id_number"
        try:
            if id_number is not None:
                found = await people.find_by_id_number(platform, connection, id_number), None
            else:
                assert card is not None
                found = await cards.find_by_number(connection, card)
            person = await people.get(connection, found[0])
        except NotFound as error:
            raise _unknown_to_visitors(field) if only_synthetic else error from None
        if only_synthetic and not person.synthetic:
            raise _unknown_to_visitors(field)
        return found


async def check(
    platform: Platform, request: CheckRequest, actor: Actor, *, only_synthetic: bool = False
) -> tuple[Person, Answer]:
    """Decide for a person, a destination, a service and a day; recorded in the person's audit trail.

    With `only_synthetic` (nobody is signed in) a real person is NotFound. Raises NotFound,
    InvalidInput naming region or provider.
    """
    region = regions.get(request.region)
    async with platform.database.transaction() as connection:
        person = await people.get(connection, request.person_id)
        if only_synthetic and not person.synthetic:
            raise _unknown_to_visitors("person_id")
        situation = await _situation(platform, connection, person, request)
        answer = rules.decide(situation, request)
        await audit.record(
            connection,
            actor,
            platform.clock.now(),
            person.person_id,
            "portability.checked",
            {
                "region": region.code,
                "service": request.service,
                "on": request.on.isoformat(),
                "answer": answer.answer,
                "reasons": [reason.code for reason in answer.reasons],
            },
        )
    return person, answer


async def check_all(
    platform: Platform,
    connection: Connection,
    person_id: int,
    region: str,
    services: Sequence[Service],
    on: date,
    actor: Actor,
) -> tuple[Person, dict[Service, Answer]]:
    """Decide for several services at once, in the caller's transaction: what they share is read once for
    care and once for everything else. Recorded as one look. Raises NotFound, InvalidInput."""
    destination = regions.get(region)
    person = await people.get(connection, person_id)
    answers: dict[Service, Answer] = {}
    shared: dict[bool, Situation] = {}
    # Chronic care asks for more than other care.
    for service in sorted(services, key=lambda one: one != "chronic"):
        request = CheckRequest(person_id, destination.code, service, on)
        care = service in CARE_SERVICES
        if care in shared:
            opened = await _opened(connection, request)
            shared[care] = msgspec.structs.replace(shared[care], opened=opened)
        else:
            shared[care] = await _situation(platform, connection, person, request)
        answers[service] = rules.decide(shared[care], request)
    detail: dict[str, object] = {
        "region": destination.code,
        "on": on.isoformat(),
        "answers": {service: answer.answer for service, answer in answers.items()},
    }
    now = platform.clock.now()
    await audit.record(connection, actor, now, person_id, "portability.checked", detail)
    return person, {service: answers[service] for service in services}


async def _opened(connection: Connection, request: CheckRequest) -> bool:
    """Whether the destination offers the service to people from elsewhere on that day."""
    destination = [one.code for one in reversed(regions.path(request.region))]
    listed, opened_on = await store.opened_on(connection, destination, request.service)
    if listed:
        return opened_on is not None and opened_on <= request.on
    return request.service in _OPEN_UNLESS_LISTED


async def _situation(
    platform: Platform, connection: Connection, person: Person, request: CheckRequest
) -> Situation:
    person_id = person.person_id
    enrolments = tuple(await people.enrolments(connection, person_id))
    care = request.service in CARE_SERVICES
    enrolment = medical_enrolment(enrolments)
    policy: Policy | None = None
    year = YearToDate()
    if care and enrolment is not None:
        try:
            book = policies.load()
            policy = book.find(enrolment.region, enrolment.insurance, request.on)
        except NoPolicyOnFile:
            policy = None
    if policy is not None:
        year = await medical.accumulators(
            connection, person_id, policy.insurance, policy.year_start(request.on)
        )
    destination = [one.code for one in reversed(regions.path(request.region))]
    asked = list(destination)
    if care and enrolment is not None:
        asked += [enrolment.region, f"{enrolment.region[:2]}0000"]
    provider = None
    if request.provider is not None:
        provider = await medical.provider(connection, request.provider)
        if not regions.is_within(provider.region, request.region):
            raise InvalidInput(
                "provider",
                zh=f"{provider.name}不在{regions.short_name(request.region)}",
                en=f"{provider.english} is not in {regions.short_name(request.region, 'en')}",
            )
    applications = await cards.applications(connection, person_id)
    return Situation(
        now=platform.clock.now(),
        person=person,
        enrolments=enrolments,
        cards=tuple(await cards.cards(connection, person_id)),
        applications=tuple(applications),
        pickup=await _pickup(connection, applications),
        identity_changed_on=await changes.card_outdated_since(connection, person_id),
        filings=tuple(await medical.filings(connection, person_id)) if care else (),
        entitlements=() if care else tuple(await benefits.entitlements(connection, person_id)),
        chronic=(
            tuple(await medical.chronic_registrations(connection, person_id))
            if request.service == "chronic"
            else ()
        ),
        selected_providers=(
            tuple(await medical.selected_providers(connection, person_id)) if provider else ()
        ),
        provider=provider,
        opened=await _opened(connection, request),
        out_since=await exchange.out_since(connection, asked, platform.clock.now()),
        policy=policy,
        year=year,
        long_term=(
            filings.rules_of(enrolment.region, today(platform.clock)).kinds["long_term"]
            if care and enrolment is not None
            else None
        ),
    )


async def _pickup(connection: Connection, applications: Sequence[CardApplication]) -> Text | None:
    waiting = next((one.pickup_place for one in applications if one.state == "ready"), None)
    return (await counters.names(connection, [waiting])).get(waiting or "")


def check_region(code: str) -> None:
    """Raise InvalidInput naming `region` for a code that does not exist."""
    regions.get(code)


def default_day(platform: Platform) -> date:
    """The day a question without a date is about: today in Shanghai."""
    return today(platform.clock)


async def load_reference(connection: Connection) -> None:
    """Load which services regions offer to people from elsewhere (demo data of the package)."""
    text = (resources.files("yikatong.data") / "region_services.csv").read_text(encoding="utf-8")
    rows = [
        (
            row["region"],
            row["service"],
            date.fromisoformat(row["opened_on"]) if row["opened_on"] else None,
        )
        for row in csv.DictReader(text.splitlines())
    ]
    assert all(regions.find(region) for region, _, _ in rows)
    await store.replace_region_services(connection, rows)
