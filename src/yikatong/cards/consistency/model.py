"""What can fail to agree in what is on file of a person (核对项), and what to do about it."""

from typing import Final, Literal

import msgspec

from yikatong.cards.model import Card
from yikatong.core.errors import Text
from yikatong.people.model import Enrolment, Person, Relation

Code = Literal[
    "id_number_invalid",
    "birth_date_differs",
    "sex_differs",
    "id_number_not_found",
    "identity_unmatched",
    "card_name_differs",
    "dead_with_live_card",
    "insured_after_death",
    "guardian_missing",
    "phone_shared",
    "phone_missing",
    "contact_stale",
]


class Check(msgspec.Struct, frozen=True):
    """One thing that is compared."""

    text: Text
    remedy: Text
    wrong: bool = True
    """False: nothing is wrong, but somebody should ask."""


CHECKS: Final[dict[Code, Check]] = {
    "id_number_invalid": Check(
        Text("身份证号不合规（位数、校验位或日期）", "the id number is not a valid one"),
        Text("核对证件，办理身份证号变更", "compare the document; change the id number"),
    ),
    "birth_date_differs": Check(
        Text("出生日期与身份证号不一致", "the birth date is not that of the id number"),
        Text("核对证件，办理身份证号变更", "compare the document; change the id number"),
    ),
    "sex_differs": Check(
        Text("性别与身份证号不一致", "the sex is not that of the id number"),
        Text("核对证件，办理身份证号变更", "compare the document; change the id number"),
    ),
    "id_number_not_found": Check(
        Text("按身份证号查不到本人", "the id number does not lead to this person"),
        Text("联系运行人员修复索引", "have the operators mend the directory"),
    ),
    "identity_unmatched": Check(
        Text("姓名和身份证号与人口库不一致", "name and id number differ from the register"),
        Text("请本人带证件到窗口办理变更", "the person comes to a counter with the document"),
    ),
    "card_name_differs": Check(
        Text("卡上的姓名与登记的不一致", "the name on the card is not the name on file"),
        Text("换卡", "renew the card"),
    ),
    "dead_with_live_card": Check(
        Text("已登记死亡，社保卡仍有效", "recorded dead, and the card still works"),
        Text(
            "注销社保卡；死亡登记有误的先更正",
            "cancel the card, or correct the record of the death",
        ),
    ),
    "insured_after_death": Check(
        Text("登记死亡后仍在参保", "recorded dead, and still insured"),
        Text(
            "终止参保；死亡登记有误的先更正",
            "end the enrolment, or correct the record of the death",
        ),
    ),
    "guardian_missing": Check(
        Text("登记有监护，但没有监护人", "under guardianship, and no guardian is on record"),
        Text("凭监护证明登记监护人", "record the guardian with the proof of it"),
    ),
    "phone_shared": Check(
        Text("同一手机号登记了很多人", "many people gave the same phone"),
        Text("逐人核对手机号", "ask each of them for their own phone"),
    ),
    "phone_missing": Check(
        Text("没有登记手机号", "there is no phone on file"),
        Text("下次来办事时补登", "ask for it the next time"),
        wrong=False,
    ),
    "contact_stale": Check(
        Text("手机号和地址超过一年没有核对", "phone and address were not confirmed for a year"),
        Text("提醒本人核对", "ask the person to check them"),
        wrong=False,
    ),
}


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared of one person; nothing of it leaves the room."""

    person: Person
    id_number: str
    leads_to: int | None
    """Whom the directory of id numbers names."""
    phone: str | None
    phone_of: int
    """How many people gave this phone, where they are many; else 0."""
    card: Card | None
    enrolments: tuple[Enrolment, ...]
    relations: tuple[Relation, ...]


class Finding(msgspec.Struct, frozen=True):
    """Something that does not agree; it holds nothing of the data themselves."""

    person_id: int
    code: Code


class Page(msgspec.Struct, frozen=True):
    """What a part of the people was found to have."""

    findings: list[Finding]
    checked: int
    next_after: int | None
    """The person id to go on behind; None: everybody was looked at."""
