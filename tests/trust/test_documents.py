"""Documents: told by their content, sealed, counted, seen by name, deleted in time."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.files import jpeg, pdf, png, webp
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.sealing import SealBroken, Vault
from yikatong.trust import audit
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules, service, shown
from yikatong.trust.documents.model import Document, Matter, NoSuchDocument, TooManyDocuments

PERSON, OTHER = 1_000_001, 1_000_002
MATTER = Matter("person_change", 7)
CLERK = Actor("staff", "clerk-7", "documents")


async def add(
    platform: Platform,
    content: bytes,
    *,
    person_id: int = PERSON,
    matter: Matter = MATTER,
    kind: str = "id_document",
    filename: str = "身份证.png",
) -> Document:
    async with platform.database.transaction() as connection:
        return await service.add(
            platform, connection, person_id, matter, kind, content, filename, CLERK
        )


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (png(3, 5), "image/png"),
        (jpeg(3, 5), "image/jpeg"),
        (webp(3, 5), "image/webp"),
        (pdf(), "application/pdf"),
    ],
)
def test_the_type_is_told_by_the_content(content: bytes, media_type: str) -> None:
    form = rules.read(content)
    assert form.media_type == media_type
    if media_type != "application/pdf":
        assert (form.width, form.height) == (3, 5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"MZ\x90 program", "PDF, JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "PDF, JPEG"),
        (b"<!doctype html><script>1</script>", "PDF, JPEG"),
        (b"PK\x03\x04 zip", "PDF, JPEG"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 20, "HEIC"),
        (pdf() + b"\0" * rules.BYTES_MAX, "at most 5 MB"),
        (png(0, 5), "empty"),
        (png(60_000, 60_000), "too large"),
        (png(30_000, 2), "too large"),
        (jpeg(9_000, 9_000), "too large"),
        (webp(16_000, 16_000), "too large"),
    ],
)
def test_anything_else_is_refused_naming_the_field(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        rules.read(content, "photo")
    assert caught.value.field == "photo"
    assert caught.value.text.zh
    assert caught.value.text.en


@pytest.mark.parametrize("content", [png(3, 5), jpeg(3, 5, jpeg()), webp(3, 5), pdf()])
@given(data=st.data())
def test_what_was_cut_off_is_refused(content: bytes, data: st.DataObject) -> None:
    # The last bytes of a PDF and a WebP may be line ends and padding.
    length = data.draw(st.integers(1, len(content) - 8))
    with pytest.raises(InvalidInput):
        rules.read(content[:length])


@given(noise=st.binary(max_size=300), head=st.sampled_from((png(), jpeg(), webp(), pdf(), b"")))
def test_noise_is_read_or_refused_and_nothing_else(noise: bytes, head: bytes) -> None:
    for content in (head[:20] + noise, head + noise, noise + head):
        with contextlib.suppress(InvalidInput):
            assert rules.read(content).media_type


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("身份证.jpg", "身份证.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a b.pdf", "a b.pdf"),
        ("x\u202egpj.exe\r\nSet-Cookie: a", "xgpj.exeSet-Cookie: a"),
        ("…" * 300, "…" * 100),
        ("", ""),
    ],
)
def test_a_filename_is_made_harmless(name: str, clean: str) -> None:
    assert rules.clean_filename(name) == clean


def test_a_pdf_is_never_shown_inline_and_a_picture_can_do_nothing() -> None:
    for content, disposition in ((pdf(), "attachment"), (png(), "inline")):
        form = rules.read(content)
        headers = shown.file(content, form.media_type, "x", inline=True).headers
        assert headers["Content-Disposition"].startswith(disposition)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
    assert shown.file(png(), "image/png", "x").headers["Content-Disposition"] == (
        'attachment; filename="x.png"'
    )


async def test_a_document_is_sealed_kept_once_and_who_saw_it_is_known(platform: Platform) -> None:
    one = await add(platform, png())
    again = await add(platform, png(), filename="other.png")
    assert (again.document_id, again.filename) == (one.document_id, "身份证.png")
    async with platform.database.transaction() as connection:
        opened = await service.open_one(platform, connection, PERSON, one.document_id, CLERK)
        assert opened.content == png()
        assert opened.document == again
        assert await service.list_of(platform, connection, PERSON, MATTER) == [again]
        assert await service.kinds_of(connection, PERSON, MATTER) == {"id_document"}
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow("select sealed, filename_sealed from documents")
        assert row is not None
        assert b"PNG" not in row["sealed"]
        assert "身份证".encode() not in row["filename_sealed"]
        events = await audit.of_person(connection, PERSON)
    assert [(one.action, one.actor.name) for one in events] == [
        ("document.read", "clerk-7"), ("document.added", "clerk-7"),
    ]  # fmt: skip


async def test_nobody_opens_it_for_another_person_or_number(platform: Platform) -> None:
    one, two = await add(platform, png()), await add(platform, pdf(), person_id=OTHER)
    async with platform.database.transaction() as connection:
        with pytest.raises(NoSuchDocument):
            await service.open_one(platform, connection, OTHER, one.document_id, CLERK)
        await connection.execute(
            "update documents set sealed = (select sealed from documents where person_id = $1)"
            " where person_id = $2", PERSON, OTHER,
        )  # fmt: skip
        with pytest.raises(SealBroken):
            await service.open_one(platform, connection, OTHER, two.document_id, CLERK)


async def test_a_matter_has_at_most_ten_also_when_all_come_at_once(platform: Platform) -> None:
    done = await asyncio.gather(
        *(add(platform, pdf(bytes([65 + at]))) for at in range(14)), return_exceptions=True
    )
    assert len([one for one in done if isinstance(one, Document)]) == rules.PER_MATTER_MAX
    assert len([one for one in done if isinstance(one, TooManyDocuments)]) == 4
    await add(platform, pdf(), matter=Matter("person_change", 8))


async def test_an_unknown_kind_is_refused(platform: Platform) -> None:
    with pytest.raises(InvalidInput) as caught:
        await add(platform, pdf(), kind="selfie")
    assert caught.value.field == "kind"


async def test_documents_are_deleted_two_years_after_their_matter_ended(
    platform: Platform, clock: FixedClock
) -> None:
    await add(platform, png())
    going_on = await add(platform, png(), matter=Matter("person_change", 8))
    async with platform.database.transaction() as connection:
        await service.end(platform, connection, PERSON, MATTER)
    clock.advance(rules.KEPT - timedelta(days=1))
    assert await service.forget_old(platform) == 0
    clock.advance(timedelta(days=1))
    assert await service.forget_old(platform) == 1
    assert await service.forget_old(platform) == 0
    async with platform.database.transaction() as connection:
        assert await service.list_of(platform, connection, PERSON, MATTER) == []
        await service.open_one(platform, connection, PERSON, going_on.document_id, CLERK)
        events = await audit.of_person(connection, PERSON)
    assert "document.deleted" in {one.action for one in events}


def test_bytes_open_only_for_their_person_and_field() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal_bytes("document.1", 7, b"\xff\x00")
    assert vault.open_bytes("document.1", 7, sealed) == b"\xff\x00"
    for field, person_id in (("document.2", 7), ("document.1", 8)):
        with pytest.raises(SealBroken):
            vault.open_bytes(field, person_id, sealed)
    with pytest.raises(SealBroken):
        vault.open("document.1", 7, sealed)
