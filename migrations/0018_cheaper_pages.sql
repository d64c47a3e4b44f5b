-- Pages of a campaign are written with less work for each recipient.

-- Row-level security reads whose rows they are once per statement. With the cast outside of the subquery the text was read
-- again for every row.
create or replace function protect_tenant_tables() returns void language plpgsql as $$
declare t text;
begin
    for t in select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind = 'r' and not c.relforcerowsecurity
             and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy tenant_only on %I to postroad_app
            using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
            with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
        execute format('create policy system_all on %I to postroad_system using (true) with check (true)', t);
        execute format('grant select, insert, update on %I to postroad_app', t);
        execute format('grant select, insert, update, delete on %I to postroad_system', t);
    end loop;
end $$;

do $$
declare t text;
begin
    for t in select tablename from pg_policies where schemaname = 'public' and policyname = 'tenant_only' and tablename <> 'tenants'
    loop
        execute format('alter policy tenant_only on %I
            using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
            with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end $$;

-- The address at which somebody is written to is the oldest one of a channel: found without sorting, for each of a million.
create index addresses_written_to on addresses (tenant_id, contact_id, channel, created_at, id);
drop index addresses_by_contact;

-- Rows that are only added need no vacuum every few seconds while a million of them are. Planning analyses by itself at
-- its end.
alter table recipients set (autovacuum_vacuum_insert_threshold = 500000, autovacuum_analyze_threshold = 100000);
alter table messages set (autovacuum_vacuum_insert_threshold = 500000, autovacuum_analyze_threshold = 20000,
                          autovacuum_analyze_scale_factor = 0.2);
alter table sends set (autovacuum_vacuum_insert_threshold = 500000, autovacuum_analyze_threshold = 20000);
