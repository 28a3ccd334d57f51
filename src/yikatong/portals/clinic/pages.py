"""The visit desk: who is there, and the visit from its registration to the bill that is settled."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards import service as cards
from yikatong.cards.pins import service as pins
from yikatong.cards.pins.service import PinNotAccepted
from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.money import Fen, parse_yuan
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_id_number, mask_name
from yikatong.medical import receipts_shown
from yikatong.medical.hospital_api import credentials
from yikatong.medical.model import Care
from yikatong.medical.provider_desk import days, finding, rules, sending, service
from yikatong.medical.provider_desk.model import DeskVisit, Item
from yikatong.medical.provider_desk.service import Changed
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.errors import CareRefused
from yikatong.medical.visits.orders import Settled, SplitLine
from yikatong.people.model import INSURANCE_NAMES
from yikatong.policies import shown as policies_shown
from yikatong.portability.shown import ANSWERS
from yikatong.portals.clinic import asking
from yikatong.portals.clinic.desk import ClinicDesk, open_clinic
from yikatong.portals.counter import form as forms
from yikatong.portals.counter.desk import FINE, Wrong
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site

CLINIC: Final = "/clinic"
_MAY: Final = "visit.handle"
_items: Final = finding.Items()


class Typed(msgspec.Struct, frozen=True):
    """What was sent of a page's form; texts by name."""

    form: dict[str, Any]

    def __getitem__(self, name: str) -> str:
        return forms.plain(self.form.get(name)).strip()[: rules.SHOWN_MAX]

    def key(self, platform: Platform) -> int:
        return forms.key_of(self.form, platform)


async def read(
    request: Request[Any, Any, Any], platform: Platform, permission: str
) -> tuple[ClinicDesk, Typed]:
    """The member and the form; one that came after the session was over is kept."""
    same_site(request)
    at = await open_clinic(request, platform, permission)
    return at, Typed((await forms.read(request)).form)


async def kept(at: ClinicDesk) -> Typed:
    """What was kept of a form of this page that came too late."""
    desk = at.desk
    found = await desk.kept()
    return Typed(found or {})


# ---- who is there ----


