"""SQL of the sandbox: what to put on a test bill."""

from datetime import date

from yikatong.core.database import Connection
from yikatong.medical.sandbox.model import SandboxItem


async def items(connection: Connection, on: date, each: int) -> list[SandboxItem]:
    """Items whose class is the same in every province: `each` without a price limit of class A, B
    and C in this order, then as many with a limit somewhere. Children's medicines are left out."""
    rows = await connection.fetch(
        """select code, name, class, price from (
             select i.code, i.name, min(t.class) as class, i.usual_price as price,
                    bool_or(t.price_limit is not null) as limited,
                    row_number() over (
                        partition by min(t.class), bool_or(t.price_limit is not null)
                        order by i.kind <> 'drug', i.code) as place
               from catalog_items i join catalog_terms t using (code)
              where not i.child_only and i.usual_price > 0 and t.starts_on <= $1
              group by i.code having count(distinct t.class) = 1) found
            where place <= $2 and not (limited and class = 'C')
            order by limited, class, place""",
        on,
        each,
    )
    return [SandboxItem(*row) for row in rows]
