"""Rules of acting for others: pure, by day.

Guardians: parents act for children under 18 (民法典 art. 17, 23, 27), a guardian recorded as such
for a ward of any age while the guardianship lasts (art. 28, 30). Agents: what the person granted, while
it lasts (art. 161, 165, 173).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Final

from yikatong.core.errors import InvalidInput
from yikatong.identity.authority.model import (
    SERVICES,
    Authority,
    AuthorityRefused,
    Mandate,
    Service,
)
from yikatong.people.model import Person, Relation

OF_AGE: Final = 18
LASTS_MAX: Final = timedelta(days=3 * 365 + 1)
"""An authority is looked at anew after three years."""
AHEAD_MAX: Final = timedelta(days=90)
ACTIVE_MAX: Final = 10
"""For how many people somebody may be agent at once; more is a trade."""
EVIDENCE_MAX: Final = 200


def mandates(
    agent: Person,
    relations: Iterable[Relation],
    authorities: Iterable[Authority],
    others: Mapping[int, Person],
    day: date,
) -> list[Mandate]:
    """For whom the person may act on a day, each once, guardianship first.

    `relations` are the person's own; `authorities` those in which the person is agent; `others` the
    people they name. The dead act for nobody and nobody acts for them; a ward or a minor acts for
    nobody.
    """
    if not _can_act(agent, day):
        return []
    found: dict[int, Mandate] = {}
    for one in relations:
        other = others.get(one.other_person_id)
        if other is not None and _is_guardian(one, other, day):
            found[other.person_id] = Mandate(
                other.person_id, "guardian", tuple(SERVICES), one.until
            )
    for authority in authorities:
        other = others.get(authority.person_id)
        if other is None or other.died_on is not None or not in_force(authority, day):
            continue
        if authority.person_id in found and found[authority.person_id].kind == "guardian":
            continue
        before = found.get(authority.person_id)
        if before is None:
            found[authority.person_id] = Mandate(
                authority.person_id, "agent", authority.services, authority.ends_on,
                authority.authority_id,
            )  # fmt: skip
        else:
            # Two authorities of one person: what either allows, until the first of them ends.
            both: tuple[Service, ...] = tuple(
                name for name in SERVICES if name in (*before.services, *authority.services)
            )
            ends = min(before.ends_on or authority.ends_on, authority.ends_on)
            found[authority.person_id] = Mandate(
                authority.person_id, "agent", both, ends, before.authority_id
            )
    return sorted(found.values(), key=lambda one: (one.kind != "guardian", one.person_id))


def in_force(authority: Authority, day: date) -> bool:
    """Whether an authority counts on a day."""
    return authority.revoked_at is None and authority.starts_on <= day <= authority.ends_on


def check_new(
    principal: Person,
    agent: Person,
    services: Collection[str],
    starts_on: date,
    ends_on: date,
    evidence: str,
    active: int,
    today: date,
) -> tuple[Service, ...]:
    """The services of a new authority, in their order; raises InvalidInput, AuthorityRefused.

    `active` is for how many others the agent acts already.
    """
    chosen: tuple[Service, ...] = tuple(name for name in SERVICES if name in services)
    if not chosen or len(chosen) != len(set(services)):
        raise InvalidInput(
            "services",
            zh=f"请至少选一项：{'、'.join(one.zh for one in SERVICES.values())}",
            en=f"choose at least one: {'; '.join(one.en for one in SERVICES.values())}",
        )
    if starts_on < today or starts_on > today + AHEAD_MAX:
        raise InvalidInput(
            "starts_on",
            zh=f"开始日期应在今天起 {AHEAD_MAX.days} 天以内",
            en=f"it begins today or within {AHEAD_MAX.days} days",
        )
    if not starts_on <= ends_on <= starts_on + LASTS_MAX:
        raise InvalidInput("ends_on", zh="授权最长三年", en="it lasts three years at most")
    if not 1 <= len(evidence.strip()) <= EVIDENCE_MAX or not evidence.isprintable():
        raise InvalidInput(
            "evidence",
            zh="请填写委托书编号等凭据",
            en="name what proves it, such as the number of the letter of authority",
        )
    if principal.person_id == agent.person_id:
        raise InvalidInput("agent_id", zh="不用授权给自己", en="nobody needs authority for oneself")
    if principal.died_on is not None or agent.died_on is not None:
        raise AuthorityRefused(
            zh="其中一人已登记死亡，不能授权", en="the death of one of the two is recorded"
        )
    if not _can_act(principal, today):
        raise AuthorityRefused(
            zh="未成年人和有监护人的人，要由监护人来办，不能自己授权",
            en="for minors and wards their guardian acts; they cannot grant authority themselves",
        )
    if not _can_act(agent, today):
        raise AuthorityRefused(
            zh="代办人要年满 18 岁，而且自己没有监护人",
            en="who acts for others is 18 or older and has no guardian",
        )
    if active >= ACTIVE_MAX:
        raise AuthorityRefused(
            zh=f"他已经替 {ACTIVE_MAX} 个人代办，不能再多了",
            en=f"this person acts for {ACTIVE_MAX} others already",
        )
    return chosen


def _can_act(person: Person, day: date) -> bool:
    return person.died_on is None and not person.under_guardianship and person.age_on(day) >= OF_AGE


def _is_guardian(relation: Relation, other: Person, day: date) -> bool:
    """Whether the relation makes its person the guardian of the other on a day."""
    if other.died_on is not None or relation.since > day:
        return False
    if relation.until is not None and relation.until < day:
        return False
    minor = other.age_on(day) < OF_AGE
    if relation.kind == "guardian_of":
        return minor or other.under_guardianship
    # Of a ward of age the court or the committee appoints the guardian: a parent is none by birth.
    return relation.kind == "parent" and minor
