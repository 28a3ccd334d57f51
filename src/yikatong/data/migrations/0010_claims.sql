-- migrate:up

-- person: claims by hand (手工报销): a bill paid in full elsewhere, and what became of it
create table claims (
    person_id           bigint      not null,
    claim_id            bigint      not null,
    state               text        not null check (state in ('submitted', 'under_review', 'returned',
        'approved', 'refused', 'paid', 'withdrawn', 'reversed')),
    bill                jsonb       not null,     -- provider, kind of care, days, circumstances
    lines               jsonb       not null,     -- as submitted, with what the review cut
    lines_count         smallint    not null check (lines_count > 0),
    total               bigint      not null check (total > 0),
    bill_hash           bytea       not null,     -- provider and invoice, or the lines
    reason              text        not null default '',      -- of the last return, refusal, reversal
    settlement_id       bigint,
    approved            bigint,                   -- what all funds pay, in fen
    payment_id          bigint,                   -- the ledger transaction that paid the person
    submitted_at        timestamptz not null,
    changed_at          timestamptz not null,
    version             integer     not null default 1,
    primary key (person_id, claim_id),
    check ((settlement_id is null) = (approved is null))
);
-- a bill is claimed once at a time
create unique index claims_bill on claims (person_id, bill_hash)
    where state not in ('refused', 'withdrawn', 'reversed');
create index claims_waiting on claims (state, claim_id)
    where state in ('submitted', 'under_review', 'returned', 'approved');

-- person: every step of a claim, once per key, with its first answer
create table claim_steps (
    person_id           bigint      not null,
    claim_id            bigint      not null,
    step_id             bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 100),
    content_hash        bytea       not null,
    action              text        not null,
    state               text        not null,     -- behind the step
    at                  timestamptz not null,
    actor_kind          text        not null,
    actor               text        not null,
    detail              jsonb       not null,
    answer              jsonb       not null,
    primary key (person_id, claim_id, step_id),
    unique (person_id, key)
);

-- person: documents of a claim (票据、病历), sealed
create table claim_documents (
    person_id           bigint      not null,
    claim_id            bigint      not null,
    number              smallint    not null,
    kind                text        not null
        check (kind in ('invoice', 'fee_list', 'record', 'proof', 'other')),
    media_type          text        not null,
    size                integer     not null,
    content_hash        bytea       not null,     -- keyed: the same document is kept once
    sealed              bytea       not null,
    added_at            timestamptz not null,
    primary key (person_id, claim_id, number),
    unique (person_id, claim_id, content_hash)
);
alter table claim_documents alter column sealed set storage external;

-- migrate:down
drop table claim_documents, claim_steps, claims;
