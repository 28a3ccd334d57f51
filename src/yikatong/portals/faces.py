"""A picture of the reader's face, just taken, as a form sends it."""

import base64
from typing import Any, Final

from litestar.datastructures import UploadFile

from yikatong.core.errors import InvalidInput

PICTURE_BYTES_MAX: Final = 5 * 2**20
_JPEG: Final = b"\xff\xd8\xff"


async def read_face(upload: Any, field: str) -> str:
    """The picture as face checks take it, in base64; raises InvalidInput for anything else."""
    content = await upload.read() if isinstance(upload, UploadFile) else b""
    if not content.startswith(_JPEG) or len(content) > PICTURE_BYTES_MAX:
        raise InvalidInput(
            field,
            zh="请拍一张本人的正面照片（JPEG，5 MB 以内）",
            en="take a picture of your face: JPEG, up to 5 MB",
        )
    return base64.b64encode(content).decode()
