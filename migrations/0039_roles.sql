-- Roles that a tenant makes: what a member may do and sees, in the place of what their role says.

create table roles (
    tenant_id  uuid        not null references tenants,
    id         uuid        not null,
    name       text        not null check (length(name) between 1 and 100),
    -- Words of core::scope.
    scopes     text[]      not null check (cardinality(scopes) between 1 and 100),
    sees       text        not null check (sees in ('everything', 'department', 'assigned')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
);
create unique index roles_by_name on roles (tenant_id, lower(name));

alter table members add column role_id uuid, add foreign key (tenant_id, role_id) references roles (tenant_id, id);
create index members_by_role on members (tenant_id, role_id) where role_id is not null;
-- Owners and admins may do and see everything, and somebody must.
alter table members add check ((role_id is null and accounts is null) or role not in ('owner', 'admin'));

create trigger audited after insert or update or delete on roles for each row
    when (nullif(current_setting('app.actor', true), '') is not null) execute function audit('tenant_id', 'id');

select protect_tenant_tables();
grant delete on roles to postroad_app;
