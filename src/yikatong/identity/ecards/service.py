"""Use cases of the e-card: bind a device, show a code, list and revoke devices, redeem codes."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from yikatong.cards import service as cards
from yikatong.cards.model import Card
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.together import ask
from yikatong.identity.ecards import rules, store
from yikatong.identity.ecards.codes import Codes, listed_hash
from yikatong.identity.ecards.errors import (
    ECardRefused,
    LevelNeeded,
    NoSuchDevice,
    ProofWrong,
    TooManyDevices,
)
from yikatong.identity.ecards.model import (
    DEVICES_MAX,
    LISTED_FOR,
    REDEEMED_KEPT,
    SKEW,
    Because,
    Code,
    Device,
    DeviceKind,
)
from yikatong.identity.sessions import store as session_store
from yikatong.identity.sessions.model import Session
from yikatong.identity.sessions.service import IDLE_MAX
from yikatong.people import service as people
from yikatong.people.model import Person
from yikatong.trust import audit
from yikatong.trust.audit import Actor

LEVEL: Final = 2
_NAME_MAX: Final = 60
_KEY_BYTES_MAX: Final = 200
_SIGNATURE_BYTES: Final = 64


class Binding(msgspec.Struct, frozen=True):
    """What an e-card is to be bound to."""

    kind: DeviceKind
    key_hash: bytes
    public_key: bytes | None = None
    ends_at: datetime | None = None


def by_key(public_key: bytes, field: str = "public_key") -> Binding:
    """A device that keeps a key: P-256 or Ed25519, as SubjectPublicKeyInfo; raises InvalidInput."""
    found = None
    if 0 < len(public_key) <= _KEY_BYTES_MAX:
        try:
            found = load_der_public_key(public_key)
        except Exception:  # whatever the library says of bytes that are no key
            found = None
    p256 = isinstance(found, ec.EllipticCurvePublicKey) and isinstance(found.curve, ec.SECP256R1)
    if not (p256 or isinstance(found, ed25519.Ed25519PublicKey)):
        raise InvalidInput(
            field,
            zh="应为 P-256 或 Ed25519 公钥（SubjectPublicKeyInfo）",
            en="must be a P-256 or Ed25519 public key (SubjectPublicKeyInfo)",
        )
    return Binding("key", hashlib.sha256(public_key).digest(), public_key)


def by_session(session: Session) -> Binding:
    """A browser without a key: the session that the server holds stands for it, and ends with it."""
    return Binding("session", _session_hash(session), ends_at=session.ends_at)


def by_sandbox() -> Binding:
    """Nothing: for synthetic persons of the sandbox."""
    return Binding("sandbox", hashlib.sha256(b"sandbox").digest())


def is_of_session(device: Device, session: Session) -> bool:
    """Whether a device is the browser of this session."""
    return device.key_hash == _session_hash(session)


def _session_hash(session: Session) -> bytes:
    return hashlib.sha256(f"session:{session.session_id}".encode()).digest()


# ---- devices ----


async def holder(connection: Connection, person_id: int, at: datetime) -> tuple[Person, Card]:
    """The person and the card that an e-card stands on; raises NoCard with what to do."""
    person = await people.get(connection, person_id)
    if person.died_on is not None:
        raise rules.no_card("cancelled")
    card = (await cards.current_cards(connection, [person_id])).get(person_id)
    if (fault := rules.card_fault(card, at)) is not None:
        raise rules.no_card(fault)
    assert card is not None
    return person, card


async def bind(
    platform: Platform,
    connection: Connection,
    codes: Codes,
    person_id: int,
    level: int,
    binding: Binding,
    name: str,
    actor: Actor,
) -> Device:
    """Bind the person's e-card to a device; asked again for the same one, that which is there.

    `level` is how surely the caller knows the person. Raises LevelNeeded below 2, NoCard,
    TooManyDevices.
    """
    if level < LEVEL:
        raise LevelNeeded
    now = platform.clock.now()
    _, card = await holder(connection, person_id, now)
    await store.lock(connection, person_id, card.card_id)
    live = await devices(platform, connection, person_id)
    kept = {one.device_id for one in live if one.card_id == card.card_id}
    for one in await store.devices_of(connection, person_id, now):
        if one.device_id not in kept:
            because: Because = "replaced" if one.card_id == card.card_id else "card"
            await _revoke(connection, person_id, now, because, actor, device_id=one.device_id)
    live = [one for one in live if one.device_id in kept]
    if same := next((one for one in live if one.key_hash == binding.key_hash), None):
        return same
    if len(live) >= DEVICES_MAX:
        raise TooManyDevices
    device_id = new_id(now)
    made = Device(
        person_id=person_id,
        device_id=device_id,
        card_id=card.card_id,
        kind=binding.kind,
        key_hash=binding.key_hash,
        public_key=binding.public_key,
        listed_hash=listed_hash(codes.references.make(person_id, device_id)),
        name=name[:_NAME_MAX],
        bound_at=now,
        ends_at=binding.ends_at,
        # A code is asked for at a later moment than this; the page may ask in the same second.
        asked_at=now - SKEW - timedelta(seconds=1),
        revoked_at=None,
        revoked_because=None,
    )
    await store.end_over(connection, person_id, binding.key_hash, now)
    await store.insert_devices(connection, [made])
    await audit.record(
        connection, actor, now, person_id, "e_card.bound",
        {"device": made.name, "kind": made.kind, "device_id": str(device_id)},
    )  # fmt: skip
    return made


async def devices(platform: Platform, connection: Connection, person_id: int) -> list[Device]:
    """The person's live devices, the last used first; a browser's binding ends with its session."""
    now = platform.clock.now()
    found = await store.devices_of(connection, person_id, now)
    if not any(one.kind == "session" for one in found):
        return found
    live = await session_store.of_person(connection, person_id, now, now - IDLE_MAX)
    held = {_session_hash(one) for one in live}
    return [one for one in found if one.kind != "session" or one.key_hash in held]


async def revoke(
    platform: Platform, connection: Connection, person_id: int, device_id: int, actor: Actor
) -> bool:
    """End one device; harmless when doubled. Answers whether it was live."""
    now = platform.clock.now()
    return await _revoke(connection, person_id, now, "person", actor, device_id=device_id) > 0


async def cards_changed(
    platform: Platform, connection: Connection, person_id: int, card_id: int
) -> int:
    """End all e-cards of a card that was lost, replaced, locked or cancelled, in the transaction that
    changed it; answers how many were live.

    Each code and each verification looks at the card besides: this only tells the list.
    """
    actor = Actor("system", "card office", "the card changed")
    return await _revoke(
        connection, person_id, platform.clock.now(), "card", actor, card_id=card_id
    )


async def _revoke(
    connection: Connection,
    person_id: int,
    at: datetime,
    because: Because,
    actor: Actor,
    *,
    device_id: int | None = None,
    card_id: int | None = None,
) -> int:
    ended = await store.revoke(
        connection, person_id, at, because, device_id=device_id, card_id=card_id
    )
    if ended:
        await audit.record(
            connection, actor, at, person_id, "e_card.revoked",
            {"because": because, "devices": [str(one) for one in ended]},
        )  # fmt: skip
    return len(ended)


# ---- showing a code ----


async def code_for_session(platform: Platform, codes: Codes, session: Session) -> Code:
    """A code of the e-card that this browser's session holds; raises NoSuchDevice, NoCard."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        person, card = await holder(connection, session.person_id, now)
        mine = _session_hash(session)
        device = next(
            (
                one
                for one in await store.devices_of(connection, session.person_id, now)
                if one.key_hash == mine and one.card_id == card.card_id
            ),
            None,
        )
        if device is None:
            raise NoSuchDevice
        await store.asked(connection, device.person_id, device.device_id, now)
    return await codes.issue(person.person_id, device.device_id, person.name)


