-- Mail of the installation itself, forgotten passwords, addresses of mail that are proven, and second factors.

-- Seals and derives what belongs to no tenant: wrapped by a master key, as tenants' data keys are. Made when it is first needed.
alter table installation add column own_key_kek text;
alter table installation add column own_key     text;
alter table installation add constraint installation_own_key check ((own_key_kek is null) = (own_key is null));

-- Since when it is known that they read mail at their address.
alter table users add column verified_at timestamptz;
-- How they like their pages: what the API describes, and nothing else.
alter table users add column preferences jsonb not null default '{}'
    check (jsonb_typeof(preferences) = 'object' and length(preferences::text) <= 2000);

create table mails (
    id            uuid        primary key,
    kind          text        not null check (kind in ('verify', 'reset', 'invitation', 'password_changed', 'second_factor_on', 'second_factor_off')),
    email         text        not null check (length(email) between 3 and 320),
    -- Whom it is about. Null: an invitation, or an address that asked for a new password and may be nobody's.
    user_id       uuid        references users,
    invited_to    uuid,
    invitation_id uuid,
    state         text        not null default 'waiting' check (state in ('waiting', 'sent', 'failed', 'dropped')),
    attempts      integer     not null default 0 check (attempts >= 0),
    -- While somebody sends it: when somebody else may.
    due_at        timestamptz not null,
    -- What the server said, or why there was none.
    reason        text        check (length(reason) <= 500),
    created_at    timestamptz not null,
    -- After this it is not sent any more.
    ends_at       timestamptz not null,
    ended_at      timestamptz,
    foreign key (invited_to, invitation_id) references invitations (tenant_id, id),
    check ((state = 'waiting') = (ended_at is null)),
    check ((invited_to is null) = (invitation_id is null)),
    check ((kind = 'invitation') = (invitation_id is not null)),
    check ((user_id is null) = (kind in ('reset', 'invitation')))
) with (fillfactor = 70);
create index mails_waiting on mails (due_at) where state = 'waiting';
create index mails_ended on mails (ended_at) where ended_at is not null;

-- What is in a mail, or in the hands of somebody who has only said their password yet.
create table user_words (
    -- SHA-256 of the word.
    word_hash  bytea       primary key check (length(word_hash) = 32),
    user_id    uuid        not null references users,
    kind       text        not null check (kind in ('verify', 'reset', 'second_factor')),
    -- The address that it was sent to: it proves that one and no other.
    email      text        not null check (length(email) between 3 and 320),
    created_at timestamptz not null,
    ends_at    timestamptz not null,
    used_at    timestamptz
);
create index user_words_of_user on user_words (user_id, kind);
create index user_words_by_end on user_words (ends_at);

-- The word that is in the mail of an invitation: another one than whoever asked was told, so it proves the address.
alter table invitations add column mail_hash bytea check (length(mail_hash) = 32);
create unique index invitations_by_mail on invitations (mail_hash) where mail_hash is not null;

-- What makes codes of six digits. It protects nothing before it is confirmed.
create table second_factors (
    user_id      uuid        primary key references users,
    -- Under the installation's own key.
    sealed       text        not null check (sealed like 'own:v1:%' and length(sealed) <= 300),
    -- The period of 30 seconds whose code was used last: no code counts twice.
    used_step    bigint      not null default 0 check (used_step >= 0),
    created_at   timestamptz not null,
    confirmed_at timestamptz
);

-- For the day on which the app is lost: a keyed hash of each.
create table recovery_codes (
    user_id   uuid        not null references users,
    code_hash bytea       not null check (length(code_hash) = 32),
    used_at   timestamptz,
    primary key (user_id, code_hash)
);

grant select, insert, update, delete on mails, user_words, second_factors, recovery_codes to postroad_system;
-- An invitation is written as its tenant, with its mail.
grant insert on mails to postroad_app;
