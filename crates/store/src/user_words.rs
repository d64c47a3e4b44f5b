//! Words that were given to somebody who signs in, as their hashes: each does one thing, once, until its time is over.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::UserId,
    sign_in::{TokenHash, WordKind},
};

use crate::{Result, SystemTx};

/// A word to be kept. Never printed.
#[derive(Clone, Copy)]
pub struct New<'a> {
    pub user: UserId,
    pub kind: WordKind,
    /// Where it was sent to.
    pub email: &'a str,
    pub ends_at: DateTime<Utc>,
}

/// Whose a word is. Never printed.
#[derive(Clone)]
pub struct Whose {
    pub user: UserId,
    pub email: String,
}

/// Keeps a word. One that is known stays as it is: used once, it stays used.
pub async fn insert(tx: &mut SystemTx, word: &TokenHash, new: New<'_>, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into user_words (word_hash, user_id, kind, email, created_at, ends_at) values ($1, $2, $3, $4, $5, $6)
        on conflict (word_hash) do nothing
        "#,
        word,
        new.user.uuid(),
        new.kind.as_str(),
        new.email,
        now,
        new.ends_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose a word is that still counts.
pub async fn find(tx: &mut SystemTx, word: &TokenHash, kind: WordKind, now: DateTime<Utc>) -> Result<Option<Whose>> {
    let row = sqlx::query_as!(
        Whose,
        r#"
        select user_id as "user: UserId", email
        from   user_words where word_hash = $1 and kind = $2 and used_at is null and ends_at > $3
        "#,
        word,
        kind.as_str(),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// The same, and it counts no more: of two who use it at once, one gets nothing.
pub async fn take(tx: &mut SystemTx, word: &TokenHash, kind: WordKind, now: DateTime<Utc>) -> Result<Option<Whose>> {
    let row = sqlx::query_as!(
        Whose,
        r#"
        update user_words set used_at = $3
        where  word_hash = $1 and kind = $2 and used_at is null and ends_at > $3
        returning user_id as "user: UserId", email
        "#,
        word,
        kind.as_str(),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Takes back every word of a kind that somebody has.
pub async fn end_all(tx: &mut SystemTx, user: UserId, kind: WordKind, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update user_words set used_at = $3 where user_id = $1 and kind = $2 and used_at is null",
        user.uuid(),
        kind.as_str(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Rows one call deletes.
const PRUNE_MAX: i64 = 5_000;

/// Deletes words whose time was over before `before`; returns how many.
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "delete from user_words where word_hash in (select word_hash from user_words where ends_at < $1 limit $2)",
        before,
        PRUNE_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
