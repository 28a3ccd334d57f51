"""JSON routes of accounts and the ledger. Every command carries an Idempotency-Key."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from yikatong.core import lean
from yikatong.core.errors import InvalidInput
from yikatong.core.lean import Handler, Headers
from yikatong.core.money import parse_yuan
from yikatong.core.platform import Platform
from yikatong.money import shown, statements
from yikatong.money.bank import service as bank
from yikatong.money.bank.orders import MEMO_MAX, Deposit, Transfer, Withdrawal
from yikatong.money.bank.teller import Teller
from yikatong.money.bodies import (
    PROBLEMS,
    Amount,
    Identifier,
    Level,
    Memo,
    Number,
    check_key,
    person_of,
    provider_code,
)
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Freeze, SharedKind
from yikatong.money.shown import AccountBody, HoldBody, StatementBody, TransactionBody
from yikatong.people.guard import hiding_who_exists, home_of, require_person
from yikatong.trust import audit
from yikatong.trust.access import NATION, Caller, Content, FourEyes, Gate
from yikatong.trust.audit import Actor


class From(msgspec.Struct, forbid_unknown_fields=True):
    """Who pays."""

    account: Number


class To(msgspec.Struct, forbid_unknown_fields=True):
    """Who is paid; the name must be the account owner's."""

    account: Number
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class TransferBody(
    msgspec.Struct, forbid_unknown_fields=True, rename={"payer": "from", "payee": "to"}
):
    """A transfer."""

    payer: From
    payee: To
    amount: Amount
    assurance: Level
    memo: Memo = ""


class DepositBody(msgspec.Struct, forbid_unknown_fields=True):
    """Cash put in."""

    account: Number
    amount: Amount
    memo: Memo = ""


class WithdrawalBody(msgspec.Struct, forbid_unknown_fields=True):
    """Cash taken out."""

    account: Number
    amount: Amount
    assurance: Level
    memo: Memo = ""


class OpenBody(msgspec.Struct, forbid_unknown_fields=True):
    """An account to be opened, for a person named by id number or person_id."""

    bank: str
    id_number: str | None = None
    person_id: Identifier | None = None
    account_class: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1


class FindBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whose accounts: one of the three."""

    id_number: str | None = None
    person_id: Identifier | None = None
    account: Number | None = None


class HoldOrderBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sum to be set aside."""

    account: Number
    amount: Amount
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MEMO_MAX)]
    expires_at: datetime | None = None
    assurance: Level = 2


class CaptureBody(msgspec.Struct, forbid_unknown_fields=True):
    """Take a held sum, or less, for an account or a provider; the rest is released."""

    amount: Amount
    account: Number | None = None
    provider: str | None = None


class ReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class FreezeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why no money goes out; a court's order names its document."""

    reason: Freeze
    document: Annotated[str, msgspec.Meta(max_length=100)] = ""
    lift: bool = False


class OpenedBody(msgspec.Struct):
    """The account and its full number, shown this once."""

    account: AccountBody
    number: str


class Desk:
    """The three orders at the bank desk, from their bodies."""

    def __init__(self, teller: Teller, gate: Gate) -> None:
        self._teller = teller
        self._gate = gate

    async def admit(self, authorization: str, permission: str) -> Caller:
        """Who calls; turns away whoever may not do this before the body is read."""
        caller = await self._gate.caller(authorization)
        caller.require(permission)
        return caller

    async def transfer(self, data: TransferBody, key: str, caller: Caller) -> TransactionBody:
        """From an account to an account, once, durably, or refused with the reason."""
        order = Transfer(
            key=key,
            actor=caller.actor("transfer"),
            payer=data.payer.account,
            payee=data.payee.account,
            payee_name=data.payee.name,
            amount=parse_yuan(data.amount, "amount"),
            assurance=data.assurance,
            memo=data.memo,
        )
        return shown.transaction(await self._teller.carry_out(order))

    async def deposit(self, data: DepositBody, key: str, caller: Caller) -> TransactionBody:
        """Cash onto an account."""
        order = Deposit(
            key=key,
            actor=caller.actor("deposit"),
            account=data.account,
            amount=parse_yuan(data.amount, "amount"),
            memo=data.memo,
        )
        return shown.transaction(await self._teller.carry_out(order))

    async def withdraw(self, data: WithdrawalBody, key: str, caller: Caller) -> TransactionBody:
        """Cash from an account."""
        order = Withdrawal(
            key=key,
            actor=caller.actor("withdrawal"),
            account=data.account,
            amount=parse_yuan(data.amount, "amount"),
            assurance=data.assurance,
            memo=data.memo,
        )
        return shown.transaction(await self._teller.carry_out(order))


TRANSFERS: Final = "/api/v1/money/transfers"
DEPOSITS: Final = "/api/v1/money/deposits"
WITHDRAWALS: Final = "/api/v1/money/withdrawals"


