-- migrate:up

-- Whether it is a stay that is not settled yet. In a column of its own, so that what changes a visit's state
-- otherwise need not touch an index: as the condition of one, the state itself made every change do so.
alter table visits
    add column staying boolean not null generated always as (state in ('admitted', 'discharged')) stored;
drop index visits_stay;
create unique index visits_stay on visits (person_id) where staying;
-- Each is written two or three times more, soon after it was added: there is to be room beside it.
alter table visits set (fillfactor = 70);
alter table fee_batches set (fillfactor = 70);

-- Nothing is found by these, so nothing need be known of what they hold: gathering it for long texts, lists
-- and documents is work.
alter table provider_messages
    alter column content_hash set statistics 0, alter column answer set statistics 0;
alter table visits alter column diagnoses set statistics 0, alter column details set statistics 0;
alter table fee_batches alter column lines set statistics 0;
alter table settlements
    alter column inputs set statistics 0, alter column added set statistics 0,
    alter column batches set statistics 0;
alter table ledger_transactions
    alter column content_hash set statistics 0, alter column persons set statistics 0,
    alter column accounts set statistics 0, alter column amounts set statistics 0,
    alter column balances set statistics 0, alter column detail set statistics 0;
alter table audit_events alter column detail set statistics 0;

-- migrate:down
alter table audit_events alter column detail set statistics default;
alter table ledger_transactions
    alter column content_hash set statistics default, alter column persons set statistics default,
    alter column accounts set statistics default, alter column amounts set statistics default,
    alter column balances set statistics default, alter column detail set statistics default;
alter table settlements
    alter column inputs set statistics default, alter column added set statistics default,
    alter column batches set statistics default;
alter table fee_batches alter column lines set statistics default;
alter table visits alter column diagnoses set statistics default, alter column details set statistics default;
alter table provider_messages
    alter column content_hash set statistics default, alter column answer set statistics default;
alter table fee_batches reset (fillfactor);
alter table visits set (fillfactor = 80);
drop index visits_stay;
alter table visits drop column staying;
create unique index visits_stay on visits (person_id) where state in ('admitted', 'discharged');
