//! `cargo xtask tidy`: every rule, every finding, at once.

use std::process::ExitCode;

use anyhow::Result;

use super::RULES;
use super::tree::Tree;
use crate::project::Project;

pub fn run(project: &Project) -> Result<ExitCode> {
    let tree = Tree::read(project)?;
    let mut found = 0;
    for rule in RULES {
        let mut findings = (rule.check)(&tree);
        findings.sort();
        found += findings.len();
        for finding in findings {
            eprintln!("{}: {finding}", rule.name);
        }
    }
    eprintln!("tidy: {} rules over {} files, {found} findings", RULES.len(), tree.files.len());
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
