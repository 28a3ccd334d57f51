-- migrate:up

-- person: what proves a card's PIN (卡密码), worth nothing without the key outside the database
create table card_pins (
    person_id           bigint      not null,
    card_id             bigint      not null,
    verifier            bytea       not null,
    wrong_in_row        smallint    not null default 0 check (wrong_in_row between 0 and 3),
                                                  -- with the card present; the third locks it
    set_at              timestamptz not null,
    primary key (person_id, card_id)
);

-- person: the password somebody chose, if any; kept as the PIN is
create table passwords (
    person_id           bigint      not null primary key,
    verifier            bytea       not null,
    set_at              timestamptz not null
);

-- person: browsers in which the person signed in before (常用设备)
create table known_devices (
    person_id           bigint      not null,
    device_id           bigint      not null,
    secret_hash         bytea       not null,     -- SHA-256 of the secret in the cookie
    device              text        not null,     -- browser and system, in a few words
    proofs              text[]      not null,     -- what was proved there: its own tries are of these
    first_at            timestamptz not null,
    last_at             timestamptz not null,
    primary key (person_id, device_id)
);
create unique index known_devices_secret on known_devices (person_id, secret_hash);

-- directory: codes sent to phones (短信验证码), by the hash of what the asking browser keeps
create table one_time_codes (
    request_hash        bytea       not null primary key,
    person_id           bigint,                   -- null: asked for somebody who is not here
    session_id          bigint,                   -- the session it confirms, where it confirms one
    purpose             text        not null,
    digits              smallint    not null,
    code_hash           bytea       not null,     -- HMAC under a key outside the database
    tries               smallint    not null default 0,
    sent_at             timestamptz not null,
    ends_at             timestamptz not null,
    used_at             timestamptz
);
create index one_time_codes_over on one_time_codes (ends_at);

-- directory: requests to sign in that another device confirms (扫码登录), by the hash of the QR code
create table scan_requests (
    request_hash        bytea       not null primary key,
    browser_hash        bytea       not null,     -- only the browser that asked collects
    device              text        not null,
    network             text        not null,     -- where it comes from, without the last part
    person_id           bigint,                   -- whose session it confirms, later who approved
    session_id          bigint,                   -- the session it confirms, where it confirms one
    begun_at            timestamptz not null,
    ends_at             timestamptz not null,
    modes               text[],                   -- what the approving session had proved
    approved_at         timestamptz,
    refused_at          timestamptz,
    collected_at        timestamptz
);
create index scan_requests_over on scan_requests (ends_at);

-- local: texts to people on their way, or in the test inbox; number and words are sealed
create table outgoing_texts (
    text_id             bigint      not null primary key,
    purpose             text        not null,
    to_sealed           bytea,
    to_masked           text        not null,
    words_sealed        bytea,                    -- gone once it was sent
    at                  timestamptz not null,
    valid_until         timestamptz not null,     -- not sent any more after this
    state               text        not null
        check (state in ('inbox', 'waiting', 'sending', 'sent', 'failed', 'late')),
    taken_at            timestamptz,
    tries               smallint    not null default 0,
    outcome             text        not null default ''
);
create index outgoing_texts_open on outgoing_texts (at) where state in ('waiting', 'sending');

-- migrate:down
drop table outgoing_texts, scan_requests, one_time_codes, known_devices, passwords, card_pins;
