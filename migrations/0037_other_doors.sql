-- People sign in with Google, Facebook and GitHub too; a tenant may require a second factor; sign-ins are told; faces.

-- Null: they come in by another door.
alter table users alter column password drop not null;

-- Who somebody is, as a provider names them. It stays when their address, their name or their handle changes.
create table identities (
    provider   text        not null check (provider in ('google', 'facebook', 'github')),
    subject    text        not null check (length(subject) between 1 and 255),
    user_id    uuid        not null references users,
    -- What the provider had verified when it was linked. Null: nothing.
    email      text        check (length(email) between 3 and 320),
    created_at timestamptz not null,
    used_at    timestamptz,
    primary key (provider, subject)
);
create unique index identities_of_user on identities (user_id, provider);

-- Somebody is at a provider, and is to come back.
create table journeys (
    -- SHA-256 of what `state` holds. What the browser keeps is another word, from which this one follows.
    state_hash      bytea       primary key check (length(state_hash) = 32),
    provider        text        not null check (provider in ('google', 'facebook', 'github')),
    wish            text        not null check (wish in ('sign_in', 'link', 'accept', 'sign_up')),
    -- Who wants to sign in by it from now on.
    user_id         uuid        references users,
    -- SHA-256 of the word of an invitation.
    invitation_hash bytea       check (length(invitation_hash) = 32),
    -- What the first person's tenant is to be.
    tenant          jsonb       check (jsonb_typeof(tenant) = 'object' and length(tenant::text) <= 2000),
    ends_at         timestamptz not null,
    check ((wish = 'link') = (user_id is not null)),
    check ((wish = 'accept') = (invitation_hash is not null)),
    check ((wish = 'sign_up') = (tenant is not null))
);
create index journeys_by_end on journeys (ends_at);

grant select, insert, update, delete on identities, journeys to postroad_system;

alter table mails drop constraint mails_kind_check;
alter table mails add constraint mails_kind_check check (kind in
    ('verify', 'reset', 'invitation', 'password_changed', 'second_factor_on', 'second_factor_off', 'identity_linked', 'identity_unlinked'));

-- Members without a second factor get nowhere but to where they get one.
alter table tenants add column requires_second_factor boolean not null default false;

-- What changes no row is told too: that somebody signed in, or was refused.
alter table audit_entries drop constraint audit_entries_action_check;
alter table audit_entries add constraint audit_entries_action_check check (action in
    ('created', 'changed', 'deleted', 'signed_in', 'signed_out', 'password_refused', 'code_refused', 'password_changed',
     'second_factor_on', 'second_factor_off', 'identity_linked', 'identity_unlinked'));

-- How somebody looks: drawn anew, small, and read by who works where they do.
create table avatars (
    user_id    uuid        primary key references users,
    media_type text        not null check (media_type in ('image/jpeg', 'image/png')),
    bytes      bytea       not null check (length(bytes) between 1 and 400000),
    updated_at timestamptz not null
);

grant select, insert, update, delete on avatars to postroad_system;
