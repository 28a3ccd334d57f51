"""Payments to a bank that keeps its accounts itself: the file, the answer, what comes back."""

import csv
import hashlib
import hmac
import io
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.benefits.conftest import actions_of, pension_of, told
from tests.benefits.runs.conftest import MARCH, Pensioners
from tests.cards.citizens import COUNTER, COUNTERS, print_now
from tests.counter.desk import at_work, text_of
from yikatong.benefits.pension import ending
from yikatong.benefits.runs import files, returned, service, work
from yikatong.benefits.runs.errors import FileWrong
from yikatong.benefits.runs.model import Run
from yikatong.benefits.runs.returned import NothingReturned
from yikatong.cards.counters import store as counters
from yikatong.cards.office import applying
from yikatong.cards.office.model import NewApplication
from yikatong.core.platform import Platform
from yikatong.money import verification
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "0701", "pension desk")
SECRET = "a-secret-of-these-tests-only-0123456789"


@pytest.fixture
def platform(platform: Platform, tmp_path: Path) -> Platform:
    """Every issuing bank of the synthetic people but one keeps its accounts itself."""
    (tmp_path / "secret").write_text(SECRET)
    file = tmp_path / "banks.yaml"
    file.write_text("- {code: ICBC, url: 'https://bank.example', secret_file: secret}\n")
    return msgspec.structs.replace(
        platform, settings=msgspec.structs.replace(platform.settings, outside_banks=file)
    )


@pytest.fixture
async def sent(pensioners: Pensioners) -> Run:
    """A paid run, seven lines of which are with the bank."""
    await pensioners.sql(
        """update money_accounts set bank = case when person_id = any($1::bigint[]) then 'ICBC'
                                                 else 'BOC' end where kind = 'bank'""",
        pensioners.ids[:7],
    )
    return await pensioners.pay()


async def made(platform: Platform, run: Run) -> list[list[str]]:
    content = b"".join([part async for part in files.make(platform, run.run_id, "ICBC", "fin-1")])
    return list(csv.reader(io.StringIO(content.decode())))


def answer(run: Run, rows: list[tuple[str, str, str, str]], secret: str = SECRET) -> bytes:
    """A bank's answer, made from the documentation alone."""
    lines = [f"H,YKT-RESULTS-1,{run.run_id},ICBC,{len(rows)}", *(",".join(("D", *r)) for r in rows)]
    body = "".join(f"{line}\n" for line in lines).encode()
    hashed = hashlib.sha256(body).hexdigest()
    signed = f"file\nresults\n{hashed}".encode()
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return body + f"T,{hashed},{signature}\n".encode()


async def agree(platform: Platform) -> int:
    found = await service.balance(platform, MARCH)
    assert found.agrees, found
    assert (await verification.verify(platform)).proved
    return found.paid


async def test_the_file_names_every_line_and_is_signed(
    pensioners: Pensioners, platform: Platform, sent: Run
) -> None:
    rows = await made(platform, sent)
    head, lines, last = rows[0], rows[1:-1], rows[-1]
    total = sum(300_000 + n for n in range(7))
    assert head == [
        "H", "YKT-PAYMENTS-1", str(sent.run_id), "ICBC", "2026-03", "pension", "7", str(total)
    ]  # fmt: skip
    assert sum(int(line[4]) for line in lines) == total
    assert {line[2][:6] for line in lines} <= {f"62990{n}" for n in range(1, 7)}
    body = "".join(",".join(row) + "\n" for row in rows[:-1]).encode()
    assert last[1] == hashlib.sha256(body).hexdigest()
    signed = f"file\npayments\n{last[1]}".encode()
    assert last[2] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert await made(platform, sent) == rows
    assert await agree(platform) == sum(300_000 + n for n in range(20))


