//! `postroad restore`: between a restored backup and the first message.

use anyhow::Result;
use postroad_app::{App, restore};

use crate::{exit::Exit, print::note};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Hold everything: before the first process starts on a restored backup
    #[command(before_help = "Examples:\n  postroad restore hold")]
    Hold,
    /// Let it go, once what was sent since the backup is known
    #[command(before_help = "\
Examples:
  postroad webhooks replay --from 2026-03-02T00:00:00Z --all
  postroad restore release --yes")]
    Release {
        /// Really: what waits leaves now
        #[arg(long, required = true)]
        yes: bool,
    },
}

pub async fn run(command: &Command, app: &App) -> Result<Exit> {
    let told = match command {
        Command::Hold if restore::hold(app).await? => "held: nothing leaves before `postroad restore release`",
        Command::Hold => "it was held already",
        Command::Release { .. } if restore::release(app).await? => "released: what waited for it is due now",
        Command::Release { .. } => "nothing was held",
    };
    note(told)?;
    Ok(Exit::Ok)
}
