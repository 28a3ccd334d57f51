"""The operator's token: the installation's own credential, for its first hours and its own scripts.

One secret, in a file beside the key of personal data. Whoever shows it may do everything everywhere
but approve what needs two persons; every act names its purpose in the audit trail.
"""

import hmac
import os
import secrets
from typing import Final

from yikatong.core.errors import YikatongError
from yikatong.core.settings import Settings

_BYTES: Final = 24


class NotSignedIn(YikatongError):
    """The request shows no credential, or a wrong one."""

    code = "not_signed_in"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            zh="请在 Authorization 头中出示有效的令牌：Bearer <令牌>",
            en="show a valid token in the header Authorization: Bearer <token>",
            field="Authorization",
        )


class Operator:
    """Knows the operator's token."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    def knows(self, authorization: str | None) -> bool:
        """Whether an Authorization header shows it."""
        shown = (authorization or "").encode("utf-8", "replace")
        return hmac.compare_digest(shown, self._expected)


def token(settings: Settings) -> str:
    """The installation's token; made (mode 0600) where there is none yet."""
    if settings.operator_token:
        return settings.operator_token
    path = settings.operator_token_path
    try:
        found = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        side = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
        try:
            os.link(side, path)
        except FileExistsError:
            pass
        finally:
            side.unlink()
        found = path.read_text(encoding="ascii").strip()
    if len(found) < _BYTES:
        raise YikatongError(
            zh=f"令牌文件 {path} 已损坏，删除后重启会生成新的令牌",
            en=f"the token file {path} is damaged; remove it and start again to get a new one",
        )
    return found
