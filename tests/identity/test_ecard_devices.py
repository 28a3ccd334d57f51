"""Devices of the e-card: who gets one, how many, and how they end."""

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.identity.conftest import HOLDER, Execute, Wallet
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.ecards import errors, service
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.ecards.model import DEVICES_MAX, SKEW
from yikatong.identity.model import Mode
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.trust import audit


async def session_of(platform: Platform, person_id: int, *modes: Mode) -> Session:
    async with platform.database.transaction() as connection:
        return (await sessions.begin(platform, connection, person_id, {*modes}, "Firefox"))[0]


async def actions_of(platform: Platform, person_id: int) -> list[str]:
    async with platform.database.transaction(readonly=True) as connection:
        return [one.action for one in await audit.of_person(connection, person_id)]


async def test_a_device_is_bound_once_however_often_it_asks(wallet: Wallet) -> None:
    first = await wallet.bind()
    assert await wallet.bind() == first
    async with wallet.platform.database.transaction(readonly=True) as connection:
        assert await service.devices(wallet.platform, connection, wallet.person_id) == [first]
    assert (await actions_of(wallet.platform, wallet.person_id)).count("e_card.bound") == 1


async def test_an_e_card_needs_level_2(wallet: Wallet) -> None:
    with pytest.raises(errors.LevelNeeded):
        await wallet.bind(level=1)


async def test_so_many_devices_and_no_more_also_at_once(
    platform: Platform, codes: Codes, wallet: Wallet
) -> None:
    wallets = [Wallet(platform, codes, wallet.person_id) for _ in range(DEVICES_MAX + 3)]
    done = await asyncio.gather(*(one.bind() for one in wallets), return_exceptions=True)
    assert sum(isinstance(one, errors.TooManyDevices) for one in done) == 3
    bound = next(one for one in wallets if one.device is not None)
    assert bound.device is not None
    async with platform.database.transaction() as connection:
        for _ in range(2):
            await service.revoke(
                platform, connection, wallet.person_id, bound.device.device_id, HOLDER
            )
    await wallet.bind()
    assert (await actions_of(platform, wallet.person_id)).count("e_card.revoked") == 1


@pytest.mark.parametrize(
    "situation", ["card_lost", "card_none", "dead", "card_expired", "card_not_activated"]
)
async def test_without_a_usable_card_there_is_no_e_card_but_advice(
    platform: Platform, codes: Codes, people: dict[str, int], situation: str, execute: Execute
) -> None:
    person_id = people["all_in_order"]
    await execute(
        {
            "card_lost": "update cards set state = 'loss_reported' where person_id = $1",
            "card_none": "update cards set state = 'cancelled' where person_id = $1",
            "dead": "update persons set died_on = '2026-02-01' where person_id = $1",
            "card_expired": "update cards set valid_until = '2026-02-28' where person_id = $1",
            "card_not_activated": "update cards set social_security_app = 'inactive' "
            "where person_id = $1",
        }[situation],
        person_id,
    )
    with pytest.raises(errors.NoCard) as raised:
        await Wallet(platform, codes, person_id).bind()
    assert "请" in raised.value.text.zh


