//! `postroad completions`: for the shell that asks.

use anyhow::Result;
use clap_complete::Shell;

use crate::{exit::Exit, print::out};

#[derive(clap::Args)]
pub struct Args {
    shell: Shell,
}

pub fn run(args: &Args, mut command: clap::Command) -> Result<Exit> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    out(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