async def test_what_the_bank_credits_is_paid_and_what_it_returns_is_back_in_the_fund(
    pensioners: Pensioners, platform: Platform, sent: Run
) -> None:
    lines = (await made(platform, sent))[1:-1]
    rows = [(line[1], line[4], "done", "") for line in lines[:-1]]
    rows.append((lines[-1][1], lines[-1][4], "returned", "账户已销户"))
    content = answer(sent, rows)
    taken = await files.take_answer(platform, sent.run_id, "ICBC", content, "fin-1")
    assert (taken.credited, taken.returned, taken.known) == (6, 1, 0)
    again = await files.take_answer(platform, sent.run_id, "ICBC", content, "fin-1")
    assert (again.credited, again.returned, again.known) == (0, 0, 7)
    returned = await pensioners.sql("select min(person_id) from notices having count(*) = 1")
    assert await told(platform, returned) == ["payment.returned"]
    states = (await service.summary(platform, sent.run_id)).states
    assert {name: count for name, (count, _) in states.items()} == {"paid": 19, "returned": 1}
    assert await agree(platform) == sum(300_000 + n for n in range(20)) - int(lines[-1][4])
    waiting = await pensioners.sql(
        """select coalesce(sum(p.amount), 0)::bigint from ledger_postings p
             join shared_accounts s using (account_id) where s.purpose = 'benefit_files'"""
    )
    assert waiting == 0


async def test_a_returned_payment_is_corrected_and_paid_again_onto_the_new_account(
    pensioners: Pensioners, platform: Platform, sent: Run
) -> None:
    lines = (await made(platform, sent))[1:-1]
    rows = [(line[1], line[4], "returned", "账户已销户") for line in lines]
    await files.take_answer(platform, sent.run_id, "ICBC", answer(sent, rows), "fin-1")
    before = [await pensioners.balance(one) for one in pensioners.ids[:6]]
    # Held until the account is right: sent again as it is, the money would come back again.
    held = await returned.listed(platform, CLERK)
    assert [(one.person_id, one.reason, one.bank) for one in held] == [
        (one, "账户已销户", "ICBC") for one in pensioners.ids[:7]
    ]
    nobody = await service.correct(platform, sent.run_id, "fin-1")
    assert (await work.go_on(platform, nobody.run_id)).lines == 0
    await service.cancel(platform, nobody.run_id, "fin-1")
    await work.go_on(platform, nobody.run_id)
    await pensioners.sql("update money_accounts set bank = 'BOC' where kind = 'bank'")
    for person_id in pensioners.ids[:6]:
        done = await returned.account_is_right(platform, person_id, CLERK, "right")
        assert done == await returned.account_is_right(platform, person_id, CLERK, "right")
    # The seventh has another account by now, which is noticed by itself.
    last = pensioners.ids[6]
    await pensioners.sql(
        """insert into money_accounts (person_id, account_id, kind, class, bank, opened_at)
           values ($1, 77, 'bank', 1, 'BOC', now())""",
        last,
    )
    await pensioners.sql("update cards set account_id = 77 where person_id = $1", last)
    correction = await service.correct(platform, sent.run_id, "fin-1")
    correction = await work.go_on(platform, correction.run_id)
    await pensioners.check(correction)
    await pensioners.step(service.approve, correction, "fin-2")
    await pensioners.step(service.pay, correction, "fin-1")
    now = [await pensioners.balance(one) for one in pensioners.ids[:6]]
    assert [new - old for old, new in zip(before, now, strict=True)] == [
        300_000 + n for n in range(6)
    ]
    assert await pensioners.sql("select balance from money_accounts where account_id = 77") == (
        300_006
    )
    with pytest.raises(NothingReturned):
        await returned.account_is_right(platform, last, CLERK, "twice")
    assert await agree(platform) == sum(300_000 + n for n in range(20))


