"""The list of cards that a terminal without a network must refuse."""

from datetime import timedelta

import cbor2

from tests.cards.citizens import CLERK, COUNTER, LOST, print_now, with_card
from yikatong.cards.model import Card
from yikatong.cards.office import applying, living
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.ecards.codes import listed_card
from yikatong.identity.ecards.revocations import CARDS, Revocations


async def names(platform: Platform, card: Card) -> bool:
    """Whether a list made now names the card."""
    signed = await Revocations(platform, CARDS).current()
    told = cbor2.loads(cbor2.loads(signed.content).value[2])
    size, hashes = told["size"], told["hashes"]
    found = [hashes[at : at + size] for at in range(0, len(hashes), size)]
    assert found == sorted(set(found))
    return listed_card(card.card_identifier) in found


async def test_a_lost_card_is_listed_until_it_is_found(platform: Platform) -> None:
    card = await with_card(platform)
    assert not await names(platform, card)
    await living.report_loss(platform, card.person_id, card.card_id, COUNTER, CLERK, "l1")
    assert await names(platform, card)
    await living.withdraw_loss(platform, card.person_id, card.card_id, COUNTER, CLERK, "l2")
    assert not await names(platform, card)


async def test_a_list_in_use_takes_in_what_is_new(platform: Platform, clock: FixedClock) -> None:
    card = await with_card(platform)
    kept = Revocations(platform, CARDS)
    assert (await kept.current()).entries == 0
    await living.report_loss(platform, card.person_id, card.card_id, COUNTER, CLERK, "l1")
    assert (await kept.current()).entries == 0
    clock.advance(timedelta(seconds=31))
    assert (await kept.current()).entries == 1


async def test_a_replaced_card_stays_listed_until_its_own_date(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    made = await applying.apply(platform, card.person_id, LOST, COUNTER, CLERK, "r1")
    await applying.pay_fee(
        platform, card.person_id, made.application_id, None, COUNTER, CLERK, "r2"
    )
    new = await print_now(platform, made, "r3")
    assert await names(platform, card)
    assert not await names(platform, new)
    clock.advance(timedelta(days=3654))
    assert not await names(platform, card)
