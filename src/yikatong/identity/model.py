"""Types of the room: how somebody proved who they are, and how sure that makes us."""

from typing import Final, Literal

from yikatong.core.errors import Text

Mode = Literal[
    "two_facts",
    "password",
    "card_pin",
    "one_time_code",
    "card_present",
    "e_card",
    "face",
    "counter",
]
"""认证方式: name and id number; password; card number and PIN; a code sent to the phone; the card in
a reader and its PIN; the e-card's code; a face check; the person before a clerk with the document."""

Level = Literal[1, 2, 3]
"""认证等级 (assurance level): 1 something known, 2 something owned, 3 owned and the person seen."""

MODE_LEVELS: Final[dict[Mode, Level]] = {
    "two_facts": 1,
    "password": 1,
    "card_pin": 1,
    "one_time_code": 1,
    "card_present": 2,
    "e_card": 2,
    "counter": 3,
    "face": 1,
}
"""What each proof is worth alone. A face alone may be a photo: it counts with an e-card."""

MODE_NAMES: Final[dict[Mode, Text]] = {
    "two_facts": Text("姓名和身份证号", "name and id number"),
    "password": Text("密码", "password"),
    "card_pin": Text("卡密码", "card PIN"),
    "one_time_code": Text("短信验证码", "code sent to the phone"),
    "card_present": Text("读卡和卡密码", "card in a reader and its PIN"),
    "e_card": Text("电子社保卡", "e-card"),
    "face": Text("人脸核验", "face check"),
    "counter": Text("窗口核验证件", "document shown at a counter"),
}


def level_of(modes: frozenset[Mode] | set[Mode]) -> Level:
    """The assurance level of proofs given together.

    Something known and a code sent to the phone are 2; an e-card and the face are 3.
    """
    if "counter" in modes or {"e_card", "face"} <= modes:
        return 3
    if modes & {"card_present", "e_card"}:
        return 2
    if "one_time_code" in modes and modes & {"password", "card_pin"}:
        return 2
    return 1
