//! Addresses that nobody may write to, whatever for.

use chrono::{DateTime, Utc};
use postroad_core::{account::Channel, consent::SuppressionReason, ids::SuppressionId};
use uuid::Uuid;

use crate::{Result, TenantTx};

/// What stands for every channel in the table.
const EVERY_CHANNEL: &str = "*";

/// Never printed.
pub struct Suppression {
    pub id: SuppressionId,
    /// None: on every channel.
    pub channel: Option<Channel>,
    pub address: String,
    pub reason: SuppressionReason,
    pub note: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// Adds addresses; one that is on the list already stays as it is. Returns the ids that were new.
pub async fn insert(tx: &mut TenantTx, new: &[Suppression]) -> Result<Vec<SuppressionId>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = new.iter().map(|s| s.id.uuid()).collect();
    let channels: Vec<String> = new.iter().map(|s| word(s.channel).to_owned()).collect();
    let addresses: Vec<String> = new.iter().map(|s| s.address.clone()).collect();
    let reasons: Vec<String> = new.iter().map(|s| s.reason.as_str().to_owned()).collect();
    let notes: Vec<Option<String>> = new.iter().map(|s| s.note.clone()).collect();
    let created_at: Vec<DateTime<Utc>> = new.iter().map(|s| s.created_at).collect();
    let added = sqlx::query_scalar!(
        r#"
        insert into suppressions (tenant_id, id, channel, address, reason, note, created_at)
        select $1, x.* from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[]) as x
        on conflict (tenant_id, address, channel) do nothing
        returning id as "id: SuppressionId"
        "#,
        tenant.uuid(),
        &ids,
        &channels,
        &addresses,
        &reasons,
        &notes as &[Option<String>],
        &created_at,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(added)
}

/// Takes an address off the list. False: it was not on it.
pub async fn delete(tx: &mut TenantTx, id: SuppressionId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from suppressions where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Up to `limit` entries after `after`, oldest first; of one address only, if one is named.
pub async fn list(
    tx: &mut TenantTx,
    address: Option<&str>,
    after: Option<SuppressionId>,
    limit: i64,
) -> Result<Vec<Suppression>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select id as "id: SuppressionId", channel, address, reason as "reason: SuppressionReason", note, created_at
        from   suppressions
        where  tenant_id = $1 and ($2::text is null or address = $2) and ($3::uuid is null or id > $3)
        order  by id
        limit  $4
        "#,
        tenant.uuid(),
        address,
        after.map(SuppressionId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let suppressions = rows.into_iter().map(|row| Suppression {
        id: row.id,
        channel: row.channel.parse().ok(),
        address: row.address,
        reason: row.reason,
        note: row.note,
        created_at: row.created_at,
    });
    Ok(suppressions.collect())
}

fn word(channel: Option<Channel>) -> &'static str {
    channel.map_or(EVERY_CHANNEL, Channel::as_str)
}
