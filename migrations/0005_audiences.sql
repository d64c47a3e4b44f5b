-- Whom a campaign is for: tags, groups, and segments.

-- Short words that people and imports put on a contact; lower case, each once. They have no index: under row-level security
-- no condition is looked up in an index but those whose operators are leakproof, and "contains" of arrays is not. Tags are
-- read along the key of the contacts, some five million a second.
alter table contacts add column tags text[] not null default '{}' check (cardinality(tags) <= 50);

-- A list of people that somebody put together by hand.
create table groups (
    tenant_id   uuid        not null references tenants,
    id          uuid        not null,
    name        text        not null check (length(name) between 1 and 100),
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant_id, id)
);
create unique index groups_by_name on groups (tenant_id, lower(name));

create table group_members (
    tenant_id  uuid        not null,
    group_id   uuid        not null,
    contact_id uuid        not null,
    added_at   timestamptz not null,
    primary key (tenant_id, group_id, contact_id),
    foreign key (tenant_id, group_id) references groups (tenant_id, id) on delete cascade
);
create index group_members_by_contact on group_members (tenant_id, contact_id);

-- A question about contacts, asked anew each time: a filter as data.
create table segments (
    tenant_id   uuid        not null references tenants,
    id          uuid        not null,
    name        text        not null check (length(name) between 1 and 100),
    filter      jsonb       not null check (jsonb_typeof(filter) = 'object'),
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant_id, id)
);
create unique index segments_by_name on segments (tenant_id, lower(name));

create trigger touch before update on groups   for each row execute function touch_updated_at();
create trigger touch before update on segments for each row execute function touch_updated_at();

-- When people wrote last, without reading what we wrote to them.
create index messages_inbound on messages (tenant_id, contact_id, created_at) where direction = 'inbound';

-- Whom a campaign leaves out, and its audience as a filter from its start on: what is edited later changes nothing.
-- [{"segment": "seg_…"}, {"group": "grp_…"}, {"filter": {…}}]
alter table campaigns add column exclude jsonb not null default '[]' check (jsonb_typeof(exclude) = 'array');
alter table campaigns add column frozen jsonb check (jsonb_typeof(frozen) = 'object');

-- What 0003 did for the tables there were then, for those that have come since: on, forced, and the two policies.
create function protect_tenant_tables() returns void language plpgsql as $$
declare t text;
begin
    for t in select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind = 'r' and not c.relforcerowsecurity
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
revoke execute on function protect_tenant_tables() from public;

select protect_tenant_tables();
grant delete on groups, group_members, segments to postroad_app;
