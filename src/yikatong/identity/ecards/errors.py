"""What can be wrong with an e-card or a code. Services see the coarse `told` alone."""

from typing import ClassVar

from yikatong.core.errors import YikatongError
from yikatong.identity.ecards.model import DEVICES_MAX, TOLD_TEXTS, Told


class CodeRefused(YikatongError):
    """A code that does not prove anything; the class says why, `told` what its shower may know."""

    code = "e_card_refused"
    status = 409
    told: ClassVar[Told] = "invalid"

    def __init__(self) -> None:
        text = TOLD_TEXTS[self.told]
        super().__init__(text.zh, text.en, "code")


class Malformed(CodeRefused):
    """Not a code of this layout: truncated, garbled, or of something else."""

    code = "e_card_malformed"


class AlgorithmRefused(CodeRefused):
    """The token names another algorithm than the one its key is for."""

    code = "e_card_algorithm"


class UnknownKey(CodeRefused):
    """The token names a key that is not published."""

    code = "e_card_unknown_key"


class SignatureWrong(CodeRefused):
    """Changed on the way, or signed with another key."""

    code = "e_card_signature"


class OtherIssuer(CodeRefused):
    """Signed rightly, but for another platform."""

    code = "e_card_other_issuer"


class NotYetValid(CodeRefused):
    """Issued in the future: a clock is wrong by more than the skew."""

    code = "e_card_not_yet_valid"


class Expired(CodeRefused):
    """Shown after its minute and the skew."""

    code = "e_card_expired"
    told = "expired"


class Used(CodeRefused):
    """Redeemed before."""

    code = "e_card_used"
    told = "used"


class DeviceRevoked(CodeRefused):
    """The device was revoked, or its session is over."""

    code = "e_card_device_revoked"
    told = "not_usable"


class CardNotUsable(CodeRefused):
    """The card behind it is lost, locked, expired, replaced or not activated."""

    code = "e_card_card_not_usable"
    told = "not_usable"


class HolderDead(CodeRefused):
    """The holder's death is on record."""

    code = "e_card_holder_dead"
    told = "not_usable"


class ECardRefused(YikatongError):
    """An e-card or a code cannot be given; for the holder."""

    code = "e_card_not_given"
    status = 409


class NoCard(ECardRefused):
    """No card, or none of the person's that is live and active."""

    code = "e_card_no_card"

    def __init__(self, reason: str, zh: str, en: str) -> None:
        super().__init__(zh, en, "card")
        self.reason = reason


class TooManyDevices(ECardRefused):
    """As many devices as may be."""

    code = "e_card_too_many_devices"

    def __init__(self) -> None:
        super().__init__(
            f"最多在 {DEVICES_MAX} 台设备上开通，请先停用一台不用的",
            f"at most {DEVICES_MAX} devices; first end the e-card on one you no longer use",
            "device",
        )


class NoSuchDevice(ECardRefused):
    """Not a live device of this person."""

    code = "e_card_no_such_device"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "这台设备还没有开通，或者已经停用，请重新开通",
            "the e-card is not set up on this device, or was ended; please set it up again",
            "device",
        )


class LevelNeeded(ECardRefused):
    """An e-card is level 2: to get one, the person first proves as much."""

    code = "e_card_level_needed"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "开通电子社保卡前，请先用短信验证码确认是您本人",
            "before an e-card is set up, please prove who you are once more, with a code to your phone",
            "level",
        )


class ProofWrong(ECardRefused):
    """The device's signature is wrong, old, or was shown before."""

    code = "e_card_proof_wrong"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            "没有认出这台设备。请看看手机的时间准不准，再刷新页面",
            "this device was not recognised; check its clock, then load the page again",
            "proof",
        )
