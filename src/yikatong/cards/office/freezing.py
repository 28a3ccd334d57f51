"""What a loss report, its end and a death stop and release (冻结、止付): both sides of the card, and the
bank accounts."""

from typing import Any

import msgspec

from yikatong.cards.model import Card
from yikatong.cards.office.model import Facts
from yikatong.cards.office.table import Effect
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.money.bank import service as bank
from yikatong.money.errors import AccountClosed
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Freeze
from yikatong.trust.audit import Actor


async def carry_out(
    platform: Platform,
    connection: Connection,
    actor: Actor,
    facts: Facts,
    effect: Effect,
    one: Card,
    moved: Card,
) -> Card:
    """One of these effects of a move on a card (`moved` is the card behind it); answers the card."""

    async def stop(
        card: Card, account_id: int | None, reason: Freeze, *, lift: bool = False
    ) -> None:
        if account_id is None:
            return
        kind = "unfreeze" if lift else "freeze"
        key = f"card:{kind}:{reason}:{card.card_id}:{card.version}:{new_id(facts.now)}"
        wanted = bank.command(card.person_id, key, kind, actor, account_id, reason, "")
        try:
            await bank.freeze_in(platform, connection, wanted, account_id, reason, lift=lift)
        except AccountClosed:
            # Nothing is left on it that could be stopped.
            return

    if effect == "freeze":
        # A provisional report that becomes a real one keeps what the first interrupted.
        before = one.state_before if one.state.startswith("loss_reported") else one.state
        await stop(one, one.account_id, "loss_report")
        return _sides(msgspec.structs.replace(moved, state_before=before), "active", "frozen")
    if effect == "freeze_for_death":
        if facts.person.died_on is not None:
            # Death stops every account of the person, not this card's alone.
            for account in await ledger.accounts_of(connection, one.person_id):
                if account.kind == "bank" and account.state == "open":
                    await stop(one, account.account_id, "death")
        return _sides(moved, "active", "frozen")
    assert effect in ("unfreeze", "unfreeze_account"), effect
    await stop(one, one.account_id, "loss_report", lift=True)
    if effect == "unfreeze_account":
        # A new card at another bank: what is on the account of the lost one is free again, too.
        for other in facts.cards:
            if other.account_id != one.account_id:
                await stop(other, other.account_id, "loss_report", lift=True)
        return msgspec.structs.replace(moved, bank_app="active")
    released = msgspec.structs.replace(moved, state_before=None, provisional_until=None)
    return _sides(released, "frozen", "active")


def _sides(card: Card, before: str, after: Any) -> Card:
    """Both sides of the card, where they are in one state, brought to another."""
    changes = {
        side: after for side in ("social_security_app", "bank_app") if getattr(card, side) == before
    }
    return msgspec.structs.replace(card, **changes)
