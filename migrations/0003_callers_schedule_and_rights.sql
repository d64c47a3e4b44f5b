-- Who may call, what ran when, and who may touch which row.

create table api_clients (
    tenant_id    uuid             not null references tenants,
    id           uuid             not null,
    name         text             not null check (length(name) between 1 and 200),
    live         boolean          not null,
    scopes       text[]           not null,
    cidrs        text[]           not null default '{}',
    rate_per_s   double precision not null check (rate_per_s between 0.01 and 100000),
    rate_burst   integer          not null check (rate_burst between 1 and 100000),
    daily_quota  bigint           check (daily_quota > 0),
    time_zone    text             not null default 'UTC',
    status       text             not null check (status in ('active', 'disabled')),
    created_at   timestamptz      not null,
    updated_at   timestamptz      not null,
    primary key (tenant_id, id)
);

create table api_keys (
    tenant_id    uuid        not null,
    key_id       text        not null check (key_id ~ '^prk_(live|test)_[a-z0-9]{2,40}$'),
    client_id    uuid        not null,
    -- enc:v1:…
    secret       text        not null,
    status       text        not null check (status in ('active', 'retiring', 'revoked')),
    not_before   timestamptz not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz not null,
    primary key (tenant_id, key_id),
    foreign key (tenant_id, client_id) references api_clients (tenant_id, id)
);
-- A request names its key before its tenant is known: read by the system role only.
create unique index api_keys_by_id on api_keys (key_id);

create table idempotency (
    tenant_id   uuid        not null,
    client_id   uuid        not null,
    request_id  text        not null,
    body_sha256 text        not null,
    route       text        not null,
    status      smallint    not null,
    answer      jsonb       not null,
    created_at  timestamptz not null,
    primary key (tenant_id, client_id, request_id)
);
create index idempotency_age on idempotency (created_at);

create table quota_slots (
    tenant_id uuid     not null,
    client_id uuid     not null,
    on_date   date     not null,
    slot      smallint not null check (slot between 0 and 15),
    allowed   bigint   not null,
    used      bigint   not null check (used >= 0 and used <= allowed),
    primary key (tenant_id, client_id, on_date, slot)
) with (fillfactor = 50);

create table request_log (
    -- Null: the key was unknown.
    tenant_id   uuid,
    id          uuid        not null,
    at          timestamptz not null,
    client_id   uuid,
    key_id      text,
    ip          text        not null,
    method      text        not null,
    path        text        not null,
    request_id  text,
    body_sha256 text,
    status      smallint    not null,
    code        text,
    latency_us  bigint      not null,
    primary key (id)
);
create index request_log_by_tenant on request_log (tenant_id, id);

-- The scheduler's leader, and what it fired: one row per entry and instant, so that two leaders fire once.
create table leader (
    only_row    boolean     primary key default true check (only_row),
    incarnation uuid        not null,
    term        bigint      not null,
    lease_until timestamptz not null
);
create table fires (
    entry   text        not null,
    fire_at timestamptz not null,
    term    bigint      not null,
    primary key (entry, fire_at)
);

create table double_send_suspects (
    tenant_id   uuid        not null,
    message_id  uuid        not null,
    detector    text        not null check (detector in ('two_refs', 'late_evidence')),
    detail      text        not null,
    noticed_at  timestamptz not null,
    primary key (tenant_id, message_id, detector, detail)
);

create function touch_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at := greatest(new.updated_at, now());
    return new;
end $$;
create trigger touch before update on tenants     for each row execute function touch_updated_at();
create trigger touch before update on accounts    for each row execute function touch_updated_at();
create trigger touch before update on contacts    for each row execute function touch_updated_at();
create trigger touch before update on templates   for each row execute function touch_updated_at();
create trigger touch before update on campaigns   for each row execute function touch_updated_at();
create trigger touch before update on api_clients for each row execute function touch_updated_at();

-- Bulk writers end with this: a table that was never analysed is read thirty times slower.
create function analyze_hot() returns void language plpgsql security definer set search_path = public as $$
begin
    analyze sends, messages, addresses, contacts, recipients;
end $$;

-- Row-level security: every table with tenant_id, on and forced. The app role sees the tenant of its transaction and
-- nothing without one; the system role runs the named cross-tenant functions of the store.
do $$
declare t text;
begin
    for t in select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind = 'r'
             and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_only on %I to postroad_app
            using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), ''''))::uuid)
            with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), ''''))::uuid)', t);
        execute format('create policy system_all on %I to postroad_system using (true) with check (true)', t);
        execute format('grant select, insert, update on %I to postroad_app', t);
        execute format('grant select, insert, update, delete on %I to postroad_system', t);
    end loop;
end $$;

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_only on tenants to postroad_app
    using (id = (select nullif(current_setting('app.tenant_id', true), ''))::uuid)
    with check (id = (select nullif(current_setting('app.tenant_id', true), ''))::uuid);
create policy system_all on tenants to postroad_system using (true) with check (true);
grant select, update on tenants to postroad_app;
grant select, insert, update on tenants to postroad_system;

-- Append-only for the runtime.
revoke update on consents, attempts, receipts, gate_verdicts, request_log from postroad_app;
revoke update, delete on consents from postroad_system;
-- What the app role may take away.
grant delete on suppressions to postroad_app;
-- What is no tenant's business.
revoke all on webhook_journal, double_send_suspects from postroad_app;
revoke insert, update on request_log from postroad_app;
grant select on installation, provider_switches to postroad_app;
grant select, insert, update, delete on installation, provider_switches, incarnations, leader, fires to postroad_system;
revoke execute on function analyze_hot() from public;
grant execute on function analyze_hot() to postroad_system, postroad_app;
