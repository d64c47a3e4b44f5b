//! Postroad's chores, as `cargo xtask <chore>`: set up, run, test, check, measure.
//!
//! Everything said goes to standard error; standard output carries data only, so that a chore can be
//! piped. No product logic lives here: `demo` and `up` build the binary and hand over to it.
//!
//! To add a chore: a module with a `run`, a variant of [`Chore`] and its arm in [`carry_out`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks on its standard streams")]
#![allow(unreachable_pub, reason = "a program has no outside: `pub` is to the crate")]

mod bench;
mod check;
mod demo;
mod environment;
mod fuzz;
mod licences;
mod measure;
mod openapi;
mod prepare;
mod process;
mod project;
mod sbom;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Postroad's chores", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check what Postroad needs, and install what is missing (as root on Debian)
    Setup(setup::Args),
    /// Start everything with sample data, run the main job and print its summary
    Demo(demo::Args),
    /// Start everything, without the sample job
    Up,
    /// Run every suite; ends with `N passed, N failed`
    Test(test::Args),
    /// Run what a pull request must pass besides the tests
    Check(check::Args),
    /// Check the invariants of ARCHITECTURE.md
    Tidy,
    /// Write the query descriptions in .sqlx
    Prepare(prepare::Args),
    /// Write openapi.json from the handlers
    Openapi(openapi::Args),
    /// Write THIRD_PARTY.md from the dependency graph
    Licences(licences::Args),
    /// Write the bill of materials (CycloneDX) into the target folder
    Sbom,
    /// Print the figures of the code: files, lines, longest file and function of each room
    Measure(measure::Args),
    /// Measure throughput and latency; arguments go to the bench binary
    Bench(bench::Args),
    /// Kill workers and databases while messages flow; arguments go to the chaos binary
    Chaos(bench::Args),
    /// Try the readers of what strangers send under libFuzzer; an input that fails is stored
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = Project::open().and_then(|project| carry_out(&project, cli.chore));
    ended.unwrap_or_else(|error| {
        eprintln!("failed: {error:#}");
        ExitCode::FAILURE
    })
}

fn carry_out(project: &Project, chore: Chore) -> Result<ExitCode> {
    let done = match chore {
        Chore::Test(args) => return test::run(project, &args),
        Chore::Check(args) => return check::run(project, &args),
        Chore::Tidy => return tidy::run(project),
        Chore::Setup(args) => setup::run(project, &args),
        Chore::Demo(args) => demo::run(project, &args),
        Chore::Up => demo::up(project),
        Chore::Prepare(args) => prepare::run(project, &args),
        Chore::Openapi(args) => openapi::run(project, &args),
        Chore::Licences(args) => licences::run(project, &args),
        Chore::Sbom => sbom::run(project),
        Chore::Measure(args) => measure::run(project, &args),
        Chore::Bench(args) => bench::bench(project, &args),
        Chore::Chaos(args) => bench::chaos(project, &args),
        Chore::Fuzz(args) => fuzz::run(project, &args),
    };
    done.map(|()| ExitCode::SUCCESS)
}
