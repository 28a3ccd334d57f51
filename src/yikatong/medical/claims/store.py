"""SQL of claims."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import asyncpg
import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.together import Conflict
from yikatong.medical.claims.model import Claim, ClaimLine, Document, PaidBill, State, Step
from yikatong.medical.visits.model import SplitLine
from yikatong.trust.audit import Actor
from yikatong.trust.documents.model import MediaType

_CLAIM: Final = ", ".join(Claim.__struct_fields__)
_DOCUMENT: Final = ", ".join(Document.__struct_fields__)
_decode_bill: Final = msgspec.json.Decoder(PaidBill).decode
_decode_lines: Final = msgspec.json.Decoder(tuple[ClaimLine, ...]).decode
_decode_split: Final = msgspec.json.Decoder(list[SplitLine]).decode
_decode_claim: Final = msgspec.json.Decoder(Claim).decode
_decode_detail: Final = msgspec.json.Decoder(dict[str, Any]).decode


class SettledBill(msgspec.Struct, frozen=True):
    """A bill that a provider settled directly, as far as it may be claimed again."""

    settlement_id: int
    invoice: str
    lines: tuple[SplitLine, ...]


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _claim(row: Any) -> Claim:
    facts: dict[str, Any] = {name: row[name] for name in Claim.__struct_fields__}
    facts["bill"] = _decode_bill(facts["bill"])
    for name in ("submitted_at", "changed_at"):
        facts[name] = facts[name].astimezone(SHANGHAI)
    return Claim(**facts)


async def claim(
    connection: Connection, person_id: int, claim_id: int
) -> tuple[Claim, tuple[ClaimLine, ...]] | None:
    row = await connection.fetchrow(
        f"select {_CLAIM}, lines from claims where person_id = $1 and claim_id = $2",  # noqa: S608
        person_id,
        claim_id,
    )
    return None if row is None else (_claim(row), _decode_lines(row["lines"]))


async def claims_of(connection: Connection, person_id: int, limit: int) -> list[Claim]:
    """The newest claims of a person."""
    rows = await connection.fetch(
        f"select {_CLAIM} from claims where person_id = $1 order by claim_id desc limit $2",  # noqa: S608
        person_id,
        limit,
    )
    return [_claim(row) for row in rows]


async def live_claims(
    connection: Connection, person_id: int, since: date, until: date
) -> list[tuple[Claim, tuple[ClaimLine, ...]]]:
    """Claims about care that overlaps these days and that were not refused or taken back."""
    rows = await connection.fetch(
        f"""select {_CLAIM}, lines from claims
             where person_id = $1 and state not in ('refused', 'withdrawn', 'reversed')
               and (bill->>'begun_on')::date <= $3 and (bill->>'ended_on')::date >= $2
             order by claim_id""",  # noqa: S608
        person_id,
        since,
        until,
    )
    return [(_claim(row), _decode_lines(row["lines"])) for row in rows]


async def claim_of_bill(connection: Connection, person_id: int, bill_hash: bytes) -> int | None:
    """The claim of this bill that was not refused or taken back."""
    return await connection.fetchval(
        """select claim_id from claims
            where person_id = $1 and bill_hash = $2
              and state not in ('refused', 'withdrawn', 'reversed')""",
        person_id,
        bill_hash,
    )


async def waiting(
    connection: Connection, states: Sequence[State], after: int, limit: int
) -> list[Claim]:
    """Claims of everybody in these states, the oldest first, behind `after`."""
    rows = await connection.fetch(
        f"""select {_CLAIM} from claims
             where state = any($1::text[]) and claim_id > $2 order by claim_id limit $3""",  # noqa: S608
        states,
        after,
        limit,
    )
    return [_claim(row) for row in rows]


async def settled_bills(
    connection: Connection, person_id: int, provider_code: str, since: date, until: date
) -> list[SettledBill]:
    """What the provider settled directly for the person of care that overlaps these days."""
    rows = await connection.fetch(
        """select s.settlement_id, s.invoice,
                  coalesce((select jsonb_agg(l.line)
                              from fee_batches b cross join jsonb_array_elements(b.lines) as l (line)
                             where b.person_id = s.person_id and b.visit_id = s.visit_id
                               and b.batch_id = any (s.batches)), '[]') as lines
             from settlements s join visits v using (person_id, visit_id)
            where s.person_id = $1 and s.provider_code = $2 and s.channel = 'direct'
              and s.reverses is null
              and not exists (select from settlements r
                               where r.person_id = s.person_id and r.reverses = s.settlement_id)
              and v.begun_at::date <= $4 and coalesce(v.ended_at, s.settled_at)::date >= $3
            order by s.settlement_id""",
        person_id,
        provider_code,
        since,
        until,
    )
    return [SettledBill(row[0], row[1], tuple(_decode_split(row[2]))) for row in rows]


async def claimed_bills(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, list[tuple[Claim, tuple[ClaimLine, ...]]]]:
    """The claims of persons that were settled and stand, with their lines."""
    rows = await connection.fetch(
        f"""select {_CLAIM}, lines from claims
             where person_id = any($1::bigint[]) and state in ('approved', 'paid')""",  # noqa: S608
        person_ids,
    )
    found: dict[int, list[tuple[Claim, tuple[ClaimLine, ...]]]] = {}
    for row in rows:
        found.setdefault(row["person_id"], []).append((_claim(row), _decode_lines(row["lines"])))
    return found


async def step_by_key(
    connection: Connection, person_id: int, key: str
) -> tuple[bytes, Claim] | None:
    """The content's hash and the first answer of a step."""
    row = await connection.fetchrow(
        "select content_hash, answer from claim_steps where person_id = $1 and key = $2",
        person_id,
        key,
    )
    return None if row is None else (row[0], _decode_claim(row[1]))


