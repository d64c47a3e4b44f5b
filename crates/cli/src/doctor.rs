//! What is wrong with an installation, with the evidence and what to do about it.
//!
//! Every check looks at something real, and says what it saw even when all is well. To add one: a function that returns a
//! [`Check`], and its line in the list of its file.

mod database;
mod doors;
mod machine;
mod media;
mod people;
mod redis;
mod secrets;
mod sending;
mod upkeep;

use std::fmt::Write;

use anyhow::Result;
use postroad_app::{App, nudge::Nudges};
use serde::Serialize;

use crate::{
    config::{Config, Sources},
    exit::Exit,
    print::{json_line, out},
    start::{self, Schema},
};

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// It could not be looked at, because something before it is wrong.
    Skipped,
    /// Works, and should not stay so.
    Warning,
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `<noun>.<what>`: never reused for something else.
    pub id: &'static str,
    pub verdict: Verdict,
    pub evidence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(id: &'static str, evidence: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Ok, evidence: evidence.into(), fix: None }
    }

    pub fn warning(id: &'static str, evidence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Warning, evidence: evidence.into(), fix: Some(fix.into()) }
    }

    pub fn error(id: &'static str, evidence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Error, evidence: evidence.into(), fix: Some(fix.into()) }
    }

    pub fn skipped(id: &'static str, why: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Skipped, evidence: why.into(), fix: None }
    }
}

#[derive(clap::Args)]
pub struct Args {
    /// One JSON object per check
    #[arg(long)]
    json: bool,
}

/// Checks everything. Exit code 7 when anything is an error.
pub async fn run(args: &Args, config: &Config, sources: &Sources) -> Result<Exit> {
    let mut checks = machine::checks(config, sources).await;
    checks.extend(doors::checks(config));
    checks.extend(redis::checks(config).await);
    checks.push(media::check(config).await);
    checks.extend(installation(config).await);
    if args.json {
        checks.iter().try_for_each(json_line)?;
    } else {
        out(&words(&checks))?;
    }
    let is_sick = checks.iter().any(|check| check.verdict == Verdict::Error);
    Ok(if is_sick { Exit::Unhealthy } else { Exit::Ok })
}

/// The database, and what only can be seen through it.
async fn installation(config: &Config) -> Vec<Check> {
    let (mut checks, usable) = database::reachable(config).await;
    if !usable {
        checks.push(Check::skipped("installation", "the database cannot be used"));
        return checks;
    }
    match start::start(config, Schema::Expect, Nudges::none()).await {
        Err(error) => {
            let fix = "see the sentence; docs/configure.md tells of each setting";
            checks.push(Check::error("installation", format!("{error:#}"), fix));
            checks.extend(secrets::lost(config).await);
        }
        Ok(started) => {
            checks.push(Check::ok("installation", "it opens: roles, clock and master keys are right"));
            checks.extend(seen(&started.app).await);
            if let Err(error) = started.stop().await {
                checks.push(Check::warning("database.stop", format!("{error:#}"), "look into the server's log"));
            }
        }
    }
    checks
}

async fn seen(app: &App) -> Vec<Check> {
    let mut checks = vec![database::clock(app), secrets::check(app).await];
    match postroad_app::examine::examine(app).await {
        Err(error) => checks.push(Check::error("database.look", error.to_string(), "look into the server's log")),
        Ok(examined) => {
            checks.extend(database::checks(&examined));
            checks.extend(upkeep::checks(&examined));
            checks.extend(sending::switches(&examined));
            checks.extend(people::checks(&examined));
        }
    }
    match postroad_app::schedule::census(app).await {
        Err(error) => checks.push(Check::error("queue.look", error.to_string(), "look into the server's log")),
        Ok(census) => checks.extend(sending::backlogs(&census, app.clock.now())),
    }
    checks
}

fn words(checks: &[Check]) -> String {
    let mut text = String::new();
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Skipped => "skipped",
            Verdict::Warning => "WARNING",
            Verdict::Error => "ERROR",
        };
        let _ = writeln!(text, "{verdict:7}  {:width$}  {}", check.id, check.evidence);
        if let Some(fix) = &check.fix {
            let _ = writeln!(text, "{:7}  {:width$}  → {fix}", "", "");
        }
    }
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let _ = writeln!(
        text,
        "\n{} checks, {} warnings, {} errors",
        checks.len(),
        count(Verdict::Warning),
        count(Verdict::Error)
    );
    text
}

/// An installation of which every check says that it is well.
#[cfg(test)]
fn sound() -> postroad_app::examine::Examined {
    use postroad_app::examine::{Alive, Examined, RoleRights, Server, Standing, Upkeep};
    let role = |name: &str| RoleRights { name: name.to_owned(), is_mighty: false, is_owner: false };
    Examined {
        server: Server {
            version: 150_013,
            version_text: "15.13".into(),
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".into(),
            connections_max: 100,
            frozen_age: 1_000,
        },
        upkeep: Upkeep {
            autovacuum: true,
            encoding: "UTF8".into(),
            connections: 10,
            encrypted: false,
            local: true,
            slots_idle: 0,
            slots_kept_mib: 0,
            archives: false,
            archive_fails: false,
        },
        roles: vec![role("postroad_app"), role("postroad_system")],
        unprotected: Vec::new(),
        alive: Alive { workers: 1, leader: true },
        accounts: Vec::new(),
        sending_paused: false,
        restore_hold: false,
        suspects: 0,
        standing: Standing {
            tenants: 1,
            tenants_paused: 0,
            people: 1,
            ownerless: 0,
            keys_ending: 0,
            keys_unused: 0,
            endpoints_off: 0,
            endpoints_failing: 0,
        },
    }
}

/// What the checks of the server say when one thing is not as it should be.
#[cfg(test)]
fn verdict(id: &str, change: impl FnOnce(&mut postroad_app::examine::Examined)) -> Verdict {
    let mut examined = sound();
    change(&mut examined);
    let checks = [database::checks(&examined), upkeep::checks(&examined)].concat();
    checks.iter().find(|check| check.id == id).expect("the check exists").verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_stands_under_what_is_wrong() {
        let checks = [
            Check::ok("database.version", "PostgreSQL 15.13"),
            Check::error("database.durable", "fsync is off", "switch it on"),
        ];
        assert_eq!(
            words(&checks),
            "ok       database.version  PostgreSQL 15.13\n\
             ERROR    database.durable  fsync is off\n\
             \x20                          → switch it on\n\n\
             2 checks, 0 warnings, 1 errors\n"
        );
    }
}