async def test_a_card_with_another_account_lets_it_go_on_at_once_in_the_same_transaction(
    pensioners: Pensioners, platform: Platform, sent: Run
) -> None:
    lines = (await made(platform, sent))[1:-1]
    rows = [(line[1], line[4], "returned", "账户已销户") for line in lines]
    await files.take_answer(platform, sent.run_id, "ICBC", answer(sent, rows), "fin-1")
    person_id, other = pensioners.ids[:2]
    async with platform.database.transaction() as connection:
        await counters.replace_all(connection, COUNTERS)
    wanted = NewApplication("replace", "lost", bank="ABC")
    asked = await applying.apply(platform, person_id, wanted, COUNTER, CLERK, "lost")
    await applying.pay_fee(platform, person_id, asked.application_id, None, COUNTER, CLERK, "fee")
    assert (await pension_of(platform, person_id)).held_reason == "returned_payment"
    for _ in range(2):
        card = await print_now(platform, asked)
    one = await pension_of(platform, person_id)
    assert (one.status, one.held_reason) == ("drawing", None)
    assert (await actions_of(platform, person_id)).count("benefit.released") == 1
    assert (await pension_of(platform, other)).status == "held"
    assert await returned.new_accounts(platform) == 0
    correction = await service.correct(platform, sent.run_id, "fin-1")
    correction = await pensioners.check(await work.go_on(platform, correction.run_id))
    await pensioners.step(service.approve, correction, "fin-2")
    await pensioners.step(service.pay, correction, "fin-1")
    paid = await pensioners.sql(
        "select balance from money_accounts where account_id = $1", card.account_id
    )
    assert paid == 300_000
    await agree(platform)


async def test_an_answer_that_is_not_the_banks_changes_nothing(
    pensioners: Pensioners, platform: Platform, sent: Run
) -> None:
    lines = (await made(platform, sent))[1:-1]
    good = [(line[1], line[4], "done", "") for line in lines]
    other = str(20 if lines[-1][1] != "20" else 19)
    wrong = [
        answer(sent, good, secret="another-secret-of-these-tests-0123456789"),
        answer(sent, good).replace(b"done", b"DONE", 1),
        answer(sent, [*good, good[0]]),
        answer(sent, [(lines[0][1], "1", "done", "")]),
        answer(sent, [(other, lines[0][4], "done", "")]),
        answer(sent, [(lines[0][1], lines[0][4], "returned", "")]),
        answer(sent, [("99999", "1", "done", "")]),
        b"",
        b"\xff\xfe\n",
        answer(sent, good)[:-30],
    ]
    for content in wrong:
        with pytest.raises(FileWrong):
            await files.take_answer(platform, sent.run_id, "ICBC", content, "fin-1")
    assert (await service.summary(platform, sent.run_id)).states["sent"][0] == 7
    await files.take_answer(platform, sent.run_id, "ICBC", answer(sent, good), "fin-1")
    # Told otherwise than before.
    back = answer(sent, [(lines[0][1], lines[0][4], "returned", "x")])
    with pytest.raises(FileWrong):
        await files.take_answer(platform, sent.run_id, "ICBC", back, "fin-1")
    await agree(platform)


async def test_what_came_back_is_owed_again_with_its_dues_and_paid_once_by_whoever_comes_first(
    pensioners: Pensioners, platform: Platform
) -> None:
    first, second = pensioners.ids[:2]
    await pensioners.sql(
        """update money_accounts set bank = case when person_id = any($1::bigint[]) then 'ICBC'
                                                 else 'BOC' end where kind = 'bank'""",
        [first, second],
    )
    await pensioners.owe(first, 1, "arrears", 70_000, month=date(2026, 1, 1))
    await pensioners.owe(first, 2, "recovery", 20_000)
    run = await pensioners.pay()
    assert await pensioners.line(run, first) == ("sent", "new", 350_000)
    rows = [(line[1], line[4], "returned", "x") for line in (await made(platform, run))[1:-1]]
    await files.take_answer(platform, run.run_id, "ICBC", answer(run, rows), "fin-1")
    await files.take_answer(platform, run.run_id, "ICBC", answer(run, rows), "fin-1")
    states = await pensioners.dues()
    assert [states[first, 1], states[first, 2]] == ["open", "open"]
    assert sorted(states.values()) == ["open"] * 4
    assert await pensioners.settled(first) == MARCH
    # The run of April comes before the correction of March.
    await pensioners.sql("update money_accounts set bank = 'BOC' where kind = 'bank'")
    for person_id in (first, second):
        await returned.account_is_right(platform, person_id, CLERK, "right")
    april = await pensioners.pay(date(2026, 4, 1))
    assert await pensioners.line(april, first) == ("paid", "back_from_hold", 650_000)
    assert await pensioners.line(april, second) == ("paid", "back_from_hold", 600_002)
    correction = await service.correct(platform, run.run_id, "fin-1")
    correction = await work.go_on(platform, correction.run_id)
    assert correction.lines == 0
    assert set((await pensioners.dues()).values()) == {"paid"}
    assert await agree(platform) == sum(300_000 + n for n in range(2, 20))


