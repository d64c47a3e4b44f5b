-- Up to when the receipts of an account tell: while that is behind what its provider took, an unknown outcome is not sent
-- again.

alter table account_pulses add column told_to timestamptz;
