//! `postroad segments`: filters with a name, and whom they mean now.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};
use postroad_app::{
    App,
    audiences::{self, Asked, AudienceError, Preview, Whom},
    segments::{self, Segment, SegmentError},
};
use postroad_core::{
    account::Channel,
    consent::Purpose,
    ids::{SegmentId, TenantId},
    segment::{Filter, Standing},
};
use serde::Serialize;

use super::{PAGE, whose::Whose};
use crate::{
    config::Config,
    exit::{Exit, not_found, usage},
    print::{Format, instant},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// List segments, oldest first
    #[command(before_help = "Examples:\n  postroad segments list --json")]
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
    /// Count whom a filter means, and how many a message would reach
    #[command(before_help = "\
Examples:
  postroad segments preview seg_0198… --channel whatsapp
  postroad segments preview --filter filter.json --channel sms")]
    Preview(Ask),
}

#[derive(clap::Args)]
pub struct Ask {
    /// A segment
    #[arg(required_unless_present = "filter")]
    id: Option<SegmentId>,
    /// Instead of a segment: a file with a filter as JSON
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    filter: Option<std::path::PathBuf>,
    /// On which they would be written to
    #[arg(long)]
    channel: Channel,
    /// marketing or transactional
    #[arg(long, default_value = "marketing")]
    purpose: Purpose,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Shown {
    id: SegmentId,
    name: String,
    filter: Filter,
    updated_at: String,
}

#[derive(Serialize)]
struct Counted {
    at: String,
    matched: i64,
    #[serde(flatten)]
    funnel: BTreeMap<Standing, i64>,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::List { whose, format } => {
            let shown: Vec<Shown> = all(app, whose.find(app, config).await?).await?.into_iter().map(shown).collect();
            format.list(&shown, &["name", "updated", "id", "filter"], cells)?;
        }
        Command::Preview(ask) => {
            let tenant = ask.whose.find(app, config).await?;
            let preview = audiences::preview(app, tenant, &asked(&ask)?).await.map_err(told)?;
            ask.format.item(&counted(&preview), lines)?;
        }
    }
    Ok(Exit::Ok)
}

fn asked(ask: &Ask) -> Result<Asked> {
    let whom = match (&ask.id, &ask.filter) {
        (Some(id), _) => Whom::Segment(*id),
        (None, Some(path)) => {
            let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let filter = serde_json::from_str(&text);
            Whom::Filter(filter.map_err(|error| usage(format!("{} is no filter: {error}", path.display())))?)
        }
        (None, None) => return Err(usage("name a segment, or a file with --filter")),
    };
    Ok(Asked { whom, channel: ask.channel, purpose: ask.purpose })
}

async fn all(app: &App, tenant: TenantId) -> Result<Vec<Segment>> {
    let mut all: Vec<Segment> = Vec::new();
    loop {
        let page = segments::list(app, tenant, all.last().map(|last| last.id), PAGE).await.map_err(kept)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn shown(segment: Segment) -> Shown {
    Shown { id: segment.id, name: segment.name, filter: segment.filter.0, updated_at: instant(segment.updated_at) }
}

/// Characters of a filter that a table shows.
const FILTER_CHARS: usize = 80;

fn cells(shown: &Shown) -> Vec<String> {
    let filter = serde_json::to_string(&shown.filter).unwrap_or_default();
    let short: String = filter.chars().take(FILTER_CHARS).collect();
    let filter = if short.len() < filter.len() { format!("{short}…") } else { filter };
    vec![shown.name.clone(), shown.updated_at.clone(), shown.id.to_string(), filter]
}

fn counted(preview: &Preview) -> Counted {
    Counted { at: instant(preview.at), matched: preview.matched, funnel: preview.funnel.clone() }
}

fn lines(counted: &Counted) -> Vec<(&'static str, String)> {
    let counts = counted.funnel.iter().map(|(standing, count)| (standing.as_str(), count.to_string()));
    [("at", counted.at.clone()), ("matched", counted.matched.to_string())].into_iter().chain(counts).collect()
}

fn told(error: AudienceError) -> anyhow::Error {
    match error {
        AudienceError::UnknownSegment(_) => not_found(error.to_string()),
        AudienceError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}

fn kept(error: SegmentError) -> anyhow::Error {
    match error {
        SegmentError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
