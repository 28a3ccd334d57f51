"""What can be wrong with a filing. Each text says what to do."""

from datetime import date

from yikatong.core.days import day_in_words
from yikatong.core.errors import NotFound, Text, YikatongError
from yikatong.core.regions import short_name
from yikatong.medical.filings.model import KIND_NAMES
from yikatong.medical.model import Filing


class FilingRefused(YikatongError):
    """Understood and not carried out; nothing was changed."""

    code = "filing_rejected"
    status = 409


class FilingNotNeeded(FilingRefused):
    """Care there is covered as it is: home, an exempt pair, an emergency, a better filing."""

    code = "filing_not_needed"

    def __init__(self, text: Text, field: str = "destination") -> None:
        super().__init__(text.zh, text.en, field)


class AlreadyFiled(FilingRefused):
    """A filing of this kind covers that place already."""

    code = "already_filed"

    def __init__(self, filing: Filing, field: str = "destination") -> None:
        kind, until = KIND_NAMES[filing.kind], filing.ends_on
        zh, en = (day_in_words(filing.starts_on, language) for language in ("zh", "en"))
        last = "长期有效" if until is None else f"至{day_in_words(until, 'zh')}"
        last_en = "on" if until is None else f"to {day_in_words(until, 'en')}"
        super().__init__(
            f"已有{short_name(filing.destination)}的“{kind.zh}”备案，自{zh}起{last}，不必重复办理；"
            f"要改请变更原备案（编号 {filing.filing_id}）",
            f"there is a “{kind.en}” filing for {short_name(filing.destination, 'en')} from {en}"
            f" {last_en}; change that one ({filing.filing_id}) instead",
            field,
        )
        self.filing = filing


class TooEarly(FilingRefused):
    """The region lets a long-term filing be changed or withdrawn only after some months."""

    code = "filing_change_too_early"

    def __init__(self, earliest: date, field: str) -> None:
        super().__init__(
            f"长期备案要满规定时间才能变更或取消，最早{day_in_words(earliest, 'zh')}；这期间到别处就医请办临时外出备案",
            f"a long-term filing can be changed or withdrawn from {day_in_words(earliest, 'en')} on;"
            " for care elsewhere before that, make a temporary filing",
            field,
        )
        self.earliest = earliest


class MaterialsMissing(FilingRefused):
    """Documents are missing, and a declaration does not replace them here."""

    code = "materials_missing"

    def __init__(self, names: list[Text], may_declare: bool) -> None:
        zh, en = "、".join(one.zh for one in names), ", ".join(one.en for one in names)
        super().__init__(
            f"还缺：{zh}" + ("；拿不出来的，可以签个人承诺书代替" if may_declare else ""),
            f"missing: {en}" + ("; a declaration may stand for it" if may_declare else ""),
            "materials",
        )


class ChannelClosed(FilingRefused):
    """This kind of filing is not made in this way there."""

    code = "filing_channel_closed"


class NotEligible(FilingRefused):
    """The person does not belong to those this kind is for."""

    code = "filing_not_eligible"


class FilingEnded(FilingRefused):
    """The filing holds no longer, or another took its place."""

    code = "filing_ended"

    def __init__(self, filing: Filing) -> None:
        ended = filing.ended_on or filing.ends_on
        zh, en = (day_in_words(ended, one) if ended else "—" for one in ("zh", "en"))
        super().__init__(
            f"这项备案已取消、到期或被替代（截至{zh}），请重新备案",
            f"this filing was withdrawn, replaced or ran out ({en}); file anew",
            "filing_id",
        )


class FilingInUse(FilingRefused):
    """A visit there is not settled yet, or was settled with the filing."""

    code = "filing_in_use"


class NotChangeable(FilingRefused):
    """This can only be changed by somebody else, or by filing anew."""

    code = "filing_not_changeable"


class MayNotRefer(FilingRefused):
    """The hospital may not refer this person elsewhere."""

    code = "may_not_refer"

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(zh, en, "provider")


class ChoiceRefused(FilingRefused):
    """The provider cannot be chosen, or no further one."""

    code = "choice_refused"


class NoSuchFiling(NotFound):
    """No such filing of this person."""

    code = "no_such_filing"

    def __init__(self) -> None:
        super().__init__(
            "没有这项备案，请核对备案编号和人员编号",
            "there is no such filing of this person; compare both numbers",
            "filing_id",
        )


class NoSuchChoice(NotFound):
    """The person did not choose this provider."""

    code = "no_such_choice"

    def __init__(self) -> None:
        super().__init__(
            "参保人没有选定这家机构，请核对机构编码",
            "the person did not choose this provider; compare its code",
            "provider",
        )
