-- How people reach a business, what superadmins say of the installation, and what a new tenant begins with.

alter table tenants
    add column business_email   text check (length(business_email) between 3 and 320),
    -- E.164.
    add column business_phone   text check (business_phone ~ '^\+[1-9][0-9]{6,14}$'),
    add column business_website text check (business_website ~ '^https://' and length(business_website) <= 500);

-- One row. What it begins with is what new tenants got before there were settings.
create table system_settings (
    only_row               boolean     primary key default true check (only_row),
    name                   text        check (length(name) between 1 and 200),
    support_email          text        check (length(support_email) between 3 and 320),
    -- From here on: of new tenants.
    time_zone              text        not null default 'UTC' check (length(time_zone) between 1 and 60),
    -- Both or none; none: those of the process.
    quiet_starts           time,
    quiet_ends             time,
    media_days             integer     not null default 180 check (media_days between 1 and 3650),
    bodies                 text        not null default 'plain' check (bodies in ('plain', 'sealed')),
    requires_second_factor boolean     not null default false,
    credit_enforced        boolean     not null default false,
    updated_at             timestamptz,
    check ((quiet_starts is null) = (quiet_ends is null))
);
insert into system_settings default values;
grant select, update on system_settings to postroad_system;

-- What somebody changed about it: the audit is of tenants, and this is of none.
create table system_changes (
    -- Ascends with time.
    id         uuid        primary key,
    at         timestamptz not null,
    actor      text        not null check (length(actor) between 1 and 100),
    ip         text        check (length(ip) <= 45),
    request_id text        check (length(request_id) <= 64),
    before     jsonb       not null check (jsonb_typeof(before) = 'object'),
    after      jsonb       not null check (jsonb_typeof(after) = 'object')
);
-- Nobody rewrites history.
grant select, insert on system_changes to postroad_system;

create function tell_system_change() returns trigger language plpgsql as $$
declare
    was jsonb := audited(differing(to_jsonb(old), to_jsonb(new)));
    is_ jsonb := audited(differing(to_jsonb(new), to_jsonb(old)));
begin
    if was <> '{}' or is_ <> '{}' then
        insert into system_changes (id, at, actor, ip, request_id, before, after)
        values (uuid_of(clock_timestamp()), clock_timestamp(), current_setting('app.actor', true),
                nullif(current_setting('app.ip', true), ''), nullif(current_setting('app.request_id', true), ''), was, is_);
    end if;
    return null;
end $$;
create trigger told after update on system_settings for each row
    when (nullif(current_setting('app.actor', true), '') is not null) execute function tell_system_change();

select protect_tenant_tables();
