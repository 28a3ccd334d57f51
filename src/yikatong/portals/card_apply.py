"""Applying for a card online: the first, a replacement, a renewal; paying its fee, withdrawing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards.counters import service as counters
from yikatong.cards.model import CardApplication, Kind, Why
from yikatong.cards.office import applying, rules, terms
from yikatong.cards.office.model import MATTER, Material, NewApplication
from yikatong.core import problems
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.identity.verification import faces
from yikatong.money.bank import banks
from yikatong.money.bank import rules as bank_rules
from yikatong.people import service as people
from yikatong.portals.card import current_card, show_card
from yikatong.portals.card_amend import MATERIALS, WITHDRAW
from yikatong.portals.card_holder import (
    BODY_BYTES_MAX,
    CARD,
    STRONG,
    TEXT_MAX,
    Holder,
    check_face,
    content_of,
    holder_of,
    key_of,
    new_key,
)
from yikatong.portals.check import place_of
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import kept_form, same_site
from yikatong.portals.view import View
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules as document_rules
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import KINDS, DocumentKind, Matter

_KINDS: Final[dict[str, tuple[Kind, tuple[Why | None, ...]]]] = {
    "first": ("first", (None,)),
    "replace": ("replace", ("lost",)),
    "renew": ("renew", ("damaged", "expired", "old_generation", "data_changed")),
}


_FIELDS: Final = (
    "why", "region", "region_code", "proof_kind", "bank", "delivery", "pickup_place", "post_to",
    "post_phone", "key",
)  # fmt: skip
_PROOFS: Final[tuple[DocumentKind, ...]] = (
    "residence_permit", "labour_contract", "study_certificate",
)  # fmt: skip
"""One of these lets another region than the insured one issue the card."""


class _Asked(msgspec.Struct):
    """What the form asks for, by who the person is and where the card is issued."""

    kind: str
    insured_in: str
    fee: Fen
    photo: bool

    @property
    def region(self) -> bool:
        """Whether another region may be asked to issue the card."""
        return self.kind == "first"

    @property
    def register(self) -> bool:
        """Whether the household register may have to be shown (changed data)."""
        return self.kind == "renew"


async def _what_is_asked(platform: Platform, holder: Holder, kind: str) -> _Asked:
    day = today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, holder.person_id)
        enrolments = await people.enrolments(connection, holder.person_id)
    insured_in = rules.insured_place(person, enrolments)
    found = terms.load().find(insured_in, day)
    photo = kind == "first" or rules.photo_wanted(person, found, day)
    return _Asked(kind, insured_in, 0 if kind == "first" else found.fee, photo)


@get(f"{CARD}/apply/{{kind:str}}", include_in_schema=False)
async def apply_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], kind: FromPath[str]
) -> Response[Any]:
    """Apply for the first card, a replacement or a renewal."""
    holder = await holder_of(request, platform)
    sent = plain(await kept_form(request, platform, holder.session), *_FIELDS)
    return await _apply_page(request, platform, holder, kind, sent)


async def _apply_page(
    request: Request[Any, Any, Any],
    platform: Platform,
    holder: Holder,
    kind: str,
    form: dict[str, str],
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
    candidates: Sequence[Region] = (),
) -> Response[Any]:
    if kind not in _KINDS:
        raise NotFound(zh="没有这种申请", en="there is no such application")
    view, current = View.of(request), await current_card(platform, holder)
    if (current is None) != (kind == "first"):
        return Redirect(CARD, status_code=303)
    asked = await _what_is_asked(platform, holder, kind)
    errors, status, headers = wrong
    response = view.respond(
        request, "card-apply.html", status=status, current="card", errors=errors, which=kind,
        whys=[(one, view.text(f"card_why_{one}")) for one in _KINDS[kind][1] if one],
        banks=[(code, one.name.in_language(view.language)) for code, one in banks.banks().items()],
        counters=await _counters(view, platform, holder),
        form={name: form.get(name, "") for name in _FIELDS}
        | {"key": form.get("key") or new_key(platform)},
        photo=asked.photo, register=asked.register, fee=asked.fee,
        insured_in=view.place(asked.insured_in) if asked.region else "",
        candidates=candidates,
        proofs=[("", view.text("card_apply_proof_none"))]
        + [(one, KINDS[one].in_language(view.language)) for one in _PROOFS],
        face=holder.level < STRONG,
        pretend=not faces.face_check(platform).available,
    )  # fmt: skip
    response.headers.update(headers)
    return response


async def _counters(view: View, platform: Platform, holder: Holder) -> list[tuple[str, str]]:
    """Where the card can be collected: the counters of the place where the person lives."""
    async with platform.database.transaction(readonly=True) as connection:
        lives_in = (await people.get(connection, holder.person_id)).residence_region
        found = await counters.of_region(platform, connection, lives_in, "agency")
    return [(one.code, one.text.in_language(view.language)) for one in found]


@post(f"{CARD}/apply/{{kind:str}}", include_in_schema=False, request_max_body_size=BODY_BYTES_MAX)
async def apply(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], kind: FromPath[str]
) -> Response[Any]:
    """Take the application in, once."""
    same_site(request)
    if kind not in _KINDS:
        raise NotFound(zh="没有这种申请", en="there is no such application")
    holder = await holder_of(request, platform, f"{CARD}/apply/{kind}")
    form = await request.form()
    sent = {one: str(form.get(one) or "").strip()[:TEXT_MAX] for one in _FIELDS}
    actor, view = holder.session.actor("my card"), View.of(request)
    asked = await _what_is_asked(platform, holder, kind)
    region, candidates = None, ()
    if asked.region and (sent["region"] or sent["region_code"]):
        errors: dict[str, str] = {}
        found, candidates = place_of(
            view, sent["region"][:40], sent["region_code"], "region", errors
        )
        if found is None:
            return await _apply_page(
                request, platform, holder, kind, sent, (errors, 422, {}), candidates
            )
        region = found.pooled_in or found.code
    elsewhere = region is not None and region != asked.insured_in
    try:
        papers = await _papers(form, sent, asked, elsewhere=elsewhere)
        if holder.level < STRONG:
            await check_face(platform, holder, form.get("face"))
        why = sent["why"] if kind == "renew" else "lost" if kind == "replace" else None
        wanted = NewApplication(
            _KINDS[kind][0],
            cast("Why | None", why or None),
            region=region if elsewhere else None,
            bank=sent["bank"] or None,
            delivery="post" if sent["delivery"] == "post" else "pickup",
            pickup_place=sent["pickup_place"] or None,
            post_to=sent["post_to"] or None,
            post_phone=sent["post_phone"] or None,
        )
        shown: list[Material | None] = [MATERIALS[kind] for kind, _, _ in papers]
        doing = holder.doing(*filter(None, shown))
        made = await applying.apply(
            platform, holder.person_id, wanted, doing, actor, key_of(sent["key"])
        )
        await _keep(platform, made, papers, actor)
    except YikatongError as error:
        errors, status, headers = answer_wrong(view, error, "why")
        errors = {"region" if at == "materials" else at: text for at, text in errors.items()}
        return await _apply_page(request, platform, holder, kind, sent, (errors, status, headers))
    return Redirect(f"{CARD}?done=applied", status_code=303)


_Paper = tuple[DocumentKind, str, bytes]
"""A document that was handed in: its kind, its field, its content."""


async def _papers(
    form: Mapping[str, Any], sent: Mapping[str, str], asked: _Asked, *, elsewhere: bool
) -> list[_Paper]:
    """What was handed in, each looked at before anything is carried out; raises InvalidInput naming the
    field of what is missing or cannot be kept."""
    wanted: list[tuple[DocumentKind, str]] = []
    if asked.photo:
        wanted.append(("photo", "photo"))
    if asked.register and sent["why"] == "data_changed":
        wanted.append(("household_register", "register"))
    if elsewhere:
        if sent["proof_kind"] not in _PROOFS:
            raise InvalidInput(
                "proof_kind",
                zh="由参保地以外发卡，请选一份证明并上传；由参保地发卡，请把发卡地空着",
                en="for a card from another place than where you are insured, choose a proof and add it; "
                "else leave the place empty",
            )
        wanted.append((sent["proof_kind"], "proof"))
    found: list[_Paper] = [
        (kind, field, await content_of(form.get(field))) for kind, field in wanted
    ]
    for kind, field, content in found:
        if not content:
            what = KINDS[kind]
            raise InvalidInput(
                field, zh=f"请选择要上传的文件：{what.zh}", en=f"choose the file to add: {what.en}"
            )
        if document_rules.read(content, field).media_type == "application/pdf" and kind == "photo":
            raise InvalidInput(
                field,
                zh="制卡照片请交 JPEG、PNG 或 WebP 图片",
                en="the photo for the card is a picture: JPEG, PNG or WebP",
            )
    return found


async def _keep(
    platform: Platform, made: CardApplication, papers: Sequence[_Paper], actor: Actor
) -> None:
    matter = Matter(MATTER, made.application_id)
    async with platform.database.transaction() as connection:
        for kind, field, content in papers:
            await documents.add(
                platform, connection, made.person_id, matter, kind, content, kind, actor,
                field=field,
            )  # fmt: skip


@post(
    f"{CARD}/applications/{{application_id:int}}/{{act:str}}",
    include_in_schema=False,
    request_max_body_size=BODY_BYTES_MAX,
)
async def on_application(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    application_id: FromPath[int],
    act: FromPath[str],
) -> Response[Any]:
    """Withdraw an application, pay its fee from the account, or say that the parcel has come."""
    same_site(request)
    holder = await holder_of(request, platform, WITHDRAW if act == "withdraw" else CARD)
    form = await request.form()
    actor, person_id = holder.session.actor("my card"), holder.person_id
    try:
        key = key_of(str(form.get("key") or "")[:TEXT_MAX])
        if act == "withdraw":
            await applying.withdraw(platform, person_id, application_id, holder.doing(), actor, key)
            return Redirect(f"{CARD}?done=withdrawn", status_code=303)
        if act == "received":
            tail = str(form.get("tail") or "")[:TEXT_MAX]
            await applying.received(
                platform, person_id, application_id, tail, holder.doing(), actor, key
            )
            return Redirect(f"{CARD}?done=received", status_code=303)
        if act == "pay":
            account = str(form.get("account") or "")
            if not (account.isascii() and account.isdigit() and len(account) < 20):
                raise InvalidInput(
                    "account", zh="请选择付款账户", en="choose the account that pays"
                )
            level = holder.level
            if level < STRONG:
                await check_face(platform, holder, form.get("face"))
                level = bank_rules.STRONG
            await applying.pay_fee(
                platform, person_id, application_id, int(account), holder.doing(), actor, key,
                level=level,
            )  # fmt: skip
            return Redirect(f"{CARD}?done=paid", status_code=303)
    except YikatongError as error:
        known = problems.typed(error)
        return await show_card(
            request, platform, holder, answer_wrong(View.of(request), known, act)
        )
    raise NotFound(zh="没有这项操作", en="there is no such action")


routes = [apply_form, apply, on_application]
