"""What the pages of filings share: whose they are, what decides about them, how errors stand beside
fields, and the key of a form."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request

from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.medical.filings import service
from yikatong.medical.filings.model import MATERIAL_NAMES, KindRule, RegionRules
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.policies.model import Policy
from yikatong.portals import typical
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.view import View
from yikatong.portals.whose import Whose, require_whose

FILINGS: Final = "/filings"
_PURPOSE: Final = "own filings"
_FIELDS: Final = {
    "destination": "to", "filing_id": "to", "channel": "kind", "subkind": "kind",
    "insurance": "kind", "person_id": "kind", "materials": "declared",
}  # fmt: skip
Wrong = tuple[dict[str, str], int, dict[str, str]]
RIGHT: Final[Wrong] = ({}, 200, {})


class Care(msgspec.Struct, frozen=True):
    """What decides about somebody's filings."""

    mine: Whose
    person: Person
    enrolment: Enrolment | None
    """The medical insurance that pays."""
    rules: RegionRules | None
    policy: Policy | None
    day: date


async def care_of(
    request: Request[Any, Any, Any], platform: Platform, form_at: str | None = None
) -> Care:
    """`form_at` as `require_session` has it. Raises SignInNeeded, and NoAuthority where the authority to
    act does not cover filings."""
    mine = await require_whose(request, platform, "filing", _PURPOSE, form_at=form_at)
    day = today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, mine.person_id)
        enrolled = await people.enrolments(connection, mine.person_id)
    enrolment = service.enrolment_for(enrolled, None)
    found = service.rules_of(enrolment.region, day) if enrolment else None
    return Care(mine, person, enrolment, found, typical.policy_of(enrolment, day), day)


def names_of(view: View, materials: Sequence[str]) -> str:
    return view.text("me_comma").join(
        MATERIAL_NAMES[one].in_language(view.language) for one in materials if one in MATERIAL_NAMES
    )


def beside_identity(rule: KindRule, subkind: str) -> list[str]:
    """The papers; who is signed in has shown who they are."""
    return [one for one in rule.needs.get(subkind, ()) if one != "identity"]


def wrong_fields(view: View, error: YikatongError, field: str) -> Wrong:
    errors, status, headers = answer_wrong(view, error, field)
    return {_FIELDS.get(name, name): text for name, text in errors.items()}, status, headers


def new_key(platform: Platform) -> str:
    return str(new_id(platform.clock.now()))


def key_of(text: str) -> str:
    """The key of a form; one that somebody wrote themselves counts as none and is refused."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidInput(
            "kind",
            zh="页面已过期，请回到备案页面再办一次",
            en="the page is out of date; go back to your filings and try again",
        )
    return f"page-{text}"
