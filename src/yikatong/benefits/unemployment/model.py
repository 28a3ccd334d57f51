"""Types of unemployment benefit: claim, terms, step, reasons."""

from datetime import date, datetime
from typing import Final, Literal, get_args

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen, Ppm

Reason = Literal[
    "dismissed", "not_renewed", "insolvent", "agreed_by_employer", "resigned_for_cause", "resigned"
]
"""Why the work ended (终止原因)."""
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
REASON_NAMES: Final[dict[str, Text]] = {
    "dismissed": Text("被单位辞退、除名或开除", "dismissed by the employer"),
    "not_renewed": Text("合同到期，单位不续签", "the contract ended and was not renewed"),
    "insolvent": Text("单位破产、关闭或裁员", "the employer closed or cut staff"),
    "agreed_by_employer": Text("单位提出，协商解除", "ended by agreement, at the employer's wish"),
    "resigned_for_cause": Text(
        "单位违法（如欠薪、不缴社保），本人提出解除", "resigned as the employer broke the law"
    ),
    "resigned": Text("本人自愿辞职", "resigned by own will"),
}

EndReason = Literal[
    "work",
    "retirement_age",
    "military",
    "emigrated",
    "refused_twice",
    "death",
    "used_up",
    "pension",
]
"""Why the benefit ends (社会保险法 第五十一条, 失业保险条例 第十五条)."""
END_REASONS: Final[tuple[EndReason, ...]] = get_args(EndReason)
End = Literal[EndReason, "transfer"]
"""It also ends here where it goes on in another region."""
END_NAMES: Final[dict[str, Text]] = {
    "work": Text("重新就业", "new work"),
    "retirement_age": Text("达到退休年龄", "retirement age reached"),
    "military": Text("应征服兵役", "military service"),
    "emigrated": Text("移居境外", "emigration"),
    "refused_twice": Text("两次拒绝合适的工作或培训", "two refusals of a suitable job or training"),
    "death": Text("死亡", "death"),
    "used_up": Text("领满期限", "all months drawn"),
    "pension": Text("开始领取养老金", "a pension is drawn"),
    "transfer": Text("转到外地领取", "transferred to another region"),
}
FORFEITS: Final[frozenset[End]] = frozenset(("death", "retirement_age", "pension"))
"""Ends after which no months are kept for a later claim; the others keep what was not drawn
(第四十六条)."""

Post = Literal["worker", "cadre"]
"""Kind of post of women: 工人 (50) or 管理技术岗位 (55)."""

Miss = Literal[
    "months_short",
    "own_will",
    "not_registered",
    "employed",
    "retired",
    "dead",
    "too_old",
    "drawing",
    "same_loss",
    "not_insured",
]


class Told(msgspec.Struct, frozen=True):
    """Why not, and what to do."""

    code: Miss
    text: Text
    remedy: Text


class Step(msgspec.Struct, frozen=True):
    """One step of the calculation: rule, clause, inputs, result."""

    rule: Text
    clause: str
    result: Text


class Standard(msgspec.Struct, frozen=True):
    """What a region pays on a day (失业保险金标准)."""

    region: str
    minimum_wage: Fen
    share: Ppm
    later_share: Ppm
    """Of the first twelve months' amount, from the thirteenth month on."""
    from_day: date
    sources: tuple[str, ...]
    recalled: bool


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What an estimate is asked with."""

    region: str
    """Where the contributions were paid."""
    collect_in: str | None = None
    """Where it is to be collected; None: where they were paid."""
    months_paid: int
    months_carried: int = 0
    """Granted before and not drawn."""
    reason: Reason
    registered: bool
    employed: bool = False
    birth: date | None = None
    sex: Literal[1, 2] | None = None
    post: Post = "worker"
    retired: bool = False
    died: bool = False
    drawing: bool = False
    same_loss: bool = False
    """Whether an earlier claim was for the same loss of work."""
    on: date


class Estimate(msgspec.Struct, frozen=True):
    """Whether, for how long, how much, where (待遇测算)."""

    entitled: bool
    misses: list[Told]
    months: int
    first_month: date
    last_month: date | None
    monthly: Fen
    """Of the first month."""
    later_monthly: Fen
    """From the thirteenth month on."""
    total: Fen
    region: str
    """Where it is collected."""
    steps: list[Step]
    documents: list[Text]
    recalled: bool


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim (申领) and what was granted."""

    person_id: int
    claim_id: int
    key: str
    content_hash: bytes
    insured_region: str
    region: str
    left_on: date
    reason: Reason
    registered_on: date
    months_paid: int
    months_carried: int
    months_granted: int
    starts_on: date
    ends_on: date
    state: Literal["drawing", "held", "ended"]
    ended_on: date | None
    ended_by: End | None
    months_left: int
    overpaid: Fen
    """Paid for months behind the last one due: to be given back."""
    post: Post
    made_at: datetime
    months_extended: int = 0
    """Beyond those granted, until the retirement age."""
    version: int = 1


class NewClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody claims with."""

    left_on: date
    reason: Reason
    registered_on: date
    collect_in: Literal["insured", "residence"] = "insured"
    post: Post = "worker"
