-- migrate:up

-- person: standing orders (定期转账、代扣约定): what goes out of an account on dates agreed before
create table standing_orders (
    person_id           bigint      not null,
    order_id            bigint      not null,     -- the transaction that arranged it
    kind                text        not null check (kind in ('transfer', 'contribution')),
    account_id          bigint      not null,     -- the person's account that pays
    payee_person_id     bigint,                   -- transfer: resolved when arranged; no number here
    payee_account_id    bigint,
    payee_tail          char(4),                  -- transfer: for people
    target              text,                     -- contribution: what is paid, for that room to read
    amount              bigint      not null check (amount > 0),      -- contribution: at most
    memo                text        not null,
    every               text        not null check (every in ('month', 'week', 'once')),
    day                 smallint,                 -- month: 1-31; week: 1 Monday - 7 Sunday
    starts_on           date        not null,
    ends_on             date,
    level               smallint    not null check (level in (2, 3)), -- how the person was identified
    state               text        not null check (state in ('active', 'paused', 'ended')),
    next_due            date,
    try_on              date,                     -- when it is next tried: a retry is behind next_due
    tries               smallint    not null default 0 check (tries >= 0),
    last_due            date,                     -- the last due date that was dealt with
    arranged_at         timestamptz not null,
    version             bigint      not null default 1,
    primary key (person_id, order_id),
    check ((kind = 'transfer') = (payee_person_id is not null and payee_account_id is not null)),
    check ((kind = 'contribution') = (target is not null)),
    check (case every when 'month' then day between 1 and 31
                      when 'week' then day between 1 and 7
                      else day is null end),
    check ((state = 'active') = (next_due is not null)),
    check ((next_due is null) = (try_on is null))
);
create index standing_orders_due on standing_orders (try_on, person_id, order_id)
    where state = 'active';

-- person: what became of each due date of a standing order
create table standing_order_runs (
    person_id           bigint      not null,
    order_id            bigint      not null,
    due_on              date        not null,
    outcome             text        not null check (outcome in ('paid', 'retrying', 'skipped')),
    amount              bigint      not null check (amount > 0),
    tries               smallint    not null check (tries >= 0),
    reason              text,                     -- a code; the texts are for the person
    reason_zh           text,
    reason_en           text,
    transaction_id      bigint,
    at                  timestamptz not null,
    primary key (person_id, order_id, due_on),
    check ((outcome = 'paid') = (transaction_id is not null)),
    check ((outcome = 'paid') = (reason is null))
);

-- person: what a person answered about risk, and how that was rated (风险测评)
create table risk_ratings (
    person_id           bigint      not null,
    rating_id           bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 120),
    content_hash        bytea       not null,     -- the same key with other answers is refused
    answers             smallint[]  not null,
    score               smallint    not null,
    rating              text        not null check (rating in ('C1', 'C2', 'C3', 'C4', 'C5')),
    rated_on            date        not null,
    valid_until         date        not null check (valid_until >= rated_on),
    primary key (person_id, rating_id),
    unique (person_id, key)
);

-- person: wealth products a person holds or held (理财持仓), on the terms of the day of purchase
create table wealth_holdings (
    person_id           bigint      not null,
    holding_id          bigint      not null,     -- the transaction that bought it
    account_id          bigint      not null,     -- where the money came from and goes back to
    bank                text        not null,
    product             text        not null,
    kind                text        not null check (kind in ('fixed_term', 'open_ended')),
    risk                text        not null check (risk in ('R1', 'R2', 'R3', 'R4', 'R5')),
    rate                integer     not null check (rate >= 0),       -- a year, parts per million
    bought              bigint      not null check (bought > 0),
    principal           bigint      not null check (principal between 0 and bought),
    accrued             bigint      not null default 0 check (accrued >= 0),
    interest_paid       bigint      not null default 0 check (interest_paid >= 0),
    bought_at           timestamptz not null,
    cooling_until       timestamptz not null,
    starts_on           date        not null,     -- the first day that bears interest
    matures_on          date,
    accrued_through     date        not null,     -- `accrued` is of the days before this one
    state               text        not null check (state in ('open', 'cancelled', 'redeemed')),
    closed_at           timestamptz,
    unpaid              text,                     -- why it was not paid out at maturity
    version             bigint      not null default 1,
    primary key (person_id, holding_id),
    check ((kind = 'fixed_term') = (matures_on is not null)),
    check (matures_on > starts_on),
    check (accrued_through >= starts_on and (matures_on is null or accrued_through <= matures_on)),
    check ((state = 'open') = (closed_at is null)),
    check ((state = 'open') = (principal > 0)),
    check (state = 'open' or accrued = 0)
) with (fillfactor = 70);
create index wealth_holdings_accruing on wealth_holdings (accrued_through, person_id, holding_id)
    where state = 'open';
create index wealth_holdings_maturing on wealth_holdings (matures_on) where state = 'open';

-- migrate:down
drop table wealth_holdings, risk_ratings, standing_order_runs, standing_orders;
