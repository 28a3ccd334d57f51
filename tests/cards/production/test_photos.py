"""Photos for the cards: needed or not, refused at the review, named in the order, handed to the maker."""

import hashlib
import tracemalloc
from datetime import date

import msgspec
import pytest

from tests.cards.citizens import COUNTER, FIRST, ONLINE, REVIEWER, SELF, citizen
from tests.cards.production.crowd import MAKER, MAKING, approved, batch, crowd, exported
from tests.trust.files import jpeg, png
from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying, terms
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.model import MATTER, Doing
from yikatong.cards.production import files, service, wire
from yikatong.cards.production.wire import CardData, PhotoData
from yikatong.core.platform import Platform
from yikatong.trust import audit
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Matter

CHILD = Doing("online", "guardian", materials=("identity", "photo"))


async def add(
    platform: Platform, made: CardApplication, content: bytes, kind: str = "photo"
) -> None:
    matter = Matter(MATTER, made.application_id)
    async with platform.database.transaction() as connection:
        await documents.add(platform, connection, made.person_id, matter, kind, content, "", SELF)


async def photos(platform: Platform, batch_id: int) -> bytes:
    return b"".join([piece async for piece in files.photos(platform, batch_id, MAKING)])


@pytest.mark.parametrize("born", [date(2010, 3, 2), date(2018, 1, 1)])
async def test_an_order_without_the_photo_of_a_child_is_refused_at_the_review(
    platform: Platform, born: date
) -> None:
    person_id = await citizen(platform, born=born)
    made = await applying.apply(platform, person_id, FIRST, CHILD, SELF, "a")
    number = made.application_id
    await add(platform, made, b"%PDF-1.4\n%%EOF\n")
    with pytest.raises(CardRefused, match="passport photo") as refused:
        await applying.approve(platform, person_id, number, COUNTER, REVIEWER, "b")
    assert "补交一张证件照" in refused.value.text.zh
    await add(platform, made, png())
    made = await applying.approve(platform, person_id, number, COUNTER, REVIEWER, "c")
    assert made.state == "in_production"


async def test_of_who_has_an_id_card_the_photo_is_in_the_population_base(
    platform: Platform,
) -> None:
    person_id = await citizen(platform, born=date(2010, 3, 1))
    made = await applying.apply(platform, person_id, FIRST, ONLINE, SELF, "a")
    made = await applying.approve(platform, person_id, made.application_id, COUNTER, REVIEWER, "b")
    assert made.state == "in_production"


@pytest.fixture
def each_hands_one_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a region that takes no photos from the population base."""
    find = terms.Book.find

    def handed_in(book: terms.Book, region: str, on: date) -> terms.CardRules:
        return msgspec.structs.replace(find(book, region, on), photo="handed_in")

    monkeypatch.setattr(terms.Book, "find", handed_in)


@pytest.mark.usefixtures("each_hands_one_in")
async def test_where_each_hands_one_in_nothing_is_decided_at_once_without_it(
    platform: Platform,
) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, COUNTER, SELF, "a")
    assert made.state == "applied"
    with pytest.raises(CardRefused):
        await applying.approve(platform, person_id, made.application_id, COUNTER, REVIEWER, "b")


def test_guangdong_takes_no_photos_from_the_population_base() -> None:
    book, day = terms.load(), date(2026, 3, 1)
    assert book.find("440100", day).photo == "handed_in"
    assert book.find("510100", day).photo == "population_base"


async def test_the_order_names_each_photo_and_the_photo_file_has_those_handed_in(
    platform: Platform,
) -> None:
    everybody = await approved(platform, await crowd(platform, 3))
    await add(platform, everybody[0], jpeg(3, 3))
    await add(platform, everybody[0], jpeg(5, 4))
    await add(platform, everybody[1], png(mark=b"x"), "id_document")
    one = await batch(platform)
    order = wire.proved(await exported(platform, one.batch_id), wire.ORDER, None)
    cards = [msgspec.json.decode(line, type=CardData) for line in order[1:]]
    newest = hashlib.sha256(jpeg(5, 4)).hexdigest()
    told = {card.application: (card.photo.source, card.photo.sha256) for card in cards}
    assert told == {
        str(everybody[0].application_id): ("file", newest),
        str(everybody[1].application_id): ("population_base", ""),
        str(everybody[2].application_id): ("population_base", ""),
    }
    public = wire.public_bytes(wire.signing_key(platform.vault))
    content = await photos(platform, one.batch_id)
    (photo,) = [
        msgspec.json.decode(line, type=PhotoData)
        for line in wire.proved(content, wire.PHOTOS, public)[1:]
    ]
    card = next(card for card in cards if card.photo.source == "file")
    assert (photo.seq, photo.application, photo.sha256) == (card.seq, card.application, newest)
    assert (photo.media_type, wire.untold(photo.photo)) == ("image/jpeg", jpeg(5, 4))
    summary = await service.summary(platform, one.batch_id)
    assert [each.file for each in summary.exports] == ["order", "photos"]
    async with platform.database.transaction(readonly=True) as connection:
        seen = [
            [event.action for event in await audit.of_person(connection, person.person_id)]
            for person in everybody
        ]
    assert ["card.photo_sent_to_maker" in actions for actions in seen] == [True, False, False]


async def test_photos_leave_sealed_for_a_maker_with_a_key_and_not_with_the_orders_key(
    platform: Platform,
) -> None:
    (made,) = await approved(platform, await crowd(platform, 1))
    await add(platform, made, jpeg())
    one = await batch(platform)
    private = wire.X25519PrivateKey.generate()
    told = wire.told(wire.public_bytes(private))
    await service.put_maker(platform, MAKER, "制卡一厂", None, told, MAKING)
    lines = wire.proved(await photos(platform, one.batch_id), wire.PHOTOS, None)
    assert b"image/jpeg" not in lines[1]
    head = msgspec.json.decode(lines[0], type=wire.OrderHead)
    photo = msgspec.json.decode(wire.Opener(private, head).line(lines[1]), type=PhotoData)
    assert wire.untold(photo.photo) == jpeg()
    as_order = msgspec.structs.replace(head, format=wire.ORDER)
    with pytest.raises(ValueError, match="open"):
        wire.Opener(private, as_order).line(lines[1])


async def test_of_many_large_photos_a_few_are_in_memory_at_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PHOTO_BYTES_AT_ONCE", 300_000)
    for made in await approved(platform, await crowd(platform, 20)):
        await add(platform, made, png(mark=made.person_id.to_bytes(8, "big") * 12_500))
    one = await batch(platform)
    tracemalloc.start()
    size = 0
    async for piece in files.photos(platform, one.batch_id, MAKING):
        assert len(piece) < 600_000
        size += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 20 * 130_000
    assert peak < 3_000_000
