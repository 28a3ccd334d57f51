-- migrate:up

-- who took it at a counter, and so does not decide it; '' where the person applied
alter table pension_applications add column taken_by text not null default '';
-- the list of what waits to be decided
create index pension_applications_waiting on pension_applications (application_id)
    where state = 'applied';

-- migrate:down
drop index pension_applications_waiting;
alter table pension_applications drop column taken_by;
