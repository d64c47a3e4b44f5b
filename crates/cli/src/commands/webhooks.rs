//! `postroad webhooks`: what providers told, read again.

use anyhow::Result;
use chrono::{DateTime, Utc};
use postroad_app::{
    App,
    journal::{self, Which},
};

use crate::{
    exit::{Exit, usage},
    print::note,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Read webhooks of a span of time again; applying one twice changes
    /// nothing
    #[command(before_help = "\
Examples:
  postroad webhooks replay --from 2026-03-02T00:00:00Z
  postroad webhooks replay --from 2026-03-02T00:00:00Z --all

Without --all only those that nobody understood: after an update")]
    Replay {
        /// When they arrived, from here on
        #[arg(long, value_name = "INSTANT")]
        from: DateTime<Utc>,
        /// When they arrived, until here [default: now]
        #[arg(long, value_name = "INSTANT")]
        to: Option<DateTime<Utc>>,
        /// Also those that were applied: after a backup was restored
        #[arg(long)]
        all: bool,
    },
}

pub async fn run(command: &Command, app: &App) -> Result<Exit> {
    let Command::Replay { from, to, all } = command;
    let to = to.unwrap_or_else(|| app.clock.now());
    if to <= *from {
        return Err(usage("--to lies before --from"));
    }
    let which = if *all { Which::All } else { Which::Quarantined };
    let replayed = journal::replay(app, *from, to, which).await?;
    note(&format!("{replayed} webhooks are read again"))?;
    Ok(Exit::Ok)
}
