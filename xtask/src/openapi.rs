//! `cargo xtask openapi`: openapi.json as the handlers describe themselves.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::project::Project;

const PATH: &str = "openapi.json";

#[derive(clap::Args)]
pub struct Args {
    /// Only compare with the file
    #[arg(long)]
    check: bool,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    let described = described(project)?;
    if args.check { compare(project, &described) } else { write(project, &described) }
}

pub fn check(project: &Project) -> Result<()> {
    compare(project, &described(project)?)
}

fn described(project: &Project) -> Result<String> {
    let postroad = project.cargo().args(["run", "--package", "postroad-cli", "--bin", "postroad", "--", "openapi"]);
    let text = postroad.read().context("`postroad openapi` failed")?;
    Ok(text + "\n")
}

fn write(project: &Project, described: &str) -> Result<()> {
    fs::write(project.path(PATH), described)?;
    eprintln!("{PATH} is up to date");
    Ok(())
}

fn compare(project: &Project, described: &str) -> Result<()> {
    let committed = fs::read_to_string(project.path(PATH)).unwrap_or_default();
    match first_difference(&committed, described) {
        None => Ok(()),
        Some(line) => {
            bail!("{PATH} differs from the handlers at line {line}; run `cargo xtask openapi`")
        }
    }
}

/// From 1.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    let (mut one, mut other) = (one.lines(), other.lines());
    (1..).find_map(|number| match (one.next(), other.next()) {
        (None, None) => Some(None),
        (a, b) if a != b => Some(Some(number)),
        _ => None,
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        let cases =
            [("a\nb\n", "a\nb\n", None), ("a\nb\n", "a\nc\n", Some(2)), ("a\n", "a\nb\n", Some(2)), ("", "", None)];
        for (one, other, line) in cases {
            assert_eq!(first_difference(one, other), line, "{one:?} and {other:?}");
        }
    }
}
