//! Who owns data and pays, and the tenant's own switch.

use chrono::{DateTime, NaiveTime, Utc};
use postroad_core::{gates::Cap, ids::TenantId, quiet_hours::QuietHours};
use sqlx::types::Json;

use crate::{AnyTx, Result, SystemTx, TenantTx, system::Beginning};

/// A tenant as it stands.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub slug: String,
    pub name: String,
    /// An IANA name.
    pub time_zone: String,
    /// None: the installation's default.
    pub quiet_hours: Option<QuietHours>,
    pub caps: Vec<Cap>,
    pub business: Business,
    pub credit_enforced: bool,
    pub sending_paused: bool,
    pub paused_reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// How people reach a business, as it tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Business {
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// Begins with `https://`.
    pub website: Option<String>,
}

/// What a tenant may change about itself.
#[derive(Debug, Clone)]
pub struct Settings {
    pub name: String,
    pub time_zone: String,
    pub quiet_hours: Option<QuietHours>,
    pub caps: Vec<Cap>,
    pub business: Business,
}

/// A tenant that begins.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    pub begins: &'a Beginning,
}

pub async fn insert(tx: &mut SystemTx, id: TenantId, new: New<'_>, now: DateTime<Utc>) -> Result<()> {
    let begins = new.begins;
    sqlx::query!(
        r#"
        insert into tenants (id, slug, name, time_zone, quiet_starts, quiet_ends, media_days, bodies, requires_second_factor,
                             credit_enforced, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        "#,
        id.uuid(),
        new.slug,
        new.name,
        begins.time_zone,
        begins.quiet_hours.map(|quiet| quiet.starts),
        begins.quiet_hours.map(|quiet| quiet.ends),
        begins.media_days,
        begins.bodies.as_str(),
        begins.second_factor_required,
        begins.credit_enforced,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn find(tx: &mut impl AnyTx, id: TenantId) -> Result<Option<Tenant>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id as "id: TenantId", slug, name, time_zone, quiet_starts, quiet_ends, caps as "caps: Json<Vec<Cap>>",
               business_email, business_phone, business_website, credit_enforced, sending_paused, paused_reason, created_at, updated_at
        from   tenants where id = $1
        "#,
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Tenant::from))
}

pub async fn find_by_slug(tx: &mut SystemTx, slug: &str) -> Result<Option<TenantId>> {
    Ok(sqlx::query_scalar!(r#"select id as "id: TenantId" from tenants where slug = $1"#, slug)
        .fetch_optional(tx.conn())
        .await?)
}

/// Up to `limit` tenants after `after`, oldest first.
pub async fn list(tx: &mut SystemTx, after: Option<TenantId>, limit: i64) -> Result<Vec<Tenant>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: TenantId", slug, name, time_zone, quiet_starts, quiet_ends, caps as "caps: Json<Vec<Cap>>",
               business_email, business_phone, business_website, credit_enforced, sending_paused, paused_reason, created_at, updated_at
        from   tenants where $1::uuid is null or id > $1 order by id limit $2
        "#,
        after.map(TenantId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

/// Of the transaction's tenant.
pub async fn update_settings(tx: &mut TenantTx, settings: &Settings, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update tenants
        set    name = $2, time_zone = $3, quiet_starts = $4, quiet_ends = $5, caps = $6, business_email = $7, business_phone = $8,
               business_website = $9, updated_at = $10
        where  id = $1
        "#,
        tenant.uuid(),
        settings.name,
        settings.time_zone,
        settings.quiet_hours.map(|quiet| quiet.starts),
        settings.quiet_hours.map(|quiet| quiet.ends),
        serde_json::to_value(&settings.caps)?,
        settings.business.email,
        settings.business.phone,
        settings.business.website,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether members of the transaction's tenant need a second factor.
pub async fn requires_second_factor(tx: &mut TenantTx) -> Result<bool> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!("select requires_second_factor from tenants where id = $1", tenant.uuid())
        .fetch_optional(tx.conn())
        .await?
        .unwrap_or_default())
}

pub async fn set_requires_second_factor(tx: &mut TenantTx, required: bool, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update tenants set requires_second_factor = $2, updated_at = $3 where id = $1",
        tenant.uuid(),
        required,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Pauses all sending of the transaction's tenant, or resumes it (no reason). False: there is no such tenant.
pub async fn set_paused(tx: &mut TenantTx, reason: Option<&str>, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update tenants set sending_paused = $2, paused_reason = $3, updated_at = $4 where id = $1",
        tenant.uuid(),
        reason.is_some(),
        reason,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether the tenant pays from its wallet: without cover nothing is sent.
pub async fn set_credit_enforced(tx: &mut SystemTx, id: TenantId, enforced: bool, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        "update tenants set credit_enforced = $2, updated_at = $3 where id = $1",
        id.uuid(),
        enforced,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: there is no such tenant.
pub async fn set_name(tx: &mut SystemTx, id: TenantId, name: &str, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!("update tenants set name = $2, updated_at = $3 where id = $1", id.uuid(), name, now)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

struct Row {
    id: TenantId,
    slug: String,
    name: String,
    time_zone: String,
    quiet_starts: Option<NaiveTime>,
    quiet_ends: Option<NaiveTime>,
    caps: Json<Vec<Cap>>,
    business_email: Option<String>,
    business_phone: Option<String>,
    business_website: Option<String>,
    credit_enforced: bool,
    sending_paused: bool,
    paused_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Tenant {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            time_zone: row.time_zone,
            quiet_hours: row.quiet_starts.zip(row.quiet_ends).map(|(starts, ends)| QuietHours { starts, ends }),
            caps: row.caps.0,
            business: Business { email: row.business_email, phone: row.business_phone, website: row.business_website },
            credit_enforced: row.credit_enforced,
            sending_paused: row.sending_paused,
            paused_reason: row.paused_reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Campaigns for more people than this need a second person's word.
pub async fn set_approval_above(tx: &mut TenantTx, people: Option<i64>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("update tenants set approval_above = $2 where id = $1", tenant.uuid(), people)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn approval_above(tx: &mut TenantTx) -> Result<Option<i64>> {
    let tenant = tx.tenant();
    let people = sqlx::query_scalar!("select approval_above from tenants where id = $1", tenant.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(people.flatten())
}
