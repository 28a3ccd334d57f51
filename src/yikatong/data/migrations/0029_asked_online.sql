-- migrate:up

-- Until when the applicant adds what the office asked for (补正期限), and what they said when they did.
alter table card_applications
    add column asked_until      date,
    add column word_sealed      bytea;
-- What ends by itself, as nothing was added in time.
create index card_applications_asked on card_applications (person_id, application_id)
    where state = 'applied' and asked_until is not null;

-- local: forms sent after the session was over, kept sealed until their sender, a member of staff or a
-- cardholder, has signed in again
delete from staff_drafts;
alter table staff_drafts rename to kept_forms;
alter table kept_forms rename column staff_number to sender;
create index kept_forms_at on kept_forms (at);

-- Beside the order file there is a file of photos.
alter table card_batch_exports
    add column file             text        not null default 'order' check (file in ('order', 'photos'));
alter table card_batch_exports alter column file drop default;

-- migrate:down
delete from card_batch_exports where file <> 'order';
alter table card_batch_exports drop column file;
drop index kept_forms_at;
delete from kept_forms;
alter table kept_forms rename column sender to staff_number;
alter table kept_forms rename to staff_drafts;
drop index card_applications_asked;
alter table card_applications drop column word_sealed, drop column asked_until;
