-- migrate:up

-- An application remembers how it came, what it is for, what was shown, and what became of it.
alter table card_applications drop constraint card_applications_state_check;
alter table card_applications add constraint card_applications_state_check
    check (state in ('applied', 'in_production', 'ready', 'sent', 'issued', 'rejected', 'withdrawn'));
alter table card_applications
    add column channel          text    not null default 'counter'
        check (channel in ('counter', 'bank', 'online', 'phone', 'terminal', 'cross_province', 'list')),
    add column accepted_in      char(6),              -- where it was taken in (受理地)
    add column applicant        text    not null default 'self'
        check (applicant in ('self', 'guardian', 'agent', 'kin', 'employer')),
    add column applicant_id     bigint,               -- the guardian or agent, where known here
    add column accepted_by      text    not null default '',
    add column why              text
        check (why in ('lost', 'damaged', 'expired', 'old_generation', 'data_changed')),
    add column replaces_card_id bigint,
    add column materials        text[]  not null default '{}',
    add column asked_for        text,                 -- what the office asks to be mended (补正)
    add column bank             text    not null default 'ICBC',
    add column delivery         text    not null default 'pickup' check (delivery in ('pickup', 'post')),
    add column post_to_sealed   bytea,
    add column fee              bigint  not null default 0 check (fee >= 0),
    add column fee_state        text    not null default 'none'
        check (fee_state in ('none', 'due', 'paid', 'given_back')),
    add column fee_paid_by      text check (fee_paid_by in ('cash', 'account')),
    add column batch_id         bigint,
    add column card_id          bigint,               -- the card that was made for it
    add column card_number      text,
    add column tracking         text,
    add column chased           smallint not null default 0,   -- how often collecting was asked for
    add column state_since      timestamptz;
update card_applications
   set state_since = applied_on::timestamp at time zone 'Asia/Shanghai', accepted_in = region;

drop index card_applications_open;
create unique index card_applications_open on card_applications (person_id)
    where state in ('applied', 'in_production', 'ready', 'sent');
-- The work lists of the offices.
create index card_applications_work on card_applications (state, region, state_since)
    where state in ('applied', 'in_production', 'ready', 'sent');

alter table cards add column state_before text;   -- what a loss report interrupted
create index cards_expiring on cards (valid_until)
    where state in ('issued', 'active', 'loss_reported_provisionally', 'loss_reported', 'locked');
create index cards_provisional on cards (provisional_until)
    where state = 'loss_reported_provisionally';

-- person: everything that happened to cards and applications, never changed (卡务流水)
create table card_events (
    person_id           bigint      not null,
    event_id            bigint      not null,
    at                  timestamptz not null,
    application_id      bigint,
    card_id             bigint,
    event               text        not null,
    before              text,
    after               text        not null,
    channel             text        not null,
    applicant           text        not null,     -- on whose behalf: self, guardian, agent, kin …
    actor_kind          text        not null,
    actor               text        not null,
    reason              text        not null default '',
    detail              jsonb       not null default '{}',
    key                 text,                     -- the Idempotency-Key of the command, on its first event
    content             bytea,                    -- what the command was, to compare
    primary key (person_id, event_id)
);
create unique index card_events_key on card_events (person_id, key) where key is not null;

-- migrate:down
drop table card_events;
drop index cards_provisional, cards_expiring;
alter table cards drop column state_before;
drop index card_applications_work, card_applications_open;
update card_applications set state = 'ready' where state = 'sent';
create unique index card_applications_open on card_applications (person_id)
    where state in ('applied', 'in_production', 'ready');
alter table card_applications drop constraint card_applications_state_check;
alter table card_applications add constraint card_applications_state_check
    check (state in ('applied', 'in_production', 'ready', 'issued', 'rejected', 'withdrawn'));
alter table card_applications
    drop column channel, drop column accepted_in, drop column applicant, drop column applicant_id,
    drop column accepted_by, drop column why, drop column replaces_card_id, drop column materials,
    drop column asked_for, drop column bank, drop column delivery, drop column post_to_sealed,
    drop column fee, drop column fee_state, drop column fee_paid_by, drop column batch_id,
    drop column card_id, drop column card_number, drop column tracking, drop column chased,
    drop column state_since;
