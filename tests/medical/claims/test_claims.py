"""Claims on their way: submitted, reviewed, cut, returned, withdrawn; documents; each step once."""

import asyncio
from datetime import date
from typing import Any

import pytest

from tests.medical.claims.conftest import CLERK, Counter, bill, key, raw
from tests.medical.visits.conftest import Hospital
from tests.trust.files import pdf, png
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.medical.claims import rules
from yikatong.medical.claims.errors import (
    AlreadySettled,
    ClaimChanged,
    ClaimOutOfOrder,
    ClaimRefused,
    LinesWrong,
    NoSuchClaim,
)
from yikatong.medical.claims.model import STATES
from yikatong.medical.claims.sheet import read_csv
from yikatong.money.errors import KeyReused
from yikatong.trust import audit

PNG = png()


async def test_the_same_key_submits_once_and_other_content_is_refused(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    person, paid, row = people["home"], bill(), raw(items["A"], 100)
    first = await counter.office.submit(person, paid, [row], 10_000, CLERK, "k-1")
    taken = await counter.office.take(person, first.claim_id, 1, CLERK, "k-2")
    assert await counter.office.submit(person, paid, [row], 10_000, CLERK, "k-1") == first
    assert await counter.office.take(person, first.claim_id, 1, CLERK, "k-2") == taken
    with pytest.raises(KeyReused):
        await counter.office.submit(person, bill(), [row], 10_000, CLERK, "k-1")


async def test_a_bill_is_claimed_once_at_a_time_also_at_the_same_moment(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    person, paid, row = people["home"], bill(), raw(items["A"], 100)
    outcomes = await asyncio.gather(
        *(counter.submitted(person, paid, row) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, AlreadySettled) for one in outcomes) == 3
    with pytest.raises(AlreadySettled):
        await counter.submitted(
            person,
            bill(invoice=paid.invoice, begun_on=date(2026, 1, 1), ended_on=date(2026, 1, 2)),
            row,
        )
    with pytest.raises(AlreadySettled):
        await counter.submitted(person, bill(), row)
    await counter.submitted(people["all_in_order"], paid, row)
    made = next(one for one in outcomes if not isinstance(one, BaseException))
    await counter.office.withdraw(person, made.claim_id, made.version, CLERK, key())
    await counter.submitted(person, paid, row)


async def test_every_wrong_row_is_reported_and_nothing_is_taken(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    text = (
        "目录编码,名称,数量,单价,金额,日期\n"
        f"{items['A']},药,2,10.00,20.00,2026-02-16\n"
        f"{items['A']},药,2,10.00,25.00,2026-02-16\n"
        "\n"
        "NOSUCH,药,1,10.00,10.00,\n"
        f"{items['A']},药,-1,10.00,10.00,\n"
        f"{items['A']},药,1,10.00,10.00,2026-03-09\n"
        ",,1,10.00,10.00,\n"
        ",目录外材料,1,10.00,10.00,\n"
        f"{items['A']},药,1,10.00,1e3,\n"
    )
    with pytest.raises(LinesWrong) as caught:
        await counter.office.submit(people["home"], bill(), read_csv(text), 10_000, CLERK, key())
    assert [(one.row, one.field) for one in caught.value.rows] == [
        (3, "total"), (5, "line"), (6, "quantity"), (7, "date"), (8, "item"), (10, "total"),
    ]  # fmt: skip
    assert await counter.office.claims_of(people["home"], CLERK) == []


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "数量,单价,金额,数量\n1,1,1,1\n", '数量,单价,金额\n"1,1,1\n', "\0"]
)
def test_a_table_that_is_none_is_refused(text: str) -> None:
    if text == "":
        assert read_csv(text) == []
        return
    with pytest.raises(InvalidInput):
        read_csv(text)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"ended_on": date(2026, 3, 2)}, "ended_on"),
        ({"begun_on": date(2026, 2, 21)}, "ended_on"),
        ({"begun_on": date(2023, 1, 1), "ended_on": date(2023, 1, 2)}, "ended_on"),
        ({"care": "outpatient", "begun_on": date(2026, 1, 1)}, "ended_on"),
        ({"care": "chronic"}, "disease"),
        ({"region": "999999"}, "provider.region"),
        ({"provider_name": "  "}, "provider.name"),
        ({"provider_name": "医\n院"}, "provider.name"),
        ({"invoice": "9" * 41}, "invoice"),
        ({"provider_code": "H00000000000"}, "provider.code"),
    ],
)
async def test_facts_that_cannot_be_right_are_refused_by_name(
    counter: Counter,
    people: dict[str, int],
    items: dict[str, str],
    more: dict[str, Any],
    field: str,
) -> None:
    with pytest.raises((InvalidInput, NotFound)) as caught:
        await counter.submitted(people["home"], bill(**more), raw(items["A"], 100))
    assert caught.value.field == field


