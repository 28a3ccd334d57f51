"""The cardholder's house over HTTP: the start page, filings, going away, family, the local guide."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta

import httpx
import pytest

from tests import fillings
from tests.conftest import Filling
from tests.identity.test_sign_in_pages import browser
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.model import Mode
from yikatong.identity.sessions import service as sessions
from yikatong.medical import service as medical
from yikatong.population import service as population
from yikatong.trust import audit

TODAY = date(2026, 3, 1)


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


@pytest.fixture
async def web(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(platform) as client:
        yield client


async def person(platform: Platform, situation: str) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        found = await population.demo_persons(connection)
    return next(one.person_id for one in found if one.situation == situation)


async def signed_in(
    platform: Platform, web: httpx.AsyncClient, who: str | int, *, strong: bool = False
) -> int:
    person_id = await person(platform, who) if isinstance(who, str) else who
    async with platform.database.transaction() as connection:
        modes: set[Mode] = {"e_card"} if strong else {"card_pin"}
        _, token = await sessions.begin(platform, connection, person_id, modes, "Firefox")
    web.cookies.set("session", token)
    return person_id


async def let(platform: Platform, principal: int, agent: int, *services: str) -> None:
    async with platform.database.transaction() as connection:
        granting, _ = await sessions.begin(platform, connection, principal, {"e_card"}, "Firefox")
    until = TODAY + timedelta(days=90)
    await authority.grant(platform, granting, agent, services, TODAY, until, "k")


def wrongs(answer: httpx.Response) -> list[str]:
    return re.findall(r'<p class="wrong" id="([\w-]+)-error">', answer.text)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


async def actions(platform: Platform, person_id: int) -> list[str]:
    async with platform.database.transaction(readonly=True) as connection:
        return [one.action for one in await audit.of_person(connection, person_id)]


# ---- the start page ----


@pytest.mark.parametrize("address", ["/me", "/filings", "/filings/new", "/plan", "/family"])
async def test_a_visitor_is_sent_to_sign_in_and_comes_back(
    web: httpx.AsyncClient, address: str
) -> None:
    answer = await web.get(address)
    assert answer.status_code == 303
    assert address.strip("/").partition("/")[0] in answer.headers["location"]


@pytest.mark.parametrize(
    ("situation", "address"),
    [
        ("card_none", "/card/apply/first"),
        ("social_security_app_inactive", "/card/do/activate"),
        ("pin_locked", "/card/do/reset_pin"),
        ("lost", "/card/apply/replace"),
        ("expired", "/card/apply/renew"),
        ("proof_due", "/benefits"),
        ("contact_outdated", "/details"),
    ],
)
async def test_the_start_page_says_first_what_needs_doing_and_where(
    platform: Platform, web: httpx.AsyncClient, situation: str, address: str
) -> None:
    await population.make(platform, 120, 5, lambda _: None)
    await signed_in(platform, web, situation)
    page = (await web.get("/me")).text
    todo = page.partition('class="now"')[2].partition("</ul>")[0]
    assert f'href="{address}"' in todo


async def test_whoever_has_nothing_to_do_hears_that_and_the_look_is_recorded(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    person_id = await signed_in(platform, web, "all_in_order")
    page = (await web.get("/me")).text
    assert "现在没有要您办的事" in page
    assert 'href="/filings"' in page
    assert "me.read" in await actions(platform, person_id)


async def test_a_lost_card_is_reported_from_the_start_page_in_two_taps_while_it_works(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await population.make(platform, 120, 5, lambda _: None)
    await signed_in(platform, web, "all_in_order")
    address = "/card/do/report_loss_provisionally"
    assert f'href="{address}"' in (await web.get("/me")).text
    assert f'action="{address}"' in (await web.get(address)).text
    web.cookies.clear()
    await signed_in(platform, web, "lost")
    assert f'href="{address}"' not in (await web.get("/me")).text


async def test_who_draws_a_benefit_reads_how_much_and_is_not_offered_what_it_excludes(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await population.make(platform, 120, 5, lambda _: None)
    await signed_in(platform, web, "unemployment")
    page = (await web.get("/benefits")).text
    assert re.search(r"正在领取</b>[^<]* · [0-9,.]+ 元/月", page)
    web.cookies.clear()
    await signed_in(platform, web, "pension_in_order")
    page = (await web.get("/benefits")).text
    assert "元/月" in page
    assert "申领失业保险金" not in page


async def test_every_door_of_the_start_page_opens(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await signed_in(platform, web, "all_in_order")
    page = (await web.get("/me")).text
    doors = set(re.findall(r'<li><a href="([^"]+)"', page))
    assert len(doors) > 12
    for address in doors:
        assert (await web.get(address)).status_code == 200, address


async def test_who_acts_for_another_finds_what_the_authority_covers_and_no_more(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    principal = await person(platform, "filing_none")
    agent = await signed_in(platform, web, "all_in_order")
    await let(platform, principal, agent, "filing")
    assert (await web.post(f"/acting/begin/{principal}")).status_code == 303
    page = (await web.get("/me")).text
    doors = re.findall(r'<li><a href="([^"]+)"><svg', page)
    assert doors == ["/filings", "/guide/regions", "/guide"]
    assert (await web.get("/filings")).status_code == 200
    # The plan shows the card, too.
    assert (await web.get("/plan")).status_code == 403


# ---- filings ----


NEW = {"to_code": "110000", "kind": "temporary", "starts_on": "", "ends_on": "", "key": "77"}


async def test_a_filing_sent_twice_at_once_is_one(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    person_id = await signed_in(platform, web, "filing_none")
    answers = await asyncio.gather(*(web.post("/filings/new", data=NEW) for _ in range(3)))
    assert {one.headers["location"] for one in answers} == {"/filings?done=made"}
    async with platform.database.transaction(readonly=True) as connection:
        assert len(await medical.filings(connection, person_id)) == 1
    page = (await web.get("/filings")).text
    assert "北京市" in page
    assert "2026年8月31日" in page


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("kind", {"kind": ""}),
        ("kind", {"kind": "holiday"}),
        ("kind", {"kind": "long_term:retired_settler", "declared": "1"}),
        ("declared", {"kind": "long_term:long_term_resident"}),
        ("starts_on", {"starts_on": "2026-02-01"}),
        ("starts_on", {"starts_on": "soon"}),
        ("ends_on", {"ends_on": "2027-01-01"}),
        ("kind", {"key": "mine"}),
    ],
)
async def test_what_is_wrong_with_a_filing_stands_beside_its_field_and_nothing_is_made(
    platform: Platform, web: httpx.AsyncClient, field: str, sent: dict[str, str]
) -> None:
    person_id = await signed_in(platform, web, "filing_none")
    answer = await web.post("/filings/new", data={**NEW, **sent})
    assert answer.status_code == 422
    assert wrongs(answer) == [field]
    async with platform.database.transaction(readonly=True) as connection:
        assert await medical.filings(connection, person_id) == []


async def test_where_none_is_needed_the_page_says_so_and_offers_no_form(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await signed_in(platform, web, "filing_none")
    for place in ("510100", "500000"):
        page = (await web.get(f"/filings/new?to_code={place}")).text
        assert "不用备案" in page
        assert 'name="kind"' not in page


async def test_a_filing_is_withdrawn_once_and_that_of_somebody_else_is_not_there(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    owner = await signed_in(platform, web, "all_in_order")
    async with platform.database.transaction(readonly=True) as connection:
        (filing,) = await medical.filings(connection, owner)
    page = (await web.get("/filings")).text
    sent = {"key": hidden(page, "key")}
    await signed_in(platform, web, "filing_none")
    refused = await web.post(f"/filings/{filing.filing_id}/withdraw", data=sent)
    assert refused.status_code == 422
    assert (await web.get(f"/filings/{filing.filing_id}/change")).status_code == 404
    await signed_in(platform, web, owner)
    for _ in range(2):
        answer = await web.post(f"/filings/{filing.filing_id}/withdraw", data=sent)
        assert answer.headers["location"] == "/filings?done=withdrawn"
    assert (await actions(platform, owner)).count("filing.withdrawn") == 1


async def test_coming_home_ends_what_the_rules_of_the_insured_place_end(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await signed_in(platform, web, "all_in_order")
    page = (await web.get("/filings")).text
    sent = {"key": hidden(page, "key")}
    answers = [await web.post("/filings/return", data=sent) for _ in range(2)]
    assert [one.headers["location"] for one in answers] == ["/filings?done=returned"] * 2
    assert "现在没有备案" in (await web.get("/filings")).text


async def test_a_form_from_another_site_changes_nothing(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await signed_in(platform, web, "filing_none", strong=True)
    for address in ("/filings/new", "/filings/return", "/plan", "/plan/1/delete", "/family/allow"):
        answer = await web.post(address, data=NEW, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, address


# ---- going away ----


PLAN = {
    "to": "北京", "leaves_on": "2026-04-01", "returns_on": "2026-04-20", "purposes": ["care"],
    "key": "88",
}  # fmt: skip


async def test_a_plan_is_kept_once_shown_as_pdf_and_leads_there_and_back(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await signed_in(platform, web, "filing_none")
    answers = [await web.post("/plan", data=PLAN) for _ in range(2)]
    (address,) = {one.headers["location"] for one in answers}
    page = (await web.get(address)).text
    assert "没有异地就医备案" in page
    assert "2026年4月1日" in page
    pdf = await web.get(f"{address}?format=pdf")
    assert pdf.content.startswith(b"%PDF")
    found = re.search(r'href="(/plan/[0-9]+/go\?to=/filings[^"]+)"', page)
    assert found
    away = await web.get(found[1].replace("&amp;", "&"))
    assert away.headers["location"].startswith("/filings/new?to_code=110000")
    there = (await web.get(away.headers["location"])).text
    assert f'<a href="{address}">' in there
    # Back on the plan the way back has done its work.
    await web.get(address)
    assert f'<a href="{address}">' not in (await web.get("/filings")).text


async def test_the_way_there_leads_to_pages_of_this_site_alone(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await signed_in(platform, web, "filing_none")
    for target in ("https://example.com/", "//example.com", "/\\example.com"):
        answer = await web.get("/plan/5/go", params={"to": target})
        assert answer.headers["location"] == "/plan/5"


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("to", {"to": ""}),
        ("to", {"to": "不存在的地方"}),
        ("leaves_on", {"leaves_on": ""}),
        ("returns_on", {"returns_on": "2026-03-02"}),
        ("purposes", {"purposes": []}),
    ],
)
async def test_what_is_wrong_with_a_plan_stands_beside_its_field_and_is_kept(
    platform: Platform, web: httpx.AsyncClient, field: str, sent: dict[str, str]
) -> None:
    await signed_in(platform, web, "filing_none")
    answer = await web.post("/plan", data={**PLAN, **sent})
    assert answer.status_code == 422
    assert wrongs(answer) == [field]
    assert 'value="88"' in answer.text


async def test_whoever_plans_for_another_acts_for_them_from_then_on(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    principal = await person(platform, "filing_none")
    agent = await signed_in(platform, web, "all_in_order")
    await let(platform, principal, agent, "filing", "card")
    assert f'value="{principal}"' in (await web.get("/plan")).text
    # Not in what the authority leaves out.
    refused = await web.post(
        "/plan", data={**PLAN, "who": str(principal), "purposes": ["care", "pension"]}
    )
    assert refused.status_code == 422
    await web.post("/acting/stop")
    answer = await web.post("/plan", data={**PLAN, "who": str(principal), "key": "89"})
    page = (await web.get(answer.headers["location"])).text
    assert "李*" in page
    assert "没有异地就医备案" in page
    assert "plan.made" in await actions(platform, principal)
    before = (await actions(platform, principal)).count("plan.read")
    await web.get("/plan")
    assert (await actions(platform, principal)).count("plan.read") == before + 1
    # For nobody who did not let one.
    other = await person(platform, "home")
    await web.post("/acting/stop")
    assert (await web.post("/plan", data={**PLAN, "who": str(other)})).status_code == 422


# ---- family ----


async def test_the_medical_account_is_shared_with_a_relative_and_taken_back(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    owner = await signed_in(platform, web, "family_payer", strong=True)
    page = (await web.get("/family")).text
    member = hidden(page, "member")
    for _ in range(2):
        answer = await web.post("/family/end", data={"member": member})
        assert answer.headers["location"] == "/family?done=ended"
    page = (await web.get("/family")).text
    assert f'<option value="{member}"' in page
    wrong = await web.post("/family/allow", data={"member": member, "limit": "much"})
    assert wrongs(wrong) == ["limit"]
    stranger = await person(platform, "filing_none")
    wrong = await web.post("/family/allow", data={"member": str(stranger), "limit": "100"})
    assert wrongs(wrong) == ["member"]
    answer = await web.post("/family/allow", data={"member": member, "limit": "3,000"})
    assert answer.headers["location"] == "/family?done=allowed"
    assert "3,000.00" in (await web.get("/family")).text
    seen = await actions(platform, owner)
    assert {"medical_account.family_ended", "medical_account.family_allowed"} <= set(seen)


async def test_sharing_asks_for_a_stronger_proof(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    await signed_in(platform, web, "family_payer")
    answer = await web.post("/family/allow", data={"member": "1", "limit": "100"})
    assert answer.status_code == 303
    assert "level=2" in answer.headers["location"]


# ---- the local guide ----


async def test_the_guide_of_a_region_tells_filing_rates_and_who_settles_directly(
    web: httpx.AsyncClient,
) -> None:
    page = (await web.get("/guide/regions/110000?from=510100&insurance=310")).text
    for words in ("要不要备案", "临时备案", "尚未与官方文本核对", "能直接结算的医院和药店", "北京"):
        assert words in page, words
    found = (await web.get("/guide/regions/110000?from=510100&q=中医院")).text
    listed = found.partition('id="providers"')[2].partition('id="bring"')[0]
    assert "中医院" in listed
    assert "第一人民医院" not in listed


async def test_the_guide_is_honest_where_there_is_nothing_on_file(web: httpx.AsyncClient) -> None:
    page = (await web.get("/guide/regions/110000?from=654000")).text
    assert "政策文件还不在案" in page
    assert (await web.get("/guide/regions/999999")).status_code == 404
    assert (await web.get("/guide/regions/110000?from=x&page=-1&care=magic")).status_code == 200


async def test_a_long_list_of_providers_comes_in_pages(web: httpx.AsyncClient) -> None:
    first = (await web.get("/guide/regions/510000?from=110000")).text
    assert 'rel="next"' in first
    second = (await web.get("/guide/regions/510000?from=110000&page=2")).text
    assert 'rel="prev"' in second
    names = [set(re.findall(r"<li><b>([^<]+医院)</b>", one)) for one in (first, second)]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


async def test_choosing_two_places_leads_to_their_guide_and_a_province_is_asked_about(
    web: httpx.AsyncClient,
) -> None:
    answer = await web.get("/guide/regions", params={"home": "成都", "to": "北京"})
    assert answer.headers["location"].startswith("/guide/regions/110000?from=510100")
    wrong = await web.get("/guide/regions", params={"home": "四川省", "to": ""})
    assert wrongs(wrong) == ["home", "to"]


# ---- one's own card ----


async def test_whoever_is_signed_in_asks_about_their_own_card(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    person_id = await signed_in(platform, web, "filing_none")
    assert 'id="person"' not in (await web.get("/")).text
    page = (await web.get("/?to=beijing&service=inpatient&date=2026-03-05")).text
    assert "没有异地就医备案" in page
    assert "2026年3月5日" in page
    # Done from there.
    assert 'href="/filings/new?to_code=110000&amp;starts_on=2026-03-05"' in page
    assert 'href="/plan?to=' in page
    events = await actions(platform, person_id)
    assert "portability.checked" in events
    # A visitor's way of naming somebody else changes nothing.
    other = await web.get(f"/?person={person_id + 1}&to=beijing&service=inpatient")
    assert "没有异地就医备案" in other.text
