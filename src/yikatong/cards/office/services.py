"""The services of the card office: who may, what is needed, on which channels (办理事项).

Source: LD/T 33 and 《社会保障卡经办规程》 as the domain tells them; documents, pages and the API print
this table, and the guards ask it.
"""

from typing import Final, Literal

import msgspec

from yikatong.cards.model import By, Channel
from yikatong.cards.office.model import MATERIAL_NAMES, Facts, Material
from yikatong.core.errors import Text

Name = Literal[
    "apply", "replace", "renew", "collect", "activate", "activate_bank", "change_pin", "reset_pin",
    "unlock", "report_loss_provisionally", "report_loss", "withdraw_loss", "cancel",
]  # fmt: skip

GUARDED_BELOW: Final = 16
"""Below this age a guardian acts; from it on the person may, with an id card (居民身份证法 art. 2)."""
OF_AGE: Final = 18
ELSEWHERE: Final[tuple[Material, ...]] = (
    "residence_permit", "labour_contract", "study_certificate",
)  # fmt: skip
"""One of these lets a region issue a card to who is insured elsewhere."""
_OF_KIN: Final[tuple[Material, ...]] = ("agent_identity", "kinship", "death_certificate")


class Service(msgspec.Struct, frozen=True):
    """One service of the office."""

    name: Name
    text: Text
    who: tuple[By, ...]
    channels: tuple[Channel, ...]
    needs: tuple[Material, ...] = ()
    """What the person shows; agents and guardians their own besides."""
    note: Text = Text("", "")


_COUNTERS: Final[tuple[Channel, ...]] = ("counter", "bank", "cross_province")
_CARD_WAYS: Final[tuple[Channel, ...]] = ("counter", "bank", "online", "cross_province")

# One a line or two, to be read as a table.
# fmt: off
SERVICES: Final[dict[Name, Service]] = {
    one.name: one
    for one in (
        Service("apply", Text("申领", "apply for the first card"), ("self", "guardian", "agent", "employer"), (*_CARD_WAYS, "list"), ("identity", "photo"),
                Text("首张免费；在参保地以外申领，另需居住证、劳动合同或在读证明之一", "the first is free; elsewhere than the insured place also a residence permit, labour contract or certificate of study")),
        Service("replace", Text("补卡", "replace a lost card"), ("self", "guardian", "agent"), _CARD_WAYS, ("identity",),
                Text("旧卡自新卡交付时作废", "the old card ends when the new one is handed over")),
        Service("renew", Text("换卡", "renew a card"), ("self", "guardian", "agent"), _CARD_WAYS, ("identity", "old_card"),
                Text("坏了、到期、旧版、信息变了", "damaged, expired, of an old generation, or with changed data")),
        Service("collect", Text("领卡", "collect a card"), ("self", "guardian", "agent", "employer"), (*_COUNTERS, "list"), ("identity",),
                Text("批量申领的，由单位联系人统一领取、转交本人", "of a list, the employer's contact collects all and hands them on")),
        Service("activate", Text("启用社保功能", "activate the social-security side"), ("self", "guardian", "employer"), ("counter", "bank", "online", "phone", "terminal", "cross_province", "list"), ("identity",),
                Text("同时设置卡密码；批量启用、电话启用的，之后由本人设置；电话启用要核对卡号", "the PIN is set with it; of a list or on the phone, by the holder afterwards; on the phone the card number is compared")),
        Service("activate_bank", Text("启用银行功能", "activate the bank side"), ("self", "guardian"), ("bank",), ("identity",),
                Text("只能在发卡银行办理", "at the issuing bank only")),
        Service("change_pin", Text("改密码", "change the PIN"), ("self",), ("counter", "bank", "online", "terminal")),
        Service("reset_pin", Text("重置密码", "reset the PIN"), ("self", "guardian"), ("counter", "bank", "online", "terminal", "cross_province"), ("identity",)),
        Service("unlock", Text("密码解锁", "unlock the PIN"), ("self", "guardian"), ("counter", "bank", "online", "terminal", "cross_province"), ("identity",)),
        Service("report_loss_provisionally", Text("临时挂失（口头挂失）", "report a loss provisionally"), ("self", "guardian", "agent", "kin"), ("phone", "online", "counter", "bank", "terminal", "cross_province"),
                note=Text("核对姓名、身份证号和另一项信息；到期自动解除", "name, id number and one more fact; it ends by itself")),
        Service("report_loss", Text("挂失（书面挂失）", "report a loss"), ("self", "guardian", "agent"), _CARD_WAYS, ("identity",)),
        Service("withdraw_loss", Text("解挂", "withdraw a loss report"), ("self", "guardian"), _CARD_WAYS, ("identity", "old_card")),
        Service("cancel", Text("注销", "cancel a card"), ("self", "guardian", "kin"), _COUNTERS, ("identity",),
                Text("本人另交回卡，已挂失的除外；近亲属带自己的身份证件、关系证明和死亡证明", "the person gives the card back, unless it is reported lost; next of kin bring their own id document, proof of kinship and the death certificate")),
    )
}
# fmt: on


def needs_guardian(facts: Facts) -> bool:
    """Whether only a guardian may act for the person (民法典 art. 20-23)."""
    return facts.person.under_guardianship or facts.person.age_on(facts.today) < GUARDED_BELOW


def _lost(facts: Facts) -> bool:
    return facts.card is not None and facts.card.state.startswith("loss_reported")


def missing(service: Name, facts: Facts, *, elsewhere: bool = False) -> list[Text]:
    """The documents that a service needs and that were not shown, in words."""
    shown, by = set(facts.doing.materials), facts.doing.by
    online = facts.doing.channel in ("online", "phone")
    wanted: list[Material] = [*_OF_KIN] if service == "cancel" and by == "kin" else []
    for one in SERVICES[service].needs if by != "kin" else ():
        # Online the session proves who it is, on the phone the facts; a card can be at hand unseen.
        if online and (one in ("identity", "old_card") and service != "apply"):
            continue
        wanted.append(one)
    if by == "agent":
        wanted.append("agent_identity")
    if by == "guardian" and not online:
        wanted.append("agent_identity")
        wanted.append("guardianship")
    if service == "renew" and facts.wanted is not None and facts.wanted.why == "data_changed":
        wanted.append("household_register")
    if service == "cancel" and by != "kin" and not _lost(facts):
        wanted.append("old_card")
    lacking = [MATERIAL_NAMES[one] for one in wanted if one not in shown]
    if elsewhere and not shown.intersection(ELSEWHERE):
        zh = "、".join(MATERIAL_NAMES[one].zh for one in ELSEWHERE)
        en = " or ".join(MATERIAL_NAMES[one].en for one in ELSEWHERE)
        lacking.append(Text(f"{zh}（任一）", f"{en} (one of them)"))
    return lacking
