"""What a document may be, without I/O: told by its content, never by its name.

Only the outer form is read, never the picture: nothing here unpacks what somebody sent. What says
that it is larger than any scan or photo is refused, so that it does not burden who looks at it.
"""

import unicodedata
import zlib
from datetime import date, timedelta
from typing import Final

import msgspec

from yikatong.core.errors import InvalidInput
from yikatong.trust.documents.model import MediaType

BYTES_MAX: Final = 5 * 1024 * 1024
PER_MATTER_MAX: Final = 10
PER_PERSON_MAX: Final = 200
PIXELS_MAX: Final = 60_000_000
"""More than any scanner or phone makes in five megabytes."""
SIDE_MAX: Final = 20_000
KEPT: Final = timedelta(days=2 * 365)
"""From the end of the matter: as long as it may be appealed and checked."""
FILENAME_MAX: Final = 100

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PDF_TAIL: Final = 2048
_HEIC_BRANDS: Final = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


class Form(msgspec.Struct, frozen=True):
    """What a document's content says of itself; a PDF has no size in pixels."""

    media_type: MediaType
    width: int = 0
    height: int = 0


def read(content: bytes, field: str = "document") -> Form:
    """The form of a whole PDF, JPEG, PNG or WebP; raises InvalidInput naming the field for anything
    else, for what is empty, too large or cut off, and for pictures of absurd size."""
    if not content:
        raise InvalidInput(
            field, zh="文件是空的，请重新选择", en="the file is empty; choose it anew"
        )
    if len(content) > BYTES_MAX:
        most = BYTES_MAX // 2**20
        raise InvalidInput(
            field,
            zh=f"每份材料不超过 {most} MB，请压缩或重新拍照",
            en=f"a document has at most {most} MB; make it smaller or take the photo again",
        )
    found = _form(content, field)
    if found is None:
        raise InvalidInput(
            field,
            zh="文件不完整，可能没有传完或已损坏，请重新上传",
            en="the file is not whole: cut off or damaged; please send it again",
        )
    if found.media_type == "application/pdf":
        return found
    if not (found.width and found.height):
        raise InvalidInput(
            field, zh="图片没有内容，请重新拍照", en="the picture is empty; take it again"
        )
    if max(found.width, found.height) > SIDE_MAX or found.width * found.height > PIXELS_MAX:
        raise InvalidInput(
            field,
            zh=f"图片尺寸过大（{found.width}×{found.height} 像素），请缩小后上传",
            en=f"the picture is too large ({found.width}×{found.height} pixels); make it smaller",
        )
    return found


def _form(content: bytes, field: str) -> Form | None:
    """None for a known type that is not whole."""
    if content.startswith(b"%PDF-"):
        return Form("application/pdf") if b"%%EOF" in content[-_PDF_TAIL:] else None
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    if content.startswith(_PNG):
        return _png(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp(content)
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
        raise InvalidInput(
            field,
            zh="HEIC 照片多数电脑打不开，请存成 JPEG 再上传（苹果手机：设置→相机→格式→兼容性最佳）",
            en="most computers cannot show HEIC photos; please send a JPEG (iPhone: Settings, Camera,"
            " Formats, Most Compatible)",
        )
    raise InvalidInput(
        field,
        zh="材料应为 PDF、JPEG、PNG 或 WebP 文件",
        en="a document is a PDF, JPEG, PNG or WebP file",
    )


_NO_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers (ITU T.81, table B.1): they tell height and width."""


def _jpeg(content: bytes) -> Form | None:
    at, width, height = 2, 0, 0
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            return None
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _NO_LENGTH:
            at += 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if length < 2:
            return None
        if marker in _FRAMES:
            height = int.from_bytes(content[at + 5 : at + 7], "big")
            width = int.from_bytes(content[at + 7 : at + 9], "big")
        at += 2 + length
        if marker == 0xDA:
            # In what follows the end marker cannot stand by chance; a thumbnail's stands before.
            ended = content.find(b"\xff\xd9", at) >= 0
            return Form("image/jpeg", width, height) if ended else None
    return None


def _png(content: bytes) -> Form | None:
    at, form = len(_PNG), None
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        kind, end = content[at + 4 : at + 8], at + 12 + length
        if end > len(content):
            return None
        body = content[at + 8 : end - 4]
        if zlib.crc32(kind + body) != int.from_bytes(content[end - 4 : end], "big"):
            return None
        if form is None:
            if kind != b"IHDR" or length != 13:
                return None
            form = Form("image/png", *(int.from_bytes(body[i : i + 4], "big") for i in (0, 4)))
        if kind == b"IEND":
            return form
        at = end
    return None


def _webp(content: bytes) -> Form | None:
    size = int.from_bytes(content[4:8], "little")
    kind, body = content[12:16], content[20:]
    if size + 8 > len(content) or len(body) < 10:
        return None
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[i : i + 3], "little") + 1 for i in (4, 7))
    elif kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(body[i : i + 2], "little") & 0x3FFF for i in (6, 8))
    else:
        return None
    return Form("image/webp", width, height)


def clean_filename(name: str) -> str:
    """A sender's file name without folders and characters that could mislead; at most 100 long."""
    name = name.replace("\\", "/").rpartition("/")[2]
    # Control and format characters turn names around on screen.
    kept = "".join(one for one in name if unicodedata.category(one)[0] not in "CZ" or one == " ")
    return kept.strip().strip(".")[:FILENAME_MAX]


def delete_on(ended: date) -> date:
    """When the documents of a matter that ended are deleted."""
    return ended + KEPT
