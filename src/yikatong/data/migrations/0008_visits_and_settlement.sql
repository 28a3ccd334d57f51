-- migrate:up

-- person: assisted and special groups a person belongs to (人员身份): 低保, 特困, 公务员 …
create table special_groups (
    person_id           bigint      not null,
    group_name          text        not null,
    starts_on           date        not null,
    ends_on             date,
    primary key (person_id, group_name, starts_on)
);

-- The rest of what a policy year adds up, beside what was there.
alter table accumulators
    add column outpatient_in_scope bigint not null default 0,
    add column inpatient_in_scope  bigint not null default 0,
    add column civil_servant       bigint not null default 0,
    add column assistance          bigint not null default 0,
    add column chronic_deductible  bigint not null default 0,
    add column chronic_pooled      bigint not null default 0,
    add column chronic_in_scope    bigint not null default 0,
    add column over_cap            bigint not null default 0;
alter table accumulators set (fillfactor = 70);

-- person: what a policy year began with that no settlement here tells of: carried over from another
-- system or region (累计转入). accumulators = carried over + what the settlements added.
create table accumulators_carried_over (
    person_id           bigint      not null,
    insurance           char(3)     not null,
    year_starts_on      date        not null,
    amounts             jsonb       not null,     -- by name, in fen; admissions as a number
    source              text        not null,
    primary key (person_id, insurance, year_starts_on)
);
insert into accumulators_carried_over
    select person_id, insurance, year_starts_on,
           jsonb_build_object('admissions', admissions,
               'outpatient_deductible', outpatient_deductible, 'outpatient_pooled', outpatient_pooled,
               'pooled', pooled, 'large_amount', large_amount, 'serious_illness', serious_illness,
               'borne_in_scope', borne_in_scope), 'before the first settlement'
      from accumulators;

-- person: whose medical accounts may pay for this person; the consent itself lies with its owner
create table medical_family_payers (
    person_id           bigint      not null,
    owner_id            bigint      not null,
    primary key (person_id, owner_id)
);
insert into medical_family_payers select member_id, person_id from medical_family;

-- person: a visit (就诊): an outpatient registration, a stay, a purchase at a pharmacy
create table visits (
    person_id           bigint      not null,
    visit_id            bigint      not null,
    provider_code       char(12)    not null,
    setting             text        not null check (setting in ('outpatient', 'inpatient', 'pharmacy')),
    care_code           text        not null,     -- med_type of the national code table
    state               text        not null check (state in
        ('registered', 'seen', 'admitted', 'discharged', 'settled', 'cancelled')),
    insurance           char(3)     not null,
    insured_region      char(6)     not null,
    treatment_region    char(6)     not null,
    number              text        not null,     -- the provider's own (门诊号, 住院号)
    begun_at            timestamptz not null,
    ended_at            timestamptz,
    diagnoses           jsonb       not null default '[]',
    disease             text,                     -- the chronic disease it is for, where it is
    details             jsonb       not null default '{}',
    version             integer     not null default 1,
    primary key (person_id, visit_id)
) with (fillfactor = 80);
-- one stay at a time
create unique index visits_stay on visits (person_id) where state in ('admitted', 'discharged');

-- person: fee lines (费用明细), those of one upload together: their sums, and each with its split
create table fee_batches (
    person_id           bigint      not null,
    visit_id            bigint      not null,
    batch_id            bigint      not null,
    batch               text        not null,     -- chrg_bchno; '' where the provider names none
    settlement_id       bigint,                   -- which settlement took it; null: none yet
    lines_count         smallint    not null check (lines_count >= 0),
    total               bigint      not null,
    self_paid           bigint      not null,
    over_limit          bigint      not null,
    first_pay           bigint      not null,
    lines               jsonb       not null,
    uploaded_at         timestamptz not null,
    version             integer     not null default 1,
    primary key (person_id, visit_id, batch_id)
) with (fillfactor = 80);

