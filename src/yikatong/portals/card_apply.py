"""Applying for a card online: the first, a replacement, a renewal; paying its fee, withdrawing."""

from typing import Any, Final, cast

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards.counters import service as counters
from yikatong.cards.model import CardApplication, Kind, Why
from yikatong.cards.office import applying, terms
from yikatong.cards.office.model import MATTER, NewApplication
from yikatong.core import problems
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.verification import faces
from yikatong.money.bank import banks
from yikatong.people import service as people
from yikatong.portals.card import current_card, show_card
from yikatong.portals.card_amend import WITHDRAW
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
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import kept_form, same_site
from yikatong.portals.view import View
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules as document_rules
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Matter

_KINDS: Final[dict[str, tuple[Kind, tuple[Why | None, ...]]]] = {
    "first": ("first", (None,)),
    "replace": ("replace", ("lost",)),
    "renew": ("renew", ("damaged", "expired", "old_generation", "data_changed")),
}


_FIELDS: Final = ("why", "bank", "delivery", "pickup_place", "post_to", "post_phone", "key")


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
) -> Response[Any]:
    if kind not in _KINDS:
        raise NotFound(zh="没有这种申请", en="there is no such application")
    view, current = View.of(request), await current_card(platform, holder)
    if (current is None) != (kind == "first"):
        return Redirect(CARD, status_code=303)
    day = today(platform.clock)
    fee = 0
    if current is not None:
        fee = terms.load().find(current.region, day).fee
    errors, status, headers = wrong
    response = view.respond(
        request, "card-apply.html", status=status, current="card", errors=errors, which=kind,
        whys=[(one, view.text(f"card_why_{one}")) for one in _KINDS[kind][1] if one],
        banks=[(code, one.name.in_language(view.language)) for code, one in banks.banks().items()],
        counters=await _counters(view, platform, holder),
        form={name: form.get(name, "") for name in _FIELDS}
        | {"key": form.get("key") or new_key(platform)},
        photo=kind == "first",
        fee=fee,
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
    actor = holder.session.actor("my card")
    try:
        photo = await content_of(form.get("photo")) if kind == "first" else b""
        if kind == "first":
            document_rules.read(photo, "photo")
        if holder.level < STRONG:
            await check_face(platform, holder, form.get("face"))
        why = sent["why"] if kind == "renew" else "lost" if kind == "replace" else None
        wanted = NewApplication(
            _KINDS[kind][0],
            cast("Why | None", why or None),
            bank=sent["bank"] or None,
            delivery="post" if sent["delivery"] == "post" else "pickup",
            pickup_place=sent["pickup_place"] or None,
            post_to=sent["post_to"] or None,
            post_phone=sent["post_phone"] or None,
        )
        doing = holder.doing(*(("photo",) if photo else ()))
        made = await applying.apply(
            platform, holder.person_id, wanted, doing, actor, key_of(sent["key"])
        )
        if photo:
            await _keep_photo(platform, made, photo, actor)
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "why")
        return await _apply_page(request, platform, holder, kind, sent, wrong)
    return Redirect(f"{CARD}?done=applied", status_code=303)


async def _keep_photo(
    platform: Platform, made: CardApplication, photo: bytes, actor: Actor
) -> None:
    matter = Matter(MATTER, made.application_id)
    async with platform.database.transaction() as connection:
        await documents.add(
            platform, connection, made.person_id, matter, "photo", photo, "photo", actor,
            field="photo",
        )  # fmt: skip


@post(f"{CARD}/applications/{{application_id:int}}/{{act:str}}", include_in_schema=False)
async def on_application(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    application_id: FromPath[int],
    act: FromPath[str],
) -> Response[Any]:
    """Withdraw an application, or pay its fee from the account."""
    same_site(request)
    holder = await holder_of(request, platform, WITHDRAW if act == "withdraw" else CARD)
    form = await request.form()
    actor, person_id = holder.session.actor("my card"), holder.person_id
    try:
        key = key_of(str(form.get("key") or "")[:TEXT_MAX])
        if act == "withdraw":
            await applying.withdraw(platform, person_id, application_id, holder.doing(), actor, key)
            return Redirect(f"{CARD}?done=withdrawn", status_code=303)
        if act == "pay":
            account = str(form.get("account") or "")
            if not (account.isascii() and account.isdigit() and len(account) < 20):
                raise InvalidInput(
                    "account", zh="请选择付款账户", en="choose the account that pays"
                )
            await applying.pay_fee(
                platform, person_id, application_id, int(account), holder.doing(), actor, key,
                level=holder.level,
            )  # fmt: skip
            return Redirect(f"{CARD}?done=paid", status_code=303)
    except YikatongError as error:
        known = problems.typed(error)
        return await show_card(
            request, platform, holder, answer_wrong(View.of(request), known, act)
        )
    raise NotFound(zh="没有这项操作", en="there is no such action")


routes = [apply_form, apply, on_application]
