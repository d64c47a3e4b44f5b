-- People of whoever runs the installation. They make tenants, and work for any of them as a member whom everybody sees.
alter table users add column superadmin boolean not null default false;
-- Until now whoever owned the first tenant did this on the command line.
update users set superadmin = true where id = (select id from users order by created_at, id limit 1);

-- To write campaigns and to let them loose are two rights now; nobody loses one.
alter table api_clients no force row level security;
update api_clients set scopes = array_append(scopes, 'campaigns:send')
where  'campaigns:write' = any (scopes) and not 'campaigns:send' = any (scopes);
alter table api_clients force row level security;

-- What somebody changed. Written by triggers, so that no query can forget it, in the transaction of the change itself.
create table audit_entries (
    tenant_id  uuid        not null references tenants,
    -- Ascends with time.
    id         uuid        not null,
    at         timestamptz not null,
    -- As histories name them; a person who is no member yet by the id with which they sign in.
    actor      text        not null check (length(actor) between 1 and 100),
    ip         text        check (length(ip) <= 45),
    request_id text        check (length(request_id) <= 64),
    -- The table, and the key of the row.
    noun       text        not null check (length(noun) between 1 and 63),
    noun_id    text        not null check (length(noun_id) between 1 and 100),
    action     text        not null check (action in ('created', 'changed', 'deleted')),
    -- Only what differs. Secrets are told to be there, and never what they are.
    before     jsonb       not null check (jsonb_typeof(before) = 'object'),
    after      jsonb       not null check (jsonb_typeof(after) = 'object'),
    primary key (tenant_id, id)
);
create index audit_entries_of_noun on audit_entries (tenant_id, noun, noun_id, id);
create index audit_entries_of_actor on audit_entries (tenant_id, actor, id);

select protect_tenant_tables();
-- Nobody rewrites history.
revoke update on audit_entries from postroad_app;
revoke update, delete on audit_entries from postroad_system;

-- Version 7 of RFC 9562: 48 bits of milliseconds, 12 bits of the fraction of one (its method 3), then chance.
create function uuid_of(at timestamptz) returns uuid language sql volatile as $$
    select encode(
        overlay(uuid_send(gen_random_uuid())
                placing substring(int8send(micros / 1000) from 3)
                     || substring(int4send((28672 + micros % 1000 * 4096 / 1000)::integer) from 3)
                from 1 for 8),
        'hex')::uuid
    from (select floor(extract(epoch from at) * 1000000)::bigint as micros) x
$$;

-- What changes by itself all the time, and what is no news.
create function audited(value jsonb) returns jsonb language sql immutable as $$
    select coalesce(jsonb_object_agg(key, case
        when value = 'null'::jsonb then value
        when key ~ '(secret|token|credential|password|sealed|hash|address)' or value #>> '{}' like 'enc:v1:%' then '"[redacted]"'::jsonb
        else value end), '{}')
    from jsonb_each(value)
    where key not in ('tenant_id', 'created_at', 'updated_at', 'last_used_at')
$$;

create function differing(one jsonb, other jsonb) returns jsonb language sql immutable as $$
    select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(one) where value is distinct from other -> key
$$;

-- Arguments: the column of the tenant, and that which names the row.
create function audit() returns trigger language plpgsql as $$
declare
    old_row jsonb := '{}';
    new_row jsonb := '{}';
    one     jsonb;
begin
    if tg_op <> 'INSERT' then old_row := to_jsonb(old); end if;
    if tg_op <> 'DELETE' then new_row := to_jsonb(new); end if;
    one := case tg_op when 'DELETE' then old_row else new_row end;
    -- Compared before secrets are hidden: that one was replaced is news.
    declare
        was jsonb := audited(differing(old_row, new_row));
        is_ jsonb := audited(differing(new_row, old_row));
    begin
        if was = '{}' and is_ = '{}' then
            return null;
        end if;
        insert into audit_entries (tenant_id, id, at, actor, ip, request_id, noun, noun_id, action, before, after)
        values ((one ->> tg_argv[0])::uuid, uuid_of(clock_timestamp()), clock_timestamp(), current_setting('app.actor', true),
                nullif(current_setting('app.ip', true), ''), nullif(current_setting('app.request_id', true), ''),
                tg_table_name, one ->> tg_argv[1],
                case tg_op when 'INSERT' then 'created' when 'DELETE' then 'deleted' else 'changed' end, was, is_);
    end;
    return null;
end $$;

-- Only what somebody does, who says so: what workers learn about accounts is no deed of anybody.
do $$
declare
    t    text;
    made text := 'create trigger audited after insert or update or delete on %I for each row
                  when (nullif(current_setting(''app.actor'', true), '''') is not null) execute function audit(%L, %L)';
begin
    foreach t in array array['accounts', 'api_clients', 'automations', 'campaigns', 'departments', 'groups', 'invitations', 'labels',
                             'macros', 'members', 'quick_replies', 'segments', 'templates', 'views', 'webhook_endpoints']
    loop
        execute format(made, t, 'tenant_id', 'id');
    end loop;
    execute format(made, 'api_keys', 'tenant_id', 'key_id');
    execute format(made, 'automation_versions', 'tenant_id', 'automation_id');
    execute format(made, 'credit_prices', 'tenant_id', 'channel');
    execute format(made, 'credit_allowances', 'tenant_id', 'member_id');
    execute format(made, 'experiments', 'tenant_id', 'campaign_id');
    execute format(made, 'tenants', 'id', 'id');
end $$;

-- Files of many thousands come in; whom somebody lets be written to again is what must be known.
create trigger audited after delete on suppressions for each row
    when (nullif(current_setting('app.actor', true), '') is not null) execute function audit('tenant_id', 'id');
