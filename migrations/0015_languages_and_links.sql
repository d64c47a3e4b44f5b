-- Campaigns in each person's own language, and links of their own in messages.

-- Each recipient gets the variant of the template that speaks their language, if there is one.
alter table campaigns add column in_own_language boolean not null default false;

-- What proves that a link was written by us: a tag of its message under a key of its tenant. Planning writes a million links
-- in one statement each page, so they are computed and not kept.
alter table tenants add column link_key bytea not null
    default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) check (length(link_key) = 32);
create index tenants_by_tail on tenants (substr(uuid_send(id), 13, 4));

-- 80 bits: of a key and a message of fixed lengths, cut, so that nobody lengthens it.
create function message_tag(key bytea, message uuid) returns bytea
language sql immutable parallel safe
return substr(sha256(key || uuid_send(message)), 1, 10);

-- 40 characters of base64url: the end of the tenant's id, the message's id, the tag.
create function message_token(tenant uuid, key bytea, message uuid) returns text
language sql immutable parallel safe
return translate(encode(substr(uuid_send(tenant), 13, 4) || uuid_send(message) || message_tag(key, message), 'base64'), '+/', '-_');

-- The value of one placeholder. What is fixed is known before a row is read, and costs nothing then.
create function filled(fixed text, attribute text, fallback text, page text, ending text, display_name text, attributes jsonb) returns text
language sql immutable parallel safe
return coalesce(fixed, nullif(case attribute when 'display_name' then display_name else attributes ->> attribute end, ''),
                fallback, page || ending);

-- Links of a message that a person opened. `place` is the placeholder that the link fills.
create table clicks (
    tenant_id   uuid        not null references tenants,
    message_id  uuid        not null,
    place       smallint    not null check (place between 1 and 10),
    campaign_id uuid        not null,
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    clicks      integer     not null default 1 check (clicks > 0),
    primary key (tenant_id, message_id, place)
);
create index clicks_by_campaign on clicks (tenant_id, campaign_id, message_id);

alter table experiments drop constraint experiments_metric_check;
alter table experiments add check (metric in ('delivered', 'read', 'replied', 'clicked'));

select protect_tenant_tables();
grant delete on clicks to postroad_app;
