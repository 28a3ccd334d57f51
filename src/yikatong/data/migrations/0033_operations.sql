-- migrate:up

-- local: what all processes answered (运行计数), in slices of 10, 60 and 600 seconds, each kept for some time
create table served (
    span                smallint    not null check (span in (10, 60, 600)),
    since               timestamptz not null,
    kind                text        not null,     -- settlement, verification, payment …
    done                bigint      not null,
    refused             bigint      not null,
    failed              bigint      not null,
    buckets             bigint[]    not null,     -- how many took so long; the bounds are in core/tally.py
    primary key (span, since, kind)
) with (fillfactor = 50);

-- local: processes that serve, and when each gave its last sign
create table serving_processes (
    name                text        not null primary key,
    started_at          timestamptz not null,
    seen_at             timestamptz not null,
    waiting             jsonb       not null
) with (fillfactor = 50);

-- local: what is done when due, and how it last went (到期业务)
create table due_work (
    name                text        not null primary key,
    last_at             timestamptz not null,
    succeeded_at        timestamptz,
    failed_since        timestamptz,              -- null: it went well
    failures            integer     not null default 0,
    reason_zh           text        not null default '',
    reason_en           text        not null default ''
) with (fillfactor = 50);

-- local: exceptions that somebody took on (已接手的异常); it is listed all the same until it is mended
create table exceptions_taken (
    kind                text        not null,
    subject             text        not null,
    since               timestamptz not null,     -- which occurrence: the next one is a new one
    taken_by            text        not null,
    taken_at            timestamptz not null,
    primary key (kind, subject, since)
);

-- reference: what went onto and off the shared accounts, by day; read instead of their postings
create table shared_days (
    account_id          bigint      not null,
    day                 date        not null,
    credits             bigint      not null check (credits >= 0),   -- fen, in favour of the owner
    debits              bigint      not null check (debits >= 0),
    postings            bigint      not null,
    primary key (account_id, day)
) with (fillfactor = 70);

-- reference: through which transaction id they are added up; one row
create table shared_days_through (
    one                 boolean     not null primary key default true check (one),
    through_id          bigint      not null
);
insert into shared_days_through (through_id) values (0);

-- local: seals over the audit trail (审计封条), each over the events of some minutes and the seal before
create table audit_seals (
    through_id          bigint      not null primary key,     -- events with smaller numbers
    from_id             bigint      not null,
    events              bigint      not null,
    seal                bytea       not null,     -- keyed: who can write here cannot make one
    sealed_at           timestamptz not null
);

create index outgoing_texts_not_sent on outgoing_texts (at) where state in ('failed', 'late');

-- What a member of staff did and saw is searched by who. Providers and cardholders write nothing to it.
create index audit_events_staff on audit_events (actor, event_id) where actor_kind = 'staff';
-- Numbers grow with time, as the table does: a block range index finds a time and costs a writer nothing.
create index audit_events_number on audit_events using brin (event_id)
    with (pages_per_range = 32, autosummarize = on);

-- migrate:down
drop index outgoing_texts_not_sent, audit_events_number, audit_events_staff;
drop table audit_seals, shared_days_through, shared_days, exceptions_taken, due_work, serving_processes, served;
