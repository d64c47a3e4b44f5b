-- A conversation can be given to an automation, which has it while there is something to do about it: nobody has what is done.
alter table conversations
    add column automation_id uuid,
    add constraint conversations_automation foreign key (tenant_id, automation_id) references automations (tenant_id, id),
    add constraint conversations_held check (automation_id is null
                                             or (assignee_id is null and state in ('open', 'pending', 'snoozed')));
create index conversations_by_automation on conversations (tenant_id, automation_id, last_message_at, id) where automation_id is not null;

-- The automation had the conversation at the run's last step: if it has it no more at the next, somebody took it.
alter table automation_runs add column given boolean not null default false;

-- Since when automations of the tenant may have conversations that they do not take any more. Null: none has.
alter table automation_cursors add column gives_back_at timestamptz;
create index automation_cursors_giving_back on automation_cursors (gives_back_at) where gives_back_at is not null;
