"""One chunk of people: believable, deterministic by seed and chunk, independent of all others."""

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, Final

from yikatong.benefits.unemployment.model import Reason
from yikatong.cards.counters import making
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.sealing import Vault
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.population import shares
from yikatong.population.origins import origins
from yikatong.population.rows import Rows, SharedName, id_number

CHUNK: Final = 10_000
"""People of one chunk; each chunk is one transaction."""
CHUNKS_MAX: Final = 490
"""Each chunk has an order number of the id number to itself, so that none is ever made twice."""
FIRST_ID: Final = 1_000_001

_OFF_FILE: Final = 0.03
"""This share lives where no policy is on file, on purpose."""
_LOST: Final[tuple[Reason, ...]] = (
    "dismissed", "not_renewed", "insolvent", "agreed_by_employer"
)  # fmt: skip
"""Why those who draw unemployment benefit are out of work."""
_IN_GROUPS: Final = 0.04
"""This share of the insured belongs to a special group (人员身份)."""


@cache
def _places() -> tuple[list[str], list[float], list[str]]:
    """Pooling regions with a policy and their cumulated weights, and those without one."""
    known = policies.load().regions()
    per_province: dict[str, int] = {}
    for code in known:
        per_province[code[:2]] = per_province.get(code[:2], 0) + 1
    weights = [shares.PROVINCES[code[:2]] / per_province[code[:2]] for code in known]
    unknown = [one.code for one in regions.pooling_regions() if one.code not in set(known)]
    return known, list(accumulate(weights)), unknown


@cache
def _counties(pooling: str) -> Sequence[str]:
    inside = [one.code for one in regions.pooled_in(pooling)]
    return [code for code in inside if not code.endswith("00")] or inside


_AGES: Final = [(low, high) for low, high, _ in shares.AGE_GROUPS]
_AGE_WEIGHTS: Final = list(accumulate(share for _, _, share in shares.AGE_GROUPS))
_SURNAME_WEIGHTS: Final = list(accumulate(1 / (rank + 6) for rank in range(len(shares.SURNAMES))))


@cache
def year_start(region: str, insurance: str, as_of: date) -> date:
    """The first day of the policy year; of the calendar year where no policy is on file."""
    try:
        return policies.load().find(region, insurance, as_of).year_start(as_of)
    except NoPolicyOnFile:
        return date(as_of.year, 1, 1)


def make(
    vault: Vault,
    shared: Mapping[SharedName, int],
    seed: int,
    number: int,
    first_id: int,
    last_id: int,
    now: datetime,
    pin: str | None = None,
) -> Rows:
    """The rows of the people first_id … last_id, all of chunk `number`."""
    rows = Rows(vault, now, shared, number + 1, pin)
    # Chance for believable people, not for secrets.
    maker = _Maker(rows, random.Random(f"{seed}/{number}"), number, now.date())  # noqa: S311
    for person_id in range(first_id, last_id + 1):
        maker.person(person_id)
    return rows.finish()