async def test_keys_other_than_of_p256_and_ed25519_are_refused() -> None:
    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)):
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(InvalidInput):
            service.by_key(spki)
    for wrong in (b"", b"x" * 91, b"\x30\x00", b"\0" * 5000):
        with pytest.raises(InvalidInput):
            service.by_key(wrong)
    good = ed25519.Ed25519PrivateKey.generate().public_key()
    assert service.by_key(good.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


async def test_only_the_devices_own_fresh_signature_gets_a_code_and_once(
    platform: Platform, clock: FixedClock, codes: Codes, wallet: Wallet
) -> None:
    await wallet.bind()
    now = int(clock.now().timestamp() * 1000)
    other = Wallet(platform, codes, wallet.person_id)
    other.device = wallet.device
    skew = int(SKEW.total_seconds() * 1000)
    for asked, proof in (
        (now, other.proof(now)),
        (now, wallet.proof(now + 1)),
        (now, wallet.proof(now, "https://elsewhere.example")),
        (now, wallet.proof(now)[:-1]),
        (now, b"\0" * 64),
        (now - skew - 1, wallet.proof(now - skew - 1)),
        (now + skew + 1, wallet.proof(now + skew + 1)),
        (2**70, b"\0" * 64),
    ):
        with pytest.raises(errors.ProofWrong):
            await wallet.code(asked, proof)
    proof = wallet.proof(now)
    done = await asyncio.gather(
        *(wallet.code(now, proof) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(one, errors.ProofWrong) for one in done) == 2


async def test_a_revoked_device_gets_no_code(platform: Platform, wallet: Wallet) -> None:
    await wallet.code()
    assert wallet.device is not None
    async with platform.database.transaction() as connection:
        await service.revoke(
            platform, connection, wallet.person_id, wallet.device.device_id, HOLDER
        )
    with pytest.raises(errors.NoSuchDevice):
        await wallet.code()


async def test_another_persons_device_gets_no_code(
    platform: Platform, codes: Codes, wallet: Wallet, people: dict[str, int]
) -> None:
    device = await wallet.bind()
    other = Wallet(platform, codes, people["other"])
    other.device, other.key = device, wallet.key
    with pytest.raises(errors.NoSuchDevice):
        await other.code(int(platform.clock.now().timestamp() * 1000))


async def test_a_browser_without_a_key_is_bound_by_its_session_and_no_other(
    platform: Platform, clock: FixedClock, codes: Codes, people: dict[str, int]
) -> None:
    person_id = people["all_in_order"]
    session = await session_of(platform, person_id, "password", "one_time_code")
    other = await session_of(platform, person_id, "password", "one_time_code")
    async with platform.database.transaction() as connection:
        device = await service.bind(
            platform, connection, codes, person_id, session.level, service.by_session(session),
            session.device, HOLDER,
        )  # fmt: skip
    code = await service.code_for_session(platform, codes, session)
    assert (await codes.read(code.text)).device_id == device.device_id
    with pytest.raises(errors.NoSuchDevice):
        await service.code_for_session(platform, codes, other)
    clock.advance(sessions.LASTS_MAX)
    with pytest.raises(errors.NoSuchDevice):
        await service.code_for_session(platform, codes, session)


async def test_signed_out_browsers_are_no_devices_any_more_and_take_no_place(
    platform: Platform, codes: Codes, people: dict[str, int]
) -> None:
    person_id = people["all_in_order"]
    for _ in range(DEVICES_MAX + 2):
        session = await session_of(platform, person_id, "password", "one_time_code")
        async with platform.database.transaction() as connection:
            await service.bind(
                platform, connection, codes, person_id, session.level,
                service.by_session(session), session.device, HOLDER,
            )  # fmt: skip
            assert len(await service.devices(platform, connection, person_id)) == 1
        async with platform.database.transaction() as connection:
            await sessions.end(platform, connection, person_id, None, HOLDER)
    async with platform.database.transaction() as connection:
        assert await service.devices(platform, connection, person_id) == []


async def test_with_a_new_card_the_old_devices_end(
    platform: Platform, wallet: Wallet, execute: Execute
) -> None:
    old = await wallet.bind()
    await execute("update cards set state = 'replaced' where person_id = $1", wallet.person_id)
    await execute(
        """insert into cards select person_id, card_id + 1, 'Z' || substr(card_number, 2),
             card_identifier, generation, region, 'active', 'active', bank_app, name_on_card,
             issued_on, valid_until, null, bank from cards where person_id = $1""",
        wallet.person_id,
    )
    with pytest.raises(errors.NoCard):
        await wallet.code()
    new = await wallet.bind()
    assert new.device_id != old.device_id
    await wallet.code()
    assert "e_card.revoked" in await actions_of(platform, wallet.person_id)


async def test_a_change_of_the_card_ends_its_devices_and_no_others(
    platform: Platform, wallet: Wallet
) -> None:
    device = await wallet.bind()
    for card_id, ended in ((device.card_id + 1, 0), (device.card_id, 1), (device.card_id, 0)):
        async with platform.database.transaction() as connection:
            found = await service.cards_changed(platform, connection, wallet.person_id, card_id)
            assert found == ended


async def test_a_provisional_loss_report_ends_by_itself(
    platform: Platform, clock: FixedClock, wallet: Wallet, execute: Execute
) -> None:
    await wallet.bind()
    await execute(
        """update cards set state = 'loss_reported_provisionally', provisional_until = $2
            where person_id = $1""",
        wallet.person_id,
        clock.now() + timedelta(days=5),
    )
    with pytest.raises(errors.NoCard):
        await wallet.code()
    clock.advance(timedelta(days=5))
    await wallet.code()


async def test_the_sandbox_shows_codes_of_synthetic_people_only(
    platform: Platform, codes: Codes, people: dict[str, int], execute: Execute
) -> None:
    person_id = people["all_in_order"]
    for _ in range(DEVICES_MAX + 2):
        await service.code_for_sandbox(platform, codes, person_id, HOLDER)
    await execute("update persons set synthetic = false where person_id = $1", person_id)
    with pytest.raises(errors.ECardRefused):
        await service.code_for_sandbox(platform, codes, person_id, HOLDER)
