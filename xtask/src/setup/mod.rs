//! `cargo xtask setup`: what Postroad needs on a machine, checked, and installed where that is our place.
//!
//! Only package managers install: Debian's as root, and cargo for its own tools. Anywhere else the exact commands are
//! printed. No program is ever downloaded from a place of its own.
//!
//! To add a need: its line in [`needs::NEEDS`].

mod install;
mod needs;
pub mod web;

use anyhow::{Result, bail};

use crate::project::Project;
pub use needs::Group;
use needs::Need;

#[derive(clap::Args)]
pub struct Args {
    /// Also what the tests need
    #[arg(long)]
    tests: bool,
    /// Also what `cargo xtask check` needs
    #[arg(long)]
    checks: bool,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    let mut groups = vec![Group::Servers, Group::Web];
    groups.extend(args.tests.then_some(Group::Tests));
    groups.extend(args.checks.then_some(Group::Checks));
    ensure(project, &groups)
}

/// Returns when everything is there; otherwise fails after it said how to get what is missing.
pub fn ensure(project: &Project, groups: &[Group]) -> Result<()> {
    let missing = needs::missing(project, groups);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("missing: {}", names(&missing));
    install::debian(project, &missing)?;
    install::cargo(project, &missing)?;
    let still: Vec<Need> = needs::missing(project, groups);
    let Some(required) = still.iter().find(|need| need.required) else {
        return Ok(());
    };
    install::tell(&still);
    bail!("{} is needed", required.name)
}

fn names(needs: &[Need]) -> String {
    needs.iter().map(|need| need.name).collect::<Vec<_>>().join(", ")
}
