//! Throttles of campaigns: how many messages of one may leave now. Kept across workers in a row per campaign.

use chrono::{DateTime, Utc};
use postroad_core::ids::{CampaignId, TenantId};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// Messages of one campaign that may leave now, by everything else.
#[derive(Debug, Clone, Copy)]
pub struct ThrottleWanted {
    pub tenant: TenantId,
    pub campaign: CampaignId,
    pub messages: i32,
}

/// What a throttle gives.
#[derive(Debug, Clone, Copy)]
pub struct Throttled {
    pub campaign: CampaignId,
    /// Of the messages that were wanted, so many may leave now.
    pub granted: i32,
    /// When the next one may.
    pub next_at: DateTime<Utc>,
    /// Seconds from one to the next.
    pub every_s: f64,
}

/// Takes the places of messages from their campaigns' throttles; campaigns without one are not returned. A batch is
/// decided at once and leaves within a second: so far a throttle runs ahead. Rows are taken in order, so two workers never
/// wait for each other in a ring.
pub async fn take(tx: &mut SystemTx, wanted: &[ThrottleWanted], now: DateTime<Utc>) -> Result<Vec<Throttled>> {
    let mut wanted = wanted.to_vec();
    wanted.sort_by_key(|w| (w.tenant, w.campaign));
    let tenants: Vec<Uuid> = wanted.iter().map(|w| w.tenant.uuid()).collect();
    let campaigns: Vec<Uuid> = wanted.iter().map(|w| w.campaign.uuid()).collect();
    let messages: Vec<i32> = wanted.iter().map(|w| w.messages).collect();
    let rows = sqlx::query_as!(
        Throttled,
        r#"
        insert into campaign_paces as p (tenant_id, campaign_id, every_s, wanted, granted, free_at)
        select a.tenant_id, a.id, a.every_s, a.messages, throttle_grants(a.messages, a.every_s, $4, $4),
               $4::timestamptz + make_interval(secs => a.every_s * throttle_grants(a.messages, a.every_s, $4, $4))
        from   (select c.tenant_id, c.id, 60.0::float8 / c.throttle_per_minute as every_s, x.messages
                from   unnest($1::uuid[], $2::uuid[], $3::int[]) as x (tenant_id, campaign_id, messages)
                join   campaigns c on c.tenant_id = x.tenant_id and c.id = x.campaign_id and c.throttle_per_minute is not null) a
        order  by a.tenant_id, a.id
        on conflict (tenant_id, campaign_id) do update
        set    every_s = excluded.every_s, wanted = excluded.wanted,
               granted = throttle_grants(excluded.wanted, excluded.every_s, p.free_at, $4),
               free_at = greatest(p.free_at, $4)
                         + make_interval(secs => excluded.every_s * throttle_grants(excluded.wanted, excluded.every_s, p.free_at, $4))
        returning campaign_id as "campaign: CampaignId", granted, free_at as next_at, every_s
        "#,
        &tenants,
        &campaigns,
        &messages,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// When the next message of a campaign may leave by its throttle. None: it has none, or there is a place now.
pub async fn next_at(
    tx: &mut crate::TenantTx,
    campaign: CampaignId,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let tenant = tx.tenant();
    let next = sqlx::query_scalar!(
        r#"
        select p.free_at from campaign_paces p
        join   campaigns c on c.tenant_id = p.tenant_id and c.id = p.campaign_id
        where  p.tenant_id = $1 and p.campaign_id = $2 and c.throttle_per_minute is not null and p.free_at > $3
        "#,
        tenant.uuid(),
        campaign.uuid(),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(next)
}

/// A new throttle counts from now on: the place that the old one had far ahead is forgotten.
pub async fn forget(tx: &mut crate::TenantTx, campaign: CampaignId, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update campaign_paces set free_at = least(free_at, $3) where tenant_id = $1 and campaign_id = $2",
        tenant.uuid(),
        campaign.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
