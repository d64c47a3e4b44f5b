-- When campaigns leave, how fast, who lets them, and what stops them.

-- The wall clock at which each recipient gets it, in the recipient's own zone. `scheduled_at` is the first such instant on
-- earth then.
alter table campaigns add column local_at timestamp;
-- Whom the moment has passed for when the campaign starts: they get it at once, or not at all.
alter table campaigns add column local_late text not null default 'send' check (local_late in ('send', 'skip'));
-- A scheduled start that is later than this does not happen. One minute to seven days.
alter table campaigns add column start_delay_max_s integer not null default 3600 check (start_delay_max_s between 60 and 604800);

-- A series stays scheduled: each fire makes a campaign of its own, and `scheduled_at` is the next fire.
alter table campaigns add column repeat_cron text check (length(repeat_cron) between 1 and 200);
alter table campaigns add column repeat_zone text check (length(repeat_zone) between 1 and 64);
alter table campaigns add column repeat_until timestamptz;
alter table campaigns add check ((repeat_cron is null) = (repeat_zone is null));
alter table campaigns add check (repeat_cron is null or local_at is null);
-- The series and the fire that made it.
alter table campaigns add column series_id uuid;
alter table campaigns add column fire_at timestamptz;
alter table campaigns add check ((series_id is null) = (fire_at is null));
alter table campaigns add foreign key (tenant_id, series_id) references campaigns (tenant_id, id);
create unique index campaigns_once_per_fire on campaigns (tenant_id, series_id, fire_at) where series_id is not null;

-- Messages per minute at most.
alter table campaigns add column throttle_per_minute integer check (throttle_per_minute between 1 and 600000);

-- Percent of the messages since the start or the last resume that may end without success before the campaign pauses; null
-- is never.
alter table campaigns add column pause_at_failures smallint check (pause_at_failures between 1 and 100);
-- What had ended before the last resume: a person has seen that, and went on.
alter table campaigns add column seen_ended bigint not null default 0 check (seen_ended >= 0);
alter table campaigns add column seen_failed bigint not null default 0 check (seen_failed >= 0);

-- Audiences above this size need a second person's word. Null is none.
alter table tenants add column approval_above bigint check (approval_above >= 0);
alter table campaigns add column created_by text not null default 'unknown' check (length(created_by) between 1 and 100);
alter table campaigns add column approved_by text check (length(approved_by) between 1 and 100);
alter table campaigns add column approved_at timestamptz;
alter table campaigns add check ((approved_by is null) = (approved_at is null));

-- What the campaign stood on when it started; what is different later pauses it.
alter table campaigns add column ground jsonb check (jsonb_typeof(ground) = 'object');

-- Out of sight, and kept.
alter table campaigns add column archived_at timestamptz;
alter table campaigns add check (archived_at is null or state in ('draft', 'completed', 'partially_failed', 'cancelled', 'expired'));

-- A campaign may be for a part of its audience: those whose bucket lies in a range. Everybody has a bucket of 0 to 9,999 in
-- each experiment, which depends on nothing but the two ids.
alter table campaigns add column slice_of uuid;
alter table campaigns add column slice_from integer check (slice_from between 0 and 10000);
alter table campaigns add column slice_to integer check (slice_to between 0 and 10000);
alter table campaigns add check ((slice_of is null) = (slice_from is null) and (slice_of is null) = (slice_to is null));
alter table campaigns add check (slice_from <= slice_to);

create function campaign_bucket(experiment uuid, contact uuid) returns integer
language sql immutable
return (('x' || substr(md5(experiment::text || contact::text), 1, 8))::bit(32)::bigint % 10000)::integer;

-- Which of several messages does better. The campaign itself is the first variant; the others, and the one that the rest
-- gets, are campaigns of their own.
create table experiments (
    tenant_id      uuid        not null,
    campaign_id    uuid        not null,
    -- Percent of the audience that gets nothing at all, and that the variants are tried on.
    holdout        smallint    not null check (holdout between 0 and 50),
    sample         smallint    not null check (sample between 1 and 100),
    metric         text        not null check (metric in ('delivered', 'read', 'replied')),
    decide_after_s integer     not null check (decide_after_s between 60 and 2592000),
    -- Of the second variant and those behind it: [{"template": "tpl_…", "variables": […]}]
    variants       jsonb       not null check (jsonb_typeof(variants) = 'array'),
    -- The campaigns of the variants, in their order.
    campaigns      uuid[]      not null default '{}',
    decide_at      timestamptz,
    decided_at     timestamptz,
    -- The variant that did best, from 0.
    winner         smallint,
    rest_id        uuid,
    primary key (tenant_id, campaign_id),
    foreign key (tenant_id, campaign_id) references campaigns (tenant_id, id),
    check (holdout + sample <= 100),
    check ((decided_at is null) = (winner is null))
);
create index experiments_due on experiments (decide_at) where decided_at is null;

-- Where the throttle of a campaign stands: the instant at which its next message may leave, and what was asked and given
-- last. Apart from the campaign's row, which its planner locks page after page.
create table campaign_paces (
    tenant_id   uuid        not null,
    campaign_id uuid        not null,
    every_s     float8      not null check (every_s > 0),
    wanted      integer     not null,
    granted     integer     not null,
    free_at     timestamptz not null,
    primary key (tenant_id, campaign_id)
);

-- How many of `wanted` messages may leave within a second from `at`, one every so many seconds, the first when it is free.
create function throttle_grants(wanted integer, every_s float8, free_at timestamptz, at timestamptz) returns integer
language sql immutable
return greatest(0, least(wanted, 1 + floor((1 - greatest(0, extract(epoch from free_at - at)::float8)) / every_s)))::integer;

-- What people, programs and the system did to a campaign. Never changed.
create table campaign_events (
    tenant_id   uuid        not null,
    campaign_id uuid        not null,
    id          uuid        not null,
    at          timestamptz not null,
    -- `system`, `operator`, or the id of an API client.
    actor       text        not null check (length(actor) between 1 and 100),
    event       text        not null check (length(event) between 1 and 40),
    detail      jsonb       not null default '{}' check (jsonb_typeof(detail) = 'object'),
    primary key (tenant_id, campaign_id, id),
    foreign key (tenant_id, campaign_id) references campaigns (tenant_id, id)
);

-- A foreign key is checked row by row: two of them are half of what planning a million recipients costs, and one a fifth of
-- an import. What they guard is kept by rights instead: nobody may delete what other rows stand on.
alter table contacts drop constraint contacts_tenant_id_fkey;
alter table messages drop constraint messages_tenant_id_address_id_fkey;
alter table sends drop constraint sends_tenant_id_id_fkey;
revoke delete on tenants, contacts, addresses, messages, sends from postroad_system;

select protect_tenant_tables();
revoke update on campaign_events from postroad_app;
