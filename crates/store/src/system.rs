//! What superadmins say of the installation: one row, which the schema brings along, and who changed it.

use chrono::{DateTime, NaiveTime, Utc};
use postroad_core::{ids::AuditId, privacy::Bodies, quiet_hours::QuietHours};
use serde_json::Value;

use crate::{Result, SystemTx};

/// As it stands.
#[derive(Debug, Clone)]
pub struct System {
    /// What the installation calls itself to people. None: nothing.
    pub name: Option<String>,
    /// Where people find help with it.
    pub support_email: Option<String>,
    pub new_tenants: Beginning,
    /// None: nobody has changed it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What a new tenant begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// An IANA name.
    pub time_zone: String,
    /// None: those of the process.
    pub quiet_hours: Option<QuietHours>,
    /// Days for which files are kept.
    pub media_days: i32,
    pub bodies: Bodies,
    pub second_factor_required: bool,
    pub credit_enforced: bool,
}

pub async fn get(tx: &mut SystemTx) -> Result<System> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select name, support_email, time_zone, quiet_starts, quiet_ends, media_days, bodies as "bodies: Bodies",
               requires_second_factor, credit_enforced, updated_at
        from   system_settings
        "#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(System::from(row))
}

struct Row {
    name: Option<String>,
    support_email: Option<String>,
    time_zone: String,
    quiet_starts: Option<NaiveTime>,
    quiet_ends: Option<NaiveTime>,
    media_days: i32,
    bodies: Bodies,
    requires_second_factor: bool,
    credit_enforced: bool,
    updated_at: Option<DateTime<Utc>>,
}

impl From<Row> for System {
    fn from(row: Row) -> Self {
        let new_tenants = Beginning {
            time_zone: row.time_zone,
            quiet_hours: row.quiet_starts.zip(row.quiet_ends).map(|(starts, ends)| QuietHours { starts, ends }),
            media_days: row.media_days,
            bodies: row.bodies,
            second_factor_required: row.requires_second_factor,
            credit_enforced: row.credit_enforced,
        };
        Self { name: row.name, support_email: row.support_email, new_tenants, updated_at: row.updated_at }
    }
}

/// Replaces all of it but `updated_at`, which is `now`.
pub async fn set(tx: &mut SystemTx, system: &System, now: DateTime<Utc>) -> Result<()> {
    let begins = &system.new_tenants;
    sqlx::query!(
        r#"
        update system_settings
        set    name = $1, support_email = $2, time_zone = $3, quiet_starts = $4, quiet_ends = $5, media_days = $6, bodies = $7,
               requires_second_factor = $8, credit_enforced = $9, updated_at = $10
        "#,
        system.name,
        system.support_email,
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

/// What somebody changed about it. A trigger writes it.
#[derive(Debug, Clone)]
pub struct Change {
    pub id: AuditId,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub ip: Option<String>,
    pub request_id: Option<String>,
    /// Only what differs.
    pub before: Value,
    pub after: Value,
}

/// Up to `limit` changes before `before`, the newest first.
pub async fn changes(tx: &mut SystemTx, before: Option<AuditId>, limit: i64) -> Result<Vec<Change>> {
    let changes = sqlx::query_as!(
        Change,
        r#"
        select id as "id: AuditId", at, actor, ip, request_id, before, after
        from   system_changes
        where  $1::uuid is null or id < $1
        order  by id desc
        limit  $2
        "#,
        before.map(AuditId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(changes)
}
