"""Codes of the e-card: what they say, and what is refused about them."""

import zlib
from datetime import timedelta
from typing import Any

import cbor2
import cwt
import msgspec
import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.identity.conftest import Wallet
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.identity.ecards import cose, errors
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.ecards.model import LIVES
from yikatong.identity.keys.model import ANNOUNCED_FOR
from yikatong.identity.keys.service import KeyRing
from yikatong.people import service as people_service

NAME = "张三丰"


def claims_of(text: str) -> dict[Any, Any]:
    return cbor2.loads(cose.Parts(cose.from_text(text)).payload)


async def test_a_code_says_who_issued_it_when_and_for_which_e_card(
    platform: Platform, codes: Codes
) -> None:
    code = await codes.issue(7, 9, NAME)
    opened = await codes.read(code.text)
    assert (opened.person_id, opened.device_id) == (7, 9)
    assert (opened.issued_at, opened.expires_at) == (code.issued_at, code.issued_at + LIVES)
    claims = claims_of(code.text)
    assert claims[1] == platform.settings.public_url
    assert claims[4] - claims[6] == 60
    assert claims[7] == opened.code
    assert set(claims[169]) == {1, 4}


async def test_a_code_holds_neither_the_name_nor_the_numbers_of_its_holder(
    platform: Platform, wallet: Wallet
) -> None:
    code = await wallet.code()
    async with platform.database.transaction(readonly=True) as connection:
        person = await people_service.get(connection, wallet.person_id)
        contact = await people_service.contact(platform, connection, wallet.person_id)
        card = await connection.fetchval(
            "select card_number from cards where person_id = $1", wallet.person_id
        )
    token = cose.from_text(code.text)
    for secret in (person.name, contact.id_number, card, str(wallet.person_id)):
        assert secret.encode() not in token
    assert wallet.person_id.to_bytes(8, "big") not in token
    assert claims_of(code.text)[169][4].count("*") >= 1


async def test_an_independent_library_reads_and_verifies_it(
    platform: Platform, codes: Codes
) -> None:
    code = await codes.issue(7, 9, NAME)
    token = zlib.decompress(cose.from_base45(code.text))
    key = (await codes.published())[0]
    public = load_der_public_key(key.public_key)
    assert isinstance(public, ed25519.Ed25519PublicKey)
    known = cwt.COSEKey.new(
        {1: 1, 2: bytes.fromhex(key.key_id), 3: -8, -1: 6, -2: public.public_bytes_raw()}
    )
    _, _, payload = cwt.COSE.new(alg_auto_inclusion=False).decode_with_headers(token, known)
    assert cbor2.loads(payload)[169][4] == "张*丰"


async def test_a_code_fits_a_qr_code_that_an_old_phone_scans(codes: Codes) -> None:
    for number in range(50):
        code = await codes.issue(2**62 + number, 2**62 - number, "欧阳娜娜")
        assert code.text == code.text.strip()
        made = segno.make(code.text, error="m", micro=False, boost_error=False)
        assert int(made.version) <= 10
        assert made.mode == "alphanumeric"


@given(st.binary(max_size=200))
def test_base45_reads_what_it_writes(content: bytes) -> None:
    assert cose.from_base45(cose.base45(content)) == content


