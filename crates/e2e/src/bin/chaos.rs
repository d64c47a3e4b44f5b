//! Kills, stops and freezes everything while messages flow, and judges: `cargo xtask chaos`.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Parser;
use postroad_e2e::chaos::{self, Options, Outcome};

#[derive(Parser)]
#[command(name = "cargo xtask chaos", about = "Kill workers and databases while messages flow, and judge")]
struct Args {
    /// How long faults come, 1 to 600
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    minutes: u32,
    /// Instead: this many campaigns, with a kill while each begins, 1 to 10,000
    #[arg(long, value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with = "minutes")]
    campaigns: Option<u32>,
    /// Repeats the dice of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// The last line is the outcome as one JSON object
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    if let Some(rounds) = args.campaigns {
        return campaigns(seed, rounds, args.json).await;
    }
    say(&format!("seed {seed}, {} minutes of faults", args.minutes));
    let options = Options { length: Duration::from_mins(1) * args.minutes, seed };
    // Interrupted, everything that was started ends all the same: it is dropped.
    let outcome = tokio::select! {
        ended = chaos::run(&options) => ended?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
    };
    tell(&outcome, args.json)?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn campaigns(seed: u64, rounds: u32, json: bool) -> Result<ExitCode> {
    say(&format!("seed {seed}, {rounds} campaigns"));
    let told = tokio::select! {
        ended = chaos::run_campaigns(seed, rounds) => ended?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
    };
    print(&if json { serde_json::to_string(&told)? } else { serde_json::to_string_pretty(&told)? });
    Ok(if told.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(outcome: &Outcome, json: bool) -> Result<()> {
    for violation in &outcome.violations {
        say(&format!("violated: {violation}"));
    }
    if json {
        print(&serde_json::to_string(outcome)?);
    } else {
        print(&serde_json::to_string_pretty(outcome)?);
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program that runs for minutes says what it does")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[expect(clippy::print_stdout, reason = "the outcome is what the program is for")]
fn print(line: &str) {
    println!("{line}");
}
