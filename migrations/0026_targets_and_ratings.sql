-- How soon people are to be answered and conversations to be done, and what people say of it afterwards.

-- By priority, minutes to an answer and to the end. Null: nobody has set any.
alter table tenants add column targets jsonb check (jsonb_typeof(targets) = 'object');

alter table conversations
    -- Until then somebody should answer, and somebody should be done. Null: nobody waits, or there is no such target.
    add column response_due_at      timestamptz,
    add column resolution_due_at    timestamptz,
    -- When a sweep found it late. The first stays until the next wait begins, the second until it is opened again.
    add column response_missed_at   timestamptz,
    add column resolution_missed_at timestamptz,
    -- Since when time to the end is counted, and what was counted before. Null: it is not our turn.
    add column running_since        timestamptz,
    add column used_s               bigint not null default 0 check (used_s >= 0);
-- For the sweep, which looks at all tenants.
create index conversations_response_due on conversations (response_due_at)
    where response_due_at is not null and response_missed_at is null;
create index conversations_resolution_due on conversations (resolution_due_at)
    where resolution_due_at is not null and resolution_missed_at is null;

alter table notifications drop constraint notifications_kind_check;
alter table notifications add check (kind in ('new_message', 'conversation_assigned', 'mention', 'conversation_resolved',
                                              'target_missed', 'team_invite', 'system'));
alter table notification_preferences drop constraint notification_preferences_kind_check;
alter table notification_preferences add check (kind in ('new_message', 'conversation_assigned', 'mention',
                                                         'conversation_resolved', 'target_missed', 'team_invite', 'system'));

-- What people are asked when a conversation is resolved. Null: nobody has said it, and nobody is asked.
alter table tenants add column asking jsonb check (jsonb_typeof(asking) = 'object');

alter table conversations
    -- When the person is asked, if it is still resolved then.
    add column rating_due_at timestamptz,
    -- What the person said last.
    add column rating        smallint check (rating between 1 and 5),
    add column rated_at      timestamptz,
    add check ((rating is null) = (rated_at is null));
create index conversations_rating_due on conversations (rating_due_at) where rating_due_at is not null;

-- What was asked, and what was said. A token is told once and kept as its hash, and is looked up by the system role only.
create table conversation_ratings (
    tenant_id       uuid        not null references tenants,
    id              uuid        not null,
    conversation_id uuid        not null,
    message_id      uuid        not null,
    -- Whose conversation it was when it was asked.
    member_id       uuid,
    -- Null: the person was erased, and no link leads here.
    token_sha256    bytea       check (length(token_sha256) = 32),
    asked_at        timestamptz not null,
    expires_at      timestamptz not null check (expires_at > asked_at),
    score           smallint    check (score between 1 and 5),
    comment         text        check (length(comment) between 1 and 2000),
    rated_at        timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
    foreign key (tenant_id, member_id) references members (tenant_id, id),
    check ((score is null) = (rated_at is null)),
    check (comment is null or score is not null)
);
create unique index conversation_ratings_by_token on conversation_ratings (token_sha256);
create index conversation_ratings_by_conversation on conversation_ratings (tenant_id, conversation_id, id);
create index conversation_ratings_by_time on conversation_ratings (tenant_id, asked_at);

select protect_tenant_tables();
