"""What can be wrong with a pension command. Each text says what to do."""

from yikatong.core.errors import NotFound, YikatongError


class PensionRefused(YikatongError):
    """Understood and not carried out; nothing was changed."""

    code = "pension_refused"
    status = 409


class AlreadyApplied(PensionRefused):
    """An application is open already, or a pension is drawn."""

    code = "already_applied"


class NotOpen(PensionRefused):
    """The application was decided or withdrawn before."""

    code = "application_closed"

    def __init__(self, state: str) -> None:
        super().__init__(
            zh="这份申请已办结，不能再改；如有需要请重新申请",
            en=f"this application is closed ({state}); apply anew if needed",
            field="application_id",
        )


class SamePerson(PensionRefused):
    """Whoever took an application in does not decide it (受理、审核分离)."""

    code = "pension_reviewer_is_acceptor"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            zh="受理人不能核定自己受理的申请，请由另一位工作人员核定",
            en="whoever took an application in cannot decide it; another member of staff must",
        )


class SumDiffers(PensionRefused):
    """What comes out is not what the member who decides has before them."""

    code = "pension_sum_differs"

    def __init__(self) -> None:
        super().__init__(
            zh="核定结果与页面上看到的不一致，没有核定；请重新计算，核对后再办",
            en="the outcome is not the one you saw; nothing was decided. Work it out again and look",
        )


class NoPension(NotFound):
    """The person draws no pension."""

    code = "no_pension"

    def __init__(self) -> None:
        super().__init__(
            zh="这个人没有正在领取的养老金", en="this person draws no pension", field="person_id"
        )


class NoSuchApplication(NotFound):
    """The person has no such application."""

    code = "no_such_application"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这份申请，请核对编号",
            en="there is no such application; please compare its number",
            field="application_id",
        )


class SurvivorsRefused(PensionRefused):
    """The survivors' sums cannot be granted (yet, or again)."""

    code = "survivors_refused"
