"""Settings (设置): few, from the environment or the command line, with a default that works."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from yikatong.core.errors import InvalidInput

PUBLIC_URL: Final = "http://127.0.0.1:8000"


class Settings(msgspec.Struct, frozen=True):
    """Where things are and how much they may take."""

    data_dir: Path
    """The embedded database, keys and files; `--data` or YIKATONG_DATA."""
    database_url: str | None = None
    """YIKATONG_DATABASE_URL: any PostgreSQL ≥ 16 instead of the embedded one."""
    key_file: Path | None = None
    """YIKATONG_KEY_FILE: the key of personal data; by default in the data directory."""
    operator_token: str | None = None
    """YIKATONG_OPERATOR_TOKEN: what machines show to the API; by default made in the data
    directory."""
    outside_banks: Path | None = None
    """YIKATONG_OUTSIDE_BANKS: a file that says where outside banks are (outside-banks.md)."""
    connections_max: int = 12
    """Database connections of one process."""
    statement_seconds_max: int = 15
    """A statement of the platform that takes longer is ended by the database."""
    public_url: str = PUBLIC_URL
    """YIKATONG_PUBLIC_URL: the address people and other programs reach the platform at; tokens and
    e-cards name it as their issuer. By default where `up` listens."""
    e_card_algorithm: Literal["EdDSA", "SM2"] = "EdDSA"
    """YIKATONG_ECARD_ALGORITHM: what codes of the e-card are signed with."""
    face_url: str | None = None
    """YIKATONG_FACE_URL: a face check to ask (docs/reference/verification.md); none by default."""
    sandbox: bool = True
    """YIKATONG_SANDBOX: "off" in production, then there are no test credentials and no page."""
    sender_url: str | None = None
    """YIKATONG_SENDER_URL: where texts to people are handed over (sending.py); without it they go to
    the sandbox's inbox, and in production nowhere."""
    sender_token: str | None = None
    """YIKATONG_SENDER_TOKEN: what is shown there (Authorization: Bearer)."""
    trusted_proxies: tuple[str, ...] = ()
    """YIKATONG_TRUSTED_PROXIES: addresses or networks, with commas between, whose X-Forwarded-For is
    believed; by default none."""
    log_format: str = "text"
    """YIKATONG_LOG: "text" for people, "json" for machines."""

    @property
    def secure(self) -> bool:
        """Whether browsers reach the platform over HTTPS; cookies then say so."""
        return self.public_url.startswith("https://")

    @property
    def key_path(self) -> Path:
        return self.key_file or self.data_dir / "keys" / "personal-data.key"

    @property
    def operator_token_path(self) -> Path:
        return self.data_dir / "keys" / "operator.token"


def load(data_dir: Path | None = None) -> Settings:
    """Read the settings from the environment; an option given on the command line wins."""
    env = os.environ
    log_format = env.get("YIKATONG_LOG", "text")
    if log_format not in ("text", "json"):
        raise InvalidInput("YIKATONG_LOG", zh="只能是 text 或 json", en="must be text or json")
    sandbox = env.get("YIKATONG_SANDBOX", "on")
    if sandbox not in ("on", "off"):
        raise InvalidInput("YIKATONG_SANDBOX", zh="只能是 on 或 off", en="must be on or off")
    algorithm = env.get("YIKATONG_ECARD_ALGORITHM") or "EdDSA"
    if algorithm not in ("EdDSA", "SM2"):
        raise InvalidInput(
            "YIKATONG_ECARD_ALGORITHM", zh="只能是 EdDSA 或 SM2", en="must be EdDSA or SM2"
        )
    key_file = env.get("YIKATONG_KEY_FILE")
    outside = env.get("YIKATONG_OUTSIDE_BANKS")
    chosen = data_dir or Path(env.get("YIKATONG_DATA") or ".data")
    return Settings(
        data_dir=chosen.expanduser().absolute(),
        database_url=env.get("YIKATONG_DATABASE_URL") or None,
        key_file=Path(key_file).expanduser().absolute() if key_file else None,
        operator_token=env.get("YIKATONG_OPERATOR_TOKEN") or None,
        outside_banks=Path(outside).expanduser().absolute() if outside else None,
        public_url=_public_url(env.get("YIKATONG_PUBLIC_URL")),
        e_card_algorithm=algorithm,
        face_url=_face_url(env.get("YIKATONG_FACE_URL")),
        sandbox=sandbox == "on",
        sender_url=_sender_url(env.get("YIKATONG_SENDER_URL")),
        sender_token=env.get("YIKATONG_SENDER_TOKEN") or None,
        trusted_proxies=_networks(env.get("YIKATONG_TRUSTED_PROXIES", "")),
        log_format=log_format,
    )


def _public_url(text: str | None) -> str:
    if not text:
        return PUBLIC_URL
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise InvalidInput(
            "YIKATONG_PUBLIC_URL",
            zh="应为 https://主机 或 https://主机:端口，不带路径",
            en="must be https://host or https://host:port, without a path",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _sender_url(text: str | None) -> str | None:
    if not text:
        return None
    parts = urlsplit(text)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise InvalidInput(
            "YIKATONG_SENDER_URL",
            zh="应为 https 地址（本机可以用 http）",
            en="must begin with https (http on this machine only)",
        )
    return text


def _networks(text: str) -> tuple[str, ...]:
    networks = tuple(one.strip() for one in text.split(",") if one.strip())
    try:
        for one in networks:
            ip_network(one, strict=False)
    except ValueError:
        raise InvalidInput(
            "YIKATONG_TRUSTED_PROXIES",
            zh="应为地址或网段，用逗号分开，例如 10.0.0.5,10.1.0.0/16",
            en="must be addresses or networks with commas between, such as 10.0.0.5,10.1.0.0/16",
        ) from None
    return networks


_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def _face_url(text: str | None) -> str | None:
    if not text:
        return None
    parts = urlsplit(text)
    # Names, id numbers and faces go there.
    if not parts.netloc or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    ):
        raise InvalidInput(
            "YIKATONG_FACE_URL",
            zh="应为 https 地址（本机可用 http）",
            en="must be an https address (http on this machine alone)",
        )
    return text
