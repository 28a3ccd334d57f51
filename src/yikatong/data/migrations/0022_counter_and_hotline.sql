-- migrate:up

-- person: what was done at a counter or on the phone (回执), once per form, as it can be printed again
create table counter_receipts (
    person_id           bigint      not null,
    receipt_id          bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 100),
    content_hash        bytea       not null,     -- of the form that was sent
    errand              text        not null,
    staff_number        text        not null,
    at                  timestamptz not null,
    told_sealed         bytea       not null,     -- what the receipt says
    primary key (person_id, receipt_id),
    unique (person_id, key)
);

-- person: calls of the hotline (通话记录) after the caller was found by three facts; the note comes later
create table call_notes (
    person_id           bigint      not null,
    call_id             bigint      not null,
    staff_number        text        not null,
    begun_at            timestamptz not null,
    compared            text[]      not null,     -- which facts agreed, not what they are
    topic               text        not null default '',
    note_sealed         bytea,
    noted_at            timestamptz,
    primary key (person_id, call_id)
);

-- local: every search of staff, also those that found nobody; words open for an hour, then are gone
create table staff_searches (
    search_id           bigint      not null primary key,
    staff_number        text        not null,
    at                  timestamptz not null,
    form                text        not null,     -- id_number, card, number, name
    words_hash          bytea       not null,
    words_sealed        bytea,
    found               smallint    not null
);
create index staff_searches_open on staff_searches (at) where words_sealed is not null;

-- local: forms sent after the session was over, kept sealed until their sender has signed in again
create table staff_drafts (
    staff_number        text        not null,
    path                text        not null,
    at                  timestamptz not null,
    form_sealed         bytea       not null,
    primary key (staff_number, path)
);

-- A name is looked for with a birth date; a number of something, without knowing whose it is.
create index persons_name on persons (name, birth_date);
create index filings_number on filings (filing_id);
create index claims_number on claims (claim_id);
create index card_applications_number on card_applications (application_id);
-- Numbers grow with time, as these tables do: a block range index finds them and costs a writer nothing.
create index visits_number on visits using brin (visit_id)
    with (pages_per_range = 32, autosummarize = on);
create index settlements_number on settlements using brin (settlement_id)
    with (pages_per_range = 32, autosummarize = on);

-- migrate:down
drop index settlements_number, visits_number, card_applications_number, claims_number, filings_number,
    persons_name;
drop table staff_drafts, staff_searches, call_notes, counter_receipts;
