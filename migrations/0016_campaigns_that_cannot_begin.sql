-- Why a campaign or a decision that is due did not begin, and when that is tried again.
alter table campaigns add column start_refused text check (length(start_refused) between 1 and 500);
alter table campaigns add column start_again_at timestamptz;
alter table experiments add column refused text check (length(refused) between 1 and 500);

-- What whoever looks at all campaigns looks for, besides open ones.
create index campaigns_just_cancelled on campaigns (finished_at) where state = 'cancelled';
create index campaigns_with_credit on campaigns (tenant_id, id) where credit_reserved > 0;
