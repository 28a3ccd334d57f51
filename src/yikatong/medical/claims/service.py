"""Use cases of claims: submit, review, decide, pay, reverse; each step once per key, and recorded."""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from yikatong.core import ids
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.money import Fen, format_yuan
from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.medical.catalog_book import CatalogBook
from yikatong.medical.claims import deciding, rules, sheet, store
from yikatong.medical.claims.deciding import Decision
from yikatong.medical.claims.errors import ClaimChanged, ClaimRefused, NoSuchClaim
from yikatong.medical.claims.model import (
    DOCUMENT_KINDS,
    Claim,
    ClaimFile,
    ClaimLine,
    Document,
    DocumentKind,
    PaidBill,
    State,
)
from yikatong.medical.claims.sheet import RawLine
from yikatong.money.errors import KeyReused, printable
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.guard import those_at_home
from yikatong.trust import audit
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules as document_rules
from yikatong.trust.documents.model import MediaType

REASON_MAX: Final = 500


class _Done(msgspec.Struct):
    """What a step makes of a claim."""

    claim: Claim
    lines: Sequence[ClaimLine] | None = None
    bill_hash: bytes | None = None
    detail: dict[str, Any] = {}


_Change = Callable[[Connection, Claim, tuple[ClaimLine, ...]], Awaitable[_Done]]


