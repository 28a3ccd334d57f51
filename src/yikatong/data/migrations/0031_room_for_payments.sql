-- migrate:up

-- A payment run changes the balance of nearly every account on a page: room for it on the page keeps the
-- indexes as they are. Pages that are written from now on have it.
alter table money_accounts set (fillfactor = 55);

-- found before a list is made: benefits held over a payment that a bank sent back
create index benefit_entitlements_returned on benefit_entitlements (person_id)
    where held_reason = 'returned_payment';
-- found by those who take it in: what is to be paid back
create index benefit_dues_recoveries on benefit_dues (due_id)
    where kind = 'recovery' and state = 'open';

-- migrate:down
drop index benefit_dues_recoveries, benefit_entitlements_returned;
alter table money_accounts set (fillfactor = 70);
