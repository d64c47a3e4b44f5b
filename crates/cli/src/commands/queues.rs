//! `postroad queues`: what waits, and since when.

use anyhow::Result;
use chrono::{DateTime, Utc};
use postroad_app::{App, schedule};
use postroad_store::queue::{Depth, QUEUES};
use serde::Serialize;

use crate::{
    exit::Exit,
    print::{Format, or_dash},
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    format: Format,
}

/// One queue of jobs, or one state of sends that is not final.
#[derive(Serialize)]
struct Shown {
    /// `queue` or `sends`
    what: &'static str,
    name: String,
    /// Jobs that run, or sends in this state.
    now: i64,
    /// Due, and taken by nobody.
    ready: Option<i64>,
    /// Due later.
    scheduled: Option<i64>,
    dead: Option<i64>,
    /// Of the oldest that is ready, or in this state.
    oldest_age_s: Option<i64>,
}

pub async fn run(args: &Args, app: &App) -> Result<Exit> {
    let now = app.clock.now();
    let census = schedule::census(app).await?;
    let queues = QUEUES.iter().map(|queue| {
        let depth = census.queues.iter().find(|depth| depth.queue == queue.as_str());
        of_queue(queue.as_str(), depth, now)
    });
    let sends = census.sends.iter().map(|(state, count, oldest)| Shown {
        what: "sends",
        name: state.clone(),
        now: *count,
        ready: None,
        scheduled: None,
        dead: None,
        oldest_age_s: age(*oldest, now),
    });
    let shown: Vec<Shown> = queues.chain(sends).collect();
    args.format.list(&shown, &["what", "name", "now", "ready", "later", "dead", "oldest"], cells)?;
    Ok(Exit::Ok)
}

fn of_queue(name: &str, depth: Option<&Depth>, now: DateTime<Utc>) -> Shown {
    Shown {
        what: "queue",
        name: name.to_owned(),
        now: depth.map_or(0, |depth| depth.running),
        ready: Some(depth.map_or(0, |depth| depth.ready)),
        scheduled: Some(depth.map_or(0, |depth| depth.scheduled)),
        dead: Some(depth.map_or(0, |depth| depth.dead)),
        oldest_age_s: age(depth.and_then(|depth| depth.oldest_ready_at), now),
    }
}

fn age(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<i64> {
    since.map(|since| (now - since).num_seconds().max(0))
}

fn cells(shown: &Shown) -> Vec<String> {
    vec![
        shown.what.to_owned(),
        shown.name.clone(),
        shown.now.to_string(),
        or_dash(shown.ready.as_ref()),
        or_dash(shown.scheduled.as_ref()),
        or_dash(shown.dead.as_ref()),
        shown.oldest_age_s.map_or_else(|| "-".to_owned(), |age| format!("{age} s")),
    ]
}