@pytest.mark.parametrize(
    ("content", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581")]
)
def test_base45_is_that_of_the_standard(content: bytes, text: str) -> None:
    assert cose.base45(content) == text


@pytest.mark.parametrize("text", ["", "A", "GGW", "ZZZZ:::", "ab", "AB\u00d8", "BB8A", "::"])
def test_other_texts_are_no_base45_of_a_token(text: str) -> None:
    with pytest.raises(cose.NotReadable):
        cose.from_text(text)


def test_a_text_that_inflates_without_end_is_not_read() -> None:
    with pytest.raises(cose.NotReadable):
        cose.from_text(cose.base45(zlib.compress(b"\0" * 100_000)))


# Whatever is cut off or changed, the code is refused; hypothesis chooses where.


@pytest.fixture
async def token(codes: Codes) -> bytes:
    return cose.from_text((await codes.issue(7, 9, NAME)).text)


async def test_every_changed_byte_is_refused(codes: Codes, token: bytes) -> None:
    for at in range(len(token)):
        for change in (0x01, 0x80, 0xFF):
            changed = token[:at] + bytes((token[at] ^ change,)) + token[at + 1 :]
            with pytest.raises(errors.CodeRefused) as raised:
                await codes.read(cose.to_text(changed))
            assert raised.value.told == "invalid"


async def test_every_truncated_code_is_refused(codes: Codes, token: bytes) -> None:
    text = cose.to_text(token)
    for end in range(len(text)):
        with pytest.raises(errors.Malformed):
            await codes.read(text[:end])
    for end in range(len(token)):
        with pytest.raises(errors.Malformed):
            await codes.read(cose.to_text(token[:end]))
    with pytest.raises(errors.Malformed):
        await codes.read(cose.to_text(token + b"\0"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
async def test_nothing_else_is_taken_for_a_code(content: bytes, codes: Codes) -> None:
    for text in (cose.base45(content), cose.to_text(content), cose.to_text(b"\xd2\x84" + content)):
        with pytest.raises(errors.CodeRefused):
            await codes.read(text)


async def test_a_token_of_another_issuer_is_refused(platform: Platform) -> None:
    other = msgspec.structs.replace(
        platform,
        settings=Settings(
            data_dir=platform.settings.data_dir, public_url="https://card.other.example"
        ),
    )
    code = await Codes(other).issue(7, 9, NAME)
    with pytest.raises(errors.OtherIssuer):
        await Codes(platform).read(code.text)


def forged(protected: bytes, payload: bytes, key: ed25519.Ed25519PrivateKey) -> str:
    signature = key.sign(cose.to_be_signed(protected, payload))
    return cose.to_text(cose.sign1(protected, payload, signature))


async def test_a_token_signed_with_another_key_is_refused(codes: Codes, token: bytes) -> None:
    parts = cose.Parts(token)
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(errors.SignatureWrong):
        await codes.read(forged(parts.protected, parts.payload, key))
    unknown = cose.protected_header("EdDSA", "00" * 8)
    with pytest.raises(errors.UnknownKey):
        await codes.read(forged(unknown, parts.payload, key))


async def test_a_key_is_good_for_its_own_algorithm_alone(codes: Codes, token: bytes) -> None:
    parts = cose.Parts(token)
    for number in (-7, -257, 5, -65601, 0, 1):
        protected = cbor2.dumps({1: number, 4: bytes.fromhex(parts.key_id)})
        with pytest.raises(errors.AlgorithmRefused):
            await codes.read(cose.to_text(cose.sign1(protected, parts.payload, parts.signature)))


async def test_the_key_of_another_purpose_signs_no_codes(
    platform: Platform, codes: Codes, token: bytes
) -> None:
    parts = cose.Parts(token)
    listing = await KeyRing(platform, "revocation_list", "EdDSA").current()
    protected = cose.protected_header("EdDSA", listing.key_id)
    with pytest.raises(errors.UnknownKey):
        await codes.read(cose.to_text(cose.sign1(protected, parts.payload, parts.signature)))


async def test_an_unprotected_header_is_refused(codes: Codes, token: bytes) -> None:
    value = cbor2.loads(token).value
    value[1] = {1: -8}
    with pytest.raises(errors.Malformed):
        await codes.read(cose.to_text(cbor2.dumps(cbor2.CBORTag(18, value))))


async def test_codes_of_before_a_rotation_are_read_and_new_ones_have_the_new_key(
    platform: Platform, clock: FixedClock
) -> None:
    ring = KeyRing(platform, "e_card", "EdDSA")
    codes = Codes(platform)
    old = await codes.issue(7, 9, NAME)
    new_key = await ring.rotate()
    clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
    later = Codes(platform)
    new = await later.issue(7, 9, NAME)
    assert cose.Parts(cose.from_text(new.text)).key_id == new_key.key_id
    for text in (old.text, new.text):
        assert (await later.read(text)).person_id == 7


async def test_sm2_by_setting_signs_and_is_checked(platform: Platform) -> None:
    by_setting = msgspec.structs.replace(
        platform,
        settings=Settings(data_dir=platform.settings.data_dir, e_card_algorithm="SM2"),
    )
    eddsa = await Codes(platform).issue(7, 9, NAME)
    codes = Codes(by_setting)
    code = await codes.issue(7, 9, NAME)
    assert (await codes.read(code.text)).device_id == 9
    assert (await codes.read(eddsa.text)).device_id == 9
    token = cose.from_text(code.text)
    parts = cose.Parts(token)
    assert parts.algorithm == -65601
    assert len(parts.signature) == 64
    for at in range(len(token) - 64, len(token)):
        changed = token[:at] + bytes((token[at] ^ 1,)) + token[at + 1 :]
        with pytest.raises(errors.SignatureWrong):
            await codes.read(cose.to_text(changed))
    short = cose.sign1(parts.protected, parts.payload, parts.signature[:63])
    with pytest.raises(errors.SignatureWrong):
        await codes.read(cose.to_text(short))
