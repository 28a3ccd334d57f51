-- migrate:up

-- local: lists by which an employer or a school applies for cards (批量申领名单)
create table card_lists (
    list_id             bigint      not null primary key,
    employer_code       text        not null,
    employer_name       text        not null,
    region              char(6)     not null,     -- the region that decides and issues
    school              boolean     not null,
    bank                text        not null,
    pickup_place        text        not null,
    people              integer     not null,
    taken_by            text        not null,
    taken_at            timestamptz not null,
    key                 text        not null,     -- the Idempotency-Key
    content             bytea       not null,
    unique (employer_code, key)
);
create index card_lists_region on card_lists (region, list_id);

-- person: the rows of a list (person 0: matched with nobody), and why one was refused
create table card_list_rows (
    person_id           bigint      not null,
    list_id             bigint      not null,
    row                 integer     not null,     -- as the program shows it
    name                text        not null,
    id_number_masked    text        not null,
    photo               text        not null,     -- the reference of the photo
    state               text        not null check (state in ('open', 'applied', 'refused')),
    application_id      bigint,
    field               text,                     -- refused: what is wrong, and what to do
    code                text,
    zh                  text,
    en                  text,
    primary key (person_id, list_id, row),
    check ((state = 'applied') = (application_id is not null)),
    check ((state = 'refused') = (code is not null))
);
create index card_list_rows_list on card_list_rows (list_id, row);

-- migrate:down
drop table card_list_rows, card_lists;
