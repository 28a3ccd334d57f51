-- migrate:up

-- person: money accounts of persons (个人账户), each with its exact balance in fen
create table money_accounts (
    person_id           bigint      not null,
    account_id          bigint      not null,
    kind                text        not null check (kind in ('bank', 'medical')),
    class               smallint    check (class in (1, 2, 3)),       -- bank: I, II, III 类户
    bank                text,                     -- bank: the issuing bank's code
    region              char(6),                  -- medical: the insured region
    number_sealed       bytea,                    -- bank: the account's number
    number_tail         char(4),                  -- bank: its last four digits, for people
    currency            char(3)     not null default 'CNY',
    state               text        not null default 'open' check (state in ('open', 'closed')),
    frozen              text[]      not null default '{}'             -- why no money goes out
        check (frozen <@ array['loss_report', 'court', 'death']),
    balance             bigint      not null default 0,
    held                bigint      not null default 0 check (held >= 0),
    floor               bigint      not null default 0,
    spent_day           date,                     -- the day `spent_on_day` is of; the year alike
    spent_on_day        bigint      not null default 0 check (spent_on_day >= 0),
    spent_in_year       bigint      not null default 0 check (spent_in_year >= 0),
    last_transaction_id bigint      not null default 0,
    version             bigint      not null default 1,
    opened_at           timestamptz not null,
    closed_at           timestamptz,
    primary key (person_id, account_id),
    check (balance - held >= floor),
    check ((kind = 'bank') = (bank is not null and class is not null)),
    check ((kind = 'medical') = (region is not null)),
    check ((state = 'closed') = (closed_at is not null)),
    check (state = 'open' or (balance = 0 and held = 0))
) with (fillfactor = 70);
-- one open medical account per person
create unique index money_accounts_medical on money_accounts (person_id)
    where kind = 'medical' and state = 'open';

-- directory: a keyed hash of a bank account's number → the person and the account
create table account_numbers (
    number_hash         bytea       not null primary key,
    person_id           bigint      not null,
    account_id          bigint      not null
);

-- reference: accounts that many share: funds, providers, agencies, banks. No balance here: every
-- settlement would update the same row.
create sequence shared_account_ids;
create table shared_accounts (
    account_id          bigint      not null primary key default nextval('shared_account_ids'),
    kind                text        not null check (kind in ('fund', 'provider', 'agency', 'bank')),
    owner               text        not null,     -- region, provider code or bank code
    purpose             text        not null,     -- which of the owner's accounts
    currency            char(3)     not null default 'CNY',
    unique (kind, owner, purpose)
);

-- reference: balances of shared accounts up to and with a transaction; the postings since add to it
create table shared_balances (
    account_id          bigint      not null,
    through_id          bigint      not null,
    balance             bigint      not null,
    postings            bigint      not null,
    taken_at            timestamptz not null,
    primary key (account_id, through_id)
);

-- person: every command that moved, held or froze money, whole, once per key, only ever added.
-- person_id is the person it is about, 0 where it is between shared accounts only.
create table ledger_transactions (
    person_id           bigint      not null,
    transaction_id      bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 120),
    content_hash        bytea       not null,     -- the same key with other content is refused
    kind                text        not null,
    at                  timestamptz not null,
    actor_kind          text        not null,
    actor               text        not null,
    currency            char(3)     not null,
    persons             bigint[]    not null,     -- of each entry: whose shard its posting lies on
    accounts            bigint[]    not null,
    amounts             bigint[]    not null,     -- fen; + in favour of the account's owner
    balances            bigint[]    not null,     -- after it; null for shared accounts
    reverses            bigint,                   -- the transaction this one takes back
    detail              jsonb       not null,     -- never personal data in the clear
    primary key (person_id, transaction_id),
    unique (person_id, key)
);
create unique index ledger_transactions_reversal on ledger_transactions (person_id, reverses)
    where reverses is not null;

-- person: the entries of the transactions by account. A shared account's posting lies with the
-- person its transaction is about, so no shard is hot.
create table ledger_postings (
    person_id           bigint      not null,
    account_id          bigint      not null,
    transaction_id      bigint      not null,
    about_person_id     bigint      not null,     -- where the transaction itself lies
    amount              bigint      not null check (amount <> 0),
    balance_after       bigint,                   -- null for shared accounts
    primary key (person_id, account_id, transaction_id)
);
create index ledger_postings_shared on ledger_postings (account_id, transaction_id)
    include (amount) where balance_after is null;

-- person: sums set aside (预授权、冻结): captured in part or whole, or released
create table money_holds (
    person_id           bigint      not null,
    hold_id             bigint      not null,     -- the transaction that made it
    account_id          bigint      not null,
    amount              bigint      not null check (amount > 0),
    captured            bigint      not null default 0 check (captured between 0 and amount),
    state               text        not null
        check (state in ('active', 'captured', 'released', 'expired')),
    reason              text        not null,
    expires_at          timestamptz,
    closed_by           bigint,                   -- the transaction that captured or released it
    primary key (person_id, hold_id),
    check ((state = 'active') = (closed_by is null))
);
create index money_holds_due on money_holds (expires_at) where state = 'active';

-- A card points to the account its bank application uses; the account's number is with the account.
alter table cards add column account_id bigint;
insert into money_accounts (person_id, account_id, kind, class, bank, number_sealed, number_tail,
                            frozen, opened_at)
    select person_id, card_id, 'bank', 1, bank, account_sealed, '????',
           case when account_frozen_by is null then '{}' else array[account_frozen_by] end, now()
      from cards where account_sealed is not null;
update cards set account_id = card_id where account_sealed is not null;
alter table cards drop column account_sealed, drop column account_frozen_by;

-- migrate:down
alter table cards add column account_sealed bytea,
    add column account_frozen_by text check (account_frozen_by in ('court', 'death'));
update cards c set account_sealed = a.number_sealed,
       account_frozen_by = (array_remove(a.frozen, 'loss_report'))[1]
  from money_accounts a where a.person_id = c.person_id and a.account_id = c.account_id;
alter table cards drop column account_id;
drop table money_holds, ledger_postings, ledger_transactions, shared_balances, shared_accounts,
    account_numbers, money_accounts;
drop sequence shared_account_ids;
