-- Members see a part of the conversations, and of people and messages only what belongs to those. The transaction says who
-- looks, and row-level security keeps the rest back: no query can forget it. Transactions that say nothing see everything
-- of their tenant, and pay one look at a setting per statement.

-- Null: all accounts.
alter table members add column accounts uuid[] check (cardinality(accounts) between 1 and 100);

-- Whoever sees a part lists messages of conversations, and not past all that campaigns said.
create index messages_of_conversations on messages (tenant_id, id) where conversation_id is not null;

create function sees_all() returns boolean language sql stable parallel safe as $$
    select coalesce(current_setting('app.sees', true), '') = ''
$$;

-- The rule of core::sight, for whoever does not see all.
create function sees_conversation(assignee uuid, department uuid, account uuid) returns boolean language sql stable parallel safe as $$
    select coalesce(assignee = nullif(current_setting('app.member', true), '')::uuid, false)
        or ((current_setting('app.sees', true) = 'everything'
             or (current_setting('app.sees', true) = 'department'
                 and (department is null or department = nullif(current_setting('app.department', true), '')::uuid)))
            and coalesce(account = any(nullif(current_setting('app.accounts', true), '')::uuid[]), true)) is true
$$;

-- A person is seen with one of their conversations, or while they have none at all. Runs as the owner: what is kept back
-- counts too. The tenant is that of the transaction, whatever is asked.
create function sees_contact(tenant uuid, contact uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select $1 = nullif(current_setting('app.tenant_id', true), '')::uuid
       and (exists (select 1 from addresses a join conversations c on c.tenant_id = a.tenant_id and c.address_id = a.id
                    where a.tenant_id = $1 and a.contact_id = $2
                    and   sees_conversation(c.assignee_id, c.department_id, c.account_id))
            or (current_setting('app.sees', true) <> 'assigned'
                and not exists (select 1 from addresses a join conversations c on c.tenant_id = a.tenant_id and c.address_id = a.id
                                where a.tenant_id = $1 and a.contact_id = $2)))
$$;
revoke execute on function sees_contact from public;
grant execute on function sees_contact to postroad_app;
create policy sight_is_judged on conversations for select to postroad_owner using (true);
create policy sight_is_judged on addresses for select to postroad_owner using (true);

-- What a table's rows belong to, by its columns. Null: nothing of which a part is kept back.
create function sight_of(t text) returns text language sql stable as $$
    select case
        when t = 'conversations' then 'sees_conversation(assignee_id, department_id, account_id)'
        when t = 'contacts' then 'sees_contact(tenant_id, id)'
        when t = 'sends' then 'exists (select 1 from messages m where m.tenant_id = sends.tenant_id and m.id = sends.id)'
        -- Of each member their own, by the routes; they carry no words of anybody.
        when t = 'notifications' then null
        -- The statement of the wallet, for whoever may see money.
        when t = 'credit_entries' then null
        when 'conversation_id' = any(columns) then
            format('exists (select 1 from conversations c where c.tenant_id = %1$I.tenant_id and c.id = %1$I.conversation_id)', t)
        when 'contact_id' = any(columns) then 'sees_contact(tenant_id, contact_id)'
        when 'message_id' = any(columns) then
            format('message_id is null or exists (select 1 from messages m where m.tenant_id = %1$I.tenant_id and m.id = %1$I.message_id)', t)
    end
    from (select array_agg(a.attname::text) as columns from pg_attribute a
          where a.attrelid = to_regclass(format('public.%I', t)) and a.attnum > 0 and not a.attisdropped) x
$$;

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
    for t in select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind = 'r' and c.relforcerowsecurity and sight_of(c.relname) is not null
             and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
             and not exists (select 1 from pg_policy p where p.polrelid = c.oid and p.polname = 'in_sight')
    loop
        execute format('create policy in_sight on %I as restrictive for select to postroad_app using ((select sees_all()) or %s)',
                       t, sight_of(t));
    end loop;
end $$;
revoke execute on function sight_of from public;

-- As before, and nothing of conversations that are kept back: runs as the owner, from whom nothing is.
create or replace function search_messages(
    phrase text, language text, conversation uuid, addresses uuid[], account uuid, member uuid, channel text, direction text,
    kind text, since timestamptz, until timestamptz, before_at timestamptz, before_id uuid, most bigint
) returns table (message_id uuid, at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    wanted tsquery;
begin
    if tenant is null then
        return;
    end if;
    wanted := websearch_to_tsquery('pg_catalog.simple', phrase) || websearch_to_tsquery(stems_of(language), phrase);
    if numnode(wanted) = 0 then
        return;
    end if;
    wanted := wanted && ('''t:' || tenant || '''')::tsquery;
    -- Planned each time: of a rare word the index on words is read, of a common one the newest messages are.
    return query execute $search$
        select x.message_id, x.at
        from   message_texts x
        where  x.tenant_id = $1 and x.words @@ $2
        and    ($3 is null or x.conversation_id = $3)
        and    ($4 is null or x.address_id = any($4))
        and    ($5 is null or x.account_id = $5)
        and    ($6 is null or x.member_id = $6)
        and    ($7 is null or x.channel = $7)
        and    ($8 is null or x.direction = $8)
        and    ($9 is null or x.kind = $9)
        and    ($10 is null or x.at >= $10)
        and    ($11 is null or x.at < $11)
        and    ($12 is null or (x.at, x.message_id) < ($12, $13))
        and    ($15 or exists (select 1 from conversations c where c.tenant_id = x.tenant_id and c.id = x.conversation_id
                               and sees_conversation(c.assignee_id, c.department_id, c.account_id)))
        order  by x.at desc, x.message_id desc
        limit  $14
    $search$ using tenant, wanted, conversation, addresses, account, member, channel, direction, kind, since, until, before_at,
                   before_id, least(most, 201), sees_all();
end $$;

select protect_tenant_tables();
