-- What comes in is counted against what becomes of it, who has gone silent is known, and what people do with messages that
-- were said already stands with those.

-- Counts of the whole installation, written in the transactions that they are about. Each is spread over 16 rows, so that
-- those who count at the same time do not wait for each other.
create table inbound_counts (
    what  text     not null check (what in ('journalled', 'replayed', 'applied', 'quarantined', 'events', 'receipt', 'message',
                                            'duplicate', 'notice', 'ignored', 'foreign')),
    slot  smallint not null check (slot between 0 and 15),
    count bigint   not null check (count >= 0),
    primary key (what, slot)
) with (fillfactor = 50);
grant select, insert, update on inbound_counts to postroad_system;
-- What lies unread came in before anybody counted.
alter table webhook_journal no force row level security;
insert into inbound_counts select 'journalled', 0, count(*) from webhook_journal where state = 'unread';
alter table webhook_journal force row level security;

-- When an account last spoke and was last heard of, to a few seconds.
create table account_pulses (
    tenant_id     uuid        not null,
    account_id    uuid        not null,
    -- The provider took a message.
    accepted_at   timestamptz,
    -- A webhook came.
    heard_at      timestamptz,
    -- The provider took a message then, and no webhook came since. Null: nothing is owed to us.
    owed_since    timestamptz,
    silent_since  timestamptz,
    silent_reason text        check (silent_reason in ('never_heard', 'went_silent')),
    primary key (tenant_id, account_id),
    foreign key (tenant_id, account_id) references accounts (tenant_id, id),
    check ((silent_since is null) = (silent_reason is null)),
    check (silent_since is null or owed_since is not null)
) with (fillfactor = 50);
create index account_pulses_owed on account_pulses (tenant_id, owed_since) where owed_since is not null;

-- Whether the person is told that their messages were read.
alter table accounts add column tell_read boolean not null default true;

-- The last reaction of each side to a message.
create table reactions (
    tenant_id   uuid        not null,
    message_id  uuid        not null,
    who         text        not null check (who in ('contact', 'us')),
    -- Empty: taken back. The row stays, so that an older reaction that comes later does not come back.
    emoji       text        not null check (length(emoji) <= 40),
    -- The message that carried it.
    reaction_id uuid        not null,
    at          timestamptz not null,
    primary key (tenant_id, message_id, who),
    foreign key (tenant_id, message_id) references messages (tenant_id, id)
);

-- When the person last changed what they said, and when they took it back.
alter table messages add column edited_at timestamptz, add column deleted_at timestamptz;

select protect_tenant_tables();
grant delete on reactions to postroad_app;
