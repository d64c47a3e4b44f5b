-- Rules that act on what happens in conversations, and what became of each event that they wait for.

create table automations (
    tenant_id   uuid        not null references tenants,
    id          uuid        not null,
    name        text        not null check (length(name) between 1 and 100),
    enabled     boolean     not null,
    version     integer     not null check (version >= 1),
    trigger     text        not null check (trigger in ('inbound_message', 'conversation_opened', 'idle', 'status', 'label',
                                                        'campaign_reply', 'schedule')),
    -- Of those that wait for no event: when they are looked at next, and for which conversation of the time before.
    fires_at    timestamptz,
    fired_to    uuid,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    -- Out of sight. What it did stays readable until it is purged.
    deleted_at  timestamptz,
    primary key (tenant_id, id),
    check (not enabled or deleted_at is null)
);
create unique index automations_by_name on automations (tenant_id, lower(name)) where deleted_at is null;
create index automations_enabled on automations (tenant_id, trigger) where enabled;
create index automations_due on automations (fires_at) where enabled and fires_at is not null;

create table automation_versions (
    tenant_id     uuid        not null,
    automation_id uuid        not null,
    version       integer     not null,
    definition    jsonb       not null,
    author        text        not null,
    created_at    timestamptz not null,
    primary key (tenant_id, automation_id, version),
    foreign key (tenant_id, automation_id) references automations (tenant_id, id)
);

-- How far a tenant's events were looked at.
create table automation_cursors (
    tenant_id uuid    primary key references tenants,
    seq       bigint  not null,
    -- Some automation is on.
    following boolean not null
);

create table automation_runs (
    tenant_id       uuid        not null,
    id              uuid        not null,
    automation_id   uuid        not null,
    version         integer     not null,
    conversation_id uuid        not null,
    event           jsonb       not null,
    -- Runs that led to the event, one by the other.
    depth           integer     not null check (depth >= 0),
    -- What the person said that it is about, oldest first.
    messages        uuid[]      not null check (cardinality(messages) <= 20),
    state           text        not null check (state in ('gathering', 'running', 'waiting', 'ended', 'refused')),
    -- The state machine, as it was stored last.
    run             jsonb       not null default '{}',
    -- When it goes on.
    due_at          timestamptz,
    -- Steps that were told of it.
    steps           integer     not null default 0,
    outcome         text        check (length(outcome) between 1 and 50),
    reason          text        check (length(reason) <= 500),
    began_at        timestamptz not null,
    -- Its conditions held.
    acted_at        timestamptz,
    ended_at        timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, automation_id, version) references automation_versions (tenant_id, automation_id, version),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
    check ((state in ('gathering', 'running', 'waiting')) = (due_at is not null)),
    check ((state in ('ended', 'refused')) = (outcome is not null))
);
-- Two quick messages start one run, whoever reads them.
create unique index automation_runs_unfinished on automation_runs (tenant_id, conversation_id, automation_id)
    where due_at is not null;
create index automation_runs_by_conversation on automation_runs (tenant_id, conversation_id, id);
create index automation_runs_by_automation on automation_runs (tenant_id, automation_id, id);
create index automation_runs_acted on automation_runs (tenant_id, automation_id, conversation_id, acted_at) where acted_at is not null;
create index automation_runs_due on automation_runs (due_at) where due_at is not null;
create index automation_runs_over on automation_runs (ended_at) where ended_at is not null;

create table automation_run_steps (
    tenant_id  uuid        not null,
    run_id     uuid        not null,
    n          integer     not null check (n >= 1),
    explained  jsonb       not null,
    -- What it said to the person.
    message_id uuid,
    -- Why what it asked for was not done.
    failure    text        check (length(failure) between 1 and 500),
    at         timestamptz not null,
    primary key (tenant_id, run_id, n),
    foreign key (tenant_id, run_id) references automation_runs (tenant_id, id) on delete cascade
);

-- When a member was given a conversation by turns, and how many open ones are enough for them. Null: any number.
alter table members add column given_at timestamptz, add column capacity integer check (capacity between 0 and 10000);
create index conversations_assigned_open on conversations (tenant_id, assignee_id)
    where assignee_id is not null and state in ('open', 'pending', 'snoozed');

-- When the business is open: days of the week with stretches of the day. Null: nobody has said it.
alter table tenants add column business_hours jsonb check (jsonb_typeof(business_hours) = 'object');

select protect_tenant_tables();
