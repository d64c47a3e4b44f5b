-- What members put together for their daily work.

-- Steps that a member takes with one move.
create table macros (
    tenant_id  uuid        not null references tenants,
    id         uuid        not null,
    name       text        not null check (length(name) between 1 and 100),
    actions    jsonb       not null check (jsonb_typeof(actions) = 'array'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
);
create unique index macros_by_name on macros (tenant_id, lower(name));

-- Questions about conversations that are asked again and again.
create table views (
    tenant_id  uuid        not null references tenants,
    id         uuid        not null,
    name       text        not null check (length(name) between 1 and 100),
    -- Null: everybody's.
    member_id  uuid,
    filter     jsonb       not null check (jsonb_typeof(filter) = 'object'),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, member_id) references members (tenant_id, id)
);
create index views_by_member on views (tenant_id, member_id);

select protect_tenant_tables();
grant delete on macros, views to postroad_app;
