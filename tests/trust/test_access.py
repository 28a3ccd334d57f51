"""The table of permissions."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.core import regions
from yikatong.trust.access import (
    ALL,
    NATION,
    PERMISSIONS,
    ROLES,
    Caller,
    Grant,
    NotAllowed,
    within,
)

READS = frozenset((
    "person.read", "person.search", "person.check", "call.read", "notices.read", "authority.read",
    "cards.read", "filing.read", "settlement.read",
    "settlement.recompute", "claim.read", "benefit.read", "run.read", "money.read",
    "medical_account.read", "contribution.read", "fund.read", "ledger.verify", "audit.read",
    "staff.read", "operations.read",
))  # fmt: skip
OF_NOBODY_IN_PARTICULAR = frozenset((
    "cards.produce", "ledger.verify", "keys.rotate", "settings.change", "approval.decide",
    "staff.read", "staff.manage", "staff.grant", "staff.second_factor", "machine.manage", "client.manage",
    "operations.read", "exception.take",
))  # fmt: skip


def of_role(role: str) -> set[str]:
    return {name for name, one in PERMISSIONS.items() if role in one.roles}


def test_the_auditor_sees_and_changes_nothing() -> None:
    assert of_role("auditor") <= READS


@pytest.mark.parametrize("role", ["administrator", "operator"])
def test_who_manages_users_or_the_machine_sees_no_person_and_moves_no_money(role: str) -> None:
    assert of_role(role) <= OF_NOBODY_IN_PARTICULAR


def test_nobody_of_the_staff_moves_the_money_of_people() -> None:
    for name in ("money.deposit", "money.withdraw", "money.transfer", "medical_account.pay"):
        assert PERMISSIONS[name].roles == frozenset()


def test_who_decides_a_claim_does_not_pay_it() -> None:
    assert not PERMISSIONS["claim.decide"].roles & PERMISSIONS["claim.pay"].roles
    assert not PERMISSIONS["claim.submit"].roles & PERMISSIONS["claim.decide"].roles


def test_each_role_has_something_and_each_text_both_languages() -> None:
    for role in ROLES:
        assert of_role(role)
    for name, one in PERMISSIONS.items():
        assert one.name == name
        assert one.text.zh
        assert one.text.en.isascii()


def test_what_asks_for_two_persons_is_asked_of_a_role_that_may_approve() -> None:
    for one in PERMISSIONS.values():
        if one.two_persons:
            assert one.roles <= PERMISSIONS["approval.decide"].roles


CHENGDU, BEIJING = "510100", "110000"


def test_a_role_counts_in_its_region_and_all_that_lies_in_it() -> None:
    clerk = Caller("staff", "c1", (Grant("counter", "510000"),))
    assert clerk.may("person.read", CHENGDU)
    assert clerk.may("person.read", "510107")
    assert clerk.may("person.read")
    assert not clerk.may("person.read", BEIJING)
    assert not clerk.may("person.read", NATION)
    assert not clerk.may("claim.pay")
    clerk.require("person.read", BEIJING, CHENGDU)
    with pytest.raises(NotAllowed) as caught:
        clerk.require("person.read", BEIJING)
    assert caught.value.field == "region"
    with pytest.raises(NotAllowed) as caught:
        clerk.require("claim.pay", CHENGDU)
    assert caught.value.field is None


def test_an_act_of_the_nation_is_no_act_of_a_province() -> None:
    machine = Caller("service", "m", (Grant("money.transfer", "510000"),))
    with pytest.raises(NotAllowed):
        machine.require("money.transfer")
    Caller("service", "m", (Grant("money.transfer", NATION),)).require("money.transfer")


def test_a_machine_has_the_permissions_it_was_given_and_no_role() -> None:
    machine = Caller("service", "m", (Grant("filing.read", CHENGDU),))
    assert machine.may("filing.read", CHENGDU)
    assert not machine.may("filing.make")
    everything = Caller("service", "operator", (Grant(ALL, NATION),))
    assert all(everything.everywhere(name) for name in PERMISSIONS)


def test_a_caller_without_grants_may_do_nothing() -> None:
    nobody = Caller("staff", "x", ())
    assert not any(nobody.may(name) for name in PERMISSIONS)


_CODES = [one.code for one in regions.every()]


@given(st.sampled_from(_CODES))
def test_each_region_lies_in_those_above_it(code: str) -> None:
    path = [one.code for one in regions.path(code)]
    for above, below in pairwise([NATION, *path]):
        assert within(below, above)


@given(st.sampled_from(_CODES), st.sampled_from(_CODES))
def test_no_region_lies_in_another_province(code: str, area: str) -> None:
    if code[:2] != area[:2]:
        assert not within(code, area)
