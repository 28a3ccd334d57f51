"""The verification desk: yes or no, how sure, and nothing else."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from stdnum.cn import ric

from tests.identity.conftest import HOLDER, Execute, Wallet
from yikatong.cards.pins import service as pins
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.ecards import service as ecards
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.ecards.model import LIVES, SKEW
from yikatong.identity.verification import service
from yikatong.identity.verification.desk import SERVICE_SUBJECT_LIMIT, VerificationDesk
from yikatong.identity.verification.errors import (
    LevelOutOfReach,
    PurposeNotPermitted,
    TooFast,
)
from yikatong.identity.verification.faces import NoFaceCheck, Said
from yikatong.identity.verification.model import Answer, CardPin, ECard, ECardFace, TwoFacts
from yikatong.people import service as people_service
from yikatong.trust import audit
from yikatong.trust.access import Caller, Grant, NotAllowed
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import SIX_DIGITS, TooManyTries

CHENGDU = "510100"
LIBRARY = Caller("service", "library", (Grant("identity.verify", "510000"),))
MUSEUM = Caller("service", "museum", (Grant("identity.verify", "510000"),))


class Face:
    """A face check that says what it is told to."""

    def __init__(self, said: Said = "same") -> None:
        self.available = True
        self.said: Said = said
        self.asked = 0

    async def check(self, person_id: int, image: str) -> Said:
        self.asked += 1
        return self.said


@pytest.fixture
async def desk(platform: Platform, codes: Codes, people: dict[str, int]) -> VerificationDesk:
    for name in ("library", "museum"):
        await service.permit(platform, "service", name, ["culture"])
    return VerificationDesk(platform, codes, NoFaceCheck())


def e_card(text: str, **more: Any) -> ECard:
    return ECard(code=text, purpose="culture", region=CHENGDU, **more)


async def ask(
    desk: VerificationDesk, text: str, key: str = "k1", caller: Caller = LIBRARY, **more: Any
) -> Answer:
    return await desk.answer(caller, e_card(text, **more), key)


async def trail(platform: Platform, person_id: int) -> Sequence[audit.AuditEvent]:
    async with platform.database.transaction(readonly=True) as connection:
        found = await audit.of_person(connection, person_id)
    return [one for one in found if one.action == "identity.verified"]


async def test_a_fresh_code_matches_at_level_2_and_the_person_sees_who_asked(
    platform: Platform, desk: VerificationDesk, wallet: Wallet
) -> None:
    answer = await ask(desk, (await wallet.code()).text)
    assert (answer.match, answer.level, answer.reason) == (True, 2, None)
    (event,) = await trail(platform, wallet.person_id)
    assert (event.actor.kind, event.actor.name) == ("service", "library")
    assert event.detail == {
        "mode": "e_card",
        "purpose": "culture",
        "region": CHENGDU,
        "outcome": "match",
        "level": 2,
        "verification_id": answer.verification_id,
    }


async def test_an_answer_says_nothing_about_the_person(
    platform: Platform, desk: VerificationDesk, wallet: Wallet
) -> None:
    answer = await ask(desk, (await wallet.code()).text)
    async with platform.database.transaction(readonly=True) as connection:
        person = await people_service.get(connection, wallet.person_id)
        contact = await people_service.contact(platform, connection, wallet.person_id)
    told = msgspec.json.encode(answer).decode()
    for secret in (person.name, contact.id_number, str(wallet.person_id), "1985"):
        assert secret not in told
    assert set(msgspec.json.decode(told)) == {"match", "level", "verification_id", "subject"}


async def test_each_service_knows_the_person_by_another_name_and_always_the_same(
    desk: VerificationDesk, wallet: Wallet
) -> None:
    subjects = [
        (await ask(desk, (await wallet.code()).text, f"k{number}", caller)).subject
        for number, caller in enumerate((LIBRARY, LIBRARY, MUSEUM))
    ]
    assert subjects[0] == subjects[1] != subjects[2]
    assert all(subjects)


async def test_a_code_works_once_also_for_the_service_that_used_it(
    platform: Platform, desk: VerificationDesk, wallet: Wallet
) -> None:
    text = (await wallet.code()).text
    assert (await ask(desk, text, "first")).match
    for key, caller in (("second", LIBRARY), ("first", MUSEUM), ("third", MUSEUM)):
        again = await ask(desk, text, key, caller)
        assert (again.match, again.reason, again.subject) == (False, "code_used", None)
    outcomes = [one.detail["outcome"] for one in await trail(platform, wallet.person_id)]
    assert outcomes == ["e_card_used"] * 3 + ["match"]


async def test_a_lost_answer_is_given_again_to_the_same_key_and_content_also_after_the_minute(
    platform: Platform, desk: VerificationDesk, wallet: Wallet, clock: FixedClock
) -> None:
    text = (await wallet.code()).text
    first = await ask(desk, text)
    clock.advance(timedelta(hours=1))
    assert await ask(desk, text) == first
    other = VerificationDesk(platform, Codes(platform), NoFaceCheck())
    assert await ask(other, text) == first
    assert (await ask(desk, text, level=2)).reason == "code_used"
    assert len(await trail(platform, wallet.person_id)) == 2


async def test_of_fifty_who_ask_at_once_in_two_processes_one_gets_the_match(
    platform: Platform, desk: VerificationDesk, wallet: Wallet
) -> None:
    desks = desk, VerificationDesk(platform, Codes(platform), NoFaceCheck())
    text = (await wallet.code()).text
    answers = await asyncio.gather(
        *(
            ask(desks[number % 2], text, f"k{number}", (LIBRARY, MUSEUM)[number // 2 % 2])
            for number in range(50)
        )
    )
    assert sum(one.match for one in answers) == 1
    assert sum(one.reason == "code_used" for one in answers) == 49


async def test_the_same_key_at_once_in_two_processes_gets_one_answer(
    platform: Platform, desk: VerificationDesk, wallet: Wallet
) -> None:
    desks = desk, VerificationDesk(platform, Codes(platform), NoFaceCheck())
    text = (await wallet.code()).text
    answers = await asyncio.gather(*(ask(desks[number % 2], text) for number in range(20)))
    assert len({one.verification_id for one in answers}) == 1
    assert all(one.match for one in answers)
    assert len(await trail(platform, wallet.person_id)) == 1


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        (timedelta(0), None),
        (LIVES, None),
        (LIVES + SKEW - timedelta(seconds=1), None),
        (LIVES + SKEW, "code_expired"),
        (-SKEW, None),
        (-SKEW - timedelta(seconds=1), "code_invalid"),
    ],
)
async def test_clocks_may_differ_by_half_a_minute_and_no_more(
    platform: Platform, desk: VerificationDesk, wallet: Wallet, clock: FixedClock, ahead: timedelta,
    reason: str | None,
) -> None:  # fmt: skip
    text = (await wallet.code()).text
    clock.advance(ahead)
    answer = await ask(desk, text)
    assert answer.reason == reason
    outcome = (await trail(platform, wallet.person_id))[0].detail["outcome"]
    if reason is not None:
        assert outcome == ("e_card_expired" if ahead > LIVES else "e_card_not_yet_valid")


_AFTERWARDS = {
    "device": None,
    "lost": "update cards set state = 'loss_reported' where person_id = $1",
    "locked": "update cards set state = 'locked' where person_id = $1",
    "replaced": "update cards set state = 'replaced' where person_id = $1",
    "frozen": "update cards set social_security_app = 'frozen' where person_id = $1",
    "dead": "update persons set died_on = '2026-02-28' where person_id = $1",
}


@pytest.mark.parametrize("what", _AFTERWARDS)
async def test_what_ends_an_e_card_ends_the_code_on_its_screen_and_is_not_told_to_the_service(
    platform: Platform, desk: VerificationDesk, wallet: Wallet, execute: Execute, what: str
) -> None:
    text = (await wallet.code()).text
    statement = _AFTERWARDS[what]
    if statement is not None:
        await execute(statement, wallet.person_id)
    else:
        assert wallet.device is not None
        async with platform.database.transaction() as connection:
            await ecards.revoke(
                platform, connection, wallet.person_id, wallet.device.device_id, HOLDER
            )
    answer = await ask(desk, text)
    assert answer == Answer(False, answer.verification_id, reason="e_card_not_usable")
    outcome = (await trail(platform, wallet.person_id))[0].detail["outcome"]
    assert outcome == {
        "device": "e_card_device_revoked", "dead": "e_card_holder_dead",
    }.get(what, "e_card_card_not_usable")  # fmt: skip


@pytest.mark.parametrize("text", ["", "A", "HELLO", "人", "A" * 601])
async def test_what_is_no_code_is_invalid(desk: VerificationDesk, text: str) -> None:
    assert (await ask(desk, text)).reason == "code_invalid"


# ---- e-card and face ----


async def face(desk: VerificationDesk, text: str, level: int = 1, key: str = "k") -> Answer:
    question = ECardFace(code=text, image="aGk=", purpose="culture", region=CHENGDU, level=level)
    return await desk.answer(LIBRARY, question, key)


async def test_without_a_face_check_that_is_said_and_the_code_stays_good(
    desk: VerificationDesk, wallet: Wallet
) -> None:
    text = (await wallet.code()).text
    assert (await face(desk, text)).reason == "face_check_not_available"
    assert (await ask(desk, text)).match
    outcomes = [one.detail["outcome"] for one in await trail(wallet.platform, wallet.person_id)]
    assert outcomes == ["match", "face_check_not_available"]


async def test_the_face_lifts_a_key_to_level_3_and_a_session_never_beyond_2(
    platform: Platform, codes: Codes, wallet: Wallet, desk: VerificationDesk
) -> None:
    seeing = VerificationDesk(platform, codes, Face())
    answer = await face(seeing, (await wallet.code()).text, level=3)
    assert (answer.match, answer.level) == (True, 3)
    weaker = await ecards.code_for_sandbox(platform, codes, wallet.person_id, HOLDER)
    answer = await face(seeing, weaker.text, level=3)
    assert (answer.match, answer.reason) == (False, "level_not_reached")
    weaker = await ecards.code_for_sandbox(platform, codes, wallet.person_id, HOLDER)
    answer = await face(seeing, weaker.text, level=2)
    assert (answer.match, answer.level) == (True, 2)


async def test_another_face_uses_the_code_up_and_the_answer_is_kept(
    platform: Platform, codes: Codes, wallet: Wallet, desk: VerificationDesk
) -> None:
    check = Face("different")
    seeing = VerificationDesk(platform, codes, check)
    text = (await wallet.code()).text
    first = await face(seeing, text)
    assert (first.match, first.reason) == (False, "face_differs")
    check.said = "same"
    assert await face(seeing, text) == first
    assert check.asked == 1
    assert (await face(seeing, text, key="other")).reason == "code_used"


async def test_no_picture_is_looked_at_for_a_code_that_is_not_good(
    platform: Platform, codes: Codes, wallet: Wallet, desk: VerificationDesk, execute: Execute,
    clock: FixedClock,
) -> None:  # fmt: skip
    check = Face()
    seeing = VerificationDesk(platform, codes, check)
    used, lost = (await wallet.code()).text, (await wallet.code()).text
    assert (await ask(desk, used, caller=MUSEUM)).match
    assert (await face(seeing, used)).reason == "code_used"
    await execute("update cards set state = 'loss_reported' where person_id = $1", wallet.person_id)
    assert (await face(seeing, lost)).reason == "e_card_not_usable"
    clock.advance(LIVES + SKEW)
    assert (await face(seeing, lost)).reason == "code_expired"
    assert check.asked == 0
    assert len(await trail(platform, wallet.person_id)) == 4


async def test_a_face_check_that_does_not_answer_leaves_the_code_good(
    platform: Platform, codes: Codes, wallet: Wallet, desk: VerificationDesk
) -> None:
    check = Face("not_available")
    seeing = VerificationDesk(platform, codes, check)
    text = (await wallet.code()).text
    assert (await face(seeing, text)).reason == "face_check_not_available"
    check.said = "same"
    assert (await face(seeing, text)).match


# ---- two facts ----


async def facts_of(platform: Platform, person_id: int) -> tuple[str, str]:
    async with platform.database.transaction(readonly=True) as connection:
        names = await people_service.names(connection, [person_id])
        numbers = await people_service.id_numbers(platform, connection, [person_id])
    return names[person_id], numbers[person_id]


async def two(desk: VerificationDesk, name: str, number: str, caller: Caller = LIBRARY) -> Answer:
    question = TwoFacts(name=name, id_number=number, purpose="culture", region=CHENGDU)
    return await desk.answer(caller, question, None)


def nobodys(number: str) -> str:
    """A well-formed id number that nobody has."""
    body = number[:14] + f"{(int(number[14:17]) + 500) % 1000:03d}"
    return body + ric.calc_check_digit(body + "0")


async def test_name_and_id_number_that_belong_together_match_at_level_1(
    platform: Platform, desk: VerificationDesk, people: dict[str, int]
) -> None:
    person_id = people["all_in_order"]
    name, number = await facts_of(platform, person_id)
    answer = await two(desk, f" {name} ", number.lower())
    assert (answer.match, answer.level) == (True, 1)
    assert (await trail(platform, person_id))[0].detail["outcome"] == "match"


async def test_wrong_facts_unknown_persons_and_the_dead_look_the_same(
    platform: Platform, desk: VerificationDesk, people: dict[str, int], execute: Execute
) -> None:
    person_id = people["all_in_order"]
    name, number = await facts_of(platform, person_id)
    answers = [await two(desk, "别人", number), await two(desk, name, nobodys(number))]
    await execute("update persons set died_on = '2026-02-01' where person_id = $1", person_id)
    answers.append(await two(desk, name, number))
    for one in answers:
        assert one == Answer(False, one.verification_id, reason="no_match")
    events = await trail(platform, person_id)
    assert [one.detail["outcome"] for one in events] == ["no_match", "no_match"]
    noted = await execute("select count(*) from verifications_of_nobody")
    assert noted == 1


async def test_how_long_an_answer_takes_does_not_tell_whether_the_person_exists(
    platform: Platform, desk: VerificationDesk, people: dict[str, int]
) -> None:
    name, number = await facts_of(platform, people["all_in_order"])
    times: dict[str, list[float]] = {number: [], nobodys(number): []}
    for turn in range(9):
        for tried, taken in times.items():
            begun = time.perf_counter()
            await two(desk, f"{name}{turn}", tried)
            taken.append(time.perf_counter() - begun)
    # Less than a step apart: both left at the same multiple of it, and the rest is the machine.
    medians = [statistics.median(one) for one in times.values()]
    assert abs(medians[0] - medians[1]) < 0.02


async def test_nobody_is_guessed_at_without_end(
    platform: Platform, desk: VerificationDesk, people: dict[str, int]
) -> None:
    name, number = await facts_of(platform, people["all_in_order"])
    for tried in (number, nobodys(number)):
        for turn in range(SERVICE_SUBJECT_LIMIT.tries):
            await two(desk, f"人{turn}", tried)
        with pytest.raises(TooManyTries):
            await two(desk, name, tried)
    # One service does not use up what another has.
    assert (await two(desk, name, number, MUSEUM)).match


async def test_an_id_number_with_a_wrong_digit_is_said_to_be_wrong(
    platform: Platform, desk: VerificationDesk, people: dict[str, int]
) -> None:
    name, number = await facts_of(platform, people["all_in_order"])
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    with pytest.raises(InvalidInput) as raised:
        await two(desk, name, wrong)
    assert raised.value.field == "id_number"


# ---- card and PIN ----


def pin_question(number: str, pin: str) -> CardPin:
    return CardPin(card_number=number, pin=pin, purpose="culture", region=CHENGDU)


async def test_the_cards_pin_matches_at_level_1_and_all_else_looks_the_same(
    platform: Platform, desk: VerificationDesk, people: dict[str, int], execute: Execute
) -> None:
    person_id = people["all_in_order"]
    number = await execute("select card_number from cards where person_id = $1", person_id)
    card_id = await execute("select card_id from cards where person_id = $1", person_id)
    await execute("delete from card_pins where person_id = $1", person_id)
    await pins.set_first(platform, person_id, card_id, "850305", Actor("staff", "tests", "tests"))

    async def tried(card: str, pin: str) -> Answer:
        return await desk.answer(LIBRARY, pin_question(card, pin), None)

    answer = await tried(number, "850305")
    assert (answer.match, answer.level) == (True, 1)
    assert [
        (await tried(*one)).reason for one in ((number, "111111"), ("ZZZZZZZZZ", "850305"))
    ] == ["no_match", "no_match"]
    await execute("update cards set state = 'loss_reported' where person_id = $1", person_id)
    assert (await tried(number, "850305")).reason == "no_match"
    outcomes = [one.detail["outcome"] for one in await trail(platform, person_id)]
    assert outcomes == ["no_match", "no_match", "match"]


async def test_services_guess_a_pin_no_better_together_and_keep_nobody_from_signing_in(
    platform: Platform, desk: VerificationDesk, people: dict[str, int], execute: Execute
) -> None:
    person_id = people["all_in_order"]
    number = await execute("select card_number from cards where person_id = $1", person_id)
    card_id = await execute("select card_id from cards where person_id = $1", person_id)
    await execute("delete from card_pins where person_id = $1", person_id)
    await pins.set_first(platform, person_id, card_id, "850305", Actor("staff", "tests", "tests"))
    for at in range(SIX_DIGITS[0].tries + 1):
        answer = await desk.answer(LIBRARY, pin_question(number, f"{at}{at}0000"), None)
        assert answer.reason == "no_match"
    assert (await desk.answer(LIBRARY, pin_question(number, "850305"), None)).reason == "no_match"
    assert (await trail(platform, person_id))[0].detail["outcome"] == "too_many_tries"
    assert await pins.verify(platform, person_id, card_id, "850305")


def test_a_pin_is_not_in_what_a_log_might_show() -> None:
    assert "246810" not in repr(pin_question("A12345678", "246810"))


# ---- who may ask ----


async def test_a_service_asks_where_and_for_what_it_is_permitted(
    platform: Platform, desk: VerificationDesk, wallet: Wallet
) -> None:
    text = (await wallet.code()).text
    with pytest.raises(PurposeNotPermitted):
        await desk.answer(LIBRARY, ECard(code=text, purpose="finance", region=CHENGDU), "k")
    with pytest.raises(InvalidInput):
        await desk.answer(LIBRARY, ECard(code=text, purpose="fun", region=CHENGDU), "k")
    with pytest.raises(NotAllowed):
        await desk.answer(LIBRARY, ECard(code=text, purpose="culture", region="110000"), "k")
    stranger = Caller("service", "stranger", (Grant("identity.verify", "000000"),))
    with pytest.raises(PurposeNotPermitted):
        await ask(desk, text, caller=stranger)
    other = Caller("service", "library", (Grant("person.read", "000000"),))
    with pytest.raises(NotAllowed):
        await ask(desk, text, caller=other)
    with pytest.raises(LevelOutOfReach):
        await ask(desk, text, level=3)
    # None of them used the code up.
    assert (await ask(desk, text)).match


async def test_a_service_has_its_share_of_a_minute(
    platform: Platform, codes: Codes, desk: VerificationDesk
) -> None:
    await service.permit(platform, "service", "busy", ["culture"], per_minute=3)
    busy = Caller("service", "busy", (Grant("identity.verify", "000000"),))
    for _ in range(3):
        await ask(desk, "A", caller=busy)
    with pytest.raises(TooFast) as raised:
        await ask(desk, "A", caller=busy)
    assert 1 <= raised.value.retry_after <= 21
    await ask(desk, "A", caller=LIBRARY)
