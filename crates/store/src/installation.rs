//! The one row about this installation: its identity, its kill switch, and the proof of its master keys.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx};

/// The installation as it stands.
#[derive(Debug, Clone)]
pub struct Installation {
    pub id: Uuid,
    pub sending_paused: bool,
    pub restore_hold: bool,
    pub key_canary: Option<String>,
}

/// Writes the row of a new database; one that is there stays as it is.
pub async fn ensure(tx: &mut SystemTx, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into installation (id, epoch, created_at) values ($1, $1, $2) on conflict (only_row) do nothing",
        id,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// None: the database is new.
pub async fn find(tx: &mut impl AnyTx) -> Result<Option<Installation>> {
    let row = sqlx::query_as!(Installation, "select id, sending_paused, restore_hold, key_canary from installation")
        .fetch_optional(tx.conn())
        .await?;
    Ok(row)
}

pub async fn set_canary(tx: &mut SystemTx, canary: &str) -> Result<bool> {
    let done = sqlx::query!("update installation set key_canary = $1", canary).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// The installation's own key as it is stored: which master key wraps it, and what it looks like. None: there is none yet.
pub async fn own_key(tx: &mut SystemTx) -> Result<Option<(String, String)>> {
    let row = sqlx::query!(
        r#"
        select own_key_kek as "kek!", own_key as "wrapped!" from installation where own_key is not null for update
        "#
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.kek, row.wrapped)))
}

/// The same, and this one if there is none yet.
pub async fn own_key_or(tx: &mut SystemTx, kek: &str, wrapped: &str) -> Result<(String, String)> {
    let row = sqlx::query!(
        r#"
        update installation
        set    own_key_kek = coalesce(own_key_kek, $1), own_key = coalesce(own_key, $2)
        returning own_key_kek as "kek!", own_key as "wrapped!"
        "#,
        kek,
        wrapped,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.kek, row.wrapped))
}

pub async fn set_own_key(tx: &mut SystemTx, kek: &str, wrapped: &str) -> Result<bool> {
    let done =
        sqlx::query!("update installation set own_key_kek = $1, own_key = $2", kek, wrapped).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// The kill switch of everything: takes effect at the next intent of every lane. False: it stood like that already.
pub async fn set_sending_paused(tx: &mut SystemTx, paused: bool) -> Result<bool> {
    let done = sqlx::query!("update installation set sending_paused = $1 where sending_paused <> $1", paused)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Everything of this provider waits from now on. Repeating it changes the reason only.
pub async fn switch_provider_off(tx: &mut SystemTx, provider: &str, reason: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into provider_switches (provider, off_since, reason)
        values ($1, $2, $3)
        on conflict (provider) do update set reason = excluded.reason
        "#,
        provider,
        now,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// False: it was on.
pub async fn switch_provider_on(tx: &mut SystemTx, provider: &str) -> Result<bool> {
    let done = sqlx::query!("delete from provider_switches where provider = $1", provider).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Holds everything that is not final, or lets it go. False: it stood like that already.
pub async fn set_restore_hold(tx: &mut SystemTx, held: bool) -> Result<bool> {
    let done = sqlx::query!("update installation set restore_hold = $1 where restore_hold <> $1", held)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// From now on this database is nobody's copy.
pub async fn set_epoch(tx: &mut SystemTx, epoch: Uuid) -> Result<bool> {
    let done = sqlx::query!("update installation set epoch = $1", epoch).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}
