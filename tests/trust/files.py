"""Small whole files of each type, for tests that hand in documents."""

import struct
import zlib


def png(width: int = 2, height: int = 2, mark: bytes = b"") -> bytes:
    """A PNG that says it is so large; `mark` tells one from another."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * min(width, 8) for _ in range(min(height, 8))))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"tEXt", b"Comment\0" + mark)
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def jpeg(width: int = 2, height: int = 2, thumbnail: bytes = b"") -> bytes:
    """The outer form of a JPEG; `thumbnail` stands in its APP1 segment."""
    app = b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00"
    return b"\xff\xd8" + app + frame + scan + b"\x12\xff\x00\x34" + b"\xff\xd9"


def webp(width: int = 2, height: int = 2) -> bytes:
    """The outer form of a lossless WebP."""
    bits = (width - 1) | (height - 1) << 14
    body = b"\x2f" + struct.pack("<I", bits) + b"\0" * 8
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def pdf(mark: bytes = b"") -> bytes:
    """The shortest thing that begins and ends like a PDF."""
    return b"%PDF-1.7\n%" + mark + b"\ntrailer <<>>\n%%EOF\n"
