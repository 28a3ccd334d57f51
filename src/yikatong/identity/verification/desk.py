"""The verification desk (核验台): answers whether somebody is who they say.

Codes of e-cards are redeemed in batches, each batch one database transaction with its audit events.
Facts and PINs are looked at one by one, and no sooner answered for nobody than for somebody.
"""

import asyncio
import base64
import hashlib
import math
import random
import time
from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import Final, cast

import msgspec
from asyncpg import DeadlockDetectedError

from yikatong.cards import service as cards
from yikatong.cards.pins import service as pins
from yikatong.core.clock import today
from yikatong.core.coalescing import Coalescer
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.ecards import rules as ecard_rules
from yikatong.identity.ecards.codes import Codes, refusal_or
from yikatong.identity.ecards.errors import CodeRefused
from yikatong.identity.ecards.model import OpenedCode, Told
from yikatong.identity.ecards.redeeming import Redeemed, Shown, before_redeeming, redeem
from yikatong.identity.ecards.store import Redemption
from yikatong.identity.model import Level, level_of
from yikatong.identity.verification import store
from yikatong.identity.verification.errors import LevelOutOfReach
from yikatong.identity.verification.faces import FaceCheck
from yikatong.identity.verification.model import (
    PROOFS,
    PURPOSES,
    Answer,
    CardPin,
    ECard,
    ECardFace,
    Question,
    Reason,
    TwoFacts,
    VerificationMode,
)
from yikatong.identity.verification.permits import Permits
from yikatong.people import rules as people_rules
from yikatong.people import service as people
from yikatong.people.model import Person
from yikatong.trust import audit, guessing, verifiers
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import Limit

ACTION: Final = "identity.verified"
SUBJECT_LIMIT: Final = Limit(60, timedelta(days=1))
"""Facts and PINs tried of one id number or card, by all services together."""
SERVICE_SUBJECT_LIMIT: Final = Limit(10, timedelta(days=1))
"""The same by one service: it can neither guess on nor use up what others have."""
EVEN_SECONDS: Final = 0.04
"""Answers to facts and PINs leave at multiples of this after the question came."""

_BATCH_TRIES_MAX: Final = 4
_REASONS: Final[dict[Told, Reason]] = {
    "invalid": "code_invalid",
    "expired": "code_expired",
    "used": "code_used",
    "not_usable": "e_card_not_usable",
}


_SERVICES: Final = "services"
"""Whose tries at a PIN count together, apart from those of strangers who sign in: those of all services,
so that many of them together guess no better than one."""


class _Asked(msgspec.Struct, frozen=True, eq=False):
    """A question on its way."""

    verification_id: int
    caller: Caller
    mode: VerificationMode
    purpose: str
    region: str

    @property
    def asked_by(self) -> str:
        return f"{self.caller.kind}:{self.caller.name}"

    @property
    def actor(self) -> Actor:
        return self.caller.actor(PURPOSES[self.purpose].en)

    def detail(self, outcome: str, level: int | None) -> dict[str, object]:
        """What the person reads of it."""
        told: dict[str, object] = {
            "mode": self.mode, "purpose": self.purpose, "region": self.region, "outcome": outcome,
            "verification_id": str(self.verification_id),
        }  # fmt: skip
        return told if level is None else {**told, "level": level}


class _Call(msgspec.Struct, frozen=True, eq=False):
    asked: _Asked
    shown: Shown


