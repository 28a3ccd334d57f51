"""The card office as other programs meet it: by role, region and channel."""

import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any, NamedTuple, cast

import httpx
import pytest

from tests.cards.citizens import CENTRE, COUNTERS, HOME, IN_BEIJING, PIN, citizen, with_card
from tests.identity import offices
from yikatong.app import create_app
from yikatong.core.platform import Platform
from yikatong.population.rows import id_number
from yikatong.trust import audit

PERSON = 1000001
CARDS = f"/api/v1/people/{PERSON}/cards"
AT_HOME = {"channel": "counter", "counter": CENTRE, "materials": ["identity", "photo", "old_card"]}
DOCUMENT = {"id_number": id_number("510104", date(1985, 3, 5), 1), "name": "张三丰"}
ACROSS = {
    "channel": "cross_province", "counter": IN_BEIJING.code, "materials": ["identity", "photo"],
    "document": DOCUMENT,
}  # fmt: skip


class Office(NamedTuple):
    """The served application, and callers by what they are."""

    platform: Platform
    client: httpx.AsyncClient

    async def caller(self, name: str, *grants: tuple[str, str]) -> "Caller":
        return Caller(self.client, await offices.signed_in(self.platform, name, *grants))

    async def machine(self, *grants: str) -> "Caller":
        return Caller(self.client, await offices.machine(self.platform, *grants))


class Caller(NamedTuple):
    client: httpx.AsyncClient
    token: str

    async def post(self, path: str, body: Any = None, key: str = "k") -> tuple[int, Any]:
        headers = {**offices.bearer(self.token), "Idempotency-Key": key}
        answer = await self.client.post(path, json=body, headers=headers)
        return answer.status_code, answer.json()

    async def get(self, path: str) -> tuple[int, Any]:
        answer = await self.client.get(path, headers=offices.bearer(self.token))
        return answer.status_code, answer.json()


