-- migrate:up

-- The counter that took it in (受理网点); the region stands in accepted_in.
alter table card_applications add column accepted_at text;
-- The day's work of a counter: what it took in and is asked to have mended, what waits to be collected.
create index card_applications_to_mend on card_applications (accepted_at, state_since)
    where state = 'applied' and asked_for is not null;
create index card_applications_to_collect on card_applications (pickup_place, state_since)
    where state = 'ready';

-- A finished card can be lost on its way to the counter (在途遗失).
alter table card_batch_lines drop constraint card_batch_lines_shelf_check;
alter table card_batch_lines add constraint card_batch_lines_shelf_check
    check (shelf in ('on_the_way', 'received', 'returned', 'posted', 'handed_over', 'destroyed', 'lost'));

-- person: people from elsewhere who stood at a counter with their id document (跨省通办接待)
create table counter_guests (
    person_id           bigint      not null,
    guest_id            bigint      not null,
    staff_number        text        not null,
    counter             text        not null,
    begun_at            timestamptz not null,
    compared            text[]      not null,     -- which facts agreed, not what they are
    ended_at            timestamptz,
    primary key (person_id, guest_id)
);

-- local: the counter at which a member of staff works (所在网点)
create table staff_counters (
    staff_number        text        not null primary key,
    counter             text        not null,
    chosen_at           timestamptz not null
);

-- Who types a name in pinyin gives the birth date; the names of that day are read and compared.
create index persons_birth_date on persons (birth_date, residence_region);

-- migrate:down
drop index persons_birth_date;
drop table staff_counters, counter_guests;
update card_batch_lines set shelf = 'on_the_way' where shelf = 'lost';
alter table card_batch_lines drop constraint card_batch_lines_shelf_check;
alter table card_batch_lines add constraint card_batch_lines_shelf_check
    check (shelf in ('on_the_way', 'received', 'returned', 'posted', 'handed_over', 'destroyed'));
drop index card_applications_to_collect, card_applications_to_mend;
alter table card_applications drop column accepted_at;
