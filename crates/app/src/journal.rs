//! Webhooks read again: those that nobody understood, after an update; or all of a span of time, after a restore.

use chrono::{DateTime, Utc};
use postroad_core::inbound::Counted;
use postroad_store::{Result, SystemTx, inbound, inbound_counts};

use crate::App;

/// Which webhooks are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that were set aside.
    Quarantined,
    /// Those that were applied, too. Applying one twice changes nothing.
    All,
}

/// Makes webhooks that arrived from `from` (included) to `to` (excluded) unread; returns how many, at most 100,000. The
/// sweeper wakes a reader within seconds.
pub async fn replay(app: &App, from: DateTime<Utc>, to: DateTime<Utc>, which: Which) -> Result<u64> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let replayed = inbound::replay(&mut tx, from, to, which == Which::Quarantined).await?;
    inbound_counts::add(&mut tx, &[(Counted::Replayed, replayed)]).await?;
    tx.commit().await?;
    Ok(replayed)
}
