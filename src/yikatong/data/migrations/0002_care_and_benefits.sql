-- migrate:up

-- reference: hospitals, clinics and pharmacies (定点医药机构)
create table providers (
    provider_code       char(12)    not null primary key,
    name                text        not null,
    english             text        not null,
    kind                text        not null check (kind in ('hospital', 'pharmacy')),
    level               text        not null
        check (level in ('community', 'primary', 'secondary', 'tertiary')),
    region              char(6)     not null,     -- county or city where it stands
    pooling_region      char(6)     not null,
    cares               text[]      not null,     -- kinds of care it is designated for
    cross_region_cares  text[]      not null,     -- those it settles for people of other regions
    chronic_diseases    text[]      not null default '{}',
    suspended_on        date,
    address             text        not null,
    check (cross_region_cares <@ cares)
);
create index providers_by_region on providers (pooling_region, kind, level);

-- reference: the catalog (目录): what there is, and its terms by region
create table catalog_items (
    code                text        not null primary key,
    name                text        not null,
    english             text        not null,
    kind                text        not null check (kind in ('drug', 'service', 'consumable')),
    subkind             text        not null,
    specification       text        not null,
    unit                text        not null,
    essential           boolean     not null,
    prescription        text        not null check (prescription in ('', 'Rx', 'OTC')),
    child_only          boolean     not null,
    usual_price         bigint      not null check (usual_price >= 0),       -- fen
    note                text        not null
);
create table catalog_terms (
    code                text        not null references catalog_items on delete cascade,
    region              char(6)     not null,     -- '000000' or the province that departs from it
    starts_on           date        not null,
    class               char(1)     not null check (class in ('A', 'B', 'C')),
    first_pay           integer     check (first_pay between 0 and 1000000),  -- ppm; null for C
    price_limit         bigint      check (price_limit >= 0),                 -- fen; null: none
    source              text        not null,
    primary key (code, region, starts_on),
    check ((class = 'C') = (first_pay is null))
);

-- person: filings for care elsewhere (异地就医备案)
create table filings (
    person_id           bigint      not null,
    filing_id           bigint      not null,
    kind                text        not null
        check (kind in ('long_term', 'transfer', 'emergency', 'temporary')),
    insurance           char(3)     not null,
    region              char(6)     not null,     -- the insured region that decides
    destination         char(6)     not null,     -- a province or a city
    starts_on           date        not null,
    ends_on             date,                     -- null: until withdrawn
    ended_by            text check (ended_by in ('withdrawal', 'return')),
    ended_on            date,
    channel             text        not null,
    filed_at            timestamptz not null,
    version             integer     not null default 1,
    primary key (person_id, filing_id),
    check ((ended_by is null) = (ended_on is null))
);

-- person: registered chronic and special diseases (慢特病)
create table chronic_registrations (
    person_id           bigint      not null,
    disease             text        not null,
    starts_on           date        not null,
    ends_on             date,
    primary key (person_id, disease, starts_on)
);

-- person: the providers a person chose, where the region asks for a choice (定点选择)
create table selected_providers (
    person_id           bigint      not null,
    provider_code       char(12)    not null,
    since               date        not null,
    primary key (person_id, provider_code)
);

-- person: what earlier settlements of the policy year left (累计), in fen
create table accumulators (
    person_id           bigint      not null,
    insurance           char(3)     not null,
    year_starts_on      date        not null,
    admissions          integer     not null default 0,
    outpatient_deductible bigint    not null default 0,
    outpatient_pooled   bigint      not null default 0,
    pooled              bigint      not null default 0,
    large_amount        bigint      not null default 0,
    serious_illness     bigint      not null default 0,
    borne_in_scope      bigint      not null default 0,
    version             integer     not null default 1,
    primary key (person_id, insurance, year_starts_on)
);

-- person: pensions and unemployment benefit drawn (待遇)
create table benefit_entitlements (
    person_id           bigint      not null,
    benefit             text        not null check (benefit in ('pension', 'unemployment')),
    region              char(6)     not null,
    status              text        not null check (status in ('drawing', 'held', 'ended')),
    starts_on           date        not null,
    ends_on             date,
    monthly             bigint      not null check (monthly >= 0),           -- fen
    proof_due_on        date,                     -- next proof of life (资格认证)
    held_reason         text,
    version             integer     not null default 1,
    primary key (person_id, benefit, starts_on)
);

-- reference: what a region has opened to people of other regions, by service
create table region_services (
    region              char(6)     not null,     -- pooling region, or province for all of it
    service             text        not null,
    opened_on           date,                     -- null: not opened
    primary key (region, service)
);

-- reference: regions whose systems do not answer, entered by operations or found by the exchange
create table region_outages (
    region              char(6)     not null,
    since               timestamptz not null,
    until               timestamptz,
    primary key (region, since)
);

-- local: which reference data was loaded, by its content's hash, so that a start loads only changes
create table reference_loads (
    name                text        not null primary key,
    content_hash        text        not null,
    loaded_at           timestamptz not null,
    rows                integer     not null
);

-- migrate:down
drop table reference_loads, region_outages, region_services, benefit_entitlements, accumulators,
    selected_providers, chronic_registrations, filings, catalog_terms, catalog_items, providers;