async def steps(connection: Connection, person_id: int, claim_id: int) -> tuple[Step, ...]:
    rows = await connection.fetch(
        """select action, state, at, actor_kind, actor, detail from claim_steps
            where person_id = $1 and claim_id = $2 order by step_id""",
        person_id,
        claim_id,
    )
    return tuple(
        Step(row[0], row[1], row[2].astimezone(SHANGHAI), row[3], row[4], _decode_detail(row[5]))
        for row in rows
    )


async def documents(connection: Connection, person_id: int, claim_id: int) -> tuple[Document, ...]:
    rows = await connection.fetch(
        f"""select {_DOCUMENT} from claim_documents
             where person_id = $1 and claim_id = $2 order by number""",  # noqa: S608
        person_id,
        claim_id,
    )
    return tuple(
        Document(row[0], row[1], row[2], row[3], row[4].astimezone(SHANGHAI)) for row in rows
    )


async def document(
    connection: Connection, person_id: int, claim_id: int, number: int
) -> tuple[MediaType, bytes] | None:
    """Media type and sealed content."""
    row = await connection.fetchrow(
        """select media_type, sealed from claim_documents
            where person_id = $1 and claim_id = $2 and number = $3""",
        person_id,
        claim_id,
        number,
    )
    return None if row is None else (row[0], row[1])


# ---- writing: each raises Conflict where somebody else was quicker ----


async def insert(
    connection: Connection, one: Claim, lines: Sequence[ClaimLine], bill_hash: bytes
) -> None:
    facts: list[Any] = [getattr(one, name) for name in Claim.__struct_fields__]
    facts[_BILL] = _text(one.bill)
    names = [*Claim.__struct_fields__, "lines", "bill_hash"]
    try:
        await connection.execute(
            f"""insert into claims ({", ".join(names)})
                values ({", ".join(f"${at}" for at in range(1, len(names) + 1))})""",  # noqa: S608
            *facts,
            _text(lines),
            bill_hash,
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


_BILL: Final = Claim.__struct_fields__.index("bill")


async def update(
    connection: Connection,
    one: Claim,
    lines: Sequence[ClaimLine] | None,
    bill_hash: bytes | None,
) -> None:
    """Write a claim whose version is one above what was read; lines and hash where they changed."""
    try:
        done = await connection.execute(
            """update claims
                  set state = $4, bill = $5, lines = coalesce($6::jsonb, lines), lines_count = $7,
                      total = $8, bill_hash = coalesce($9, bill_hash), reason = $10,
                      settlement_id = $11, approved = $12, payment_id = $13, changed_at = $14,
                      version = $3
                where person_id = $1 and claim_id = $2 and version = $3 - 1""",
            one.person_id,
            one.claim_id,
            one.version,
            one.state,
            _text(one.bill),
            None if lines is None else _text(lines),
            one.lines_count,
            one.total,
            bill_hash,
            one.reason,
            one.settlement_id,
            one.approved,
            one.payment_id,
            one.changed_at,
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error
    if done != "UPDATE 1":
        raise Conflict


async def insert_step(
    connection: Connection,
    after: Claim,
    step_id: int,
    key: str,
    content_hash: bytes,
    action: str,
    actor: Actor,
    detail: dict[str, Any],
) -> None:
    try:
        await connection.execute(
            """insert into claim_steps (person_id, claim_id, step_id, key, content_hash, action, state,
                                        at, actor_kind, actor, detail, answer)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
            after.person_id, after.claim_id, step_id, key, content_hash, action, after.state,
            after.changed_at, actor.kind, actor.name, _text(detail), _text(after),
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def insert_document(
    connection: Connection,
    person_id: int,
    claim_id: int,
    one: Document,
    content_hash: bytes,
    sealed: bytes,
) -> None:
    try:
        await connection.execute(
            """insert into claim_documents
                 (person_id, claim_id, number, kind, media_type, size, content_hash, sealed, added_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            person_id, claim_id, one.number, one.kind, one.media_type, one.size, content_hash,
            sealed, one.added_at,
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def document_known(
    connection: Connection, person_id: int, claim_id: int, content_hash: bytes
) -> bool:
    return await connection.fetchval(
        """select exists (select from claim_documents
                           where person_id = $1 and claim_id = $2 and content_hash = $3)""",
        person_id,
        claim_id,
        content_hash,
    )
