-- Since when the leader has swept without a gap. While nobody swept, the database may have been away, and evidence of calls
-- with it: graces begin anew then.
alter table leader add column swept_at timestamptz;
alter table leader add column listening_since timestamptz;
