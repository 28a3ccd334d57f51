-- migrate:up

-- reference: employers that pay for their staff (用人单位)
create table employers (
    employer_code       char(18)    not null primary key,   -- 统一社会信用代码 (GB 32100)
    name                text        not null check (char_length(name) between 1 and 100),
    region              char(6)     not null,
    trade               smallint    not null check (trade between 1 and 8),
    registered_at       timestamptz not null
);

-- reference: an employer's list of a month: who, with which wage (单位申报清单)
create sequence contribution_list_ids;
create table contribution_lists (
    list_id             bigint      not null primary key default nextval('contribution_list_ids'),
    employer_code       char(18)    not null,
    region              char(6)     not null,
    period              date        not null,
    key                 text        not null,
    content_hash        bytea       not null,
    state               text        not null check (state in ('open', 'paid')),
    people              integer     not null,
    bills               integer     not null,
    total               bigint      not null check (total > 0),
    due_on              date        not null,
    uploaded_at         timestamptz not null,
    paid_at             timestamptz,
    late_fee            bigint      not null default 0 check (late_fee >= 0),
    notice              text,                     -- the outside payment it was paid by
    version             integer     not null default 1,
    unique (employer_code, key),
    check ((state = 'paid') = (paid_at is not null))
);

-- person: what is owed for one insurance and period (缴费核定单)
create table contribution_bills (
    person_id           bigint      not null,
    bill_id             bigint      not null,
    insurance           char(3)     not null
        check (insurance in ('110', '150', '210', '310', '390', '410')),
    region              char(6)     not null,
    category            text        not null,
    payer               text        not null check (payer in ('employer', 'self')),
    employer_code       char(18),
    list_id             bigint,
    period_from         date        not null,
    period_until        date        not null,
    base                bigint      not null check (base >= 0),
    employer_part       bigint      not null check (employer_part >= 0),
    personal_part       bigint      not null check (personal_part >= 0),
    account_part        bigint      not null,
    due_on              date        not null,
    state               text        not null
        check (state in ('open', 'paid', 'cancelled', 'refunded')),
    late_fee            bigint      not null default 0 check (late_fee >= 0),
    paid_at             timestamptz,
    paid_by             bigint,                   -- the ledger transaction,
    paid_about          bigint,                   -- which lies with this person_id
    account_id          bigint,                   -- the bank account it came from; null: outside
    issued_at           timestamptz not null,
    version             integer     not null default 1,
    primary key (person_id, bill_id),
    check (period_from <= period_until),
    check (account_part between 0 and employer_part + personal_part),
    check (state in ('open', 'cancelled') or paid_by is not null)
);
-- a period is owed once
create unique index contribution_bills_period on contribution_bills (person_id, insurance, period_from)
    where state in ('open', 'paid');
create index contribution_bills_list on contribution_bills (list_id) where list_id is not null;
create index contribution_bills_due on contribution_bills (due_on) where state = 'open';

-- person: who else may be paid for from the medical account (家庭共济)
create table medical_family (
    person_id           bigint      not null,     -- the owner of the account
    member_id           bigint      not null,
    yearly_limit        bigint      not null check (yearly_limit > 0),
    since               date        not null,
    until               date,                     -- when the owner took it back
    spent_year          smallint    not null default 0,
    spent               bigint      not null default 0 check (spent >= 0),
    version             integer     not null default 1,
    primary key (person_id, member_id)
);

-- through which day the contributions are paid
alter table enrolments add column covered_until date;

-- migrate:down
alter table enrolments drop column covered_until;
drop table medical_family, contribution_bills, contribution_lists, employers;
drop sequence contribution_list_ids;
