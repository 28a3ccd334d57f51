import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.core.errors import YikatongError
from yikatong.core.sealing import (
    SealBroken,
    Vault,
    mask_id_number,
    mask_name,
    mask_phone,
    open_vault,
)

KEY = bytes(range(32))


@given(st.text(max_size=200), st.integers(1, 2**62))
def test_what_was_sealed_opens_again(text: str, person_id: int) -> None:
    vault = Vault(KEY)
    assert vault.open("phone", person_id, vault.seal("phone", person_id, text)) == text


def test_a_sealed_value_opens_only_for_its_person_field_and_key() -> None:
    vault = Vault(KEY)
    sealed = vault.seal("phone", 7, "13800000000")
    for other, field, person_id in (
        (vault, "phone", 8),
        (vault, "address", 7),
        (Vault(KEY[::-1]), "phone", 7),
    ):
        with pytest.raises(SealBroken):
            other.open(field, person_id, sealed)


@given(st.binary(max_size=80))
def test_damaged_values_are_told_not_guessed(noise: bytes) -> None:
    with pytest.raises(SealBroken):
        Vault(KEY).open("phone", 7, noise)


@pytest.mark.parametrize("position", [0, 1, 5, 13, 20, -1])
def test_a_flipped_bit_breaks_the_seal(position: int) -> None:
    vault = Vault(KEY)
    sealed = bytearray(vault.seal("id_number", 7, "11010519491231002X"))
    sealed[position] ^= 1
    with pytest.raises(SealBroken):
        vault.open("id_number", 7, bytes(sealed))


def test_the_same_text_is_sealed_differently_each_time_but_found_by_one_hash() -> None:
    vault = Vault(KEY)
    assert vault.seal("phone", 7, "13800000000") != vault.seal("phone", 7, "13800000000")
    assert vault.hash("phone", "13800000000") == Vault(KEY).hash("phone", "13800000000")
    assert vault.hash("phone", "1") != vault.hash("id_number", "1")
    assert vault.hash("phone", "1") != Vault(KEY[::-1]).hash("phone", "1")


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "personal-data.key"
    sealed = open_vault(path, create=True).seal("phone", 1, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_vault(path, create=True).open("phone", 1, sealed) == "x"
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_a_missing_or_damaged_key_is_told_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "personal-data.key"
    with pytest.raises(YikatongError):
        open_vault(path, create=False)
    for damaged in ("", "zz", "00" * 31):
        path.write_text(damaged, encoding="ascii")
        with pytest.raises(YikatongError):
            open_vault(path, create=True)
        assert path.read_text(encoding="ascii") == damaged


def test_masks_leave_only_what_helps_to_recognise() -> None:
    assert mask_id_number("11010519491231002X") == "110105********002X"
    assert mask_phone("13812345678") == "138****5678"
    assert (mask_name("李"), mask_name("李雷"), mask_name("欧阳娜娜")) == ("*", "李*", "欧**娜")
