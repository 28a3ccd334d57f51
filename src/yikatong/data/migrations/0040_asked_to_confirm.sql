-- migrate:up

-- When somebody was last asked whether phone and address are still right: the daily work then finds who is
-- to be asked next by an index alone, instead of passing over all who were asked and did not answer.
alter table persons add column contact_asked_on date;
update persons p set contact_asked_on = n.asked_on
  from (select person_id, max((at at time zone 'Asia/Shanghai')::date) as asked_on
          from notices where kind = 'contact.check' group by person_id) n
 where n.person_id = p.person_id;
drop index persons_contact;
create index persons_contact on persons
    (greatest(contact_confirmed_on, contact_asked_on, date '2000-01-01'), person_id) where died_on is null;

-- migrate:down
drop index persons_contact;
create index persons_contact on persons
    (coalesce(contact_confirmed_on, date '2000-01-01'), person_id) where died_on is null;
alter table persons drop column contact_asked_on;
