-- What people say and are told may rest sealed under the data key of its tenant: for a whole tenant, or account by account.
--
-- Where a body lies, and how it is sealed (docs/security.md, "Bodies at rest"):
--   messages.content                  {"type", of templates "name" and "language", "sealed"}
--   automation_run_steps.explained    without "fact", "judged" and the effect, which are in its "sealed"
--   webhook_journal.body, notes.body, conversation_ratings.comment    whole, where the row says that it is sealed
--   webhook_journal.error             of a sealed row it says nothing of the body
--   message_texts                     has no row of a sealed message: there is nothing to search
-- Whatever else tells of messages holds ids, kinds, states and counts: events, notifications, outgoing webhooks, answers kept for
-- repetitions, runs, verdicts, jobs.

alter table tenants add column bodies text not null default 'plain' check (bodies in ('plain', 'sealed'));
-- Null: as the tenant says.
alter table accounts
    add column bodies       text check (bodies in ('plain', 'sealed')),
    -- Since then there may be messages of it that no search finds.
    add column unsearched_since timestamptz;

alter table webhook_journal add column sealed boolean not null default false;

alter table notes add column sealed boolean not null default false;
alter table notes drop constraint notes_body_check;
alter table notes add constraint notes_body_check check (length(body) >= 1 and (sealed or length(body) <= 10000));

alter table conversation_ratings add column sealed boolean not null default false;
alter table conversation_ratings drop constraint conversation_ratings_comment_check;
alter table conversation_ratings add constraint conversation_ratings_comment_check
    check (length(comment) >= 1 and (sealed or length(comment) <= 2000));
