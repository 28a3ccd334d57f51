"""Reconciling with a provider: what differs is named, with both sides' figures, and nothing else."""

import asyncio
import io
import json
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fillings
from tests.conftest import Filling
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.money import format_yuan
from yikatong.core.platform import Platform
from yikatong.core.together import change_together
from yikatong.medical import service as medical
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.transactions import reconciliation, reconciliation_file
from yikatong.medical.model import Provider
from yikatong.medical.reconciliation import store as reconciliation_store
from yikatong.medical.visits import messages, store
from yikatong.medical.visits.errors import MessageReused, MessageUndone
from yikatong.medical.visits.model import Settlement
from yikatong.medical.visits.orders import Sender
from yikatong.policies.model import Bill, PersonFacts, QuoteRequest, VisitFacts

DAY = date(2026, 2, 10)


@pytest.fixture
def filling() -> Filling:
    return fillings.providers


@pytest.fixture
async def providers(platform: Platform) -> Sequence[Provider]:
    async with platform.database.transaction(readonly=True) as connection:
        return await medical.providers(connection, region="110000", limit=2)


def at(day: date, hour: int = 12) -> datetime:
    return datetime.combine(day, time(hour), SHANGHAI)


def settled(number: int, provider: Provider, when: datetime, **more: Any) -> Settlement:
    """A settlement of any figures; only what reconciliation looks at matters."""
    pooled, large, account, family, cash = more.pop("parts", (700, 0, 100, 50, 150))
    total = pooled + large + account + family + cash
    facts: dict[str, Any] = {
        "person_id": 5_000_000 + number,
        "settlement_id": 9_000_000 + number,
        "visit_id": 8_000_000 + number,
        "provider_code": provider.provider_code,
        "message_id": f"{provider.provider_code}{number:018d}",
        "reverses": None,
        "channel": "direct",
        "interim": False,
        "setting": "outpatient",
        "care_code": "11",
        "insurance": "310",
        "insured_region": "510100",
        "treatment_region": "110000",
        "settled_at": when,
        "total": total,
        "self_paid": 0,
        "over_limit": 0,
        "first_pay": 0,
        "deductible": 0,
        "pooled": pooled,
        "large_amount": large,
        "serious_illness": 0,
        "civil_servant": 0,
        "assistance": 0,
        "medical_account": account,
        "family_account": family,
        "cash": cash,
        "balance_after": 0,
        "policy_from": date(2023, 7, 1),
        "year_starts_on": date(2026, 1, 1),
        "inputs": QuoteRequest(
            PersonFacts("310", "510100"),
            VisitFacts("outpatient", "110000", "tertiary", when.date()),
            Bill(total),
        ),
        "added": {},
        "batches": [],
        "transaction_id": None,
        "invoice": "",
        "operator": "",
    }
    return Settlement(**{**facts, **more})


async def put(platform: Platform, made: Sequence[Settlement]) -> None:
    async with platform.database.transaction() as connection:
        await connection.execute("delete from settlements")
        await change_together(connection, [store.insert_settlements(made)])


def context(platform: Platform, provider: Provider) -> Context:
    return Context(provider, "110000", None, "clerk", platform.clock.now())


async def call(platform: Platform, provider: Provider, code: str, given: Any) -> dict[str, Any]:
    raw = given if isinstance(given, bytes) else json.dumps(given).encode()
    async with platform.database.transaction() as connection:
        return await reconciliation.TRANSACTIONS[code][1](
            platform, connection, raw, context(platform, provider)
        )


def totals(**more: Any) -> dict[str, Any]:
    return {
        "data": {
            "insutype": "310", "clr_type": "11", "setl_optins": "110000",
            "stmt_begndate": DAY.isoformat(), "stmt_enddate": DAY.isoformat(),
            "medfee_sumamt": 0, "fund_pay_sumamt": "0.00", "acct_pay": 0,
            "fixmedins_setl_cnt": 0, **more,
        }
    }  # fmt: skip


# ---- totals ----


