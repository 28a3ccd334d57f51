"""The addresses of the hospital interface, answered beside the web framework.

The busiest path of the platform: a call is read once, straight into a struct, and what its answer
consists of is put together as bytes.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol, cast

import msgspec
import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from yikatong.core import connections, problems
from yikatong.core.database import Connection
from yikatong.core.errors import (
    InvalidInput,
    Malformed,
    Unavailable,
    YikatongError,
)
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api import (
    catalogs,
    credentials,
    directory,
    envelope,
    faults,
    files,
    refusals,
    signatures,
    wire,
)
from yikatong.medical.hospital_api.context import Context, Transaction
from yikatong.medical.hospital_api.envelope import Envelope
from yikatong.medical.hospital_api.errands import Errand, Fetch, FileContent
from yikatong.medical.hospital_api.faults import Faults
from yikatong.medical.hospital_api.journal import Journal
from yikatong.medical.hospital_api.signing_in import SignIns
from yikatong.medical.visits.orders import Order, Result, Sender, Settled

_NO_PERSON_NUMBER: Final = "1101"
"""The transaction that tells the person's number and region, which all others about a person need."""
_HINT_LENGTH_MAX: Final = 500
_SLOW_AT_ONCE_MAX: Final = 32
_NOBODYS_REGION: Final = "000000"

Render = Callable[[Result | YikatongError], bytes]
Work = Callable[[Connection], Awaitable[bytes]]


class Note(Protocol):
    """Hears address by transaction, HTTP status and seconds of each call, and whether what it asked
    for was refused (the status is 200 all the same)."""

    def __call__(
        self, path: str, status: int, seconds: float, *, refused: bool = False
    ) -> None: ...


_log = structlog.stdlib.get_logger("yikatong.hospital")


class Desk(Protocol):
    """Who carries orders out, each message once."""

    async def answer(self, sender: Sender, order: Order, render: Render) -> bytes:
        """The answer, new or from when the message first came; raises Busy, Unavailable."""
        ...

    def put(self, sender: Sender, order: Order, render: Render) -> "asyncio.Future[bytes] | None":
        """The same without waiting; None where the order cannot be taken without. Raises Busy."""
        ...


class Once(Protocol):
    """Who carries out what is about no person, each message once."""

    async def __call__(self, platform: Platform, sender: Sender, work: Work) -> bytes:
        """The answer, new or from when the message first came; raises Unavailable."""
        ...


class _Gone(Exception):
    """The caller left before the request was whole."""


class _Call:
    """A call while it is answered."""

    __slots__ = (
        "at", "body", "caller", "clock", "code", "context", "fault", "infno", "message_id",
        "received", "reference", "show",
    )  # fmt: skip

    def __init__(self, platform: Platform) -> None:
        self.clock = platform.clock
        self.at: datetime = self.clock.now()
        self.received = envelope.time17(self.at)
        self.reference = ""
        self.body = b""
        self.caller: credentials.Caller | None = None
        self.infno = ""
        self.message_id = ""
        self.context: Context | None = None
        self.show: Callable[[Result, Context], Any] | None = None
        self.fault: faults.FaultName | None = None
        self.code = ""
        """What was wrong with it, where anything was."""

    def identify(self, region: str) -> None:
        """Give the answer its reference."""
        self.reference = envelope.new_reference(region, self.received)

    def responded(self) -> str:
        """The moment of the answer."""
        return envelope.time17(self.clock.now())

    def render(self, outcome: Result | YikatongError) -> bytes:
        """The answer to what an order led to."""
        if isinstance(outcome, YikatongError):
            return self.refuse(outcome)
        assert self.show is not None
        assert self.context is not None
        warning = outcome.warning if isinstance(outcome, Settled) else None
        output = self.show(outcome, self.context)
        return envelope.success(self.reference, self.received, self.responded(), output, warning)

    def refuse(self, error: YikatongError) -> bytes:
        """The answer to what is wrong."""
        self.code = error.code
        if not self.reference:
            self.identify(_NOBODYS_REGION)
        hint = error.hint if isinstance(error, refusals.NotAuthenticated) else ""
        return envelope.failure(
            self.reference,
            self.received,
            self.responded(),
            refusals.message_of(error, self.infno, self.reference),
            hint[:_HINT_LENGTH_MAX],
        )


