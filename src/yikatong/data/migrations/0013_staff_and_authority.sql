-- migrate:up

-- reference: members of staff (工作人员)
create table staff (
    staff_number        text        not null primary key check (staff_number ~ '^[a-z0-9][a-z0-9-]{1,29}$'),
    name                text        not null check (char_length(name) between 1 and 50),
    region              char(6)     not null,                 -- of the office they belong to
    state               text        not null default 'active' check (state in ('active', 'left')),
    sandbox             boolean     not null default false,   -- only where the sandbox is on
    password_verifier   bytea       not null,
    password_changed_at timestamptz,                          -- null: to be changed at the next sign-in
    totp_sealed         bytea,                                -- the secret of the second factor
    totp_step           bigint      not null default 0,       -- the last time step whose code was taken
    made_at             timestamptz not null
);

-- reference: which role a member of staff has where (岗位)
create table staff_grants (
    staff_number        text        not null,
    role                text        not null,
    region              char(6)     not null,
    granted_at          timestamptz not null,
    granted_by          text        not null,
    primary key (staff_number, role, region)
);

-- local: codes that stand in once for a lost second factor
create table staff_recovery_codes (
    staff_number        text        not null,
    code_hash           bytea       not null,     -- keyed
    used_at             timestamptz,
    primary key (staff_number, code_hash)
);

-- local: staff that is signing in or signed in
create table staff_sessions (
    staff_number        text        not null,
    session_id          bigint      not null,
    secret_hash         bytea       not null,
    stage               text        not null check (stage in ('second_factor', 'enrolment', 'open')),
    candidate_sealed    bytea,                    -- a second factor that is being enrolled
    device              text        not null,
    begun_at            timestamptz not null,
    seen_at             timestamptz not null,
    ends_at             timestamptz not null,
    ended_at            timestamptz,
    primary key (staff_number, session_id)
);

-- local: what administrators did with staff and machines, and staff with themselves; no person's data
create table office_events (
    event_id            bigint      not null primary key,
    at                  timestamptz not null,
    actor_kind          text        not null,
    actor               text        not null,
    action              text        not null,
    subject             text        not null,     -- a staff number or a machine's id
    detail              jsonb       not null
);
create index on office_events (subject, event_id);

-- reference: machines that call the API (接口凭证)
create table machines (
    machine_id          text        not null primary key check (machine_id ~ '^[a-z0-9][a-z0-9-]{1,39}$'),
    name                text        not null check (char_length(name) between 1 and 100),
    kind                text        not null check (kind in ('service', 'provider')),
    made_at             timestamptz not null,
    revoked_at          timestamptz
);

-- reference: at most two live secrets each, so that a new one is brought in without a gap
create table machine_secrets (
    machine_id          text        not null,
    secret_hash         bytea       not null,     -- SHA-256 of 32 random bytes
    made_at             timestamptz not null,
    ends_at             timestamptz not null,
    used_at             timestamptz,
    primary key (machine_id, secret_hash)
);

-- reference: what a machine may do where
create table machine_grants (
    machine_id          text        not null,
    permission          text        not null,
    region              char(6)     not null,
    primary key (machine_id, permission, region)
);

-- local: what a second person is asked to approve (双人复核)
create table approvals (
    approval_id         bigint      not null primary key,
    permission          text        not null,
    regions             text[]      not null,
    facts_sealed        bytea       not null,     -- what exactly
    content_hash        bytea       not null,     -- keyed, of permission, regions and facts
    asked_by_kind       text        not null,
    asked_by            text        not null,
    idempotency_key     text        not null,
    asked_at            timestamptz not null,
    until               timestamptz not null,
    state               text        not null
        check (state in ('asked', 'approved', 'refused', 'done', 'failed')),
    decided_by          text,
    decided_at          timestamptz,
    outcome             text        not null default '',
    unique (asked_by_kind, asked_by, idempotency_key),
    check ((decided_by is null) = (state = 'asked')),
    check (decided_by is null or asked_by_kind <> 'staff' or decided_by <> asked_by)
);
create index on approvals (until) where state = 'asked';

-- person: authority to act for somebody (代办授权); one row at either end
create table authorities (
    person_id           bigint      not null,
    authority_id        bigint      not null,
    side                text        not null check (side in ('principal', 'agent')),
    other_person_id     bigint      not null,
    services            text[]      not null check (cardinality(services) > 0),
    starts_on           date        not null,
    ends_on             date        not null,
    evidence            text        not null,     -- the document at the counter, or the session
    recorded_by         text        not null,
    recorded_at         timestamptz not null,
    revoked_at          timestamptz,
    revoked_by          text,
    idempotency_key     text        not null,
    primary key (person_id, authority_id),
    unique (person_id, side, idempotency_key),
    check (ends_on >= starts_on),
    check (person_id <> other_person_id)
);

-- migrate:down
drop table authorities, approvals, machine_grants, machine_secrets, machines, office_events,
    staff_sessions, staff_recovery_codes, staff_grants, staff;
