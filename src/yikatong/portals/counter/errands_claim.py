"""The errand of claiming a bill by hand (手工报销)."""

from collections.abc import Sequence
from typing import Final

from yikatong.core.errors import InvalidInput, Text, one_of
from yikatong.core.money import format_yuan_grouped, parse_yuan
from yikatong.medical.claims import rules, sheet
from yikatong.medical.claims.model import STATE_NAMES as CLAIM_STATES
from yikatong.medical.claims.model import Claim, DocumentKind, PaidBill
from yikatong.medical.receipts_shown import CARE_NAMES
from yikatong.policies.model import Care, Level
from yikatong.portals.counter.errand import Case, Done, Errand, Field, choose_one, same
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.form import plain
from yikatong.portals.counter.words import words
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules as document_rules

_LEVELS: Final[tuple[Level, ...]] = ("community", "primary", "secondary", "tertiary")
_CARES: Final[tuple[Care, ...]] = ("outpatient", "emergency", "chronic", "inpatient", "pharmacy")
_HEADER: Final = "目录编码,名称,数量,单价,金额"
_KINDS: Final[tuple[DocumentKind, ...]] = ("invoice", "fee_list", "record")


def _refused(facts: Facts) -> Text | None:
    return words("refused_not_insured") if facts.medical is None else None


def _bill_fields(case: Case) -> Sequence[Field]:
    day = f"{case.facts.day}"
    return (
        Field(name="care", kind="select", label="care", value="outpatient",
              options=list(CARE_NAMES.items())),
        Field(name="provider", label="provider", longest=100, hint=words("counter_hint_provider")),
        Field(name="place", kind="place", label="provider_place", optional=True,
              hint=words("counter_hint_provider_place")),
        Field(name="level", kind="select", label="level", value="secondary",
              options=[(one, words(f"level_{one}")) for one in _LEVELS]),
        Field(name="begun_on", kind="date", label="begun_on", value=day),
        Field(name="ended_on", kind="date", label="ended_on", value=day),
        Field(name="emergency", kind="checks", label="emergency",
              options=[("1", words("counter_emergency"))]),
        Field(name="invoice", label="invoice", longest=40),
        Field(name="total", label="total", digits=True, longest=14),
    )  # fmt: skip


def _line_fields(_: Case) -> Sequence[Field]:
    return (
        Field(name="lines", kind="area", label="lines", hint=words("counter_hint_lines"),
              longest=60_000),
        *(
            Field(name=f"file_{kind}", kind="file", label=f"file_{kind}",
                  hint=words("counter_hint_file") if kind == "invoice" else None)
            for kind in _KINDS
        ),
    )  # fmt: skip


def _rows(text: str) -> list[sheet.RawLine]:
    """The lines as they were typed or pasted: tabs or commas apart, headings or none."""
    plain = text.replace("\t", ",").replace("，", ",").replace("；", ",").replace(";", ",")
    first = plain.lstrip().split("\n", 1)[0]
    headed = "数量" in first or "quantity" in first.lower()
    try:
        rows = sheet.read_csv(plain if headed else f"{_HEADER}\n{plain}")
    except InvalidInput as error:
        raise InvalidInput("lines", error.text.zh, error.text.en) from None
    if headed:
        return rows
    # Rows are counted as they were typed, without the headings put in front.
    return [sheet.RawLine(one.row - 1, *_cells(one)) for one in rows]


def _cells(one: sheet.RawLine) -> tuple[str, ...]:
    return one.number, one.item, one.name, one.quantity, one.price, one.total, one.date


async def _submit(case: Case, actor: Actor) -> Done:
    care: Care = one_of(case.typed("care"), _CARES, "care")
    level: Level = one_of(case.typed("level"), _LEVELS, "level")
    provider = case.typed("provider")
    code = provider.upper() if provider.isascii() and len(provider) == 12 else None
    if code is None and not case.place("place"):
        raise InvalidInput(
            "place", zh="没有机构编码时，请填写机构所在地",
            en="without the provider's code, say where it is",
        )  # fmt: skip
    bill = PaidBill(
        provider_code=code,
        provider_name="" if code else provider,
        region=None if code else case.place("place"),
        level=level,
        care=care,
        begun_on=case.day("begun_on"),
        ended_on=case.day("ended_on"),
        emergency=bool(case.chosen("emergency")),
        disease=None,
        invoice=case.typed("invoice"),
    )
    total, rows = parse_yuan(case.typed("total"), "total"), _rows(plain(case.form.get("lines")))
    for kind in _KINDS:
        for one in case.uploads.get(f"file_{kind}", ()):
            document_rules.read(one.content, f"file_{kind}")
    made = await case.claims.submit(
        case.facts.person_id, bill, rows, total, actor, case.idempotency_key
    )
    added = 0
    for kind in _KINDS:
        for one in case.uploads.get(f"file_{kind}", ()):
            made = await case.claims.add_document(
                made.person_id, made.claim_id, made.version, kind, one.content, actor,
                f"{case.idempotency_key}-{added}",
            )  # fmt: skip
            added += 1
    return _told(made, added)


def _told(one: Claim, documents: int) -> Done:
    told = [
        (words("told_provider"), same(one.bill.provider_name)),
        (words("told_care"), CARE_NAMES[one.bill.care]),
        (words("told_total"), same(format_yuan_grouped(one.total))),
        (words("told_lines"), same(one.lines_count)),
        (words("told_documents"), same(documents)),
        (words("told_state"), CLAIM_STATES[one.state]),
        (words("told_number"), same(one.claim_id)),
    ]
    return Done(told, words("counter_note_claim"))


def _withdrawable(facts: Facts) -> list[Claim]:
    return [one for one in facts.claims if "withdraw" in rules.TABLE[one.state]]


def claim_name(one: Claim) -> Text:
    """A claim in one line."""
    state, amount = CLAIM_STATES[one.state], format_yuan_grouped(one.total)
    return Text(
        f"{one.bill.provider_name} {one.bill.begun_on} {amount} 元，{state.zh}",
        f"{one.bill.provider_name} {one.bill.begun_on}, {amount} yuan, {state.en}",
    )


def _withdraw_fields(case: Case) -> Sequence[Field]:
    options = [(str(one.claim_id), claim_name(one)) for one in _withdrawable(case.facts)]
    return (
        Field(name="claim", kind="radios", label="claim", options=options,
              value=options[0][0] if len(options) == 1 else ""),
    )  # fmt: skip


async def _withdraw(case: Case, actor: Actor) -> Done:
    number = case.number("claim")
    for one in case.facts.claims:
        if one.claim_id == number:
            done = await case.claims.withdraw(
                one.person_id, number, one.version, actor, case.idempotency_key
            )
            return Done(_told(done, 0).told)
    raise choose_one("claim")


ERRANDS: Final = (
    Errand(
        name="claim", group="care", permission="claim.submit", service="claims",
        steps=(_bill_fields, _line_fields), carry_out=_submit, refused=_refused,
        documents=lambda _: (
            words("doc_identity"), words("doc_invoice"), words("doc_fee_list"), words("doc_record"),
        ),
        fields_of={
            "provider.code": "provider", "provider.name": "provider", "provider.region": "place",
            "lines_csv": "lines", "document": "file_invoice", "disease": "care",
        },
    ),
    Errand(
        name="claim_withdraw", group="care", permission="claim.submit", service="claims",
        steps=(_withdraw_fields,), carry_out=_withdraw, refused=lambda _: None,
        documents=lambda _: (words("doc_identity"),),
        shown=lambda facts: bool(_withdrawable(facts)), fields_of={"version": "claim"},
    ),
)  # fmt: skip
