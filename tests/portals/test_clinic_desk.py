"""The desk of a clinic and a pharmacy over HTTP: visits, money, day totals, and what nobody may do."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests import fillings
from tests.application import serve
from tests.conftest import Filling
from tests.identity import offices
from tests.identity.people import quick_hashes
from yikatong.core.clock import FixedClock
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.ecards import service as ecards
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.staff import demo
from yikatong.identity.staff.signing_in import IDLE_MAX
from yikatong.medical import service as medical
from yikatong.medical.provider_desk import service as desk
from yikatong.medical.sandbox import service as sandbox
from yikatong.medical.visits import store as visits_store
from yikatong.policies.model import YearToDate
from yikatong.population import sandbox as population
from yikatong.population import sandbox_pin
from yikatong.trust.audit import Actor

HOST = "http://127.0.0.1:8000"
OURS = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}
AMOXICILLIN, CONSULTATION = "XJ01CAA040E0", "001102000010000"
HOME, NO_CARD = 1_000_004, 1_000_006


@pytest.fixture(scope="module")
def filling() -> Filling:
    return fillings.whole_sandbox


class Till:
    """A member's browser at the desk of a provider."""

    def __init__(self, platform: Platform, web: httpx.AsyncClient, provider: str, pin: str) -> None:
        self.platform = platform
        self.web = web
        self.provider = provider
        self.pin = pin

    def key(self) -> str:
        return str(new_id(self.platform.clock.now()))

    async def begin(self, shown: str, second: str = "", key: str | None = None) -> str:
        """The address of the visit."""
        form = {"key": key or self.key(), "shown": shown, "second": second}
        answer = await self.web.post("/clinic", data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def act(self, address: str, act: str, **form: str) -> httpx.Response:
        return await self.web.post(address, data={"key": self.key(), "act": act, **form})

    async def add(self, address: str, item: str, quantity: str = "1", **more: str) -> None:
        answer = await self.act(address, "add", item=item, quantity=quantity, **more)
        assert answer.status_code == 303, answer.text

    async def settle_form(self, address: str) -> dict[str, str]:
        """The settling form as the page has it."""
        page = (await self.web.get(address)).text
        found = re.search(
            r'<form method="post"[^>]*>(?=(?:(?!</form>).)*value="settle")(.*?)</form>', page, re.S
        )
        assert found is not None, page
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[1]))

    async def settle(self, address: str, pay: str = "account") -> str:
        """The address of the settlement."""
        form = await self.settle_form(address) | {"pay": pay, "pin": self.pin}
        answer = await self.web.post(address, data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


async def person(platform: Platform, person_id: int) -> Any:
    actor = Actor("staff", "tests", "tests")
    return next(
        one for one in await population.persons(platform, actor) if one.person_id == person_id
    )


async def till(
    platform: Platform, number: str, provider: str, *, sandbox_member: bool = True
) -> Till:
    with quick_hashes():
        await offices.member(
            platform, number, ("provider", provider[1:7]), provider=provider, sandbox=sandbox_member
        )
        token = await offices.token_of(platform, number)
    transport = httpx.ASGITransport(serve(platform))
    web = httpx.AsyncClient(
        transport=transport, base_url=HOST, headers=OURS, cookies={"staff": token}
    )
    pin = sandbox_pin.of_sandbox(platform)
    assert pin is not None
    return Till(platform, web, provider, pin)


@pytest.fixture
async def places(platform: Platform) -> dict[str, str]:
    async with platform.database.transaction(readonly=True) as connection:
        return await sandbox.workplaces(connection)


@pytest.fixture
async def pharmacy(platform: Platform, places: dict[str, str]) -> AsyncIterator[Till]:
    made = await till(platform, "p-till", places[demo.PHARMACY])
    yield made
    await made.web.aclose()


@pytest.fixture
async def clinic(platform: Platform, places: dict[str, str]) -> AsyncIterator[Till]:
    made = await till(platform, "c-till", places[demo.CLINIC])
    yield made
    await made.web.aclose()


async def year_of(platform: Platform, person_id: int) -> Any:
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch("select * from accumulators where person_id = $1", person_id)
        balance = await connection.fetchval(
            """select balance from money_accounts where person_id = $1 and kind = 'medical'""",
            person_id,
        )
    added = {name: row[name] for row in rows for name in YearToDate.__struct_fields__ if row[name]}
    return added, balance


async def count(platform: Platform, provider: str) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        return await connection.fetchval(
            "select count(*) from settlements where provider_code = $1", provider
        )


def wrongs(answer: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<p class="wrong" id="(\w+)-error">([^<]+)<', answer.text))


async def test_a_sale_sent_twice_is_one_sale_and_a_reversal_leaves_the_year_as_before(
    platform: Platform, pharmacy: Till
) -> None:
    before = await year_of(platform, HOME)
    who = await person(platform, HOME)
    key = pharmacy.key()
    visit = await pharmacy.begin(who.id_number, key=key)
    assert await pharmacy.begin(who.id_number, key=key) == visit
    line = pharmacy.key()
    for _ in range(2):
        await pharmacy.add(visit, "阿莫西林胶囊*2", key=line)
    page = (await pharmacy.web.get(visit)).text
    assert page.count("阿莫西林胶囊</b>") == 1
    assert "12.40" in page
    form = await pharmacy.settle_form(visit) | {"pay": "account", "pin": pharmacy.pin}
    answers = [await pharmacy.web.post(visit, data=form) for _ in range(2)]
    assert {one.status_code for one in answers} == {303}
    assert len({one.headers["location"] for one in answers}) == 1
    assert await count(platform, pharmacy.provider) == 1
    receipt = answers[0].headers["location"]
    page = (await pharmacy.web.get(receipt)).text
    assert "已结算" in page
    assert "不用收现金" in page
    assert await year_of(platform, HOME) != before
    pdf = await pharmacy.web.get(f"{receipt}?format=pdf")
    assert pdf.content.startswith(b"%PDF")
    refused = await pharmacy.act(receipt, "reverse", reason="")
    assert refused.status_code == 422
    assert "reason" in wrongs(refused)
    form = {"key": pharmacy.key(), "act": "reverse", "reason": "顾客换药"}
    answers = [await pharmacy.web.post(receipt, data=form) for _ in range(2)]
    assert len({one.headers["location"] for one in answers}) == 1
    assert answers[0].headers["location"] != receipt
    assert await count(platform, pharmacy.provider) == 2
    assert await year_of(platform, HOME) == before
    assert "顾客换药" in (await pharmacy.web.get(answers[0].headers["location"])).text


async def test_a_visit_is_registered_charged_settled_mended_and_settled_again(
    platform: Platform, clinic: Till
) -> None:
    before = await year_of(platform, HOME)
    who = await person(platform, HOME)
    visit = await clinic.begin(who.card_number, who.id_number)
    several = await clinic.act(visit, "register", diagnosis="感冒")
    assert several.status_code == 200
    assert "J00.x00" in several.text
    form = {"diagnosis": "感冒", "diagnosis_for": "感冒", "diagnosis_code": "J00.x00"}
    assert (await clinic.act(visit, "register", **form)).status_code == 303
    await clinic.add(visit, CONSULTATION)
    await clinic.add(visit, "amxljn", "2")
    page = (await clinic.web.get(visit)).text
    assert "超限价 3.00 元自付" in page
    receipt = await clinic.settle(visit)
    assert "请收现金 3.00 元" in (await clinic.web.get(receipt)).text
    assert (await clinic.act(receipt, "reverse", reason="多录了一盒")).status_code == 303
    assert await year_of(platform, HOME) == before
    page = (await clinic.web.get(visit)).text
    number = re.search(r'name="line" value="([0-9a-f]{16})"', page)
    assert number is not None
    assert (await clinic.act(visit, "remove", line=number[1])).status_code == 303
    again = await clinic.settle(visit, "cash")
    assert "请收现金 12.40 元" in (await clinic.web.get(again)).text
    day = (await clinic.web.get("/clinic/day")).text
    assert "逐笔一致，共 3 笔" in day


async def test_who_shows_an_e_card_pays_from_the_account_without_a_pin(
    platform: Platform, pharmacy: Till
) -> None:
    actor = Actor("staff", "tests", "tests")
    code = await ecards.code_for_sandbox(platform, Codes(platform), HOME, actor)
    key = pharmacy.key()
    visit = await pharmacy.begin(code.text, key=key)
    assert await pharmacy.begin(code.text, key=key) == visit
    await pharmacy.add(visit, AMOXICILLIN)
    assert 'name="pin"' not in (await pharmacy.web.get(visit)).text
    assert "不用收现金" in (await pharmacy.web.get(await pharmacy.settle(visit))).text
    again = await pharmacy.web.post("/clinic", data={"key": pharmacy.key(), "shown": code.text})
    assert "shown" in wrongs(again)


async def test_with_a_code_of_long_ago_nobody_pays_from_the_account_without_the_pin(
    platform: Platform, pharmacy: Till
) -> None:
    actor = Actor("staff", "tests", "tests")
    code = await ecards.code_for_sandbox(platform, Codes(platform), HOME, actor)
    visit = await pharmacy.begin(code.text)
    await pharmacy.add(visit, AMOXICILLIN)
    form = await pharmacy.settle_form(visit) | {"pay": "account"}
    assert isinstance(platform.clock, FixedClock)
    platform.clock.advance(timedelta(days=1))
    with quick_hashes():
        token = await offices.token_of(platform, "p-till")
    pharmacy.web.cookies = httpx.Cookies({"staff": token})
    assert list(wrongs(await pharmacy.web.post(visit, data={**form, "pin": ""}))) == ["pin"]
    assert await count(platform, pharmacy.provider) == 0
    assert 'name="pin"' in (await pharmacy.web.get(visit)).text
    assert await pharmacy.settle(visit)


async def test_a_form_gone_back_to_with_the_next_persons_number_begins_their_own_visit(
    platform: Platform, pharmacy: Till
) -> None:
    first, second = await person(platform, HOME), await person(platform, HOME + 1)
    key = pharmacy.key()
    visit = await pharmacy.begin(first.id_number, key=key)
    assert await pharmacy.begin(f" {first.id_number} ", key=key) == visit
    other = await pharmacy.begin(second.id_number, key=key)
    assert other != visit
    assert second.name in (await pharmacy.web.get(other)).text


async def test_who_knows_a_number_alone_locks_no_card(platform: Platform, pharmacy: Till) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    form = await pharmacy.settle_form(visit) | {"pay": "account"}
    for _ in range(4):
        answer = await pharmacy.web.post(visit, data={**form, "pin": "000000"})
        assert list(wrongs(answer)) == ["pin"]
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval(
            "select state from cards where person_id = $1 and state <> 'replaced'", HOME
        ) == "active"  # fmt: skip
    assert await pharmacy.settle(visit)


async def test_a_chronic_disease_is_chosen_among_those_registered(
    platform: Platform, clinic: Till
) -> None:
    who = await person(platform, HOME)
    visit = await clinic.begin(who.id_number)
    none = await clinic.act(visit, "register", diagnosis="I10.x00", care="chronic")
    assert none.status_code in (303, 422)
    assert "慢特病" in (await clinic.web.get(visit)).text
    async with platform.database.transaction() as connection:
        await connection.execute(
            "insert into chronic_registrations (person_id, disease, starts_on) values ($1, '高血压', $2)",
            HOME, platform.clock.now().date(),
        )  # fmt: skip
    visit = await clinic.begin(who.id_number)
    asked = await clinic.act(visit, "register", diagnosis="I10.x00", care="chronic")
    assert 'value="高血压"' in asked.text
    done = await clinic.act(
        visit, "register", diagnosis="I10.x00", care="chronic", disease="高血压"
    )
    assert done.status_code == 303, wrongs(done)
    await clinic.add(visit, "XC08CAA321A0", "2")
    # Chengdu's file says nothing of chronic care: no bill is made up.
    page = (await clinic.web.get(visit)).text
    assert "没有写明门诊慢特病的待遇" in page
    assert 'value="settle"' not in page


async def test_a_stay_is_admitted_charged_discharged_and_settled(platform: Platform) -> None:
    async with platform.database.transaction(readonly=True) as connection:
        ward = (
            await medical.providers(
                connection, region="510100", level="secondary", care="inpatient"
            )
        )[0]
    made = await till(platform, "w-till", ward.provider_code)
    who = await person(platform, HOME)
    visit = await made.begin(who.id_number)
    form = {
        "diagnosis": "肺炎",
        "diagnosis_for": "肺炎",
        "diagnosis_code": "J18.900",
        "care": "inpatient",
    }
    assert (await made.act(visit, "register", **form)).status_code == 303
    await made.add(visit, AMOXICILLIN, "300")
    page = (await made.web.get(visit)).text
    assert "办理出院后结算" in page
    assert 'value="settle"' not in page
    assert (await made.act(visit, "discharge")).status_code == 303
    assert (await made.act(visit, "back")).status_code == 303
    assert (await made.act(visit, "discharge")).status_code == 303
    receipt = await made.settle(visit)
    assert "1,860.00" in (await made.web.get(receipt)).text
    assert "住院" in (await made.web.get("/clinic/day")).text
    await made.web.aclose()


async def test_what_one_provider_does_another_never_sees(
    platform: Platform, pharmacy: Till, clinic: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    assert (await clinic.web.get(visit)).status_code == 404
    assert (await clinic.act(visit, "add", item=AMOXICILLIN)).status_code == 404
    receipt = await pharmacy.settle(visit)
    number = receipt.rpartition("/")[2]
    assert (await clinic.web.get(receipt)).status_code == 404
    assert (await clinic.web.get(f"{receipt}?format=pdf")).status_code == 404
    assert (await clinic.act(receipt, "reverse", reason="不该能撤")).status_code == 404
    assert number not in (await clinic.web.get("/clinic/day")).text
    assert "刘*" not in (await clinic.web.get("/clinic")).text
    assert number in (await pharmacy.web.get("/clinic/day")).text


async def test_the_desk_is_for_providers_alone_and_leads_nowhere_else(
    platform: Platform, pharmacy: Till
) -> None:
    for path in ("/staff/desk", f"/staff/people/{HOME}", "/staff/calls", "/operations/runs",
                 f"/staff/people/{HOME}/bills/1"):  # fmt: skip
        assert (await pharmacy.web.get(path)).status_code == 403, path
    token = await offices.signed_in(platform, "a-counter", ("counter", "000000"))
    pharmacy.web.cookies.set("staff", token)
    for path in ("/clinic", "/clinic/day", "/clinic/visits/1", "/clinic/settlements/1"):
        assert (await pharmacy.web.get(path)).status_code == 403, path
    # The role without a provider opens nothing either.
    token = await offices.signed_in(platform, "a-nobody", ("provider", "510100"))
    pharmacy.web.cookies.set("staff", token)
    assert (await pharmacy.web.get("/clinic")).status_code == 403
    pharmacy.web.cookies.clear()
    assert (await pharmacy.web.get("/clinic")).status_code == 303


async def test_made_up_people_alone_are_found_by_the_demo_staff(
    platform: Platform, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    async with platform.database.transaction() as connection:
        await connection.execute("update persons set synthetic = false where person_id = $1", HOME)
    answer = await pharmacy.web.post(
        "/clinic", data={"key": pharmacy.key(), "shown": who.id_number}
    )
    nobody = await pharmacy.web.post(
        "/clinic", data={"key": pharmacy.key(), "shown": "11010119900307221X"}
    )
    assert wrongs(answer) == wrongs(nobody)
    assert "shown" in wrongs(answer)


@pytest.mark.parametrize(
    ("shown", "second", "field"),
    [
        ("", "", "shown"), ("123", "", "shown"), ("A71198386", "", "second"),
        ("card", "110101199003072210", "second"), ("card", "0" * 32, "shown"),
        ("9" * 300, "", "shown"),
    ],
)  # fmt: skip
async def test_what_was_shown_wrongly_is_said_beside_its_field_and_kept(
    platform: Platform, pharmacy: Till, shown: str, second: str, field: str
) -> None:
    if shown == "card":
        shown = (await person(platform, HOME)).card_number
    answer = await pharmacy.web.post(
        "/clinic", data={"key": pharmacy.key(), "shown": shown, "second": second}
    )
    assert answer.status_code == 422
    assert list(wrongs(answer)) == [field]
    if shown:
        assert f'value="{shown}"' in answer.text


async def test_where_it_does_not_work_the_page_says_why_and_charges_nothing(
    platform: Platform, pharmacy: Till
) -> None:
    who = await person(platform, NO_CARD)
    visit = await pharmacy.begin(who.id_number)
    page = (await pharmacy.web.get(visit)).text
    assert "还没有社会保障卡" in page
    assert 'value="settle"' not in page
    assert (await pharmacy.act(visit, "care")).status_code == 303
    assert (await pharmacy.act(visit, "give_up")).status_code == 303
    assert "杨*" not in (await pharmacy.web.get("/clinic")).text


async def test_an_amount_that_changed_since_it_was_shown_is_not_settled(
    platform: Platform, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    form = await pharmacy.settle_form(visit) | {"pay": "cash"}
    await pharmacy.add(visit, AMOXICILLIN)
    answer = await pharmacy.web.post(visit, data=form)
    assert answer.status_code == 422
    assert "12.40" in answer.text
    assert await count(platform, pharmacy.provider) == 0
    assert await pharmacy.settle(visit, "cash")


async def test_at_the_same_moment_nothing_is_settled_twice(
    platform: Platform, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    # A double click, and another page of the same visit.
    one = await pharmacy.settle_form(visit) | {"pay": "cash"}
    other = await pharmacy.settle_form(visit) | {"pay": "cash"}
    answers = await asyncio.gather(
        *(pharmacy.web.post(visit, data=form) for form in (one, one, other))
    )
    assert {answer.status_code for answer in answers} <= {303, 422}
    assert await count(platform, pharmacy.provider) == 1
    receipt = await pharmacy.web.post(visit, data=one)
    assert receipt.status_code in (303, 422)
    day = (await pharmacy.web.get("/clinic/day")).text
    assert "逐笔一致，共 1 笔" in day
    number = re.search(r"/clinic/settlements/[0-9]+", day)
    assert number is not None
    reversals = [{"key": pharmacy.key(), "act": "reverse", "reason": "退货"} for _ in range(2)]
    await asyncio.gather(
        *(pharmacy.web.post(number[0], data=form) for form in (*reversals, reversals[0]))
    )
    assert await count(platform, pharmacy.provider) == 2
    assert "逐笔一致，共 2 笔" in (await pharmacy.web.get("/clinic/day")).text


async def test_a_lost_answer_shows_what_happened_and_nothing_is_charged_twice(
    platform: Platform, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    receipt = await pharmacy.settle(visit, "cash")
    desk_id, number = int(visit.rpartition("/")[2]), int(receipt.rpartition("/")[2])
    async with platform.database.transaction() as connection:
        # As a process leaves it that was killed behind the settlement.
        message = await connection.fetchval(
            "delete from desk_settlements where settlement_id = $1 returning message_id", number
        )
        await connection.execute(
            "update desk_visits set state = 'open', pending = $2, visit_id = null where desk_id = $1",
            desk_id, message,
        )  # fmt: skip
    assert "平台有，机构没有" in (await pharmacy.web.get("/clinic/day")).text
    page = (await pharmacy.web.get(visit)).text
    assert str(number) in page
    assert "逐笔一致" in (await pharmacy.web.get("/clinic/day")).text
    # And as one that was killed before it: the same message is sent again, no other beside it.
    other = await pharmacy.begin(who.id_number)
    await pharmacy.add(other, AMOXICILLIN)
    pending = f"{pharmacy.provider}{int(pharmacy.key()):016x}"
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update desk_visits set pending = $2 where desk_id = $1",
            int(other.rpartition("/")[2]), pending,
        )  # fmt: skip
    assert "不会重复收费" in (await pharmacy.web.get(other)).text
    assert await pharmacy.settle(other, "cash")
    async with platform.database.transaction(readonly=True) as connection:
        key = (pharmacy.provider, pending)
        assert (await visits_store.messages(connection, [key]))[key].succeeded


async def test_a_wrong_pin_is_said_with_the_tries_left_and_charges_nothing(
    platform: Platform, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    form = await pharmacy.settle_form(visit) | {"pay": "account"}
    for pin in ("", "000000"):
        answer = await pharmacy.web.post(visit, data={**form, "pin": pin})
        assert list(wrongs(answer)) == ["pin"]
        assert pin not in answer.text or not pin
    assert await count(platform, pharmacy.provider) == 0
    assert await pharmacy.settle(visit)


async def test_the_cash_part_is_paid_by_card_and_goes_back_with_the_reversal(
    platform: Platform, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    receipt = await pharmacy.settle(visit, "cash")
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update money_accounts set balance = balance + 100000
                where person_id = $1 and kind = 'bank'""",
            HOME,
        )
    paid = await pharmacy.act(receipt, "card", pin=pharmacy.pin)
    assert paid.status_code == 303, wrongs(paid)
    assert "已由社保卡银行账户支付" in (await pharmacy.web.get(receipt)).text
    day = (await pharmacy.web.get("/clinic/day")).text
    assert "刷卡" in day
    counted = await pharmacy.web.get("/clinic/day?cash=0&count=1&total=6.20")
    assert "现金：清点 0.00，应有 0.00，一致" in counted.text
    assert (await pharmacy.act(receipt, "reverse", reason="退货")).status_code == 303
    short = await pharmacy.web.get("/clinic/day?cash=5&count=1")
    assert "多 5.00 元" in short.text
    assert "结算笔数 机构 1、平台 2" in short.text


async def test_a_form_that_comes_after_the_session_is_there_after_signing_in(
    platform: Platform, clock: FixedClock, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    clock.advance(IDLE_MAX + timedelta(minutes=1))
    answer = await pharmacy.act(visit, "add", item="阿莫西林", quantity="3", pin="408289")
    assert answer.headers["location"].startswith("/staff?next=")
    pharmacy.web.cookies.set("staff", await offices.token_of(platform, "p-till"))
    page = (await pharmacy.web.get(visit)).text
    assert "已经恢复" in page
    assert 'value="阿莫西林"' in page
    assert "408289" not in page


async def test_yesterday_is_not_reversed_at_the_desk(
    platform: Platform, clock: FixedClock, pharmacy: Till
) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    receipt = await pharmacy.settle(visit, "cash")
    clock.advance(timedelta(days=1))
    pharmacy.web.cookies.set("staff", await offices.token_of(platform, "p-till"))
    assert 'value="reverse"' not in (await pharmacy.web.get(receipt)).text
    answer = await pharmacy.act(receipt, "reverse", reason="太晚了")
    assert "只能撤销当天" in answer.text
    assert "没有结算" in (await pharmacy.web.get("/clinic/day")).text


async def test_the_day_is_kept_as_a_table_and_on_paper(platform: Platform, pharmacy: Till) -> None:
    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    receipt = await pharmacy.settle(visit, "cash")
    table = await pharmacy.web.get("/clinic/day?format=csv")
    assert receipt.rpartition("/")[2] in table.content.decode("utf-8-sig")
    assert "6.20" in table.text
    paper = await pharmacy.web.get("/clinic/day?format=pdf")
    assert paper.content.startswith(b"%PDF")
    for query, field in (
        ("since=2026-02-30", "since"), ("since=2026-03-01&until=2026-02-01", "until"),
        ("since=2026-01-01&until=2026-03-01", "until"), ("since=2027-01-01", "since"),
        ("cash=abc", "cash"), ("count=x", "count"),
    ):  # fmt: skip
        answer = await pharmacy.web.get(f"/clinic/day?{query}")
        assert answer.status_code == 422, query
        assert list(wrongs(answer)) == [field], query


async def test_whoever_tries_numbers_is_stopped(
    platform: Platform, pharmacy: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yikatong.trust.guessing import Limit

    monkeypatch.setattr(desk, "IDENTIFY_LIMITS", (Limit(2, timedelta(minutes=5)),))
    numbers = ["11010119900307221X", "110101199003072295", "110101199003072375"]
    answers = [
        await pharmacy.web.post("/clinic", data={"key": pharmacy.key(), "shown": one})
        for one in numbers
    ]
    assert [one.status_code for one in answers] == [422, 422, 429]


async def test_what_was_done_stands_in_the_persons_trail_with_the_provider(
    platform: Platform, pharmacy: Till
) -> None:
    from yikatong.trust import audit

    who = await person(platform, HOME)
    visit = await pharmacy.begin(who.id_number)
    await pharmacy.add(visit, AMOXICILLIN)
    await pharmacy.web.get(await pharmacy.settle(visit, "cash"))
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, HOME)
    mine = {one.action for one in events if one.actor.name == pharmacy.provider}
    assert {
        "care.identify",
        "portability.checked",
        "care.quote",
        "care.sell",
        "settlement.read",
    } <= mine
