-- migrate:up

-- A payment run changes the balance of nearly every account on a page: room for it on the page keeps the
-- indexes as they are. Pages that are written from now on have it.
alter table money_accounts set (fillfactor = 55);

-- migrate:down
alter table money_accounts set (fillfactor = 70);