async def test_a_total_that_is_not_the_lines_is_refused_with_both(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match=r"100\.01.*100\.00"):
        await counter.office.submit(
            people["home"], bill(), [raw(items["A"], 100)], 10_001, CLERK, key()
        )


async def test_what_is_cut_is_borne_by_the_person_and_says_why(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["all_in_order"]
    one = await counter.taken(
        person,
        bill(beijing),
        raw(items["A"], 20_000),
        raw(items["A"], 0, 2, quantity="3", price="1000", total="3000"),
        raw("", 500, 3, name="陪护床"),
    )
    office = counter.office
    with pytest.raises(InvalidInput, match="no more than 3"):
        await office.cut(person, one.claim_id, one.version, {"n2": ("4", "x")}, CLERK, key())
    with pytest.raises(InvalidInput, match="say why"):
        await office.cut(person, one.claim_id, one.version, {"n2": ("1", " ")}, CLERK, key())
    with pytest.raises(InvalidInput, match="no such line"):
        await office.cut(person, one.claim_id, one.version, {"n9": ("1", "x")}, CLERK, key())
    one = await office.cut(
        person,
        one.claim_id,
        one.version,
        {"n2": ("1", "超天数"), "n1": ("0", "无医嘱")},
        CLERK,
        key(),
    )
    decision = await office.preview(person, one.claim_id, CLERK)
    told = decision.settlement
    assert (told.total, told.in_scope, told.self_paid) == (2_350_000, 100_000, 2_250_000)
    assert told.pooled + told.cash == told.total
    assert [(part.number, part.in_scope) for part in decision.lines] == [
        ("n1-cut", 0), ("n2", 100_000), ("n2-cut", 0), ("n3", 0),
    ]  # fmt: skip
    assert decision.lines[2].details == {"cut": "超天数"}
    one = await office.cut(person, one.claim_id, one.version, {"n1": ("1", "")}, CLERK, key())
    assert (await office.preview(person, one.claim_id, CLERK)).settlement.in_scope == 2_100_000
    done = await office.approve(person, one.claim_id, one.version, CLERK, key())
    assert done.approved == (await _settled(counter, person, done.claim_id))


async def _settled(counter: Counter, person: int, claim_id: int) -> int | None:
    return (await counter.office.file(person, claim_id, CLERK)).claim.approved


async def test_a_returned_claim_says_what_is_missing_and_is_submitted_again(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    person, office = people["home"], counter.office
    one = await counter.taken(person, bill(), raw(items["A"], 100))
    with pytest.raises(InvalidInput):
        await office.send_back(person, one.claim_id, one.version, "  ", CLERK, key())
    one = await office.send_back(person, one.claim_id, one.version, "缺出院小结", CLERK, key())
    assert (one.state, one.reason) == ("returned", "缺出院小结")
    one = await office.add_document(person, one.claim_id, one.version, "record", PNG, CLERK, key())
    one = await office.resubmit(
        person, one.claim_id, one.version, CLERK, key(),
        bill=bill(emergency=True), rows=[raw(items["A"], 200)], total=20_000,
    )  # fmt: skip
    assert (one.state, one.reason, one.total, one.bill.emergency) == ("submitted", "", 20_000, True)
    file = await office.file(person, one.claim_id, CLERK)
    assert [step.action for step in file.steps] == [
        "submit", "take", "return", "document", "resubmit",
    ]  # fmt: skip


async def test_a_refused_claim_stays_refused(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    person, office = people["home"], counter.office
    one = await counter.taken(person, bill(), raw(items["A"], 100))
    one = await office.refuse(person, one.claim_id, one.version, "美容项目", CLERK, key())
    with pytest.raises(ClaimOutOfOrder, match="refused"):
        await office.take(person, one.claim_id, one.version, CLERK, key())


async def test_who_decides_on_an_old_version_is_told(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["home"]
    one = await counter.taken(person, bill(), raw(items["A"], 100))
    with pytest.raises(ClaimChanged):
        await counter.office.refuse(person, one.claim_id, 1, "x", CLERK, key())


async def test_documents_are_sealed_kept_once_and_who_saw_them_is_known(
    counter: Counter, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person, office = people["home"], counter.office
    one = await counter.submitted(person, bill(), raw(items["A"], 100))
    one = await office.add_document(person, one.claim_id, one.version, "invoice", PNG, CLERK, key())
    one = await office.add_document(person, one.claim_id, one.version, "invoice", PNG, CLERK, key())
    file = await office.file(person, one.claim_id, CLERK)
    assert [(each.number, each.media_type, each.size) for each in file.documents] == [
        (1, "image/png", len(PNG))
    ]
    assert await office.document(person, one.claim_id, 1, CLERK) == ("image/png", PNG)
    async with platform.database.transaction(readonly=True) as connection:
        sealed = await connection.fetchval("select sealed from claim_documents")
        assert b"PNG" not in sealed
        events = await audit.of_person(connection, person, 3)
    assert events[0].action == "claim.document_read"
    assert events[0].actor.name == "clerk-7"
    for content in (b"MZ...", b"", b"\xff\xd8\xff"):
        with pytest.raises(InvalidInput):
            await office.add_document(
                person, one.claim_id, one.version, "invoice", content, CLERK, key()
            )
    for number in range(2, rules.DOCUMENTS_MAX + 1):
        one = await office.add_document(
            person, one.claim_id, one.version, "other", pdf(bytes([number])), CLERK, key()
        )
    with pytest.raises(ClaimRefused, match="at most"):
        await office.add_document(person, one.claim_id, one.version, "other", pdf(), CLERK, key())


async def test_another_persons_claim_is_not_found(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    one = await counter.submitted(people["home"], bill(), raw(items["A"], 100))
    with pytest.raises(NoSuchClaim):
        await counter.office.file(people["all_in_order"], one.claim_id, CLERK)
    with pytest.raises(NotFound):
        await counter.office.submit(17, bill(), [raw(items["A"], 100)], 10_000, CLERK, key())


async def test_the_work_list_holds_what_waits_the_oldest_first(
    counter: Counter, people: dict[str, int], items: dict[str, str]
) -> None:
    first = await counter.submitted(people["home"], bill(), raw(items["A"], 100))
    second = await counter.taken(people["all_in_order"], bill(), raw(items["A"], 100))
    found = await counter.office.waiting(["submitted", "under_review"])
    assert [one.claim_id for one in found] == [first.claim_id, second.claim_id]
    assert await counter.office.waiting(["submitted"], first.claim_id) == []


def test_every_action_of_every_state_is_named_in_both_languages() -> None:
    for state in STATES:
        for action, reached in rules.TABLE[state].items():
            assert rules.ACTION_NAMES[action].en
            assert reached in rules.TABLE