async def test_what_comes_back_for_months_behind_a_death_is_not_asked_back(
    pensioners: Pensioners, platform: Platform, sent: Run
) -> None:
    person_id = pensioners.ids[0]
    stopped = await ending.stop(platform, person_id, date(2026, 2, 20), CLERK, "stop")
    assert stopped["owed_back"] == "3000.00"
    line = next(row for row in (await made(platform, sent))[1:-1] if row[4] == "300000")
    content = answer(sent, [(line[1], line[4], "returned", "账户已销户")])
    await files.take_answer(platform, sent.run_id, "ICBC", content, "fin-1")
    assert set((await pensioners.dues()).values()) == {"cancelled"}


async def test_finance_downloads_the_file_and_uploads_the_answer_on_the_page_of_the_run(
    pensioners: Pensioners, platform: Platform, sent: Run
) -> None:
    address = f"/operations/runs/{sent.run_id}"
    of_bank = f"{address}/files/ICBC"
    async with at_work(platform, "rev-1", ("reviewer", "510100")) as reviewer:
        page = text_of(await reviewer.get(address))
        assert "银行还没有答复 7 人" in page
        assert "生成并下载文件" not in page
        assert (await reviewer.post(of_bank, {})).status_code == 403
    async with at_work(platform, "fin-8", ("finance", "110000")) as elsewhere:
        assert (await elsewhere.post(of_bank, {})).status_code == 403
    async with at_work(platform, "fin-9", ("finance", "510100")) as finance:
        assert "生成并下载文件" in await finance.get(address)
        unknown = await finance.post(f"{address}/files/NOBANK", {})
        assert unknown.status_code == 422
        assert 'id="banks-error"' in unknown.text
        got = await finance.post(of_bank, {})
        assert got.headers["content-disposition"].endswith(f'run-{sent.run_id}-ICBC.csv"')
        lines = list(csv.reader(io.StringIO(got.text)))[1:-1]
        assert len(lines) == 7
        assert "fin-9" in await finance.get(address)

        async def upload(content: bytes | None) -> Any:
            files = {"answer": ("a.csv", content, "text/csv")} if content is not None else None
            return await finance.post(f"{of_bank}/answer", {}, files=files)

        for content, told in (
            (None, "请选择银行的回盘文件"),
            (b"nonsense", "文件没有结尾行"),
            (answer(sent, [("x", "1", "done", "")]), "第 2 行"),
            (answer(sent, [(lines[0][1], "1", "done", "")]), "金额不符"),
        ):
            wrong = await upload(content)
            assert wrong.status_code == 422, told
            assert 'id="answer-ICBC-error"' in wrong.text, told
            assert told in wrong.text
        rows = [(one[1], one[4], "done", "") for one in lines[:5]]
        rows.append((lines[5][1], lines[5][4], "returned", "账户已销户"))
        for counts in ("5-1-0", "0-0-6"):
            taken = await upload(answer(sent, rows))
            assert taken.headers["location"] == f"{address}?taken={counts}#banks"
        page = text_of(await finance.get(f"{address}?taken=5-1-0"))
        assert "入账 5 笔，退回 1 笔" in page
        assert "已退回 1 人" in page
        assert "银行还没有答复 1 人" in page
        still = text_of(await finance.get(f"{address}/lines?only=sent"))
        assert still.count("人员编号") == 1
    await agree(platform)
