-- migrate:up

-- person: a plan for going away (出行计划): where, when, for what; the list of what to do beforehand
-- is worked out anew each time it is read. Deleted by the person, or a year after the way home
create table going_away (
    person_id           bigint      not null,
    plan_id             bigint      not null,
    key                 text        not null check (char_length(key) between 1 and 100),  -- of who made it
    digest              bytea       not null,     -- of what was asked for with the key
    region              text        not null check (region ~ '^[0-9]{6}$'),
    leaves_on           date        not null,
    returns_on          date,                     -- null: to stay
    purposes            text[]      not null check (cardinality(purposes) > 0),
    made_at             timestamptz not null,
    primary key (person_id, plan_id),
    check (returns_on is null or returns_on >= leaves_on)
);
create unique index going_away_key on going_away (person_id, key);
-- found by the daily work: who leaves soon
create index going_away_leaves on going_away (leaves_on, person_id, plan_id);

-- migrate:down
drop table going_away;
