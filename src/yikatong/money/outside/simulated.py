"""A simulated bank (模拟银行): the whole interface over HTTP, with faults that can be switched on.

For our tests, and for makers of bank systems to compare theirs with. An ASGI application without a
framework, so that it can be dropped into any server: `uvicorn --factory
yikatong.money.outside.simulated:from_environment`.
"""

import contextlib
import os
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from yikatong.core.clock import Clock, SystemClock
from yikatong.money.outside import wire
from yikatong.money.outside.interface import Done, Instruction, Outcome, Refused, day_of, day_start
from yikatong.money.outside.simulated_books import Books, OrderDiffers
from yikatong.money.outside.wire import Secret

_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]

CLOSES_AFTER: Final = timedelta(minutes=30)
"""So long behind midnight a day's statement is final."""
_OLD_ANSWERS_KEPT: Final = 50
_INSTRUCTION: Final = msgspec.json.Decoder(wire.InstructionBody)


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probabilities, 0 to 1, of what goes wrong with a request about an order or a statement."""

    drop: float = 0
    """It never arrives, and nothing is answered."""
    lose: float = 0
    """It is carried out and the answer is lost."""
    delay: float = 0
    """It arrives minutes later, when nobody waits for the answer any more."""
    slow: float = 0
    """It is taken in at once ("processing") and carried out minutes later."""
    repeat: float = 0
    """An old answer is given instead: half as it went out then, half signed anew."""
    fail: float = 0
    """Status 500: half before, half after it is carried out."""
    minutes_max: float = 5
    """What is late is late by up to so much."""


class _Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Of an answer that went out before."""


class _Late(msgspec.Struct, frozen=True):
    at: datetime
    order: Instruction
    taken_in: bool


class SimulatedBank:
    """Callable as an ASGI application; `books` and `faults` may be read and set at any time."""

    def __init__(
        self, code: str, secret: Secret, clock: Clock, *, seed: int = 0, controls: bool = True
    ) -> None:
        self.books = Books(code, clock)
        self.faults = Faults()
        self.happened: Counter[str] = Counter()
        """How often each fault struck."""
        self._secret = secret
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - the same run again, not a secret
        self._late: list[_Late] = []
        self._old: deque[_Answer] = deque(maxlen=_OLD_ANSWERS_KEPT)
        self._controls = controls

    @property
    def late(self) -> int:
        """How many orders are still on their way."""
        return len(self._late)

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert scope["type"] == "http"
        body = await _read(receive)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        method: str = scope["method"]
        target: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        signature = headers.get(wire.SIGNATURE_HEADER, "")
        answer = self._refuse_unsigned(method, target, headers, body)
        if answer is None and target.startswith("/v1/simulation/"):
            answer = self._control(method, target, body)
        if answer is None:
            answer = self._with_faults(method, target, body or b"")
        if answer is None:
            # Nothing is said until the caller has gone.
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await self._send(answer, signature, send)

    def _refuse_unsigned(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None
    ) -> _Answer | None:
        if body is None:
            return _problem(413, "too_large", "the body is too large")
        at, nonce = headers.get(wire.TIME_HEADER, ""), headers.get(wire.NONCE_HEADER, "")
        expected = self._secret.sign_request(method, target, at, nonce, body)
        if not wire.same(headers.get(wire.SIGNATURE_HEADER, ""), expected):
            return _problem(401, "bad_signature", "the signature is missing or wrong")
        if not wire.in_time(at, self._clock.now()):
            return _problem(401, "bad_time", "the time is missing or too far from the bank's")
        return None

    def _with_faults(self, method: str, target: str, body: bytes) -> _Answer | None:
        """The answer, or None where none is given."""
        self.deliver()
        if self._strikes("drop"):
            return None
        failing = self._strikes("fail")
        if failing and self._random.random() < 0.5:
            return _problem(500, "internal", "before it was carried out")
        answer = self._answer(method, target, body)
        if failing:
            return _problem(500, "internal", "after it was carried out")
        if self._strikes("lose"):
            return None
        if self._old and self._strikes("repeat"):
            old = self._random.choice(self._old)
            again = self._random.random() < 0.5
            return _Answer(old.status, old.body) if again else old
        return answer

    def _strikes(self, fault: str) -> bool:
        struck = self._random.random() < getattr(self.faults, fault)
        self.happened[fault] += struck
        return struck

    def deliver(self) -> None:
        """Carry out what is late and has arrived by now, each at its own moment."""
        now = self._clock.now()
        for one in sorted((one for one in self._late if one.at <= now), key=lambda one: one.at):
            self._late.remove(one)
            with contextlib.suppress(OrderDiffers):
                self.books.carry_out(one.order, one.at)

    def _answer(self, method: str, target: str, body: bytes) -> _Answer | None:
        path, _, query = target.partition("?")
        match method, path.split("/")[1:]:
            case "PUT", ["v1", "orders", order_id]:
                return self._instruct(order_id, body)
            case "GET", ["v1", "orders", order_id]:
                return self._outcome_of(order_id)
            case "GET", ["v1", "statements", day]:
                return self._statement(day, query)
            case _:
                return _problem(404, "no_such_address", "there is nothing here")

    def _instruct(self, order_id: str, body: bytes) -> _Answer | None:
        try:
            told = _INSTRUCTION.decode(body)
            msgspec.convert(order_id, wire.OrderId)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _problem(400, "malformed", str(error))
        order = Instruction(
            order_id=order_id,
            direction=told.direction,
            amount=told.amount,
            account=told.account,
            name=told.name,
            memo=told.memo,
            valid_until=told.valid_until,
        )
        if self._strikes("delay"):
            self._late.append(_Late(self._later(), order, taken_in=False))
            return _problem(504, "timeout", "the gateway waited no longer")
        try:
            self.books.check_content(order)
            if order_id not in self.books.outcomes and self._strikes("slow"):
                self._late.append(_Late(self._later(), order, taken_in=True))
            if order_id not in self.books.outcomes and self._taken_in(order_id):
                return _shown(202, wire.ProcessingBody(order_id=order_id))
            return _outcome(order_id, self.books.carry_out(order), refused_status=422)
        except OrderDiffers:
            return _problem(409, "order_differs", "this order id came before with other content")

    def _outcome_of(self, order_id: str) -> _Answer:
        found = self.books.outcomes.get(order_id)
        if found is not None:
            return _outcome(order_id, found, refused_status=200)
        if self._taken_in(order_id):
            return _shown(202, wire.ProcessingBody(order_id=order_id))
        return _shown(404, wire.UnseenBody(order_id=order_id))

    def _taken_in(self, order_id: str) -> bool:
        return any(one.taken_in and one.order.order_id == order_id for one in self._late)

    def _later(self) -> datetime:
        minutes = self._random.random() * self.faults.minutes_max
        return self._clock.now() + timedelta(minutes=minutes)

    def _statement(self, text: str, query: str) -> _Answer:
        try:
            day = date.fromisoformat(text)
            after = int(query.removeprefix("after=") or "0")
        except ValueError:
            return _problem(400, "malformed", "the address is /v1/statements/YYYY-MM-DD?after=N")
        now = self._clock.now()
        closed = day < day_of(now) and now >= day_start(day) + timedelta(days=1) + CLOSES_AFTER
        told = self.books.statement(day, closed=closed)
        sums = Counter[str]()
        for row in told.rows:
            sums[row.direction] += row.amount
        return _shown(
            200,
            wire.PageBody(
                day=day,
                closed=closed,
                rows=[
                    wire.RowBody(**msgspec.structs.asdict(row))
                    for row in told.rows[after : after + wire.PAGE_ROWS_MAX]
                ],
                count=len(told.rows),
                credits=sums["credit"],
                debits=sums["debit"],
            ),
        )

    def _control(self, method: str, target: str, body: bytes | None) -> _Answer:
        """Switch faults and read the books from outside, signed like everything else."""
        if self._controls and (method, target) == ("PUT", "/v1/simulation/faults"):
            try:
                self.faults = msgspec.json.decode(body or b"", type=Faults)
            except msgspec.DecodeError as error:
                return _problem(400, "malformed", str(error))
            return _shown(200, self.faults)
        if self._controls and (method, target) == ("GET", "/v1/simulation/books"):
            self.deliver()
            return _shown(
                200,
                {
                    "accounts": list(self.books.accounts.values()),
                    "journal": self.books.journal,
                    "happened": dict(self.happened),
                },
            )
        return _problem(404, "no_such_address", "there is nothing here")

    async def _send(self, answer: _Answer, request_signature: str, send: _Send) -> None:
        headers = answer.headers
        if not headers:
            at = str(int(self._clock.now().timestamp()))
            signature = self._secret.sign_answer(request_signature, answer.status, at, answer.body)
            headers = (
                (b"content-type", b"application/json"),
                (b"content-length", str(len(answer.body)).encode()),
                (wire.TIME_HEADER.encode(), at.encode()),
                (wire.SIGNATURE_HEADER.encode(), signature.encode()),
            )
            if answer.status in (200, 422):
                self._old.append(_Answer(answer.status, answer.body, headers))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


