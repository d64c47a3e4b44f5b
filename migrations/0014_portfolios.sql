-- Business portfolios: how many people each may write to within 24 hours, outside the windows that people open by writing
-- first, and whom it wrote to.

-- The portfolio, at the provider, that the account belongs to. Null: not known, so the account is one by itself.
alter table accounts add column portfolio text check (length(portfolio) between 1 and 100);

create table portfolios (
    tenant_id  uuid        not null,
    -- The provider's id, else the uuid of the one account.
    id         text        not null check (length(id) between 1 and 100),
    -- People within 24 hours. Null: as many as there are, and nobody is counted.
    people_max integer     check (people_max >= 1),
    -- Rows of portfolio_people. Whoever changes those holds this row: so a limit is kept by a comparison, whoever sends.
    people     integer     not null default 0 check (people >= 0),
    updated_at timestamptz not null,
    primary key (tenant_id, id)
) with (fillfactor = 50);

create table portfolio_people (
    tenant_id    uuid          not null,
    portfolio_id text          not null,
    address_id   uuid          not null,
    -- Instants at which messages to this person were reserved, oldest first: what was not sent after all takes its own away.
    reached      timestamptz[] not null check (cardinality(reached) between 1 and 32),
    last_at      timestamptz   not null generated always as (reached[cardinality(reached)]) stored,
    primary key (tenant_id, portfolio_id, address_id)
) with (fillfactor = 80);
create index portfolio_people_oldest on portfolio_people (tenant_id, portfolio_id, last_at);

select protect_tenant_tables();
