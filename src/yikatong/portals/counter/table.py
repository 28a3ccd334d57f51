"""The errands of the counter and the hotline, in the order they are offered: a new one is an entry here."""

from collections.abc import Sequence
from typing import Final

from yikatong.core.errors import NotFound
from yikatong.portals.counter import (
    errands_card,
    errands_claim,
    errands_contributions,
    errands_data,
    errands_filing,
    errands_pension,
    errands_person,
    errands_unemployment,
)
from yikatong.portals.counter.errand import Channel, Errand
from yikatong.portals.counter.facts import Facts
from yikatong.trust.access import Caller

ERRANDS: Final[tuple[Errand, ...]] = (
    *errands_card.ERRANDS,
    *errands_filing.ERRANDS,
    *errands_claim.ERRANDS,
    *errands_pension.ERRANDS,
    *errands_person.ERRANDS,
    *errands_unemployment.ERRANDS,
    *errands_contributions.ERRANDS,
    *errands_data.ERRANDS,
)


def errand(name: str, channel: Channel) -> Errand:
    """The errand of a name; raises NotFound."""
    for one in ERRANDS:
        if one.name == name and channel in one.channels:
            return one
    raise NotFound(zh="没有这项业务", en="there is no such errand")


def offered(facts: Facts, caller: Caller, home: Sequence[str], channel: Channel) -> list[Errand]:
    """What the caller may do for the person, whether or not it is possible now."""
    return [
        one
        for one in ERRANDS
        if channel in one.channels
        and any(caller.may(one.permission, region) for region in home)
        and one.shown(facts)
    ]
