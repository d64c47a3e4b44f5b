-- Who owns data, what is connected, whom we may reach. Every tenant table has tenant_id first in its keys and indexes;
-- row-level security is switched on for all of them at the end of 0003.

create table installation (
    only_row       boolean     primary key default true check (only_row),
    id             uuid        not null,
    -- Changes when a copy of the database is released: see the restore page of the docs.
    epoch          uuid        not null,
    restore_hold   boolean     not null default false,
    sending_paused boolean     not null default false,
    -- Proves that the master keys at hand are the ones the secrets were sealed with.
    key_canary     text,
    created_at     timestamptz not null
);

create table provider_switches (
    provider   text        primary key,
    off_since  timestamptz not null,
    reason     text        not null
);

create table tenants (
    id              uuid        primary key,
    slug            text        not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name            text        not null check (length(name) between 1 and 200),
    time_zone       text        not null default 'UTC',
    -- Both or none; none: the installation's default. Equal: no quiet hours.
    quiet_starts    time,
    quiet_ends      time,
    -- Frequency caps: [{"kind": "rolling", "window_s": 604800, "max": 3}]
    caps            jsonb       not null default '[]' check (jsonb_typeof(caps) = 'array'),
    credit_enforced boolean     not null default false,
    sending_paused  boolean     not null default false,
    paused_reason   text,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    check ((quiet_starts is null) = (quiet_ends is null))
);

create table data_keys (
    tenant_id  uuid        not null references tenants,
    id         uuid        not null,
    kek_id     text        not null,
    wrapped    text        not null,
    uses       bigint      not null default 0,
    retired_at timestamptz,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);

create table accounts (
    tenant_id     uuid             not null references tenants,
    id            uuid             not null,
    provider      text             not null,
    channel       text             not null,
    external_id   text             not null check (length(external_id) between 1 and 200),
    display_name  text             not null check (length(display_name) between 1 and 200),
    status        text             not null check (status in ('active', 'paused', 'disconnected', 'restricted')),
    status_reason text,
    -- enc:v1:… of a JSON object of named secrets.
    credentials   text             not null,
    -- Named values that are no secrets: {"waba_id": "…"}
    settings      jsonb            not null default '{}' check (jsonb_typeof(settings) = 'object'),
    rate_per_s    double precision not null check (rate_per_s between 0.01 and 100000),
    rate_burst    integer          not null check (rate_burst between 1 and 100000),
    -- Accounts that share a provider limit name it: calls of all of them together stay below its rate.
    limit_key     text,
    limit_per_s   double precision check (limit_per_s between 0.01 and 100000),
    spacing_every_s integer        check (spacing_every_s between 1 and 86400),
    spacing_burst integer          check (spacing_burst between 1 and 1000),
    time_zone     text,
    quiet_starts  time,
    quiet_ends    time,
    is_primary    boolean          not null default false,
    last_ok_at    timestamptz,
    created_at    timestamptz      not null,
    updated_at    timestamptz      not null,
    primary key (tenant_id, id),
    unique (tenant_id, provider, external_id),
    check ((quiet_starts is null) = (quiet_ends is null)),
    check ((limit_key is null) = (limit_per_s is null)),
    check ((spacing_every_s is null) = (spacing_burst is null))
);
create unique index accounts_one_primary on accounts (tenant_id, channel) where is_primary;
-- Webhooks name the provider's id before the tenant is known: read by the system role only.
create index accounts_by_external on accounts (provider, external_id);

create table contacts (
    tenant_id    uuid        not null references tenants,
    id           uuid        not null,
    display_name text        check (length(display_name) <= 200),
    language     text        check (length(language) <= 35),
    time_zone    text,
    attributes   jsonb       not null default '{}' check (jsonb_typeof(attributes) = 'object'),
    -- The caller's own key: a second import of the same file changes the same people.
    external_key text        check (length(external_key) between 1 and 200),
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (tenant_id, id)
);
create unique index contacts_by_external_key on contacts (tenant_id, external_key) where external_key is not null;

create table addresses (
    tenant_id            uuid        not null,
    id                   uuid        not null,
    contact_id           uuid        not null,
    channel              text        not null,
    address              text        not null check (length(address) between 1 and 320),
    -- The newest entries of the ledger, kept by a trigger on consents.
    marketing_action     text        check (marketing_action in ('granted', 'revoked')),
    marketing_at         timestamptz,
    transactional_action text        check (transactional_action in ('granted', 'revoked')),
    transactional_at     timestamptz,
    -- Raised by every change of consent or suppression: an attempt that was decided on older facts does not start.
    consent_version      integer     not null default 0,
    -- The provider says that nobody is there.
    unreachable_at       timestamptz,
    created_at           timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, channel, address),
    foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
