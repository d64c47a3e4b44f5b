//! `postroad jobs`: dead letters. A job is a wake-up, so running one again is harmless.

use anyhow::Result;
use postroad_app::{
    App,
    dead_letters::{self, DeadLetter},
};
use postroad_core::jobs::Queue;
use serde::Serialize;

use super::PAGE;
use crate::{
    exit::{Exit, not_found},
    print::{Format, instant, note, or_dash},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// List jobs that are tried no more, newest first
    #[command(before_help = "Examples:\n  postroad jobs list --queue inbound --json")]
    List {
        /// lane, inbound, campaign, import, automation, template, media, delivery or maintenance
        #[arg(long)]
        queue: Option<Queue>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        format: Format,
    },
    /// Let dead jobs run again
    #[command(before_help = "\
Examples:
  postroad jobs retry 01JGJ4ZK8V6N3T5R7W9X1Y3Z5B
  postroad jobs retry --all --queue inbound")]
    Retry {
        /// As `postroad jobs list` tells them
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// Every dead job
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Of this queue
        #[arg(long, requires = "all")]
        queue: Option<Queue>,
    },
}

#[derive(Serialize)]
struct Shown {
    id: String,
    queue: String,
    attempts: i32,
    reason: Option<String>,
    ended_at: Option<String>,
    payload: serde_json::Value,
}

pub async fn run(command: Command, app: &App) -> Result<Exit> {
    match command {
        Command::List { queue, limit, format } => {
            let shown: Vec<Shown> = list(app, queue, limit).await?.into_iter().map(shown).collect();
            format.list(&shown, &["ended", "queue", "attempts", "reason", "id"], cells)?;
            Ok(Exit::Ok)
        }
        Command::Retry { ids, all, queue } => {
            let retried =
                if all { dead_letters::retry_all(app, queue).await? } else { dead_letters::retry(app, &ids).await? };
            let ended = outcome(retried, &ids)?;
            note(&format!("{retried} jobs run again"))?;
            Ok(ended)
        }
    }
}

fn outcome(retried: u64, ids: &[String]) -> Result<Exit> {
    match usize::try_from(retried).unwrap_or(usize::MAX) {
        0 if !ids.is_empty() => Err(not_found("none of these jobs is dead")),
        some if some < ids.len() => Ok(Exit::Partial),
        _ => Ok(Exit::Ok),
    }
}

async fn list(app: &App, queue: Option<Queue>, limit: usize) -> Result<Vec<DeadLetter>> {
    let mut all: Vec<DeadLetter> = Vec::new();
    while all.len() < limit {
        let wanted = i64::try_from(limit - all.len()).unwrap_or(PAGE).min(PAGE);
        let page = dead_letters::list(app, queue, all.last().map(|last| last.id.as_str()), wanted).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    Ok(all)
}

fn shown(letter: DeadLetter) -> Shown {
    Shown {
        id: letter.id,
        queue: letter.queue,
        attempts: letter.attempts,
        reason: letter.reason,
        ended_at: letter.ended_at.map(instant),
        payload: letter.payload,
    }
}

fn cells(shown: &Shown) -> Vec<String> {
    vec![
        or_dash(shown.ended_at.as_ref()),
        shown.queue.clone(),
        shown.attempts.to_string(),
        or_dash(shown.reason.as_ref()),
        shown.id.clone(),
    ]
}
