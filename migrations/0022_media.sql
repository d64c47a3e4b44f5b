-- Files: what people send, what members upload, and how long they are kept. The bytes lie elsewhere, under the hash of
-- themselves.

alter table tenants add column media_days integer not null default 180 check (media_days between 1 and 3650);

create table attachments (
    tenant_id      uuid        not null references tenants,
    id             uuid        not null,
    direction      text        not null check (direction in ('outbound', 'inbound')),
    state          text        not null check (state in ('receiving', 'wanted', 'stored', 'refused', 'lost', 'purging', 'purged')),
    kind           text        not null check (kind in ('image', 'video', 'audio', 'document', 'sticker')),
    channel        text        not null,
    -- Of inbound files: who said it, and by which account the provider is asked.
    message_id     uuid,
    account_id     uuid,
    -- The provider's word for the file: an id, or an address.
    provider_ref   text        check (length(provider_ref) between 1 and 2048),
    -- As it was said, never trusted.
    declared_type  text        check (length(declared_type) <= 200),
    file_name      text        check (length(file_name) between 1 and 240),
    -- As it was found.
    media_type     text,
    size_bytes     bigint      check (size_bytes > 0),
    sha256         text        check (sha256 ~ '^[0-9a-f]{64}$'),
    width          integer     check (width > 0),
    height         integer     check (height > 0),
    thumbnail_type text,
    -- Of an upload: those that came.
    parts          integer     not null default 0 check (parts >= 0),
    attempts       integer     not null default 0,
    -- When somebody may look at it again; whoever took it has until then.
    due_at         timestamptz,
    -- Why it was refused, or is lost.
    code           text        check (length(code) between 1 and 50),
    -- What the last attempt met, for people.
    trouble        text        check (length(trouble) <= 300),
    legal_hold     boolean     not null default false,
    created_at     timestamptz not null,
    stored_at      timestamptz,
    updated_at     timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, message_id) references messages (tenant_id, id),
    foreign key (tenant_id, account_id) references accounts (tenant_id, id),
    check ((state = 'wanted') = (due_at is not null)),
    check (state not in ('stored', 'purging') or sha256 is not null),
    check (state <> 'stored' or (stored_at is not null and media_type is not null and size_bytes is not null)),
    check ((state in ('refused', 'lost')) = (code is not null)),
    check ((direction = 'inbound') = (message_id is not null)),
    check (direction = 'inbound' or provider_ref is null),
    check (state <> 'purging' or not legal_hold)
);
create unique index attachments_by_message on attachments (tenant_id, message_id) where message_id is not null;
create index attachments_by_hash on attachments (tenant_id, sha256) where sha256 is not null;
create index attachments_by_age on attachments (tenant_id, stored_at) where state = 'stored' and not legal_hold;
create index attachments_due on attachments (due_at) where state = 'wanted';
create index attachments_received on attachments (created_at) where state = 'receiving';
create index attachments_purging on attachments (updated_at) where state = 'purging';

-- An upload, until it is looked at.
create table attachment_parts (
    tenant_id     uuid    not null,
    attachment_id uuid    not null,
    part          integer not null check (part >= 0),
    bytes         bytea   not null,
    primary key (tenant_id, attachment_id, part),
    foreign key (tenant_id, attachment_id) references attachments (tenant_id, id)
);
alter table attachment_parts alter column bytes set storage external;

select protect_tenant_tables();
