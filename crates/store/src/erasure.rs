//! What is known about one person, whole; and taking it away.

use chrono::{DateTime, Utc};
use postroad_core::ids::{ContactId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Result, SystemTx, TenantTx,
    bodies::{self, Keys, Place},
};

/// Messages that a subject export has. More are told to be missing.
pub const SUBJECT_MESSAGES_MAX: i64 = 100_000;

/// Takes away who a contact was, and holds it until the transaction ends. False: there is no such contact.
pub async fn blank_contact(tx: &mut TenantTx, id: ContactId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contacts
        set    display_name = null, language = null, time_zone = null, attributes = '{}', external_key = null, tags = '{}',
               erased_at = coalesce(erased_at, $3), updated_at = $3
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Every address becomes a word that reaches nobody.
pub async fn blank_addresses(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update addresses set address = 'erased:' || replace(id::text, '-', ''), consent_version = consent_version + 1
        where  tenant_id = $1 and contact_id = $2
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What was said, to the person and by the person. Providers' ids of messages carry the number they went to.
pub async fn blank_messages(tx: &mut TenantTx, contact: ContactId) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        with felt as (
            delete from reactions r using messages m
            where  m.tenant_id = $1 and m.contact_id = $2 and r.tenant_id = $1 and r.message_id = m.id
        )
        update messages
        set    content = '{"type": "other", "kind": "erased"}', kind = 'other', provider_ref = null, reply_to = null
        where  tenant_id = $1 and contact_id = $2
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

pub async fn blank_sends(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update sends s set provider_ref = null
        from   messages m
        where  m.tenant_id = $1 and m.contact_id = $2 and s.tenant_id = $1 and s.id = m.id and s.provider_ref is not null
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What members wrote about the person. That there was a conversation stays, for those who count them.
pub async fn blank_conversations(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        with mine as (
            select c.id from conversations c join addresses d on d.tenant_id = $1 and d.id = c.address_id
            where  c.tenant_id = $1 and d.contact_id = $2
        ), said as (
            delete from notes n using mine where n.tenant_id = $1 and n.conversation_id = mine.id
        ), linked as (
            delete from conversation_links l using mine where l.tenant_id = $1 and l.conversation_id = mine.id
        )
        update conversations c set subject = null from mine where c.tenant_id = $1 and c.id = mine.id
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What automations looked at and said stays as a count of steps. A run that has not ended has nobody to act for.
pub async fn blank_runs(tx: &mut TenantTx, contact: ContactId, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        with mine as (
            select r.id from addresses d
            join   conversations c on c.tenant_id = $1 and c.address_id = d.id
            join   automation_runs r on r.tenant_id = $1 and r.conversation_id = c.id
            where  d.tenant_id = $1 and d.contact_id = $2
        ), said as (
            update automation_run_steps s
            set    explained = jsonb_build_object('at', s.explained -> 'at', 'words', 'erased', 'result', (s.explained -> 'result') - 'effect')
            from   mine where s.tenant_id = $1 and s.run_id = mine.id
        )
        update automation_runs r
        set    state = 'ended', due_at = null, outcome = 'stopped', reason = 'the contact was erased', ended_at = $3
        from   mine where r.tenant_id = $1 and r.id = mine.id and r.due_at is not null
        "#,
        tenant.uuid(),
        contact.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn leave_groups(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from group_members where tenant_id = $1 and contact_id = $2", tenant.uuid(), contact.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// In the consent ledger stays what was said and when, without the words and the evidence.
pub async fn blank_consents(tx: &mut SystemTx, tenant: TenantId, contact: ContactId) -> Result<()> {
    sqlx::query!(
        r#"
        update consents c set wording = null, evidence = '{}'
        from   addresses a
        where  a.tenant_id = $1 and a.contact_id = $2 and c.tenant_id = $1 and c.address_id = a.id
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn blank_attempts(tx: &mut SystemTx, tenant: TenantId, contact: ContactId) -> Result<()> {
    sqlx::query!(
        r#"
        update attempts t set provider_ref = null
        from   messages m
        where  m.tenant_id = $1 and m.contact_id = $2 and t.tenant_id = $1 and t.message_id = m.id and t.provider_ref is not null
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Their keys are made of the provider's ids. Where each message stands remains in its send.
pub async fn delete_receipts(tx: &mut SystemTx, tenant: TenantId, contact: ContactId) -> Result<()> {
    sqlx::query!(
        r#"
        delete from receipts r using messages m
        where  m.tenant_id = $1 and m.contact_id = $2 and r.tenant_id = $1 and r.message_id = m.id
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Everything that is stored about a person, as it is stored: one JSON object with a list per kind.
#[expect(clippy::too_many_lines, reason = "one query, a line or two for each kind")]
pub async fn everything(tx: &mut TenantTx, contact: ContactId) -> Result<Option<Value>> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"
        with   m as (select * from messages where tenant_id = $1 and contact_id = $2 order by id limit $3),
               a as (select * from addresses where tenant_id = $1 and contact_id = $2)
        select jsonb_build_object(
            'contact', to_jsonb(c) - 'tenant_id',
            'merged', (select coalesce(jsonb_agg(to_jsonb(o) - 'tenant_id' order by o.id), '[]')
                       from contacts o where o.tenant_id = $1 and o.merged_into = $2),
            'merges', (select coalesce(jsonb_agg(to_jsonb(h) - 'tenant_id' order by h.id), '[]')
                       from contact_merges h where h.tenant_id = $1 and (h.contact_id = $2 or h.other_id = $2)),
            'links', (select coalesce(jsonb_agg(to_jsonb(l) - 'tenant_id' - 'token_sha256' order by l.id), '[]') from contact_links l
                      where l.tenant_id = $1 and l.contact_id in (select o.id from contacts o where o.tenant_id = $1
                                                                  and (o.id = $2 or o.merged_into = $2))),
            'opt_ins', (select coalesce(jsonb_agg(to_jsonb(n) - 'tenant_id' - 'token_sha256' order by n.id), '[]')
                        from opt_ins n join a on a.id = n.address_id where n.tenant_id = $1),
            'addresses', (select coalesce(jsonb_agg(to_jsonb(a) - 'tenant_id' order by a.id), '[]') from a),
            'consents', (select coalesce(jsonb_agg(to_jsonb(s) - 'tenant_id' order by s.id), '[]')
                         from consents s join a on a.id = s.address_id where s.tenant_id = $1),
            'suppressions', (select coalesce(jsonb_agg(to_jsonb(s) - 'tenant_id' order by s.id), '[]') from suppressions s
                             where s.tenant_id = $1 and exists (select 1 from a where a.address = s.address and s.channel in ('*', a.channel))),
            'groups', (select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name, 'added_at', gm.added_at) order by g.id), '[]')
                       from group_members gm join groups g on g.tenant_id = $1 and g.id = gm.group_id
                       where gm.tenant_id = $1 and gm.contact_id = $2),
            'campaigns', (select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'name', p.name, 'message_id', r.message_id) order by p.id), '[]')
                          from recipients r join campaigns p on p.tenant_id = $1 and p.id = r.campaign_id
                          where r.tenant_id = $1 and r.campaign_id = p.id and r.message_id in (select m.id from m)),
            'messages', (select coalesce(jsonb_agg(to_jsonb(m) - 'tenant_id' order by m.id), '[]') from m),
            'attachments', (select coalesce(jsonb_agg(to_jsonb(f) - 'tenant_id' order by f.id), '[]')
                            from attachments f join m on m.id = f.message_id where f.tenant_id = $1),
            'conversations', (select coalesce(jsonb_agg(to_jsonb(v) - 'tenant_id' order by v.id), '[]')
                              from conversations v join a on a.id = v.address_id where v.tenant_id = $1),
            'notes', (select coalesce(jsonb_agg(to_jsonb(n) - 'tenant_id' order by n.id), '[]')
                      from notes n join conversations v on v.tenant_id = $1 and v.id = n.conversation_id
                      join a on a.id = v.address_id where n.tenant_id = $1),
            'conversation_links', (select coalesce(jsonb_agg(to_jsonb(l) - 'tenant_id' order by l.linked_at), '[]')
                                   from conversation_links l join conversations v on v.tenant_id = $1 and v.id = l.conversation_id
                                   join a on a.id = v.address_id where l.tenant_id = $1),
            'ratings', (select coalesce(jsonb_agg(to_jsonb(r) - 'tenant_id' - 'token_sha256' order by r.id), '[]')
                        from conversation_ratings r join conversations v on v.tenant_id = $1 and v.id = r.conversation_id
                        join a on a.id = v.address_id where r.tenant_id = $1),
            'sends', (select coalesce(jsonb_agg(to_jsonb(s) - 'tenant_id' order by s.id), '[]')
                      from sends s join m on m.id = s.id where s.tenant_id = $1),
            'attempts', (select coalesce(jsonb_agg(to_jsonb(t) - 'tenant_id' order by t.message_id, t.attempt), '[]')
                         from attempts t join m on m.id = t.message_id where t.tenant_id = $1),
            'clicks', (select coalesce(jsonb_agg(to_jsonb(k) - 'tenant_id' order by k.message_id, k.place), '[]')
                       from clicks k join m on m.id = k.message_id where k.tenant_id = $1),
            'reactions', (select coalesce(jsonb_agg(to_jsonb(r) - 'tenant_id' order by r.message_id, r.who), '[]')
                          from reactions r join m on m.id = r.message_id where r.tenant_id = $1),
            'receipts', (select coalesce(jsonb_agg(to_jsonb(r) - 'tenant_id' order by r.message_id, r.received_at), '[]')
                         from receipts r join m on m.id = r.message_id where r.tenant_id = $1),
            'decisions', (select coalesce(jsonb_agg(to_jsonb(v) - 'tenant_id' order by v.message_id, v.decided_at), '[]')
                          from gate_verdicts v join m on m.id = v.message_id where v.tenant_id = $1),
            'messages_are_complete', (select count(*) from m) < $3
        ) as "all!"
        from   contacts c
        where  c.tenant_id = $1 and c.id = $2 and c.erased_at is null and c.merged_into is null
        "#,
        tenant.uuid(),
        contact.uuid(),
        SUBJECT_MESSAGES_MAX,
    )
    .fetch_optional(tx.conn())
    .await?;
    match found {
        Some(all) => Ok(Some(opened(tx, all).await?)),
        None => Ok(None),
    }
}

/// With what lies sealed as it reads.
async fn opened(tx: &mut TenantTx, mut all: Value) -> Result<Value> {
    let tenant = tx.tenant();
    let mut sealed: Vec<(&mut Value, Place, String)> = Vec::new();
    let kinds = all.as_object_mut().into_iter().flat_map(|all| all.iter_mut());
    for (kind, rows) in kinds {
        sealed.extend(rows.as_array_mut().into_iter().flatten().filter_map(|row| sealed_in(kind, row)));
    }
    let keys = Keys::of(tx, bodies::named(sealed.iter().map(|(.., text)| (tenant, text.as_str())))).await?;
    for (value, place, text) in sealed {
        *value = match place {
            Place::Message(_) => keys.json(tenant, place, &text)?,
            _ => Value::from(keys.text(tenant, place, &text)?),
        };
    }
    Ok(all)
}

/// What is sealed in a row, with its place.
fn sealed_in<'a>(kind: &str, row: &'a mut Value) -> Option<(&'a mut Value, Place, String)> {
    let id: Uuid = row.get("id")?.as_str()?.parse().ok()?;
    let is_sealed = row.as_object_mut()?.remove("sealed") == Some(Value::Bool(true));
    match kind {
        "messages" => {
            let text = row["content"]["sealed"].as_str()?.to_owned();
            Some((&mut row["content"], Place::Message(id), text))
        }
        "notes" if is_sealed => {
            let text = row["body"].as_str()?.to_owned();
            Some((&mut row["body"], Place::Note(id), text))
        }
        "ratings" if is_sealed => {
            let text = row["comment"].as_str()?.to_owned();
            Some((&mut row["comment"], Place::Rating(id), text))
        }
        _ => None,
    }
}
