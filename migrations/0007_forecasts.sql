-- What the last dry run of a campaign told, and when.
alter table campaigns add column dry_run jsonb check (jsonb_typeof(dry_run) = 'object');
alter table campaigns add column dry_run_at timestamptz;
alter table campaigns add check ((dry_run is null) = (dry_run_at is null));