class ClaimOffice:
    """The office that takes and decides claims; keeps the catalog at hand."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._catalog = CatalogBook()

    # ---- the person, or a counter for the person ----

    async def submit(
        self,
        person_id: int,
        bill: PaidBill,
        rows: Sequence[RawLine],
        total: Fen,
        actor: Actor,
        key: str,
    ) -> Claim:
        """Take a bill as a claim, whole or not at all.

        Raises InvalidInput, LinesWrong with every wrong row, AlreadySettled, NotFound.
        """
        rules.check_bill(bill, today(self._platform.clock))
        digest = ledger.digest(["submit", person_id, bill, rows, total])

        async def work(connection: Connection) -> Claim:
            known = await store.step_by_key(connection, person_id, key)
            if known is not None:
                return _first_answer(known, digest)
            await people.get(connection, person_id)
            found, lines = await self._checked(connection, bill, rows, total)
            bill_hash = ledger.digest(rules.bill_key(found, lines))
            await deciding.doubles(connection, person_id, None, found, lines, bill_hash)
            now = self._platform.clock.now()
            made = Claim(
                person_id=person_id,
                claim_id=ids.new_id(now),
                state="submitted",
                bill=found,
                lines_count=len(lines),
                total=total,
                reason="",
                settlement_id=None,
                approved=None,
                payment_id=None,
                submitted_at=now,
                changed_at=now,
                version=1,
            )
            await store.insert(connection, made, lines, bill_hash)
            await self._note(connection, made, "submit", actor, key, digest, {})
            return made

        return await ledger.carry_out(self._platform, work)

    async def _checked(
        self, connection: Connection, bill: PaidBill, rows: Sequence[RawLine], total: Fen
    ) -> tuple[PaidBill, tuple[ClaimLine, ...]]:
        """The bill with its provider looked up, and the lines."""
        if bill.provider_code is not None:
            one = await medical.provider(connection, bill.provider_code, "provider.code")
            bill = msgspec.structs.replace(
                bill, provider_code=one.provider_code, provider_name=one.name, region=one.region,
                level=one.level,
            )  # fmt: skip
        await self._catalog.refresh(connection)
        lines = sheet.check(rows, bill, self._catalog)
        found = sum(one.total for one in lines)
        if found != total:
            raise InvalidInput(
                "total",
                zh=f"票据总额 {format_yuan(total)} 元与明细合计 {format_yuan(found)} 元不一致",
                en=f"the bill's total {format_yuan(total)} is not the lines' {format_yuan(found)}",
            )
        return bill, lines

    async def resubmit(
        self,
        person_id: int,
        claim_id: int,
        version: int,
        actor: Actor,
        key: str,
        *,
        bill: PaidBill | None = None,
        rows: Sequence[RawLine] = (),
        total: Fen = 0,
    ) -> Claim:
        """Submit a returned claim again, as it was or with the bill put right."""
        if bill is not None:
            rules.check_bill(bill, today(self._platform.clock))

        async def change(
            connection: Connection, claim: Claim, lines: tuple[ClaimLine, ...]
        ) -> _Done:
            claim = msgspec.structs.replace(claim, reason="")
            if bill is None:
                return _Done(claim)
            found, taken = await self._checked(connection, bill, rows, total)
            bill_hash = ledger.digest(rules.bill_key(found, taken))
            await deciding.doubles(connection, person_id, claim_id, found, taken, bill_hash)
            claim = msgspec.structs.replace(claim, bill=found, total=total, lines_count=len(taken))
            return _Done(claim, taken, bill_hash, {"bill": "changed"})

        content = [bill, rows, total]
        return await self._step(
            person_id, claim_id, version, "resubmit", actor, key, content, change
        )

    async def withdraw(
        self, person_id: int, claim_id: int, version: int, actor: Actor, key: str
    ) -> Claim:
        """Take a claim back before it is decided."""
        return await self._step(person_id, claim_id, version, "withdraw", actor, key, [], _as_it_is)

    async def add_document(
        self,
        person_id: int,
        claim_id: int,
        version: int,
        kind: str,
        content: bytes,
        actor: Actor,
        key: str,
    ) -> Claim:
        """Keep a document, sealed; the same one is kept once."""
        known_kind: DocumentKind = one_of(kind, DOCUMENT_KINDS, "kind")
        media_type = document_rules.read(content).media_type
        vault = self._platform.vault
        text = base64.b64encode(content).decode()
        content_hash = vault.hash("claim_document", text)

        async def change(connection: Connection, claim: Claim, _: tuple[ClaimLine, ...]) -> _Done:
            if await store.document_known(connection, person_id, claim_id, content_hash):
                return _Done(claim)
            number = len(await store.documents(connection, person_id, claim_id)) + 1
            if number > rules.DOCUMENTS_MAX:
                raise ClaimRefused(
                    f"一笔申请最多 {rules.DOCUMENTS_MAX} 份材料，可合并成一个 PDF",
                    f"a claim has at most {rules.DOCUMENTS_MAX} documents; put several into one PDF",
                    "document",
                )
            now = self._platform.clock.now()
            made = Document(number, known_kind, media_type, len(content), now)
            sealed = vault.seal(_field(claim_id, number), person_id, text)
            await store.insert_document(connection, person_id, claim_id, made, content_hash, sealed)
            return _Done(claim, detail={"document": number, "kind": kind})

        content_key = [kind, content_hash.hex()]
        return await self._step(
            person_id, claim_id, version, "document", actor, key, content_key, change
        )

    # ---- looking ----

    async def file(self, person_id: int, claim_id: int, actor: Actor) -> ClaimFile:
        """A claim with its lines, steps and documents; the look is recorded."""
        async with self._platform.database.transaction() as connection:
            claim, lines = await _load(connection, person_id, claim_id)
            steps = await store.steps(connection, person_id, claim_id)
            documents = await store.documents(connection, person_id, claim_id)
            await self._audit(connection, claim, "read", actor, {})
        return ClaimFile(claim, lines, steps, documents)

    async def claims_of(self, person_id: int, actor: Actor, limit: int = 100) -> list[Claim]:
        """The newest claims of a person; the look is recorded."""
        async with self._platform.database.transaction() as connection:
            await people.get(connection, person_id)
            found = await store.claims_of(connection, person_id, limit)
            await audit.record(
                connection, actor, self._platform.clock.now(), person_id, "claim.list_read"
            )
        return found

    async def newest(self, connection: Connection, person_id: int, limit: int) -> list[Claim]:
        """The newest claims of a person; the caller records the look."""
        return await store.claims_of(connection, person_id, limit)

    async def waiting_at_home(
        self, caller: Caller, states: Sequence[State], after: int = 0, limit: int = 100
    ) -> list[Claim]:
        """The same as `waiting`, of those in the caller's regions."""
        kept: list[Claim] = []
        while found := await self.waiting(states, after, limit):
            async with self._platform.database.transaction(readonly=True) as connection:
                mine = await those_at_home(
                    connection, caller, "claim.read", [one.person_id for one in found]
                )
            kept += [one for one in found if one.person_id in mine]
            after = found[-1].claim_id
            if len(kept) >= limit or len(found) < limit:
                break
        return kept[:limit]

    async def waiting(
        self, states: Sequence[State], after: int = 0, limit: int = 100
    ) -> list[Claim]:
        """Everybody's claims in these states, the oldest first: the work that waits."""
        async with self._platform.database.transaction(readonly=True) as connection:
            return await store.waiting(connection, states, after, max(1, min(limit, 500)))

    async def document(
        self, person_id: int, claim_id: int, number: int, actor: Actor
    ) -> tuple[MediaType, bytes]:
        """Media type and content of a document; who saw it is recorded."""
        async with self._platform.database.transaction() as connection:
            found = await store.document(connection, person_id, claim_id, number)
            if found is None:
                raise NoSuchClaim("document")
            claim, _ = await _load(connection, person_id, claim_id)
            await self._audit(connection, claim, "document_read", actor, {"document": number})
        media_type, sealed = found
        text = self._platform.vault.open(_field(claim_id, number), person_id, sealed)
        return media_type, base64.b64decode(text)

    # ---- review ----

    async def take(
        self, person_id: int, claim_id: int, version: int, actor: Actor, key: str
    ) -> Claim:
        """Begin the review of a submitted claim."""
        return await self._step(person_id, claim_id, version, "take", actor, key, [], _as_it_is)

    async def cut(
        self,
        person_id: int,
        claim_id: int,
        version: int,
        cuts: Mapping[str, tuple[str, str]],
        actor: Actor,
        key: str,
        *,
        emergency: bool | None = None,
    ) -> Claim:
        """Recognise less of some lines, each with a reason; or correct whether it was urgent."""

        async def change(_: Connection, claim: Claim, lines: tuple[ClaimLine, ...]) -> _Done:
            detail: dict[str, Any] = {
                number: {"recognised": quantity, "reason": reason}
                for number, (quantity, reason) in cuts.items()
            }
            if emergency is not None:
                bill = msgspec.structs.replace(claim.bill, emergency=emergency)
                claim = msgspec.structs.replace(claim, bill=bill)
                detail["emergency"] = emergency
            return _Done(claim, rules.cut(lines, cuts), None, detail)

        content = [sorted(cuts.items()), emergency]
        return await self._step(person_id, claim_id, version, "cut", actor, key, content, change)

    async def send_back(
        self, person_id: int, claim_id: int, version: int, missing: str, actor: Actor, key: str
    ) -> Claim:
        """Return a claim to the person, saying what is missing."""
        return await self._with_reason(person_id, claim_id, version, "return", missing, actor, key)

    async def refuse(
        self, person_id: int, claim_id: int, version: int, why: str, actor: Actor, key: str
    ) -> Claim:
        """Refuse a claim, saying why."""
        return await self._with_reason(person_id, claim_id, version, "refuse", why, actor, key)

    async def preview(self, person_id: int, claim_id: int, actor: Actor) -> Decision:
        """What an approval would lead to now; nothing is changed, the look is recorded.

        Raises NotCovered, AlreadySettled as the approval would.
        """
        async with self._platform.database.transaction() as connection:
            claim, lines = await _load(connection, person_id, claim_id)
            rules.after("under_review" if claim.state == "submitted" else claim.state, "approve")
            decided = await self._decide(connection, claim, lines, actor)
            await self._audit(connection, claim, "quoted", actor, {})
        return decided.decision

    async def approve(
        self, person_id: int, claim_id: int, version: int, actor: Actor, key: str
    ) -> Claim:
        """Decide by the policy: settle the bill, so that the funds owe the person their part."""
        shared = await deciding.shared_accounts(self._platform, person_id)

        async def change(
            connection: Connection, claim: Claim, lines: tuple[ClaimLine, ...]
        ) -> _Done:
            decided = await self._decide(connection, claim, lines, actor)
            done = await deciding.approve(connection, decided, shared, actor)
            claim = msgspec.structs.replace(
                claim, settlement_id=done.settlement_id, approved=done.funds, reason=""
            )
            detail = {
                "settlement_id": str(done.settlement_id),
                "funds": format_yuan(done.funds),
            }
            return _Done(claim, detail=detail)

        return await self._step(person_id, claim_id, version, "approve", actor, key, [], change)

    async def _decide(
        self,
        connection: Connection,
        claim: Claim,
        lines: tuple[ClaimLine, ...],
        actor: Actor,
    ) -> deciding.Decided:
        bill_hash = ledger.digest(rules.bill_key(claim.bill, lines))
        return await deciding.decide(
            self._platform, self._catalog, connection, claim, lines, bill_hash, actor
        )

    async def pay(
        self, person_id: int, claim_id: int, version: int, actor: Actor, key: str
    ) -> Claim:
        """Pay an approved claim to the bank account of the card; raises NoCardAccount."""
        shared = await deciding.shared_accounts(self._platform, person_id)

        async def change(connection: Connection, claim: Claim, _: tuple[ClaimLine, ...]) -> _Done:
            paid = await deciding.pay(self._platform, connection, claim, shared, actor)
            claim = msgspec.structs.replace(claim, payment_id=paid)
            return _Done(claim, detail={} if paid is None else {"transaction_id": str(paid)})

        return await self._step(person_id, claim_id, version, "pay", actor, key, [], change)

    async def reverse(
        self, person_id: int, claim_id: int, version: int, why: str, actor: Actor, key: str
    ) -> Claim:
        """Take an approved or paid claim back, saying why; the money comes back from the account."""

        async def change(connection: Connection, claim: Claim, _: tuple[ClaimLine, ...]) -> _Done:
            back = await deciding.reverse(self._platform, connection, claim, actor)
            claim = msgspec.structs.replace(claim, reason=why.strip())
            return _Done(claim, detail={"reason": why, "reversal": str(back.settlement_id)})

        _check_reason(why)
        return await self._step(person_id, claim_id, version, "reverse", actor, key, [why], change)

    # ---- what all steps share ----

    async def _with_reason(
        self,
        person_id: int,
        claim_id: int,
        version: int,
        action: str,
        reason: str,
        actor: Actor,
        key: str,
    ) -> Claim:
        _check_reason(reason)

        async def change(_: Connection, claim: Claim, __: tuple[ClaimLine, ...]) -> _Done:
            claim = msgspec.structs.replace(claim, reason=reason.strip())
            return _Done(claim, detail={"reason": reason.strip()})

        return await self._step(person_id, claim_id, version, action, actor, key, [reason], change)

    async def _step(
        self,
        person_id: int,
        claim_id: int,
        version: int,
        action: str,
        actor: Actor,
        key: str,
        content: Sequence[Any],
        change: _Change,
    ) -> Claim:
        """Carry out one step in a transaction; the same key and content gets the first answer.

        Raises NoSuchClaim, ClaimChanged, ClaimOutOfOrder, KeyReused, and what `change` raises.
        """
        digest = ledger.digest([action, claim_id, version, *content])

        async def work(connection: Connection) -> Claim:
            known = await store.step_by_key(connection, person_id, key)
            if known is not None:
                return _first_answer(known, digest)
            claim, lines = await _load(connection, person_id, claim_id)
            if claim.version != version:
                raise ClaimChanged(claim.version)
            state = rules.after(claim.state, action)
            done = await change(connection, claim, lines)
            after = msgspec.structs.replace(
                done.claim,
                state=state,
                changed_at=self._platform.clock.now(),
                version=claim.version + 1,
            )
            await store.update(connection, after, done.lines, done.bill_hash)
            await self._note(connection, after, action, actor, key, digest, done.detail)
            return after

        return await ledger.carry_out(self._platform, work)

    async def _note(
        self,
        connection: Connection,
        after: Claim,
        action: str,
        actor: Actor,
        key: str,
        digest: bytes,
        detail: dict[str, Any],
    ) -> None:
        step_id = ids.new_id(self._platform.clock.now())
        await store.insert_step(connection, after, step_id, key, digest, action, actor, detail)
        await self._audit(connection, after, action, actor, {"state": after.state})

    async def _audit(
        self,
        connection: Connection,
        claim: Claim,
        action: str,
        actor: Actor,
        detail: dict[str, object],
    ) -> None:
        await audit.record(
            connection, actor, self._platform.clock.now(), claim.person_id, f"claim.{action}",
            {"claim_id": str(claim.claim_id), **detail},
        )  # fmt: skip


async def _as_it_is(_: Connection, claim: Claim, __: tuple[ClaimLine, ...]) -> _Done:
    return _Done(claim)


async def _load(
    connection: Connection, person_id: int, claim_id: int
) -> tuple[Claim, tuple[ClaimLine, ...]]:
    found = await store.claim(connection, person_id, claim_id)
    if found is None:
        raise NoSuchClaim
    return found


def _first_answer(known: tuple[bytes, Claim], digest: bytes) -> Claim:
    if known[0] != digest:
        raise KeyReused
    return known[1]


def _field(claim_id: int, number: int) -> str:
    return f"claim_document:{claim_id}:{number}"


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= REASON_MAX:
        raise InvalidInput(
            "reason",
            zh=f"请填写原因，最多 {REASON_MAX} 字",
            en=f"say why, in at most {REASON_MAX} characters",
        )
    printable(reason, "reason")
