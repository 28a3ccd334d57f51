-- migrate:up

-- directory: what the list of cards for terminals without a network names (失效卡名单): cards that are
-- lost, replaced or cancelled, until their own date of expiry says the same
create table card_revocations (
    listed_hash         bytea       not null,     -- of the card's identifier
    card_id             bigint      not null,
    listed_at           timestamptz not null,
    valid_until         date        not null,
    primary key (listed_hash, card_id)
);
create index card_revocations_at on card_revocations (listed_at);
create index card_revocations_over on card_revocations (valid_until);
insert into card_revocations
    select substr(sha256(convert_to('card:' || card_identifier, 'UTF8')), 1, 5), card_id, now(), valid_until
      from cards
     where state in ('loss_reported_provisionally', 'loss_reported', 'replaced', 'cancelled')
       and valid_until >= current_date;

-- migrate:down
drop table card_revocations;
