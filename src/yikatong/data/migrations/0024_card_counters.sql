-- migrate:up

-- reference: where cards are applied for, made and collected (社保卡服务网点)
create table card_counters (
    code            char(12)    not null primary key,
    name            text        not null,
    english         text        not null,
    kind            text        not null check (kind in ('agency', 'bank')),
    region          char(6)     not null,     -- the county or city where it stands
    pooling_region  char(6)     not null,
    address         text        not null,
    hours           text        not null,
    hours_english   text        not null,
    prints_at_once  boolean     not null,     -- whether it makes cards while one waits (即时制卡)
    bank            text,                     -- of a branch: its bank
    closed_on       date,                     -- closed from this day on
    check ((kind = 'bank') = (bank is not null))
);
create index card_counters_by_region on card_counters (pooling_region, kind);

-- migrate:down
drop table card_counters;
