//! What an operator wants to know of the installation, in one look. Judging it is the command line's business.

use chrono::TimeDelta;
pub use postroad_store::examine::{Alive, Server};
use postroad_store::{Result, SystemTx, examine, installation};

use crate::App;

/// How far back suspicions are counted.
const SUSPECTS_OF: TimeDelta = TimeDelta::days(7);

/// The installation as its database shows it.
#[derive(Debug, Clone)]
pub struct Examined {
    pub server: Server,
    /// Tables of tenants without row-level security.
    pub unprotected: Vec<String>,
    pub alive: Alive,
    /// Status and accounts in it, of all tenants.
    pub accounts: Vec<(String, i64)>,
    /// The kill switch of everything is on.
    pub sending_paused: bool,
    pub restore_hold: bool,
    /// Suspicions of a double send in the last week.
    pub suspects: i64,
}

pub async fn examine(app: &App) -> Result<Examined> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let row = installation::find(&mut tx).await?;
    Ok(Examined {
        server: examine::server(&mut tx).await?,
        unprotected: examine::unprotected_tables(&mut tx).await?,
        alive: examine::alive(&mut tx, now).await?,
        accounts: examine::accounts_by_status(&mut tx).await?,
        sending_paused: row.as_ref().is_some_and(|row| row.sending_paused),
        restore_hold: row.as_ref().is_some_and(|row| row.restore_hold),
        suspects: examine::suspects(&mut tx, now - SUSPECTS_OF).await?,
    })
}
