//! The Rust suites: unit and integration tests with nextest, then the examples in documentation.

use anyhow::Result;
use xshell::Cmd;

use super::database::TEST_URL;
use super::tally::Tally;
use super::{cargo_line, junit};
use crate::process;
use crate::project::Project;

/// Profile of .config/nextest.toml that writes the JUnit file.
const PROFILE: &str = "xtask";
/// Where it is: nextest's own folder lies in the checkout, wherever cargo builds.
const REPORT: &str = "target/nextest/xtask/junit.xml";

/// Workers of the stories end themselves where a story wants it. One set for every run, so that nothing is built twice.
const FEATURES: [&str; 2] = ["--features", "postroad-cli/failpoints"];

/// Builds tests and programs in one go, so that stories find the programs, and both share one set of features.
/// One failure when something does not compile.
pub fn build(project: &Project) -> Result<Tally> {
    let end = process::status(offline(project).args(["build", "--workspace", "--tests", "--bins"]).args(FEATURES))?;
    Ok(Tally::default().with_end(end))
}

pub fn tests(project: &Project, filter: Option<&str>, database: &str) -> Result<Tally> {
    let runner = if has_nextest(project) { nextest } else { cargo_test };
    runner(project, filter, database)
}

pub fn doc_tests(project: &Project) -> Result<Tally> {
    count_lines(offline(project).args(["test", "--workspace", "--doc"]).args(FEATURES))
}

fn nextest(project: &Project, filter: Option<&str>, database: &str) -> Result<Tally> {
    let report = project.path(REPORT);
    junit::forget(&report)?;
    let run = offline(project).args(["nextest", "run", "--workspace", "--profile", PROFILE]).args(FEATURES);
    let end = process::status(run.args(filter).env(TEST_URL, database))?;
    Ok(junit::read(&report)?.with_end(end))
}

fn cargo_test(project: &Project, filter: Option<&str>, database: &str) -> Result<Tally> {
    eprintln!("cargo-nextest is missing: running `cargo test`, which is slower");
    let run =
        offline(project).args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]).args(FEATURES);
    count_lines(run.args(filter).env(TEST_URL, database))
}

fn count_lines(run: Cmd<'_>) -> Result<Tally> {
    let mut tally = Tally::default();
    let end = process::watch(run, |line| tally = tally + cargo_line::count(line))?;
    Ok(tally.with_end(end))
}

fn has_nextest(project: &Project) -> bool {
    project.cargo().args(["nextest", "--version"]).ignore_stdout().ignore_stderr().run().is_ok()
}

/// Queries are checked against .sqlx: a test run needs no database to compile.
pub fn offline(project: &Project) -> Cmd<'_> {
    project.cargo().env("SQLX_OFFLINE", "true")
}
