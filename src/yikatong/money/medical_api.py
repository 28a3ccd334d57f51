"""JSON routes of the medical account."""

from typing import Annotated, Any, Final

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core import regions
from yikatong.core.money import format_yuan, parse_percent, parse_yuan
from yikatong.core.months import parse_month
from yikatong.core.platform import Platform
from yikatong.money import medical, shown
from yikatong.money.bodies import PROBLEMS, Amount, Identifier, Number, told
from yikatong.money.shown import TransactionBody
from yikatong.people.guard import home_of
from yikatong.trust import audit
from yikatong.trust.access import Caller, Content, FourEyes
from yikatong.trust.audit import Actor


class CreditBody(msgspec.Struct, forbid_unknown_fields=True):
    """A region and a month."""

    region: str
    month: str


class FamilyBody(msgspec.Struct, forbid_unknown_fields=True):
    """Up to how much a year."""

    yearly_limit: Amount


class CareBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is paid to whom; `owner_id` names the family member whose account pays."""

    provider: Annotated[str, msgspec.Meta(pattern="^[0-9A-Z]{12}$")]
    amount: Amount
    owner_id: Identifier | None = None


class HeirBody(msgspec.Struct, forbid_unknown_fields=True):
    """An heir's bank account and share."""

    account: Number
    percent: str


class InheritBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who inherits, and the notarial deed or court document that says so."""

    heirs: Annotated[list[HeirBody], msgspec.Meta(min_length=1, max_length=20)]
    document: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class MoveBody(msgspec.Struct, forbid_unknown_fields=True):
    """The new insured region."""

    region: str


@post(
    "/api/v1/money/medical/credits",
    status_code=200,
    summary="The month's sum to the retired of a region",
    responses=PROBLEMS,
    tags=["medical account"],
    permission="medical_account.credit",
)
async def credit(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: CreditBody,
) -> dict[str, Any]:
    """Once per person and month, however often it is asked for."""
    who = caller.actor("medical account credit")
    region = regions.pooling_region(data.region, "region").code
    caller.require("medical_account.credit", region)
    people, amount = await medical.credit_retired(
        platform, region, parse_month(data.month, "month"), who
    )
    return {"people": people, "amount": format_yuan(amount)}


@get(
    "/api/v1/money/medical/{person_id:int}/family",
    summary="Whom the account may pay for",
    responses=PROBLEMS,
    tags=["medical account"],
    permission="medical_account.read",
)
async def family(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[dict[str, Any]]:
    """The consents given."""
    who = caller.actor("family account")
    async with platform.database.transaction() as connection:
        found = await medical.family_of(connection, person_id)
        if found:
            at = platform.clock.now()
            await audit.record(connection, who, at, person_id, "medical_account.family_read")
    return [told(one, "yearly_limit spent") for one in found]


@put(
    "/api/v1/money/medical/{person_id:int}/family/{member_id:int}",
    summary="Agree to pay for a family member",
    responses=PROBLEMS,
    tags=["medical account"],
    permission="medical_account.family",
)
async def allow(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    member_id: FromPath[Identifier],
    data: FamilyBody,
) -> dict[str, Any]:
    """Or change the limit."""
    who = caller.actor("family account")
    limit = parse_yuan(data.yearly_limit, "yearly_limit")
    link = await medical.allow_family(platform, person_id, member_id, limit, who)
    return told(link, "yearly_limit spent")


@delete(
    "/api/v1/money/medical/{person_id:int}/family/{member_id:int}",
    summary="Take the consent back",
    responses=PROBLEMS,
    tags=["medical account"],
    permission="medical_account.family",
)
async def end(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    member_id: FromPath[Identifier],
) -> None:
    """From now on nothing is paid for the member."""
    await medical.end_family(platform, person_id, member_id, caller.actor("family account"))


@post(
    "/api/v1/money/medical/{person_id:int}/pay",
    status_code=200,
    summary="Pay a provider",
    responses=PROBLEMS,
    tags=["medical account"],
    permission="medical_account.pay",
)
async def pay_care(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: CareBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """From the patient's account or a family member's who agreed."""
    who = caller.actor("care payment")
    done = await medical.pay_care(
        platform, person_id, data.provider, parse_yuan(data.amount, "amount"), who, key,
        owner_id=data.owner_id,
    )  # fmt: skip
    return shown.transaction(done)


@post(
    "/api/v1/money/medical/{person_id:int}/inherit",
    status_code=200,
    summary="Pay the account to the heirs",
    responses=PROBLEMS,
    tags=["medical account"],
    permission="medical_account.inherit",
)
async def inherit(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    four_eyes: NamedDependency[FourEyes],
    person_id: FromPath[Identifier],
    data: InheritBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """By shares that are 100 % together; the account is closed. A second person approves."""
    _heirs(data)
    async with platform.database.transaction(readonly=True) as connection:
        home = await home_of(connection, person_id)
    facts = {"person_id": person_id, **msgspec.to_builtins(data)}
    await four_eyes.need(caller, Content("medical_account.inherit", home, facts), key)
    return await carry_out_inheritance(platform, facts, caller.actor("inheritance"), key)


async def carry_out_inheritance(
    platform: Platform, facts: dict[str, Any], who: Actor, key: str
) -> TransactionBody:
    """Pay the heirs as the facts say."""
    data = msgspec.convert(
        {name: facts[name] for name in InheritBody.__struct_fields__}, InheritBody
    )
    done = await medical.inherit(
        platform, facts["person_id"], _heirs(data), data.document, who, key
    )
    return shown.transaction(done)


def _heirs(data: InheritBody) -> list[tuple[str, int]]:
    return [
        (one.account, parse_percent(one.percent, f"heirs[{at}].percent"))
        for at, one in enumerate(data.heirs)
    ]


@post(
    "/api/v1/money/medical/{person_id:int}/move",
    status_code=200,
    summary="Move the account to another insured region",
    responses=PROBLEMS,
    tags=["medical account"],
    permission="medical_account.move",
)
async def move(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: MoveBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """The balance stays the person's."""
    who = caller.actor("medical account transfer")
    return shown.transaction(await medical.move(platform, person_id, data.region, who, key))


routes: Final = [credit, family, allow, end, pay_care, inherit, move]
