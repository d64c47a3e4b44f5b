//! `cargo xtask test`: every suite, one line of counts at the end.
//!
//! Counts come from JUnit files where a runner writes one, and from the summary lines of cargo's own runner elsewhere.
//! A suite that ends badly without a failed test (it did not compile, say) counts as one failure.
//!
//! To add a suite: a function that returns its [`Tally`], and its line in [`suites`].

mod cargo_line;
pub mod database;
mod junit;
pub mod rust;
mod tally;
mod web;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::project::Project;
use crate::setup::{self, Group};
use tally::Tally;

#[derive(clap::Args)]
pub struct Args {
    /// Only Rust tests whose name contains this; the other suites are left out
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
}

pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    setup::ensure(project, &[Group::Servers, Group::Web, Group::Tests])?;
    // Interrupted, the runners end and this goes on: it still stops the database and tells the counts.
    ctrlc::set_handler(|| eprintln!("interrupted; stopping")).context("cannot listen for interrupts")?;
    let database = database::given_or_private()?;
    let tally = suites(project, args, database.url())?;
    drop(database);
    println!("{tally}");
    Ok(tally.exit_code())
}

fn suites(project: &Project, args: &Args, database: &str) -> Result<Tally> {
    let built = rust::build(project)?;
    if built.failed > 0 {
        return Ok(built);
    }
    let tests = rust::tests(project, args.filter.as_deref(), database)?;
    if args.filter.is_some() {
        return Ok(tests);
    }
    Ok(tests + rust::doc_tests(project)? + web::suites(project)?)
}
