//! `postroad config`: what is set, and where it came from.

use anyhow::Result;

use crate::{
    config::Shown,
    exit::Exit,
    print::{Format, or_dash},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show every setting; secrets are masked
    #[command(before_help = "\
Examples:
  postroad config show --origin
  postroad config show --json | jq 'select(.name == \"POSTROAD_LISTEN\")'")]
    Show {
        /// Tell where each value came from: flag, environment, file or default
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        format: Format,
    },
}

pub fn run(command: &Command, shown: &[Shown]) -> Result<Exit> {
    let Command::Show { origin, format } = command;
    let titles: &[&str] = if *origin { &["setting", "value", "origin"] } else { &["setting", "value"] };
    let cells = |one: &Shown| {
        let cells = [one.name.to_owned(), or_dash(one.value.as_ref()), one.origin.to_string()];
        cells[..titles.len()].to_vec()
    };
    format.list(shown, titles, cells)?;
    Ok(Exit::Ok)
}
