-- Posts that their platform repeats under one name are kept once; platforms without an adapter have a channel of their own.

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
