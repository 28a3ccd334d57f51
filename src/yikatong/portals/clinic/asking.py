"""The portability answer at a provider's desk: does it work here, for this care, and what to do if not."""

from typing import Final

from yikatong.core.clock import today
from yikatong.core.errors import Text
from yikatong.core.money import format_percent
from yikatong.core.platform import Platform
from yikatong.medical.model import Care
from yikatong.medical.provider_desk import model as desk
from yikatong.medical.provider_desk.model import Clerk, Said
from yikatong.portability import service as portability
from yikatong.portability.model import Answer, CheckRequest, Service
from yikatong.portals.counter.words import words

_SERVICES: Final[dict[Care, Service]] = {
    "pharmacy": "pharmacy",
    "outpatient": "outpatient",
    "emergency": "outpatient",
    "chronic": "chronic",
    "inpatient": "inpatient",
}


async def ask(
    platform: Platform, clerk: Clerk, person_id: int, care: Care
) -> tuple[desk.Answer, list[Said]]:
    """The answer and its reasons as they are shown, what the fund pays last; recorded for the person."""
    provider = clerk.provider
    request = CheckRequest(
        person_id, provider.region, _SERVICES[care], today(platform.clock),
        provider=provider.provider_code,
    )  # fmt: skip
    _, answer = await portability.check(platform, request, clerk.actor("portability check"))
    said = [
        Said(one.weight, one.text.zh, one.text.en, one.remedy.zh, one.remedy.en)
        for one in answer.reasons
    ]
    expects = _expects(answer)
    if expects is not None:
        said.append(Said("expects", expects.zh, expects.en))
    return answer.answer, said


def _expects(answer: Answer) -> Text | None:
    if answer.expects is None or answer.answer == "no" or not answer.expects.now.covered:
        return None
    now = answer.expects.now
    rate = format_percent(now.rates[0].rate) if now.rates else "0"
    return words("clinic_expects", rate=rate)