class _Maker:
    """Draws people one after the other."""

    def __init__(self, rows: Rows, chance: random.Random, number: int, today: date) -> None:
        self.rows = rows
        self.number = number
        self.today = today
        self.random = chance.random
        self.chance = chance
        self.taken: set[tuple[str, date, int]] = set()
        self.single: dict[int, tuple[int, int, int]] = {}
        """Waiting for a family: by region, (person, sex, age)."""

    def _below(self, limit: int) -> int:
        return int(self.random() * limit)

    def _days_ago(self, low: int, high: int) -> date:
        return self.today - timedelta(days=low + self._below(high - low))

    def person(self, person_id: int) -> None:
        draw = self.random
        known, weights, unknown = _places()
        if draw() < _OFF_FILE:
            home = unknown[self._below(len(unknown))]
        else:
            home = known[bisect(weights, draw() * weights[-1], hi=len(weights) - 1)]
        low, high = _AGES[bisect(_AGE_WEIGHTS, draw() * _AGE_WEIGHTS[-1], hi=len(_AGES) - 1)]
        age = low + self._below(high - low + 1)
        sex = 1 if draw() < 0.512 else 2
        counties = _counties(home)
        county = counties[self._below(len(counties))]
        origin, birth, sequence = self._birth(home, age, sex)
        name = self._name(sex)
        # Migrants stay insured at home and live elsewhere; most of them are of working age.
        away = draw() < (0.16 if 18 <= age < 60 else 0.05 if age >= 60 else 0.03)
        residence = county
        if away:
            magnet = shares.MAGNETS[self._below(len(shares.MAGNETS))]
            if magnet != home:
                there = _counties(magnet)
                residence = there[self._below(len(there))]
            else:
                away = False
        died = draw() < (0.004 if age < 70 else 0.03)
        died_on = self._days_ago(1, 700) if died else None
        confirmed = self._days_ago(0, 900) if draw() < 0.9 else None
        self.rows.person(
            person_id,
            id_number(origin, birth, sequence),
            name,
            sex,
            birth,
            residence,
            self._phone() if age >= 12 else None,
            self._address(residence),
            confirmed,
            matched=draw() >= 0.004,
            guardianship=age < 8 or draw() < 0.003,
            died_on=died_on,
        )
        insurance = self._insure(person_id, age, sex, birth, home)
        self._cards(person_id, age, name, home)
        if away and insurance:
            self._filings(person_id, insurance, home, residence, age)
        if age >= 45 and draw() < 0.15:
            since = self._days_ago(30, 3000)
            self.rows.add(
                "chronic_registrations", person_id, shares.DISEASES[self._below(5)], since, None
            )
        if insurance and draw() < 0.3:
            self._accumulate(person_id, insurance, home)
        if insurance and draw() < _IN_GROUPS:
            groups = shares.GROUPS[insurance]
            since = self._days_ago(30, 2000)
            self.rows.add(
                "special_groups", person_id, groups[self._below(len(groups))], since, None
            )
        self._family(person_id, sex, age, residence)

    def _birth(self, home: str, age: int, sex: int) -> tuple[str, date, int]:
        """A place, birth date and order number that nobody has yet together."""
        sequence = (self.number % CHUNKS_MAX) * 2 + (1 if sex == 1 else 0)
        while True:
            birth = self.today - timedelta(days=age * 365 + age // 4 + 1 + self._below(360))
            codes = origins(home, birth.year)
            key = (codes[self._below(len(codes))], birth, sequence)
            if key not in self.taken:
                self.taken.add(key)
                return key

    def _name(self, sex: int) -> str:
        family = shares.SURNAMES[
            bisect(
                _SURNAME_WEIGHTS, self.random() * _SURNAME_WEIGHTS[-1], hi=len(shares.SURNAMES) - 1
            )
        ]
        given = shares.GIVEN_MALE if sex == 1 else shares.GIVEN_FEMALE
        first = given[self._below(len(given))]
        return family + first + (given[self._below(len(given))] if self.random() < 0.72 else "")

    def _phone(self) -> str:
        prefix = shares.PHONE_PREFIXES[self._below(len(shares.PHONE_PREFIXES))]
        return f"{prefix}{self._below(100_000_000):08d}"

    def _address(self, region: str) -> str:
        road = shares.ROADS[self._below(len(shares.ROADS))]
        return f"{_full_name(region)}{road}{1 + self._below(300)}号"

    def _insure(self, person_id: int, age: int, sex: int, birth: date, home: str) -> str | None:
        draw = self.random()
        if draw < 0.03:
            return None
        add = self.rows.enrolment
        if age < 18:
            started = max(birth, self._days_ago(60, 3000))
            add(person_id, "390", started, home, "minor", **self._trouble())
            return "390"
        retires = 60 if sex == 1 else 55
        worked = draw < (0.62 if age < retires else 0.45)
        since = self._days_ago(200, 365 * max(2, min(30, age - 17)))
        months = (self.today - since).days // 31
        if age >= retires:
            confirmed = self.random() >= 0.02
            insurance = "310" if worked else "390"
            add(
                person_id, insurance, since, home, "retired" if worked else "elderly",
                confirmed=confirmed or not worked, months=max(180, months) if worked else months,
                **self._trouble(),
            )  # fmt: skip
            pension = "110" if worked else "150"
            add(person_id, pension, since, home, "retired" if worked else "elderly", months=months)
            self._pension(person_id, home, age - retires, months, employee=worked)
            return insurance
        if not worked:
            student = age < 23 and self.random() < 0.6
            category = "student" if student else "adult"
            add(person_id, "390", since, home, category, months=months, **self._trouble())
            if not student:
                add(person_id, "150", since, home, "adult", months=months)
            return "390"
        category = "flexible" if self.random() < 0.18 else "active"
        add(person_id, "310", since, home, category, months=months, **self._trouble())
        add(person_id, "110", since, home, category, months=months)
        if category == "active":
            add(person_id, "210", since, home, category, months=months)
        if self.random() < 0.012:
            reason = _LOST[self._below(len(_LOST))]
            started = self._days_ago(10, 200)
            if category == "active":
                known_sex = 1 if sex == 1 else 2
                self.rows.unemployed(person_id, home, reason, started, months, birth, known_sex)
        return "310"

    def _trouble(self) -> dict[str, Any]:
        draw = self.random()
        if draw > 0.05:
            return {}
        if draw < 0.01:
            return {"status": "suspended", "suspended_on": self._days_ago(5, 150)}
        if draw < 0.025:
            return {"arrears_since": self._days_ago(5, 200)}
        if draw < 0.035:
            return {"benefits_from": self.today + timedelta(days=1 + self._below(90))}
        if draw < 0.04:
            return {"status": "in_transfer"}
        return {"status": "ended", "ends_on": self._days_ago(1, 150)}

    def _pension(
        self, person_id: int, home: str, years: int, months: int, *, employee: bool
    ) -> None:
        draw = self.random()
        if draw < 0.04:
            return
        monthly = (180_000 + self._below(420_000)) if employee else (12_000 + self._below(25_000))
        due = self.today + timedelta(days=self._below(365) - 20)
        status, reason = "drawing", None
        if due < self.today:
            status, reason = "held", "proof_of_life"
        elif draw > 0.99:
            status, reason = "held", "returned_payment"
        started = self._days_ago(30, 60 + 365 * max(1, years))
        self.rows.benefit(
            person_id, "pension", "110" if employee else "150", home, status, started, None, monthly,
            proof_due_on=due, held_reason=reason, months_paid=months,
        )  # fmt: skip

    def _cards(self, person_id: int, age: int, name: str, home: str) -> None:
        draw = self.random()
        if draw < 0.05 or age < 1:
            if draw < 0.02:
                self._application(person_id, home, "first")
            return
        issued = self._days_ago(20, min(3600, 365 * max(1, age)))
        generation = 3 if issued.year >= 2018 else 2 if draw < 0.97 else 1
        bank = shares.BANKS[self._below(len(shares.BANKS))]
        facts: dict[str, Any] = {"generation": generation, "bank": bank}
        ordinal = 0
        if self.random() < 0.06 and age >= 16:
            old = self._days_ago(3700, 4800)
            self.rows.card(
                person_id, 0, home, name, old, state="replaced", generation=2, social="frozen",
                bank_app="frozen", bank=bank, account=False, replaced_by=person_id * 10 + 1,
            )  # fmt: skip
            ordinal = 1
        draw = self.random()
        if draw < 0.03:
            facts |= {"state": "issued", "social": "inactive", "bank_app": "inactive"}
        elif draw < 0.11:
            facts |= {"bank_app": "inactive"}
        elif draw < 0.12:
            facts |= {"state": "locked"}
        elif draw < 0.124:
            until = self.rows.now + timedelta(days=1 + self._below(14))
            facts |= {"state": "loss_reported_provisionally", "provisional_until": until}
            facts |= {"social": "frozen", "bank_app": "frozen"}
        elif draw < 0.13:
            facts |= {"state": "loss_reported", "social": "frozen", "bank_app": "frozen"}
            if draw < 0.127:
                self._application(person_id, home, "replace")
        elif draw < 0.14:
            issued = self._days_ago(3700, 4500)
            facts |= {"state": "expired", "generation": 2}
        elif draw < 0.145:
            facts |= {"state": "cancelled", "social": "frozen", "bank_app": "frozen"}
        elif draw < 0.15:
            facts |= {"account": False}
        on_card = name if self.random() >= 0.004 else name[0] + "　" + name[1:]
        self.rows.card(person_id, ordinal, home, on_card, issued, **facts)

    def _application(self, person_id: int, home: str, kind: str) -> None:
        state = ("applied", "in_production", "ready")[self._below(3)]
        applied = self._days_ago(2, 40)
        self.rows.add(
            "card_applications", person_id, person_id * 10, kind, state, home, applied,
            applied + timedelta(days=30), making.centre(home).code, None, home,
            datetime.combine(applied, time(9), SHANGHAI),
        )  # fmt: skip

    def _filings(self, person_id: int, insurance: str, home: str, residence: str, age: int) -> None:
        draw = self.random()
        region = regions.find(residence)
        destination = region.pooled_in if region else residence
        subkind = "long_term_resident"
        if insurance == "310" and age >= 60:
            subkind = "retired_settler"
        elif insurance == "310" and age < 55 and draw < 0.2:
            subkind = "posted_worker"
        if draw < 0.5:
            self.rows.filing(
                person_id, "long_term", insurance, home, destination, self._days_ago(10, 1500),
                subkind=subkind,
            )  # fmt: skip
        elif draw < 0.62:
            starts = self._days_ago(0, 300)
            self.rows.filing(
                person_id, "temporary", insurance, home, destination, starts,
                starts + timedelta(days=180),
            )  # fmt: skip
        elif draw < 0.66:
            starts = self._days_ago(0, 200)
            self.rows.filing(
                person_id, "transfer", insurance, home, destination, starts,
                starts + timedelta(days=365), channel="provider",
            )  # fmt: skip
        elif draw < 0.69:
            starts, ended = self._days_ago(300, 900), self._days_ago(1, 250)
            self.rows.filing(
                person_id, "long_term", insurance, home, destination, starts,
                ended_by="return", ended_on=ended, subkind=subkind,
            )  # fmt: skip

    def _accumulate(self, person_id: int, insurance: str, home: str) -> None:
        admissions = 0 if self.random() < 0.8 else 1 + self._below(2)
        outpatient = self._below(300_000)
        pooled = admissions * self._below(2_500_000)
        self.rows.year(
            person_id,
            insurance,
            year_start(home, insurance, self.today),
            admissions=admissions,
            outpatient_deductible=min(outpatient, 60_000),
            outpatient_pooled=outpatient // 3,
            pooled=pooled,
            borne_in_scope=outpatient // 2 + pooled // 4,
            outpatient_in_scope=outpatient,
            inpatient_in_scope=pooled + pooled // 4,
        )

    def _family(self, person_id: int, sex: int, age: int, residence: str) -> None:
        """Marry neighbours of like age, and give children a parent, inside the chunk."""
        place = int(residence)
        waiting = self.single.get(place)
        since = self.today - timedelta(days=365)
        if waiting is None:
            self.single[place] = (person_id, sex, age)
            return
        other, other_sex, other_age = waiting
        relate = self.rows.add
        if age >= 22 and other_age >= 22 and sex != other_sex and abs(age - other_age) <= 8:
            relate("relations", person_id, other, "spouse", since, None)
            relate("relations", other, person_id, "spouse", since, None)
            del self.single[place]
        elif abs(age - other_age) >= 20 and min(age, other_age) < 30:
            child, parent = (person_id, other) if age < other_age else (other, person_id)
            relate("relations", child, parent, "child", since, None)
            relate("relations", parent, child, "parent", since, None)
            if min(age, other_age) < 18:
                relate("relations", parent, child, "guardian_of", since, None)
                relate("relations", child, parent, "ward_of", since, None)
            del self.single[place]
        else:
            self.single[place] = (person_id, sex, age)


@cache
def _full_name(region: str) -> str:
    return regions.full_name(region)
