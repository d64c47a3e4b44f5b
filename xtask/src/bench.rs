//! `cargo xtask bench` and `chaos`: build everything as it is released, then become the program in crates/e2e.

use std::ffi::OsString;

use anyhow::Result;

use crate::process;
use crate::project::Project;
use crate::setup::{self, Group};

#[derive(clap::Args)]
pub struct Args {
    /// Passed on: `--json`, and for chaos `--minutes N`, `--seed S`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    rest: Vec<OsString>,
}

pub fn bench(project: &Project, args: &Args) -> Result<()> {
    start(project, "bench", &[], args)
}

pub fn chaos(project: &Project, args: &Args) -> Result<()> {
    start(project, "chaos", &["--features", "postroad-cli/failpoints"], args)
}

/// Both run the product's own binary beside them, so it is built too, in the same step. For chaos it can end itself at
/// named points.
fn start(project: &Project, program: &str, features: &[&str], args: &Args) -> Result<()> {
    setup::ensure(project, &[Group::Servers])?;
    let packages = ["--package", "postroad-cli", "--package", "postroad-e2e"];
    process::run(project.cargo().args(["build", "--release", "--bins"]).args(packages).args(features))?;
    let program = project.target_dir()?.join("release").join(program);
    process::become_program(project.command(program).args(&args.rest)).map(|never| match never {})
}
