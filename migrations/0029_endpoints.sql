-- Tenants' own addresses, what is told to them, and every attempt to do so.

create table webhook_endpoints (
    tenant_id      uuid        not null references tenants,
    id             uuid        not null,
    name           text        not null check (length(name) between 1 and 100),
    url            text        not null check (length(url) between 1 and 2048),
    -- What it is told of.
    events         text[]      not null check (cardinality(events) between 1 and 20 and events <@ array['automation']),
    enabled        boolean     not null,
    -- Why it was switched off by itself.
    off_reason     text        check (off_reason in ('gone')),
    secret         text        not null check (secret like 'enc:v1:%'),
    secret_version integer     not null check (secret_version >= 1),
    -- Signs beside the new one until then.
    former_secret  text        check (former_secret like 'enc:v1:%'),
    former_until   timestamptz,
    -- Rounds in a row in which nothing was delivered, and until when nothing is tried.
    failures       integer     not null default 0 check (failures >= 0),
    rests_until    timestamptz,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (tenant_id, id),
    check (off_reason is null or not enabled),
    check ((former_secret is null) = (former_until is null))
);
create unique index webhook_endpoints_by_name on webhook_endpoints (tenant_id, lower(name));

create table webhook_deliveries (
    tenant_id    uuid        not null,
    id           uuid        not null,
    endpoint_id  uuid        not null,
    event        text        not null check (event in ('automation', 'test')),
    -- Byte by byte what is signed and sent, every time the same.
    body         text        not null check (octet_length(body) between 2 and 65536),
    state        text        not null check (state in ('waiting', 'delivered', 'failed', 'gone')),
    attempts     integer     not null default 0 check (attempts >= 0),
    -- Attempts before it was sent again: pauses grow from there.
    tried_before integer     not null default 0 check (tried_before between 0 and attempts),
    due_at       timestamptz,
    -- Not tried any more after this.
    ends_at      timestamptz not null,
    created_at   timestamptz not null,
    ended_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, endpoint_id) references webhook_endpoints (tenant_id, id) on delete cascade,
    check ((state = 'waiting') = (due_at is not null)),
    check ((state = 'waiting') = (ended_at is null))
);
create index webhook_deliveries_of_endpoint on webhook_deliveries (tenant_id, endpoint_id, id);
create index webhook_deliveries_waiting on webhook_deliveries (tenant_id, endpoint_id, due_at) where state = 'waiting';
create index webhook_deliveries_due on webhook_deliveries (due_at) where state = 'waiting';
create index webhook_deliveries_ending on webhook_deliveries (ends_at) where state = 'waiting';
create index webhook_deliveries_over on webhook_deliveries (ended_at) where ended_at is not null;

create table webhook_attempts (
    tenant_id   uuid        not null,
    delivery_id uuid        not null,
    n           integer     not null check (n >= 1),
    at          timestamptz not null,
    duration_ms integer     not null check (duration_ms >= 0),
    -- What the endpoint answered, or why there is no answer.
    status      integer     check (status between 100 and 999),
    failure     text        check (length(failure) between 1 and 100),
    answer      text        check (octet_length(answer) <= 1024),
    primary key (tenant_id, delivery_id, n),
    foreign key (tenant_id, delivery_id) references webhook_deliveries (tenant_id, id) on delete cascade,
    check ((status is null) <> (failure is null))
);

select protect_tenant_tables();
grant delete on webhook_endpoints to postroad_app;
