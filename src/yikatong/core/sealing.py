"""Sealing personal data (个人信息加密): AES-256-GCM per field, keyed hashes for look-up.

The key lies in a file outside the database, so a stolen database or backup gives up no id number,
phone, address or account number. Each sealed value is bound to its person and field: moved to
another row it does not open.
"""

import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yikatong.core.errors import YikatongError

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"


class SealBroken(YikatongError):
    """A sealed value does not open: wrong key, or the row was tampered with."""

    code = "seal_broken"
    status = 500


class Vault:
    """Seals and opens personal data, and makes the hashes by which it is found."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != _KEY_BYTES:
            raise ValueError("the key of personal data has 32 bytes")
        self._master_key = master_key
        self._cipher = AESGCM(_derive(master_key, b"yikatong field sealing v1"))
        self._hash_key = _derive(master_key, b"yikatong look-up hashing v1")

    def __reduce__(self) -> tuple[type["Vault"], tuple[bytes]]:
        # Goes to worker processes of our own through a pipe; nothing else pickles it.
        return (Vault, (self._master_key,))

    def seal(self, field: str, person_id: int, text: str) -> bytes:
        """Encrypt one field of one person: version, nonce, ciphertext and tag."""
        return self.seal_bytes(field, person_id, text.encode())

    def seal_bytes(self, field: str, person_id: int, content: bytes) -> bytes:
        """The same for what is no text, such as a document."""
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound(_VERSION, field, person_id)
        return _VERSION + nonce + self._cipher.encrypt(nonce, content, bound)

    def open(self, field: str, person_id: int, sealed: bytes) -> str:
        """Decrypt; raises SealBroken where key, row or field is not the one it was sealed for."""
        try:
            return self.open_bytes(field, person_id, sealed).decode()
        except UnicodeDecodeError as error:
            raise _broken() from error

    def open_bytes(self, field: str, person_id: int, sealed: bytes) -> bytes:
        """The same for what `seal_bytes` sealed."""
        bound = _bound(sealed[:1], field, person_id)
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, bound)
        except (InvalidTag, ValueError) as error:
            raise _broken() from error

    def hash(self, field: str, text: str) -> bytes:
        """The keyed hash (HMAC-SHA-256, 32 bytes) by which a value is found without opening it."""
        return hmac.digest(self._hash_key, f"{field}:{text}".encode(), hashlib.sha256)

    def key(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose alone, such as "verifiers 1"; it opens nothing sealed."""
        return _derive(self._master_key, f"yikatong {purpose}".encode())


def _broken() -> SealBroken:
    return SealBroken(
        zh="加密的个人信息无法解开，密钥与数据库不匹配，请联系运行人员",
        en="sealed personal data does not open: the key does not belong to this database",
    )


def _bound(version: bytes, field: str, person_id: int) -> bytes:
    return version + f"{field}:{person_id}".encode()


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(master_key)


def open_vault(key_path: Path, *, create: bool) -> Vault:
    """Read the key file, or make it (mode 0600) where `create` and there is none.

    A lost key file loses the personal data; the operator backs it up apart from the database.
    """
    try:
        master_key = bytes.fromhex(key_path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        if not create:
            raise YikatongError(
                zh=f"找不到个人信息密钥文件 {key_path}",
                en=f"the key of personal data is not at {key_path}",
            ) from None
        _write_key(key_path)
        return open_vault(key_path, create=False)
    except ValueError as error:
        raise YikatongError(
            zh=f"个人信息密钥文件 {key_path} 已损坏，应为 64 位十六进制",
            en=f"the key file {key_path} is damaged; it holds 64 hexadecimal digits",
        ) from error
    if len(master_key) != _KEY_BYTES:
        raise YikatongError(
            zh=f"个人信息密钥文件 {key_path} 已损坏，应为 64 位十六进制",
            en=f"the key file {key_path} is damaged; it holds 64 hexadecimal digits",
        )
    return Vault(master_key)


def _write_key(key_path: Path) -> None:
    key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written whole to a side file first and linked into place: two processes that start together
    # end with one key, and a crash leaves none rather than half.
    side = key_path.with_name(f"{key_path.name}.{os.getpid()}")
    descriptor = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(os.urandom(_KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(side, key_path)
    except FileExistsError:
        pass
    finally:
        side.unlink()


def mask_id_number(id_number: str) -> str:
    """ "510101********1234": the first six and last four digits."""
    return f"{id_number[:6]}{'*' * max(0, len(id_number) - 10)}{id_number[-4:]}"


def mask_phone(phone: str) -> str:
    """ "138****5678"."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "****"


def mask_address(address: str) -> str:
    """ "成都市锦江区…": the beginning, and never more than half of it."""
    return f"{address[: min(6, len(address) // 2)]}…"


def mask_name(name: str) -> str:
    """ "张*三" style: the family name and the last character of longer names."""
    if len(name) <= 1:
        return "*"
    return f"{name[0]}*" if len(name) == 2 else f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"