create index addresses_by_contact on addresses (tenant_id, contact_id);

-- Append-only: the runtime roles may insert and read.
create table consents (
    tenant_id   uuid        not null,
    id          uuid        not null,
    address_id  uuid        not null,
    channel     text        not null,
    purpose     text        not null check (purpose in ('marketing', 'transactional', 'conversational')),
    action      text        not null check (action in ('granted', 'revoked')),
    -- Where it was said: import, api, inbound, provider, operator, form.
    source      text        not null check (length(source) between 1 and 100),
    -- The words the person saw or wrote.
    wording     text        check (length(wording) <= 2000),
    evidence    jsonb       not null default '{}',
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, address_id) references addresses (tenant_id, id)
);
create index consents_by_address on consents (tenant_id, address_id, purpose, occurred_at desc, id desc);

create function consents_apply() returns trigger language plpgsql as $$
begin
    update addresses a
    set    marketing_action     = coalesce(m.action, a.marketing_action),
           marketing_at         = coalesce(m.occurred_at, a.marketing_at),
           transactional_action = coalesce(t.action, a.transactional_action),
           transactional_at     = coalesce(t.occurred_at, a.transactional_at),
           consent_version      = a.consent_version + 1
    from   (select distinct tenant_id, address_id from fresh) f
    left   join lateral (
        select n.action, n.occurred_at from fresh n
        where  n.tenant_id = f.tenant_id and n.address_id = f.address_id and n.purpose = 'marketing'
        order  by n.occurred_at desc, n.id desc limit 1
    ) m on true
    left   join lateral (
        select n.action, n.occurred_at from fresh n
        where  n.tenant_id = f.tenant_id and n.address_id = f.address_id and n.purpose = 'transactional'
        order  by n.occurred_at desc, n.id desc limit 1
    ) t on true
    where  a.tenant_id = f.tenant_id and a.id = f.address_id
    and    ((m.action is not null and m.occurred_at >= coalesce(a.marketing_at, '-infinity'))
         or (t.action is not null and t.occurred_at >= coalesce(a.transactional_at, '-infinity')));
    return null;
end $$;
create trigger consents_apply after insert on consents
    referencing new table as fresh for each statement execute function consents_apply();

create table suppressions (
    tenant_id  uuid        not null references tenants,
    id         uuid        not null,
    -- '*': on every channel.
    channel    text        not null,
    address    text        not null,
    reason     text        not null check (reason in ('opt_out', 'complaint', 'hard_bounce', 'operator', 'erased')),
    note       text        check (length(note) <= 500),
    created_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, address, channel)
);

create function suppressions_apply() returns trigger language plpgsql as $$
begin
    update addresses a set consent_version = consent_version + 1
    from   changed s
    where  a.tenant_id = s.tenant_id and a.address = s.address and (s.channel = '*' or a.channel = s.channel);
    return null;
end $$;
create trigger suppressions_added after insert on suppressions
    referencing new table as changed for each statement execute function suppressions_apply();
create trigger suppressions_lifted after delete on suppressions
    referencing old table as changed for each statement execute function suppressions_apply();

create table templates (
    tenant_id    uuid        not null,
    id           uuid        not null,
    account_id   uuid        not null,
    name         text        not null check (length(name) between 1 and 512),
    language     text        not null check (length(language) between 2 and 15),
    category     text        not null check (category in ('marketing', 'utility', 'authentication')),
    status       text        not null
        check (status in ('draft', 'submitted', 'approved', 'rejected', 'paused', 'disabled', 'deleted')),
    status_reason text,
    body         text        not null check (length(body) between 1 and 4096),
    placeholders integer     not null check (placeholders between 0 and 10),
    provider_ref text,
    synced_at    timestamptz,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, account_id, name, language),
    foreign key (tenant_id, account_id) references accounts (tenant_id, id)
);

create table contact_imports (
    tenant_id   uuid        not null references tenants,
    id          uuid        not null,
    file_name   text        not null,
    file_sha256 text        not null,
    state       text        not null check (state in ('running', 'completed', 'failed')),
    -- Lines read so far, without the header: an import that was cut continues behind them.
    lines_done  bigint      not null default 0,
    created     bigint      not null default 0,
    updated     bigint      not null default 0,
    invalid     bigint      not null default 0,
    created_at  timestamptz not null,
    finished_at timestamptz,
    primary key (tenant_id, id)
);

create table contact_import_errors (
    tenant_id uuid   not null,
    import_id uuid   not null,
    line      bigint not null,
    code      text   not null,
    detail    text   not null,
    primary key (tenant_id, import_id, line),
    foreign key (tenant_id, import_id) references contact_imports (tenant_id, id)
);