def request_text(issuer: str, device_id: int, asked_ms: int) -> bytes:
    """What a device signs to get a code."""
    return f"yikatong e-card code\n{issuer}\n{device_id}\n{asked_ms}".encode()


async def code_for_key(
    platform: Platform,
    codes: Codes,
    person_id: int,
    device_id: int,
    asked_ms: int,
    signature: bytes,
) -> Code:
    """A code for a device that signs for it; a signed request is good once and for half a minute.

    `asked_ms`: milliseconds since 1970. Raises NoSuchDevice, ProofWrong, NoCard.
    """
    now = platform.clock.now()
    try:
        asked = datetime.fromtimestamp(asked_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise ProofWrong from None
    async with platform.database.transaction() as connection:
        found = await ask(connection, store.devices([person_id], [device_id]))
        device = found.get((person_id, device_id))
        if device is None or device.public_key is None or not device.live_at(now):
            raise NoSuchDevice
        text = request_text(platform.settings.public_url, device_id, asked_ms)
        if abs(asked - now) > SKEW or not _proves(device.public_key, text, signature):
            raise ProofWrong
        person, card = await holder(connection, person_id, now)
        if card.card_id != device.card_id:
            raise rules.no_card("replaced")
        if not await store.asked(connection, person_id, device_id, asked):
            raise ProofWrong
    return await codes.issue(person_id, device_id, person.name)


async def code_for_sandbox(platform: Platform, codes: Codes, person_id: int, actor: Actor) -> Code:
    """A code of a synthetic person; raises ECardRefused for somebody real, NoCard, NotFound."""
    async with platform.database.transaction() as connection:
        person = await people.get(connection, person_id, "PERSON")
        if not person.synthetic:
            raise ECardRefused(
                "沙箱只为虚拟人员出示电子社保卡",
                "the sandbox shows e-cards of synthetic people only",
                "PERSON",
            )
        device = await bind(
            platform, connection, codes, person_id, LEVEL, by_sandbox(), "sandbox", actor
        )
    return await codes.issue(person_id, device.device_id, person.name)


def _proves(public_key: bytes, text: bytes, signature: bytes) -> bool:
    key = load_der_public_key(public_key)
    if len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, text)
            return True
        assert isinstance(key, ec.EllipticCurvePublicKey)
        # Browsers write r and s one behind the other (IEEE P1363).
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
        key.verify(encode_dss_signature(r, s), text, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


# ---- housekeeping ----


async def forget_old(platform: Platform, limit: int = 50_000) -> int:
    """Delete what no answer and no list needs any more; answers how many redemptions."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await store.unlist(connection, now - LISTED_FOR)
        await store.forget_cards(connection, now.astimezone(SHANGHAI).date())
        return await store.forget(connection, now - REDEEMED_KEPT, limit)


def many_by_sandbox(
    platform: Platform, codes: Codes, holders: Sequence[tuple[int, int]]
) -> list[Device]:
    """Devices of the sandbox for many persons with their cards, for measuring."""
    now = platform.clock.now()
    binding = by_sandbox()
    made: list[Device] = []
    for person_id, card_id in holders:
        device_id = new_id(now)
        made.append(
            Device(
                person_id, device_id, card_id, "sandbox", binding.key_hash, None,
                listed_hash(codes.references.make(person_id, device_id)), "sandbox", now, None, now,
                None, None,
            )
        )  # fmt: skip
    return made
