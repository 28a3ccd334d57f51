"""The PIN that all made-up people of one installation share, in a sandbox alone.

It follows from the installation's key, so every installation has its own and none is stored. All
people made up get verifiers over one argon2 hash; a real person's has a salt of its own.
"""

from itertools import count
from typing import Final

from yikatong.cards.pins import service as pins
from yikatong.cards.pins.rules import weakness
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.trust import verifiers

_LOWEST: Final = 32
"""No day, month or century has so high a number: the PIN is nobody's birthday."""


def drawn_from(vault: Vault) -> str:
    """Six digits nobody is refused: no run, no repeat, no date."""
    for attempt in count():
        drawn = vault.key(f"test PIN {attempt}")
        pairs = [_LOWEST + int.from_bytes(drawn[at : at + 8]) % 68 for at in (0, 8, 16)]
        pin = "".join(f"{pair:02d}" for pair in pairs)
        if weakness(pin) is None:
            return pin
    raise AssertionError("one in a hundred is refused")


def of_sandbox(platform: Platform) -> str | None:
    """The test PIN, where this is a sandbox."""
    return drawn_from(platform.vault) if platform.settings.sandbox else None


async def prepare(platform: Platform) -> None:
    """Give the people to try the test PIN where they have none: they were made before there were
    PINs."""
    pin = of_sandbox(platform)
    if pin is None:
        return
    async with platform.database.transaction() as connection:
        rows = await connection.fetch(
            """select c.person_id, c.card_id, c.state from demo_persons d
                 join persons p using (person_id) join cards c using (person_id)
                where p.synthetic and c.social_security_app <> 'inactive'
                  and not exists (select from card_pins o where o.person_id = c.person_id
                                    and o.card_id = c.card_id)"""
        )
        if not rows:
            return
        verifier = verifiers.shared(platform.vault, pins.PURPOSE, pin)
        now = platform.clock.now()
        await connection.executemany(
            """insert into card_pins (person_id, card_id, verifier, wrong_in_row, set_at)
               values ($1, $2, $3, $4, $5) on conflict do nothing""",
            [
                (
                    row["person_id"], row["card_id"], verifier(pins.subject_of(row["card_id"])),
                    wrong_in_row(row["state"]), now,
                )
                for row in rows
            ],
        )  # fmt: skip


def wrong_in_row(state: str) -> int:
    """How many wrong tries lie behind a card of this state."""
    return pins.IN_ROW_MAX if state == "locked" else 0
