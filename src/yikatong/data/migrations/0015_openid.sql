-- migrate:up

-- reference: services that people log in to with their card (依赖方, OpenID clients)
create table openid_clients (
    client_id           text        primary key check (client_id ~ '^[a-z0-9][a-z0-9-]{2,39}$'),
    authentication      text        not null
        check (authentication in ('secret', 'private_key_jwt', 'none')),
    native              boolean     not null,     -- an app on the person's own device
    name_zh             text        not null,
    name_en             text        not null,
    sector              text        not null,     -- clients of one sector know a person by one number
    redirect_uris       text[]      not null,
    post_logout_uris    text[]      not null default '{}',
    scopes              text[]      not null,
    required_level      smallint    not null check (required_level between 1 and 3),
    key_set             jsonb,                    -- the client's public keys (JWK set)
    sandbox             boolean     not null default false,
    made_at             timestamptz not null,
    disabled_at         timestamptz,
    check ((authentication = 'private_key_jwt') = (key_set is not null)),
    check (authentication = 'none' or not native)
);

-- reference: secrets of clients; two work at the same time while one replaces the other
create table openid_client_secrets (
    client_id           text        not null,
    secret_hash         bytea       not null,
    secret_sealed       bytea,                    -- of sandbox clients only, to show it again
    made_at             timestamptz not null,
    expires_at          timestamptz,
    primary key (client_id, secret_hash)
);

-- directory: requests whose reader was sent to sign in or is asked; no personal data
create table openid_requests (
    handle_hash         bytea       primary key,
    request             jsonb       not null,
    asked_at            timestamptz not null
);
create index openid_requests_by_time on openid_requests (asked_at);

-- person: what a person lets a service see (授权)
create table openid_consents (
    person_id           bigint      not null,
    client_id           text        not null,
    scopes              text[]      not null,
    given_at            timestamptz not null,
    changed_at          timestamptz not null,
    primary key (person_id, client_id)
);

-- person: logins at services; each has one code, and all tokens that came of it
create table openid_grants (
    person_id           bigint      not null,
    grant_id            bigint      not null,
    client_id           text        not null,
    session_id          bigint      not null,
    scopes              text[]      not null,
    level               smallint    not null check (level between 1 and 3),
    modes               text[]      not null,
    proved_at           timestamptz not null,
    nonce               text,
    redirect_uri        text        not null,
    challenge           text        not null,     -- PKCE, S256
    code_hash           bytea       not null,
    code_expires_at     timestamptz not null,
    code_used_at        timestamptz,
    begun_at            timestamptz not null,
    ends_at             timestamptz not null,
    ended_at            timestamptz,
    ended_by            text
        check (ended_by in ('client', 'person', 'code reuse', 'token reuse', 'wrong use', 'status')),
    primary key (person_id, grant_id),
    check ((ended_at is null) = (ended_by is null))
);

-- person: access and refresh tokens of these logins
create table openid_tokens (
    person_id           bigint      not null,
    grant_id            bigint      not null,
    token_id            bigint      not null,
    kind                text        not null check (kind in ('access', 'refresh')),
    secret_hash         bytea       not null,
    scopes              text[]      not null,
    made_at             timestamptz not null,
    expires_at          timestamptz not null,
    ended_at            timestamptz,
    used_at             timestamptz,              -- a refresh token is used once
    replaced_by         bigint,
    looks               integer     not null default 0,   -- how often userinfo was asked with it
    primary key (person_id, grant_id, token_id)
);

-- directory: assertions by which clients proved themselves, so that each works once
create table openid_assertions (
    assertion_hash      bytea       primary key,
    expires_at          timestamptz not null
);

-- migrate:down
drop table openid_assertions, openid_tokens, openid_grants, openid_consents, openid_requests,
    openid_client_secrets, openid_clients;
