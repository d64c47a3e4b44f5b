-- The ledger. messages holds what is said, sends where it stands (same id), attempts and receipts the evidence.

create table campaigns (
    tenant_id      uuid        not null,
    id             uuid        not null,
    name           text        not null check (length(name) between 1 and 200),
    account_id     uuid        not null,
    template_id    uuid        not null,
    purpose        text        not null check (purpose in ('marketing', 'transactional')),
    -- One entry per placeholder: {"attribute": "first_name", "fallback": "there"} or {"value": "20 %"}
    variables      jsonb       not null default '[]' check (jsonb_typeof(variables) = 'array'),
    -- {"all": true}, or {"contact_ids": […]}, or {"import": "imp_…"}
    audience       jsonb       not null,
    quiet_policy   text        not null default 'hold' check (quiet_policy in ('hold', 'skip', 'expire', 'exempt')),
    state          text        not null check (state in ('draft', 'scheduled', 'preparing', 'running', 'paused', 'completing',
                                                         'completed', 'partially_failed', 'cancelled', 'expired')),
    paused_reason  text,
    weight         smallint    not null default 4 check (weight between 1 and 100),
    scheduled_at   timestamptz,
    not_after      timestamptz,
    started_at     timestamptz,
    finished_at    timestamptz,
    -- The last contact that was written to recipients. Null: none yet.
    planned_to     uuid,
    planned        bigint      not null default 0,
    -- All recipients are written.
    planned_at     timestamptz,
    plan_page      integer     not null default 0,
    plan_run       integer     not null default 0,
    -- Taken from the wallet at the start; what was not used goes back at the end.
    credit_reserved bigint     not null default 0 check (credit_reserved >= 0),
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references accounts (tenant_id, id),
    foreign key (tenant_id, template_id) references templates (tenant_id, id),
    check (state <> 'scheduled' or scheduled_at is not null),
    check (state <> 'paused' or paused_reason is not null)
);
create index campaigns_open on campaigns (tenant_id, state)
    where state in ('scheduled', 'preparing', 'running', 'paused', 'completing');

create table messages (
    tenant_id    uuid        not null,
    id           uuid        not null,
    direction    text        not null check (direction in ('outbound', 'inbound')),
    account_id   uuid        not null,
    contact_id   uuid        not null,
    address_id   uuid        not null,
    channel      text        not null,
    source       text        not null check (source in ('api', 'agent', 'automation', 'campaign', 'contact')),
    class        text        not null check (class in ('auth', 'transactional', 'agent_reply', 'automation', 'campaign')),
    purpose      text        not null check (purpose in ('marketing', 'transactional', 'conversational')),
    quiet_policy text        not null check (quiet_policy in ('hold', 'skip', 'expire', 'exempt')),
    kind         text        not null,
    content      jsonb       not null,
    template_id  uuid,
    reply_to     text,
    campaign_id  uuid,
    client_id    uuid,
    request_id   text,
    -- Of inbound messages: the provider's id, unique per account.
    provider_ref text,
    created_at   timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, address_id) references addresses (tenant_id, id)
);
create index messages_by_request on messages (tenant_id, request_id) where request_id is not null;
create index messages_by_contact on messages (tenant_id, contact_id, id);
create unique index messages_inbound_once on messages (tenant_id, account_id, provider_ref) where provider_ref is not null;

create table recipients (
    tenant_id   uuid not null,
    campaign_id uuid not null,
    contact_id  uuid not null,
    message_id  uuid not null,
    primary key (tenant_id, campaign_id, contact_id),
    foreign key (tenant_id, campaign_id) references campaigns (tenant_id, id)
);

create table lanes (
    tenant_id   uuid             not null,
    -- The account's id: one lane per account.
    id          uuid             not null,
    owner       uuid,
    fence       bigint           not null default 0,
    -- Part of the key of wake-up jobs: raised when a runner takes or leaves the lane.
    generation  bigint           not null default 0,
    -- The instant up to which the rate is used. A new owner starts at the later of now and this.
    paced_until timestamptz,
    -- The provider said: not before.
    rests_until timestamptz,
    -- Share of the rate that is used while the provider complains; recovers to 1.
    pace_factor double precision not null default 1 check (pace_factor > 0 and pace_factor <= 1),
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references accounts (tenant_id, id)
);
create index lanes_by_owner on lanes (owner) where owner is not null;

-- One start of one worker process. A lane is held while its owner's lease runs.
create table incarnations (
    id          uuid        primary key,
    role        text        not null,
    host        text        not null,
    pid         integer     not null,
    started_at  timestamptz not null,
    lease_until timestamptz not null
);

