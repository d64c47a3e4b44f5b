//! After a backup was restored: what it knows is older than what was sent, so nothing leaves before an operator has
//! compared the two.

use postroad_core::gates::Reason;
use postroad_store::{Result, SystemTx, installation};

use crate::{App, waiting};

/// Holds everything that is not final. False: it is held already.
pub async fn hold(app: &App) -> Result<bool> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let held = installation::set_restore_hold(&mut tx, true).await?;
    tx.commit().await?;
    Ok(held)
}

/// Lets it go: what waited for it is due now, and the sweeper wakes the lanes. False: nothing was held.
pub async fn release(app: &App) -> Result<bool> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let released = installation::set_restore_hold(&mut tx, false).await?;
    if released {
        installation::set_epoch(&mut tx, uuid::Uuid::new_v4()).await?;
    }
    tx.commit().await?;
    waiting::release_all(app, Reason::RestoreHold).await?;
    Ok(released)
}