@pytest.fixture
async def office(platform: Platform) -> AsyncIterator[Office]:
    # In the loop of the test, which the database's connections belong to.
    transport = httpx.ASGITransport(cast("Any", create_app(platform)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Office(platform, client)


async def made_ready(platform: Platform, application_id: str) -> None:
    """The batch came back from the maker."""
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update card_applications set state = 'ready', batch_id = 1, state_since = $2
                where application_id = $1""",
            int(application_id),
            platform.clock.now(),
        )


async def test_a_card_is_applied_for_made_activated_and_lost_at_home(office: Office) -> None:
    await citizen(office.platform)
    clerk = await office.caller("clerk", ("counter", HOME))
    status, made = await clerk.post(f"{CARDS}/applications", {**AT_HOME, "kind": "first"}, "a")
    assert (status, made["state"]["code"], made["fee"]) == (201, "in_production", "0.00"), made
    assert (made["pickup"]["code"], made["person_id"]) == (CENTRE, str(PERSON))
    again = await clerk.post(f"{CARDS}/applications", {**AT_HOME, "kind": "first"}, "a")
    assert again == (201, made)
    one = f"{CARDS}/applications/{made['application_id']}"
    status, card = await clerk.post(f"{one}/print", AT_HOME, "p")
    assert (status, card["state"]["code"]) == (200, "issued"), card
    mine = f"{CARDS}/{card['card_id']}"
    status, card = await clerk.post(f"{mine}/activate", {**AT_HOME, "pin": PIN}, "pin")
    assert (status, card["social_security_app"]) == (200, "active"), card
    status, problem = await clerk.post(f"{mine}/activate-bank", AT_HOME, "b")
    assert (status, problem["code"]) == (409, "card_channel_closed")
    bank = await office.machine("cards.issue@510000")
    at_branch = {"channel": "bank", "materials": ["identity"]}
    status, card = await bank.post(f"{mine}/activate-bank", at_branch, "b")
    assert (status, card["bank_app"]) == (200, "active"), card
    hotline = await office.caller("hotline", ("hotline", "510000"))
    status, card = await hotline.post(
        f"{mine}/report-loss-provisionally", {"channel": "phone", "by": "kin"}, "l"
    )
    assert (status, card["state"]["code"]) == (200, "loss_reported_provisionally")
    status, card = await clerk.post(f"{mine}/withdraw-loss", AT_HOME, "w")
    assert (status, card["state"]["code"]) == (200, "active")
    status, told = await clerk.get(f"{CARDS}/history")
    assert [line["event"]["code"] for line in told] == [
        "withdraw_loss", "report_loss_provisionally", "activate_bank", "activate", "print",
        "approve_at_once", "apply_first",
    ]  # fmt: skip


async def test_numbers_and_names_are_masked_and_every_look_is_recorded(office: Office) -> None:
    card = await with_card(office.platform)
    auditor = await office.caller("auditor", ("auditor", "510000"))
    status, body = await auditor.get(CARDS)
    text = json.dumps(body, ensure_ascii=False)
    assert status == 200
    assert card.card_number not in text
    assert "张三丰" not in text
    assert body["cards"][0]["card_number"] == f"*****{card.card_number[-4:]}"
    async with office.platform.database.transaction(readonly=True) as connection:
        trail = await audit.of_person(connection, PERSON)
    assert (trail[0].action, trail[0].actor.name) == ("card.read", "auditor")


async def test_a_counter_of_beijing_takes_in_for_chengdu_and_hands_over_and_sees_no_more(
    office: Office,
) -> None:
    await citizen(office.platform)
    beijing = await office.caller("bj", ("counter", "110000"))
    chengdu = await office.caller("cd", ("reviewer", HOME))
    wanted = {**ACROSS, "kind": "first"}
    assert await beijing.post("/api/v1/cards/find", DOCUMENT) == (200, {"person_id": str(PERSON)})
    status, made = await beijing.post(f"{CARDS}/applications", wanted, "a")
    assert (status, made["state"]["code"]) == (201, "applied"), made
    assert (made["region"]["code"], made["accepted_in"]["code"]) == (HOME, IN_BEIJING.region)
    one = f"{CARDS}/applications/{made['application_id']}"
    assert (await beijing.get(one))[0] == 200
    for path in (CARDS, f"{CARDS}/history", f"{one}/address"):
        assert (await beijing.get(path))[1]["code"] == "not_allowed", path
    reviewer = await office.caller("bjr", ("reviewer", "110000"))
    assert (await reviewer.post(f"{one}/approve", key="x"))[1]["code"] == "not_allowed"
    status, made = await chengdu.post(f"{one}/approve", key="ok")
    assert (status, made["state"]["code"]) == (200, "in_production"), made
    status, problem = await beijing.post(f"{one}/print", ACROSS, "p")
    assert (status, problem["field"]) == (409, "counter")
    await made_ready(office.platform, made["application_id"])
    # Elsewhere in Beijing the card is not.
    other = next(
        one for one in COUNTERS
        if one.pooling_region == "110000" and one.code != IN_BEIJING.code
        and one.open_on(date(2026, 3, 1))
    )  # fmt: skip
    there = {**ACROSS, "counter": other.code}
    status, problem = await beijing.post(f"{one}/hand-over", there, "h0")
    assert (status, problem["field"]) == (409, "counter")
    status, card = await beijing.post(f"{one}/hand-over", ACROSS, "h")
    assert (status, card["state"]["code"]) == (200, "issued"), card
    activating = {**ACROSS, "pin": PIN}
    status, card = await beijing.post(f"{CARDS}/{card['card_id']}/activate", activating, "act")
    assert (status, card["state"]["code"]) == (200, "active"), card


@pytest.mark.parametrize(
    "change",
    [
        {"document": None},
        {"document": {**DOCUMENT, "name": "李四"}},
        {"document": {**DOCUMENT, "id_number": id_number("510104", date(1931, 1, 2), 999)}},
        {"channel": "counter"},
        {"counter": None},
        {"counter": CENTRE},
    ],
)
async def test_elsewhere_only_the_document_in_hand_at_ones_own_counter_opens_the_door(
    office: Office, change: dict[str, Any]
) -> None:
    await citizen(office.platform)
    beijing = await office.caller("bj", ("counter", "110000"))
    body = {**ACROSS, "kind": "first", **change}
    status, problem = await beijing.post(f"{CARDS}/applications", body)
    assert (status, problem["code"]) == (403, "not_allowed"), problem
    nobody = f"/api/v1/people/{2**40}/cards/applications"
    assert await beijing.post(nobody, body) == (status, problem)


async def test_nobody_is_found_whose_number_and_name_do_not_belong_together(office: Office) -> None:
    await citizen(office.platform)
    beijing = await office.caller("bj", ("counter", "110000"))
    nobody = id_number("510104", date(1931, 1, 2), 999)
    answers = [
        await beijing.post("/api/v1/cards/find", {**DOCUMENT, **change})
        for change in ({"name": "李四"}, {"id_number": nobody})
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 403


async def test_a_caller_states_the_channel_it_stands_for_and_no_other(office: Office) -> None:
    card = await with_card(office.platform)
    loss = f"{CARDS}/{card.card_id}/report-loss-provisionally"
    clerk = await office.caller("clerk", ("counter", HOME))
    hotline = await office.caller("hotline", ("hotline", HOME))
    bank = await office.machine("cards.report_loss@510100")
    for caller, mine, others in (
        (clerk, "counter", ("phone", "bank")),
        (hotline, "phone", ("counter", "cross_province", "bank")),
        (bank, "bank", ("counter", "phone")),
    ):
        for channel in others:
            status, problem = await caller.post(loss, {"channel": channel}, f"x-{channel}")
            assert (status, problem["code"]) == (403, "card_channel_not_yours"), (mine, channel)
        for channel in ("online", "system", "list", "terminal"):
            status, problem = await caller.post(loss, {"channel": channel}, "y")
            assert (status, problem["field"]) == (422, "channel")
    assert (await bank.post(loss, {"channel": "bank"}, "b"))[0] == 200


async def test_the_hotline_activates_and_a_terminal_changes_the_pin(office: Office) -> None:
    card = await with_card(office.platform, active=False)
    mine = f"{CARDS}/{card.card_id}"
    hotline = await office.caller("hotline", ("hotline", HOME))
    terminal = await office.machine("cards.unlock@510100")
    read = {"channel": "phone", "tail": card.card_number[-4:]}
    status, done = await hotline.post(f"{mine}/activate-by-phone", read, "a")
    assert (status, done["state"]["code"]) == (200, "active")
    at = {"channel": "terminal", "materials": ["identity"]}
    status, done = await terminal.post(f"{mine}/reset-pin", {**at, "pin": PIN}, "b")
    assert status == 200, done
    status, problem = await terminal.post(
        f"{mine}/change-pin", {"channel": "terminal", "old": "000001", "new": "730951"}, "c"
    )
    assert (status, problem["code"], problem["field"]) == (403, "pin_not_accepted", "old")
    new = {"channel": "terminal", "old": PIN, "new": "730951"}
    assert (await terminal.post(f"{mine}/change-pin", new, "d"))[0] == 200
    status, problem = await hotline.post(f"{mine}/change-pin", {**new, "channel": "phone"}, "e")
    assert (status, problem["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("path", "change", "status", "code", "field"),
    [
        ("applications", {"kind": "second"}, 422, "invalid_input", "kind"),
        ("applications", {"why": "lost"}, 422, "invalid_input", "why"),
        ("applications", {"materials": ["identity"]}, 422, "card_materials_missing", "materials"),
        ("applications", {"materials": ["passport"]}, 422, "invalid_input", "materials[0]"),
        ("applications", {"materials": ["identity"] * 13}, 422, "invalid_input", "materials"),
        ("applications", {"by": "employer"}, 422, "invalid_input", "by"),
        ("applications", {"by": "kin"}, 403, "card_applicant_not_allowed", "applicant"),
        ("applications", {"by_id": "x"}, 422, "invalid_input", "by_id"),
        ("applications", {"by_id": "9999999999999999999"}, 422, "invalid_input", "by_id"),
        ("applications", {"pickup_place": "S00000000000"}, 422, "invalid_input", "pickup_place"),
        ("applications", {"counter": "S00000000000"}, 422, "invalid_input", "counter"),
        ("applications", {"delivery": "post"}, 422, "invalid_input", "post_to"),
        ("applications", {"region": "999999"}, 422, "invalid_input", "region"),
        ("applications", {"bank": "XXXX"}, 422, "invalid_input", "bank"),
        ("applications", {"reason": "因" * 201}, 422, "invalid_input", "reason"),
        ("applications", {"state": "issued"}, 422, "invalid_input", "state"),
        ("applications", {"kind": "replace", "why": "lost"}, 409, "card_missing", None),
        ("applications/77/withdraw", {}, 404, "no_such_card_application", "application_id"),
        ("77/unlock", {}, 404, "no_such_card", "card_id"),
        ("77/activate", {"pin": "384957"}, 409, "no_card_for_pin", None),
        ("77/cancel", {"by": "kin"}, 422, "invalid_input", "died_on"),
    ],
)
async def test_what_is_wrong_is_a_problem_that_names_the_field(
    office: Office, path: str, change: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    await citizen(office.platform)
    clerk = await office.caller("clerk", ("counter", HOME))
    kind = {"kind": "first"} if path == "applications" else {}
    got, problem = await clerk.post(f"{CARDS}/{path}", {**AT_HOME, **kind, **change})
    assert (got, problem["code"], problem.get("field")) == (status, code, field), problem
    assert problem["detail"]["zh"]
    assert (await clerk.get(CARDS))[1] == {"cards": [], "applications": []}


async def test_a_replacement_is_reviewed_paid_posted_and_delivered(office: Office) -> None:
    old = await with_card(office.platform)
    clerk = await office.caller("clerk", ("counter", HOME))
    reviewer = await office.caller("reviewer", ("reviewer", HOME))
    agent = {
        **AT_HOME, "by": "agent", "kind": "replace", "why": "lost", "delivery": "post",
        "post_to": "成都市锦江区红星路 1 号", "post_phone": "13800000000",
        "materials": ["identity", "agent_identity"],
    }  # fmt: skip
    status, made = await clerk.post(f"{CARDS}/applications", agent, "a")
    assert (status, made["state"]["code"], made["fee_state"]) == (201, "applied", "due"), made
    one = f"{CARDS}/applications/{made['application_id']}"
    status, made = await reviewer.post(f"{one}/ask", {"reason": "照片看不清"}, "q")
    assert (status, made["asked_for"]) == (200, "照片看不清")
    status, made = await clerk.post(f"{one}/amend", {**AT_HOME, "materials": ["photo"]}, "m")
    assert (status, made["asked_for"]) == (200, None), made
    assert (await reviewer.post(f"{one}/approve", key="y"))[0] == 200
    status, made = await clerk.post(f"{one}/fee", AT_HOME, "f")
    assert (status, made["fee"], made["fee_state"]) == (200, "16.00", "paid"), made
    await made_ready(office.platform, made["application_id"])
    status, where = await clerk.get(f"{one}/address")
    assert (status, where["post_to"]) == (200, "成都市锦江区红星路 1 号\n13800000000")
    assert "红星路" not in json.dumps((await clerk.get(one))[1], ensure_ascii=False)
    for key, act, body, state in (
        ("p1", "post", {"tracking": "SF1"}, "sent"),
        ("p2", "come-back", None, "ready"),
        ("p3", "post", {"tracking": "SF2"}, "sent"),
    ):
        status, made = await clerk.post(f"{one}/{act}", body, key)
        assert (status, made["state"]["code"]) == (200, state), made
    status, card = await clerk.post(f"{one}/deliver", key="d")
    assert (status, card["state"]["code"]) == (200, "issued")
    assert await clerk.post(f"{one}/deliver", key="d") == (status, card)
    cards = (await clerk.get(CARDS))[1]["cards"]
    assert [one["state"]["code"] for one in cards] == ["issued", "replaced"]
    assert cards[1]["card_id"] == str(old.card_id)


async def test_the_work_list_shows_what_waits_in_ones_regions_and_no_names(office: Office) -> None:
    await citizen(office.platform)
    beijing = await office.caller("bj", ("counter", "110000"))
    status, _ = await beijing.post(f"{CARDS}/applications", {**ACROSS, "kind": "first"}, "a")
    assert status == 201
    shanghai = await office.caller("sh", ("counter", "310000"))
    home = await office.caller("cd", ("reviewer", HOME))
    for caller, query, count in (
        (beijing, "", 1), (home, "?state=applied", 1), (home, "?state=ready", 0),
        (home, f"?region={HOME}", 1), (shanghai, "", 0),
    ):  # fmt: skip
        status, found = await caller.get(f"/api/v1/cards/applications{query}")
        assert (status, len(found)) == (200, count), query
    assert (await shanghai.get(f"/api/v1/cards/applications?region={HOME}"))[0] == 403
    for query, field in (("?state=done", "state"), ("?region=9", "region"), ("?limit=0", "limit")):
        status, problem = await home.get(f"/api/v1/cards/applications{query}")
        assert (status, problem["field"]) == (422, field)


async def test_the_hotline_is_told_yes_or_no_and_how_it_stands(office: Office) -> None:
    card = await with_card(office.platform)
    hotline = await office.caller("hotline", ("hotline", "510000"))
    facts = {
        "name": "张三丰", "number": DOCUMENT["id_number"], "third": "phone", "value": "0001",
    }  # fmt: skip
    status, told = await hotline.post("/api/v1/cards/hotline", facts)
    assert (status, told["matched"], told["person_id"], told["card_id"]) == (
        200, True, str(PERSON), str(card.card_id),
    )  # fmt: skip
    assert "可以使用" in told["said"][0]["zh"]
    wrong = {**facts, "value": "0002"}
    assert await hotline.post("/api/v1/cards/hotline", wrong) == (200, {"matched": False})
    for _ in range(4):
        await hotline.post("/api/v1/cards/hotline", wrong)
    status, problem = await hotline.post("/api/v1/cards/hotline", facts)
    assert (status, problem["code"]) == (429, "too_many_tries")


async def test_tables_rules_and_counters_are_public(office: Office) -> None:
    await citizen(office.platform)
    client = office.client
    names = {one["name"] for one in (await client.get("/api/v1/cards/services")).json()}
    assert {"apply", "replace", "renew", "activate", "cancel"} <= names
    tables = (await client.get("/api/v1/cards/states")).json()
    assert {one["event"] for one in tables["applications"]} >= {"approve", "print", "destroy"}
    assert any(one["after"] and one["after"]["code"] == "restored" for one in tables["cards"])
    rules = (await client.get("/api/v1/cards/rules/510104?date=2026-03-01")).json()
    assert (rules["review"], rules["region"]["code"]) == ("unverified", "510104")
    found = (await client.get("/api/v1/cards/counters?region=510100&prints_at_once=true")).json()
    assert found[0]["code"] == CENTRE
    assert all(one["prints_at_once"] for one in found)
    for path, status in (
        ("rules/999999", 422), ("rules/510100?date=2010-01-01", 404), ("rules/510100?date=x", 422),
        ("counters", 422), ("counters?region=510000", 422), ("counters?region=510100&kind=x", 422),
    ):  # fmt: skip
        assert (await client.get(f"/api/v1/cards/{path}")).status_code == status, path


async def test_the_description_names_routes_bodies_and_errors(office: Office) -> None:
    document = (await office.client.get("/api/openapi.json")).json()
    route = document["paths"]["/api/v1/people/{person_id}/cards/applications"]["post"]
    assert {"201", "401", "403", "404", "409", "422", "503"} <= set(route["responses"])
    assert "ApplyBody" in json.dumps(route["requestBody"])
    fields = document["components"]["schemas"]["ApplyBody"]["properties"]
    assert {"channel", "by", "materials", "kind", "counter", "document"} <= set(fields)
    assert set(fields["channel"]["enum"]) == {"bank", "counter", "cross_province", "phone"}
