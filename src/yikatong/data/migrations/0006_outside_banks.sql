-- migrate:up

-- person: orders to banks (银行指令): money sent to an account there, or collected from one
create table bank_orders (
    person_id           bigint      not null,     -- whose order it is; 0 where it is nobody's
    order_id            bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 120),
    content_hash        bytea       not null,     -- the same key with other content is refused
    bank                text        not null,     -- the bank that keeps the other account
    direction           text        not null check (direction in ('credit', 'debit')),
    amount              bigint      not null check (amount > 0),
    account_id          bigint      not null,     -- our side: an account of the person, or
    shared              boolean     not null,     -- a shared account
    number_sealed       bytea       not null,     -- the account at the bank
    number_tail         char(4)     not null,
    name_sealed         bytea       not null,     -- its owner's name as the bank compares it
    memo                text        not null,
    state               text        not null default 'pending'
        check (state in ('pending', 'unknown', 'done', 'refused')),
    attempts            integer     not null default 0 check (attempts >= 0),
    next_try_at         timestamptz,              -- null while unknown: only reconciliation helps
    created_at          timestamptz not null,
    first_sent_at       timestamptz,
    valid_until         timestamptz,              -- what the bank was told, from the first sending on
    finished_at         timestamptz,
    reference           text,                     -- done: the bank's number of it
    executed_at         timestamptz,              -- done: by the bank's clock
    refusal_code        text,
    refusal_zh          text,
    refusal_en          text,
    version             bigint      not null default 1,
    primary key (person_id, order_id),
    unique (person_id, key),
    check ((state in ('done', 'refused')) = (finished_at is not null)),
    check ((state = 'done') = (executed_at is not null and reference is not null)),
    check ((state = 'refused') = (refusal_code is not null and refusal_zh is not null
                                  and refusal_en is not null)),
    check ((attempts > 0) = (first_sent_at is not null and valid_until is not null)),
    check (state <> 'pending' or (attempts = 0 and next_try_at is not null)),
    check (state <> 'unknown' or attempts > 0)
) with (fillfactor = 70);
create index bank_orders_due on bank_orders (bank, next_try_at)
    where state in ('pending', 'unknown');
create index bank_orders_executed on bank_orders (bank, executed_at) where state = 'done';

-- directory: an order that the embedded bank was given → the account, and what became of it. It is
-- the embedded bank's own memory, apart from bank_orders as another bank's would be.
create table embedded_bank_orders (
    bank                text        not null,
    order_id            text        not null check (char_length(order_id) between 1 and 64),
    content_hash        bytea       not null,
    direction           text        not null check (direction in ('credit', 'debit')),
    amount              bigint      not null check (amount > 0),
    number_tail         char(4)     not null,
    person_id           bigint,                   -- done: whose account, and the transaction
    transaction_id      bigint,
    refusal_code        text,
    refusal_zh          text,
    refusal_en          text,
    at                  timestamptz not null,
    primary key (bank, order_id),
    check ((transaction_id is null) = (refusal_code is not null)),
    check ((transaction_id is null) = (person_id is null))
);
create index embedded_bank_orders_done on embedded_bank_orders (bank, at)
    where transaction_id is not null;

-- reference: days of banks that were compared with our orders (对账)
create table bank_reconciliations (
    bank                text        not null,
    day                 date        not null,
    closed              boolean     not null,     -- whether the bank's statement was final
    bank_rows           integer     not null,
    matched             integer     not null,
    waiting             integer     not null,     -- orders of the day still without an outcome
    first_at            timestamptz not null,
    changed_at          timestamptz not null,     -- when running it last changed anything
    primary key (bank, day)
);

-- reference: what did not agree between a bank's statement and our orders, each once
create table bank_differences (
    bank                text        not null,
    day                 date        not null,
    order_id            text        not null,     -- as the bank was told it
    kind                text        not null check (kind in
        ('ours_only', 'bank_only', 'amount_differs', 'direction_differs', 'account_differs',
         'unknown_resolved_done', 'unknown_resolved_refused')),
    ours                text        not null,     -- what each side says, never personal data
    theirs              text        not null,
    found_at            timestamptz not null,
    cleared_at          timestamptz,              -- a later run no longer found it
    primary key (bank, day, order_id, kind)
);

-- migrate:down
drop table bank_differences, bank_reconciliations, embedded_bank_orders, bank_orders;
