"""Notices for JSON: with their words in both languages."""

from collections.abc import Sequence
from typing import Any

from yikatong.core.clock import SHANGHAI
from yikatong.people.notices import rules
from yikatong.people.notices.kinds import KINDS
from yikatong.people.notices.model import TEXT_STATES, Choices, Notice


def notice(one: Notice) -> dict[str, Any]:
    """One notice; ids as texts, a 63-bit number would lose digits in some languages."""
    kind = KINDS[one.kind]
    return {
        "notice_id": str(one.notice_id),
        "kind": one.kind,
        "subject": kind.subject,
        "at": one.at.isoformat(),
        "read_at": one.read_at.astimezone(SHANGHAI).isoformat() if one.read_at else None,
        "title": kind.title.as_dict(),
        "body": rules.body(kind, one.facts).as_dict(),
        "link": kind.link,
        "text_message": None
        if one.text_state is None
        else {"state": one.text_state, "text": TEXT_STATES[one.text_state].as_dict()},
    }


def choices(one: Choices) -> dict[str, Any]:
    """What the person chose."""
    return {"language": one.language, "large_type": one.large_type, "texts": list(one.texts)}


def page(person_id: int, found: Sequence[Notice], chosen: Choices, limit: int) -> dict[str, Any]:
    """A page of notices, with what the person chose; `next` names the following one."""
    return {
        "person_id": person_id,
        "choices": choices(chosen),
        "notices": [notice(one) for one in found],
        "next": str(found[-1].notice_id) if len(found) == limit else None,
    }
