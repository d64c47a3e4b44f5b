//! What moves when a conversation becomes part of another. The caller holds both, from [`lock`] on.

use chrono::{DateTime, Utc};
use postroad_core::ids::ConversationId;

use crate::{Result, TenantTx};

/// Which becomes part of which.
#[derive(Debug, Clone, Copy)]
pub struct Two {
    pub gone: ConversationId,
    pub survivor: ConversationId,
}

/// Both, until the transaction ends, in the order in which readers of webhooks hold conversations.
pub async fn lock(tx: &mut TenantTx, both: [ConversationId; 2]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        select id from conversations where tenant_id = $1 and id = any($2)
        order  by account_id, address_id, id
        for    no key update
        "#,
        tenant.uuid(),
        &both.map(ConversationId::uuid),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(())
}

/// Messages with what is searched of them; how many. What was asked of the person goes with them.
pub async fn move_messages(tx: &mut TenantTx, two: Two) -> Result<u64> {
    let tenant = tx.tenant();
    let moved = sqlx::query_scalar!(
        r#"
        with texts as (
            update message_texts set conversation_id = $3 where tenant_id = $1 and conversation_id = $2
        ), ratings as (
            update conversation_ratings set conversation_id = $3 where tenant_id = $1 and conversation_id = $2
        ), moved as (
            update messages set conversation_id = $3 where tenant_id = $1 and conversation_id = $2 returning 1
        )
        select count(*) as "moved!" from moved
        "#,
        tenant.uuid(),
        two.gone.uuid(),
        two.survivor.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(moved.unsigned_abs())
}

/// Notes, and labels and links as far as there is room for them: those of the survivor first, then the oldest.
pub async fn move_around(tx: &mut TenantTx, two: Two, labels_max: usize, links_max: usize) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        with notes_moved as (
            update notes set conversation_id = $3 where tenant_id = $1 and conversation_id = $2
        ), labels_gone as (
            delete from conversation_labels where tenant_id = $1 and conversation_id = $2 returning label_id, labelled_at
        ), labels_kept as (
            insert into conversation_labels (tenant_id, conversation_id, label_id, labelled_at)
            select $1, $3, g.label_id, g.labelled_at
            from   labels_gone g
            where  not exists (select 1 from conversation_labels l
                               where l.tenant_id = $1 and l.conversation_id = $3 and l.label_id = g.label_id)
            order  by g.labelled_at, g.label_id
            limit  greatest($4 - (select count(*) from conversation_labels l where l.tenant_id = $1 and l.conversation_id = $3), 0)
        ), links_gone as (
            delete from conversation_links where tenant_id = $1 and conversation_id = $2
            returning kind, external_id, title, url, linked_at
        )
        insert into conversation_links (tenant_id, conversation_id, kind, external_id, title, url, linked_at)
        select $1, $3, g.kind, g.external_id, g.title, g.url, g.linked_at
        from   links_gone g
        where  not exists (select 1 from conversation_links l
                           where l.tenant_id = $1 and l.conversation_id = $3 and l.kind = g.kind and l.external_id = g.external_id)
        order  by g.linked_at, g.kind, g.external_id
        limit  greatest($5 - (select count(*) from conversation_links l where l.tenant_id = $1 and l.conversation_id = $3), 0)
        "#,
        tenant.uuid(),
        two.gone.uuid(),
        two.survivor.uuid(),
        i64::try_from(labels_max).unwrap_or(i64::MAX),
        i64::try_from(links_max).unwrap_or(i64::MAX),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Who saw how much: what somebody had not seen of either is not seen of both. Notifications lead to the survivor; of two about new
/// messages, that of the survivor stays unread.
pub async fn move_sight(tx: &mut TenantTx, two: Two, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        with seen as (
            insert into conversation_reads as r (tenant_id, conversation_id, member_id, seen, seen_at)
            select $1, $3, g.member_id, g.seen, g.seen_at
            from   conversation_reads g
            where  g.tenant_id = $1 and g.conversation_id = $2
            on conflict (tenant_id, conversation_id, member_id) do update
            set    seen = r.seen + excluded.seen, seen_at = greatest(r.seen_at, excluded.seen_at)
        )
        update notifications n
        set    conversation_id = case when x.twin then n.conversation_id else $3 end,
               read_at = case when x.twin then $4 else n.read_at end
        from   (select g.id, g.kind = 'new_message' and g.read_at is null and exists (
                           select 1 from notifications t
                           where  t.tenant_id = $1 and t.conversation_id = $3 and t.member_id = g.member_id
                           and    t.kind = 'new_message' and t.read_at is null) as twin
                from   notifications g where g.tenant_id = $1 and g.conversation_id = $2) x
        where  n.tenant_id = $1 and n.id = x.id
        "#,
        tenant.uuid(),
        two.gone.uuid(),
        two.survivor.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Counts and metrics become those of both, and the other one is closed without any. If somebody waited there, what was resolved is
/// open again.
pub async fn fold(tx: &mut TenantTx, two: Two, now: DateTime<Utc>) -> Result<()> {
    take_in(tx, two, now).await?;
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update conversations
        set    state = 'closed', merged_into = $3, inbound = 0, outbound = 0, waiting_since = null, snoozed_until = null, pinned_at = null,
               automation_id = null, first_response_s = null, resolved_at = null, resolution_s = null, rating = null, rated_at = null, rating_due_at = null,
               response_missed_at = null, resolution_missed_at = null, updated_at = $4
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        two.gone.uuid(),
        two.survivor.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn take_in(tx: &mut TenantTx, two: Two, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update conversations t
        set    inbound = t.inbound + s.inbound, outbound = t.outbound + s.outbound,
               last_message_at = greatest(t.last_message_at, s.last_message_at),
               last_inbound_at = greatest(t.last_inbound_at, s.last_inbound_at),
               last_outbound_at = greatest(t.last_outbound_at, s.last_outbound_at),
               waiting_since = least(t.waiting_since, s.waiting_since),
               first_response_s = case when s.created_at < t.created_at then coalesce(s.first_response_s, t.first_response_s)
                                       else coalesce(t.first_response_s, s.first_response_s) end,
               created_at = least(t.created_at, s.created_at),
               window_closes_at = case when t.account_id = s.account_id and t.address_id = s.address_id
                                       then greatest(t.window_closes_at, s.window_closes_at) else t.window_closes_at end,
               rating = case when t.rated_at is null or s.rated_at > t.rated_at then s.rating else t.rating end,
               rated_at = greatest(t.rated_at, s.rated_at),
               state = case when x.wakes then 'open' else t.state end,
               resolved_at = case when x.wakes then null else t.resolved_at end,
               resolution_s = case when x.wakes then null else t.resolution_s end,
               resolution_missed_at = case when x.wakes then null else t.resolution_missed_at end,
               rating_due_at = case when x.wakes then null else t.rating_due_at end,
               used_s = case when x.wakes then 0 else t.used_s end,
               updated_at = $4
        from   conversations s, conversations o,
               lateral (select o.state = 'resolved' and s.waiting_since is not null as wakes) x
        where  t.tenant_id = $1 and t.id = $3
        and    s.tenant_id = $1 and s.id = $2
        and    o.tenant_id = $1 and o.id = $3
        "#,
        tenant.uuid(),
        two.gone.uuid(),
        two.survivor.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whatever went on in the other one goes on in the survivor.
pub async fn flatten(tx: &mut TenantTx, two: Two) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        with flattened as (
            update conversations set merged_into = $3 where tenant_id = $1 and merged_into = $2
        )
        update conversation_redirects set conversation_id = $3 where tenant_id = $1 and conversation_id = $2
        "#,
        tenant.uuid(),
        two.gone.uuid(),
        two.survivor.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is said where the other one was goes on in the survivor.
pub async fn redirect(tx: &mut TenantTx, two: Two) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into conversation_redirects (tenant_id, account_id, address_id, conversation_id)
        select g.tenant_id, g.account_id, g.address_id, $3
        from   conversations g
        join   conversations s on s.tenant_id = $1 and s.id = $3
        where  g.tenant_id = $1 and g.id = $2 and (g.account_id, g.address_id) <> (s.account_id, s.address_id)
        on conflict (tenant_id, account_id, address_id) do update set conversation_id = excluded.conversation_id
        "#,
        tenant.uuid(),
        two.gone.uuid(),
        two.survivor.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