async def test_totals_agree_by_insurance_clearing_type_and_day(
    platform: Platform, providers: Sequence[Provider]
) -> None:
    mine, other = providers
    first = settled(1, mine, at(DAY, 0), parts=(70_001, 20, 100, 50, 150))
    await put(
        platform,
        [
            first,
            settled(2, mine, at(DAY, 23), parts=(1, 0, 0, 0, 0)),
            # A reversal counts as one, and its amounts are negative.
            settled(3, mine, at(DAY), parts=(-1, 0, 0, 0, 0), reverses=2),
            settled(4, mine, at(DAY), insurance="390"),
            settled(5, mine, at(DAY), setting="inpatient", care_code="21"),
            settled(6, other, at(DAY)),
            settled(7, mine, at(DAY, 0) - timedelta(microseconds=1)),
            settled(8, mine, at(DAY, 0) + timedelta(days=1)),
            # A claim by hand is none of the provider's.
            settled(9, mine, at(DAY), channel="claim"),
        ],
    )
    told = await call(
        platform, mine, "3201",
        totals(
            medfee_sumamt="703.21", fund_pay_sumamt=700.21, acct_pay=1, fixmedins_setl_cnt="3"
        ),
    )  # fmt: skip
    assert told == {
        "stmtinfo": {
            "setl_optins": "110000",
            "stmt_rslt": "0",
            "stmt_rslt_dscr": "一致：3 笔，医疗费总额 703.21",
        }
    }
    told = await call(
        platform, mine, "3201",
        totals(
            medfee_sumamt="703.20", fund_pay_sumamt=700.21, acct_pay="-1", fixmedins_setl_cnt=2
        ),
    )  # fmt: skip
    assert told["stmtinfo"]["stmt_rslt"] == "1"
    assert told["stmtinfo"]["stmt_rslt_dscr"] == (
        "不一致：医疗费总额 机构 703.20、平台 703.21；个人账户支付 机构 -1.00、平台 1.00；"
        "结算笔数 机构 2、平台 3"
    )
    for more in ({"insutype": "390"}, {"clr_type": "21"}):
        told = await call(
            platform, mine, "3201",
            totals(medfee_sumamt=10, fund_pay_sumamt=7, acct_pay=1, fixmedins_setl_cnt=1, **more),
        )  # fmt: skip
        assert told["stmtinfo"]["stmt_rslt"] == "0"
    for more in ({"clr_type": "41"}, {"clr_type": "99"}, {"insutype": "510"}):
        assert (await call(platform, mine, "3201", totals(**more)))["stmtinfo"]["stmt_rslt"] == "0"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"clr_type": "12"}, "clr_type"),
        ({"clr_type": None}, "clr_type"),
        ({"insutype": "null"}, "insutype"),
        ({"insutype": "31\x000"}, "insutype"),
        ({"insutype": ["310"]}, "insutype"),
        ({"medfee_sumamt": ""}, "medfee_sumamt"),
        ({"medfee_sumamt": "1.005"}, "medfee_sumamt"),
        ({"medfee_sumamt": 1e300}, "medfee_sumamt"),
        ({"medfee_sumamt": "--1"}, "medfee_sumamt"),
        ({"fund_pay_sumamt": True}, "fund_pay_sumamt"),
        ({"acct_pay": "NaN"}, "acct_pay"),
        ({"fixmedins_setl_cnt": "-1"}, "fixmedins_setl_cnt"),
        ({"fixmedins_setl_cnt": 1.5}, "fixmedins_setl_cnt"),
        ({"stmt_begndate": "2026-02-30"}, "stmt_begndate"),
        ({"stmt_begndate": "2026-02-11"}, "stmt_enddate"),
        ({"stmt_enddate": "9999-12-31"}, "stmt_enddate"),
    ],
)
async def test_wrong_totals_name_the_field(
    platform: Platform, providers: Sequence[Provider], change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await call(platform, providers[0], "3201", totals(**change))
    assert raised.value.field == field


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"data": 3}', b"{}", b"\xff", b'{"data": {'])
async def test_what_is_no_input_is_refused(
    platform: Platform, providers: Sequence[Provider], raw: bytes
) -> None:
    for code in ("3201", "3202"):
        with pytest.raises(InvalidInput):
            await call(platform, providers[0], code, raw)


# ---- details ----


def as_row(one: Settlement) -> dict[str, str]:
    """A settlement as the provider has it."""
    return {
        "setl_id": str(one.settlement_id),
        "mdtrt_id": str(one.visit_id),
        "psn_no": str(one.person_id),
        "msgid": one.message_id,
        "medfee_sumamt": format_yuan(one.total),
        "fund_pay_sumamt": format_yuan(one.funds),
        "acct_pay": format_yuan(one.medical_account),
        "refd_setl_flag": "0" if one.reverses is None else "1",
    }


def details(rows: Sequence[dict[str, str]], **more: Any) -> dict[str, Any]:
    """3202 over rows, with the sums that are theirs."""

    def of(name: str) -> str:
        return str(sum((Decimal(row[name]) for row in rows), Decimal("0.00")))

    return {
        "data": {
            "setl_optins": "110000", "stmt_begndate": (DAY - timedelta(days=3)).isoformat(),
            "stmt_enddate": DAY.isoformat(), "medfee_sumamt": of("medfee_sumamt"),
            "fund_pay_sumamt": of("fund_pay_sumamt"), "cash_payamt": 0,
            "fixmedins_setl_cnt": len(rows), **more,
        },
        "detail": rows,
    }  # fmt: skip


async def fetched(
    platform: Platform, provider: Provider, told: dict[str, Any]
) -> list[dict[str, str]]:
    """The lines of the file of differences, as it is stored for the provider."""
    info = told["fileinfo"]
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow(
            "select provider_code, file_name, content, kept_until from provider_files"
            " where file_query_no = $1",
            info["file_qury_no"],
        )
    assert row is not None
    assert (row[0], row[1]) == (provider.provider_code, info["filename"])
    assert f"{row[3].astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" == info["dld_endtime"]
    with zipfile.ZipFile(io.BytesIO(row[2])) as archive:
        (name,) = archive.namelist()
        text = archive.read(name).decode()
    lines = [line.split("\t") for line in text.splitlines()]
    assert tuple(lines[0]) == reconciliation_file.ANSWER_COLUMNS
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


CHANGES = ("kept", "kept", "lost", "doubled", "total", "funds", "account", "flag", "invented")
FIGURES = st.tuples(
    st.integers(0, 10**9), st.integers(0, 9999), st.integers(0, 9999), st.integers(0, 999),
    st.integers(0, 99_999),
)  # fmt: skip


@given(made=st.lists(st.tuples(FIGURES, st.sampled_from(CHANGES), st.booleans()), max_size=25))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_the_file_lists_exactly_what_differs(
    platform: Platform,
    providers: Sequence[Provider],
    made: list[tuple[tuple[int, int, int, int, int], str, bool]],
) -> None:
    """Random settlements; the provider loses some, doubles some, changes and invents some."""
    mine, other = providers
    ours: list[Settlement] = []
    rows: list[dict[str, str]] = []
    expected: set[tuple[str, ...]] = set()
    for number, (parts, change, reversal) in enumerate(made):
        figures = tuple(-part for part in parts) if reversal else parts
        when = at(DAY - timedelta(days=number % 4), number % 24)
        one = settled(number, mine, when, parts=figures, reverses=number if reversal else None)
        row = as_row(one)
        figures_here = (row["medfee_sumamt"], row["fund_pay_sumamt"], row["acct_pay"])
        if change != "invented":
            ours.append(one)
        changed = dict(row)
        match change:
            case "lost":
                expected.add(("ours_only", row["setl_id"], "", "", "", *figures_here))
                continue
            case "doubled":
                rows.append(row)
                expected.add(("theirs_only", row["setl_id"], *figures_here, *figures_here))
            case "total" | "funds" | "account":
                name = {"total": "medfee_sumamt", "funds": "fund_pay_sumamt"}.get(
                    change, "acct_pay"
                )
                changed[name] = str(Decimal(row[name]) + Decimal("0.01"))
            case "flag":
                changed["refd_setl_flag"] = "0" if reversal else "1"
            case "invented":
                expected.add(("theirs_only", row["setl_id"], *figures_here, "", "", ""))
            case _:
                pass
        if changed != row:
            figures_there = (
                changed["medfee_sumamt"], changed["fund_pay_sumamt"], changed["acct_pay"]
            )  # fmt: skip
            expected.add(("differs", row["setl_id"], *figures_there, *figures_here))
        rows.append(changed)
    await put(platform, [*ours, settled(999, other, at(DAY)),
                         settled(998, mine, at(DAY), channel="claim")])  # fmt: skip
    listed = await fetched(platform, mine, await call(platform, mine, "3202", details(rows)))
    figures = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")
    names = ("difference", "setl_id", *figures, *(f"plat_{name}" for name in figures))
    assert {tuple(line[name] for name in names) for line in listed} == expected
    assert len(listed) == len(expected)
    assert all(line["memo"] and line["stmt_rslt"] == "1" for line in listed)


async def test_details_come_as_a_file_uploaded_before(
    platform: Platform, providers: Sequence[Provider]
) -> None:
    mine, other = providers
    made = [settled(number, mine, at(DAY)) for number in range(3)]
    await put(platform, made)
    rows = [as_row(one) for one in made[1:]]
    plain = "".join("\t".join(row.values()) + "\r\n" for row in rows).encode()
    names = list(reversed(reconciliation_file.COLUMNS))
    named = "\n".join(["\t".join(names), *("\t".join(row[n] for n in names) for row in rows)])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("details.txt", plain)
    seven = [[cell for name, cell in row.items() if name != "msgid"] for row in rows]
    without = ["\n".join("\t".join(line) + end for line in seven) for end in ("", "\t", "\tnull")]
    for content in (
        *(one.encode() for one in without),
        plain,
        b"\xef\xbb\xbf" + named.encode(),
        packed.getvalue(),
    ):
        async with platform.database.transaction() as connection:
            await connection.execute("delete from provider_files")
            await reconciliation_store.insert_file(
                connection, "up1", mine.provider_code, "up.txt", content, at(DAY),
                platform.clock.now() + timedelta(days=1),
            )  # fmt: skip
        asked = details(rows, file_qury_no="up1")
        listed = await fetched(platform, mine, await call(platform, mine, "3202", asked))
        assert [(line["difference"], line["setl_id"]) for line in listed] == [
            ("ours_only", "9000000")
        ]
        with pytest.raises(NotFound) as raised:
            await call(platform, other, "3202", asked)
        assert raised.value.field == "file_qury_no"
    async with platform.database.transaction() as connection:
        await connection.execute("update provider_files set kept_until = $1", at(DAY))
    with pytest.raises(NotFound):
        await call(platform, mine, "3202", details(rows, file_qury_no="up1"))


GOOD = "9000000\t1\t1\tm\t1.00\t1.00\t0.00\t0"


def zipped(*contents: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.txt", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"PK\x03\x04 no zip", "damaged"),
        (zipped(), "not 0"),
        (zipped(b"", b""), "not 2"),
        (zipped(b"\0" * (reconciliation_file.BYTES_MAX + 1)), "larger than 64 MiB"),
        (f"{GOOD}\n{GOOD}\tmore".encode(), "line 2: must have 8 columns"),
        (b"setl_id\tmedfee_sumamt", "columns stand once each"),
        (b"setl_id\tsetl_id\tmedfee_sumamt\tfund_pay_sumamt\tacct_pay", "columns stand once"),
        (GOOD.replace("1.00", "1.001", 1).encode(), "line 1, medfee_sumamt"),
        (GOOD.replace("9000000", "").encode(), "line 1, setl_id: must be given"),
        (GOOD.replace("9000000", "9" * 31).encode(), "line 1, setl_id: must be letters"),
        (GOOD.replace("9000000", "九").encode(), "line 1, setl_id: must be letters"),
        ((GOOD[:-1] + "2").encode(), "line 1, refd_setl_flag: must be 0 or 1"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_column(content: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as raised:
        reconciliation_file.read(content)
    assert raised.value.field == "file_qury_no"


async def test_wrong_details_name_the_field(
    platform: Platform, providers: Sequence[Provider]
) -> None:
    row = as_row(settled(1, providers[0], at(DAY)))
    for change, field in (
        ({"medfee_sumamt": "9.99"}, "medfee_sumamt"),
        ({"fund_pay_sumamt": 0}, "fund_pay_sumamt"),
        ({"fixmedins_setl_cnt": 2}, "fixmedins_setl_cnt"),
        ({"stmt_begndate": "2026-01-10"}, "stmt_enddate"),
        ({"file_qury_no": "no such"}, "file_qury_no"),
        ({"file_qury_no": "nosuch"}, "file_qury_no"),
    ):
        with pytest.raises((InvalidInput, NotFound)) as raised:
            await call(platform, providers[0], "3202", details([row], **change))
        assert raised.value.field == field
    for rows, field in (
        (None, "file_qury_no"),
        ([3], "detail[0]"),
        ([{**row, "psn_no": "1\t2"}], "file_qury_no"),
        ([row] * 5001, "detail"),
    ):
        asked = {**details([row]), "detail": rows}
        with pytest.raises(InvalidInput) as raised:
            await call(platform, providers[0], "3202", asked)
        assert raised.value.field == field
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from provider_files") == 0


async def test_both_comparisons_find_settlements_by_provider(
    platform: Platform, providers: Sequence[Provider]
) -> None:
    """Among many providers the index is what finds one provider's period."""
    made = [
        settled(number, msgspec.structs.replace(providers[0], provider_code=f"H{number % 200:011d}"),
                at(DAY - timedelta(days=number % 300)))
        for number in range(4000)
    ]  # fmt: skip
    await put(platform, made)
    async with platform.database.transaction() as connection:
        await connection.execute("analyze settlements")
        bounds = ("H00000000007", at(DAY, 0), at(DAY + timedelta(days=1), 0))
        for query, more in (
            (reconciliation_store.TOTALS, ("310", "outpatient")),
            (reconciliation_store.DETAILS, (1000,)),
        ):
            plan = "\n".join(
                row[0] for row in await connection.fetch(f"explain {query}", *bounds, *more)
            )
            assert "settlements_by_provider" in plan


# ---- messages about no person ----


def sender(provider: Provider, content: bytes = b"same") -> Sender:
    return Sender(provider, "m1", "3201", content, "clerk")


async def test_a_message_about_no_person_has_one_outcome(
    platform: Platform, providers: Sequence[Provider]
) -> None:
    mine, other = providers
    worked: list[int] = []

    async def work(connection: Connection) -> bytes:
        worked.append(1)
        await connection.fetchval("select pg_sleep(0.05)")
        return b"answer %d" % len(worked)

    answers = await asyncio.gather(*(messages.once(platform, sender(mine), work) for _ in range(4)))
    assert len(set(answers)) == 1
    count = len(worked)
    assert await messages.once(platform, sender(mine), work) == answers[0]
    assert len(worked) == count
    with pytest.raises(MessageReused):
        await messages.once(platform, sender(mine, b"other"), work)
    # Another provider's message of the same id is another message.
    assert await messages.once(platform, sender(other, b"other"), work) != answers[0]
    async with platform.database.transaction() as connection:
        assert await connection.fetchval("select count(*) from provider_messages") == 2
        await connection.execute("update provider_messages set undone_by = 'm2'")
    with pytest.raises(MessageUndone):
        await messages.once(platform, sender(mine), work)


async def test_what_the_work_refuses_is_not_remembered_and_nothing_is_kept(
    platform: Platform, providers: Sequence[Provider]
) -> None:
    async def refuse(connection: Connection) -> bytes:
        await reconciliation_store.insert_file(
            connection, "f", providers[0].provider_code, "f", b"", at(DAY), at(DAY)
        )
        raise InvalidInput("x", zh="错", en="wrong")

    with pytest.raises(InvalidInput):
        await messages.once(platform, sender(providers[0]), refuse)
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from provider_files") == 0

    async def work(_connection: Connection) -> bytes:
        return b"done"

    assert await messages.once(platform, sender(providers[0]), work) == b"done"
