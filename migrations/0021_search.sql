-- Search in what was said. Only messages of conversations are found, so only they are written here: what campaigns say costs
-- no index anything.

create table message_texts (
    tenant_id       uuid        not null,
    message_id      uuid        not null,
    conversation_id uuid        not null,
    address_id      uuid        not null,
    account_id      uuid        not null,
    member_id       uuid,
    channel         text        not null,
    direction       text        not null check (direction in ('outbound', 'inbound')),
    kind            text        not null,
    at              timestamptz not null,
    -- The words as they stand, their stems in the person's language, and the tenant as one more word: a common word of one
    -- tenant is not looked through in the messages of all others.
    words           tsvector    not null,
    primary key (tenant_id, message_id),
    foreign key (tenant_id, message_id) references messages (tenant_id, id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index message_texts_words on message_texts using gin (words);
create index message_texts_by_time on message_texts (tenant_id, at, message_id);
create index message_texts_by_address on message_texts (tenant_id, address_id);
create index message_texts_by_conversation on message_texts (tenant_id, conversation_id, at, message_id);

-- How words of a language are cut to their stems.
create function stems_of(language text) returns regconfig language sql immutable parallel safe as $$
    select case left(lower(language), 2)
        when 'ar' then 'pg_catalog.arabic'::regconfig
        when 'ca' then 'pg_catalog.catalan'
        when 'da' then 'pg_catalog.danish'
        when 'de' then 'pg_catalog.german'
        when 'el' then 'pg_catalog.greek'
        when 'en' then 'pg_catalog.english'
        when 'es' then 'pg_catalog.spanish'
        when 'eu' then 'pg_catalog.basque'
        when 'fi' then 'pg_catalog.finnish'
        when 'fr' then 'pg_catalog.french'
        when 'ga' then 'pg_catalog.irish'
        when 'hi' then 'pg_catalog.hindi'
        when 'hu' then 'pg_catalog.hungarian'
        when 'hy' then 'pg_catalog.armenian'
        when 'id' then 'pg_catalog.indonesian'
        when 'it' then 'pg_catalog.italian'
        when 'lt' then 'pg_catalog.lithuanian'
        when 'ne' then 'pg_catalog.nepali'
        when 'nl' then 'pg_catalog.dutch'
        when 'no' then 'pg_catalog.norwegian'
        when 'nb' then 'pg_catalog.norwegian'
        when 'nn' then 'pg_catalog.norwegian'
        when 'pt' then 'pg_catalog.portuguese'
        when 'ro' then 'pg_catalog.romanian'
        when 'ru' then 'pg_catalog.russian'
        when 'sr' then 'pg_catalog.serbian'
        when 'sv' then 'pg_catalog.swedish'
        when 'ta' then 'pg_catalog.tamil'
        when 'tr' then 'pg_catalog.turkish'
        when 'yi' then 'pg_catalog.yiddish'
        else 'pg_catalog.simple'
    end
$$;

-- What of a message a person can read, at most 20,000 characters of it.
create function text_of(content jsonb) returns text language sql immutable parallel safe as $$
    select left(concat_ws(' ', content ->> 'body', content ->> 'caption', content ->> 'filename', content ->> 'summary',
                          (select string_agg(parameter, ' ') from jsonb_array_elements_text(content -> 'parameters') as parameter)),
                20000)
$$;

create function words_of(tenant uuid, content text, language text) returns tsvector language sql immutable parallel safe as $$
    select to_tsvector('pg_catalog.simple', content) || to_tsvector(stems_of(language), content) || array_to_tsvector(array['t:' || tenant])
$$;

-- The one way across the words. Row-level security keeps the planner from an index on them, because their comparison is not
-- leakproof; so this runs as the owner, who sees this table alone, and the tenant is that of the transaction, never an
-- argument. The caller reads the messages themselves as the tenant.
create function search_messages(
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
        order  by x.at desc, x.message_id desc
        limit  $14
    $search$ using tenant, wanted, conversation, addresses, account, member, channel, direction, kind, since, until, before_at,
                   before_id, least(most, 201);
end $$;
revoke execute on function search_messages from public;
grant execute on function search_messages to postroad_app;

-- What was said before anybody could search. The owner is under row-level security too.
alter table messages no force row level security;
alter table contacts no force row level security;
insert into message_texts (tenant_id, message_id, conversation_id, address_id, account_id, member_id, channel, direction, kind, at, words)
select m.tenant_id, m.id, m.conversation_id, m.address_id, m.account_id, m.member_id, m.channel, m.direction, m.kind, m.created_at,
       words_of(m.tenant_id, text_of(m.content), c.language)
from   messages m
join   contacts c on c.tenant_id = m.tenant_id and c.id = m.contact_id
where  m.conversation_id is not null and text_of(m.content) <> '';
alter table messages force row level security;
alter table contacts force row level security;

select protect_tenant_tables();
create policy words_are_searched on message_texts for select to postroad_owner using (true);
grant delete on message_texts to postroad_app;
