-- People sign in. Who they are belongs to no tenant: one person may work for several, as a member of each.

create table users (
    id          uuid        primary key,
    -- As it was written; two of different case are one.
    email       text        not null check (length(email) between 3 and 320),
    name        text        not null check (length(name) between 1 and 200),
    -- A hash with its parameters: $argon2id$… of ours, $2b$… of elsewhere.
    password    text        not null check (length(password) between 20 and 300),
    -- Since when nobody can sign in with it.
    disabled_at timestamptz,
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);
create unique index users_by_email on users (lower(email));

-- A member may be somebody who signs in. Who that is, is found before the tenant is known: by the system role only.
alter table members add column user_id uuid references users;
create unique index members_by_user on members (tenant_id, user_id) where user_id is not null;
create index members_of_user on members (user_id, created_at) where user_id is not null;

create table sessions (
    -- SHA-256 of what the cookie holds.
    token_hash bytea       primary key check (length(token_hash) = 32),
    id         uuid        not null unique,
    user_id    uuid        not null references users,
    -- For which tenant the person works there now. Null: for none.
    works_for  uuid        references tenants,
    created_at timestamptz not null,
    seen_at    timestamptz not null,
    ends_at    timestamptz not null,
    ip         text        not null check (length(ip) <= 45),
    -- The browser, as it calls itself.
    agent      text        not null check (length(agent) <= 300)
) with (fillfactor = 80);
create index sessions_of_user on sessions (user_id, created_at);
create index sessions_by_age on sessions (seen_at);

-- Wrong passwords in a row, by a hash of the address of mail and of the network that they came from.
create table sign_in_failures (
    who       bytea       primary key check (length(who) = 32),
    failures  integer     not null check (failures > 0),
    failed_at timestamptz not null
) with (fillfactor = 50);
create index sign_in_failures_age on sign_in_failures (failed_at);

grant select, insert, update, delete on users, sessions, sign_in_failures to postroad_system;

create table invitations (
    tenant_id     uuid        not null references tenants,
    id            uuid        not null,
    email         text        not null check (length(email) between 3 and 320),
    role          text        not null check (role in ('owner', 'admin', 'manager', 'agent', 'limited_agent')),
    department_id uuid,
    -- SHA-256 of the word that was told once.
    token_hash    bytea       not null check (length(token_hash) = 32),
    -- Who asked: as histories name it.
    invited_by    text        not null check (length(invited_by) <= 100),
    state         text        not null default 'open' check (state in ('open', 'accepted', 'revoked')),
    created_at    timestamptz not null,
    ends_at       timestamptz not null,
    ended_at      timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, department_id) references departments (tenant_id, id),
    check ((state = 'open') = (ended_at is null))
);
create unique index invitations_open on invitations (tenant_id, lower(email)) where state = 'open';
-- Whoever accepts knows the word, and not yet the tenant: read by the system role only.
create unique index invitations_by_token on invitations (token_hash);

select protect_tenant_tables();
