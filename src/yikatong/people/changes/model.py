"""Types of changes of a person's data, and what can be wrong with them."""

from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from yikatong.core.errors import NotFound, Text, YikatongError
from yikatong.people.model import Contact, Person

Field = Literal[
    "phone",
    "address",
    "residence_region",
    "name",
    "id_number",
    "birth_date",
    "sex",
    "ethnic_group",
]
FIELD_NAMES: Final[dict[Field, Text]] = {
    "phone": Text("手机号", "phone"),
    "address": Text("联系地址", "address"),
    "residence_region": Text("常住地", "place of residence"),
    "name": Text("姓名", "name"),
    "id_number": Text("身份证号", "id number"),
    "birth_date": Text("出生日期", "birth date"),
    "sex": Text("性别", "sex"),
    "ethnic_group": Text("民族", "ethnic group"),
}
ON_CARD: Final[frozenset[Field]] = frozenset(
    ("name", "id_number", "birth_date", "sex", "ethnic_group")
)
"""What stands on the card and its chip (LD/T 32): where it changes, the card must be renewed."""

Channel = Literal["online", "counter"]
CHANNEL_NAMES: Final[dict[Channel, Text]] = {
    "online": Text("网上", "online"),
    "counter": Text("窗口", "at a counter"),
}
State = Literal["taken", "done", "refused", "withdrawn"]
STATES: Final[tuple[State, ...]] = get_args(State)
STATE_NAMES: Final[dict[State, Text]] = {
    "taken": Text("已受理，待审核", "taken, to be reviewed"),
    "done": Text("已办结", "done"),
    "refused": Text("未通过", "refused"),
    "withdrawn": Text("已撤回", "withdrawn"),
}
MATTER: Final = "person_change"
"""The kind of matter its documents belong to."""


class Value(msgspec.Struct, frozen=True, array_like=True):
    """What a field was and what it becomes, as texts; None: nothing on file."""

    before: str | None
    after: str | None


Values = dict[Field, Value]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a person's data (个人信息变更), as it stands; its values are opened."""

    person_id: int
    change_id: int
    state: State
    fields: tuple[Field, ...]
    """What changes; none: the person confirmed that phone and address are right."""
    values: Values
    channel: Channel
    reason: str
    """Why it was refused or withdrawn."""
    taken_at: datetime
    taken_by_kind: str
    taken_by: str
    decided_at: datetime | None
    decided_by_kind: str | None
    decided_by: str | None


class ContactChange(msgspec.Struct, frozen=True):
    """New contact data as somebody wrote them; None: stays as it is. Nothing at all: all is right."""

    phone: str | None = None
    address: str | None = None
    residence_region: str | None = None


class IdentityChange(msgspec.Struct, frozen=True):
    """New identity data as they stand in the document; birth date and sex follow the id number."""

    name: str | None = None
    id_number: str | None = None
    ethnic_group: str | None = None


class OnFile(msgspec.Struct, frozen=True):
    """What is on file of a person, and what was changed, the newest first."""

    person: Person
    contact: Contact
    changes: tuple[Change, ...]

    @property
    def waiting(self) -> Change | None:
        """The change that is to be reviewed, if any."""
        return next((one for one in self.changes if one.state == "taken"), None)


class ChangedMeanwhile(YikatongError):
    """Somebody else changed the person's data since they were looked at."""

    code = "changed_meanwhile"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="这份资料刚被修改过，您的修改没有保存；请刷新页面，看过最新资料后再改",
            en="these data were changed a moment ago and your change was not kept; load the page again,"
            " look at what is on file now, then change it",
            field="version",
        )


class ChangeRefused(YikatongError):
    """Understood and not carried out; nothing was changed."""

    code = "change_refused"
    status = 409


class DocumentsMissing(ChangeRefused):
    """Without these documents nobody approves it."""

    code = "documents_missing"


class IdNumberTaken(ChangeRefused):
    """The new id number is on file as somebody else's."""

    code = "id_number_taken"

    def __init__(self) -> None:
        super().__init__(
            zh="这个身份证号已登记在另一人名下，请逐位核对；确属重号的，先由公安机关更正",
            en="this id number is on file as somebody else's: compare it digit by digit; where two"
            " persons truly have one number, the police corrects it first",
            field="id_number",
        )


class SecondPersonNeeded(ChangeRefused):
    """Who took a change does not decide about it (双人复核)."""

    code = "second_person_needed"

    def __init__(self) -> None:
        super().__init__(
            zh="自己受理的变更要由另一人审核",
            en="what you took yourself, another person decides",
        )


class NoSuchChange(NotFound):
    """There is no such change of this person."""

    code = "no_such_change"

    def __init__(self) -> None:
        super().__init__(zh="没有这项变更", en="there is no such change", field="change_id")
