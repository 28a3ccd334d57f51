"""What can be wrong with a command on unemployment benefit. Each text says what to do."""

from collections.abc import Sequence

from yikatong.benefits.unemployment.model import Told
from yikatong.core.errors import NotFound, YikatongError


class ClaimRefused(YikatongError):
    """Understood and not carried out; nothing was changed."""

    code = "claim_refused"
    status = 409


class NotEntitled(ClaimRefused):
    """Something that the law asks for is not fulfilled; `misses` has all of it."""

    code = "not_entitled"

    def __init__(self, misses: Sequence[Told]) -> None:
        super().__init__(
            zh="；".join(f"{one.text.zh}：{one.remedy.zh}" for one in misses),
            en="; ".join(f"{one.text.en}: {one.remedy.en}" for one in misses),
        )
        self.misses = list(misses)


class NotDrawing(NotFound):
    """The person draws no unemployment benefit."""

    code = "not_drawing"

    def __init__(self) -> None:
        super().__init__(
            zh="此人没有在领失业保险金，请核对人员编号",
            en="this person draws no unemployment benefit; compare the number",
            field="person_id",
        )
