"""Types of authority to act for another person."""

from datetime import date, datetime
from typing import Final, Literal

import msgspec

from yikatong.core.errors import NotFound, Text, YikatongError

Service = Literal[
    "account", "benefits", "card", "claims", "contributions", "details", "filing", "settlements"
]  # fmt: skip
"""What somebody may do for another: see accounts; apply for and prove benefits; the card; claims by
hand; contributions; see, confirm and mend the address on file; filings; settlements."""
SERVICES: Final[dict[Service, Text]] = {
    "card": Text("社保卡申领、挂失、补换", "the card: apply, report lost, replace"),
    "filing": Text("异地就医备案", "filings for care elsewhere"),
    "settlements": Text("查看医保结算单", "see settlements"),
    "claims": Text("手工报销", "claims by hand"),
    "benefits": Text("养老和失业待遇、资格认证", "pension, unemployment, proof of life"),
    "contributions": Text("查缴费、代缴费", "see and pay contributions"),
    "account": Text("查看银行账户", "see bank accounts"),
    "details": Text("核对手机号和地址、改地址", "check phone and address, change the address"),
}

Kind = Literal["guardian", "agent"]


class Authority(msgspec.Struct, frozen=True):
    """An agent's recorded authority (代办授权), as it stands at the principal."""

    person_id: int
    """Whose affairs it is about (委托人)."""
    authority_id: int
    agent_id: int
    """Who may act (受托人)."""
    services: tuple[Service, ...]
    starts_on: date
    ends_on: date
    """The last day."""
    evidence: str
    """What proves it: the document at the counter, or that the person granted it signed in."""
    recorded_by: str
    recorded_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None


class Mandate(msgspec.Struct, frozen=True):
    """For whom somebody may act now, and in what: what pages show and services ask for."""

    person_id: int
    kind: Kind
    services: tuple[Service, ...]
    ends_on: date | None
    """The last day; None: until the ward is of age, or the guardianship is ended."""
    authority_id: int | None = None


class NoAuthority(YikatongError):
    """Nobody has recorded that this person may act for the other in this."""

    code = "no_authority"
    status = 403

    def __init__(self, service: Service | None = None) -> None:
        what = SERVICES[service] if service else None
        super().__init__(
            zh=f"您现在不能替他办{f'“{what.zh}”' if what else '事'}，要先得到他本人的授权",
            en="you may not act for this person now"
            f"{f' in this: {what.en}' if what else ''}; they have to let you first",
        )


class AuthorityRefused(YikatongError):
    """It cannot be recorded or ended so."""

    code = "authority_refused"
    status = 409


class NoSuchAuthority(NotFound):
    """There is no such authority of this person."""

    code = "no_such_authority"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这项授权，或已经撤销", en="no such authority, or it was revoked",
            field="authority_id",
        )  # fmt: skip
