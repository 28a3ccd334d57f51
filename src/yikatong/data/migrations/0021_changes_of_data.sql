-- migrate:up

-- person: documents of what a person asks for (材料), sealed; deleted some time after the matter ended
create table documents (
    person_id           bigint      not null,
    document_id         bigint      not null,
    matter              text        not null check (char_length(matter) between 1 and 40),
    matter_id           bigint      not null,
    kind                text        not null,
    media_type          text        not null,
    size                integer     not null check (size > 0),
    filename_sealed     bytea       not null,     -- people write names into it
    content_hash        bytea       not null,     -- keyed: the same document is kept once a matter
    sealed              bytea       not null,
    added_at            timestamptz not null,
    added_by_kind       text        not null,
    added_by            text        not null,
    delete_on           date,                     -- null: the matter goes on
    primary key (person_id, document_id),
    unique (person_id, matter, matter_id, content_hash)
);
alter table documents alter column sealed set storage external;
create index documents_over on documents (delete_on) where delete_on is not null;

-- person: changes of a person's data (个人信息变更), each with who, when, through which channel
create table person_changes (
    person_id           bigint      not null,
    change_id           bigint      not null,
    state               text        not null
        check (state in ('taken', 'done', 'refused', 'withdrawn')),
    fields              text[]      not null,     -- what changes; none: all was confirmed as right
    values_sealed       bytea       not null,     -- what it was and what it becomes, by field
    channel             text        not null check (channel in ('online', 'counter')),
    reason              text        not null default '',      -- why it was refused or withdrawn
    taken_at            timestamptz not null,
    taken_by_kind       text        not null,
    taken_by            text        not null,
    decided_at          timestamptz,
    decided_by_kind     text,
    decided_by          text,
    key                 text        not null check (char_length(key) between 1 and 100),
    content_hash        bytea       not null,
    primary key (person_id, change_id),
    unique (person_id, key),
    check ((state = 'taken') = (decided_at is null)),
    check ((decided_at is null) = (decided_by is null))
);
-- one that waits at a time
create unique index person_changes_waiting on person_changes (person_id) where state = 'taken';
create index person_changes_to_review on person_changes (change_id) where state = 'taken';

-- directory: a keyed hash of a phone → the persons who gave it
create table person_phones (
    phone_hash          bytea       not null,
    person_id           bigint      not null,
    primary key (phone_hash, person_id)
);

-- A code to a phone that is not on file yet: it counts once the code came back.
alter table one_time_codes add column phone_sealed bytea;

-- migrate:down
alter table one_time_codes drop column phone_sealed;
drop table person_phones, person_changes, documents;
