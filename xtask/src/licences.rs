//! `cargo xtask licences`: THIRD_PARTY.md, what others wrote that is in the binary or builds and tests it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};
use serde::Deserialize;

use crate::project::Project;

const PATH: &str = "THIRD_PARTY.md";
const BINARY: &str = "postroad-cli";
const HEAD: &str = "# Third-party licences\n\n\
    Written by `cargo xtask licences` from `Cargo.lock` for a Linux build; `cargo xtask check` compares it.\n\
    Which licences may come in is decided in `deny.toml`. The text of each is in its package.\n";

#[derive(clap::Args)]
pub struct Args {
    /// Only compare with the file
    #[arg(long)]
    check: bool,
}

pub fn run(project: &Project, args: &Args) -> Result<()> {
    if args.check {
        return check(project);
    }
    fs::write(project.path(PATH), page(project)?)?;
    eprintln!("{PATH} is up to date");
    Ok(())
}

pub fn check(project: &Project) -> Result<()> {
    let committed = fs::read_to_string(project.path(PATH)).unwrap_or_default();
    if committed != page(project)? {
        bail!("{PATH} is out of date; run `cargo xtask licences`");
    }
    Ok(())
}

/// Sorted by name, then version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    name: String,
    version: String,
    licence: String,
}

fn page(project: &Project) -> Result<String> {
    let (shipped, used) = crates(&project.resolved()?, &clarified(project)?)?;
    let web = web(project)?;
    let sections =
        [("In the binary", shipped), ("In the web UI, or building it", web), ("Only building and testing", used)];
    Ok(sections
        .iter()
        .filter(|(_, rows)| !rows.is_empty())
        .fold(HEAD.to_owned(), |page, (title, rows)| page + &section(title, rows)))
}

fn section(title: &str, rows: &BTreeSet<Row>) -> String {
    let mut text = format!("\n## {title}\n\n| package | version | licence |\n|---|---|---|\n");
    for row in rows {
        writeln!(text, "| {} | {} | {} |", row.name, row.version, row.licence).expect("a string takes every write");
    }
    text
}

/// The packages the binary is linked from, and all others.
fn crates(metadata: &Metadata, clarified: &Clarified) -> Result<(BTreeSet<Row>, BTreeSet<Row>)> {
    let graph = metadata.resolve.as_ref().context("cargo resolved no dependencies")?;
    let nodes: BTreeMap<&PackageId, &Node> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
    let binary =
        metadata.packages.iter().find(|package| *package.name == BINARY).context("the binary has no package")?;
    let linked = linked(&nodes, &binary.id);
    let foreign = metadata.packages.iter().filter(|package| package.source.is_some());
    let (shipped, used): (Vec<&Package>, Vec<&Package>) = foreign.partition(|package| linked.contains(&package.id));
    let rows = |packages: Vec<&Package>| packages.into_iter().map(|package| row(package, clarified)).collect();
    Ok((rows(shipped), rows(used)))
}

/// What is reached over ordinary dependencies. Macros run while building, but what they write is in the binary.
fn linked<'a>(nodes: &BTreeMap<&'a PackageId, &'a Node>, from: &'a PackageId) -> BTreeSet<&'a PackageId> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(id) = waiting.pop() {
        if reached.insert(id) {
            waiting.extend(nodes.get(id).into_iter().flat_map(|node| ordinary(node)));
        }
    }
    reached
}

fn ordinary(node: &Node) -> impl Iterator<Item = &PackageId> {
    let is_ordinary =
        |kinds: &[cargo_metadata::DepKindInfo]| kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
    node.deps.iter().filter(move |dependency| is_ordinary(&dependency.dep_kinds)).map(|dependency| &dependency.pkg)
}

fn row(package: &Package, clarified: &Clarified) -> Row {
    let written = package.license.as_ref().map(|licence| licence.replace('/', " OR "));
    let licence = written.or_else(|| clarified.get(package.name.as_str()).cloned());
    Row {
        name: package.name.to_string(),
        version: package.version.to_string(),
        licence: licence.unwrap_or_else(|| "not named".to_owned()),
    }
}

/// By crate: licences of manifests that name only a file, as deny.toml states them after reading it.
type Clarified = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Deny {
    licenses: Decided,
}

#[derive(Deserialize)]
struct Decided {
    clarify: Vec<Clarification>,
}

#[derive(Deserialize)]
struct Clarification {
    #[serde(rename = "crate")]
    name: String,
    expression: String,
}

fn clarified(project: &Project) -> Result<Clarified> {
    let deny: Deny =
        toml::from_str(&fs::read_to_string(project.path("deny.toml"))?).context("deny.toml is not readable")?;
    Ok(deny.licenses.clarify.into_iter().map(|clarification| (clarification.name, clarification.expression)).collect())
}

#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct Locked {
    version: Option<String>,
    license: Option<String>,
}

/// What web/package-lock.json names; nothing where there is no web UI.
fn web(project: &Project) -> Result<BTreeSet<Row>> {
    match fs::read_to_string(project.path("web/package-lock.json")) {
        Ok(text) => npm(&text).context("web/package-lock.json is not readable"),
        Err(_) => Ok(BTreeSet::new()),
    }
}

fn npm(lock: &str) -> Result<BTreeSet<Row>> {
    let lock: Lock = serde_json::from_str(lock)?;
    let rows = lock.packages.into_iter().filter_map(|(path, locked)| {
        let (_, name) = path.rsplit_once("node_modules/")?;
        let licence = locked.license.unwrap_or_else(|| "not named".to_owned());
        Some(Row { name: name.to_owned(), version: locked.version?, licence })
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_the_web_ui_are_listed_once_by_name() {
        let lock = r#"{ "packages": {
            "": { "name": "web", "version": "0.1.0" },
            "node_modules/react": { "version": "19.0.0", "license": "MIT" },
            "node_modules/a/node_modules/react": { "version": "19.0.0", "license": "MIT" },
            "node_modules/@scope/b": { "version": "1.0.0" }
        } }"#;
        let text = section("Web", &npm(lock).unwrap());
        assert!(
            text.ends_with("|---|---|---|\n| @scope/b | 1.0.0 | not named |\n| react | 19.0.0 | MIT |\n"),
            "{text}"
        );
    }
}
