-- migrate:up

-- What is written on the card that is made for an application: the chip cannot be changed any more.
alter table card_applications
    add column personalised_on  date,             -- its day of issue
    add column name_on_card     text;
-- What waits to be made, the oldest first.
create index card_applications_to_make on card_applications (region, state_since, person_id)
    where state = 'in_production' and batch_id is null;

-- reference: makers of cards (制卡厂商) and their public keys
create table card_makers (
    maker               text        not null primary key check (maker ~ '^[A-Z0-9-]{2,20}$'),
    name                text        not null,
    result_key          bytea       check (length(result_key) = 32),      -- Ed25519: signs result files
    encryption_key      bytea       check (length(encryption_key) = 32),  -- X25519: order files are for it
    changed_at          timestamptz not null,
    changed_by          text        not null
);

-- local: batches of cards at a maker (制卡批次)
create table card_batches (
    batch_id            bigint      not null primary key,
    region              char(6)     not null,     -- cards of this region and all that lie in it
    bank                text        not null,
    maker               text        not null,
    state               text        not null check (state in ('collecting', 'ordered', 'at_maker', 'done')),
    cards_max           integer     not null check (cards_max > 0),
    cards               integer     not null default 0,       -- ordered
    made_at             timestamptz not null,     -- applications approved until then
    made_by             text        not null,
    key                 text        not null unique,          -- the Idempotency-Key that began it
    content             bytea       not null,
    after_since         timestamptz,              -- collected through this application
    after_person        bigint      not null default 0,
    ordered_at          timestamptz,
    done_at             timestamptz
);
create index card_batches_region on card_batches (region, batch_id);

-- person: the cards of a batch, in the order of the file, and what became of each
create table card_batch_lines (
    person_id           bigint      not null,
    batch_id            bigint      not null,
    line                integer     not null,
    application_id      bigint      not null,
    card_id             bigint      not null,
    card_number         text        not null,
    state               text        not null default 'ordered'
        check (state in ('ordered', 'made', 'spoiled', 'missing', 'unwanted')),
    reason              text        not null default '',
    told_at             timestamptz,              -- when the maker told what became of it
    sheet_id            bigint,                   -- the delivery sheet it goes to a counter on
    shelf               text                      -- made: where the card is; null: with the agency
        check (shelf in ('on_the_way', 'received', 'returned', 'posted', 'handed_over', 'destroyed')),
    shelf_at            timestamptz,
    primary key (person_id, batch_id, application_id)
);
create index card_batch_lines_batch on card_batch_lines (batch_id, line);
create index card_batch_lines_sheet on card_batch_lines (sheet_id, line) where sheet_id is not null;

-- local: delivery sheets (配送单): finished cards that go to a counter together
create table card_sheets (
    sheet_id            bigint      not null primary key,
    batch_id            bigint      not null,
    region              char(6)     not null,
    counter             text        not null,     -- where they are collected; '': at the agency's own
    cards               integer     not null check (cards > 0),
    sent_at             timestamptz not null,
    sent_by             text        not null,
    received_at         timestamptz,              -- when the counter last confirmed
    received_by         text
);
create index card_sheets_batch on card_sheets (batch_id);
create index card_sheets_counter on card_sheets (counter, sheet_id);

-- local: movements of blank cards at counters that make cards at once (空白卡出入库)
create table card_blank_movements (
    counter             text        not null,
    movement_id         bigint      not null,
    kind                text        not null
        check (kind in ('received', 'used', 'spoiled', 'returned', 'counted')),
    quantity            integer     not null,     -- what it changed; negative: fewer
    balance             integer     not null check (balance >= 0),    -- behind it
    at                  timestamptz not null,
    actor               text        not null,
    note                text        not null,
    person_id           bigint,                   -- used: whose card it became
    application_id      bigint,
    key                 text        not null,
    primary key (counter, movement_id),
    unique (counter, key),
    check (kind = 'counted' or (quantity <> 0 and (quantity > 0) = (kind = 'received')))
);

-- local: each time a batch's file was made: personal data left the platform
create table card_batch_exports (
    batch_id            bigint      not null,
    export_id           bigint      not null,
    begun_at            timestamptz not null,
    made_by             text        not null,
    encrypted           boolean     not null,
    sha256              bytea,                    -- null: it broke off on the way
    primary key (batch_id, export_id)
);

-- migrate:down
drop table card_blank_movements, card_sheets, card_batch_exports, card_batch_lines, card_batches, card_makers;
drop index card_applications_to_make;
alter table card_applications drop column personalised_on, drop column name_on_card;
