"""Files between providers and the platform (文件上传 9101, 文件下载 9102): small, and kept for days."""

import base64
import binascii
import secrets
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text, YikatongError
from yikatong.medical.hospital_api import envelope, store
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.errands import (
    Done,
    Errand,
    Fetch,
    FileContent,
    check_provider,
    node,
    required,
)

KEPT: Final = timedelta(days=7)
FILE_BYTES_MAX: Final = 32 * 1024 * 1024
_FILES_MAX: Final = 200
_PROVIDER_BYTES_MAX: Final = 64 * 1024 * 1024
_NAME_LENGTH_MAX: Final = 200
_NAME_WRONG: Final = frozenset('/\\:*?"<>|')


class FilesFull(YikatongError):
    """No more can be kept for this provider now."""

    code = "files_full"
    status = 409


class KeptFile(msgspec.Struct, frozen=True):
    """A file that can be fetched by 9102."""

    file_query_no: str
    file_name: str
    kept_until: datetime


async def keep(
    connection: Connection,
    provider_code: str,
    file_name: str,
    content: bytes,
    now: datetime,
) -> KeptFile:
    """Keep a file for one provider; raises FilesFull where it or all of them are too large."""
    await store.delete_old_files(connection, now)
    count, size = await store.files_of(connection, provider_code, now)
    if len(content) > FILE_BYTES_MAX:
        raise FilesFull(
            zh=f"文件超过 {FILE_BYTES_MAX >> 20} MiB，请缩小范围",
            en=f"the file is larger than {FILE_BYTES_MAX >> 20} MiB; ask for less",
        )
    if count >= _FILES_MAX or size + len(content) > _PROVIDER_BYTES_MAX:
        limits = f"{_FILES_MAX} / {_PROVIDER_BYTES_MAX >> 20} MiB"
        raise FilesFull(
            zh=f"本机构保存的文件已满（{limits}），文件保存 {KEPT.days} 天后自动删除",
            en=f"this provider's files are full ({limits}); each is deleted after {KEPT.days} days",
        )
    kept = KeptFile(f"{now:%Y%m%d%H%M%S}{secrets.token_hex(8)}", file_name, now + KEPT)
    await store.insert_file(
        connection, kept.file_query_no, provider_code, file_name, content, now, kept.kept_until
    )
    return kept


# ---- 9101 ----


class _Upload(msgspec.Struct):
    content: list[int] | str | None = msgspec.field(name="in", default=None)
    filename: Annotated[str, msgspec.Meta(max_length=_NAME_LENGTH_MAX)] | None = None
    fixmedins_code: Annotated[str, msgspec.Meta(max_length=12)] | None = None


class _UploadInput(msgspec.Struct):
    fsUploadIn: _Upload | None = None


class _Uploaded(msgspec.Struct):
    file_qury_no: str
    filename: str
    fixmedins_code: str
    dld_endtime: str


class _UploadOutput(msgspec.Struct):
    fsUploadOut: _Uploaded


_upload: Final = msgspec.json.Decoder(_UploadInput)


async def _carry_up(connection: Connection, context: Context, raw: bytes) -> Done:
    given = node(envelope.decode(_upload, raw).fsUploadIn, "fsUploadIn")
    check_provider(given.fixmedins_code, context, "fsUploadIn.fixmedins_code")
    name = required(given.filename, "fsUploadIn.filename")
    if not name.isprintable() or _NAME_WRONG.intersection(name):
        raise InvalidInput(
            "fsUploadIn.filename",
            zh="文件名不能含路径和特殊字符",
            en="a file's name holds no path and no special characters",
        )
    content = _bytes_of(given.content)
    code = context.provider.provider_code
    kept = await keep(connection, code, name, content, context.now)
    return Done(
        _UploadOutput(
            _Uploaded(kept.file_query_no, name, code, f"{kept.kept_until:%Y-%m-%d %H:%M:%S}")
        )
    )


def _bytes_of(given: list[int] | str | None) -> bytes:
    """A list of bytes, signed as Java writes them or not, or Base64."""
    content = b""
    try:
        if isinstance(given, str):
            content = base64.b64decode(given, validate=True)
        elif given is not None:
            content = bytes(one + 256 if -128 <= one < 0 else one for one in given)
    except (binascii.Error, ValueError):
        raise InvalidInput(
            "fsUploadIn.in",
            zh="应为字节数组（-128 到 255）或 Base64",
            en="must be a list of bytes (-128 to 255) or Base64",
        ) from None
    if not content:
        raise InvalidInput("fsUploadIn.in", zh="文件为空", en="the file is empty")
    return content


# ---- 9102 ----


class _Download(msgspec.Struct):
    file_qury_no: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    filename: Annotated[str, msgspec.Meta(max_length=_NAME_LENGTH_MAX)] | None = None
    fixmedins_code: Annotated[str, msgspec.Meta(max_length=30)] | None = None


class _DownloadInput(msgspec.Struct):
    fsDownloadIn: _Download | None = None


_download: Final = msgspec.json.Decoder(_DownloadInput)


async def _find(connection: Connection, context: Context, raw: bytes) -> FileContent:
    given = node(envelope.decode(_download, raw).fsDownloadIn, "fsDownloadIn")
    check_provider(given.fixmedins_code, context, "fsDownloadIn.fixmedins_code")
    number = required(given.file_qury_no, "fsDownloadIn.file_qury_no")
    found = await store.file(connection, number, context.now)
    if found is None or found["provider_code"] not in (None, context.provider.provider_code):
        raise InvalidInput(
            "fsDownloadIn.file_qury_no",
            zh="没有这个文件，或已过下载期限，请重新申请",
            en="there is no such file, or it is kept no more; ask for it again",
        )
    name: str = found["file_name"]
    if not envelope.absent(given.filename) and given.filename != name:
        raise InvalidInput(
            "fsDownloadIn.filename",
            zh=f"与文件不符，应为 {name}",
            en=f"does not belong to this number, which is {name}",
        )
    return FileContent(name, found["content"])


errands: Final = (Errand("9101", Text("文件上传", "upload a file"), _carry_up),)
fetches: Final = (Fetch("9102", Text("文件下载", "download a file"), _find),)
