-- What people say on pages of ours: links that lead there without a login, and consents that wait for a second yes.

-- A token is told once and kept as its hash: whoever reads the table opens no page. It names no tenant, so it is looked up by
-- the system role only; every other index begins with the tenant.
create table contact_links (
    tenant_id    uuid        not null references tenants,
    id           uuid        not null,
    contact_id   uuid        not null,
    -- The message it stands in: unsubscribing is about its address then. Null: about all of the person's.
    message_id   uuid,
    token_sha256 bytea       not null check (length(token_sha256) = 32),
    created_at   timestamptz not null,
    primary key (tenant_id, id)
);
create unique index contact_links_by_token on contact_links (token_sha256);
create index contact_links_by_contact on contact_links (tenant_id, contact_id);
create index contact_links_age on contact_links (created_at);

create table opt_ins (
    tenant_id    uuid        not null references tenants,
    id           uuid        not null,
    address_id   uuid        not null,
    channel      text        not null,
    purpose      text        not null check (purpose in ('marketing', 'transactional')),
    source       text        not null check (length(source) between 1 and 100),
    -- The words that the person agreed to, and is shown again.
    wording      text        not null check (length(wording) between 1 and 2000),
    token_sha256 bytea       not null check (length(token_sha256) = 32),
    -- A pending one whose time is over has expired; nobody has to write that down.
    state        text        not null default 'pending' check (state in ('pending', 'confirmed', 'withdrawn')),
    requested_at timestamptz not null,
    expires_at   timestamptz not null check (expires_at > requested_at),
    decided_at   timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, address_id) references addresses (tenant_id, id),
    check ((state = 'pending') = (decided_at is null))
);
create unique index opt_ins_by_token on opt_ins (token_sha256);
create index opt_ins_by_address on opt_ins (tenant_id, address_id, id);
create index opt_ins_undecided on opt_ins (expires_at) where state = 'pending';

select protect_tenant_tables();
-- Forgetting a person takes away what leads to them.
grant delete on contact_links, opt_ins to postroad_app;
