//! `cargo xtask check`: what a pull request must pass besides the tests. Every step runs, so all mistakes show at once.
//!
//! To add a step: its line in [`STEPS`].

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::project::Project;
use crate::setup::{self, Group};
use crate::{licences, openapi, prepare, process, tidy};

#[derive(clap::Args)]
pub struct Args {
    /// Only what needs no build of the whole: format, tidy, licences
    #[arg(long)]
    quick: bool,
}

struct Step {
    name: &'static str,
    is_quick: bool,
    run: fn(&Project) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", is_quick: true, run: format },
    Step { name: "tidy", is_quick: true, run: invariants },
    Step { name: "licences", is_quick: true, run: licences::check },
    Step { name: "clippy", is_quick: false, run: clippy },
    Step { name: "deny", is_quick: false, run: deny },
    Step { name: "openapi", is_quick: false, run: openapi::check },
    Step { name: "sqlx", is_quick: false, run: prepare::check },
];

pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    if !args.quick {
        setup::ensure(project, &[Group::Servers, Group::Checks])?;
    }
    let steps = STEPS.iter().filter(|step| step.is_quick || !args.quick);
    let failed: Vec<&str> = steps.filter(|step| !passes(project, step)).map(|step| step.name).collect();
    if failed.is_empty() {
        eprintln!("check: all clean");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("check: failed in {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn passes(project: &Project, step: &Step) -> bool {
    eprintln!("== {}", step.name);
    let outcome = (step.run)(project);
    if let Err(error) = &outcome {
        eprintln!("{}: {error:#}", step.name);
    }
    outcome.is_ok()
}

fn format(project: &Project) -> Result<()> {
    process::run(project.cargo().args(["fmt", "--all", "--check"]))
}

fn invariants(project: &Project) -> Result<()> {
    if tidy::run(project)? != ExitCode::SUCCESS {
        bail!("some invariants do not hold");
    }
    Ok(())
}

fn clippy(project: &Project) -> Result<()> {
    let clippy = project.cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    process::run(clippy.env("SQLX_OFFLINE", "true"))
}

/// Licences, sources and doubles need no network. Advisories do, and are left out where their database cannot be had.
fn deny(project: &Project) -> Result<()> {
    if process::find("cargo-deny", &[]).is_none() {
        eprintln!("cargo-deny is not installed: dependencies were not checked");
        return Ok(());
    }
    process::run(project.cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    if !process::status(project.cargo().args(["deny", "fetch", "db"]))?.success() {
        eprintln!("the advisory database cannot be fetched: known vulnerabilities were not checked");
        return Ok(());
    }
    process::run(project.cargo().args(["deny", "--offline", "check", "advisories"]))
}
