"""How changes are told to programs: masked for lists, whole for whoever reviews one."""

from collections.abc import Callable
from datetime import date
from typing import Any

from yikatong.core.sealing import mask_address, mask_id_number, mask_name, mask_phone
from yikatong.people.changes import rules
from yikatong.people.changes.model import (
    CHANNEL_NAMES,
    FIELD_NAMES,
    STATE_NAMES,
    Change,
    Field,
    OnFile,
)


def change(one: Change, *, reveal: bool = False) -> dict[str, Any]:
    """A change for JSON; `reveal`: its values whole."""
    words = rules.whole if reveal else rules.masked
    return {
        "person_id": one.person_id,
        "change_id": str(one.change_id),
        "state": one.state,
        "state_name": STATE_NAMES[one.state].as_dict(),
        "fields": [_field(one, name, words) for name in one.fields],
        "channel": one.channel,
        "channel_name": CHANNEL_NAMES[one.channel].as_dict(),
        "reason": one.reason,
        "taken_at": one.taken_at.isoformat(),
        "taken_by": one.taken_by,
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "decided_by": one.decided_by,
    }


def _field(
    one: Change, name: Field, words: Callable[[Field, str | None, str], str]
) -> dict[str, Any]:
    value = one.values[name]
    told = {"field": name, "name": FIELD_NAMES[name].as_dict()}
    for when, what in (("before", value.before), ("after", value.after)):
        told[when] = {language: words(name, what, language) for language in ("zh", "en")}
    return told


def on_file(found: OnFile, day: date) -> dict[str, Any]:
    """What is on file, masked, with the version a change names, and the changes."""
    person, contact = found.person, found.contact
    return {
        "person_id": person.person_id,
        "version": person.version,
        "name": mask_name(person.name),
        "id_number": mask_id_number(contact.id_number),
        "ethnic_group": person.ethnic_group,
        "phone": None if contact.phone is None else mask_phone(contact.phone),
        "address": None if contact.address is None else mask_address(contact.address),
        "residence_region": person.residence_region,
        "contact_confirmed_on": (
            person.contact_confirmed_on.isoformat() if person.contact_confirmed_on else None
        ),
        "contact_fresh": rules.contact_fresh(person.contact_confirmed_on, day),
        "waiting": change(found.waiting) if found.waiting else None,
        "changes": [change(one) for one in found.changes],
    }
