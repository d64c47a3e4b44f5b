//! What an operator wants to know of the installation, in one look. Judging it is the command line's business.

use chrono::TimeDelta;
pub use postroad_store::examine::{Alive, RoleRights, Server, Standing, Upkeep};
use postroad_store::{Result, SystemTx, examine, installation};

use crate::App;

/// How far back suspicions are counted.
const SUSPECTS_OF: TimeDelta = TimeDelta::days(7);
/// A key of an API client that ends within this needs a follower now.
pub const KEYS_ENDING_WITHIN: TimeDelta = TimeDelta::days(14);
/// A key that nobody used for this long is a door that nobody watches.
pub const KEYS_UNUSED_FOR: TimeDelta = TimeDelta::days(90);

/// The installation as its database shows it.
#[derive(Debug, Clone)]
pub struct Examined {
    pub server: Server,
    pub upkeep: Upkeep,
    /// The two roles that serve and work.
    pub roles: Vec<RoleRights>,
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
    pub standing: Standing,
}

pub async fn examine(app: &App) -> Result<Examined> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let row = installation::find(&mut tx).await?;
    Ok(Examined {
        server: examine::server(&mut tx).await?,
        upkeep: examine::upkeep(&mut tx).await?,
        roles: examine::roles(&mut tx).await?,
        unprotected: examine::unprotected_tables(&mut tx).await?,
        alive: examine::alive(&mut tx, now).await?,
        accounts: examine::accounts_by_status(&mut tx).await?,
        sending_paused: row.as_ref().is_some_and(|row| row.sending_paused),
        restore_hold: row.as_ref().is_some_and(|row| row.restore_hold),
        suspects: examine::suspects(&mut tx, now - SUSPECTS_OF).await?,
        standing: examine::standing(&mut tx, now, (now + KEYS_ENDING_WITHIN, now - KEYS_UNUSED_FOR)).await?,
    })
}
