//! `cargo xtask demo` and `up`: build, then hand over to the command of `postroad` that knows how.

use anyhow::Result;

use crate::process;
use crate::project::Project;
use crate::setup::{self, Group, web};

#[derive(clap::Args)]
pub struct Args {
    /// End after the summary
    #[arg(long)]
    once: bool,
    /// Make the last line of standard output the summary as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    let flags = [(args.once, "--once"), (args.json, "--json")];
    start(project, "demo", flags.into_iter().filter_map(|(asked, flag)| asked.then_some(flag)))
}

pub fn up(project: &Project) -> Result<()> {
    start(project, "up", std::iter::empty())
}

/// `cargo run` builds to standard error and then becomes the binary, so its standard output is the binary's alone.
fn start(project: &Project, command: &str, flags: impl Iterator<Item = &'static str>) -> Result<()> {
    setup::ensure(project, &[Group::Servers, Group::Web])?;
    web::build(project)?;
    let postroad = project.cargo().args(["run", "--release", "--package", "postroad-cli", "--bin", "postroad", "--"]);
    process::become_program(postroad.arg(command).args(flags)).map(|never| match never {})
}
