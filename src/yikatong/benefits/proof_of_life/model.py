"""Types of proof of life."""

from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from yikatong.core.errors import NotFound, Text, YikatongError

Kind = Literal["face", "counter", "visit", "care", "transit", "data"]
"""人脸, 窗口, 上门, 就医结算, 乘车, 其他数据比对: how somebody was seen to live."""
Outcome = Literal["alive", "dead"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

KIND_NAMES: Final[dict[Kind, Text]] = {
    "face": Text("人脸认证", "face check"),
    "counter": Text("窗口", "at a counter"),
    "visit": Text("上门", "visit at home"),
    "care": Text("就医结算", "care settled"),
    "transit": Text("乘车", "a ride"),
    "data": Text("数据比对", "matched data"),
}


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was seen alive, or found dead."""

    proof_id: int
    kind: Kind
    source: str
    """What says so, such as "settlement:123" or a clerk's number; each counts once."""
    outcome: Outcome
    at: datetime
    region: str | None
    """Where; None: abroad or unknown."""


class ProofRefused(YikatongError):
    """Understood and not recorded; nothing was changed."""

    code = "proof_refused"
    status = 409


class FaceCheckUnavailable(ProofRefused):
    """No face check is connected to this installation, or it does not answer."""

    code = "face_check_unavailable"

    def __init__(self) -> None:
        super().__init__(
            zh="人脸认证没有接入或暂时不可用，请到就近窗口认证，或等待就医、乘车等数据自动认证",
            en="no face check answers here; come to any counter, or let care and rides prove it",
            field="kind",
        )


class FaceDiffers(ProofRefused):
    """The face is not the one on file, or nobody living stood before the camera."""

    code = "face_differs"

    def __init__(self) -> None:
        super().__init__(
            zh="人脸比对没有通过，请在光线充足处重试，或到就近窗口认证",
            en="the face did not match; try again in good light, or come to any counter",
            field="image",
        )


class NothingToProve(NotFound):
    """The person draws no benefit that needs a proof of life."""

    code = "nothing_to_prove"

    def __init__(self) -> None:
        super().__init__(
            zh="这个人没有需要认证的待遇",
            en="this person draws nothing that needs a proof of life",
            field="person_id",
        )
