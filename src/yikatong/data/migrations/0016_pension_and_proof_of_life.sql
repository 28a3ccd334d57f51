-- migrate:up

alter table benefit_entitlements
    add column insurance    char(3) check (insurance in ('110', '150', '210')),  -- whose fund pays
    add column months_paid  smallint check (months_paid between 0 and 1200),     -- when it was granted
    add column parts        jsonb,                -- of the first monthly sum, in fen by name
    add column held_on      date,
    add column ended_reason text check (ended_reason in ('death', 'used_up', 'work', 'age', 'other')),
    -- The last month (its first day) that was paid or became a due; those behind it are owed.
    add column settled_month date check (settled_month = date_trunc('month', settled_month)::date);

update benefit_entitlements e
   set insurance = case when benefit = 'unemployment' then '210'
           when exists (select from enrolments i
                         where i.person_id = e.person_id and i.insurance = '110') then '110'
           when exists (select from enrolments i
                         where i.person_id = e.person_id and i.insurance = '150') then '150'
           else '110' end,
       settled_month = date_trunc('month', (case when status = 'held' and proof_due_on < now()::date
           then proof_due_on else now()::date end) - interval '1 month')::date,
       held_on = case when status = 'held' then coalesce(proof_due_on, now()::date) end;
-- Who began only now was not paid yet.
update benefit_entitlements set settled_month = null
 where settled_month < date_trunc('month', starts_on);

-- found by the daily work
create index benefit_entitlements_proof on benefit_entitlements (proof_due_on)
    where status = 'drawing' and proof_due_on is not null;
create index benefit_entitlements_region on benefit_entitlements (benefit, region, person_id)
    where status <> 'ended';

-- found by the daily work: deaths not confirmed with who pays yet
create index persons_died on persons (person_id) where died_on is not null;
create index benefit_entitlements_dead on benefit_entitlements (person_id)
    where held_reason = 'recorded_dead';

-- person: commands on benefits by the caller's key, with the first answer
create table benefit_commands (
    person_id           bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 120),
    command             text        not null,
    content_hash        bytea       not null,
    answer              json        not null,     -- as it was told, to the letter
    at                  timestamptz not null,
    primary key (person_id, key)
);

-- person: sums once, beside the monthly ones; paid out, or in, by a payment run
create table benefit_dues (
    person_id           bigint      not null,     -- who gets it; of a recovery, who got too much
    due_id              bigint      not null,
    benefit             text        not null check (benefit in ('pension', 'unemployment')),
    insurance           char(3)     not null check (insurance in ('110', '150', '210')),
    region              char(6)     not null,     -- whose fund pays, or is paid back
    kind                text        not null check (kind in ('arrears', 'lump_sum', 'recovery')),
    amount              bigint      not null check (amount > 0),             -- fen, also of a recovery
    reason              text        not null,     -- granted, held, adjusted, funeral, survivors …
    month_from          date,                     -- of arrears and recoveries: which months, both in
    month_until         date,
    amounts             bigint[],                 -- of each of these months
    about_person_id     bigint,                   -- of a survivor's sum: who died
    state               text        not null check (state in ('open', 'paid', 'cancelled')),
    created_at          timestamptz not null,
    closed_at           timestamptz,
    transaction_id      bigint,                   -- the ledger transaction that paid it
    version             integer     not null default 1,
    primary key (person_id, due_id),
    check ((state = 'open') = (closed_at is null)),
    check ((month_from is null) = (month_until is null)),
    check (month_from <= month_until),
    check ((month_from is null) = (amounts is null))
);
create index benefit_dues_open on benefit_dues (benefit, region, person_id) where state = 'open';

-- person: yearly adjustments and what each did (养老金调整), once per rule
create table benefit_adjustments (
    person_id           bigint      not null,
    benefit             text        not null,
    starts_on           date        not null,     -- of the entitlement
    rule                text        not null,
    effective           date        not null,     -- the first month of the new sum
    before              bigint      not null,
    after               bigint      not null check (after > before),
    parts               jsonb       not null,     -- what was added, in fen by name
    facts               jsonb       not null,     -- what it was computed from
    at                  timestamptz not null,
    primary key (person_id, benefit, starts_on, rule)
);

-- person: applications for a pension (养老金申领) with what was decided and why
create table pension_applications (
    person_id           bigint      not null,
    application_id      bigint      not null,
    state               text        not null
        check (state in ('applied', 'granted', 'refused', 'withdrawn')),
    insurance           char(3)     not null check (insurance in ('110', '150')),
    region              char(6)     not null,
    channel             text        not null check (channel in ('online', 'counter')),
    retires_on          date        not null,     -- the month in which the person retires
    facts               jsonb       not null,     -- as declared, then as verified
    findings            jsonb       not null,     -- what speaks against it, or is to be known
    answer              jsonb,                    -- the calculation with its steps
    monthly             bigint,
    starts_on           date,                     -- of the entitlement
    reason              text        not null default '',
    applied_at          timestamptz not null,
    decided_at          timestamptz,
    version             integer     not null default 1,
    primary key (person_id, application_id),
    check ((state = 'granted') = (starts_on is not null)),
    check ((state in ('granted', 'refused')) = (decided_at is not null))
);
create unique index pension_applications_open on pension_applications (person_id)
    where state = 'applied';

-- person: proofs of life (领取资格认证), by whatever way, each once
create table proofs_of_life (
    person_id           bigint      not null,
    proof_id            bigint      not null,
    kind                text        not null
        check (kind in ('face', 'counter', 'visit', 'care', 'transit', 'data')),
    source              text        not null check (char_length(source) between 1 and 100),
    outcome             text        not null check (outcome in ('alive', 'dead')),
    at                  timestamptz not null,     -- when the person was seen
    region              char(6),                  -- where; null: abroad or unknown
    recorded_at         timestamptz not null,
    actor_kind          text        not null,
    actor               text        not null,
    primary key (person_id, proof_id),
    unique (person_id, kind, source)
);

-- person: reminders that a proof is due, each once (认证提醒)
create table proof_reminders (
    person_id           bigint      not null,
    due_on              date        not null,
    days_before         smallint    not null,
    made_at             timestamptz not null,
    primary key (person_id, due_on, days_before)
);

-- migrate:down
drop table proof_reminders, proofs_of_life, pension_applications, benefit_adjustments, benefit_dues,
    benefit_commands;
drop index persons_died, benefit_entitlements_proof, benefit_entitlements_region,
    benefit_entitlements_dead;
alter table benefit_entitlements
    drop column insurance, drop column months_paid, drop column parts, drop column held_on,
    drop column ended_reason, drop column settled_month;
