-- Posts that their platform repeats under one name are kept once; platforms without an adapter have a channel of their own.
-- Two conversations of one person become one.

alter table webhook_journal
    add column delivery text check (length(delivery) between 1 and 256);
create unique index webhook_journal_once on webhook_journal (tenant_id, account_id, delivery) where delivery is not null;

create or replace function suppressions_apply() returns trigger language plpgsql as $$
begin
    update addresses a
    set    consent_version = a.consent_version + 1
    from   changed s
    cross  join lateral unnest(case when s.channel = '*'
        then array['whatsapp', 'sms', 'instagram', 'messenger', 'telegram', 'discord', 'x', 'email', 'widget', 'internal', 'voice', 'generic',
                   'sandbox']
        else array[s.channel] end) c (channel)
    where  a.tenant_id = s.tenant_id and a.channel = c.channel and a.address = s.address;
    return null;
end $$;

-- Chains are flattened when they are made: whatever is merged names a conversation that is not.
alter table conversations
    add column merged_into uuid,
    add foreign key (tenant_id, merged_into) references conversations (tenant_id, id),
    add check (merged_into is null or (state in ('closed', 'archived') and merged_into <> id));
create index conversations_by_survivor on conversations (tenant_id, merged_into) where merged_into is not null;

-- Where what people say through this account goes on, as long as that one is live and none of their own is.
create table conversation_redirects (
    tenant_id       uuid not null references tenants,
    account_id      uuid not null,
    address_id      uuid not null,
    conversation_id uuid not null,
    primary key (tenant_id, account_id, address_id),
    foreign key (tenant_id, account_id) references accounts (tenant_id, id),
    foreign key (tenant_id, address_id) references addresses (tenant_id, id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index conversation_redirects_by_conversation on conversation_redirects (tenant_id, conversation_id);

select protect_tenant_tables();
