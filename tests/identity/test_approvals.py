"""Four eyes: asked for by one, approved by another, carried out once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, NamedTuple, cast

import httpx
import pytest

from tests.application import create_app
from tests.conftest import OPERATOR_TOKEN
from tests.identity import offices
from yikatong.core.clock import FixedClock
from yikatong.core.errors import Unavailable
from yikatong.core.platform import Platform
from yikatong.identity.staff import service as staff
from yikatong.money.bank import service as bank
from yikatong.money.ledger import service as ledger
from yikatong.population import service as population
from yikatong.trust import audit
from yikatong.trust.access import NATION, ApprovalAsked, Caller, Content, Grant
from yikatong.trust.audit import Actor

HOME, ELSEWHERE = "510100", "110000"


class Office(NamedTuple):
    """An application with somebody who has an account, and staff by number."""

    platform: Platform
    client: httpx.AsyncClient
    app: Any
    key: tuple[int, int]
    number: str
    tokens: dict[str, str]

    async def post(self, path: str, who: str, body: Any = None, key: str = "k") -> tuple[int, Any]:
        headers = {**offices.bearer(self.tokens[who]), "Idempotency-Key": key}
        answer = await self.client.post(path, json=body or {}, headers=headers)
        return answer.status_code, answer.json()

    async def freeze(self, who: str, key: str = "k", **more: Any) -> tuple[int, Any]:
        path = f"/api/v1/money/accounts/{self.key[0]}/{self.key[1]}/freeze"
        body = {"reason": "court", "document": "(2026)川01执1号", **more}
        return await self.post(path, who, body, key)

    async def approve(self, who: str, approval_id: str) -> tuple[int, Any]:
        return await self.post(f"/api/v1/approvals/{approval_id}/approve", who)

    async def refuse(self, who: str, approval_id: str) -> tuple[int, Any]:
        body = {"reason": "文书对不上"}
        return await self.post(f"/api/v1/approvals/{approval_id}/refuse", who, body)

    async def frozen(self) -> set[str]:
        async with self.platform.database.transaction(readonly=True) as connection:
            return set((await ledger.account(connection, *self.key)).frozen)


@pytest.fixture
async def the_office(platform: Platform) -> AsyncIterator[Office]:
    await population.make(platform, 120, 3, lambda _: None)
    platform.settings.operator_token_path.parent.mkdir(parents=True, exist_ok=True)
    platform.settings.operator_token_path.write_text(OPERATOR_TOKEN)
    async with platform.database.transaction(readonly=True) as connection:
        person_id = await connection.fetchval(
            """select person_id from persons p
                where residence_region like '5101%' and died_on is null
                order by 1 limit 1"""
        )
    who = Actor("staff", "tests", "tests")
    account, number = await bank.open_account(platform, person_id, "PSBC", who, account_class=2)
    tokens = {"operator": OPERATOR_TOKEN}
    for name, grants in {
        "finance": [("finance", HOME)],
        "second": [("finance", HOME)],
        "both": [("finance", HOME), ("administrator", NATION)],
        "elsewhere": [("finance", ELSEWHERE)],
        "counter": [("counter", HOME)],
        "admin": [("administrator", NATION)],
        "admin-2": [("administrator", NATION)],
    }.items():
        tokens[name] = await offices.signed_in(platform, name, *grants)
    tokens["machine"] = await offices.machine(platform, "freeze.court", "money.freeze")
    tokens["machine-2"] = await offices.machine(platform, "freeze.court", "money.freeze")
    app = create_app(platform)
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Office(platform, client, app, account.key, number, tokens)


async def test_a_court_freeze_waits_for_a_second_person_and_is_carried_out_once(
    the_office: Office,
) -> None:
    status, asked = await the_office.freeze("finance")
    assert status == 202, asked
    assert set(asked) == {"approval_id", "until", "detail"}
    assert await the_office.freeze("finance") == (202, asked)
    assert await the_office.frozen() == set()
    status, done = await the_office.approve("second", asked["approval_id"])
    assert status == 200, done
    assert (done["approval"]["state"], done["approval"]["decided_by"]) == ("done", "second")
    assert await the_office.frozen() == {"court"}
    # The asker's request sent again is answered with what was done.
    status, answer = await the_office.freeze("finance")
    assert (status, answer["transaction_id"]) == (200, done["answer"]["transaction_id"])
    status, refused = await the_office.approve("second", asked["approval_id"])
    assert (status, refused["code"]) == (409, "approval_refused")
    status, lifted = await the_office.freeze("second", "k2", lift=True)
    assert status == 202
    assert (await the_office.approve("finance", lifted["approval_id"]))[0] == 200
    assert await the_office.frozen() == set()
    # Once: the old key does not freeze again.
    assert (await the_office.freeze("finance"))[1] == answer
    assert await the_office.frozen() == set()


async def test_nobody_approves_what_they_asked_for_whatever_roles_they_have(
    the_office: Office,
) -> None:
    for who in ("finance", "both"):
        _, asked = await the_office.freeze(who, f"k-{who}")
        status, answer = await the_office.approve(who, asked["approval_id"])
        assert (status, answer["code"]) == (409, "approval_refused")
    assert await the_office.frozen() == set()


@pytest.mark.parametrize(
    ("who", "status"),
    [("elsewhere", 404), ("counter", 403), ("admin", 404), ("machine", 403), ("operator", 404)],
)
async def test_only_who_may_do_it_there_approves_it(
    the_office: Office, who: str, status: int
) -> None:
    _, asked = await the_office.freeze("finance")
    assert (await the_office.approve(who, asked["approval_id"]))[0] == status
    assert (await the_office.refuse(who, asked["approval_id"]))[0] == status
    assert await the_office.frozen() == set()


async def test_what_waits_elsewhere_does_not_push_out_what_waits_here(the_office: Office) -> None:
    approvals = the_office.app.state["approvals"]
    for number in range(3):
        away = Caller("staff", "elsewhere", (Grant("finance", ELSEWHERE),))
        content = Content("fund.transfer", (ELSEWHERE,), {"number": number})
        with pytest.raises(ApprovalAsked):
            await approvals.need(away, content, f"away-{number}")
    _, asked = await the_office.freeze("finance")
    mine = Caller("staff", "second", (Grant("finance", HOME),))
    waiting = await approvals.waiting(mine, limit=2)
    assert [str(one.approval_id) for one in waiting] == [asked["approval_id"]]


async def test_one_administrator_alone_does_not_take_over_a_colleague(the_office: Office) -> None:
    async def enrolled() -> bool:
        async with the_office.platform.database.transaction(readonly=True) as connection:
            return (await staff.get(connection, "second")).second_factor

    path = "/api/v1/staff/second/reset-second-factor"
    status, asked = await the_office.post(path, "admin")
    assert status == 202, asked
    status, answer = await the_office.approve("admin", asked["approval_id"])
    assert (status, answer["code"]) == (409, "approval_refused")
    assert await enrolled()
    # The password alone, which one may reset, opens nothing.
    assert (await the_office.post("/api/v1/staff/second/reset-password", "admin"))[0] == 200
    assert await enrolled()
    assert (await the_office.approve("admin-2", asked["approval_id"]))[0] == 200
    assert not await enrolled()
    status, answer = await the_office.post(path, "admin")
    assert (status, answer["number"]) == (200, "second")


async def test_who_rules_a_city_does_not_approve_a_reset_in_the_nation(the_office: Office) -> None:
    city = await offices.signed_in(the_office.platform, "city", ("administrator", HOME))
    the_office.tokens["city"] = city
    _, asked = await the_office.post("/api/v1/staff/both/reset-second-factor", "admin")
    assert (await the_office.approve("city", asked["approval_id"]))[0] == 404
    status, answer = await the_office.post("/api/v1/staff/both/reset-second-factor", "city")
    assert (status, answer["code"]) == (403, "not_allowed")


async def test_two_machines_do_not_approve_one_another(the_office: Office) -> None:
    status, asked = await the_office.freeze("machine")
    assert status == 202
    assert (await the_office.approve("machine-2", asked["approval_id"]))[0] == 403
    assert (await the_office.approve("finance", asked["approval_id"]))[0] == 200
    assert await the_office.frozen() == {"court"}


async def test_the_operators_token_over_http_needs_a_second_person_too(
    the_office: Office,
) -> None:
    assert (await the_office.freeze("operator"))[0] == 202
    assert await the_office.frozen() == set()


async def test_what_was_refused_or_is_over_is_not_carried_out(
    the_office: Office, clock: FixedClock
) -> None:
    _, asked = await the_office.freeze("finance")
    status, refused = await the_office.refuse("second", asked["approval_id"])
    assert (status, refused["state"]) == (200, "refused")
    assert (await the_office.approve("second", asked["approval_id"]))[0] == 409
    status, answer = await the_office.freeze("finance")
    assert status == 409
    assert "文书对不上" in answer["detail"]["zh"]
    _, late = await the_office.freeze("finance", "k2")
    clock.advance(timedelta(hours=24))
    for name in ("second", "finance"):
        the_office.tokens[name] = await offices.token_of(the_office.platform, name)
    assert (await the_office.approve("second", late["approval_id"]))[0] == 409
    assert (await the_office.freeze("finance", "k2"))[0] == 409
    assert await the_office.frozen() == set()


async def test_another_request_does_not_go_through_with_an_approved_key(
    the_office: Office,
) -> None:
    _, asked = await the_office.freeze("finance")
    status, answer = await the_office.freeze("finance", document="(2026)川01执2号")
    assert (status, answer["field"]) == (409, "Idempotency-Key")
    await the_office.approve("second", asked["approval_id"])
    assert (await the_office.freeze("finance", lift=True))[0] == 409
    assert await the_office.frozen() == {"court"}


async def test_two_who_approve_at_once_carry_out_once(the_office: Office) -> None:
    _, asked = await the_office.freeze("machine")
    outcomes = await asyncio.gather(
        *(the_office.approve(who, asked["approval_id"]) for who in ("finance", "second") * 3)
    )
    assert 200 in {status for status, _ in outcomes}
    async with the_office.platform.database.transaction(readonly=True) as connection:
        count = await connection.fetchval(
            "select count(*) from ledger_transactions where kind = 'freeze' and person_id = $1",
            the_office.key[0],
        )
    assert count == 1


async def test_a_fault_between_approval_and_act_is_made_good(
    the_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, asked = await the_office.freeze("finance")
    approvals = the_office.app.state["approvals"]
    acts = dict(approvals._acts)

    async def lost(*_: Any) -> Any:
        raise Unavailable(zh="断了", en="lost")

    monkeypatch.setattr(approvals, "_acts", {**acts, "freeze.court": lost})
    assert (await the_office.approve("second", asked["approval_id"]))[0] == 503
    monkeypatch.setattr(approvals, "_acts", acts)
    assert await the_office.frozen() == set()
    assert (await the_office.refuse("second", asked["approval_id"]))[0] == 409
    assert (await the_office.approve("second", asked["approval_id"]))[0] == 200
    assert await the_office.frozen() == {"court"}


async def test_a_role_that_was_taken_back_is_not_had_again_by_an_old_request(
    the_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, role = "/api/v1/staff/counter/", {"role": "finance", "region": HOME}
    _, asked = await the_office.post(f"{path}grants", "admin", role)
    approvals = the_office.app.state["approvals"]
    acts = dict(approvals._acts)

    async def lost(*_: Any) -> Any:
        raise Unavailable(zh="断了", en="lost")

    monkeypatch.setattr(approvals, "_acts", {**acts, "staff.grant": lost})
    assert (await the_office.approve("admin-2", asked["approval_id"]))[0] == 503
    monkeypatch.setattr(approvals, "_acts", acts)
    # The asker's request goes on with what was approved, once.
    status, granted = await the_office.post(f"{path}grants", "admin", role)
    assert (status, len(granted["grants"])) == (200, 2)
    assert (await the_office.post(f"{path}revoke", "admin-2", role))[0] == 200
    status, again = await the_office.post(f"{path}grants", "admin", role)
    assert (status, len(again["grants"])) == (200, 1)


async def test_what_the_act_itself_refuses_has_failed(the_office: Office) -> None:
    body = {"account": the_office.number, "region": HOME, "insurance": "110", "amount": "12.34"}
    status, asked = await the_office.post("/api/v1/money/benefits", "finance", body)
    assert status == 202, asked
    async with the_office.platform.database.transaction() as connection:
        await connection.execute(
            """update money_accounts set state = 'closed', closed_at = now()
                where person_id = $1 and account_id = $2""",
            *the_office.key,
        )
    status, answer = await the_office.approve("second", asked["approval_id"])
    assert (status, answer["code"]) == (409, "account_closed")
    status, answer = await the_office.post("/api/v1/money/benefits", "finance", body)
    assert status == 409


async def test_a_payment_from_a_fund_shows_the_second_person_what_it_is(
    the_office: Office,
) -> None:
    body = {"account": the_office.number, "region": HOME, "insurance": "110", "amount": "12.34"}
    _, asked = await the_office.post("/api/v1/money/benefits", "finance", body)
    headers = offices.bearer(the_office.tokens["second"])
    (shown,) = (await the_office.client.get("/api/v1/approvals", headers=headers)).json()
    assert shown["facts"]["amount"] == "12.34"
    assert the_office.number not in shown["facts"]["account"]
    assert shown["asked_by"] == "finance"
    own = offices.bearer(the_office.tokens["finance"])
    assert (await the_office.client.get("/api/v1/approvals", headers=own)).json() == []
    status, _ = await the_office.approve("second", asked["approval_id"])
    assert status == 200
    async with the_office.platform.database.transaction(readonly=True) as connection:
        assert (await ledger.account(connection, *the_office.key)).balance == 1234
        row = await connection.fetchval("select string_agg(a::text, ' ') from approvals a")
    assert the_office.number not in row


async def test_a_role_is_granted_by_two_administrators(the_office: Office) -> None:
    path, body = "/api/v1/staff/counter/grants", {"role": "reviewer", "region": HOME}
    status, asked = await the_office.post(path, "admin", body)
    assert status == 202, asked
    assert (await the_office.approve("second", asked["approval_id"]))[0] == 404
    status, _ = await the_office.approve("admin-2", asked["approval_id"])
    assert status == 200
    status, member = await the_office.post(path, "admin", body)
    assert status == 200
    assert {"role": "reviewer", "region": HOME} in member["grants"]
    assert (await the_office.post("/api/v1/staff/counter/revoke", "admin", body))[0] == 200
    # Sent again it is answered, and the role that was taken back meanwhile stays taken back.
    status, member = await the_office.post(path, "admin", body)
    assert (status, {"role": "reviewer", "region": HOME} in member["grants"]) == (200, False)


async def test_the_persons_trail_names_both(the_office: Office) -> None:
    _, asked = await the_office.freeze("finance")
    await the_office.approve("second", asked["approval_id"])
    async with the_office.platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, the_office.key[0])
    told = {one.action: one.actor.name for one in events if "approval" in one.detail}
    assert told == {"approval.asked": "finance", "approval.approved": "second"}
