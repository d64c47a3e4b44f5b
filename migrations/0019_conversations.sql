-- Threads with people, and the members of a tenant who answer in them.

create table departments (
    tenant_id  uuid        not null references tenants,
    id         uuid        not null,
    name       text        not null check (length(name) between 1 and 100),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
);
create unique index departments_by_name on departments (tenant_id, lower(name));

create table members (
    tenant_id     uuid        not null references tenants,
    id            uuid        not null,
    name          text        not null check (length(name) between 1 and 200),
    email         text        check (length(email) between 3 and 320),
    role          text        not null check (role in ('owner', 'admin', 'manager', 'agent', 'limited_agent')),
    active        boolean     not null default true,
    department_id uuid,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, department_id) references departments (tenant_id, id)
);
create unique index members_by_email on members (tenant_id, lower(email)) where email is not null;

create table conversations (
    tenant_id        uuid        not null,
    id               uuid        not null,
    account_id       uuid        not null,
    channel          text        not null,
    -- The person is whoever has this address.
    address_id       uuid        not null,
    state            text        not null check (state in ('open', 'pending', 'snoozed', 'resolved', 'closed', 'archived')),
    priority         text        not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
    subject          text        check (length(subject) between 1 and 200),
    assignee_id      uuid,
    department_id    uuid,
    pinned_at        timestamptz,
    snoozed_until    timestamptz,
    -- Free text may be sent until then, where the provider has such a window.
    window_closes_at timestamptz,
    inbound          integer     not null default 0,
    outbound         integer     not null default 0,
    last_message_at  timestamptz not null,
    last_inbound_at  timestamptz,
    last_outbound_at timestamptz,
    -- The oldest message of the person that nobody answered. Null: none.
    waiting_since    timestamptz,
    -- Of the first answer of a member: seconds after the person's first message.
    first_response_s bigint      check (first_response_s >= 0),
    resolved_at      timestamptz,
    resolution_s     bigint      check (resolution_s >= 0),
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references accounts (tenant_id, id),
    foreign key (tenant_id, address_id) references addresses (tenant_id, id),
    foreign key (tenant_id, assignee_id) references members (tenant_id, id),
    foreign key (tenant_id, department_id) references departments (tenant_id, id),
    check ((state = 'snoozed') = (snoozed_until is not null))
);
-- An album or two quick messages are one conversation, whoever reads them first.
create unique index conversations_live on conversations (tenant_id, account_id, address_id)
    where state not in ('closed', 'archived');
create index conversations_by_time on conversations (tenant_id, last_message_at, id);
create index conversations_by_state on conversations (tenant_id, state, last_message_at, id);
create index conversations_by_assignee on conversations (tenant_id, assignee_id, last_message_at, id) where assignee_id is not null;
create index conversations_by_address on conversations (tenant_id, address_id);
create index conversations_snoozed on conversations (snoozed_until) where state = 'snoozed';

alter table messages add column conversation_id uuid, add column member_id uuid;
create index messages_by_conversation on messages (tenant_id, conversation_id, id) where conversation_id is not null;

create table labels (
    tenant_id  uuid        not null references tenants,
    id         uuid        not null,
    name       text        not null check (length(name) between 1 and 50),
    color      text        not null check (color ~ '^#[0-9a-f]{6}$'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
);
create unique index labels_by_name on labels (tenant_id, lower(name));

create table conversation_labels (
    tenant_id       uuid        not null,
    conversation_id uuid        not null,
    label_id        uuid        not null,
    labelled_at     timestamptz not null,
    primary key (tenant_id, conversation_id, label_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
    foreign key (tenant_id, label_id) references labels (tenant_id, id) on delete cascade
);
create index conversation_labels_by_label on conversation_labels (tenant_id, label_id, conversation_id);

-- What members say to each other. Never sent.
create table notes (
    tenant_id       uuid        not null,
    id              uuid        not null,
    conversation_id uuid        not null,
    author          text        not null,
    body            text        not null check (length(body) between 1 and 10000),
    mentions        uuid[]      not null default '{}' check (cardinality(mentions) <= 20),
    created_at      timestamptz not null,
    edited_at       timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index notes_by_conversation on notes (tenant_id, conversation_id, id);

-- What a conversation is about elsewhere: an order, an invoice.
create table conversation_links (
    tenant_id       uuid        not null,
    conversation_id uuid        not null,
    kind            text        not null check (kind ~ '^[a-z][a-z0-9_]{0,39}$'),
    external_id     text        not null check (length(external_id) between 1 and 200),
    title           text        not null check (length(title) between 1 and 200),
    url             text        check (length(url) between 1 and 2000),
    linked_at       timestamptz not null,
    primary key (tenant_id, conversation_id, kind, external_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index conversation_links_by_record on conversation_links (tenant_id, kind, external_id);

-- How much of a conversation a member has seen.
create table conversation_reads (
    tenant_id       uuid        not null,
    conversation_id uuid        not null,
    member_id       uuid        not null,
    -- Of the person's messages, by number.
    seen            integer     not null check (seen >= 0),
    seen_at         timestamptz not null,
    primary key (tenant_id, conversation_id, member_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
    foreign key (tenant_id, member_id) references members (tenant_id, id)
);

-- What happened in conversations, in the order in which it was committed: history and live updates.
create table events (
    tenant_id       uuid        not null,
    seq             bigint      not null,
    kind            text        not null check (length(kind) between 1 and 50),
    conversation_id uuid,
    message_id      uuid,
    actor           text        not null,
    data            jsonb       not null default '{}',
    at              timestamptz not null,
    primary key (tenant_id, seq)
);
create index events_by_conversation on events (tenant_id, conversation_id, seq) where conversation_id is not null;

-- The number of each tenant's last event. Its row is taken last, and kept until the commit: who reads up to a number misses
-- nothing below it.
create table event_counters (
    tenant_id uuid   primary key,
    last_seq  bigint not null default 0
);

select protect_tenant_tables();
grant delete on labels, conversation_labels, conversation_links, notes to postroad_app;
