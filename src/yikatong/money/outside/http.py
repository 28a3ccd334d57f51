"""The HTTP adapter (外部银行接口): a bank that keeps the accounts itself, asked over HTTP.

Whatever is not a signed, well-formed answer to exactly this request is no answer: OutcomeUnknown.
"""

import asyncio
from datetime import date
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from yikatong.core.clock import Clock
from yikatong.core.errors import InvalidInput
from yikatong.money.outside import wire
from yikatong.money.outside.interface import (
    BankStatement,
    Done,
    Instruction,
    Outcome,
    OutcomeUnknown,
    Refused,
    StatementRow,
)
from yikatong.money.outside.wire import Secret

_log = structlog.stdlib.get_logger("yikatong.money.outside")

_Body = TypeVar("_Body")

_PAGES_MAX: Final = 10_000
_STATEMENT_TRIES_MAX: Final = 3
_ORDER: Final[msgspec.json.Decoder[wire.OrderBody]] = msgspec.json.Decoder(wire.OrderBody)
_PAGE: Final = msgspec.json.Decoder(wire.PageBody)
_LOCAL: Final = frozenset(("127.0.0.1", "::1", "localhost"))


class HttpBank:
    """A connector to one outside bank; close it when the platform stops."""

    def __init__(
        self,
        code: str,
        url: str,
        secret: Secret,
        clock: Clock,
        *,
        timeout_seconds: float = 10,
        tries_max: int = 3,
        pause_seconds: float = 0.2,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise InvalidInput(
                "url", zh="银行接口地址应为 https", en="the address of a bank begins with https"
            )
        self._code = code
        self._base = url.rstrip("/")
        self._secret = secret
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._tries_max = tries_max
        self._pause_seconds = pause_seconds
        # No proxies or credentials from the environment, no redirects: only this bank hears us.
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            headers={"accept": "application/json", "accept-encoding": "identity"},
        )

    @property
    def code(self) -> str:
        return self._code

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def instruct(self, order: Instruction) -> Outcome:
        """Raises OutcomeUnknown; the same instruction may be sent again."""
        body = msgspec.json.encode(
            wire.InstructionBody(
                direction=order.direction,
                amount=order.amount,
                currency="CNY",
                account=order.account,
                name=order.name,
                memo=order.memo,
                valid_until=order.valid_until,
            )
        )
        outcome = await self._order("PUT", order.order_id, body)
        if outcome is None:
            raise self._unknown("the bank does not know the order it was just sent")
        if isinstance(outcome, Done) and (outcome.direction, outcome.amount) != (
            order.direction,
            order.amount,
        ):
            raise self._unknown("the answer is about another amount or direction")
        return outcome

    async def outcome_of(self, order_id: str) -> Outcome | None:
        """None: the bank has not seen it. Raises OutcomeUnknown."""
        return await self._order("GET", order_id, b"")

    async def _order(self, method: str, order_id: str, body: bytes) -> Outcome | None:
        status, answer = await self._ask(method, f"/v1/orders/{order_id}", body, order_id)
        read = self._decode(_ORDER, answer, status)
        if status not in wire.STATUS_OF[type(read)]:
            raise self._unknown(f"status {status} does not go with the state answered")
        if read.order_id != order_id:
            raise self._unknown("the answer is about another order")
        match read:
            case wire.DoneBody():
                return Done(
                    direction=read.direction,
                    amount=read.amount,
                    reference=read.reference,
                    at=read.at,
                )
            case wire.RefusedBody():
                return Refused(code=read.code, text=read.reason.text())
            case wire.ProcessingBody():
                raise self._unknown("the bank is still at work on it")
            case wire.UnseenBody():
                return None

    async def statement(self, day: date) -> BankStatement:
        """All pages, proved complete by the bank's own count and sums. Raises OutcomeUnknown."""
        for _ in range(_STATEMENT_TRIES_MAX):
            rows, last = await self._pages(day)
            sums = {"credit": 0, "debit": 0}
            for row in rows:
                sums[row.direction] += row.amount
            if (len(rows), sums["credit"], sums["debit"]) == (
                last.count,
                last.credits,
                last.debits,
            ):
                return BankStatement(day=day, closed=last.closed, rows=rows)
            # On a day still open something may have come in between two pages.
        raise self._unknown("the statement's rows do not make its count and sums")

    async def _pages(self, day: date) -> tuple[list[StatementRow], wire.PageBody]:
        rows: list[StatementRow] = []
        for _ in range(_PAGES_MAX):
            target = f"/v1/statements/{day.isoformat()}?after={len(rows)}"
            status, answer = await self._ask("GET", target, b"", None)
            page = self._decode(_PAGE, answer, status)
            if status != 200 or page.day != day:
                raise self._unknown("the answer is not the statement asked for")
            rows += [StatementRow(**msgspec.structs.asdict(row)) for row in page.rows]
            if len(rows) >= page.count or not page.rows:
                return rows, page
        raise self._unknown("the statement does not end")

    async def _ask(
        self, method: str, target: str, body: bytes, order_id: str | None
    ) -> tuple[int, bytes]:
        """Status and body of a signed answer. All requests may be repeated, so lost ones are."""
        for left in reversed(range(self._tries_max)):
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._ask_once(method, target, body)
            except (httpx.HTTPError, httpx.StreamError, TimeoutError, OutcomeUnknown) as error:
                why = error.why if isinstance(error, OutcomeUnknown) else type(error).__name__
                _log.warning(
                    "no usable answer from a bank",
                    bank=self._code,
                    order_id=order_id,
                    why=why,
                    tries_left=left,
                )
                if not left:
                    raise self._unknown(why) from error
                await asyncio.sleep(self._pause_seconds * 2 ** (self._tries_max - left - 1))
        raise AssertionError("at least one try")

    async def _ask_once(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        request = self._client.build_request(method, self._base + target, content=body)
        at, nonce = str(int(self._clock.now().timestamp())), wire.new_nonce()
        signature = self._secret.sign_request(
            method, request.url.raw_path.decode("ascii"), at, nonce, body
        )
        request.headers[wire.TIME_HEADER] = at
        request.headers[wire.NONCE_HEADER] = nonce
        request.headers[wire.SIGNATURE_HEADER] = signature
        if body:
            request.headers["content-type"] = "application/json"
        response = await self._client.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self._unknown("the answer is compressed")
            answer = bytearray()
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > wire.ANSWER_BYTES_MAX:
                    raise self._unknown("the answer is too large")
        finally:
            await response.aclose()
        if response.status_code >= 500:
            raise self._unknown(f"status {response.status_code}")
        answered_at = response.headers.get(wire.TIME_HEADER, "")
        expected = self._secret.sign_answer(
            signature, response.status_code, answered_at, bytes(answer)
        )
        if not wire.same(response.headers.get(wire.SIGNATURE_HEADER, ""), expected):
            raise self._unknown(f"status {response.status_code}, signature missing or wrong")
        if not wire.in_time(answered_at, self._clock.now()):
            raise self._unknown("the bank's clock is too far from ours")
        return response.status_code, bytes(answer)

    def _decode(self, decoder: msgspec.json.Decoder[_Body], answer: bytes, status: int) -> _Body:
        try:
            return decoder.decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # What the bank wrote is not repeated: it may hold somebody's account or name.
            raise self._unknown(f"status {status}, an answer that cannot be read") from error

    def _unknown(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(self._code, why)
