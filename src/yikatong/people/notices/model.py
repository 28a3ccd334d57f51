"""Types of notices: subjects, kinds and their facts, what is posted, what a person chose."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from yikatong.core.errors import NotFound, Text

Language = Literal["zh", "en"]
Subject = Literal["card", "care", "benefits", "details", "security"]
"""What a notice is about: 社保卡, 异地就医, 待遇, 个人信息, 账户安全."""
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
SUBJECTS: Final[dict[Subject, Text]] = {
    "card": Text("社保卡：申领进度、领卡、到期", "the card: progress, collecting it, expiry"),
    "care": Text(
        "异地就医备案到期、出行提醒", "filings for care elsewhere that end, plans for going away"
    ),
    "benefits": Text(
        "养老金和失业金：资格认证、发放", "pension and benefit: proof of life, payments"
    ),
    "details": Text("手机号、住址核对", "checking your phone and address"),
    "security": Text("安全：挂失、密码、新设备登录", "security: loss, PIN, new devices"),
}

FactType: TypeAlias = (
    Literal["day", "moment", "tail", "reference", "region", "words", "money"] | Mapping[str, Text]
)
"""day: a date · moment: an aware datetime · tail: the last four of a card's number · reference: a
number of an application, filing or parcel · region: a code (GB/T 2260) · words: a text in both
languages or one for both, such as the reviewer's reason; longer ones are cut · money: fen · a table:
one of its words."""
Fact: TypeAlias = date | datetime | int | str | Text
Facts: TypeAlias = Mapping[str, Fact]


class Kind(msgspec.Struct, frozen=True):
    """A kind of notice: its words, what they are filled with, and what to do about it."""

    name: str
    """Such as "card.ready"; stable."""
    subject: Subject
    title: Text
    body: Text
    """One to three sentences that stand alone, also as a text message."""
    todo: Text | None
    """What the link says; None: there is nothing to do."""
    link: str | None
    """A path of the cardholder's portal."""
    facts: Mapping[str, FactType]
    always_texted: bool = False
    """Whether it goes to the phone whatever the person chose."""

    @property
    def security(self) -> bool:
        """Whether it cannot wait for the morning."""
        return self.subject == "security"


class Posting(msgspec.Struct, frozen=True):
    """A notice to be recorded for a person, exactly once for each kind and cause."""

    person_id: int
    kind: str
    facts: Facts
    once: str
    """The cause, such as "card-123-ready": posted again with it, nothing is recorded."""


TextState = Literal[
    "handed_over", "no_phone", "no_sender", "inbox", "waiting", "sending", "sent", "failed", "late"
]
"""How far the text to the phone came. handed_over: long ago, what came of it is forgotten."""
TEXT_STATES: Final[dict[TextState, Text]] = {
    "handed_over": Text("短信已交付发送", "handed over as a text message"),
    "no_phone": Text("没有发短信：没有登记手机号", "no text sent: there is no phone on file"),
    "no_sender": Text(
        "没有发短信：本平台还不能发短信", "no text sent: this platform cannot send any"
    ),
    "inbox": Text("短信在测试收件箱", "the text is in the test inbox"),
    "waiting": Text("短信待发送", "a text waits to be sent"),
    "sending": Text("短信发送中", "a text is being sent"),
    "sent": Text("短信已发送", "sent as a text message"),
    "failed": Text("短信没有发出", "the text could not be sent"),
    "late": Text("短信没有及时发出", "the text was not sent in time"),
}


class Notice(msgspec.Struct, frozen=True):
    """A notice as it is stored."""

    person_id: int
    notice_id: int
    kind: str
    facts: dict[str, str | int | dict[str, str]]
    at: datetime
    read_at: datetime | None
    text_state: TextState | None
    """None: no text was wanted."""

    @property
    def unread(self) -> bool:
        return self.read_at is None


class Choices(msgspec.Struct, frozen=True):
    """How a person wants to be told (通知方式). The inbox is always on."""

    language: Language = "zh"
    large_type: bool = False
    texts: tuple[Subject, ...] = ()
    """The subjects also told by text message, to the phone on file."""


class NoSuchNotice(NotFound):
    """There is no such notice of this person, or it was forgotten."""

    code = "no_such_notice"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这条通知；通知保留两年", en="there is no such notice; they are kept two years",
            field="notice_id",
        )  # fmt: skip
