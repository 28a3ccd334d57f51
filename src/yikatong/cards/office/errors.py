"""What the card office refuses, and what to do about it."""

from collections.abc import Collection, Iterable
from typing import Final

from yikatong.cards.model import ApplicationState, CardState
from yikatong.core.errors import InvalidInput, NotFound, Text, YikatongError

STATE_NAMES: Final[dict[ApplicationState | CardState, Text]] = {
    "applied": Text("已受理，审核中", "accepted, under review"),
    "in_production": Text("制卡中", "being made"),
    "ready": Text("已制好，待领取", "ready to be collected"),
    "sent": Text("已寄出", "sent by post"),
    "issued": Text("已发卡，未启用", "handed over, not activated"),
    "rejected": Text("未通过", "refused"),
    "withdrawn": Text("已撤回", "withdrawn"),
    "active": Text("正常", "in order"),
    "loss_reported_provisionally": Text("已临时挂失", "provisionally reported lost"),
    "loss_reported": Text("已挂失", "reported lost"),
    "locked": Text("密码已锁定", "PIN locked"),
    "expired": Text("已过期", "expired"),
    "replaced": Text("已被新卡替换", "replaced by a newer card"),
    "cancelled": Text("已注销", "cancelled"),
}


class CardRefused(YikatongError):
    """The card office does not do this now; nothing was changed."""

    code = "card_refused"
    status = 409


class NotNow(CardRefused):
    """In this state this cannot be done."""

    code = "card_not_in_state"


class UnderWay(CardRefused):
    """One application at a time (已有在办申请)."""

    code = "card_application_under_way"

    def __init__(self, application_id: int, state: ApplicationState) -> None:
        name = STATE_NAMES[state]
        super().__init__(
            zh=f"已有一笔申请在办（编号 {application_id}，{name.zh}），不用再申请；要改请先撤回那一笔",
            en=f"an application is under way (number {application_id}, {name.en}); no second one is "
            "needed. To change it, withdraw that one first",
        )


class HasCard(CardRefused):
    """The first card is for who has none."""

    code = "card_exists"

    def __init__(self) -> None:
        super().__init__(
            zh="此人已有社保卡；卡丢了请补卡，坏了、过期了请换卡",
            en="the person has a card; ask for a replacement if it is lost, or for a new one if it is "
            "damaged or expired",
            field="kind",
        )


class NoCard(CardRefused):
    """There is no card to which this could be done."""

    code = "card_missing"

    def __init__(self) -> None:
        super().__init__(
            zh="此人没有可以办理这项业务的社保卡；还没有卡请先申领",
            en="the person has no card for this; without a card, apply for the first one",
        )


class PersonDead(CardRefused):
    """Nothing but cancelling is done for the dead."""

    code = "card_person_dead"

    def __init__(self) -> None:
        super().__init__(
            zh="此人已登记死亡，只能注销社保卡；登记有误请先申诉更正",
            en="the person's death is recorded, so the card can only be cancelled; if that is wrong, "
            "have the record corrected first",
        )


class IdentityUnclear(CardRefused):
    """Name and id number do not agree with the register of residents."""

    code = "card_identity_mismatch"

    def __init__(self) -> None:
        super().__init__(
            zh="姓名和身份证号与户籍登记不一致，请先带身份证和户口簿到窗口更正信息",
            en="name and id number disagree with the register of residents; have them corrected at a "
            "counter first, with id document and household register",
        )


class ChannelClosed(CardRefused):
    """This service is not offered on this channel."""

    code = "card_channel_closed"

    def __init__(self, service: Text, channels: Iterable[Text]) -> None:
        open_ones = tuple(channels)
        super().__init__(
            zh=f"{service.zh}不能在这个渠道办理，可以：{'、'.join(one.zh for one in open_ones)}",
            en=f"this channel does not offer it: {service.en}; open are: "
            f"{', '.join(one.en for one in open_ones)}",
            field="channel",
        )


class ChannelNotYours(CardRefused):
    """The caller does not stand for the channel that was stated."""

    code = "card_channel_not_yours"
    status = 403

    def __init__(self, channels: Collection[str]) -> None:
        mine = sorted(channels)
        super().__init__(
            zh=f"您的岗位不能按这个渠道办理，可填：{'、'.join(mine) or '无'}",
            en=f"you do not stand for this channel; yours: {', '.join(mine) or 'none'}",
            field="channel",
        )


class NotYours(CardRefused):
    """This person may not do this for the holder."""

    code = "card_applicant_not_allowed"
    status = 403

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(zh, en, field="applicant")


class MaterialsMissing(InvalidInput):
    """Documents are missing; all of them are named."""

    code = "card_materials_missing"

    def __init__(self, missing: Iterable[Text]) -> None:
        wanted = tuple(missing)
        super().__init__(
            "materials",
            zh=f"还缺：{'；'.join(one.zh for one in wanted)}",
            en=f"still missing: {'; '.join(one.en for one in wanted)}",
        )


class FeeDue(CardRefused):
    """The fee is to be paid first."""

    code = "card_fee_due"


class SamePerson(CardRefused):
    """Whoever took an application in does not decide it (受理、审核分离)."""

    code = "card_reviewer_is_acceptor"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            zh="受理人不能审核自己受理的申请，请由另一位工作人员审核",
            en="whoever took an application in cannot review it; another member of staff must",
        )


class NoSuchApplication(NotFound):
    """There is no such application of this person."""

    code = "no_such_card_application"

    def __init__(self) -> None:
        super().__init__(
            zh="此人没有这个编号的申请，请核对编号",
            en="the person has no application of this number; please compare it",
            field="application_id",
        )


class NoSuchCard(NotFound):
    """There is no such card of this person."""

    code = "no_such_card"

    def __init__(self) -> None:
        super().__init__(
            zh="此人没有这张卡，请核对",
            en="the person has no such card; please compare it",
            field="card_id",
        )