async def _read(receive: _Receive) -> bytes | None:
    """The whole body; None where it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > wire.REQUEST_BYTES_MAX:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _shown(status: int, value: object) -> _Answer:
    return _Answer(status, msgspec.json.encode(value))


def _problem(status: int, code: str, detail: str) -> _Answer:
    return _shown(status, wire.ProblemBody(code=code, detail=detail))


def _outcome(order_id: str, outcome: Outcome, *, refused_status: int) -> _Answer:
    match outcome:
        case Done():
            return _shown(
                200,
                wire.DoneBody(
                    order_id=order_id,
                    direction=outcome.direction,
                    amount=outcome.amount,
                    reference=outcome.reference,
                    at=outcome.at,
                ),
            )
        case Refused():
            reason = wire.TextBody(outcome.text.zh, outcome.text.en)
            body = wire.RefusedBody(order_id=order_id, code=outcome.code, reason=reason)
            return _shown(refused_status, body)


def from_environment() -> SimulatedBank:
    """A simulated bank of its own process, for `uvicorn --factory`.

    YIKATONG_SIMULATED_BANK: its code; YIKATONG_SIMULATED_BANK_SECRET_FILE: the shared secret;
    YIKATONG_SIMULATED_BANK_ACCOUNTS: a JSON file with a list of {number, name, balance} (fen).
    """
    code = os.environ.get("YIKATONG_SIMULATED_BANK", "SIMBANK")
    secret = Secret.from_file(Path(os.environ.get("YIKATONG_SIMULATED_BANK_SECRET_FILE", "")))
    bank = SimulatedBank(code, secret, SystemClock())
    accounts = os.environ.get("YIKATONG_SIMULATED_BANK_ACCOUNTS")
    if accounts:
        for one in msgspec.json.decode(Path(accounts).read_bytes(), type=list[dict[str, Any]]):
            bank.books.open_account(one["number"], one["name"], one.get("balance", 0))
    return bank
