-- Files of contacts: how each is read, how far it got, and the bytes of those that came over the API.

alter table contact_imports
    drop constraint contact_imports_state_check,
    -- 'receiving': parts of the file are still to come.
    add constraint contact_imports_state_check check (state in ('receiving', 'running', 'completed', 'failed')),
    -- How its lines are read: what a job that goes on needs to read them the same way.
    add column options       jsonb       not null default '{}' check (jsonb_typeof(options) = 'object'),
    -- The header as it was read, for the error file.
    add column columns       text[]      not null default '{}',
    add column encoding      text,
    add column delimiter     text,
    -- Parts that were received. None: whoever began it has the file.
    add column parts         integer     not null default 0 check (parts between 0 and 1024),
    add column size_bytes    bigint,
    add column read_bytes    bigint      not null default 0,
    add column started_at    timestamptz,
    add column progressed_at timestamptz,
    add column failure       text,
    add constraint contact_imports_failure check (state <> 'failed' or failure is not null);

-- What nobody moves any more, for the sweep.
create index contact_imports_open on contact_imports (progressed_at) where state in ('receiving', 'running') and parts > 0;

-- The line as it stood in the file: an array of texts. Null: too long to keep.
alter table contact_import_errors add column fields jsonb check (jsonb_typeof(fields) = 'array');

-- An uploaded file, until it is read: where every worker can reach it.
create table contact_import_parts (
    tenant_id uuid    not null,
    import_id uuid    not null,
    part      integer not null check (part between 0 and 1023),
    bytes     bytea   not null check (length(bytes) between 1 and 1048576),
    primary key (tenant_id, import_id, part),
    foreign key (tenant_id, import_id) references contact_imports (tenant_id, id)
);

select protect_tenant_tables();
grant delete on contact_import_parts to postroad_app;

-- Erasure. The row stays, because messages and consents point to it; everything that says who it was goes.
alter table contacts add column erased_at timestamptz;
-- The ledger stays append-only in what was said and when; words and evidence may name the person.
grant update (wording, evidence) on consents to postroad_system;
create index contact_imports_finished on contact_imports (finished_at) where finished_at is not null;

-- Many people at once. Contacts and addresses are never deleted, and their ids are made or read in the transaction that
-- writes what points to them: checking each row again is a third of the cost of an import.
alter table consents  drop constraint consents_tenant_id_address_id_fkey;
alter table addresses drop constraint addresses_tenant_id_contact_id_fkey;

-- As in 0004, but not for entries about addresses that were written together with what the entries come to.
create or replace function consents_apply() returns trigger language plpgsql as $$
begin
    if current_setting('app.consents_applied', true) = 'on' then
        return null;
    end if;
    update addresses a
    set    marketing_action = case when consent_replaces(n.marketing_at, n.marketing_action, a.marketing_at, a.marketing_action)
                                   then n.marketing_action else a.marketing_action end,
           marketing_at = greatest(a.marketing_at, n.marketing_at),
           transactional_action = case when consent_replaces(n.transactional_at, n.transactional_action,
                                                             a.transactional_at, a.transactional_action)
                                       then n.transactional_action else a.transactional_action end,
           transactional_at = greatest(a.transactional_at, n.transactional_at),
           consent_version = a.consent_version + 1
    from   (
        select f.tenant_id, f.address_id,
               max(f.occurred_at) filter (where f.purpose = 'marketing') as marketing_at,
               (array_agg(f.action order by f.occurred_at desc, f.action desc) filter (where f.purpose = 'marketing'))[1]
                   as marketing_action,
               max(f.occurred_at) filter (where f.purpose = 'transactional') as transactional_at,
               (array_agg(f.action order by f.occurred_at desc, f.action desc) filter (where f.purpose = 'transactional'))[1]
                   as transactional_action
        from   fresh f
        group  by f.tenant_id, f.address_id
    ) n
    where  a.tenant_id = n.tenant_id and a.id = n.address_id
    and    (consent_replaces(n.marketing_at, n.marketing_action, a.marketing_at, a.marketing_action)
         or consent_replaces(n.transactional_at, n.transactional_action, a.transactional_at, a.transactional_action));
    return null;
end $$;
