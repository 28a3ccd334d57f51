"""Every route of the application against the table: a caller of every role, here and elsewhere."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any, NamedTuple, cast

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tests.application import at_hand, serve
from tests.conftest import OPERATOR_TOKEN
from tests.identity import offices
from yikatong.benefits.runs import service as runs
from yikatong.cards.counters import making
from yikatong.cards.counters import service as counters
from yikatong.cards.lists import service as card_lists
from yikatong.cards.lists.model import NewList
from yikatong.cards.production import service as production
from yikatong.cards.production import stock_store
from yikatong.cards.production.stock_model import Sheet
from yikatong.core.platform import Platform
from yikatong.money.bank import service as bank
from yikatong.money.contributions import lists
from yikatong.people import service as people
from yikatong.people.guard import signed_in
from yikatong.population import service as population
from yikatong.population.rows import id_number
from yikatong.trust.access import NATION, OPEN, PERMISSIONS, ROLES
from yikatong.trust.audit import Actor

HOME, ELSEWHERE = "510100", "110000"
EMPLOYER = "91510100MA6C123401"
MISSING = 2**40
SHEET = 77


class Route(NamedTuple):
    """One method of one address, and the permission it names."""

    method: str
    path: str
    permission: str | None
    guarded: bool


def _routes(app: Litestar) -> Iterator[Route]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            assert isinstance(handler, HTTPRouteHandler)
            guarded = signed_in in handler.resolve_guards()
            for method in handler.http_methods - {"OPTIONS"}:
                yield Route(str(method), route.path, handler.opt.get("permission"), guarded)


class World(NamedTuple):
    """A served application with somebody from Chengdu who has a bank account."""

    platform: Platform
    client: httpx.AsyncClient
    routes: list[Route]
    person_id: int
    account_id: int
    account: str
    list_id: int
    run_id: int
    batch_id: int
    card_list_id: int
    sheet_id: int

    async def ask(self, route: Route, token: str, key: str = "") -> tuple[int, str]:
        """Status and code of the answer to a request that names what is there."""
        path = route.path
        for name, value in {
            "person_id:int": self.person_id, "account_id:int": self.account_id,
            "list_id:int": self.list_id, "region:str": HOME, "employer:str": EMPLOYER, "period:str": "2026-02",
            "number:str": "target", "act:str": "unlock", "kind:str": "other",
            "batch_id:int": self.batch_id, "card_list_id:int": self.card_list_id,
            "counter:str": making.centre(HOME).code, "sheet_id:int": self.sheet_id,
            "run_id:int": self.run_id, "command:str": "check", "bank:str": "ICBC",
            "treatment:str": HOME, "insured:str": HOME,
        }.items():  # fmt: skip
            path = path.replace(f"{{{name}}}", str(value))
        while "{" in path:
            before, _, rest = path.partition("{")
            path = f"{before}{MISSING}{rest.partition('}')[2]}"
        body = self.bodies().get((route.method, route.path), {})
        answer = await self.client.request(
            route.method,
            path,
            json=None if route.method == "GET" else body,
            headers={**offices.bearer(token), "Idempotency-Key": key or f"k{id(route)}"},
        )
        code = ""
        with contextlib.suppress(ValueError, AttributeError):
            code = answer.json().get("code", "")
        assert answer.status_code < 500, (route, answer.text)
        return answer.status_code, code

    def bodies(self) -> dict[tuple[str, str], Any]:
        """What is asked where the address alone does not name the place."""
        person, account = {"person_id": self.person_id}, {"account": self.account}
        money = "/api/v1/money"
        return self._of_cards() | {
            ("POST", f"{money}/accounts"): {**person, "bank": "ICBC"},
            ("POST", f"{money}/accounts/find"): account,
            ("POST", f"{money}/holds"): {**account, "amount": "1", "reason": "x"},
            ("POST", f"{money}/medical/credits"): {"region": HOME, "month": "2026-02"},
            ("POST", f"{money}/benefits"): {
                **account, "region": HOME, "insurance": "110", "amount": "1",
            },
            ("POST", f"{money}/lists/{{list_id:int}}/pay"): {
                "bank": "ICBC", "reference": "r", "amount": "1",
            },
            ("PUT", f"{money}/employers/{{employer:str}}"): {"name": "单位", "region": HOME},
            ("POST", "/api/v1/medical/claims"): {
                **person, "provider": {"name": "外省医院", "region": "110000"},
                "care": "inpatient", "begun_on": "2026-02-01", "total": "1.00",
                "lines": [{"quantity": "1", "price": "1.00", "total": "1.00", "name": "药"}],
            },
            ("POST", "/api/v1/people/{person_id:int}/changes/contact"): {"version": 1},
            ("POST", "/api/v1/verifications"): {
                "mode": "two_facts", "name": "某人", "id_number": "110101199003070695",
                "purpose": "culture", "region": HOME,
            },
            ("POST", "/api/v1/benefits/runs"): {
                "benefit": "unemployment", "region": HOME, "month": "2026-03",
            },
            ("POST", "/api/v1/benefits/runs/{run_id:int}/approve"): {"total": "1.00"},
            ("POST", "/api/v1/cards/batches"): {"region": HOME, "bank": "ICBC", "maker": "M-1"},
            ("POST", "/api/v1/cards/stock/{counter:str}"): {"kind": "received", "quantity": 1},
            ("POST", "/api/v1/cards/sheets/{sheet_id:int}/give-back"): {"cards": [1]},
            ("POST", "/api/v1/cards/sheets/{sheet_id:int}/lost"): {"cards": [1], "reason": "丢失"},
            ("POST", "/api/v1/cards/batches/{batch_id:int}/sheets/{sheet_id:int}/lost"): {
                "cards": [1], "reason": "丢失",
            },
            ("POST", "/api/v1/cards/lists/{card_list_id:int}/hand-over"): {"contact": "王芳"},
            ("POST", "/api/v1/staff"): {"number": "new", "name": "新", "region": HOME},
            ("POST", "/api/v1/staff/{number:str}/grants"): {"role": "auditor", "region": HOME},
            ("POST", "/api/v1/staff/{number:str}/revoke"): {"role": "auditor", "region": HOME},
        }  # fmt: skip

    @staticmethod
    def _of_cards() -> dict[tuple[str, str], Any]:
        """Commands of the card office state their channel."""
        cards = "/api/v1/people/{person_id:int}/cards"
        application = f"{cards}/applications/{{application_id:int}}"
        counter = {"channel": "counter", "materials": ["identity", "photo"]}
        on_cards = {
            "activate": {"pin": "384957"}, "reset-pin": {"pin": "384957"}, "activate-bank": {},
            "report-loss": {}, "report-loss-provisionally": {}, "withdraw-loss": {}, "unlock": {},
            "cancel": {}, "activate-by-phone": {"tail": "1234"},
            "change-pin": {"old": "384957", "new": "495768"},
        }  # fmt: skip
        on_applications = {
            "amend": counter, "withdraw": counter, "fee": counter, "print": counter,
            "hand-over": counter, "post": {"tracking": "SF1"}, "ask": {"reason": "x"},
            "reject": {"reason": "x"}, "lose": {"reason": "x"},
        }  # fmt: skip
        return {
            ("POST", f"{cards}/applications"): {**counter, "kind": "first"},
            **{
                ("POST", f"{cards}/{{card_id:int}}/{name}"): {**counter, **body}
                for name, body in on_cards.items()
            },
            **{("POST", f"{application}/{name}"): body for name, body in on_applications.items()},
        }


@pytest.fixture
async def world(platform: Platform) -> AsyncIterator[World]:
    await population.make(platform, 120, 3, lambda _: None)
    platform.settings.operator_token_path.parent.mkdir(parents=True, exist_ok=True)
    platform.settings.operator_token_path.write_text(OPERATOR_TOKEN)
    async with platform.database.transaction(readonly=True) as connection:
        person_id = await connection.fetchval(
            """select p.person_id from persons p
                where p.residence_region like '5101%' and p.died_on is null
                  and not exists (select from enrolments e
                                   where e.person_id = p.person_id and e.region not like '51%')
                order by 1 limit 1"""
        )
    who = Actor("staff", "tests", "tests")
    account, number = await bank.open_account(platform, person_id, "ICBC", who)
    await lists.register(platform, EMPLOYER, "单位", HOME, 1)
    list_id = await _employers_list(platform)
    await offices.member(platform, "target", ("auditor", HOME))
    run = await runs.prepare(platform, "pension", HOME, date(2026, 3, 1), "fin-1")
    await production.put_maker(platform, "M-1", "制卡厂", None, None, who)
    batch = await production.begin(platform, HOME, "ICBC", "M-1", 10, who, "b")
    await counters.prepare(platform)
    wanted = NewList("ICBC", making.centre(HOME).code)
    rows = "name,id_number,phone,photo\n某人,1,,p\n"
    card_list = await card_lists.take(platform, EMPLOYER, rows.encode(), wanted, who, "1")
    async with platform.database.transaction() as connection:
        now = platform.clock.now()
        sheet = Sheet(SHEET, batch.batch_id, HOME, "", 1, now, "tests", None, None)
        await stock_store.insert_sheet(connection, sheet)
    transport = httpx.ASGITransport(cast("Any", serve(platform)))
    routes = list(_routes(at_hand(platform)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield World(
            platform,
            client,
            routes,
            person_id,
            account.account_id,
            number,
            list_id,
            run.run_id,
            batch.batch_id,
            card_list.list_id,
            SHEET,
        )


async def _employers_list(platform: Platform) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow(
            """select p.person_id, p.name from persons p join enrolments e using (person_id)
                where e.category = 'active' and e.insurance = '310' and e.status = 'insured'
                  and e.region = $1 and p.died_on is null order by 1 limit 1""",
            HOME,
        )
        assert row is not None
        numbers = await people.id_numbers(platform, connection, [row[0]])
    content = f"id_number,name,wage\n{numbers[row[0]]},{row[1]},8000\n".encode()
    who = Actor("staff", "tests", "tests")
    return (await lists.take(platform, EMPLOYER, date(2026, 2, 1), content, who, "1")).list_id


def _is_open(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in OPEN)


async def test_every_route_names_its_permission_or_is_open_to_everybody(world: World) -> None:
    for route in world.routes:
        if not route.path.startswith("/api/"):
            # Pages ask for their own session, or show what is public.
            assert not route.guarded, route
        elif _is_open(route.path):
            assert (route.permission, route.guarded) == (None, False), route
        else:
            assert route.guarded, f"{route} stands outside the guarded router"
            assert route.permission in PERMISSIONS, f"{route} names no permission of the table"
    asked = {route.permission for route in world.routes if route.guarded}
    assert len(asked) > 30


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_what_the_table_says_and_nothing_else(world: World, role: str) -> None:
    token = await offices.signed_in(world.platform, "mine", (role, NATION))
    for route in world.routes:
        if route.permission is None:
            continue
        status, code = await world.ask(route, token)
        allowed = role in PERMISSIONS[route.permission].roles
        assert (code != "not_allowed") == allowed, (route, role, status, code)
        assert status != 401, route


async def test_who_is_of_another_region_may_do_it_there_only(world: World) -> None:
    # One who may do everything elsewhere, one who may do everything at home.
    roles = tuple(ROLES)
    there = await offices.signed_in(world.platform, "there", *((one, ELSEWHERE) for one in roles))
    here = await offices.signed_in(world.platform, "here", *((one, HOME) for one in roles))
    for number, route in enumerate(world.routes):
        if route.permission is None or not PERMISSIONS[route.permission].roles:
            continue
        wanted = PERMISSIONS[route.permission]
        status, code = await world.ask(route, here, f"here-{number}")
        assert (code == "not_allowed") == (wanted.place == "nation"), (route, status, code)
        status, code = await world.ask(route, there, f"there-{number}")
        if wanted.place == "any" or _lists(route) or _compares(route):
            assert code != "not_allowed", (route, status, code)
        else:
            assert code == "not_allowed", (route, status, code)


def _compares(route: Route) -> bool:
    """Routes that tell of nobody but whose facts, or id document, the caller has."""
    return (route.method, route.path) in (
        ("POST", "/api/v1/cards/find"),
        ("POST", "/api/v1/cards/hotline"),
    )


def _lists(route: Route) -> bool:
    """Routes that answer a list, of which each caller sees what lies in their regions."""
    return (route.method, route.path) in (
        ("GET", "/api/v1/medical/claims"),
        ("GET", "/api/v1/cards/applications"),
        ("GET", "/api/v1/people/changes"),
        ("GET", "/api/v1/people/inconsistencies"),
        ("GET", "/api/v1/money/shared"),
        ("GET", "/api/v1/money/flows"),
        ("GET", "/api/v1/money/funds"),
        ("GET", "/api/v1/audit/events"),
        ("GET", "/api/v1/proof-of-life/due"),
        ("GET", "/api/v1/benefits/runs"),
        ("GET", "/api/v1/benefits/returned"),
        ("GET", "/api/v1/benefits/recoveries"),
        ("GET", "/api/v1/cards/batches"),
        ("GET", "/api/v1/cards/lists"),
    )


@pytest.mark.parametrize("token", ["", "x", "wrong.secret", "_target.AAAA", "é", "a" * 5000])
async def test_without_a_valid_token_no_guarded_route_answers(world: World, token: str) -> None:
    for route in world.routes:
        if route.guarded:
            with contextlib.suppress(UnicodeEncodeError):
                assert await world.ask(route, token) == (401, "not_signed_in"), route


async def test_the_methods_of_a_route_are_told_to_callers_only(world: World) -> None:
    paths = {route.path for route in world.routes if route.guarded}
    for path in paths:
        one = Route("OPTIONS", path, None, True)
        told = [(await world.ask(one, token))[0] for token in (OPERATOR_TOKEN, "wrong")]
        # A path that leads nowhere with these words is 404 to both.
        assert told in ([204, 401], [404, 404]), path


async def test_a_person_who_does_not_exist_is_told_to_nobody_of_a_region(world: World) -> None:
    token = await offices.signed_in(world.platform, "mine", ("counter", HOME))
    path = f"/api/v1/medical/filings/{MISSING}"
    answer = await world.client.get(path, headers=offices.bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    answer = await world.client.get(path, headers=offices.bearer(OPERATOR_TOKEN))
    assert answer.status_code in (200, 404)


async def test_nobodys_number_is_answered_to_a_region_like_one_of_elsewhere(world: World) -> None:
    async with world.platform.database.transaction(readonly=True) as connection:
        numbers = await people.id_numbers(world.platform, connection, [world.person_id])
    there = await offices.signed_in(world.platform, "away", ("counter", ELSEWHERE))
    nobody, no_account = id_number("510104", date(1931, 1, 2), 999), "6217000000000000004"
    claim = world.bodies()[("POST", "/api/v1/medical/claims")]
    del claim["person_id"]
    for path, known, unknown in (
        ("/api/v1/money/accounts", numbers[world.person_id], nobody),
        ("/api/v1/money/accounts/find", numbers[world.person_id], nobody),
        ("/api/v1/money/accounts/find", world.account, no_account),
        ("/api/v1/medical/claims", numbers[world.person_id], nobody),
    ):
        answers: set[str] = set()
        for number in (known, unknown):
            named = {"account" if len(number) == 19 else "id_number": number}
            more = {"bank": "ICBC"} if path.endswith("accounts") else {}
            body = {**claim, **named} if path.endswith("claims") else {**named, **more}
            headers = {**offices.bearer(there), "Idempotency-Key": "k"}
            answer = await world.client.post(path, json=body, headers=headers)
            assert answer.status_code == 403, answer.text
            answers.add(answer.text)
        assert len(answers) == 1, (path, answers)


async def test_an_agent_of_elsewhere_is_found_by_number_and_name_together(world: World) -> None:
    async with world.platform.database.transaction(readonly=True) as connection:
        agent = await connection.fetchval(
            """select p.person_id from persons p
                where p.residence_region like '11%' and p.died_on is null
                  and not p.under_guardianship and p.birth_date < '2000-01-01'
                  and not exists (select from enrolments e
                                   where e.person_id = p.person_id and e.region not like '11%')
                order by 1 limit 1"""
        )
        number = (await people.id_numbers(world.platform, connection, [agent]))[agent]
        name = (await people.names(connection, [agent]))[agent]
    mine = await offices.signed_in(world.platform, "mine", ("counter", HOME))
    day = world.platform.clock.now().date()
    nobody = id_number("510104", date(1931, 1, 2), 999)
    answers: list[tuple[int, str]] = []
    for named in (
        {"agent_id_number": nobody, "agent_name": name},
        {"agent_id_number": number},
        {"agent_id_number": number, "agent_name": "无名氏"},
        {"agent_id": MISSING},
        {"agent_id": agent},
        {"agent_id_number": number, "agent_name": name},
    ):
        body = {
            "services": ["card"], "starts_on": f"{day}", "ends_on": f"{day}", "evidence": "委托书",
            **named,
        }  # fmt: skip
        answer = await world.client.post(
            f"/api/v1/authorities/{world.person_id}",
            json=body,
            headers={**offices.bearer(mine), "Idempotency-Key": "k"},
        )
        answers.append((answer.status_code, answer.json().get("title", "")))
    assert {status for status, _ in answers[:-1]} == {403}
    assert len(set(answers[:-1])) == 1
    assert answers[-1][0] == 201, answers


async def test_a_counter_pays_from_accounts_of_its_own_regions_only(world: World) -> None:
    async with world.platform.database.transaction(readonly=True) as connection:
        away = await connection.fetchval(
            """select p.person_id from persons p
                where p.residence_region like '11%' and p.died_on is null
                  and not exists (select from enrolments e
                                   where e.person_id = p.person_id and e.region not like '11%')
                order by 1 limit 1"""
        )
    assert away is not None
    who = Actor("staff", "tests", "tests")
    _, number = await bank.open_account(world.platform, away, "ICBC", who)
    mine = await offices.signed_in(world.platform, "mine", ("counter", HOME))
    path = f"/api/v1/money/contributions/{world.person_id}/pay"
    headers = {**offices.bearer(mine), "Idempotency-Key": "k"}
    for account, code in ((number, "not_allowed"), (world.account, "no_such_bill")):
        body = {"bills": ["1"], "account": account, "assurance": 2}
        answer = await world.client.post(path, json=body, headers=headers)
        assert answer.json()["code"] == code, answer.text


async def test_a_list_shows_what_lies_in_the_callers_regions(world: World) -> None:
    from yikatong.money.ledger import service as ledger

    for region in (HOME, ELSEWHERE):
        await ledger.shared(world.platform, ("fund", region, "110"))
    await ledger.shared(world.platform, ("bank", "ICBC", "incoming"))
    seen: dict[str, set[str]] = {}
    for region in (HOME, NATION):
        token = await offices.signed_in(world.platform, f"f{region}", ("finance", region))
        answer = await world.client.get("/api/v1/money/shared", headers=offices.bearer(token))
        seen[region] = {one["owner"] for one in answer.json()}
    assert HOME in seen[HOME]
    assert not seen[HOME] & {ELSEWHERE, "ICBC"}
    assert {HOME, ELSEWHERE, "ICBC"} <= seen[NATION]


async def test_the_operators_token_may_do_everything(world: World) -> None:
    for route in world.routes:
        if route.guarded:
            _, code = await world.ask(route, OPERATOR_TOKEN)
            assert code not in ("not_allowed", "not_signed_in"), route
