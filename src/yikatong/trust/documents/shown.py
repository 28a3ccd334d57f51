"""How documents are answered: as files to keep, or pictures to look at; never as anything that runs."""

from typing import Any, Final

from litestar import Response

from yikatong.trust.documents.model import ENDINGS, KINDS, Document, MediaType, Opened

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    # Even opened in a window of its own it may load and run nothing.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def body(one: Document) -> dict[str, Any]:
    """A document for JSON, without its content."""
    return {
        "document_id": str(one.document_id),
        "matter": one.matter.kind,
        "matter_id": str(one.matter.matter_id),
        "kind": one.kind,
        "kind_name": KINDS[one.kind].as_dict(),
        "media_type": one.media_type,
        "size": one.size,
        "filename": one.filename,
        "added_at": one.added_at.isoformat(),
        "added_by": one.added_by,
        "delete_on": one.delete_on.isoformat() if one.delete_on else None,
    }


def answer(opened: Opened, *, inline: bool = False) -> Response[bytes]:
    """The content of a document; its name is ours: the sender's may tell more of a person than the
    download folder of an office should."""
    one = opened.document
    return file(opened.content, one.media_type, f"{one.kind}-{one.document_id}", inline=inline)


def file(
    content: bytes, media_type: MediaType, stem: str, *, inline: bool = False
) -> Response[bytes]:
    """What was sent in, as a download. `inline`: a picture is shown in its place, a PDF never."""
    shows = inline and media_type != "application/pdf"
    name = f"{stem}.{ENDINGS[media_type]}"
    disposition = f'{"inline" if shows else "attachment"}; filename="{name}"'
    headers = {**_HEADERS, "Content-Disposition": disposition}
    return Response(content, media_type=media_type, headers=headers)
