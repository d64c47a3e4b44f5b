//! `cargo xtask prepare`: the descriptions of checked queries in .sqlx, made anew against the newest schema.
//!
//! The macros of sqlx write one file for each query while crates/store compiles with a live database and
//! `SQLX_OFFLINE_DIR` set. They write into an empty folder, so that descriptions of queries that are gone go too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::project::Project;
use crate::setup::{self, Group};
use crate::test::database::PrivateServer;

const COMMITTED: &str = ".sqlx";
const DATABASE: &str = "postroad_build";
/// `database-url-var` of crates/store/sqlx.toml.
const BUILD_URL: &str = "POSTROAD_BUILD_DATABASE_URL";

#[derive(clap::Args)]
pub struct Args {
    /// Only compare with the folder
    #[arg(long)]
    check: bool,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    let fresh = described(project)?;
    if args.check { compare(project, &fresh) } else { replace(project, &fresh) }
}

pub fn check(project: &Project) -> Result<()> {
    compare(project, &described(project)?)
}

/// File name and text of each description.
type Descriptions = BTreeMap<OsString, String>;

fn described(project: &Project) -> Result<Descriptions> {
    setup::ensure(project, &[Group::Servers])?;
    let server = PrivateServer::start()?;
    migrate(project, &server)?;
    let folder = empty_folder(project)?;
    expand(project, &server.url(DATABASE), &folder)?;
    read(&folder)
}

/// In a program of its own: the schema's crate holds no checked queries, so it builds when they are stale.
fn migrate(project: &Project, server: &PrivateServer) -> Result<()> {
    let prepare =
        project.cargo().args(["run", "--quiet", "--package", "postroad-schema", "--example", "prepare_db", "--"]);
    process::run(prepare.arg(server.url("postgres")).arg(DATABASE).secret())
}

fn empty_folder(project: &Project) -> Result<PathBuf> {
    let folder = project.target_dir()?.join("xtask").join("sqlx");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Nothing tells cargo that the database changed, so the crate is touched to make it compile.
fn expand(project: &Project, url: &str, folder: &Path) -> Result<()> {
    process::run(project.command("touch").arg("crates/store/src/lib.rs"))?;
    let check = project.cargo().args(["check", "--package", "postroad-store", "--all-targets"]);
    process::run(check.env("SQLX_OFFLINE", "false").env(BUILD_URL, url).env("SQLX_OFFLINE_DIR", folder))
}

fn read(folder: &Path) -> Result<Descriptions> {
    let mut descriptions = Descriptions::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        descriptions.insert(entry.file_name(), fs::read_to_string(entry.path())?);
    }
    Ok(descriptions)
}

fn committed(project: &Project) -> Result<Descriptions> {
    let folder = project.path(COMMITTED);
    if folder.exists() {
        read(&folder).with_context(|| format!("{COMMITTED} is not readable"))
    } else {
        Ok(BTreeMap::new())
    }
}

fn replace(project: &Project, fresh: &Descriptions) -> Result<()> {
    let folder = project.path(COMMITTED);
    fs::create_dir_all(&folder)?;
    let difference = Difference::between(&committed(project)?, fresh);
    for name in &difference.stale {
        fs::remove_file(folder.join(name))?;
    }
    for name in &difference.written {
        fs::write(folder.join(name), &fresh[name])?;
    }
    eprintln!("{COMMITTED}: {} queries, {difference}", fresh.len());
    Ok(())
}

fn compare(project: &Project, fresh: &Descriptions) -> Result<()> {
    let difference = Difference::between(&committed(project)?, fresh);
    if !difference.is_empty() {
        bail!("{COMMITTED} is out of date ({difference}); run `cargo xtask prepare`");
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Difference {
    /// New or changed.
    written: Vec<OsString>,
    /// Of queries that are gone.
    stale: Vec<OsString>,
}

impl Difference {
    fn between(committed: &Descriptions, fresh: &Descriptions) -> Self {
        let written =
            fresh.iter().filter(|(name, text)| committed.get(*name) != Some(text)).map(|(name, _)| name.clone());
        let stale = committed.keys().filter(|name| !fresh.contains_key(*name)).cloned();
        Self { written: written.collect(), stale: stale.collect() }
    }

    fn is_empty(&self) -> bool {
        self.written.is_empty() && self.stale.is_empty()
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} new or changed, {} stale", self.written.len(), self.stale.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptions(files: &[(&str, &str)]) -> Descriptions {
        files.iter().map(|(name, text)| (OsString::from(name), (*text).to_owned())).collect()
    }

    #[test]
    fn new_changed_and_stale_descriptions_are_told_apart() {
        let committed = descriptions(&[("same", "1"), ("changed", "1"), ("gone", "1")]);
        let fresh = descriptions(&[("same", "1"), ("changed", "2"), ("new", "1")]);
        let difference = Difference::between(&committed, &fresh);
        assert_eq!(difference.to_string(), "2 new or changed, 1 stale");
        assert_eq!(difference.stale, ["gone"]);
        assert!(Difference::between(&committed, &committed).is_empty());
    }
}
