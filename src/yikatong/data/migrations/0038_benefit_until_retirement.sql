-- migrate:up

-- Months beyond those granted, as less than a year was missing to the retirement age (延长至法定退休年龄):
-- they are not kept for a later claim.
alter table unemployment_claims
    add column months_extended integer not null default 0 check (months_extended between 0 and 12);

-- migrate:down
alter table unemployment_claims drop column months_extended;
