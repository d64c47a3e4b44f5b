-- What members are told of, and how far back the events of a tenant go.

-- For whom an event is. Null: for everybody who may see its kind.
alter table events add column member_id uuid;

-- Events up to this number were taken away: whoever read less than that has a gap.
alter table event_counters add column purged_seq bigint not null default 0;

create table notifications (
    tenant_id       uuid        not null,
    id              uuid        not null,
    member_id       uuid        not null,
    kind            text        not null check (kind in ('new_message', 'conversation_assigned', 'mention', 'conversation_resolved',
                                                         'team_invite', 'system')),
    title           text        not null check (length(title) between 1 and 200),
    conversation_id uuid,
    actor           text        not null,
    data            jsonb       not null default '{}',
    -- Where it leads, as a path of the API.
    action          text        check (length(action) between 1 and 200),
    -- How many things of its kind it stands for.
    count           integer     not null default 1 check (count >= 1),
    created_at      timestamptz not null,
    last_at         timestamptz not null,
    read_at         timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, member_id) references members (tenant_id, id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
-- Ten messages that nobody looked at are one notification.
create unique index notifications_collapsed on notifications (tenant_id, member_id, conversation_id)
    where kind = 'new_message' and read_at is null;
create index notifications_by_member on notifications (tenant_id, member_id, id);
create index notifications_unread on notifications (tenant_id, member_id, id) where read_at is null;
create index notifications_by_conversation on notifications (tenant_id, conversation_id) where conversation_id is not null;
-- For the purge.
create index notifications_by_age on notifications (created_at);

-- What a member wants to be told of. No row: everything.
create table notification_preferences (
    tenant_id  uuid        not null,
    member_id  uuid        not null,
    kind       text        not null check (kind in ('new_message', 'conversation_assigned', 'mention', 'conversation_resolved',
                                                    'team_invite', 'system')),
    in_app     boolean     not null,
    updated_at timestamptz not null,
    primary key (tenant_id, member_id, kind),
    foreign key (tenant_id, member_id) references members (tenant_id, id)
);

select protect_tenant_tables();
grant delete on notifications to postroad_app;
