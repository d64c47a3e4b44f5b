-- Another way to reach those whom a campaign did not reach: a campaign of its own, whose audience is the first one's failures.

-- {"account": "acc_…", "template": "tpl_…", "variables": […], "within_s": 3600}
alter table campaigns add column fallback jsonb check (jsonb_typeof(fallback) = 'object');
-- The campaign whose failures it is for.
alter table campaigns add column fallback_of uuid;
alter table campaigns add check (fallback_of <> id);
alter table campaigns add check (fallback is null or fallback_of is null);
alter table campaigns add foreign key (tenant_id, fallback_of) references campaigns (tenant_id, id);
create unique index campaigns_one_fallback on campaigns (tenant_id, fallback_of) where fallback_of is not null;