-- person: settlements (结算) and their reversals, only ever added: the amounts in fen, everything they
-- were computed from, and what they added to the year. A reversal is the settlement negated.
create table settlements (
    person_id           bigint      not null,
    settlement_id       bigint      not null,
    visit_id            bigint      not null,
    provider_code       char(12)    not null,
    message_id          text        not null,     -- the provider's message, or the claim
    reverses            bigint,
    channel             text        not null check (channel in ('direct', 'claim')),
    interim             boolean     not null default false,
    setting             text        not null,
    care_code           text        not null,
    insurance           char(3)     not null,
    insured_region      char(6)     not null,
    treatment_region    char(6)     not null,
    settled_at          timestamptz not null,
    total               bigint      not null,
    self_paid           bigint      not null,
    over_limit          bigint      not null,
    first_pay           bigint      not null,
    deductible          bigint      not null,
    pooled              bigint      not null,
    large_amount        bigint      not null,
    serious_illness     bigint      not null,
    civil_servant       bigint      not null,
    assistance          bigint      not null,
    medical_account     bigint      not null,
    family_account      bigint      not null,
    cash                bigint      not null,
    balance_after       bigint      not null,     -- of the person's medical account
    policy_from         date        not null,
    year_starts_on      date        not null,
    inputs              jsonb       not null,     -- what the policy was applied to
    added               jsonb       not null,     -- what this added to the accumulators
    batches             bigint[]    not null,
    transaction_id      bigint,                   -- of the ledger; null: no fund and no account paid
    invoice             text        not null default '',
    operator            text        not null default '',
    primary key (person_id, settlement_id),
    check (total = pooled + large_amount + serious_illness + civil_servant + assistance
                   + medical_account + family_account + cash)
);
create unique index settlements_reversal on settlements (person_id, reverses)
    where reverses is not null;
create index settlements_by_provider on settlements (provider_code, settled_at);

-- directory: every message of a provider, once, with the first answer to it
create table provider_messages (
    provider_code       char(12)    not null,
    message_id          text        not null check (char_length(message_id) between 1 and 30),
    transaction_code    text        not null,
    content_hash        bytea       not null,
    kind                text        not null,     -- of the order, such as Settle; '' for none
    person_id           bigint,
    visit_id            bigint,
    refers              bigint,                   -- the visit, batch, settlement or filing it made
    succeeded           boolean     not null,
    at                  timestamptz not null,
    answer              bytea       not null,
    undone_by           text,                     -- the 2601 that took it back, also before it came
    primary key (provider_code, message_id)
);
alter table provider_messages alter column answer set storage external;

-- reference: how a provider signs its calls (接口凭证)
create table provider_credentials (
    access_key          text        not null primary key,
    provider_code       char(12)    not null,
    scheme              char(1)     not null check (scheme in ('A', 'B')),
    secret_sealed       bytea       not null,
    sm2_public_key      text,                     -- where registered, calls must carry a signature
    sandbox             boolean     not null default false,   -- sees synthetic people only
    created_at          timestamptz not null,
    revoked_at          timestamptz
);
create index provider_credentials_by_provider on provider_credentials (provider_code);

-- reference: operators signed in at a provider (签到)
create table provider_sign_ins (
    provider_code       char(12)    not null,
    sign_no             text        not null,
    operator            text        not null,
    signed_in_at        timestamptz not null,
    signed_out_at       timestamptz,
    primary key (provider_code, sign_no)
);

-- local: the newest calls of sandbox providers, as they came and as they were answered
create table provider_calls (
    provider_code       char(12)    not null,
    call_id             bigint      not null,
    at                  timestamptz not null,
    transaction_code    text        not null,
    message_id          text        not null,
    milliseconds        real        not null,
    status              smallint    not null,
    code                text        not null,     -- infcode, or the typed error's code
    request             text        not null,
    answer              text        not null,
    primary key (provider_code, call_id)
);

-- reference: faults switched on for a sandbox provider, so that its client's handling can be tested
create table provider_faults (
    provider_code       char(12)    not null,
    fault               text        not null
        check (fault in ('slow', 'lost', 'refused', 'wrong_total', 'unavailable')),
    transaction_code    text        not null default '',      -- '': every one
    times               integer     not null check (times >= 0),
    primary key (provider_code, fault, transaction_code)
);

-- reference: files for providers to fetch, made on demand and kept for some days (9101, 9102)
create table provider_files (
    file_query_no       text        not null primary key,
    provider_code       char(12),                 -- null: any provider, such as catalogs
    file_name           text        not null,
    content             bytea       not null,
    made_at             timestamptz not null,
    kept_until          timestamptz not null
);

-- migrate:down
drop table provider_files, provider_faults, provider_calls, provider_sign_ins, provider_credentials,
    provider_messages, settlements, fee_batches, visits, medical_family_payers, accumulators_carried_over, special_groups;
alter table accumulators
    drop column outpatient_in_scope, drop column inpatient_in_scope, drop column civil_servant,
    drop column assistance, drop column chronic_deductible, drop column chronic_pooled,
    drop column chronic_in_scope, drop column over_cap;
