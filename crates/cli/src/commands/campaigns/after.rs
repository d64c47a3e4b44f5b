//! Before and after a campaign: what to know, what became of it, who did what, and whom it did not reach.

use std::collections::BTreeMap;

use anyhow::Result;
use postroad_app::{
    App,
    campaigns::{self, FollowUp, Noticed, Report},
};
use postroad_core::actor::Actor;
use postroad_store::campaigns::Event;
use serde::Serialize;

use super::{One, told};
use crate::{
    commands::PAGE,
    config::Config,
    exit::Exit,
    print::{Format, instant, note, out},
};

#[derive(Serialize)]
struct Found {
    finding: &'static str,
    severity: &'static str,
    detail: String,
}

/// Exit code 4 when something blocks.
pub async fn preflight(one: &One, format: &Format, app: &App, config: &Config) -> Result<Exit> {
    let tenant = one.whose.find(app, config).await?;
    let found = campaigns::preflight(app, tenant, one.id).await.map_err(told)?;
    let clear = found.is_clear();
    let of = |noticed: Noticed| Found {
        finding: noticed.finding.as_str(),
        severity: noticed.severity.as_str(),
        detail: noticed.detail,
    };
    let findings: Vec<Found> = found.noticed.into_iter().map(of).collect();
    format.list(&findings, &["severity", "finding", "what"], |found| {
        vec![found.severity.to_owned(), found.finding.to_owned(), found.detail.clone()]
    })?;
    note(&format!(
        "{} recipients; {}",
        found.recipients,
        if clear { "nothing blocks it" } else { "it cannot begin so" }
    ))?;
    Ok(if clear { Exit::Ok } else { Exit::Refused })
}

pub async fn report(one: &One, format: &Format, app: &App, config: &Config) -> Result<()> {
    let tenant = one.whose.find(app, config).await?;
    let report = campaigns::report(app, tenant, one.id).await.map_err(told)?;
    format.item(&report, lines)
}

fn lines(shown: &Report) -> Vec<(&'static str, String)> {
    let mut lines = vec![("recipients", shown.recipients.to_string()), ("queued", shown.queued.to_string())];
    lines.extend(by_reason("waiting", &shown.waiting));
    let counts =
        [("accepted", shown.accepted), ("sent", shown.sent), ("delivered", shown.delivered), ("read", shown.read)];
    lines.extend(counts.map(|(name, count)| (name, count.to_string())));
    lines.extend(by_reason("failed", &shown.failed));
    lines.extend(by_reason("refused", &shown.refused));
    let counts = [
        ("expired", shown.expired),
        ("cancelled", shown.cancelled),
        ("unknown", shown.unknown),
        ("replied", shown.replied),
        ("clicked", shown.clicked),
        ("opted out", shown.opted_out),
    ];
    lines.extend(counts.map(|(name, count)| (name, count.to_string())));
    lines
}

fn by_reason(name: &'static str, counts: &BTreeMap<String, i64>) -> Vec<(&'static str, String)> {
    let all: i64 = counts.values().sum();
    let parts = counts.iter().map(|(reason, count)| ("", format!("{count} {}", reason.replace('_', " "))));
    std::iter::once((name, all.to_string())).chain(parts).collect()
}

#[derive(Serialize)]
struct Line {
    at: String,
    actor: String,
    event: &'static str,
    detail: serde_json::Value,
}

pub async fn history(one: &One, format: &Format, app: &App, config: &Config) -> Result<()> {
    let tenant = one.whose.find(app, config).await?;
    let events = campaigns::history(app, tenant, one.id, None, PAGE).await.map_err(told)?;
    let line = |event: Event| Line {
        at: instant(event.at),
        actor: event.actor,
        event: event.event.as_str(),
        detail: event.detail,
    };
    let lines: Vec<Line> = events.into_iter().map(line).collect();
    format.list(&lines, &["at", "who", "what", "detail"], |line| {
        let detail = if line.detail == serde_json::json!({}) { String::new() } else { line.detail.to_string() };
        vec![line.at.clone(), line.actor.clone(), line.event.to_owned(), detail]
    })
}

#[derive(clap::Args)]
pub struct Followed {
    #[command(flatten)]
    one: One,
    /// Which recipients
    #[arg(long, value_enum)]
    whom: Whom,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Whom {
    /// For sure without delivery, for whatever reason
    NotReached,
    /// Of those, the ones whose reason may be over
    Retryable,
    /// Nobody knows: some of them will get it twice
    Unknown,
}

pub async fn follow_up(args: Followed, app: &App, config: &Config) -> Result<()> {
    let tenant = args.one.whose.find(app, config).await?;
    let outcome = match args.whom {
        Whom::NotReached => FollowUp::NotReached,
        Whom::Retryable => FollowUp::Retryable,
        Whom::Unknown => FollowUp::Unknown,
    };
    let (draft, people) =
        campaigns::follow_up(app, Actor::Operator, tenant, args.one.id, outcome).await.map_err(told)?;
    note(&format!("a draft for {people} people"))?;
    out(&format!("{draft}\n"))
}
