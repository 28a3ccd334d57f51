"""Why a verification is not carried out at all. None of them says anything about a person."""

from yikatong.core.errors import YikatongError
from yikatong.identity.verification.model import PURPOSES


class PurposeNotPermitted(YikatongError):
    """The service may not verify for this purpose."""

    code = "purpose_not_permitted"
    status = 403

    def __init__(self, permitted: tuple[str, ...]) -> None:
        names = "、".join(PURPOSES[one].zh for one in permitted) or "无"
        codes = ", ".join(permitted) or "none"
        super().__init__(
            zh=f"没有获准为这个用途核验；已获准的用途：{names}",
            en=f"this service may not verify for this purpose; permitted: {codes}",
            field="purpose",
        )


class LevelOutOfReach(YikatongError):
    """This way of proving cannot reach the level asked for."""

    code = "level_out_of_reach"
    status = 422

    def __init__(self, reached: int) -> None:
        super().__init__(
            zh=f"这种核验方式最高为 {reached} 级，请改用更强的方式",
            en=f"this mode proves level {reached} at most; use a stronger one",
            field="level",
        )


class TooFast(YikatongError):
    """More than the service's share of a minute."""

    code = "too_many_requests"
    status = 429

    def __init__(self, retry_after: int) -> None:
        self.retry_after = max(1, retry_after)
        super().__init__(
            zh=f"请求太多了，请 {self.retry_after} 秒后再试",
            en=f"too many requests; try again in {self.retry_after} s",
        )
