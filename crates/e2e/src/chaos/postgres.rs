//! F2: the database dies in the middle of everything.

use std::time::Duration;

use anyhow::Result;

use super::{report::Faults, world::World};

/// Ends PostgreSQL without a checkpoint, lets it be away, and starts it again. Returns when it accepts connections.
pub(super) async fn crash(world: &mut World, away: Duration, faults: &mut Faults) -> Result<()> {
    world.installation.server.crash().await?;
    faults.f2.stops += 1;
    faults.f2.longest_s = faults.f2.longest_s.max(away.as_secs());
    tokio::time::sleep(away).await;
    world.installation.server.resume().await
}
