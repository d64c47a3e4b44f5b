//! Printing the figures, and writing the ratchet.

use anyhow::Result;

use super::{figures, ratchet};
use crate::project::Project;
use crate::tidy::tree::Tree;

#[derive(clap::Args)]
pub struct Args {
    /// Lower .config/measure.toml to these figures
    #[arg(long)]
    ratchet: bool,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    let tree = Tree::read(project)?;
    let figures = figures::of(&tree);
    println!("{:<18} {:>5} {:>6} {:>5}  {:<44} longest function", "room", "files", "lines", "tests", "longest file");
    for (room, figures) in &figures {
        let file = format!("{} {}", figures.longest_file.lines, within(room, &figures.longest_file.name));
        let function = format!("{} {}", figures.longest_function.lines, figures.longest_function.name);
        println!("{room:<18} {:>5} {:>6} {:>5}  {file:<44} {function}", figures.files, figures.lines, figures.tests);
    }
    if args.ratchet {
        write_ratchet(project, &figures)?;
    }
    Ok(())
}

fn within<'a>(room: &str, path: &'a str) -> &'a str {
    path.strip_prefix(room).map_or(path, |rest| rest.trim_start_matches('/'))
}

fn write_ratchet(project: &Project, figures: &std::collections::BTreeMap<&str, figures::Figures>) -> Result<()> {
    let path = project.path(ratchet::PATH);
    let recorded =
        if path.exists() { ratchet::parse(&std::fs::read_to_string(&path)?)? } else { ratchet::Recorded::new() };
    std::fs::write(path, ratchet::render(&ratchet::tighten(&recorded, figures)))?;
    eprintln!("{} holds the figures now", ratchet::PATH);
    Ok(())
}
