-- migrate:up

-- person: who is signed in, from which device, and how surely (登录会话)
create table sessions (
    person_id           bigint      not null,
    session_id          bigint      not null,
    secret_hash         bytea       not null,     -- SHA-256 of the secret in the cookie
    level               smallint    not null check (level between 1 and 3),
    modes               text[]      not null,     -- how the person proved who they are
    proved_at           timestamptz not null,     -- the last proof
    raised_level        smallint    check (raised_level between 1 and 3),
    raised_until        timestamptz,              -- a stronger proof holds for minutes only
    acting_for          bigint,                   -- the person for whom this one acts now
    device              text        not null,     -- browser and system, in a few words
    begun_at            timestamptz not null,
    seen_at             timestamptz not null,
    ends_at             timestamptz not null,     -- at the latest
    ended_at            timestamptz,              -- signed out or revoked
    primary key (person_id, session_id),
    check ((raised_level is null) = (raised_until is null))
);

-- directory: tries at a secret, by the keyed hash of what was tried or from where
create table guesses (
    subject_hash        bytea       not null,
    seconds             integer     not null,     -- the length of the window
    begun_at            timestamptz not null,
    tries               integer     not null,
    primary key (subject_hash, seconds)
);

-- reference: keys that sign e-cards, tokens and lists; the private part opens with the key outside
create table signing_keys (
    purpose             text        not null,
    key_id              text        not null,
    algorithm           text        not null check (algorithm in ('EdDSA', 'ES256', 'RS256', 'SM2')),
    public_key          bytea       not null,
    private_sealed      bytea       not null,
    signs_from          timestamptz not null,
    signs_until         timestamptz,              -- set when a later key takes over
    published_until     timestamptz,
    primary key (purpose, key_id)
);

-- migrate:down
drop table signing_keys, guesses, sessions;
