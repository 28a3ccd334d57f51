"""A town of patients of all kinds, and players who send one order after the other for them."""

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.medical.visits.conftest import DIAGNOSES, NOW, Hospital
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.medical.visits import orders, store
from yikatong.medical.visits.model import FeeLine, Settlement
from yikatong.medical.visits.reversing import AMOUNTS
from yikatong.policies import files
from yikatong.policies import service as policies
from yikatong.policies.service import PolicyBook
from yikatong.population import service as population
from yikatong.population.rows import Rows, copy, id_number

EVERYTHING = (Path(__file__).parents[2] / "policies" / "everything.yaml").read_text(
    encoding="utf-8"
)
FIRST = 7_000_001
PAYER = FIRST + 90
TODAY = NOW.date()


def all_layers() -> PolicyBook:
    """The shipped policies, and policies with every layer: of 保定 for employees and residents, of
    张家口 with an account that pays the whole of the person's part and no refusal of the unfiled."""
    residents = EVERYTHING.replace('insurance: "310"', 'insurance: "390"')
    other = EVERYTHING.replace('region: "130600"', 'region: "130700"').replace(
        "unfiled: refused", "unfiled: cut\naccount_pays: person"
    )
    made = [
        files.parse(f"test-{at}.yaml", text)
        for at, text in enumerate((EVERYTHING, residents, other))
    ]
    return PolicyBook([*policies.load().policies(), *made])


class Kind(NamedTuple):
    """Who a patient is."""

    region: str
    insurance: str
    category: str
    groups: tuple[str, ...] = ()
    filing: tuple[str, str] | None = None
    paid_for: bool = False
    age: int = 40


KINDS: Sequence[Kind] = (
    Kind("510100", "310", "active", filing=("long_term", "110000")),
    Kind("510100", "310", "retired", ("veteran",), age=67),
    Kind("310000", "310", "active", filing=("temporary", "110000")),
    Kind("110000", "390", "adult", ("low_income",), paid_for=True),
    Kind("500000", "390", "student", paid_for=True, age=15),
    Kind("130600", "310", "active", ("civil_servant", "low_income"), ("transfer", "510000")),
    Kind("130600", "310", "retired", ("destitute",), paid_for=True, age=71),
    Kind("130600", "390", "adult", ("low_income", "civil_servant"), paid_for=True),
    Kind("130700", "310", "active", ("civil_servant", "destitute"), paid_for=True),
)


class Items(NamedTuple):
    """Codes of the catalog: each class, and one with a price limit in 北京 and 四川."""

    a: str
    b: str
    c: str
    limited: str


class Town:
    """The hospitals, and patients made anew for every run."""

    def __init__(
        self, platform: Platform, hospitals: Sequence[Hospital], items: Items, shared: Any
    ) -> None:
        self.platform = platform
        self.hospitals = hospitals
        self.items = items
        self._shared = shared

    async def begin(self) -> list["Player"]:
        """Forget everything and make the patients again: a player for each."""
        rows = Rows(self.platform.vault, NOW, self._shared, 0)
        self._person(rows, PAYER - FIRST, Kind("510100", "310", "active"))
        for at, kind in enumerate(KINDS):
            self._person(rows, at, kind)
        rows.finish()
        async with self.platform.database.transaction() as connection:
            for table in (*rows.tables, *_EMPTIED):
                await connection.execute(f"delete from {table}")
            await copy(connection, rows)
            for at, kind in enumerate(KINDS):
                for group in kind.groups:
                    await connection.execute(
                        "insert into special_groups values ($1, $2, $3, null)",
                        FIRST + at, group, TODAY - timedelta(days=900),
                    )  # fmt: skip
                if kind.paid_for:
                    await connection.execute(
                        """insert into medical_family (person_id, member_id, yearly_limit, since)
                           values ($1, $2, $3, $4)""",
                        PAYER, FIRST + at, 30_000 * (at + 1), TODAY - timedelta(days=30),
                    )  # fmt: skip
                    await connection.execute(
                        "insert into medical_family_payers values ($1, $2)", FIRST + at, PAYER
                    )
        return [Player(self, FIRST + at) for at in range(len(KINDS))]

    @staticmethod
    def _person(rows: Rows, at: int, kind: Kind) -> None:
        person_id, county = FIRST + at, f"{kind.region[:4]}02"
        birth = date(TODAY.year - kind.age, 1, 1 + at % 28)
        rows.person(
            person_id, id_number(county, birth, 700 + at), f"市民{at}", 1 + at % 2, birth, county,
            f"1980000{at:04d}", "测试路1号", TODAY,
        )  # fmt: skip
        since = TODAY - timedelta(days=2000)
        rows.enrolment(person_id, kind.insurance, since, kind.region, kind.category, months=240)
        rows.card(person_id, 0, kind.region, f"市民{at}", TODAY - timedelta(days=700))
        if kind.filing is not None:
            rows.filing(
                person_id, kind.filing[0], kind.insurance, kind.region, kind.filing[1],
                TODAY - timedelta(days=500),
            )  # fmt: skip
        rows.add("chronic_registrations", person_id, "糖尿病", TODAY - timedelta(days=500), None)