class VerificationDesk:
    """Answers questions; one per process, so that codes shown at the same moment meet."""

    def __init__(
        self,
        platform: Platform,
        codes: Codes,
        faces: FaceCheck,
    ) -> None:
        self._platform = platform
        self._codes = codes
        self._faces = faces
        self._permits = Permits(platform)
        # As at the care desk: a database on these same processors is kept busy by one batch.
        in_flight = 3 if platform.settings.database_url else 1
        self._waiting: Coalescer[_Call, Redeemed] = Coalescer(
            self._run, _keys, apart=True, in_flight_max=in_flight
        )

    def waiting(self) -> int:
        """How many wait at this moment."""
        return len(self._waiting)

    async def answer(self, caller: Caller, question: Question, key: str | None) -> Answer:
        """The answer; raises what keeps the question from being asked.

        `key` is the idempotency key: with the same content it gets the first answer again, also of a
        code, which works once. It is needed for codes.
        """
        mode = cast("VerificationMode", question.__struct_config__.tag)
        caller.require("identity.verify", question.region)
        await self._permits.admit(caller, question.purpose)
        if question.level > (most := level_of(PROOFS[mode])):
            raise LevelOutOfReach(most)
        asked = _Asked(
            new_id(self._platform.clock.now()), caller, mode, question.purpose, question.region
        )
        if isinstance(question, (ECard, ECardFace)):
            assert key is not None
            return await self._e_card(asked, question, key)
        begun = time.monotonic()
        try:
            if isinstance(question, TwoFacts):
                return await self._two_facts(asked, question)
            return await self._card_pin(asked, question)
        finally:
            await _even(begun)

    # ---- facts ----

    async def _two_facts(self, asked: _Asked, question: TwoFacts) -> Answer:
        platform = self._platform
        number = people_rules.parse_id_number(
            question.id_number, "id_number", today=today(platform.clock)
        ).number
        await self._count(asked, f"id_number:{number}")
        async with platform.database.transaction() as connection:
            found = await people.find_many(platform, connection, [number])
            person_id = found.get(number, 0)
            person = (await people.persons(connection, [person_id])).get(person_id)
            match = _is_named(person, question.name)
            return await self._record(connection, asked, person, "match" if match else "no_match")

    async def _card_pin(self, asked: _Asked, question: CardPin) -> Answer:
        platform = self._platform
        number = cards.parse_number(question.card_number, "card_number")
        await self._count(asked, f"card_number:{number}")
        async with platform.database.transaction(readonly=True) as connection:
            who = (await cards.find_many(connection, [number])).get(number)
        outcome = "no_match"
        try:
            if who is None:
                # As much work as for a card there is.
                await verifiers.check(platform, pins.PURPOSE, "", question.pin, None)
            elif await pins.verify(platform, *who, question.pin, asker=_SERVICES):
                outcome = "match"
        except YikatongError as error:
            if error.status >= 500:
                raise
            # Locked, or tried too often: that there is such a card is not told.
            outcome = error.code
        async with platform.database.transaction() as connection:
            person_id, card_id = who or (0, 0)
            person = (await people.persons(connection, [person_id])).get(person_id)
            card = (await cards.current_cards(connection, [person_id])).get(person_id)
            if outcome == "match" and (
                person is None
                or person.died_on is not None
                or card is None
                or card.card_id != card_id
                or ecard_rules.card_fault(card, platform.clock.now()) is not None
            ):
                outcome = "card_not_usable"
            return await self._record(connection, asked, person, outcome)

    async def _count(self, asked: _Asked, subject: str) -> None:
        await guessing.count(
            self._platform,
            [
                (f"verification:{asked.asked_by}:{subject}", [SERVICE_SUBJECT_LIMIT]),
                (f"verification:{subject}", [SUBJECT_LIMIT]),
            ],
        )

    async def _record(
        self, connection: Connection, asked: _Asked, person: Person | None, outcome: str
    ) -> Answer:
        """Write the check down, of nobody too, so that both take as long; and answer it."""
        now = self._platform.clock.now()
        match = outcome == "match"
        level = level_of(PROOFS[asked.mode]) if match else None
        if person is None:
            await store.note_nobody(
                connection, asked.verification_id, asked.asked_by, asked.mode, asked.purpose, now
            )
        else:
            await audit.record(
                connection, asked.actor, now, person.person_id, ACTION,
                asked.detail(outcome, level),
            )  # fmt: skip
        identifier = str(asked.verification_id)
        if person is None or not match:
            return Answer(False, identifier, reason="no_match")
        return Answer(True, identifier, level, subject=self._subject(asked, person.person_id))

    # ---- codes ----

    async def _e_card(self, asked: _Asked, question: ECard | ECardFace, key: str) -> Answer:
        identifier = str(asked.verification_id)
        opened = await refusal_or(self._codes, question.code)
        if isinstance(opened, CodeRefused):
            return Answer(False, identifier, reason=_REASONS[opened.told])
        shown = Shown(
            opened=opened,
            asked_by=asked.asked_by,
            use=f"{key} {_content_hash(question)}",
            again="same_answer",
            verification_id=asked.verification_id,
            wanted=question.level,
        )
        if isinstance(question, ECardFace) and await self._is_good(shown):
            said = await self._look(opened, question.image)
            if said is None:
                await self._note(asked, opened.person_id, "face_check_not_available")
                return Answer(False, identifier, reason="face_check_not_available")
            shown = msgspec.structs.replace(shown, face=said)
        done = await self._waiting.submit(_Call(asked, shown))
        if done.record is None:
            assert done.refusal is not None
            return Answer(False, identifier, reason=_REASONS[done.refusal.told])
        return self._tell(asked, done.record)

    async def _is_good(self, shown: Shown) -> bool:
        """Whether a code would be redeemed now: for no other a picture is looked at."""
        async with self._platform.database.transaction() as connection:
            return await before_redeeming(connection, shown, self._platform.clock.now()) is None

    async def _look(self, opened: OpenedCode, image: str) -> bool | None:
        """Whether the picture shows the holder; None where nobody can say, and nothing is used up."""
        if not self._faces.available:
            return None
        said = await self._faces.check(opened.person_id, image)
        return None if said == "not_available" else said == "same"

    async def _note(self, asked: _Asked, person_id: int, outcome: str) -> None:
        async with self._platform.database.transaction() as connection:
            await audit.record(
                connection, asked.actor, self._platform.clock.now(), person_id, ACTION,
                asked.detail(outcome, None),
            )  # fmt: skip

    def _tell(self, asked: _Asked, record: Redemption) -> Answer:
        identifier = str(record.verification_id)
        if record.reason is not None:
            return Answer(False, identifier, reason=cast("Reason", record.reason))
        return Answer(
            True,
            identifier,
            cast("Level", record.level),
            subject=self._subject(asked, record.person_id),
        )

    def _subject(self, asked: _Asked, person_id: int) -> str:
        """What this service knows the person by: another for every service, the same every time."""
        told = self._platform.vault.hash("verified_subject", f"{asked.asked_by}:{person_id}")
        return base64.urlsafe_b64encode(told[:15]).decode()

    async def _run(self, calls: list[_Call]) -> Sequence[Redeemed]:
        for number in range(_BATCH_TRIES_MAX):
            try:
                return await self._together(calls)
            except DeadlockDetectedError:
                # Apart by chance, so that two processes do not meet over the same code again.
                await asyncio.sleep(random.random() * 0.004 * 2**number)  # noqa: S311
        return await self._together(calls)

    async def _together(self, calls: list[_Call]) -> list[Redeemed]:
        now = self._platform.clock.now()
        async with self._platform.database.transaction() as connection:
            done = await redeem(connection, [call.shown for call in calls], now)
            actors: list[Actor] = []
            events: list[tuple[int, str, dict[str, object]]] = []
            for call, one in zip(calls, done, strict=True):
                if one.repeated:
                    continue
                if one.record is None:
                    assert one.refusal is not None
                    outcome, level = one.refusal.code, None
                else:
                    outcome, level = one.record.reason or "match", one.record.level
                actors.append(call.asked.actor)
                events.append(
                    (call.shown.opened.person_id, ACTION, call.asked.detail(outcome, level))
                )
            if events:
                await audit.record_many(connection, actors, now, events)
        return done


def _keys(call: _Call) -> list[Hashable]:
    opened = call.shown.opened
    return [(opened.person_id, opened.code)]


def _content_hash(question: ECard | ECardFace) -> str:
    """What makes two questions about one code the same, in a few letters."""
    image = question.image if isinstance(question, ECardFace) else ""
    facts = f"{question.purpose} {question.region} {question.level} {image}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _is_named(person: Person | None, name: str) -> bool:
    """Whether this is the name of a living person whose facts the register of residents has too."""
    return (
        person is not None
        and person.died_on is None
        and person.identity_matched
        and person.name == "".join(name.split())
    )


async def _even(begun: float) -> None:
    """Wait for the next even moment: how long the look took tells nothing."""
    took = time.monotonic() - begun
    await asyncio.sleep(math.ceil(took / EVEN_SECONDS) * EVEN_SECONDS - took)
