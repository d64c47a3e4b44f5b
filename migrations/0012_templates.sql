-- Templates as they are put before a provider: what they say beside the body, samples, and where submission and deletion are.
alter table templates
    add column header       text check (length(header) between 1 and 60),
    add column footer       text check (length(footer) between 1 and 60),
    -- Titles of quick-reply buttons, in their order.
    add column buttons      text[]  not null default '{}' check (cardinality(buttons) <= 10),
    -- One per placeholder, or none yet.
    add column samples      text[]  not null default '{}' check (cardinality(samples) in (0, placeholders)),
    -- How often it was submitted, and the last submission that the provider has answered: the job of an older one does nothing.
    add column submission   integer not null default 0 check (submission >= 0),
    add column answered     integer not null default 0 check (answered between 0 and submission),
    -- When its submission or deletion was asked of the provider last.
    add column asked_at     timestamptz check (asked_at is not null or submission = 0),
    -- Somebody deleted it: the provider has it still, or not any more. The row stays, because campaigns point to it.
    add column removal      text check (removal in ('wanted', 'done')),
    add check (removal is null or status = 'deleted'),
    add check (removal is distinct from 'wanted' or asked_at is not null);