_EMPTIED = (
    "special_groups", "medical_family", "medical_family_payers", "accumulators_carried_over",
    "visits", "fee_batches", "settlements", "provider_messages",
)  # fmt: skip

Step = tuple[str, int, int, int]
WHAT = (
    "outpatient", "outpatient", "admit", "admit", "lines", "lines", "lines", "lines", "back", "back",
    "withdraw", "discharge", "undischarge", "settle", "settle", "settle", "interim", "cancel",
    "stay", "stay", "reverse", "undo", "again", "reused", "wrong_total", "sell", "sell",
)  # fmt: skip
QUANTITIES = ("1", "2", "3", "7", "0.5", "1.333", "30")
PRICES = ("0.03", "0.35", "1.01", "19.99", "333.33", "4000", "25000.5", "90000", "180000")
_names = itertools.count(1)


class Sent(NamedTuple):
    """A message, and the first answer to it."""

    message_id: str
    code: str
    order: orders.Order
    hospital: Hospital
    answer: bytes


class Player:
    """Sends orders for one patient, in any order, and looks at everything that was settled."""

    def __init__(self, town: Town, person_id: int) -> None:
        self.town = town
        self.person_id = person_id
        self.visits: list[tuple[int, Any, Hospital]] = []
        self.lines: dict[int, list[FeeLine]] = {}
        self.settled: list[tuple[Settlement, Hospital]] = []
        self.sent: list[Sent] = []
        self.undone: set[str] = set()
        self.alone = True
        """Whether nobody else spends a relative's account between a quote and its settlement."""
        self.refused: list[str] = []
        self.done: list[str] = []

    async def step(self, step: Step) -> None:
        """Carry out one step; what is refused changes nothing and is no failure."""
        what, a, b, c = step
        count = len(self.refused)
        await getattr(self, f"_{what}")(a, b, c)
        if len(self.refused) == count:
            self.done.append(what)

    async def ask(self, hospital: Hospital, order: orders.Order, code: str) -> Any:
        """The result, or None where it was refused."""
        message_id = hospital.message_id()
        result, answer = await self._send(hospital, order, message_id, code)
        self.sent.append(Sent(message_id, code, order, hospital, answer))
        if isinstance(result, YikatongError):
            assert result.status < 500, result
            assert result.code not in ("error", "busy"), result
            self.refused.append(result.code)
            return None
        if isinstance(result, orders.Settled) and result.settlement.settlement_id:
            check_sums(result.settlement)
            self.settled.append((result.settlement, hospital))
        return result

    async def _send(
        self, hospital: Hospital, order: orders.Order, message_id: str, code: str
    ) -> tuple[Any, bytes]:
        """What was decided last, and the answer, which may be from an earlier time."""
        outcome: list[Any] = []

        def render(result: Any) -> bytes:
            outcome.append(result)
            return msgspec.json.encode(repr(result))

        sender = hospital.sender(message_id, code, order)
        answer = await hospital.desk.answer(sender, order, render)
        return outcome[-1] if outcome else None, answer

    def _visit(self, at: int) -> tuple[int, Any, Hospital] | None:
        return self.visits[-1 - at % min(3, len(self.visits))] if self.visits else None

    # ---- visits ----

    async def _outpatient(self, a: int, b: int, _c: int) -> None:
        hospital = self.town.hospitals[a % len(self.town.hospitals)]
        begun = NOW - timedelta(days=(0, 1, 40, 70, 300)[b % 5])
        done = await self.ask(
            hospital,
            orders.Register(person_id=self.person_id, number=f"M{next(_names)}", begun_at=begun),
            "2201",
        )
        if done is None:
            return
        self.visits.append((done.visit.visit_id, "outpatient", hospital))
        await self.ask(
            hospital,
            orders.See(
                person_id=self.person_id, visit_id=done.visit.visit_id, begun_at=begun,
                care_code=("11", "11", "13", "14")[b % 4], diagnoses=DIAGNOSES,
            ),
            "2203",
        )  # fmt: skip

    async def _admit(self, a: int, b: int, _c: int) -> None:
        hospital = self.town.hospitals[a % len(self.town.hospitals)]
        begun = NOW - timedelta(days=(1, 5, 30, 75, 200)[b % 5])
        done = await self.ask(
            hospital,
            orders.Admit(
                person_id=self.person_id, number=f"Z{next(_names)}", begun_at=begun,
                care_code=("21", "24", "52")[b % 3], diagnoses=DIAGNOSES,
            ),
            "2401",
        )  # fmt: skip
        if done is not None:
            self.visits.append((done.visit.visit_id, "inpatient", hospital))

    async def _stay(self, a: int, b: int, c: int) -> None:
        """A whole stay, in order."""
        await self._admit(a, b, c)
        await self._lines(0, b, c)
        await self._lines(0, c, a)
        await self._discharge(0, 0, 0)
        await self._settle(0, b, c)

    async def _discharge(self, a: int, b: int, _c: int) -> None:
        if (visit := self._visit(a)) is not None:
            ended = NOW - timedelta(days=(0, 0, 2, 62)[b % 4])
            order = orders.Discharge(
                person_id=self.person_id, visit_id=visit[0], ended_at=ended, way="1"
            )
            await self.ask(visit[2], order, "2402")

    async def _undischarge(self, a: int, _b: int, _c: int) -> None:
        if (visit := self._visit(a)) is not None:
            order = orders.CancelDischarge(person_id=self.person_id, visit_id=visit[0])
            await self.ask(visit[2], order, "2405")

    async def _cancel(self, a: int, _b: int, _c: int) -> None:
        if (visit := self._visit(a)) is not None:
            order = orders.CancelVisit(person_id=self.person_id, visit_id=visit[0])
            await self.ask(visit[2], order, "2404")

    # ---- lines ----

    def _line(self, a: int, b: int) -> FeeLine:
        items = self.town.items
        quantity = QUANTITIES[b % len(QUANTITIES)]
        price = PRICES[a % len(PRICES)]
        return FeeLine(
            number=f"L{next(_names)}",
            item=(items.a, items.b, items.b, items.c, items.limited)[(a + b) % 5],
            total=max(0, _product(quantity, price) + (0, 0, 0, 5, -4)[b % 5]),
            quantity=quantity,
            price=price,
            at=NOW,
            self_pay=a % 17 == 3,
        )

    async def _upload(self, visit: tuple[int, Any, Hospital], batch: str, lines: Any) -> None:
        visit_id, setting, hospital = visit
        done = await self.ask(
            hospital,
            orders.AddLines(
                person_id=self.person_id, visit_id=visit_id, setting=setting,
                batch=batch if setting == "outpatient" else "", lines=tuple(lines),
            ),
            "2204",
        )  # fmt: skip
        if done is not None:
            self.lines.setdefault(visit_id, []).extend(lines)

    async def _lines(self, a: int, b: int, c: int) -> None:
        if (visit := self._visit(a)) is not None:
            made = [self._line(a * 7 + at * 3 + c, b + at * 5) for at in range(1 + b % 4)]
            await self._upload(visit, f"B{c % 3}", made)

    async def _back(self, a: int, b: int, c: int) -> None:
        """Give back a part, or all, of one or two lines."""
        visit = self._visit(a)
        known = self.lines.get(visit[0], []) if visit else []
        if visit is None or not known:
            return
        given = [self._giving_back(known[(b + at) % len(known)], c) for at in range(1 + c % 2)]
        await self._upload(visit, f"B{c % 3}", given)

    def _giving_back(self, first: FeeLine, c: int) -> FeeLine:
        part = (Decimal(1), Decimal("0.5"), Decimal(1) / 3)[c % 3]
        quantity = str(-(Decimal(first.quantity) * part).quantize(Decimal("0.001")))
        exact = part == 1
        total = -first.total if exact else _product(quantity, first.price) + (0, 3, -5)[c % 3]
        return msgspec.structs.replace(
            first,
            number=f"L{next(_names)}",
            quantity=quantity,
            total=min(0, total),
            gives_back=first.number,
            self_pay=False,
        )

    async def _withdraw(self, a: int, b: int, c: int) -> None:
        if (visit := self._visit(a)) is None:
            return
        known = self.lines.get(visit[0], [])
        which: dict[str, Any] = (
            {"batch": f"B{c % 3}"},
            {"line": known[c % len(known)].number} if known else {},
            {},
        )[b % 3]
        order = orders.WithdrawLines(person_id=self.person_id, visit_id=visit[0], **which)
        await self.ask(visit[2], order, "2205")

    # ---- money ----

    async def _unsettled(self, visit_id: int, batch: str | None) -> int:
        async with self.town.platform.database.transaction(readonly=True) as connection:
            return await connection.fetchval(
                """select coalesce(sum(total), 0)::bigint from fee_batches
                    where person_id = $1 and visit_id = $2 and settlement_id is null
                      and ($3::text is null or batch = $3)""",
                self.person_id,
                visit_id,
                batch,
            )

    async def _settle(self, a: int, b: int, c: int, *, interim: bool = False) -> None:
        """A quote, and the settlement that follows it, which must be the same."""
        if (visit := self._visit(a)) is None:
            return
        visit_id, setting, hospital = visit
        batch = f"B{c % 3}" if setting == "outpatient" and b % 3 == 0 else None
        order = orders.Settle(
            person_id=self.person_id, visit_id=visit_id, setting=setting, commit=False,
            total=await self._unsettled(visit_id, batch), batch=batch, use_account=b % 2 == 0,
            interim=interim, invoice=f"F{c}",
        )  # fmt: skip
        quoted = await self.ask(hospital, order, "2303")
        done = await self.ask(hospital, msgspec.structs.replace(order, commit=True), "2304")
        if done is not None:
            assert quoted is not None, "what is settled can be quoted"
            self._compare(quoted.settlement, done.settlement)

    async def _interim(self, a: int, b: int, c: int) -> None:
        await self._settle(a, b, c, interim=True)

    async def _wrong_total(self, a: int, b: int, _c: int) -> None:
        if (visit := self._visit(a)) is None:
            return
        wrong = await self._unsettled(visit[0], None) + (1, -1, 100)[b % 3]
        order = orders.Settle(
            person_id=self.person_id, visit_id=visit[0], setting=visit[1], commit=True, total=wrong
        )
        assert await self.ask(visit[2], order, "2304") is None, "a wrong total is never settled"

    async def _sell(self, a: int, b: int, c: int) -> None:
        hospital = self.town.hospitals[-1 - a % 2]
        made = tuple(self._line(a + at + c, b + at) for at in range(1 + c % 3))
        order = orders.Sell(
            person_id=self.person_id, total=sum(one.total for one in made), begun_at=NOW,
            lines=made, commit=False, use_account=b % 2 == 0,
        )  # fmt: skip
        quoted = await self.ask(hospital, order, "2101")
        done = await self.ask(hospital, msgspec.structs.replace(order, commit=True), "2102")
        assert (quoted is None) == (done is None)
        if done is not None and quoted is not None:
            self._compare(quoted.settlement, done.settlement)

    def _compare(self, quoted: Settlement, done: Settlement) -> None:
        names = {*AMOUNTS, "added", "inputs", "balance_after"}
        if not self.alone:
            names -= {"family_account", "cash", "inputs"}
        for name in names:
            assert getattr(quoted, name) == getattr(done, name), name

    async def _reverse(self, a: int, _b: int, _c: int) -> None:
        if not self.settled:
            return
        one, hospital = self.settled[-1 - a % len(self.settled)]
        order = orders.Reverse(
            person_id=self.person_id, settlement_id=one.settlement_id, visit_id=one.visit_id
        )
        done = await self.ask(hospital, order, "2305")
        if done is not None:
            back = done.settlement
            assert [getattr(back, name) for name in AMOUNTS] == [
                -getattr(one, name) for name in AMOUNTS
            ]

    # ---- messages ----

    async def _undo(self, a: int, b: int, _c: int) -> None:
        """Take back an earlier message, or one that never came and then comes all the same."""
        if b % 4 == 0 or not self.sent:
            hospital = self.town.hospitals[a % len(self.town.hospitals)]
            never = hospital.message_id()
            order = orders.Undo(person_id=self.person_id, message_id=never, transaction_code="2201")
            done = await self.ask(hospital, order, "2601")
            assert not done.found
            late = orders.Register(person_id=self.person_id, number="late", begun_at=NOW)
            _, answer = await self._send(hospital, late, never, "2201")
            assert answer.startswith(b'"MessageUndone')
            return
        one = self.sent[-1 - a % min(8, len(self.sent))]
        order = orders.Undo(
            person_id=self.person_id, message_id=one.message_id, transaction_code=one.code
        )
        done = await self.ask(one.hospital, order, "2601")
        if done is not None and done.found:
            self.undone.add(one.message_id)

    async def _again(self, a: int, _b: int, _c: int) -> None:
        """The same message gets the first answer, or hears that it was taken back."""
        if self.sent:
            one = self.sent[-1 - a % len(self.sent)]
            _, answer = await self._send(one.hospital, one.order, one.message_id, one.code)
            if one.message_id in self.undone:
                assert answer.startswith(b'"MessageUndone')
            else:
                assert answer == one.answer

    async def _reused(self, a: int, _b: int, _c: int) -> None:
        """The id of a message with other content is refused."""
        if self.sent:
            one = self.sent[-1 - a % len(self.sent)]
            other = orders.Register(person_id=self.person_id, number="other", begun_at=NOW)
            _, answer = await self._send(one.hospital, other, one.message_id, "2201")
            undone = one.message_id in self.undone
            assert answer.startswith(b'"MessageUndone' if undone else b'"MessageReused')


def _product(quantity: str, price: str) -> int:
    return int((Decimal(quantity) * Decimal(price) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def check_sums(one: Settlement) -> None:
    """The four sums of the interface, and no part with another sign than the whole."""
    assert one.total == one.self_paid + one.over_limit + one.first_pay + one.in_scope
    funds = one.pooled + one.large_amount + one.serious_illness + one.civil_servant + one.assistance
    assert one.funds == funds
    assert one.person == one.medical_account + one.family_account + one.cash
    assert one.total == one.funds + one.person
    sign = 1 if one.reverses is None else -1
    parts = (
        one.total, one.self_paid, one.over_limit, one.first_pay, one.in_scope, one.deductible,
        one.pooled, one.large_amount, one.serious_illness, one.civil_servant, one.assistance,
        one.medical_account, one.family_account, one.cash,
    )  # fmt: skip
    assert all(part * sign >= 0 for part in parts), one


async def shared_names(platform: Platform) -> Any:
    """The ids of the shared accounts that opening balances come from."""
    return await population.shared_accounts(platform)


async def stored(platform: Platform, person_id: int) -> list[Settlement]:
    """Everything settled for a person, as it is stored."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.settlements_of_person(connection, person_id, 1000)
