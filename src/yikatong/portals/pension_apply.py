"""Applying for a pension online (网上申领养老金): what it comes to first, then send it, once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.benefits.pension import papers, requests, service
from yikatong.benefits.pension.age import age_text, month_text, years_text
from yikatong.benefits.pension.model import (
    GROUP_NAMES,
    INSURANCE_NAMES,
    INSURANCES,
    Finding,
    Insurance,
)
from yikatong.benefits.pension.papers import OFFERED, Paper
from yikatong.benefits.pension.service import Examined, NewApplication
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.months import add_months
from yikatong.core.platform import Platform
from yikatong.money.bank.banks import banks
from yikatong.money.bodies import check_key
from yikatong.money.ledger.model import Account
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.portals.benefits import BENEFITS, new_key
from yikatong.portals.check import message
from yikatong.portals.kept import plain as plain_texts
from yikatong.portals.pension import APPLY, DECLARED, FORM_FIELD, group_of, parts_of, plain
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import kept_form, same_site
from yikatong.portals.view import View
from yikatong.portals.whose import Whose, require_whose
from yikatong.trust.documents import rules as document_rules
from yikatong.trust.documents.model import KINDS, DocumentKind

_PURPOSE: Final = "pension application"
_FIELD_MAX: Final = 20
_BODY_BYTES_MAX: Final = 20 * 1024 * 1024
"""A few documents and a little text."""
_PAPERS: Final[dict[DocumentKind, str]] = {kind: f"paper_{kind}" for kind in OFFERED}
"""The field of the form for each kind of document."""
_MORE: Final = ("deemed_years", "deemed_months", "early_years", "early_months")
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


@get(APPLY, include_in_schema=False)
async def form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form, filled in from the file; with `go`, what it comes to above it."""
    mine = await require_whose(request, platform, "benefits", _PURPOSE)
    told = await service.of_person(platform, mine.person_id, mine.actor)
    if any(one["state"] == "applied" for one in told["applications"]):
        # One at a time: there it stands, and is withdrawn.
        return Redirect(f"{BENEFITS}#application", status_code=303)
    if kept := await kept_form(request, platform, mine.session):
        key = plain_texts(kept, "key")["key"]
        return await _show(
            request, platform, mine, plain_texts(kept, *DECLARED), asked=True, key=key
        )
    query = request.query_params
    sent = {name: query.get(name, "").strip()[:_FIELD_MAX] for name in DECLARED}
    return await _show(request, platform, mine, sent, asked=bool(query.get("go")))


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    mine: Whose,
    sent: dict[str, str],
    wrong: _Wrong = _RIGHT,
    *,
    asked: bool,
    key: str = "",
) -> Response[Any]:
    view = View.of(request)
    async with platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, mine.person_id)
        enrolments = await people.enrolments(connection, mine.person_id)
    insured: list[Insurance] = [
        one for one in INSURANCES if any(each.insurance == one for each in enrolments)
    ]
    filled = _filled(sent, person, enrolments, insured, typed=asked)
    found: Examined | None = None
    # What is wrong with a document leaves what it comes to as it is.
    typed_right = not wrong[0].keys() - _PAPERS.values()
    if asked and typed_right and (errors := _errors(view, filled)):
        wrong = (errors, 422, {})
    elif asked and typed_right:
        try:
            wanted = _wanted(filled)
            found = await service.examine(platform, mine.person_id, wanted, mine.actor)
        except YikatongError as error:
            wrong = _by_field(view, error)
    errors, status, headers = wrong
    if request.method == "POST" or key:
        # Language and type size are then switched on the page the form stands on, with what it says.
        view.path, view.query = APPLY, [*filled.items(), ("go", "1")]
    asks_post = person.sex == 2 and "110" in insured
    response = view.respond(
        request, "pension-apply.html", status=status, current="benefits", errors=errors,
        mine=mine, form=filled, found=None if found is None else _examined(view, found),
        insured=bool(insured),
        insurances=[(one, INSURANCE_NAMES[one].in_language(view.language)) for one in insured],
        groups=[
            (one, GROUP_NAMES[one].in_language(view.language))
            for one in ("women_55", "women_50")
        ] if asks_post else [],
        more_open=any(filled[name] not in ("", "0") for name in _MORE)
        or any(name in errors for name in _MORE),
        key=key or new_key(), declared=DECLARED,
        papers=[] if found is None else _papers(view, found),
        papers_open=found is not None and any(
            _PAPERS[one] in errors for one in OFFERED if one not in found.documents_asked
        ),
        most=str(document_rules.PER_MATTER_MAX), size=str(document_rules.BYTES_MAX // 2**20),
    )  # fmt: skip
    response.headers.update(headers)
    return response


def _filled(
    sent: dict[str, str],
    person: Person,
    enrolments: Sequence[Enrolment],
    insured: Sequence[Insurance],
    *,
    typed: bool,
) -> dict[str, str]:
    """What was typed; at first, what is on file."""
    filled = dict(sent)
    if filled["insurance"] not in insured:
        filled["insurance"] = insured[0] if insured else ""
    if person.sex == 1:
        filled["group"] = "men"
    elif filled["group"] == "men" or filled["insurance"] == "150":
        filled["group"] = "women_55" if filled["insurance"] == "150" else ""
    if not typed and not filled["years"] and not filled["months"]:
        months = sum(one.months_paid for one in enrolments if one.insurance == filled["insurance"])
        filled["years"], filled["months"] = str(months // 12), str(months % 12)
    return filled


def _wanted(sent: dict[str, str]) -> NewApplication:
    """What is applied for; raises InvalidInput naming the field."""
    insurance: Insurance | None = next(
        (one for one in INSURANCES if one == sent["insurance"]), None
    )
    return NewApplication(
        insurance=insurance,
        group=group_of(sent["group"]),
        retires=sent["retires"] or None,
        channel="online",
        months_paid=requests.months_of(sent["years"], sent["months"], "years"),
        index=sent["index"] or None,
        wage=plain(sent["wage"]) or None,
        account=plain(sent["account"]) or "0",
        deemed_months=requests.months_of(
            sent["deemed_years"], sent["deemed_months"], "deemed_years"
        ),
        early_months=requests.months_of(sent["early_years"], sent["early_months"], "early_years"),
    )


def _errors(view: View, sent: dict[str, str]) -> dict[str, str]:
    """Everything that is wrong by itself, so that it is told at once."""
    checks: list[tuple[str, Callable[[], object]]] = [
        (years, partial(requests.months_of, sent[years], sent[months], years))
        for years, months in (
            ("years", "months"),
            ("deemed_years", "deemed_months"),
            ("early_years", "early_months"),
        )
    ]
    checks += [
        ("retires", lambda: sent["retires"] and requests.parse_month(sent["retires"], "retires")),
        ("index", lambda: sent["index"] and requests.parse_index(sent["index"], "index")),
    ]
    checks += [
        (name, partial(requests.parse_sum, plain(sent[name]), name))
        for name in ("account", "wage")
        if sent[name]
    ]
    errors: dict[str, str] = {}
    if sent["insurance"] == "110" and group_of(sent["group"]) is None:
        errors["group"] = view.text("error_apply_post")
    for field, check in checks:
        try:
            check()
        except YikatongError as error:
            errors[field] = message(view, error)
    return errors


def _papers(view: View, found: Examined) -> list[tuple[str, str, bool]]:
    """The fields of documents: those the rules ask for first."""
    asked = found.documents_asked
    kinds: list[DocumentKind] = [*asked, *(one for one in OFFERED if one not in asked)]
    return [(_PAPERS[one], KINDS[one].in_language(view.language), one in asked) for one in kinds]


async def _handed_in(request: Request[Any, Any, Any]) -> list[Paper]:
    """The documents that were chosen; raises InvalidInput, TooManyDocuments."""
    sent, found = await request.form(), list[Paper]()
    for kind, field in _PAPERS.items():
        for one in sent.getall(field, []):
            if isinstance(one, UploadFile) and (content := await one.read()):
                found.append(Paper(kind, content, one.filename, field))
    papers.check(found)
    return found


def _check_asked(asked: Sequence[DocumentKind], handed_in: Sequence[Paper]) -> None:
    """Raise InvalidInput where what the rules want to see is missing."""
    for kind in asked:
        if not any(one.kind == kind for one in handed_in):
            raise InvalidInput(
                _PAPERS[kind],
                zh="视同缴费或比记录多的月数要凭职工档案、缴费凭证核对，请选择文件；没有的，请按记录的"
                "月数申请，或带材料到窗口办理",
                en="deemed months, and more months than on record, are compared with the work file or"
                " receipts: choose a file. Without one, apply with the months on record, or bring it"
                " to a counter",
            )


def _by_field(view: View, error: YikatongError) -> _Wrong:
    told, status, headers = answer_wrong(view, error, "apply")
    named = {FORM_FIELD.get(field, field): text for field, text in told.items()}
    # What no field of the form can show stands beside its button.
    known = {*DECLARED, *_PAPERS.values()}
    errors = {field if field in known else "apply": text for field, text in named.items()}
    return errors, status, headers


def _examined(view: View, found: Examined) -> dict[str, Any]:
    """What an application comes to, for the page."""
    language, when = view.language, found.retirement
    return {
        "blocked": found.blocked,
        "insurance": INSURANCE_NAMES[found.career.insurance].in_language(language),
        "place": view.place(found.career.region, short=True),
        "month": month_text(found.retires_on).in_language(language),
        "from": month_text(add_months(found.retires_on, 1)).in_language(language),
        "paid": years_text(found.career.months).in_language(language),
        "age": age_text(when.age).in_language(language),
        "statutory": month_text(when.month).in_language(language),
        "earliest": month_text(when.earliest).in_language(language),
        "latest": month_text(when.latest).in_language(language),
        "findings": findings(view, found.findings),
        "monthly": None if found.pension is None else found.pension.monthly,
        "parts": [] if found.pension is None else parts_of(view, found.pension.parts),
        "steps": () if found.pension is None else found.pension.steps,
        "notes": [] if found.pension is None else [
            one.in_language(language) for one in found.pension.notes
        ],
        "age_steps": when.steps,
        "account": "" if found.account is None else account_name(view, found.account),
    }  # fmt: skip


def findings(view: View, found: Sequence[Finding]) -> list[dict[str, Any]]:
    """What speaks against an application or is to be known, with what to do about it."""
    return [
        {
            "blocks": one.blocks,
            "text": one.text.in_language(view.language),
            "remedy": one.remedy.in_language(view.language),
        }
        for one in found
    ]


def account_name(view: View, one: Account) -> str:
    """The bank of an account, and the last digits of its number."""
    bank = banks().get(one.bank or "")
    name = bank.name.in_language(view.language) if bank else one.bank or ""
    return view.text("apply_account_tail", bank=name, tail=one.number_tail or "")


@post(APPLY, include_in_schema=False, request_max_body_size=_BODY_BYTES_MAX)
async def send(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Take the application and its documents in, once; whoever has to sign in again finds what was typed
    as it was."""
    same_site(request)
    mine = await require_whose(request, platform, "benefits", _PURPOSE, 2, form_at=APPLY)
    sent = {
        name: text.strip()[:_FIELD_MAX]
        for name, text in (await read_form(request, *DECLARED)).items()
    }
    key = (await read_form(request, "key"))["key"]
    try:
        wanted, handed_in = _wanted(sent), await _handed_in(request)
        found = await service.examine(platform, mine.person_id, wanted, mine.actor)
        _check_asked(found.documents_asked, handed_in)
        await service.apply(
            platform, mine.person_id, wanted, mine.actor, check_key(key, "key"), handed_in
        )
    except YikatongError as error:
        wrong = _by_field(View.of(request), error)
        return await _show(request, platform, mine, sent, wrong, asked=True, key=key)
    return Redirect(f"{BENEFITS}?done=applied#application", status_code=303)


routes: Final = [form, send]