@get(CLINIC, include_in_schema=False)
async def start(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Who is there, what is not settled yet, and the day so far."""
    at = await open_clinic(request, platform, _MAY)
    return await _start(at, await kept(at))


async def _start(at: ClinicDesk, typed: Typed, wrong: Wrong = FINE) -> Response[Any]:
    desk, platform = at.desk, at.desk.platform
    desk.view.path, desk.view.query = CLINIC, []
    on = today(platform.clock)
    day = await days.of(platform, at.clerk, on, on)
    open_ones = await service.open_ones(platform, at.clerk)
    code = at.clerk.provider.provider_code
    tested = False
    if platform.settings.sandbox:
        async with platform.database.transaction(readonly=True) as connection:
            known = await credentials.of_sandbox(platform, connection)
        tested = any(one.provider_code == code for one in known)
    return desk.respond(
        "clinic-desk.html", wrong,
        current="clinic", provider=at.name, code=code, key=new_id(platform.clock.now()),
        shown=typed["shown"], second=typed["second"], kept=bool(typed.form) and not wrong[0],
        open_visits=[_waiting(at, one) for one in open_ones], day=day.all,
        changed=desk.request.query_params.get("done", "")[:20] == "gone",
        sandbox_calls=f"/sandbox/{code}" if tested else "",
    )  # fmt: skip


def _waiting(at: ClinicDesk, one: DeskVisit) -> dict[str, Any]:
    return {
        "address": f"{CLINIC}/visits/{one.desk_id}",
        "who": mask_name(one.told.name),
        "care": receipts_shown.CARE_NAMES[one.told.care].in_language(at.desk.language),
        "begun": at.desk.view.day(one.begun_at),
        "staying": one.told.care == "inpatient" and one.visit_id is not None,
    }


@post(CLINIC, include_in_schema=False)
async def begin(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    care_desk: NamedDependency[CareDesk],
) -> Response[Any]:
    """Find out who is there and whether it works here; the same form again leads to the same visit."""
    at, typed = await read(request, platform, _MAY)
    key = typed.key(platform)
    before = await service.begun(platform, at.clerk, key)
    if before is not None and not rules.same_shown(before.told.certificate, typed["shown"]):
        # A form the browser went back to, with what the next person shows: a visit of their own.
        before, key = None, new_id(platform.clock.now())
    if before is None:
        try:
            person_id, told = await service.identify(
                platform, care_desk, at.clerk, typed["shown"], typed["second"]
            )
        except YikatongError as error:
            return await _start(at, typed, answer_wrong(at.desk.view, error, "shown"))
        told.answer, told.said = await asking.ask(platform, at.clerk, person_id, told.care)
        await service.begin(platform, at.clerk, key, person_id, told)
    return Redirect(f"{CLINIC}/visits/{key}", status_code=303)


# ---- the visit ----


class Shown(msgspec.Struct, frozen=True):
    """What a page of a visit shows beside the visit itself."""

    wrong: Wrong = FINE
    items: Sequence[Item] = ()
    """Several that the words for a line may mean."""
    diagnoses: Sequence[finding.Entry] = ()
    kept: bool = False


@get(f"{CLINIC}/visits/{{desk_id:int}}", include_in_schema=False)
async def visit(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    care_desk: NamedDependency[CareDesk],
    desk_id: FromPath[int],
) -> Response[Any]:
    """A visit as it stands."""
    at = await open_clinic(request, platform, _MAY)
    found = await service.find(platform, at.clerk, desk_id)
    typed = await kept(at)
    return await _show(at, care_desk, found, typed, Shown(kept=bool(typed.form)))


@post(f"{CLINIC}/visits/{{desk_id:int}}", include_in_schema=False)
async def work(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    care_desk: NamedDependency[CareDesk],
    desk_id: FromPath[int],
) -> Response[Any]:
    """Something was done with the visit; then the page as it stands, or what it led to."""
    at, typed = await read(request, platform, _MAY)
    found = await service.find(platform, at.clerk, desk_id)
    try:
        return await _do(at, care_desk, found, typed)
    except Changed:
        # Sent twice, or by two: the page tells how it stands now.
        return Redirect(f"{CLINIC}/visits/{desk_id}", status_code=303)
    except YikatongError as error:
        if isinstance(error, NotFound):
            raise
        found = await service.find(platform, at.clerk, desk_id)
        field = _FIELD_OF.get(typed["act"], "visit")
        return await _show(at, care_desk, found, typed, Shown(_beside(at, error, field)))


_FIELD_OF: Final = {"add": "item", "register": "diagnosis", "settle": "pay"}


async def _do(at: ClinicDesk, care: CareDesk, found: DeskVisit, typed: Typed) -> Response[Any]:
    platform, key = at.desk.platform, typed.key(at.desk.platform)
    after = f"{CLINIC}/visits/{found.desk_id}"
    match typed["act"]:
        case "add":
            return await _add(at, care, found, typed)
        case "register":
            return await _register(at, care, found, typed)
        case "settle":
            return await _settle(at, care, found, typed)
        case "care":
            await _ask_again(at, found, typed)
        case "remove":
            await service.remove_line(platform, care, at.clerk, found, typed["line"])
        case "discharge":
            await service.discharge(platform, care, at.clerk, found, key)
        case "back":
            await service.cancel_discharge(platform, care, at.clerk, found, key)
        case "give_up":
            await service.give_up(platform, care, at.clerk, found)
            after = f"{CLINIC}?done=gone"
        case _:
            pass
    return Redirect(after, status_code=303)


_FIELDS: Final = frozenset(
    ("item", "quantity", "price", "diagnosis", "disease", "pay", "pin", "care", "visit")
)


def _beside(at: ClinicDesk, error: YikatongError, field: str) -> Wrong:
    """An error beside a field of the page: what the orders call otherwise belongs to what was done."""
    errors, status, headers = answer_wrong(at.desk.view, error, field)
    named, text = next(iter(errors.items()))
    return ({named if named in _FIELDS else field: text}, status, headers)


async def _ask_again(at: ClinicDesk, found: DeskVisit, typed: Typed) -> None:
    care: Care | None = next(
        (one for one in rules.offered(at.clerk.provider) if one == typed["care"]), None
    )
    if care is None or (found.visit_id is not None and care != found.told.care):
        care = found.told.care
    answer, said = await asking.ask(at.desk.platform, at.clerk, found.person_id, care)
    await service.answered(at.desk.platform, found, care, answer, said)


async def _register(
    at: ClinicDesk, care: CareDesk, found: DeskVisit, typed: Typed
) -> Response[Any]:
    if found.visit_id is None and typed["care"] not in ("", found.told.care):
        await _ask_again(at, found, typed)
        if found.told.answer == "no":
            return Redirect(f"{CLINIC}/visits/{found.desk_id}", status_code=303)
    words, chosen = typed["diagnosis"], typed["diagnosis_code"]
    disease = typed["disease"] or None
    if found.told.care == "chronic" and disease not in found.told.chronic:
        if disease is None and found.told.chronic:
            return await _show(at, care, found, typed, Shown())
        raise InvalidInput(
            "disease", zh="请选择已登记的慢特病病种", en="choose the registered disease"
        )
    known = finding.diagnoses(words)
    if chosen and typed["diagnosis_for"] == words:
        known = [one for one in known if one.code == chosen]
    if len(known) > 1:
        return await _show(at, care, found, typed, Shown(diagnoses=known))
    if known:
        diagnosis = rules.read_diagnosis(known[0].code, known[0].name)
    else:
        code, _, name = words.partition(" ")
        diagnosis = rules.read_diagnosis(code.upper() if code.isascii() else code, name)
    platform = at.desk.platform
    await service.register(platform, care, at.clerk, found, typed.key(platform), diagnosis, disease)
    return Redirect(f"{CLINIC}/visits/{found.desk_id}", status_code=303)


async def _add(at: ClinicDesk, care: CareDesk, found: DeskVisit, typed: Typed) -> Response[Any]:
    here, platform = f"{CLINIC}/visits/{found.desk_id}", at.desk.platform
    words, quantity = rules.typed_item(typed["item"], typed["quantity"])
    if not words:
        # Nothing more to add: on to the bill.
        return Redirect(f"{here}?pay=1", status_code=303)
    quantity = rules.read_quantity(quantity)
    region, on = at.clerk.provider.region, today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        items = list(await _items.search(connection, words, region, on))
    chosen = typed["item_code"]
    if chosen and typed["item_for"] == typed["item"]:
        items = [one for one in items if one.code == chosen]
    if not items:
        raise InvalidInput(
            "item",
            zh="目录里没有找到。请换名称、拼音首字母或医保编码再试；目录外的项目请自费收取，不在这里登记",
            en="not in the catalog: try another name, initials of the pinyin or the code; what the"
            " catalog does not have is paid apart and not entered here",
        )
    if len(items) > 1:
        return await _show(at, care, found, typed, Shown(items=items))
    one = items[0]
    await service.add_line(
        platform, care, at.clerk, found, typed.key(platform), one.code, quantity,
        typed["price"] or _yuan(one.price),
    )  # fmt: skip
    return Redirect(here, status_code=303)


def _yuan(fen: Fen) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


async def _settle(at: ClinicDesk, care: CareDesk, found: DeskVisit, typed: Typed) -> Response[Any]:
    platform = at.desk.platform
    account = typed["pay"] == "account"
    cash = parse_yuan(typed["cash_account" if account else "cash"], "pay")
    key = typed.key(platform)
    before = [
        one
        for one in await service.settled_before(platform, at.clerk, found)
        if one.message_id == sending.message_of(at.clerk, key)
    ]
    if not before and found.state == "open" and account and _needs_pin(at, found):
        await check_pin(at, found, typed["pin"])
    done = await service.settle(
        platform, care, at.clerk, found, key, use_account=account, shown_cash=cash
    )
    return Redirect(f"{CLINIC}/settlements/{done.settlement_id}", status_code=303)


def _needs_pin(at: ClinicDesk, found: DeskVisit) -> bool:
    now = at.desk.platform.clock.now()
    return rules.needs_pin(found.told.certificate, found.begun_at, now)


async def check_pin(at: ClinicDesk, visit: DeskVisit, pin: str) -> None:
    """Raise unless this is the PIN of the person's card.

    With the card in the reader the third wrong one locks it. Where a number was typed nobody knows
    whether the card is there: tries are limited as from afar, so that no number alone locks a card.
    """
    platform, person_id = at.desk.platform, visit.person_id
    if not pin:
        raise InvalidInput("pin", zh="请参保人输入卡密码（6 位）", en="the card's PIN (six digits)")
    async with platform.database.transaction(readonly=True) as connection:
        card = (await cards.current_cards(connection, [person_id])).get(person_id)
    if card is None:
        raise InvalidInput("pin", zh="没有社保卡，不能用卡支付", en="there is no card to pay with")
    if not rules.card_present(visit.told.certificate):
        asker = f"provider:{at.clerk.provider.provider_code}"
        if not await pins.verify(platform, person_id, card.card_id, pin, asker=asker):
            raise PinNotAccepted
        return
    shown = await pins.verify_present(
        platform, person_id, card.card_id, pin, at.clerk.actor("paying at the desk")
    )
    if not shown.right:
        raise InvalidInput(
            "pin",
            zh=f"卡密码不对，还可以试 {shown.tries_left} 次",
            en=f"the PIN is wrong; {shown.tries_left} tries left",
        )


# ---- how it is shown ----


class Bill(msgspec.Struct, frozen=True):
    """What a bill would come to, with the medical account and without."""

    settled: Settled
    pays: Sequence[tuple[str, Fen]]
    steps: Sequence[tuple[str, str]]
    cash: Fen
    account: Fen
    """What the person's and relatives' accounts can pay of the person's part."""

    @property
    def own(self) -> Fen:
        return self.cash + self.account


async def _show(
    at: ClinicDesk, care: CareDesk, found: DeskVisit, typed: Typed, shown: Shown
) -> Response[Any]:
    desk, platform, told = at.desk, at.desk.platform, found.told
    language = desk.language
    desk.view.path, desk.view.query = f"{CLINIC}/visits/{found.desk_id}", []
    registered = await service.visit_of(platform, found)
    state = registered.state if registered is not None else ""
    lines, bill, why = await _bill(at, care, found)
    settled = await service.settled_before(platform, at.clerk, found)
    pay = desk.request.query_params.get("pay", "") == "1" or typed["act"] == "settle"
    key = sending.key_of(found.pending) if found.pending else new_id(platform.clock.now())
    age = _age(told.birth_date, today(platform.clock))
    return desk.respond(
        "clinic-visit.html", shown.wrong,
        current="clinic", provider=at.name, visit=found, told=told, state=state,
        masked=mask_id_number(told.id_number), age=age, lines=lines, bill=bill, why=why,
        insured=[
            (
                desk.view.text("clinic_insured", place=regions.short_name(one.region, language),
                               name=INSURANCE_NAMES[one.insurance][language == "en"])
            )
            for one in told.insured
        ],
        headline=ANSWERS[told.answer].in_language(language),
        care_name=receipts_shown.CARE_NAMES[told.care].in_language(language),
        cares=[
            (one, receipts_shown.CARE_NAMES[one].in_language(language))
            for one in rules.offered(at.clerk.provider)
        ],
        notes=[receipts_shown.line_note(one).in_language(language) for one in lines],
        classes={
            name: text.in_language(language) for name, text in receipts_shown.CLASS_NAMES.items()
        },
        typed=typed, items=shown.items, diagnoses=shown.diagnoses, kept=shown.kept,
        settled=settled, pay=pay, key=key, pin_needed=_needs_pin(at, found),
    )  # fmt: skip


def _age(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


async def _bill(
    at: ClinicDesk, care: CareDesk, found: DeskVisit
) -> tuple[Sequence[SplitLine], Bill | None, str]:
    """The lines, what they come to, and why that cannot be said."""
    platform, language = at.desk.platform, at.desk.language
    lines: Sequence[SplitLine] = await service.lines_of(platform, found)
    if found.state != "open" or not (lines or found.told.lines):
        return (lines if found.state == "open" else ()), None, ""
    try:
        quoted = await service.quote(platform, care, at.clerk, found, use_account=True)
    except (CareRefused, InvalidInput) as error:
        return lines, None, error.text.in_language(language)
    one = quoted.settlement
    quote = one.quote
    return (
        lines or quoted.lines,
        Bill(
            quoted,
            [(name.in_language(language), amount) for name, amount in receipts_shown.who_pays(one)],
            [
                (policies_shown.step_text(step).in_language(language), step.clause)
                for step in (quote.steps if quote else ())
            ],
            one.cash,
            one.medical_account + one.family_account,
        ),
        "",
    )


routes: Final = [start, begin, visit, work]
