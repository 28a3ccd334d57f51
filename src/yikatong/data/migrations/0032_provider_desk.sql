-- migrate:up

-- Members of staff who work for a hospital, clinic or pharmacy and not for an agency.
alter table staff add column provider char(12);
create index staff_by_provider on staff (provider) where provider is not null;

-- directory: visits that are worked on at a provider's desk (医药机构工作台), leading to person and visit
create table desk_visits (
    provider_code       char(12)    not null,
    desk_id             bigint      not null,     -- the number of the form that began it
    person_id           bigint      not null,
    visit_id            bigint,                   -- once it is registered, or sold
    state               text        not null check (state in ('open', 'settled', 'closed')),
    staff_number        text        not null,     -- who began it
    begun_at            timestamptz not null,
    told_sealed         bytea       not null,     -- who it is, what was shown, what was typed so far
    pending             text,                     -- the message whose answer is not noted yet
    version             integer     not null default 1,
    primary key (provider_code, desk_id)
);
create index desk_visits_open on desk_visits (provider_code, desk_id) where state = 'open';

-- directory: what the desk of a provider was told of its settlements and reversals (工作台流水), as it was
-- told, to be compared with the settlements themselves
create table desk_settlements (
    provider_code       char(12)    not null,
    settlement_id       bigint      not null,
    desk_id             bigint      not null,
    person_id           bigint      not null,
    visit_id            bigint      not null,
    message_id          text        not null,
    reverses            bigint,
    settled_at          timestamptz not null,
    total               bigint      not null,     -- fen
    funds               bigint      not null,
    account             bigint      not null,
    cash                bigint      not null,
    reason              text        not null default '',  -- of a reversal
    staff_number        text        not null,
    primary key (provider_code, settlement_id)
);
create index desk_settlements_by_day on desk_settlements (provider_code, settled_at);

-- migrate:down
drop table desk_settlements, desk_visits;
drop index staff_by_provider;
alter table staff drop column provider;
