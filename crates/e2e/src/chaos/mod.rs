//! Real processes, real faults, and a judge who saw every call: nothing accepted may be lost, nothing may be sent twice.
//!
//! Traffic flows from begin to end while faults come phase by phase (F1 to F18 of docs/reliability.md). When they have
//! stopped and everything is at rest, the ledger is compared with what the simulated provider wrote down, message by
//! message. To add a fault: its function in the file of what it breaks, and its line in `phases.rs`.

mod campaigns;
mod dice;
mod doubled;
mod judge;
mod ledger;
mod phases;
mod poison;
mod postgres;
mod redis;
mod report;
mod traffic;
mod workers;
mod world;

use std::time::Duration;

use anyhow::Result;

pub use campaigns::{CampaignOutcome, run as run_campaigns};
pub use report::{Faults, Outcome};

/// How long, and with which dice.
#[derive(Debug, Clone)]
pub struct Options {
    /// From the first message to the end of the faults; coming to rest takes up to two minutes more.
    pub length: Duration,
    /// Everything left to chance follows from it, as far as the timing of processes allows.
    pub seed: u64,
}

/// Runs all phases and judges.
pub async fn run(options: &Options) -> Result<Outcome> {
    let mut world = world::World::start(options.seed, world::PEOPLE).await?;
    let traffic = traffic::Traffic::start(&world).await?;
    let mut faults = Faults::default();
    phases::run(&mut world, &traffic, options, &mut faults).await?;
    let accepted = traffic.end().await?;
    judge::judge(&mut world, &accepted, faults, options.seed).await
}
