-- migrate:up

-- Somebody on leave gets in no more until an administrator lets them in again.
alter table staff drop constraint staff_state_check;
alter table staff add constraint staff_state_check check (state in ('active', 'suspended', 'left'));

-- local: browsers in which a member signed in before; strangers' tries never stop the member there
create table staff_devices (
    staff_number        text        not null,
    device_hash         bytea       not null,     -- SHA-256 of 24 random bytes
    made_at             timestamptz not null,
    used_at             timestamptz not null,
    primary key (staff_number, device_hash)
);

-- local: what was asked for with a form's number, which is done once; a secret that came of it lies
-- sealed until it was handed over, for a quarter of an hour at most
create table office_commands (
    asked_by_kind       text        not null,
    asked_by            text        not null,
    idempotency_key     text        not null,
    content_hash        bytea       not null,     -- keyed
    action              text        not null,
    subject             text        not null,     -- a staff number, a machine's or a client's id
    at                  timestamptz not null,
    secret_sealed       bytea,
    primary key (asked_by_kind, asked_by, idempotency_key)
);
create index on office_commands (at);

-- migrate:down
drop table office_commands, staff_devices;
update staff set state = 'left' where state = 'suspended';
alter table staff drop constraint staff_state_check;
alter table staff add constraint staff_state_check check (state in ('active', 'left'));