def lean_routes(desk: Desk) -> dict[str, Handler]:
    """The orders again, for `core.lean`."""

    def route(
        body: type[Any], permission: str, run: Callable[[Any, str, Caller], Awaitable[Any]]
    ) -> Handler:
        decoder = msgspec.json.Decoder(body)

        async def handle(headers: Headers, raw: bytes) -> Any:
            shown_token = headers.get(b"authorization", b"").decode("latin-1")
            caller = await desk.admit(shown_token, permission)
            key = check_key(headers.get(b"idempotency-key", b"").decode("latin-1"))
            return await run(lean.read(decoder, raw), key, caller)

        return handle

    return {
        TRANSFERS: route(TransferBody, "money.transfer", desk.transfer),
        DEPOSITS: route(DepositBody, "money.deposit", desk.deposit),
        WITHDRAWALS: route(WithdrawalBody, "money.withdraw", desk.withdraw),
    }


@post(
    TRANSFERS, status_code=200, summary="Transfer", responses=PROBLEMS, tags=["money"],
    permission="money.transfer",
)  # fmt: skip
async def transfer(
    desk: NamedDependency[Desk],
    caller: NamedDependency[Caller],
    data: TransferBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """From an account to an account, once, durably, or refused with the reason."""
    return await desk.transfer(data, key, caller)


@post(
    DEPOSITS, status_code=200, summary="Deposit", responses=PROBLEMS, tags=["money"],
    permission="money.deposit",
)  # fmt: skip
async def deposit(
    desk: NamedDependency[Desk],
    caller: NamedDependency[Caller],
    data: DepositBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """Cash onto an account."""
    return await desk.deposit(data, key, caller)


@post(
    WITHDRAWALS, status_code=200, summary="Withdraw", responses=PROBLEMS, tags=["money"],
    permission="money.withdraw",
)  # fmt: skip
async def withdraw(
    desk: NamedDependency[Desk],
    caller: NamedDependency[Caller],
    data: WithdrawalBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """Cash from an account."""
    return await desk.withdraw(data, key, caller)


@post(
    "/api/v1/money/accounts",
    summary="Open a bank account",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.open",
)
async def open_account(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: OpenBody,
) -> OpenedBody:
    """Empty, at an issuing bank. Asked again, the class I account that is there."""
    who = caller.actor("account opening")
    async with platform.database.transaction(readonly=True) as connection:
        with hiding_who_exists(caller, "money.open"):
            person_id = await person_of(platform, connection, data.id_number, data.person_id)
        await require_person(connection, caller, "money.open", person_id)
    made, number = await bank.open_account(
        platform, person_id, data.bank, who, account_class=data.account_class
    )
    return OpenedBody(shown.account(made), number)


@post(
    "/api/v1/money/accounts/find",
    status_code=200,
    summary="A person's accounts",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.read",
)
async def find_accounts(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: FindBody,
) -> list[AccountBody]:
    """By id number, person_id or account number (in the body, so that no log holds them)."""
    who = caller.actor("account enquiry")
    async with platform.database.transaction() as connection:
        if data.account is not None and data.id_number is None and data.person_id is None:
            with hiding_who_exists(caller, "money.read"):
                found = [await bank.find_account(platform, connection, data.account)]
        else:
            with hiding_who_exists(caller, "money.read"):
                person_id = await person_of(platform, connection, data.id_number, data.person_id)
            await require_person(connection, caller, "money.read", person_id)
            found = await ledger.accounts_of(connection, person_id)
        if found:
            await require_person(connection, caller, "money.read", found[0].person_id)
            at = platform.clock.now()
            await audit.record(connection, who, at, found[0].person_id, "money.accounts_read")
    return [shown.account(one) for one in found]


@get(
    "/api/v1/money/accounts/{person_id:int}/{account_id:int}/statement",
    summary="The statement of an account",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.read",
)
async def statement(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    account_id: FromPath[Identifier],
    since: Annotated[
        date | None, QueryParameter(description="First day; default: 30 days ago.")
    ] = None,
    until: Annotated[date | None, QueryParameter(description="Last day; default: today.")] = None,
) -> StatementBody:
    """All lines between two days; opening + amounts = closing."""
    who = caller.actor("statement")
    first, last = statements.period(platform, since, until)
    async with platform.database.transaction() as connection:
        told = await ledger.statement(connection, person_id, account_id, first, last)
        await statements.record_look(platform, connection, who, told)
    return statements.body(told)


@post(
    "/api/v1/money/accounts/{person_id:int}/{account_id:int}/freeze",
    status_code=200,
    summary="Stop payments out of an account, or lift a stop",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.freeze",
)
async def freeze(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    four_eyes: NamedDependency[FourEyes],
    person_id: FromPath[Identifier],
    account_id: FromPath[Identifier],
    data: FreezeBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """Money still arrives. What a court orders, a second person approves."""
    facts = {"person_id": person_id, "account_id": account_id, **msgspec.to_builtins(data)}
    if data.reason == "court":
        async with platform.database.transaction(readonly=True) as connection:
            await require_person(connection, caller, "freeze.court", person_id)
            # What cannot be done is said at once and troubles no second person.
            await ledger.account(connection, person_id, account_id)
            home = await home_of(connection, person_id)
        bank.check_document(data.reason, data.document)
        await four_eyes.need(caller, Content("freeze.court", home, facts), key)
    return await carry_out_freeze(platform, facts, caller.actor("account freeze"), key)


async def carry_out_freeze(
    platform: Platform, facts: dict[str, Any], who: Actor, key: str
) -> TransactionBody:
    """Freeze or release an account as the facts say."""
    data = msgspec.convert({name: facts[name] for name in FreezeBody.__struct_fields__}, FreezeBody)
    done = await bank.freeze(
        platform, facts["person_id"], facts["account_id"], data.reason, who, key,
        document=data.document, lift=data.lift,
    )  # fmt: skip
    return shown.transaction(done)


@post(
    "/api/v1/money/holds",
    status_code=200,
    summary="Set a sum aside",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.hold",
)
async def hold(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: HoldOrderBody,
    key: NamedDependency[str],
) -> HoldBody:
    """Until it is captured, released or runs out."""
    who = caller.actor("hold")
    if data.expires_at is not None and data.expires_at.tzinfo is None:
        raise InvalidInput(
            "expires_at",
            zh="时间应带时区，例如 +08:00",
            en="the time needs an offset, such as +08:00",
        )
    async with platform.database.transaction(readonly=True) as connection:
        with hiding_who_exists(caller, "money.hold"):
            found = await bank.find_account(platform, connection, data.account)
        await require_person(connection, caller, "money.hold", found.person_id)
    made = await bank.hold(
        platform, *found.key, parse_yuan(data.amount, "amount"), who, key,
        reason=data.reason, expires_at=data.expires_at, assurance=data.assurance,
    )  # fmt: skip
    return shown.hold(made)


@post(
    "/api/v1/money/holds/{person_id:int}/{hold_id:int}/capture",
    status_code=200,
    summary="Take a held sum",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.hold",
)
async def capture(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    hold_id: FromPath[Identifier],
    data: CaptureBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """In part or whole; the rest is released with it."""
    who = caller.actor("capture")
    if (data.account is None) == (data.provider is None):
        raise InvalidInput(
            "account", zh="请填写 account 或 provider，二选一", en="give either account or provider"
        )
    payee: tuple[SharedKind, str, str] | tuple[int, int]
    if data.account is not None:
        async with platform.database.transaction(readonly=True) as connection:
            payee = (await bank.find_account(platform, connection, data.account)).key
    else:
        assert data.provider is not None
        payee = ("provider", provider_code(data.provider), "due")
    done = await bank.capture(
        platform, person_id, hold_id, parse_yuan(data.amount, "amount"), payee, who, key
    )
    return shown.transaction(done)


@post(
    "/api/v1/money/holds/{person_id:int}/{hold_id:int}/release",
    status_code=200,
    summary="Give a held sum back",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.hold",
)
async def release(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    hold_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> TransactionBody:
    """All of it."""
    who = caller.actor("release")
    return shown.transaction(await bank.release(platform, person_id, hold_id, who, key))


@get(
    "/api/v1/money/transactions/{person_id:int}/{transaction_id:int}",
    summary="One transaction",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.read",
)
async def transaction(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    transaction_id: FromPath[Identifier],
) -> TransactionBody:
    """And which one reversed it."""
    who = caller.actor("transaction enquiry")
    async with platform.database.transaction() as connection:
        found, reversed_by = await ledger.transaction(connection, person_id, transaction_id)
        await audit.record(
            connection, who, platform.clock.now(), person_id, "money.transaction_read"
        )
    return shown.transaction(found, reversed_by)


@post(
    "/api/v1/money/transactions/{person_id:int}/{transaction_id:int}/reverse",
    status_code=200,
    summary="Take a transaction back",
    responses=PROBLEMS,
    tags=["money"],
    permission="money.reverse",
)
async def reverse(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    transaction_id: FromPath[Identifier],
    data: ReasonBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """By a new one that points to it, once."""
    who = caller.actor("reversal")
    done = await bank.reverse(platform, person_id, transaction_id, who, key, reason=data.reason)
    return shown.transaction(done)


class SharedBody(msgspec.Struct):
    """A shared account and its balance: + what is owed to its owner."""

    account_id: int
    kind: SharedKind
    owner: str
    purpose: str
    balance: str
    postings: int


@get(
    "/api/v1/money/shared",
    summary="Balances of funds, providers and banks",
    responses=PROBLEMS,
    tags=["money"],
    permission="fund.read",
)
async def shared_accounts(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
) -> list[SharedBody]:
    """Snapshot plus the postings since. Of providers and banks only for who sees the nation."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await ledger.shared_balances(connection)
    return [
        SharedBody(
            one.account_id, one.kind, one.owner, one.purpose, shown.format_yuan(balance), postings
        )
        for one, balance, postings in found
        if caller.may("fund.read", one.owner if one.kind in ("fund", "agency") else NATION)
    ]


routes: Final = [
    transfer,
    deposit,
    withdraw,
    open_account,
    find_accounts,
    statement,
    freeze,
    hold,
    capture,
    release,
    transaction,
    reverse,
    shared_accounts,
]
