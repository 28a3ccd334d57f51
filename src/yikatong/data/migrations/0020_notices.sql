-- migrate:up

-- person: what a person is told (通知), once for each cause; put into words when it is read
create table notices (
    person_id           bigint      not null,
    notice_id           bigint      not null,
    kind                text        not null check (char_length(kind) between 1 and 40),
    once                text        not null check (char_length(once) between 1 and 100),  -- its cause
    facts               jsonb       not null,     -- days, places, last digits; never whole numbers
    at                  timestamptz not null,
    read_at             timestamptz,
    text_state          text                      -- of the text to the phone; null: none was wanted
        check (text_state in ('handed_over', 'no_phone', 'no_sender')),
    text_id             bigint,                   -- the text that was handed over
    primary key (person_id, notice_id),
    check ((text_id is null) = (text_state is distinct from 'handed_over'))
);
create unique index notices_once on notices (person_id, kind, once);
create index notices_unread on notices (person_id, notice_id) where read_at is null;
create index notices_at on notices (at);

-- person: how a person wants to be told (通知方式); without a row: in the inbox, in Chinese
create table notice_choices (
    person_id           bigint      not null primary key,
    language            text        not null check (language in ('zh', 'en')),
    large_type          boolean     not null,
    texts               text[]      not null,     -- subjects also told by text message
    changed_at          timestamptz not null
);

alter table outgoing_texts
    add column not_before   timestamptz,          -- waits for the morning; null: sent at once
    add column language     text check (language in ('zh', 'en'));  -- chosen by who gets it, if known

-- found by the daily work: phones and addresses nobody confirmed for long, filings that end
create index persons_contact on persons
    (coalesce(contact_confirmed_on, date '2000-01-01'), person_id) where died_on is null;
create index filings_ending on filings (ends_on, person_id, filing_id)
    where ended_on is null and ends_on is not null;

-- migrate:down
drop index filings_ending, persons_contact;
alter table outgoing_texts drop column not_before, drop column language;
drop table notice_choices, notices;
