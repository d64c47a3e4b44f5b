//! Files of the repository.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Where the repository begins.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Files below a folder of the repository with one of these endings, sorted. None when there is no such folder.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(&root().join(folder), endings, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, endings, found)?;
        } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            found.push(path);
        }
    }
    Ok(())
}

/// Rust sources below a folder, with their text.
pub(crate) fn sources(folder: &str) -> Result<Vec<(PathBuf, String)>> {
    files(folder, &["rs"])?.into_iter().map(|path| Ok((path.clone(), read(&path)?))).collect()
}

/// Names of all functions of crates and chores, tests among them.
pub(crate) fn functions() -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for folder in ["crates", "xtask"] {
        for (_, text) in sources(folder)? {
            found.extend(text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next()).map(str::to_owned));
        }
    }
    Ok(found)
}
