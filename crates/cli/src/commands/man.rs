//! `postroad man`: manual pages, one per command.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{exit::Exit, print::out};

#[derive(clap::Args)]
pub struct Args {
    /// Folder for the pages of all commands [default: the first page, on standard output]
    folder: Option<PathBuf>,
}

pub fn run(args: &Args, command: clap::Command) -> Result<Exit> {
    if let Some(folder) = &args.folder {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        clap_mangen::generate_to(command, folder)?;
        return Ok(Exit::Ok);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    out(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Ok)
}
