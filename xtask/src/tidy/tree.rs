//! What the rules look at: every file git knows or would add, and every package of the workspace.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::DependencyKind;

use super::tokens::{self, Token};
use crate::project::Project;

/// Larger files are data, not text that someone wrote.
const FILE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Default)]
pub struct Tree {
    /// By path from the root, with `/`.
    pub files: BTreeMap<String, File>,
    pub packages: Vec<Package>,
}

pub struct File {
    pub path: String,
    pub text: String,
    /// Empty unless the file is Rust.
    pub tokens: Vec<Token>,
}

/// A package of this workspace and what its manifest names.
pub struct Package {
    pub name: String,
    pub manifest: String,
    pub dependencies: Vec<Dependency>,
}

pub struct Dependency {
    pub name: String,
    pub optional: bool,
    /// Named under `[dev-dependencies]`.
    pub for_tests: bool,
}

impl Tree {
    pub fn read(project: &Project) -> Result<Self> {
        let listed = project.command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).read()?;
        let mut files = BTreeMap::new();
        for path in listed.lines() {
            if let Some(text) = text_of(&project.path(path)) {
                files.insert(path.to_owned(), File::new(path, text).with_context(|| path.to_owned())?);
            }
        }
        Ok(Self { files, packages: packages(project)? })
    }

    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.values().filter(|file| file.is_rust())
    }

    /// Whether anything lies under this folder.
    pub fn has_folder(&self, folder: &str) -> bool {
        let start = format!("{}/", folder.trim_end_matches('/'));
        self.files.range(start.clone()..).next().is_some_and(|(path, _)| path.starts_with(&start))
    }

    pub fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }
}

impl File {
    pub fn new(path: &str, text: String) -> Result<Self> {
        let tokens = if is_rust(path) { tokens::read(&text)? } else { Vec::new() };
        Ok(Self { path: path.to_owned(), text, tokens })
    }

    pub fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// Whether the file as a whole is test code.
    pub fn is_test(&self) -> bool {
        ["/tests/", "/benches/"].iter().any(|folder| self.path.contains(folder)) || self.path.ends_with("/tests.rs")
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Whether a program wrote it, as its first lines say.
    pub fn is_generated(&self) -> bool {
        self.text.lines().take(5).any(|line| line.contains(concat!("@", "generated")))
    }

    /// `crates/core`, `xtask`, `web`: the room the file lies in.
    pub fn room(&self) -> &str {
        let depth = if self.path.starts_with("crates/") { 2 } else { 1 };
        self.path.match_indices('/').nth(depth - 1).map_or("", |(end, _)| &self.path[..end])
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "rs")
}

/// None for a file that is gone, large, or not text.
fn text_of(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    if bytes.len() > FILE_BYTES_MAX || bytes.contains(&0) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

fn packages(project: &Project) -> Result<Vec<Package>> {
    let metadata = project.metadata()?;
    let packages = metadata.workspace_packages().into_iter().map(|package| Package {
        name: package.name.to_string(),
        manifest: relative(project.root(), package.manifest_path.as_std_path()),
        dependencies: package.dependencies.iter().map(dependency).collect(),
    });
    Ok(packages.collect())
}

fn dependency(dependency: &cargo_metadata::Dependency) -> Dependency {
    Dependency {
        name: dependency.name.clone(),
        optional: dependency.optional,
        for_tests: dependency.kind == DependencyKind::Development,
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
impl Tree {
    /// A tree of these files, without packages.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| (path.to_string(), File::new(path, text.to_string()).unwrap());
        Self { files: files.iter().map(file).collect(), packages: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_in_its_crate_or_its_top_folder() {
        let room = |path| File::new(path, String::new()).unwrap().room().to_owned();
        let seen = ["crates/core/src/gates/consent.rs", "xtask/src/main.rs", "README.md"].map(room);
        assert_eq!(seen, ["crates/core", "xtask", ""]);
    }

    #[test]
    fn a_folder_is_there_when_a_file_lies_in_it() {
        let tree = Tree::of(&[("docs/providers/twilio.md", ""), ("docs-old/a.md", "")]);
        assert!(tree.has_folder("docs/providers"));
        assert!(tree.has_folder("docs/"));
        assert!(!tree.has_folder("doc"));
    }
}
