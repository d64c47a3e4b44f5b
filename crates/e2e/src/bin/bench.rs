//! Measures throughput and latency of the real binary: `cargo xtask bench`.

use anyhow::Result;
use clap::Parser;
use postroad_e2e::bench::{self, Options};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measure throughput and latency")]
struct Args {
    /// One JSON object per figure instead of a table
    #[arg(long)]
    json: bool,
    /// Only sections with a figure whose name begins like one of these
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Small numbers: to see whether it works, not how fast
    #[arg(long)]
    quick: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let options = Options { json: args.json, only: args.only, quick: args.quick };
    // Interrupted, everything that was started ends all the same: it is dropped.
    tokio::select! {
        ended = bench::run(&options) => ended.map(drop),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
