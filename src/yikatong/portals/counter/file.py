"""A person's file on one screen (人员档案): who it is, how everything stands, what can be done now."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.benefits.pension.age import month_text
from yikatong.cards.office import words as card_words
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_id_number, mask_name, mask_phone
from yikatong.identity.authority.model import SERVICES
from yikatong.medical import receipts as medical_receipts
from yikatong.medical import receipts_shown
from yikatong.medical.claims.service import ClaimOffice
from yikatong.medical.visits.model import Settlement
from yikatong.people.guard import require_person
from yikatong.people.notices import service as notices
from yikatong.people.notices.kinds import KINDS
from yikatong.portals.counter import facts as counter_facts
from yikatong.portals.counter import receipts, store, words
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.errand import GROUPS
from yikatong.portals.counter.errand_pages import Offer, counter_way, offers, whose
from yikatong.portals.counter.errands_claim import claim_name
from yikatong.portals.counter.errands_contributions import bill_name
from yikatong.portals.counter.facts import Facts
from yikatong.portals.hotline import store as call_store
from yikatong.portals.receipts import as_pdf, explained
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.trust import audit

_PERSON: Final = "/staff/people/{person_id:int}"
_BILLS: Final = 6
_REASON_MAX: Final = 100


class Line(msgspec.Struct, frozen=True):
    """A line of a panel."""

    text: str
    hint: str = ""
    link: str = ""


class Panel(msgspec.Struct, frozen=True):
    """One part of the file; its title is `panel_<name>`, what stands in an empty one
    `panel_<name>_none`."""

    name: str
    lines: Sequence[Line]


@get(_PERSON, include_in_schema=False)
async def file(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
) -> Response[Any]:
    """The file; the look is recorded with what was seen."""
    desk = await open_desk(request, platform, "person.read")
    return await _show(desk, claims, person_id)


@post(f"{_PERSON}/reveal", include_in_schema=False)
async def reveal(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
) -> Response[Any]:
    """The file with whole numbers and the address, for a reason the person may read."""
    same_site(request)
    desk = await open_desk(request, platform, "person.reveal", form_at=f"/staff/people/{person_id}")
    sent = await read_form(request, "reason")
    reason = sent["reason"].strip()
    if not 2 <= len(reason) <= _REASON_MAX or not reason.isprintable():
        error = InvalidInput(
            "reason",
            zh=f"请写明为什么要看完整信息（2 至 {_REASON_MAX} 字），本人可以查到",
            en=f"say why you need to see it (2 to {_REASON_MAX} characters); the person can read it",
        )
        return await _show(desk, claims, person_id, answer_wrong(desk.view, error, "reason"))
    return await _show(desk, claims, person_id, reason=reason)


async def _show(
    desk: Desk,
    claims: ClaimOffice,
    person_id: int,
    wrong: Wrong = FINE,
    *,
    reason: str | None = None,
) -> Response[Any]:
    platform, view = desk.platform, desk.view
    permission = "person.read" if reason is None else "person.reveal"
    async with platform.database.transaction() as connection:
        facts = await counter_facts.read(
            platform, connection, desk.caller, permission, claims, person_id
        )
        home = await counter_facts.home(connection, person_id)
        settled = await _settled(desk, connection, facts)
        calls = await _calls(connection, desk, facts)
        told = await _notices(connection, desk, facts)
        done = [
            receipts.opened(platform, one)
            for one in await store.receipts_of(connection, person_id, _BILLS)
        ]
        detail: dict[str, object] = {"sees": sorted(facts.sees)}
        if reason is not None:
            detail = {"reason": reason}
        action = "person.read" if reason is None else "person.revealed"
        await audit.record(
            connection, desk.actor("person's file"), platform.clock.now(), person_id, action,
            detail,
        )  # fmt: skip
    view.path, view.query = f"/staff/people/{person_id}", []
    panels = [*_panels(desk, facts), *settled, *told, *calls]
    can = offers(desk, facts, home, counter_way(person_id))
    return desk.respond(
        "counter-person.html", wrong,
        who=whose(facts, counter_way(person_id)), revealed=reason is not None, identity=_identity(desk, facts, reason),
        panels=panels, empty=[one for one in panels if not one.lines],
        done=[
            (one.title.in_language(desk.language), one.receipt_id, view.day(one.at))
            for one in done
        ],
        groups=[
            (group, [one for one in can if one.group == group])
            for group in GROUPS
            if any(one.group == group for one in can)
        ],
        numbered=_numbered(can),
        may_reveal=any(desk.caller.may("person.reveal", region) for region in home),
        alarms=_alarms(desk, facts),
    )  # fmt: skip


def _numbered(can: Sequence[Offer]) -> dict[str, int]:
    """The errands that are possible now, numbered as they stand on the page."""
    ordered = [one for group in GROUPS for one in can if one.group == group and not one.why]
    return {one.name: at for at, one in enumerate(ordered, 1)}


def _identity(desk: Desk, facts: Facts, reason: str | None) -> list[tuple[str, str]]:
    person, contact, view = facts.person, facts.contact, desk.view
    whole = reason is not None
    phone = contact.phone
    rows = [
        ("file_name", person.name if whole else mask_name(person.name)),
        ("file_sex", view.text(f"file_sex_{person.sex}")),
        ("file_birth", f"{person.birth_date}" if whole else str(person.birth_date.year)),
        ("file_number", contact.id_number if whole else mask_id_number(contact.id_number)),
        ("file_phone", (phone if whole else mask_phone(phone)) if phone else "—"),
        ("file_home", regions.full_name(person.residence_region, desk.language)),
    ]
    if whole:
        rows.append(("file_address", contact.address or "—"))
    confirmed = person.contact_confirmed_on
    rows.append(("file_confirmed", f"{confirmed}" if confirmed else view.text("file_never")))
    return [(view.text(name), value) for name, value in rows]


def _alarms(desk: Desk, facts: Facts) -> list[str]:
    """What must be seen before anything else."""
    person, found = facts.person, list[Text]()
    if person.died_on is not None:
        found.append(words.words("refused_dead", day=f"{person.died_on}"))
    if not person.identity_matched:
        found.append(words.words("alarm_mismatch"))
    if person.under_guardianship:
        found.append(words.words("alarm_guardianship"))
    if not facts.card and any(one.state != "replaced" for one in facts.cards):
        found.append(words.words("alarm_no_live_card"))
    found += [
        words.words("alarm_proof_overdue", day=f"{one.proof_due_on}")
        for one in facts.pensions
        if one.proof_due_on is not None and one.proof_due_on < facts.day
    ]
    return [one.in_language(desk.language) for one in found]


def card_lines(facts: Facts, language: str) -> list[Line]:
    """Cards and applications, the newest first."""

    def line(text: Text, hint: Text) -> Line:
        return Line(text.in_language(language), hint.in_language(language))

    return [
        *(line(card_words.of_card(one, facts.day),
               words.words("file_card", tail=one.card_number[-4:], generation=str(one.generation),
                           place=words.place(one.region), bank=words.bank_side(one)))
          for one in facts.cards),
        *(line(card_words.of_application(one, facts.place_of(one)),
               words.words("file_application", kind=words.words(f"file_applied_{one.kind}"),
                           day=f"{one.applied_on}", number=str(one.application_id)))
          for one in facts.applications),
    ]  # fmt: skip


def _panels(desk: Desk, facts: Facts) -> list[Panel]:
    language, day = desk.language, facts.day

    def line(text: Text, hint: Text | str = "") -> Line:
        shown = hint.in_language(language) if isinstance(hint, Text) else hint
        return Line(text.in_language(language), shown)

    found: list[Panel] = []
    if "cards.read" in facts.sees:
        found.append(Panel("cards", card_lines(facts, language)))
    if "person.read" in facts.sees:
        found.append(
            Panel("insured", [line(words.enrolment(one, day)) for one in facts.enrolments])
        )
    if "filing.read" in facts.sees:
        found.append(
            Panel("filings", [
                line(words.filing(one, day), str(one.filing_id)) for one in facts.filings[:_BILLS]
            ])
        )  # fmt: skip
    if "benefit.read" in facts.sees:
        lines = list[Line]()
        for one in facts.entitlements:
            due = words.proof(one, day)
            lines.append(line(words.entitlement(one), due or ""))
        decides = desk.caller.may("benefit.decide")
        lines += [
            Line(
                words.words("file_pension_application", month=month_text(one.retires_on))
                .in_language(language),
                words.words(f"pension_state_{one.state}").in_language(language),
                f"/staff/people/{facts.person_id}/pension/{one.application_id}" if decides else "",
            )
            for one in facts.pension_applications[:_BILLS]
        ]  # fmt: skip
        found.append(Panel("benefits", lines))
    if "contribution.read" in facts.sees:
        found.append(Panel("contributions", [_bill(one, language) for one in _newest(facts)]))
    if "claim.read" in facts.sees:
        found.append(
            Panel("claims", [
                Line(
                    claim_name(one).in_language(language), one.reason or str(one.claim_id),
                    f"/staff/people/{facts.person_id}/claims/{one.claim_id}",
                )
                for one in facts.claims[:_BILLS]
            ])
        )  # fmt: skip
    if "authority.read" in facts.sees:
        lines = list[Line]()
        for one in facts.agents:
            zh = "、".join(SERVICES[each].zh for each in one.services)
            en = "; ".join(SERVICES[each].en for each in one.services)
            all_of_them = len(one.services) == len(SERVICES)
            what = words.words("file_all_services") if all_of_them else Text(zh, en)
            name = mask_name(facts.names.get(one.person_id, ""))
            until = words.until_words(one.ends_on)
            lines.append(line(words.words(f"file_{one.kind}", name=name, until=until), what))
        found.append(Panel("authority", lines))
    return found


def _newest(facts: Facts) -> list[Any]:
    """Open bills first, then the newest that were paid."""
    still = [one for one in facts.bills if one.state == "open"][:_BILLS]
    paid = [one for one in reversed(facts.bills) if one.state == "paid"]
    return [*still, *paid[: max(2, _BILLS - len(still))]]


def _bill(one: Any, language: str) -> Line:
    key = "file_bill_open" if one.state == "open" else "file_bill_paid"
    paid = f"{one.paid_at.astimezone(SHANGHAI):%Y-%m-%d}" if one.paid_at else ""
    hint = words.words(key, amount=format_yuan_grouped(one.total), day=paid or f"{one.due_on}")
    return Line(bill_name(one).in_language(language), hint.in_language(language))


async def _settled(desk: Desk, connection: Connection, facts: Facts) -> list[Panel]:
    if "settlement.read" not in facts.sees:
        return []
    found = await medical_receipts.of_person(
        desk.platform, connection, facts.person_id, desk.actor("person's file"), _BILLS
    )
    return [Panel("bills", [_settlement(desk, facts, one, name) for one, name in found])]


def _settlement(desk: Desk, facts: Facts, one: Settlement, provider: str) -> Line:
    care = receipts_shown.care_name(one).in_language(desk.language)
    hint = words.words(
        "file_settled", total=format_yuan_grouped(one.total),
        funds=format_yuan_grouped(one.funds), own=format_yuan_grouped(one.person),
    )  # fmt: skip
    return Line(
        f"{one.settled_at:%Y-%m-%d} {provider} {care}", hint.in_language(desk.language),
        f"/staff/people/{facts.person_id}/bills/{one.settlement_id}",
    )  # fmt: skip


async def _notices(connection: Connection, desk: Desk, facts: Facts) -> list[Panel]:
    if "notices.read" not in facts.sees:
        return []
    found = await notices.of_person(connection, facts.person_id, limit=_BILLS)
    return [
        Panel("notices", [
            Line(
                KINDS[one.kind].title.in_language(desk.language),
                desk.view.day(one.at),
            )
            for one in found
        ])
    ]  # fmt: skip


async def _calls(connection: Connection, desk: Desk, facts: Facts) -> list[Panel]:
    if "call.read" not in facts.sees:
        return []
    notes = await call_store.of_person(connection, facts.person_id, _BILLS)
    vault = desk.platform.vault
    return [
        Panel("calls", [
            Line(
                f"{desk.view.day(one.begun_at)} "
                + desk.view.text(f"call_topic_{one.topic or 'none'}"),
                vault.open(f"call:{one.call_id}", one.person_id, one.note_sealed)
                if one.note_sealed
                else "",
            )
            for one in notes
        ])
    ]  # fmt: skip


# ---- a bill ----


@get(f"{_PERSON}/bills/{{settlement_id:int}}", include_in_schema=False)
async def bill(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    settlement_id: FromPath[int],
) -> Response[Any]:
    """A bill with every step, to be explained; also as PDF to hand over."""
    desk = await open_desk(request, platform, "settlement.read")
    async with platform.database.transaction() as connection:
        await require_person(connection, desk.caller, "settlement.read", person_id)
        found = await medical_receipts.read(
            platform, connection, person_id, settlement_id, desk.actor("bill explained")
        )
    if request.query_params.get("format") == "pdf":
        return await as_pdf(platform, found)
    masked = msgspec.structs.replace(found, name=mask_name(found.name))
    return desk.respond(
        "counter-bill.html", back=f"/staff/people/{person_id}",
        pdf=f"{request.url.path}?format=pdf", **explained(desk.view, masked),
    )  # fmt: skip


routes: Final = [file, reveal, bill]
