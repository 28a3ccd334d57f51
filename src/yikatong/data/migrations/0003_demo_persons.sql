-- migrate:up

-- reference: who to try, one synthetic person per situation
create table demo_persons (
    situation           text        not null primary key,
    position            integer     not null,
    person_id           bigint      not null,
    title_zh            text        not null,
    title_en            text        not null,
    try_region          char(6)     not null,
    try_service         text        not null,
    expects             text        not null check (expects in ('yes', 'yes_but', 'no'))
);

-- migrate:down
drop table demo_persons;
