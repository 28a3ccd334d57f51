-- migrate:up

-- Changes that are sent together check themselves: where a statement changed fewer rows than it was to,
-- somebody else was quicker, and all of them are rolled back.
create function expect_rows(changed bigint, expected bigint) returns boolean language plpgsql as $$
begin
    if changed <> expected then
        raise exception '% rows changed, % expected', changed, expected
            using errcode = 'serialization_failure';
    end if;
    return true;
end $$;

-- An answer is two to three thousand bytes: kept in its row, it is written once instead of in parts.
alter table provider_messages set (toast_tuple_target = 8160);

-- migrate:down
alter table provider_messages reset (toast_tuple_target);
drop function expect_rows;
