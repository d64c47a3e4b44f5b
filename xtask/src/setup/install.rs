//! Getting what is missing, or saying how to.

use std::path::Path;

use anyhow::Result;

use super::needs::{Need, Source};
use crate::process;
use crate::project::Project;

/// Installs Debian's packages where that is our place: as root on Debian or a relative of it.
pub fn debian(project: &Project, missing: &[Need]) -> Result<()> {
    let packages = packages(missing);
    if packages.is_empty() || !Path::new("/etc/debian_version").exists() || !is_root(project) {
        return Ok(());
    }
    let apt = || project.command("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    process::run(apt().args(["update", "--quiet"]))?;
    process::run(apt().args(["install", "--quiet", "--yes", "--no-install-recommends"]).args(packages))
}

/// Cargo's own tools; one that does not build is done without.
pub fn cargo(project: &Project, missing: &[Need]) -> Result<()> {
    for name in crates(missing) {
        let end = process::status(project.cargo().args(["install", "--locked", name]))?;
        if !end.success() {
            eprintln!("{name} could not be installed; going on without it");
        }
    }
    Ok(())
}

/// The exact commands that a person runs.
pub fn tell(missing: &[Need]) {
    eprintln!("\nTo get what is missing:");
    for command in commands(missing) {
        eprintln!("  {command}");
    }
}

fn commands(missing: &[Need]) -> Vec<String> {
    let packages = packages(missing);
    let debian = (!packages.is_empty()).then(|| {
        let packages = packages.join(" ");
        format!("sudo apt-get install {packages}   (Debian, Ubuntu; elsewhere the packages of the same purpose)")
    });
    let crates = crates(missing).into_iter().map(|name| format!("cargo install --locked {name}"));
    let said = missing.iter().filter_map(|need| match need.from {
        Source::Person(advice) => Some(advice.to_owned()),
        Source::Debian(_) | Source::Cargo(_) => None,
    });
    debian.into_iter().chain(crates).chain(said).collect()
}

fn packages(missing: &[Need]) -> Vec<&'static str> {
    let package = |need: &Need| match need.from {
        Source::Debian(package) => Some(package),
        Source::Cargo(_) | Source::Person(_) => None,
    };
    missing.iter().filter_map(package).collect()
}

fn crates(missing: &[Need]) -> Vec<&'static str> {
    let name = |need: &Need| match need.from {
        Source::Cargo(name) => Some(name),
        Source::Debian(_) | Source::Person(_) => None,
    };
    missing.iter().filter_map(name).collect()
}

fn is_root(project: &Project) -> bool {
    project.command("id").arg("-u").read().is_ok_and(|id| id == "0")
}
