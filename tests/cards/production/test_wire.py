"""The files between office and maker, as any maker's program would read and write them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.cards.production import wire
from yikatong.cards.production.errors import FileWrong
from yikatong.cards.production.wire import CardData, OrderHead, Photo, Result, Seal, Writer
from yikatong.core.sealing import Vault

KEY = wire.signing_key(Vault(bytes(range(32))))
PUBLIC = wire.public_bytes(KEY)
MAKERS = wire.X25519PrivateKey.generate()

_words = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
_cards = st.lists(
    st.builds(
        CardData,
        seq=st.integers(1, 2**31 - 1), application=_words, card_identifier=_words, card_number=_words,
        generation=st.integers(1, 3), version=_words, region=_words, issued_on=_words,
        valid_until=_words, bank=_words, social_security_number=_words, name=_words,
        sex=st.integers(1, 2), ethnic_group=_words, birth_place=_words, birth_date=_words,
        photo=st.builds(Photo, source=st.just("list"), reference=_words),
    ),
    max_size=8,
)  # fmt: skip
_reasons = st.text("芯片坏印歪abcXYZ019", min_size=1, max_size=wire.REASON_MAX)
_results = st.lists(
    st.builds(
        Result,
        seq=st.integers(1, 10_000),
        card_number=st.text("ABC123", min_size=9, max_size=9),
        result=st.sampled_from(["made", "spoiled", "missing"]),
        reason=_reasons,
    ),
    unique_by=lambda one: one.seq,
    max_size=12,
)


def order_file(cards: list[CardData], seal: Seal | None, pieces: int = 3) -> bytes:
    told = None if seal is None else seal.told
    head = OrderHead(
        wire.ORDER, "7", "MAKER-1", "510100", "ICBC", "2026-03-01T09:00:00+08:00", told
    )
    writer = Writer(head, KEY, seal)
    parts = [writer.head()]
    parts += [writer.cards(cards[at : at + pieces]) for at in range(0, len(cards), pieces)]
    return b"".join([*parts, writer.tail()[0]])


@given(_cards)
def test_an_order_file_says_the_cards_it_was_made_of(cards: list[CardData]) -> None:
    lines = wire.proved(order_file(cards, None), wire.ORDER, PUBLIC)
    assert [msgspec.json.decode(line, type=CardData) for line in lines[1:]] == cards


@given(_cards)
def test_sealed_cards_open_with_the_makers_key_alone(cards: list[CardData]) -> None:
    content = order_file(cards, Seal(wire.public_bytes(MAKERS), "7"))
    lines = wire.proved(content, wire.ORDER, PUBLIC)
    head = msgspec.json.decode(lines[0], type=OrderHead)
    opener = wire.Opener(MAKERS, head)
    opened = [msgspec.json.decode(opener.line(line), type=CardData) for line in lines[1:]]
    assert opened == cards
    stranger = wire.Opener(wire.X25519PrivateKey.generate(), head)
    for line in lines[1:]:
        with pytest.raises(ValueError, match="open"):
            stranger.line(line)


@given(_results)
def test_a_result_file_says_what_the_maker_wrote(results: list[Result]) -> None:
    content = wire.write_results("7", "MAKER-1", results, KEY)
    good, faults = wire.read_results(content, "7", "MAKER-1", PUBLIC)
    assert faults == []
    assert good == list(enumerate(results, 2))
    # However the line ends are written at the very end.
    assert wire.read_results(content + b"\r\n", "7", "MAKER-1", PUBLIC)[0] == good


@given(_results, st.data())
def test_a_changed_or_cut_file_is_refused_whole(results: list[Result], data: st.DataObject) -> None:
    content = wire.write_results("7", "MAKER-1", results, KEY)
    body = content[: content.rstrip().rfind(b"\n") + 1]
    at = data.draw(st.integers(0, len(body) - 1))
    changed = bytes([content[at] ^ 1])
    with pytest.raises(FileWrong):
        wire.read_results(content[:at] + changed + content[at + 1 :], "7", "MAKER-1", PUBLIC)
    with pytest.raises(FileWrong):
        wire.read_results(
            content[: data.draw(st.integers(0, len(content) - 2))], "7", "MAKER-1", PUBLIC
        )


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_answered_with_what_is_wrong(content: bytes) -> None:
    with pytest.raises(FileWrong) as refused:
        wire.read_results(content, "7", "MAKER-1", None)
    assert refused.value.text.zh


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["seq", "card_number", "result", "reason", "x"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=6,
        ),
        max_size=6,
    )
)
def test_each_line_is_taken_or_explained(lines: list[object]) -> None:
    body = msgspec.json.encode(wire.ResultHead(wire.RESULT, "7", "MAKER-1")) + b"\n"
    body += b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    tail = wire.Tail(len(lines), wire.hashlib.sha256(body).hexdigest())
    good, faults = wire.read_results(body + msgspec.json.encode(tail) + b"\n", "7", "MAKER-1", None)
    assert len(good) + len(faults) == len(lines)
    assert all(fault.zh and fault.en.isascii() for fault in faults)


@pytest.mark.parametrize(
    ("field", "batch", "maker"), [("batch", "8", "MAKER-1"), ("maker", "7", "M2")]
)
def test_a_file_of_another_batch_or_maker_is_refused(field: str, batch: str, maker: str) -> None:
    content = wire.write_results(batch, maker, [], None)
    with pytest.raises(FileWrong) as refused:
        wire.read_results(content, "7", "MAKER-1", None)
    assert refused.value.field == field
