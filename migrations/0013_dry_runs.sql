-- How far a dry run of a large audience has come; null: it looked at everybody.
alter table campaigns add column dry_run_rest jsonb check (jsonb_typeof(dry_run_rest) = 'object');
