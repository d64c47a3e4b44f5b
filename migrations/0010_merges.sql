-- One person who was stored twice.

-- The contact that this one became part of: always one that is part of nobody, so that one look leads there. Its addresses,
-- messages and groups are the other's then; what it was called stays here, for the way back.
alter table contacts add column merged_into uuid;
alter table contacts add constraint contacts_not_merged_into_itself check (merged_into <> id);
create index contacts_merged on contacts (tenant_id, merged_into) where merged_into is not null;

create table contact_merges (
    tenant_id  uuid        not null,
    id         uuid        not null,
    -- Who remained.
    contact_id uuid        not null,
    other_id   uuid        not null,
    state      text        not null default 'standing' check (state in ('standing', 'undone')),
    -- What became the other's, by ids and names of attributes. Empty after an erasure.
    moved      jsonb       not null check (jsonb_typeof(moved) = 'object'),
    merged_at  timestamptz not null,
    undone_at  timestamptz,
    -- What the way back could not bring back.
    kept       jsonb       check (jsonb_typeof(kept) = 'object'),
    primary key (tenant_id, id),
    check (contact_id <> other_id),
    check ((state = 'undone') = (undone_at is not null)),
    check ((undone_at is null) = (kept is null))
);
create index contact_merges_by_contact on contact_merges (tenant_id, contact_id, id);
create index contact_merges_by_other on contact_merges (tenant_id, other_id);
create unique index contact_merges_once on contact_merges (tenant_id, other_id) where state = 'standing';

select protect_tenant_tables();
