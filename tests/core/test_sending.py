"""Texts to phones: kept in the sandbox, handed to a sender, given up at last."""

from datetime import timedelta

import httpx
import msgspec
import pytest

from yikatong.core import sending
from yikatong.core.clock import FixedClock
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.core.sending import HttpSender, NotDelivered, Outgoing

WORDS = Text("验证码 123456", "code 123456")


def with_settings(platform: Platform, **changes: object) -> Platform:
    settings = msgspec.structs.replace(platform.settings, **changes)
    return Platform(platform.database, platform.clock, platform.vault, settings)


async def post(platform: Platform, to: str = "13861720001") -> int:
    async with platform.database.transaction() as connection:
        return await sending.post(
            platform, connection, to, WORDS, purpose="sign_in", valid_for=timedelta(minutes=5)
        )


async def outcome(platform: Platform) -> tuple[str, int, str]:
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow("select state, tries, outcome from outgoing_texts")
    assert row is not None
    return row["state"], row["tries"], row["outcome"]


class Recorder:
    """A sender that fails so many times first."""

    def __init__(self, *failures: NotDelivered) -> None:
        self.failures = list(failures)
        self.got: list[Outgoing] = []

    async def send(self, text: Outgoing) -> None:
        self.got.append(text)
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_PAUSE_SECONDS", 0)


async def test_in_a_sandbox_texts_stay_in_the_inbox_masked_and_sealed(platform: Platform) -> None:
    await post(platform)
    (text,) = await sending.inbox(platform)
    assert text.words == WORDS
    assert text.to_masked == "138****0001"
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchval("select t::text from outgoing_texts t")
    assert "123456" not in row
    assert "13861720001" not in row
    assert await sending.deliver(platform) == 0


async def test_in_production_without_a_sender_nothing_can_be_sent(platform: Platform) -> None:
    production = with_settings(platform, sandbox=False)
    assert not sending.available(production.settings)
    with pytest.raises(sending.CannotSend):
        await post(production)


async def test_a_text_is_handed_over_once_and_forgotten(platform: Platform) -> None:
    real = with_settings(platform, sender_url="https://sms.example")
    await post(real)
    sender = Recorder()
    assert await sending.deliver(real, sender) == 1
    assert await sending.deliver(real, sender) == 0
    assert [(one.to, one.words, one.purpose) for one in sender.got] == [
        ("13861720001", WORDS, "sign_in")
    ]
    assert await outcome(platform) == ("sent", 1, "taken on")
    assert await sending.inbox(platform) == []
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow("select to_sealed, words_sealed from outgoing_texts")
    assert row is not None
    assert list(row) == [None, None]


async def test_a_sender_that_fails_is_tried_three_times(platform: Platform) -> None:
    real = with_settings(platform, sender_url="https://sms.example")
    await post(real)
    twice = Recorder(*(NotDelivered("status 503", again=True) for _ in range(2)))
    assert await sending.deliver(real, twice) == 1
    assert len({one.text_id for one in twice.got}) == 1
    assert await outcome(platform) == ("sent", 3, "taken on")


@pytest.mark.parametrize(("again", "tries"), [(True, 3), (False, 1)])
async def test_what_cannot_be_sent_is_recorded_as_failed(
    platform: Platform, again: bool, tries: int
) -> None:
    real = with_settings(platform, sender_url="https://sms.example")
    await post(real)
    sender = Recorder(*(NotDelivered("no", again=again) for _ in range(9)))
    assert await sending.deliver(real, sender) == 0
    assert await outcome(platform) == ("failed", tries, "no")


async def test_a_text_that_is_to_wait_goes_out_when_it_may_and_not_long_after(
    platform: Platform, clock: FixedClock
) -> None:
    real = with_settings(platform, sender_url="https://sms.example")
    for one in (real, platform):
        async with platform.database.transaction() as connection:
            await sending.post(
                one, connection, "13861720001", WORDS, purpose="notice", language="en",
                valid_for=timedelta(minutes=5), not_before=clock.now() + timedelta(hours=8),
            )  # fmt: skip
    sender = Recorder()
    clock.advance(timedelta(hours=7, minutes=59))
    assert await sending.deliver(real, sender) == 0
    assert await sending.inbox(platform) == []
    clock.advance(timedelta(minutes=2))
    assert await sending.deliver(real, sender) == 1
    assert [one.language for one in sender.got] == ["en"]
    assert len(await sending.inbox(platform)) == 1


async def test_a_text_whose_time_is_over_is_not_sent(platform: Platform, clock: FixedClock) -> None:
    real = with_settings(platform, sender_url="https://sms.example")
    await post(real)
    clock.advance(timedelta(minutes=5))
    sender = Recorder()
    assert await sending.deliver(real, sender) == 0
    assert sender.got == []
    assert (await outcome(platform))[0] == "late"


async def test_a_text_lost_with_a_process_is_sent_by_the_next(
    platform: Platform, clock: FixedClock
) -> None:
    real = with_settings(platform, sender_url="https://sms.example")
    await post(real)

    class Dies:
        async def send(self, text: Outgoing) -> None:
            raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        await sending.deliver(real, Dies())
    sender = Recorder()
    assert await sending.deliver(real, sender) == 0
    clock.advance(timedelta(minutes=1))
    assert await sending.deliver(real, sender) == 1


async def test_the_http_sender_posts_json_and_reads_the_status() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        status = {"/ok": 202, "/later": 503, "/busy": 429, "/never": 404, "/moved": 302}
        return httpx.Response(
            status[request.url.path], headers={"location": "http://evil.example/"}
        )

    text = Outgoing(77, "sign_in", "13861720001", WORDS)
    transport = httpx.MockTransport(answer)
    for path, again in (("later", True), ("busy", True), ("never", False), ("moved", False)):
        with pytest.raises(NotDelivered) as failed:
            await HttpSender(f"https://sms.example/{path}", None, transport).send(text)
        assert failed.value.again is again
    await HttpSender("https://sms.example/ok", "secret", transport).send(text)
    assert [one.url.host for one in asked] == ["sms.example"] * 5
    last = asked[-1]
    assert last.headers["authorization"] == "Bearer secret"
    assert last.headers["idempotency-key"] == "77"
    assert msgspec.json.decode(last.content) == {
        "id": "77", "channel": "sms", "to": "13861720001", "purpose": "sign_in",
        "text": WORDS.as_dict(), "language": None,
    }  # fmt: skip


async def test_a_sender_that_does_not_answer_is_not_delivered() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("nobody there")

    sender = HttpSender("https://sms.example", None, httpx.MockTransport(answer))
    with pytest.raises(NotDelivered) as failed:
        await sender.send(Outgoing(1, "sign_in", "13861720001", WORDS))
    assert failed.value.again
    await sender.aclose()


async def test_old_texts_are_forgotten(platform: Platform, clock: FixedClock) -> None:
    await post(platform)
    assert await sending.forget_old(platform) == 0
    clock.advance(timedelta(days=31))
    assert await sending.forget_old(platform) == 1
