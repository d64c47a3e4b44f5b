//! The short form of `cargo xtask chaos`: every fault, a fixed seed, half a minute.

use std::time::Duration;

use anyhow::Result;
use postroad_e2e::chaos::{self, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_is_sent_twice_while_everything_dies() -> Result<()> {
    let outcome = chaos::run(&Options { length: Duration::from_secs(30), seed: 7 }).await?;
    let told = serde_json::to_string_pretty(&outcome)?;
    assert!(outcome.holds(), "{told}");
    assert!(outcome.kills > 5 && outcome.pg_stops > 0 && outcome.messages > 300, "the faults did not come: {told}");
    Ok(())
}
