"""What production refuses, and what to do about it."""

from yikatong.cards.production.model import STATE_NAMES, Batch
from yikatong.core.errors import InvalidInput, NotFound, YikatongError


class NoSuchBatch(NotFound):
    """There is no such batch."""

    code = "no_such_card_batch"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这个制卡批次，请核对编号",
            en="there is no such batch; please compare its number",
            field="batch_id",
        )


class NoSuchMaker(NotFound):
    """The maker is not registered."""

    code = "no_such_card_maker"

    def __init__(self, field: str = "maker") -> None:
        super().__init__(
            zh="没有登记这家制卡厂商，请先登记",
            en="this maker is not registered; register it first",
            field=field,
        )


class BatchNotNow(YikatongError):
    """In this state of the batch this cannot be done."""

    code = "card_batch_state"
    status = 409

    def __init__(self, one: Batch, zh: str, en: str) -> None:
        name = STATE_NAMES[one.state]
        super().__init__(
            zh=f"批次现在是「{name.zh}」，{zh}",
            en=f'the batch is "{name.en}"; {en}',
            field="batch_id",
        )


class FileWrong(InvalidInput):
    """A file of a maker cannot be taken at all; nothing of it was."""

    code = "card_file_wrong"

    def __init__(self, zh: str, en: str, field: str = "file") -> None:
        super().__init__(field, zh=zh, en=en)
