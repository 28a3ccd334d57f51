-- migrate:up

-- Sessions keep apart the proofs they began with: a stronger one that is over must not count again.

alter table sessions add column begun_with text[];
-- Of sessions that were raised nobody knows any more what they began with: they prove both anew.
update sessions set begun_with = case when raised_level is null then modes else '{}' end;
alter table sessions alter column begun_with set not null;

-- A request to sign in elsewhere is collected only while the session lives in which it was approved.
alter table scan_requests add column approved_in bigint;

-- migrate:down
alter table scan_requests drop column approved_in;
alter table sessions drop column begun_with;
