"""Types of the room: person, relation, enrolment (参保)."""

from datetime import date
from typing import Literal

import msgspec

Insurance = Literal["310", "390", "110", "150", "210"]
"""险种: 310 employees' medical, 390 residents' medical, 110 employees' pension, 150 residents'
pension, 210 unemployment (codes of the national medical platform and of the Ministry, LD/T)."""

INSURANCE_NAMES: dict[str, tuple[str, str]] = {
    "310": ("职工基本医疗保险", "employees' basic medical insurance"),
    "390": ("城乡居民基本医疗保险", "residents' basic medical insurance"),
    "110": ("职工基本养老保险", "employees' pension insurance"),
    "150": ("城乡居民基本养老保险", "residents' pension insurance"),
    "210": ("失业保险", "unemployment insurance"),
}
MEDICAL: tuple[Insurance, ...] = ("310", "390")

Category = Literal["active", "flexible", "retired", "minor", "student", "adult", "elderly"]
"""人员类别: how the person is insured."""

EnrolmentStatus = Literal["insured", "suspended", "in_transfer", "ended"]
"""参保状态."""


class Person(msgspec.Struct, frozen=True):
    """A person (参保人) without the sealed fields; those open one by one, each for a reason."""

    person_id: int
    name: str
    sex: Literal[1, 2]
    """GB/T 2261.1: 1 male, 2 female."""
    birth_date: date
    residence_region: str
    contact_confirmed_on: date | None
    """When the person last said that phone and address are right."""
    identity_matched: bool
    """Whether name and id number agree with the register of residents."""
    under_guardianship: bool
    died_on: date | None
    synthetic: bool
    version: int
    ethnic_group: str = "01"
    """民族, GB/T 3304: 01 汉族."""

    def age_on(self, day: date) -> int:
        """Full years of age."""
        had_birthday = (day.month, day.day) >= (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - (0 if had_birthday else 1)


class Contact(msgspec.Struct, frozen=True):
    """The opened contact data of one person."""

    id_number: str
    phone: str | None
    address: str | None


class Relation(msgspec.Struct, frozen=True):
    """One end of a relation: `person_id` is `kind` (guardian of, spouse …) of the other."""

    person_id: int
    other_person_id: int
    kind: Literal["guardian_of", "ward_of", "spouse", "parent", "child"]
    since: date
    until: date | None


class Enrolment(msgspec.Struct, frozen=True):
    """An enrolment (参保) of a person in one insurance of one pooling region."""

    insurance: Insurance
    region: str
    """The pooling region (统筹区) that pays: the insured region (参保地)."""
    category: Category
    status: EnrolmentStatus
    starts_on: date
    ends_on: date | None
    suspended_on: date | None
    arrears_since: date | None
    benefits_from: date
    """The first day with benefits; before it runs the waiting period (等待期)."""
    retirement_confirmed: bool
    """For the retired: whether the retired person's benefits are confirmed (退休待遇核定)."""
    months_paid: int
    covered_until: date | None = None
    """Through which day contributions are paid, where this platform took them."""

    @property
    def retired(self) -> bool:
        return self.category == "retired"


class SpecialGroup(msgspec.Struct, frozen=True):
    """An assisted or special group a person belongs to (人员身份): 低保, 特困, 公务员 …"""

    name: str
    starts_on: date
    ends_on: date | None


class Insured(msgspec.Struct, frozen=True):
    """A person with the current medical enrolments and the special groups."""

    person: Person
    id_number_sealed: bytes
    enrolments: tuple[Enrolment, ...] = ()
    groups: tuple[SpecialGroup, ...] = ()
