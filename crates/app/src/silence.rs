//! Accounts whose webhooks do not come: messages leave, and nobody tells what becomes of them.
//!
//! The next webhook ends it by itself, where it is stored.

use postroad_core::limits::WEBHOOK_SILENCE_MAX;
use postroad_store::{Result, SystemTx, pulses};

use crate::App;

/// Marks accounts of these providers that have owed us word for too long.
pub async fn note(app: &App, reporting: &[String]) -> Result<()> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let silent = pulses::mark_silent(&mut tx, reporting, now - WEBHOOK_SILENCE_MAX, now).await?;
    tx.commit().await?;
    for (tenant, account, silence) in silent {
        tracing::warn!(tenant.id = %tenant, account.id = %account, reason = %silence, "an account's webhooks do not come");
    }
    Ok(())
}
