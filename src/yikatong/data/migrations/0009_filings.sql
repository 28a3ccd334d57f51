-- migrate:up

alter table filings
    drop constraint filings_ended_by_check,
    add constraint filings_ended_by_check check (ended_by in ('withdrawal', 'return', 'change')),
    add column subkind      text
        check (subkind in ('retired_settler', 'long_term_resident', 'posted_worker')),
    add column declared     boolean     not null default false,  -- by declaration (承诺制)
    add column materials    text[]      not null default '{}',   -- what was shown
    add column provider_code char(12),                           -- the hospital that made it
    add column to_provider  char(12),                            -- where a transfer leads to
    add column visit_id     bigint,                              -- the stay an emergency is bound to
    add column replaces     bigint[]    not null default '{}',   -- filings whose place it took
    add column reason       text        not null default '',
    add column details      jsonb       not null default '{}',   -- what else the hospital said
    add constraint filings_subkind_of_long_term check (subkind is null or kind = 'long_term');

update filings set channel = case channel when 'app' then 'online' when 'hospital' then 'provider' end
 where channel in ('app', 'hospital');
alter table filings add constraint filings_channel_check
    check (channel in ('online', 'phone', 'counter', 'provider'));

-- person: commands on filings by the caller's key, so that none is carried out twice
create table filing_commands (
    person_id           bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 120),
    command             text        not null,
    content_hash        bytea       not null,
    filing_ids          bigint[]    not null,     -- what it made or changed, the answer first
    at                  timestamptz not null,
    primary key (person_id, key)
);

alter table selected_providers add column choice_id bigint;   -- the number the provider was told

-- migrate:down
alter table selected_providers drop column choice_id;
drop table filing_commands;
alter table filings drop constraint filings_channel_check;
delete from filings where ended_by = 'change';
alter table filings
    drop constraint filings_ended_by_check,
    add constraint filings_ended_by_check check (ended_by in ('withdrawal', 'return')),
    drop constraint filings_subkind_of_long_term,
    drop column subkind, drop column declared, drop column materials, drop column provider_code,
    drop column to_provider, drop column visit_id, drop column replaces, drop column reason, drop column details;
update filings set channel = case channel when 'online' then 'app' when 'provider' then 'hospital' else channel end;
