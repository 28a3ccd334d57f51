-- migrate:up

-- local: payment runs (发放批次): what a fund of a region pays for a month, or a correction of it
create table benefit_runs (
    run_id              bigint      not null primary key,
    benefit             text        not null check (benefit in ('pension', 'unemployment')),
    insurance           char(3)     not null check (insurance in ('110', '150', '210')),  -- the fund
    region              char(6)     not null,
    month               date        not null check (extract(day from month) = 1),
    corrects            bigint,                   -- the run whose lines this one pays again
    state               text        not null check (state in
        ('preparing', 'prepared', 'checking', 'checked', 'approved', 'paying', 'paid',
         'cancelling', 'cancelled')),
    prepared_through    bigint      not null default -1,    -- persons up to this one are on the list
    lines               integer     not null default 0,
    check_round         integer     not null default 0,
    prepared_by         text        not null,
    prepared_at         timestamptz not null,
    checked_by          text,
    checked_at          timestamptz,
    approved_by         text,
    approved_at         timestamptz,
    approved_lines      integer,
    approved_amount     bigint,
    started_by          text,
    started_at          timestamptz,
    paid_at             timestamptz,
    cancelled_by        text,
    cancelled_at        timestamptz,
    version             integer     not null default 1,
    -- the second person is never the first
    check (approved_by <> prepared_by),
    check ((approved_by is null) = (approved_at is null)),
    check (state not in ('approved', 'paying', 'paid') or approved_by is not null)
);
-- a month is prepared once, and one correction of a run is under way at a time
create unique index benefit_runs_month on benefit_runs (benefit, insurance, region, month)
    where corrects is null and state not in ('cancelling', 'cancelled');
create unique index benefit_runs_correction on benefit_runs (corrects)
    where corrects is not null and state not in ('paid', 'cancelled');

-- local: parts of a run that are checked and paid at once, each in one transaction
create table benefit_run_chunks (
    run_id              bigint      not null,
    chunk               integer     not null,
    first_person        bigint      not null,
    last_person         bigint      not null,
    lines               integer     not null,
    check_round         integer     not null default 0,
    state               text        not null default 'open'
        check (state in ('open', 'paid', 'cancelled')),
    payable             integer     not null default 0,     -- lines to be paid, and their sum in fen
    payable_amount      bigint      not null default 0,
    paid                integer     not null default 0,
    paid_amount         bigint      not null default 0,
    paid_at             timestamptz,
    primary key (run_id, chunk)
);

-- person: the frozen list: what a person gets of a run, from whom, and what became of it
create table benefit_run_lines (
    person_id           bigint      not null,
    run_id              bigint      not null,
    line                integer     not null,
    benefit             text        not null,
    month               date        not null,
    account_id          bigint,                   -- the bank account of the card; null: none
    payer_id            bigint      not null,     -- the fund's shared account
    via_id              bigint,                   -- paid by file: the bank's shared account for it
    starts_on           date,                     -- the entitlement that monthly is of
    monthly             bigint      not null check (monthly >= 0),           -- of this month, in fen
    arrears             bigint      not null check (arrears >= 0),           -- dues paid out
    recovery            bigint      not null check (recovery >= 0),
    amount              bigint      not null check (amount >= 0),
    before              bigint      not null,     -- what was paid for the month before
    change              text        not null check (change in
        ('same', 'new', 'ended', 'changed', 'held', 'made_good', 'back_from_hold', 'recovered',
         'settled')),
    claims_month        boolean     not null,
    state               text        not null check (state in
        ('ready', 'held', 'ended', 'settled', 'blocked', 'paid', 'sent', 'returned', 'corrected', 'cancelled')),
    transaction_id      bigint,
    reason              text,                     -- why it came back
    primary key (person_id, run_id),
    check (amount = monthly + arrears - recovery),
    check ((monthly > 0) = (starts_on is not null)),
    check (claims_month = (state in ('ready', 'paid', 'sent'))),
    check (state not in ('paid', 'sent') or transaction_id is not null)
) with (fillfactor = 45);
create index benefit_run_lines_run on benefit_run_lines (run_id, person_id);
create index benefit_run_lines_number on benefit_run_lines (run_id, line);
-- whatever happens, a person is paid once for a benefit and month, in all regions together
create unique index benefit_run_lines_month on benefit_run_lines (person_id, benefit, month)
    where claims_month and monthly > 0;

-- person: what the check found at a line
create table benefit_run_findings (
    person_id           bigint      not null,
    run_id              bigint      not null,
    code                text        not null,
    blocks              boolean     not null,
    primary key (person_id, run_id, code)
);
create index benefit_run_findings_run on benefit_run_findings (run_id, code);

-- person: the dues that a line pays or takes back
create table benefit_run_dues (
    person_id           bigint      not null,
    run_id              bigint      not null,
    due_id              bigint      not null,
    version             integer     not null,     -- as it was when the list was made
    primary key (person_id, run_id, due_id)
);

-- local: files for banks that keep the accounts themselves, and what they answered
create table benefit_run_files (
    run_id              bigint      not null,
    bank                text        not null,
    via_id              bigint      not null,
    lines               integer     not null,
    amount              bigint      not null,
    made_at             timestamptz not null,
    made_by             text        not null,
    answered_at         timestamptz,
    primary key (run_id, bank)
);

-- Each is written once a month: room on the page keeps the indexes as they are.
alter table benefit_entitlements set (fillfactor = 45);

-- person: claims for unemployment benefit (失业保险金申领) and what was granted
create table unemployment_claims (
    person_id           bigint      not null,
    claim_id            bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 120),
    content_hash        bytea       not null,     -- the same key with other content is refused
    insured_region      char(6)     not null,     -- where the contributions were paid
    region              char(6)     not null,     -- where it is collected
    left_on             date        not null,     -- the last day of work
    reason              text        not null,     -- why the work ended
    registered_on       date        not null,     -- as looking for work (失业登记)
    months_paid         integer     not null check (months_paid >= 0),
    months_carried      integer     not null check (months_carried between 0 and 24),
    months_granted      integer     not null check (months_granted between 1 and 24),
    starts_on           date        not null,
    ends_on             date        not null,     -- the last day of the last month granted
    state               text        not null check (state in ('drawing', 'held', 'ended')),
    ended_on            date,                     -- the last day of the last month it is due for
    ended_by            text,
    months_left         integer     not null check (months_left between 0 and 24),
    overpaid            bigint      not null default 0 check (overpaid >= 0),    -- fen, to be taken back
    post                text        not null check (post in ('worker', 'cadre')),
    made_at             timestamptz not null,
    version             integer     not null default 1,
    primary key (person_id, claim_id),
    unique (person_id, key),
    check ((state = 'ended') = (ended_by is not null)),
    check ((state = 'ended') = (ended_on is not null))
);
create unique index unemployment_claims_current on unemployment_claims (person_id)
    where state <> 'ended';

-- person: months for which somebody confirmed to be looking for work (每月确认)
create table job_seeker_months (
    person_id           bigint      not null,
    month               date        not null,
    confirmed_at        timestamptz not null,
    channel             text        not null,
    primary key (person_id, month)
);

-- person: suitable jobs or trainings refused without good reason (无正当理由拒绝)
create table job_refusals (
    person_id           bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 120),
    refused_on          date        not null,
    noted_at            timestamptz not null,
    primary key (person_id, key)
);

-- migrate:down
drop table job_refusals, job_seeker_months, unemployment_claims;
alter table benefit_entitlements reset (fillfactor);
drop table benefit_run_files, benefit_run_dues, benefit_run_findings, benefit_run_lines,
    benefit_run_chunks, benefit_runs;
