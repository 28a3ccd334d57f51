"""SQL of PINs."""

from datetime import datetime

from yikatong.core.database import Connection


async def usable(
    connection: Connection, person_id: int, card_id: int, wrong_max: int
) -> bytes | None:
    """The verifier, where the card's social-security side can be used and at most so many wrong
    tries in a row were made with the card present."""
    return await connection.fetchval(
        """select p.verifier from card_pins p join cards c using (person_id, card_id)
            where p.person_id = $1 and p.card_id = $2 and p.wrong_in_row <= $3
              and c.state = 'active' and c.social_security_app = 'active'""",
        person_id,
        card_id,
        wrong_max,
    )


async def locked(connection: Connection, person_id: int, card_id: int) -> bool:
    """Whether three wrong tries in a row were made, or the card is locked."""
    return await connection.fetchval(
        """select exists (select from card_pins p join cards c using (person_id, card_id)
                           where p.person_id = $1 and p.card_id = $2
                             and (p.wrong_in_row >= 3 or c.state = 'locked'))""",
        person_id,
        card_id,
    )


async def count_present(connection: Connection, person_id: int, card_id: int) -> int | None:
    """Count a try with the card present; how many in a row it makes, None where three are gone or
    the card is not one that can be used."""
    return await connection.fetchval(
        """update card_pins p set wrong_in_row = wrong_in_row + 1
            where p.person_id = $1 and p.card_id = $2 and p.wrong_in_row < 3
              and exists (select from cards c where c.person_id = p.person_id
                            and c.card_id = p.card_id and c.state = 'active'
                            and c.social_security_app = 'active')
        returning wrong_in_row""",
        person_id,
        card_id,
    )


async def was_right(connection: Connection, person_id: int, card_id: int, verifier: bytes) -> bool:
    """Begin counting anew after the right PIN; False where it was changed meanwhile."""
    return bool(
        await connection.fetchval(
            """update card_pins set wrong_in_row = 0
                where person_id = $1 and card_id = $2 and verifier = $3 returning 1""",
            person_id,
            card_id,
            verifier,
        )
    )


async def lock_card(connection: Connection, person_id: int, card_id: int) -> bool:
    """Lock an active card whose three tries are gone; whether it was locked now."""
    return bool(
        await connection.fetchval(
            """update cards c set state = 'locked', version = version + 1
                where c.person_id = $1 and c.card_id = $2 and c.state = 'active'
                  and exists (select from card_pins p where p.person_id = c.person_id
                                and p.card_id = c.card_id and p.wrong_in_row >= 3)
            returning 1""",
            person_id,
            card_id,
        )
    )


async def chosen(connection: Connection, person_id: int, card_id: int) -> bool:
    return await connection.fetchval(
        "select exists (select from card_pins where person_id = $1 and card_id = $2)",
        person_id,
        card_id,
    )


async def forget_tries(connection: Connection, person_id: int, card_id: int) -> None:
    await connection.execute(
        "update card_pins set wrong_in_row = 0 where person_id = $1 and card_id = $2",
        person_id,
        card_id,
    )


async def insert(
    connection: Connection, person_id: int, card_id: int, verifier: bytes, at: datetime
) -> bool:
    """The first PIN of a card; False where it has one."""
    return bool(
        await connection.fetchval(
            """insert into card_pins (person_id, card_id, verifier, set_at) values ($1, $2, $3, $4)
               on conflict do nothing returning 1""",
            person_id,
            card_id,
            verifier,
            at,
        )
    )


async def put(
    connection: Connection, person_id: int, card_id: int, verifier: bytes, at: datetime
) -> None:
    """A new PIN, whatever there was."""
    await connection.execute(
        """insert into card_pins (person_id, card_id, verifier, set_at) values ($1, $2, $3, $4)
           on conflict (person_id, card_id) do update
             set verifier = $3, set_at = $4, wrong_in_row = 0""",
        person_id,
        card_id,
        verifier,
        at,
    )


async def replace(
    connection: Connection, person_id: int, card_id: int, old: bytes, new: bytes, at: datetime
) -> bool:
    """Another verifier in place of the one that was checked; False where it is gone."""
    return bool(
        await connection.fetchval(
            """update card_pins set verifier = $4, set_at = $5
                where person_id = $1 and card_id = $2 and verifier = $3 returning 1""",
            person_id,
            card_id,
            old,
            new,
            at,
        )
    )