create table sends (
    tenant_id     uuid        not null,
    id            uuid        not null,
    lane_id       uuid        not null,
    address_id    uuid        not null,
    contact_id    uuid        not null,
    campaign_id   uuid,
    -- What takes turns in the lane: the campaign, else a fixed id per class.
    flow          uuid        not null,
    weight        smallint    not null check (weight between 1 and 100),
    class         text        not null check (class in ('auth', 'transactional', 'agent_reply', 'automation', 'campaign')),
    state         text        not null check (state in ('scheduled', 'queued', 'waiting', 'claimed', 'attempting', 'unknown',
                      'accepted', 'sent', 'delivered', 'read', 'failed', 'rejected', 'refused', 'expired', 'cancelled', 'dead')),
    -- While true, no other send to this address leaves this lane.
    busy          boolean     not null default false,
    run_at        timestamptz not null,
    not_after     timestamptz,
    state_at      timestamptz not null,
    lane_fence    bigint      not null default 0,
    -- Claims since the last one that ended in a known way. Three and it is poison.
    starts        smallint    not null default 0,
    -- Calls so far; with the id it names the attempt at the provider.
    attempt       integer     not null default 0,
    resends       smallint    not null default 0,
    no_resend     boolean     not null default false,
    gate          text,
    reason        text,
    decided_at    timestamptz,
    provider_ref  text,
    provider_code text,
    fault_class   text,
    -- A final state was reached, or an unknown outcome counts as final.
    settled_at    timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references messages (tenant_id, id),
    check (state <> 'waiting' or (gate is not null and reason is not null)),
    check (not busy or state in ('queued', 'waiting', 'claimed', 'attempting', 'unknown'))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.1);
create index sends_due on sends (tenant_id, lane_id, flow, run_at, id) where state in ('queued', 'waiting', 'scheduled');
create index sends_busy on sends (tenant_id, lane_id, address_id) where busy;
create index sends_unknown on sends (tenant_id, state_at) where state = 'unknown' and settled_at is null;
create index sends_by_campaign on sends (tenant_id, campaign_id, state) where campaign_id is not null;

create table attempts (
    tenant_id    uuid        not null,
    message_id   uuid        not null,
    attempt      integer     not null,
    account_id   uuid        not null,
    started_at   timestamptz not null,
    finished_at  timestamptz not null,
    result       text        not null check (result in ('accepted', 'retry', 'rejected', 'unknown', 'not_sent')),
    http_status  smallint,
    code         text,
    fault_class  text,
    provider_ref text,
    primary key (tenant_id, message_id, attempt)
);
create index attempts_by_ref on attempts (tenant_id, account_id, provider_ref) where provider_ref is not null;

create table gate_verdicts (
    tenant_id  uuid        not null,
    message_id uuid        not null,
    decided_at timestamptz not null,
    -- The last time the same decision was made again.
    checked_at timestamptz not null,
    gate_set   smallint    not null,
    decision   text        not null check (decision in ('send', 'wait', 'refuse')),
    gate       text,
    reason     text,
    until_at   timestamptz,
    passes     integer     not null,
    -- Read as a whole, never searched.
    facts      json        not null,
    primary key (tenant_id, message_id, decided_at)
);

-- No query filters by these; sampling them would cost more than the rest of an `analyze`.
alter table messages alter column content set statistics 0;
alter table gate_verdicts alter column facts set statistics 0;

-- Reservations. Facts are stale by definition; these rows are what keeps a limit across lanes.
create table spacings (
    tenant_id     uuid        not null,
    account_id    uuid        not null,
    address_id    uuid        not null,
    -- Theoretical arrival time of the token bucket between this account and this person.
    tat           timestamptz not null,
    backoff_until timestamptz,
    backoffs      smallint    not null default 0,
    primary key (tenant_id, account_id, address_id)
) with (fillfactor = 80);

create table frequency_uses (
    tenant_id  uuid          not null,
    contact_id uuid          not null,
    -- Oldest first, at most 100.
    uses       timestamptz[] not null,
    primary key (tenant_id, contact_id)
) with (fillfactor = 80);

create table session_windows (
    tenant_id  uuid        not null,
    account_id uuid        not null,
    address_id uuid        not null,
    opened_at  timestamptz not null,
    closes_at  timestamptz not null,
    primary key (tenant_id, account_id, address_id)
);

create table credit_slots (
    tenant_id uuid     not null references tenants,
    slot      smallint not null check (slot between 0 and 15),
    balance   bigint   not null check (balance >= 0),
    primary key (tenant_id, slot)
) with (fillfactor = 50);

-- What providers say. Raw and whole, before anybody reads it; not yet any tenant's.
create table webhook_journal (
    id          uuid        primary key,
    provider    text        not null,
    headers     jsonb       not null,
    url         text        not null,
    body        bytea       not null,
    received_at timestamptz not null,
    state       text        not null default 'unread' check (state in ('unread', 'applied', 'quarantined')),
    -- The account whose secret verified it, as (tenant, account).
    tenant_id   uuid        not null,
    account_id  uuid        not null,
    tries       smallint    not null default 0,
    read_at     timestamptz,
    error       text,
    events      integer
);
create index webhook_journal_unread on webhook_journal (received_at, id) where state = 'unread';
create index webhook_journal_by_tenant on webhook_journal (tenant_id, received_at);

create table receipts (
    tenant_id    uuid        not null,
    account_id   uuid        not null,
    event_key    text        not null check (length(event_key) <= 300),
    message_id   uuid,
    attempt      integer,
    kind         text        not null check (kind in ('sent', 'delivered', 'read', 'failed')),
    provider_ref text        not null,
    code         text,
    fault_class  text,
    price_category text,
    provider_at  timestamptz not null,
    received_at  timestamptz not null,
    primary key (tenant_id, account_id, event_key)
);
create index receipts_by_message on receipts (tenant_id, message_id) where message_id is not null;
create index receipts_parked on receipts (tenant_id, account_id, provider_ref) where message_id is null;
