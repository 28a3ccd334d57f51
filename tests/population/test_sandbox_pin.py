"""The PIN of the people made up."""

from dataclasses import dataclass

import msgspec

from yikatong.cards.pins import service as pins
from yikatong.cards.pins.rules import weakness
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.identity.signing_in import service as signing_in
from yikatong.identity.signing_in.model import Visitor
from yikatong.population import demo, sandbox, sandbox_pin, service
from yikatong.population.chunk import FIRST_ID
from yikatong.trust.audit import Actor

TESTER = Actor("system", "tests", "test")


@dataclass
class Pin:
    person_id: int
    card_id: int
    state: str
    social: str
    wrong_in_row: int | None


async def pins_of(platform: Platform) -> list[Pin]:
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select person_id, card_id, state, social_security_app, wrong_in_row
                 from cards left join card_pins using (person_id, card_id)"""
        )
    return [Pin(*row) for row in rows]


def test_each_installation_has_a_pin_of_its_own_that_is_nobodys_birthday() -> None:
    found = {sandbox_pin.drawn_from(Vault(bytes((n,)) * 32)) for n in range(50)}
    assert len(found) > 45
    assert all(weakness(pin) is None for pin in found)
    assert all(int(pin[at : at + 2]) > 31 for pin in found for at in (0, 2, 4))


async def test_people_to_try_sign_in_with_the_test_pin(platform: Platform) -> None:
    await service.make(platform, 200, 1, lambda _: None)
    pin = sandbox_pin.of_sandbox(platform)
    assert pin is not None
    visitor = Visitor("192.0.2.1", "Firefox")
    one = (await sandbox.persons(platform, TESTER))[0]
    signed_in = await signing_in.by_secret(platform, visitor, one.id_number, pin)
    assert signed_in.session.person_id == one.person_id
    found = await pins_of(platform)
    # Whoever has activated a card has a PIN, also the people nobody shall try.
    assert all((each.wrong_in_row is None) == (each.social == "inactive") for each in found)
    assert len({each.person_id for each in found if each.wrong_in_row is not None}) > 150
    assert {each.wrong_in_row for each in found if each.state == "locked"} == {pins.IN_ROW_MAX}


async def test_in_production_nobody_gets_it(platform: Platform) -> None:
    production = Platform(
        platform.database, platform.clock, platform.vault,
        msgspec.structs.replace(platform.settings, sandbox=False),
    )  # fmt: skip
    await service.make(production, 150, 1, lambda _: None)
    await sandbox_pin.prepare(production)
    assert all(each.wrong_in_row is None for each in await pins_of(platform))
    # Made before there were PINs, or in production: the people to try get theirs in the sandbox.
    await sandbox_pin.prepare(platform)
    await sandbox_pin.prepare(platform)
    found = await pins_of(platform)
    demos = [each for each in found if each.person_id < FIRST_ID + len(demo.DEMOS)]
    assert sum(each.wrong_in_row is not None for each in demos) > 80
    assert all(each.wrong_in_row is None for each in found if each not in demos)
