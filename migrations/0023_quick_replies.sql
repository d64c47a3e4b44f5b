-- Texts that members answer with often.

create table quick_replies (
    tenant_id     uuid        not null references tenants,
    id            uuid        not null,
    shortcut      text        not null check (shortcut ~ '^[a-z0-9][a-z0-9_-]{0,49}$'),
    -- With placeholders: {{contact.first_name|there}}
    body          text        not null check (length(body) between 1 and 4096),
    -- Whose it is. Null: everybody's.
    department_id uuid,
    attachment_id uuid,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, department_id) references departments (tenant_id, id),
    foreign key (tenant_id, attachment_id) references attachments (tenant_id, id)
);
create unique index quick_replies_by_shortcut on quick_replies (tenant_id, shortcut);
-- What a quick reply sends is not purged.
create index quick_replies_by_attachment on quick_replies (tenant_id, attachment_id) where attachment_id is not null;

select protect_tenant_tables();
grant delete on quick_replies to postroad_app;