def hospital(
    app: ASGIApp,
    desk: Desk,
    platform: Platform,
    note: Note,
    *,
    once: Once,
    transactions: Mapping[str, Transaction],
    errands: Iterable[Errand] = (),
) -> "_Hospital":
    """Answer everything under /fsi/api/ here, all else by `app`; `note` hears of each
    call. `errands` are those beside this package's own."""
    return _Hospital(app, desk, platform, note, once, transactions, errands)


class _Hospital:
    def __init__(
        self,
        app: ASGIApp,
        desk: Desk,
        platform: Platform,
        note: Note,
        once: Once,
        transactions: Mapping[str, Transaction],
        errands: Iterable[Errand],
    ) -> None:
        self._app = app
        self._desk = desk
        self._platform = platform
        self._note = note
        self._once = once
        self._callers = credentials.Callers(platform)
        self._nonces = signatures.Nonces()
        self._sign_ins = SignIns(platform)
        self._faults = Faults(platform)
        self._journal = Journal(platform)
        self._slow = 0
        self._transactions = dict(transactions)
        self._errands = {
            one.code: one
            for one in (
                *self._sign_ins.errands, *directory.errands, *catalogs.errands, *files.errands,
                *errands,
            )
        }  # fmt: skip
        self._fetches = {one.code: one for one in files.fetches}
        known = (*self._transactions, *self._errands, *self._fetches)
        self._labels = {code: f"{wire.PREFIX}{code}" for code in known}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        facts = cast("dict[str, Any]", scope)
        if facts["type"] != "http" or not facts["path"].startswith(wire.PREFIX):
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        call = _Call(self._platform)
        status, kind, more = 200, wire.JSON, wire.NO_MORE
        try:
            answer = await self._answer(call, facts, receive)
            if isinstance(answer, FileContent):
                kind, more = wire.FILE, [wire.disposition(answer.name)]
                content = answer.content
            else:
                content = answer
        except _Gone:
            return
        except Exception as error:
            status, more, content = self._refuse(call, error)
        if call.fault is not None:
            content = await self._spoil(call, content)
        seconds = time.perf_counter() - begun
        if call.fault == "lost":
            status = 0
            await wire.lose(receive, send)
        else:
            await connections.answer(scope, send, status, (kind, *more), content)
        self._tell(call, status, seconds)
        if call.caller is not None and call.caller.sandbox:
            self._keep(call, status, seconds, content, is_file=kind is wire.FILE)

    def take(self, scope: Scope, body: bytes, reply: connections.Reply) -> bool:
        """Take an order that nothing need be read for, or waited for, before it is with the desk;
        False for everything else (`core.connections.AtOnce`)."""
        facts = cast("dict[str, Any]", scope)
        if not facts["path"].startswith(wire.PREFIX):
            return False
        begun = time.perf_counter()
        call = _Call(self._platform)
        future: asyncio.Future[bytes] | None = None
        try:
            expected = wire.transaction_of(facts["path"], facts["method"])
            headers: wire.HeaderMap = dict(facts["headers"])
            wire.check_headers(headers)
            signature = signatures.read(headers)
            caller = self._callers.at_hand(signature.access_key)
            message = envelope.read(body)
            if (
                caller is None
                or caller.sandbox
                or not envelope.absent(message.sign_no)
                or message.infno not in self._transactions
            ):
                return False
        except YikatongError:
            # Said there, in its turn: what is read here first is checked there second.
            return False
        try:
            self._verify(call, signature, caller)
            raw = self._check(call, caller, message, expected)
            context = call.context = self._context(call, caller, message)
            sender = _sender(caller, call, context, message, raw)
            order, call.show = self._read(context, call.infno, raw)
            future = self._desk.put(sender, order, call.render) or asyncio.ensure_future(
                self._desk.answer(sender, order, call.render)
            )
        except Exception as error:
            self._reply(call, begun, reply, error)
        else:
            future.add_done_callback(lambda done: self._reply(call, begun, reply, done))
        return True

    def _reply(
        self,
        call: _Call,
        begun: float,
        reply: connections.Reply,
        outcome: "asyncio.Future[bytes] | Exception",
    ) -> None:
        status, more = 200, wire.NO_MORE
        error = outcome if isinstance(outcome, Exception) else outcome.exception()
        if error is None:
            content = cast("asyncio.Future[bytes]", outcome).result()
        else:
            status, more, content = self._refuse(call, cast("Exception", error))
        reply(status, (wire.JSON, *more), content)
        self._tell(call, status, time.perf_counter() - begun)

    def _tell(self, call: _Call, status: int, seconds: float) -> None:
        refused = status == 200 and bool(call.code)
        self._note(self._labels.get(call.infno, wire.PREFIX), status, seconds, refused=refused)

    def _refuse(self, call: _Call, error: Exception) -> tuple[int, wire.Headers, bytes]:
        known = self._typed(call, error)
        status = refusals.status_of(known)
        return status, wire.MORE.get(status, wire.NO_MORE), call.refuse(known)

    async def _answer(
        self, call: _Call, facts: dict[str, Any], receive: Receive
    ) -> bytes | FileContent:
        expected = wire.transaction_of(facts["path"], facts["method"])
        headers: wire.HeaderMap = dict(facts["headers"])
        body = await wire.body_of(headers, receive)
        if body is None:
            raise _Gone
        call.body = body
        signature = signatures.read(headers)
        caller = await self._callers.find(signature.access_key)
        self._verify(call, signature, caller)
        assert caller is not None
        message = envelope.read(body)
        raw = self._check(call, caller, message, expected)
        if not envelope.absent(message.sign_no) and call.infno not in {"9001", "9002"}:
            await self._sign_ins.require(caller.provider.provider_code, message.sign_no or "")
        if caller.sandbox:
            await self._take_fault(call, caller)
        return await self._carry_out(call, caller, message, raw)

    def _check(
        self, call: _Call, caller: credentials.Caller, message: Envelope, expected: str | None
    ) -> bytes:
        """Check the envelope of an authenticated call; answers the transaction's input."""
        call.infno, call.message_id = message.infno or "", message.msgid or ""
        envelope.check(message, caller.provider, caller.places)
        if expected is not None and call.infno != expected:
            raise InvalidInput(
                "infno",
                zh=f"报文中的交易编号 {call.infno} 与地址中的 {expected} 不一致",
                en=f"the message is a {call.infno}, its address that of a {expected}",
            )
        if call.infno not in self._labels:
            raise InvalidInput(
                "infno",
                zh=f"没有交易 {call.infno}，可用的交易见文档 hospital-transactions",
                en=f"there is no transaction {call.infno}; see the reference for all",
            )
        raw = envelope.input_of(message)
        if caller.sm2_public_key is not None:
            signatures.verify_sm2(caller.sm2_public_key, raw, message.signtype, message.cainfo)
        return raw

    def _verify(
        self, call: _Call, signature: signatures.Signature, caller: credentials.Caller | None
    ) -> None:
        """Raise NotAuthenticated unless the call is the caller's; it then has its reference."""
        if caller is None or (caller.sandbox and not self._platform.settings.sandbox):
            raise signatures.unknown_key()
        call.caller = caller
        now_ms = int(call.at.timestamp() * 1000)
        signatures.verify(signature, caller.scheme, caller.secret, now_ms, tell=caller.sandbox)
        if signature.scheme == "B":
            self._nonces.spend(signature, now_ms // 1000)
        call.identify(caller.provider.pooling_region)

    async def _carry_out(
        self, call: _Call, caller: credentials.Caller, message: Envelope, raw: bytes
    ) -> bytes | FileContent:
        context = call.context = self._context(call, caller, message)
        if (fetch := self._fetches.get(call.infno)) is not None:
            return await self._fetch(fetch, context, raw)
        sender = _sender(caller, call, context, message, raw)
        if (errand := self._errands.get(call.infno)) is not None:
            return await self._run(errand, call, context, sender, raw)
        order, call.show = self._read(context, call.infno, raw)
        return await self._desk.answer(sender, order, call.render)

    def _context(self, call: _Call, caller: credentials.Caller, message: Envelope) -> Context:
        insured = None if envelope.absent(message.insuplc_admdvs) else message.insuplc_admdvs
        return Context(
            caller.provider, message.mdtrtarea_admvs or "", insured, message.opter or "", call.at
        )

    def _read(
        self, context: Context, infno: str, raw: bytes
    ) -> tuple[Order, Callable[[Result, Context], Any]]:
        """The order that an input is, and how what comes of it is shown."""
        transaction = self._transactions[infno]
        if context.insured_region is None and infno != _NO_PERSON_NUMBER:
            raise InvalidInput(
                "insuplc_admdvs",
                zh="缺少参保地：凡使用人员编号的交易必填，见 1101 应答的 insuinfo",
                en="the insured place is missing; 1101 answers it in insuinfo",
            )
        return _order(transaction, raw, context), transaction.show

    async def _fetch(self, fetch: Fetch, context: Context, raw: bytes) -> FileContent:
        async with self._platform.database.transaction(readonly=True) as connection:
            return await fetch.find(connection, context, raw)

    async def _run(
        self, errand: Errand, call: _Call, context: Context, sender: Sender, raw: bytes
    ) -> bytes:
        async def work(connection: Connection) -> bytes:
            try:
                done = await errand.carry_out(connection, context, raw)
            except YikatongError as error:
                if error.status >= 500:
                    raise
                return call.refuse(error)
            return envelope.success(
                call.reference, call.received, call.responded(), done.output, done.warning
            )

        return await self._once(self._platform, sender, work)

    def _typed(self, call: _Call, error: Exception) -> YikatongError:
        known = error if isinstance(error, YikatongError) else problems.typed(error)
        if known.status < 500 or isinstance(known, Unavailable):
            return known
        if known is not error:
            known = refusals.unforeseen()
        if not call.reference:
            call.identify(_NOBODYS_REGION)
        _log.error("unexpected", reference=call.reference, transaction=call.infno, exc_info=error)
        return known

    # ---- sandbox ----

    async def _take_fault(self, call: _Call, caller: credentials.Caller) -> None:
        fault = await self._faults.take(caller.provider.provider_code, call.infno)
        if fault == "unavailable":
            raise Unavailable(
                zh="沙箱故障开关：服务暂不可用，未办理，请用同一 msgid 重发",
                en="sandbox fault: unavailable; not carried out, send the same msgid again",
            )
        if fault == "refused":
            raise refusals.Fault(
                zh="沙箱故障开关：本次拒绝，未办理",
                en="sandbox fault: refused; not carried out",
            )
        call.fault = fault

    async def _spoil(self, call: _Call, content: bytes) -> bytes:
        if call.fault == "wrong_total":
            return faults.with_wrong_total(content)
        if call.fault == "slow" and self._slow < _SLOW_AT_ONCE_MAX:
            self._slow += 1
            try:
                await asyncio.sleep(faults.SLOW_SECONDS)
            finally:
                self._slow -= 1
        return content

    def _keep(
        self, call: _Call, status: int, seconds: float, content: bytes, *, is_file: bool
    ) -> None:
        assert call.caller is not None
        succeeded = is_file or envelope.succeeded(content)
        self._journal.note(
            call.caller.provider.provider_code,
            call.at,
            call.infno,
            call.message_id,
            seconds * 1000,
            status,
            call.code or ("0" if succeeded else "-1"),
            call.body,
            b"(%d bytes)" % len(content) if is_file else content,
        )


def _sender(
    caller: credentials.Caller, call: _Call, context: Context, message: Envelope, raw: bytes
) -> Sender:
    return Sender(
        caller.provider,
        call.message_id,
        call.infno,
        _content_hash(message, context.insured_region, raw),
        context.operator,
        caller.sandbox,
        context.insured_region,
    )


def _content_hash(message: Envelope, insured: str | None, raw: bytes) -> bytes:
    """What makes two messages the same: the transaction, both regions and the input. A repeat may
    carry another time, operator or sign-in."""
    head = f"{message.infno} {message.mdtrtarea_admvs} {insured} "
    return hashlib.sha256(head.encode() + raw).digest()


def _order(transaction: Transaction, raw: bytes, context: Context) -> Order:
    try:
        return transaction.read(raw, context)
    except RecursionError:
        raise Malformed(zh="报文嵌套层数过多", en="the message is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed(
            zh="报文不是 UTF-8 编码的 JSON", en="the message is not JSON in UTF-8"
        ) from None
