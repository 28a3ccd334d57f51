-- Every table is one of four kinds, named in its first comment:
--   person     person_id leads the primary key; all rows of one person lie on one shard
--   directory  a natural key that leads to a person_id, distributed by that key
--   reference  the same copy on every node
--   local      on the coordinator only
-- Unique constraints contain the distribution column; no foreign keys between distributed tables.

-- migrate:up

-- person: who there is. Sealed columns open only with the key outside the database.
create table persons (
    person_id           bigint      not null primary key,
    id_number_sealed    bytea       not null,
    name                text        not null check (char_length(name) between 1 and 50),
    sex                 smallint    not null check (sex in (1, 2)),            -- GB/T 2261.1
    birth_date          date        not null,
    ethnic_group        char(2)     not null default '01',                     -- GB/T 3304
    residence_region    char(6)     not null,
    phone_sealed        bytea,
    address_sealed      bytea,
    contact_confirmed_on date,
    identity_matched    boolean     not null default true,    -- agrees with the register of residents
    under_guardianship  boolean     not null default false,
    died_on             date,
    synthetic           boolean     not null default false,   -- made by `people make`; nobody real
    version             integer     not null default 1,
    created_at          timestamptz not null
);

create sequence person_ids start 1000001;

-- directory: a keyed hash of the id number → the person
create table person_id_numbers (
    id_number_hash      bytea       not null primary key,
    person_id           bigint      not null
);

-- person: guardians and family; one row at either end
create table relations (
    person_id           bigint      not null,
    other_person_id     bigint      not null,
    kind                text        not null
        check (kind in ('guardian_of', 'ward_of', 'spouse', 'parent', 'child')),
    since               date        not null,
    until               date,
    primary key (person_id, other_person_id, kind)
);

-- person: what the person is insured for, and where (参保)
create table enrolments (
    person_id           bigint      not null,
    insurance           char(3)     not null,     -- 310, 390, 110, 150, 210
    starts_on           date        not null,
    region              char(6)     not null,     -- the pooling region
    category            text        not null
        check (category in ('active', 'flexible', 'retired', 'minor', 'student', 'adult', 'elderly')),
    status              text        not null
        check (status in ('insured', 'suspended', 'in_transfer', 'ended')),
    ends_on             date,
    suspended_on        date,
    arrears_since       date,
    benefits_from       date        not null,     -- the waiting period ends the day before
    retirement_confirmed boolean    not null default true,
    months_paid         smallint    not null check (months_paid between 0 and 1200),
    version             integer     not null default 1,
    primary key (person_id, insurance, starts_on)
);
-- one current enrolment per insurance
create unique index enrolments_current on enrolments (person_id, insurance) where status <> 'ended';

-- person: the cards, dead ones too (社会保障卡)
create table cards (
    person_id           bigint      not null,
    card_id             bigint      not null,
    card_number         text        not null check (card_number ~ '^[0-9A-Z]{9}$'),
    card_identifier     char(32)    not null,
    generation          smallint    not null check (generation in (1, 2, 3)),
    region              char(6)     not null,     -- the issuing region
    state               text        not null check (state in (
        'issued', 'active', 'loss_reported_provisionally', 'loss_reported', 'locked', 'expired',
        'replaced', 'cancelled')),
    social_security_app text        not null check (social_security_app in ('inactive', 'active', 'frozen')),
    bank_app            text        not null check (bank_app in ('inactive', 'active', 'frozen')),
    name_on_card        text        not null,
    issued_on           date        not null,
    valid_until         date        not null,
    provisional_until   timestamptz,              -- when a provisional loss report ends by itself
    bank                text        not null,     -- the issuing bank's code
    account_sealed      bytea,                    -- the bank account's number, where there is one
    account_frozen_by   text check (account_frozen_by in ('court', 'death')),
    replaced_by         bigint,
    version             integer     not null default 1,
    primary key (person_id, card_id)
);
-- one live card per person
create unique index cards_live on cards (person_id)
    where state in ('issued', 'active', 'loss_reported_provisionally', 'loss_reported', 'locked');

-- directory: a card number → the person and the card
create table card_numbers (
    card_number         text        not null primary key,
    person_id           bigint      not null,
    card_id             bigint      not null
);

-- person: applications for a card, and where they stand (申领)
create table card_applications (
    person_id           bigint      not null,
    application_id      bigint      not null,
    kind                text        not null check (kind in ('first', 'replace', 'renew')),
    state               text        not null
        check (state in ('applied', 'in_production', 'ready', 'issued', 'rejected', 'withdrawn')),
    region              char(6)     not null,     -- the region that decides
    applied_on          date        not null,
    expected_on         date,                     -- when the card will be ready
    pickup_place        text,
    reason              text,                     -- why rejected
    version             integer     not null default 1,
    primary key (person_id, application_id)
);
create unique index card_applications_open on card_applications (person_id)
    where state in ('applied', 'in_production', 'ready');

-- person: who did or saw what of this person, written in the same transaction
create table audit_events (
    person_id           bigint      not null,
    event_id            bigint      not null,
    at                  timestamptz not null,
    actor_kind          text        not null
        check (actor_kind in ('person', 'staff', 'provider', 'service', 'system', 'visitor')),
    actor               text        not null,
    action              text        not null,     -- person.read, card.changed, portability.checked …
    purpose             text        not null,
    detail              jsonb       not null default '{}',    -- never personal data in the clear
    primary key (person_id, event_id)
);

-- migrate:down
drop table audit_events, card_applications, card_numbers, cards, enrolments, relations,
    person_id_numbers, persons;
drop sequence person_ids;
