"""Rows of one chunk of people, table by table, and how they are copied in."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from yikatong.benefits.unemployment import service as unemployment
from yikatong.benefits.unemployment.model import Claim, Question, Reason
from yikatong.benefits.unemployment.terms import NoStandardOnFile
from yikatong.cards.pins import service as pins
from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.months import add_months, last_day, month_of
from yikatong.core.sealing import Vault
from yikatong.identity.ecards.codes import listed_card
from yikatong.money.bank import banks
from yikatong.money.ledger.model import CURRENCY, NOBODY
from yikatong.policies.model import YearToDate
from yikatong.population.sandbox_pin import wrong_in_row
from yikatong.trust import verifiers

SharedName = tuple[str, str, str]
"""Kind, owner and purpose of a shared account."""

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "persons": (
        "person_id", "id_number_sealed", "name", "sex", "birth_date", "residence_region",
        "phone_sealed", "address_sealed", "contact_confirmed_on", "identity_matched",
        "under_guardianship", "died_on", "synthetic", "created_at",
    ),
    "person_id_numbers": ("id_number_hash", "person_id"),
    "person_phones": ("phone_hash", "person_id"),
    "relations": ("person_id", "other_person_id", "kind", "since", "until"),
    "enrolments": (
        "person_id", "insurance", "starts_on", "region", "category", "status", "ends_on",
        "suspended_on", "arrears_since", "benefits_from", "retirement_confirmed", "months_paid",
    ),
    "cards": (
        "person_id", "card_id", "card_number", "card_identifier", "generation", "region", "state",
        "social_security_app", "bank_app", "name_on_card", "issued_on", "valid_until",
        "provisional_until", "bank", "account_id", "replaced_by",
    ),
    "card_numbers": ("card_number", "person_id", "card_id"),
    "card_revocations": ("listed_hash", "card_id", "listed_at", "valid_until"),
    "card_pins": ("person_id", "card_id", "verifier", "wrong_in_row", "set_at"),
    "card_applications": (
        "person_id", "application_id", "kind", "state", "region", "applied_on", "expected_on",
        "pickup_place", "reason", "accepted_in", "state_since",
    ),
    "filings": (
        "person_id", "filing_id", "kind", "insurance", "region", "destination", "starts_on",
        "ends_on", "ended_by", "ended_on", "channel", "filed_at", "subkind",
    ),
    "chronic_registrations": ("person_id", "disease", "starts_on", "ends_on"),
    "selected_providers": ("person_id", "provider_code", "since"),
    "special_groups": ("person_id", "group_name", "starts_on", "ends_on"),
    "accumulators": ("person_id", "insurance", "year_starts_on", *YearToDate.__struct_fields__),
    "accumulators_carried_over": (
        "person_id", "insurance", "year_starts_on", "amounts", "source",
    ),
    "medical_family": ("person_id", "member_id", "yearly_limit", "since"),
    "medical_family_payers": ("person_id", "owner_id"),
    "benefit_entitlements": (
        "person_id", "benefit", "region", "status", "starts_on", "ends_on", "monthly",
        "proof_due_on", "held_reason", "insurance", "months_paid", "held_on", "settled_month",
    ),
    "unemployment_claims": Claim.__struct_fields__,
    "job_seeker_months": ("person_id", "month", "confirmed_at", "channel"),
    "money_accounts": (
        "person_id", "account_id", "kind", "class", "bank", "region", "number_sealed",
        "number_tail", "frozen", "balance", "last_transaction_id", "opened_at",
    ),
    "account_numbers": ("number_hash", "person_id", "account_id"),
    "ledger_transactions": (
        "person_id", "transaction_id", "key", "content_hash", "kind", "at", "actor_kind", "actor",
        "currency", "persons", "accounts", "amounts", "balances", "detail",
    ),
    "ledger_postings": (
        "person_id", "account_id", "transaction_id", "about_person_id", "amount", "balance_after",
    ),
    "audit_events": (
        "person_id",
        "event_id",
        "at",
        "actor_kind",
        "actor",
        "purpose",
        "action",
        "detail",
    ),
    "demo_persons": (
        "situation", "position", "person_id", "title_zh", "title_en", "try_region",
        "try_service", "expects",
    ),
}  # fmt: skip

_MAKER: Final = ("system", "people make", "synthetic population")
_AMOUNTS: Final = YearToDate.__struct_fields__

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = "10X98765432"


def id_number(county: str, birth: date, sequence: int) -> str:
    """A valid 18-digit id number (GB 11643; check digit ISO 7064 MOD 11-2)."""
    body = f"{county}{birth:%Y%m%d}{sequence:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + _CHECK[total % 11]


class Rows:
    """Rows by table; one transaction copies them all."""

    def __init__(
        self,
        vault: Vault,
        now: datetime,
        shared: Mapping[SharedName, int],
        number: int,
        pin: str | None = None,
    ) -> None:
        """`shared` holds the ids of the banks' and funds' accounts that opening balances come from,
        `number` is the chunk's own, `pin` what all cards in use get as their PIN."""
        self.tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
        self._vault = vault
        self.now = now
        self._shared = shared
        self._number = number
        self._pin = None if pin is None else verifiers.shared(vault, pins.PURPOSE, pin)
        self._opening_id = ids.first_of(now) + number
        self._openings: list[tuple[int, int, int]] = []
        self._against: dict[int, int] = {}
        self._with_account: set[int] = set()

    def person(
        self,
        person_id: int,
        number: str,
        name: str,
        sex: int,
        birth: date,
        residence: str,
        phone: str | None,
        address: str | None,
        confirmed_on: date | None,
        *,
        matched: bool = True,
        guardianship: bool = False,
        died_on: date | None = None,
    ) -> None:
        """A person and the directory entries of id number and phone."""
        seal = self._vault.seal
        self.tables["persons"].append(
            (
                person_id,
                seal("id_number", person_id, number),
                name,
                sex,
                birth,
                residence,
                None if phone is None else seal("phone", person_id, phone),
                None if address is None else seal("address", person_id, address),
                confirmed_on,
                matched,
                guardianship,
                died_on,
                True,
                self.now,
            )
        )
        self.tables["person_id_numbers"].append((self._vault.hash("id_number", number), person_id))
        if phone is not None:
            self.tables["person_phones"].append((self._vault.hash("phone", phone), person_id))
        self.tables["audit_events"].append(
            (person_id, new_id(self.now), self.now, *_MAKER, "person.made", "{}")
        )

    def benefit(
        self,
        person_id: int,
        benefit: str,
        insurance: str,
        region: str,
        status: str,
        starts_on: date,
        ends_on: date | None,
        monthly: int,
        *,
        proof_due_on: date | None = None,
        held_reason: str | None = None,
        months_paid: int | None = None,
    ) -> None:
        """An entitlement, paid through the month before the one it was made or held in."""
        today, held_on = self.now.date(), None
        if status == "held":
            overdue = proof_due_on is not None and proof_due_on < today
            held_on = proof_due_on + timedelta(days=1) if proof_due_on and overdue else today
        paid = min(held_on or today, ends_on or today).replace(day=1) - timedelta(days=1)
        settled = paid.replace(day=1) if paid >= starts_on else None
        self.add(
            "benefit_entitlements", person_id, benefit, region, status, starts_on, ends_on, monthly,
            proof_due_on, held_reason, insurance, months_paid, held_on, settled,
        )  # fmt: skip

    def unemployed(
        self,
        person_id: int,
        region: str,
        reason: Reason,
        since: date,
        months_paid: int,
        birth: date | None = None,
        sex: Literal[1, 2] | None = None,
    ) -> None:
        """A claim for unemployment benefit by the rules, still drawn and confirmed; nothing where they
        give none by now, or where no standard of the region is on file."""
        today = self.now.date()
        asked = Question(
            region=region, months_paid=months_paid, reason=reason, registered=True, birth=birth,
            sex=sex, on=since,
        )  # fmt: skip
        try:
            found = unemployment.estimate(asked)
            monthly = unemployment.estimate(msgspec.structs.replace(asked, on=today)).monthly
        except NoStandardOnFile:
            return
        if not found.entitled or found.last_month is None or last_day(found.last_month) < today:
            return
        claim = Claim(
            person_id=person_id, claim_id=person_id * 10, key="sandbox", content_hash=b"",
            insured_region=found.region, region=found.region, left_on=since - timedelta(days=9),
            reason=reason, registered_on=since, months_paid=months_paid, months_carried=0,
            months_granted=found.months, starts_on=since, ends_on=last_day(found.last_month),
            state="drawing", ended_on=None, ended_by=None, months_left=0, overpaid=0, post="worker",
            made_at=self.now,
        )  # fmt: skip
        self.benefit(
            person_id, "unemployment", "210", claim.region, "drawing", since, claim.ends_on, monthly,
            months_paid=months_paid,
        )  # fmt: skip
        self.add("unemployment_claims", *msgspec.structs.astuple(claim))
        for month in (add_months(today, -1), month_of(today)):
            if month >= month_of(since):
                self.add("job_seeker_months", person_id, month, self.now, "online")

    def enrolment(
        self,
        person_id: int,
        insurance: str,
        starts_on: date,
        region: str,
        category: str,
        *,
        status: str = "insured",
        ends_on: date | None = None,
        suspended_on: date | None = None,
        arrears_since: date | None = None,
        benefits_from: date | None = None,
        confirmed: bool = True,
        months: int = 12,
        balance: int | None = None,
    ) -> None:
        """An enrolment; benefits begin with it unless a waiting period runs. `balance` is what the
        medical account of an employee or retiree opens with; None: a sum drawn by the person_id."""
        begins = benefits_from or starts_on
        self.tables["enrolments"].append(
            (
                person_id, insurance, starts_on, region, category, status, ends_on, suspended_on,
                arrears_since, begins, confirmed, months,
            )
        )  # fmt: skip
        if insurance == "310" and category != "flexible" and status != "ended":
            drawn = person_id * 48_271 % 1_200_000
            self._medical_account(person_id, region, drawn if balance is None else balance)

    def year(self, person_id: int, insurance: str, starts_on: date, **amounts: int) -> None:
        """What the policy year has added up to so far, all of it carried over: no settlement here
        tells of it."""
        self.tables["accumulators"].append(
            (person_id, insurance, starts_on, *(amounts.get(name, 0) for name in _AMOUNTS))
        )
        carried = ", ".join(f'"{name}": {amount}' for name, amount in amounts.items() if amount)
        self.tables["accumulators_carried_over"].append(
            (person_id, insurance, starts_on, f"{{{carried}}}", "synthetic population")
        )

    def family(self, owner_id: int, member_id: int, yearly_limit: int, since: date) -> None:
        """A consent: the owner's medical account pays for a relative (家庭共济)."""
        self.tables["medical_family"].append((owner_id, member_id, yearly_limit, since))
        self.tables["medical_family_payers"].append((member_id, owner_id))

    def card(
        self,
        person_id: int,
        ordinal: int,
        region: str,
        name: str,
        issued_on: date,
        *,
        state: str = "active",
        generation: int = 3,
        social: str = "active",
        bank_app: str = "active",
        valid_until: date | None = None,
        provisional_until: datetime | None = None,
        bank: str = "ICBC",
        account: bool = True,
        frozen_by: str | None = None,
        replaced_by: int | None = None,
    ) -> int:
        """A card and the directory entry of its number; answers the card_id."""
        card_id = person_id * 10 + ordinal
        number = card_number(person_id, ordinal)
        until = valid_until or date(issued_on.year + 10, issued_on.month, min(issued_on.day, 28))
        account_id = None
        if account:
            account_id = person_id * 10
            frozen = ["loss_report"] if state.startswith("loss_reported") else []
            if frozen_by:
                frozen.append(frozen_by)
            self._bank_account(person_id, account_id, bank, frozen)
        self.tables["cards"].append(
            (
                person_id, card_id, number, f"{region}{generation:02d}{card_id:024d}", generation,
                region, state, social, bank_app, name, issued_on, until, provisional_until, bank,
                account_id, replaced_by,
            )
        )  # fmt: skip
        self.tables["card_numbers"].append((number, person_id, card_id))
        if state.startswith("loss_reported") or state in ("replaced", "cancelled"):
            listed = listed_card(f"{region}{generation:02d}{card_id:024d}")
            self.tables["card_revocations"].append((listed, card_id, self.now, until))
        if self._pin is not None and social != "inactive":
            verifier = self._pin(pins.subject_of(card_id))
            self.tables["card_pins"].append(
                (person_id, card_id, verifier, wrong_in_row(state), self.now)
            )
        return card_id

    def _bank_account(self, person_id: int, account_id: int, bank: str, frozen: list[str]) -> None:
        """The person's class I account; a later card of the person keeps it."""
        if person_id in self._with_account:
            return
        self._with_account.add(person_id)
        # Multiplied by a number prime to 10: scattered, and no two persons share one.
        body = f"{banks.bank(bank).prefix}{person_id * 736_455_190_357 % 10**12:012d}"
        number = banks.with_check_digit(body)
        amount = person_id * 7919 % 8_000_000
        self.tables["money_accounts"].append(
            (
                person_id, account_id, "bank", 1, bank, None,
                self._vault.seal("account", person_id, number), number[-4:], frozen, amount,
                self._opening_id, self.now,
            )
        )  # fmt: skip
        self.tables["account_numbers"].append(
            (self._vault.hash("account", number), person_id, account_id)
        )
        self._open(person_id, account_id, amount, self._shared["bank", bank, "cash"])

    def _medical_account(self, person_id: int, region: str, amount: int) -> None:
        """The medical account of an insured employee or retiree."""
        account_id = person_id * 10 + 1
        self.tables["money_accounts"].append(
            (
                person_id, account_id, "medical", None, None, region, None, None, [], amount,
                self._opening_id, self.now,
            )
        )  # fmt: skip
        self._open(person_id, account_id, amount, self._shared["fund", region, "medical_accounts"])

    def _open(self, person_id: int, account_id: int, amount: int, against: int) -> None:
        if amount:
            self._openings.append((person_id, account_id, amount))
            self._against[against] = self._against.get(against, 0) - amount

    def finish(self) -> "Rows":
        """Bring in the opening balances: one balanced transaction of the whole chunk."""
        entries = [(*one, one[2]) for one in self._openings]
        shared = [(NOBODY, account, amount, None) for account, amount in self._against.items()]
        whole: list[tuple[int, int, int, int | None]] = [*entries, *shared]
        assert sum(entry[2] for entry in whole) == 0
        if not whole:
            return self
        self.tables["ledger_postings"].extend(
            (person_id, account_id, self._opening_id, NOBODY, amount, balance)
            for person_id, account_id, amount, balance in whole
        )
        key = f"opening:{self._number}"
        self.tables["ledger_transactions"].append(
            (
                NOBODY, self._opening_id, key, key.encode(), "opening", ids.time_of(self._opening_id),
                *_MAKER[:2], CURRENCY, *(list(column) for column in zip(*whole, strict=True)), "{}",
            )
        )  # fmt: skip
        return self

    def filing(
        self,
        person_id: int,
        kind: str,
        insurance: str,
        region: str,
        destination: str,
        starts_on: date,
        ends_on: date | None = None,
        *,
        ended_by: str | None = None,
        ended_on: date | None = None,
        channel: str = "online",
        subkind: str | None = None,
    ) -> None:
        """A filing for care elsewhere; `subkind` of a long-term one."""
        self.tables["filings"].append(
            (
                person_id, person_id * 10, kind, insurance, region, destination, starts_on, ends_on,
                ended_by, ended_on, channel, self.now, subkind,
            )
        )  # fmt: skip

    def add(self, table: str, *values: Any) -> None:
        """A row of a table without a rule of its own, in the order of its columns."""
        assert len(values) == len(COLUMNS[table]), table
        self.tables[table].append(values)


_LETTERS: Final = "ABCDEFGHJK"


def card_number(person_id: int, ordinal: int) -> str:
    """Nine characters, unique by person and card: a letter per card, eight scattered digits."""
    return f"{_LETTERS[ordinal]}{person_id * 48271 % 99_999_989:08d}"


async def copy(connection: Connection, rows: Rows) -> int:
    """COPY all tables in; answers how many rows went in."""
    copied = 0
    for table, records in rows.tables.items():
        if records:
            await connection.copy_records_to_table(table, records=records, columns=COLUMNS[table])
            copied += len(records)
    return copied
