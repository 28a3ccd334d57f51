"""The choice of providers (定点选择), noted by the provider itself inside the caller's transaction."""

from typing import Final

from yikatong.core import ids
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.days import day_in_words
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.regions import short_name
from yikatong.medical.filings import store
from yikatong.medical.filings.errors import ChoiceRefused, NoSuchChoice
from yikatong.medical.filings.service import enrolment_for, rules_of
from yikatong.medical.model import Provider
from yikatong.medical.visits.orders import ChoiceDone, ChooseProvider, DropProvider
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_PURPOSE: Final = "choice of a provider"


async def choose_provider(
    platform: Platform, connection: Connection, provider: Provider, order: ChooseProvider
) -> ChoiceDone:
    """Note that the person chose this provider; answers the choice, the same when asked again.
    Nothing is written where it raises ChoiceRefused, InvalidInput."""
    _check_own(provider, order.provider_code)
    day = today(platform.clock)
    await store.lock(connection, order.person_id)
    enrolments = await people.enrolments(connection, order.person_id)
    enrolment = enrolment_for(enrolments, None)
    if enrolment is None:
        raise ChoiceRefused(
            "没有有效的医保参保登记，不能选定点",
            "there is no medical insurance in force",
            "person_id",
        )
    if provider.pooling_region != enrolment.region:
        home = enrolment.region
        raise ChoiceRefused(
            f"定点只在参保地（{short_name(home)}）选；异地就医请办备案",
            f"providers are chosen in the insured place ({short_name(home, 'en')}); for care"
            " elsewhere make a filing",
            "provider",
        )
    if provider.suspended_on is not None and provider.suspended_on <= day:
        raise ChoiceRefused("本机构已暂停医保服务", "the provider is suspended", "provider")
    if order.starts_on != day:
        # What is chosen counts at once: the counter of a provider asks for no other day.
        raise InvalidInput(
            "starts_on",
            zh=f"定点从当天起生效，应为{day_in_words(day, 'zh')}",
            en=f"a choice counts at once: {day_in_words(day, 'en')}",
        )
    chosen = await store.choices(connection, order.person_id)
    number = chosen.get(provider.provider_code)
    if number is not None:
        return ChoiceDone(str(number))
    most = rules_of(enrolment.region, day).providers_max
    if provider.provider_code not in chosen and len(chosen) >= most:
        raise ChoiceRefused(
            f"{short_name(enrolment.region)}最多选 {most} 家，请先撤销一家",
            f"{short_name(enrolment.region, 'en')} allows {most} at most; drop one first",
            "provider",
        )
    number = ids.new_id(platform.clock.now())
    await store.choose(connection, order.person_id, provider.provider_code, day, number)
    await _record(platform, connection, provider, order.person_id, "provider.chosen")
    return ChoiceDone(str(number), new=True)


async def drop_provider(
    platform: Platform, connection: Connection, provider: Provider, order: DropProvider
) -> ChoiceDone:
    """Take the choice back. Nothing is written where it raises NoSuchChoice."""
    _check_own(provider, order.provider_code)
    await store.lock(connection, order.person_id)
    chosen = await store.choices(connection, order.person_id)
    if provider.provider_code not in chosen:
        raise NoSuchChoice
    await store.drop(connection, order.person_id, provider.provider_code)
    await _record(platform, connection, provider, order.person_id, "provider.dropped")
    number = chosen[provider.provider_code] or ids.new_id(platform.clock.now())
    return ChoiceDone(str(number))


def _check_own(provider: Provider, code: str) -> None:
    """No provider chooses or drops another one for a person."""
    if code != provider.provider_code:
        raise ChoiceRefused(
            "只能为本机构办理或撤销定点", "a provider notes the choice of itself only", "provider"
        )


async def _record(
    platform: Platform, connection: Connection, provider: Provider, person_id: int, action: str
) -> None:
    await audit.record(
        connection,
        Actor("provider", provider.provider_code, _PURPOSE),
        platform.clock.now(),
        person_id,
        action,
        {"provider": provider.provider_code},
    )
