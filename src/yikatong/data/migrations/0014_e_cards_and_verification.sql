-- migrate:up

-- person: who has e-cards; its row is locked while a device is bound or revoked (电子社保卡)
create table e_cards (
    person_id           bigint      not null primary key,
    card_id             bigint      not null,     -- the card that was live at the last binding
    version             integer     not null default 1
);

-- person: devices that may show the e-card
create table e_card_devices (
    person_id           bigint      not null,
    device_id           bigint      not null,
    card_id             bigint      not null,
    kind                text        not null check (kind in ('key', 'session', 'sandbox')),
    key_hash            bytea       not null,     -- SHA-256 of the public key, or of the session's id
    public_key          bytea,                    -- SubjectPublicKeyInfo, DER; of kind key
    listed_hash         bytea       not null,     -- what the revocation list names the e-card by
    name                text        not null,     -- browser and system, in a few words
    bound_at            timestamptz not null,
    ends_at             timestamptz,              -- of kind session: with it at the latest
    asked_at            timestamptz not null,     -- the last code; a signed request counts once
    revoked_at          timestamptz,
    revoked_because     text check (revoked_because in ('person', 'card', 'replaced')),
    primary key (person_id, device_id),
    check ((kind = 'key') = (public_key is not null)),
    check ((revoked_at is null) = (revoked_because is null))
);
create unique index e_card_devices_live on e_card_devices (person_id, key_hash)
    where revoked_at is null;

-- person: codes that were used, for a day; the audit trail keeps who asked (二维码核销)
create table e_card_redemptions (
    person_id           bigint      not null,
    code                bytea       not null,     -- the token's cti
    device_id           bigint      not null,
    redeemed_by         text        not null,     -- "service:library", "provider:H51010400001"
    uses                text[]      not null,     -- idempotency keys, or kinds of transaction
    at                  timestamptz not null,
    verification_id     bigint      not null,
    level               smallint    not null check (level between 0 and 3),
    reason              text,                     -- why the answer was no
    primary key (person_id, code)
);
create index e_card_redemptions_at on e_card_redemptions (at);

-- directory: hashes of revoked e-cards; leave when no code of theirs can be valid any more
create table e_card_revocations (
    listed_hash         bytea       not null primary key,
    listed_at           timestamptz not null
);
create index e_card_revocations_at on e_card_revocations (listed_at);

-- reference: what services may ask for, and how often
create table verification_services (
    kind                text        not null
        check (kind in ('staff', 'provider', 'service')),
    name                text        not null,
    purposes            text[]      not null,
    per_minute          integer     not null check (per_minute > 0),
    primary key (kind, name)
);

-- directory: checks that were about nobody known, so that guessing shows
create table verifications_of_nobody (
    verification_id     bigint      not null,
    asked_by            text        not null,
    mode                text        not null,
    purpose             text        not null,
    at                  timestamptz not null,
    primary key (asked_by, verification_id)
);

-- migrate:down
drop table verifications_of_nobody, verification_services, e_card_revocations, e_card_redemptions,
    e_card_devices, e_cards;
