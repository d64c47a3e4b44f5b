-- Where a wallet's credits came from and went to: what its slots hold is at any moment the sum of its entries.

create table credit_entries (
    tenant_id   uuid        not null references tenants,
    id          uuid        not null,
    kind        text        not null check (kind in ('top_up', 'reserve', 'settle', 'refund', 'correction')),
    -- What it adds to the wallet.
    credits     bigint      not null,
    -- What was reserved before and is spent now.
    spent       bigint      not null default 0 check (spent >= 0),
    -- How many messages it is about.
    messages    bigint      not null default 0 check (messages >= 0),
    message_id  uuid,
    campaign_id uuid,
    -- Who asked for the messages.
    member_id   uuid,
    -- What it adds to their allowance.
    allowance   bigint      not null default 0,
    channel     text,
    category    text        check (category in ('authentication', 'marketing', 'utility', 'service')),
    -- Who did it, as histories name it.
    made_by     text        not null check (length(made_by) <= 100),
    note        text        check (length(note) between 1 and 500),
    at          timestamptz not null,
    primary key (tenant_id, id),
    check (case kind
           when 'top_up' then credits > 0
           when 'reserve' then credits < 0
           when 'refund' then credits > 0
           when 'settle' then credits = 0 and spent > 0
           else credits <> 0 end),
    check (kind = 'settle' or spent = 0),
    check (kind in ('top_up', 'correction') or num_nonnulls(message_id, campaign_id) = 1),
    check (allowance = 0 or member_id is not null)
);
-- A message is paid for once, and its reservation ends once: spent, or given back.
create unique index credit_entries_reserved on credit_entries (tenant_id, message_id) where kind = 'reserve' and message_id is not null;
create unique index credit_entries_ended on credit_entries (tenant_id, message_id)
    where kind in ('settle', 'refund') and message_id is not null;
create index credit_entries_by_kind on credit_entries (tenant_id, kind, id);
create index credit_entries_by_campaign on credit_entries (tenant_id, campaign_id, id) where campaign_id is not null;
create index credit_entries_by_member on credit_entries (tenant_id, member_id, id) where member_id is not null;
create index credit_entries_spent on credit_entries (tenant_id, at) where kind = 'settle';

-- What a tenant pays, where it is not one credit.
create table credit_prices (
    tenant_id uuid   not null references tenants,
    channel   text   not null check (length(channel) <= 40),
    category  text   not null check (category in ('any', 'authentication', 'marketing', 'utility', 'service')),
    -- For a message; of an SMS that is text, for each of its parts.
    credits   bigint not null check (credits between 0 and 1000000),
    primary key (tenant_id, channel, category)
);

-- What a member may still spend. No row: as much as there is.
create table credit_allowances (
    tenant_id  uuid        not null,
    member_id  uuid        not null,
    credits    bigint      not null check (credits >= 0),
    updated_at timestamptz not null,
    primary key (tenant_id, member_id),
    foreign key (tenant_id, member_id) references members (tenant_id, id)
) with (fillfactor = 70);

-- Owners and admins need no allowance, even if they have one.
alter table tenants add column credit_free_admins boolean not null default true;

-- What is reserved of the wallet for this send alone. Null: nothing, or not any more.
alter table sends add column credits bigint check (credits > 0);
create index sends_with_credit on sends (tenant_id, id) include (credits) where credits is not null;
-- Ended, and not yet accounted for: empty, but for what somebody else ended than the functions that account for it.
create index sends_unaccounted on sends (tenant_id, id)
    where credits is not null and (settled_at is not null or state in ('accepted', 'sent', 'delivered', 'read'));

-- What each of a campaign's messages costs: the price at its start.
alter table campaigns add column credit_price bigint not null default 1 check (credit_price >= 0);

select protect_tenant_tables();
revoke update on credit_entries from postroad_app;
revoke update, delete on credit_entries from postroad_system;
grant delete on credit_prices, credit_allowances to postroad_app;

-- What wallets hold already begins their statements. Read as the owner, whom forced row-level security would show nothing.
alter table credit_slots no force row level security;
alter table credit_entries no force row level security;
insert into credit_entries (tenant_id, id, kind, credits, made_by, note, at)
select tenant_id, gen_random_uuid(), 'top_up', sum(balance), 'system', 'what the wallet held before there were statements', now()
from   credit_slots
group  by tenant_id
having sum(balance) > 0;
alter table credit_slots force row level security;
alter table credit_entries force row level security;
